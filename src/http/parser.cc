#include "http/parser.h"

#include <llhttp.h>

#include <algorithm>
#include <limits>
#include <new>

#include "base/ascii.h"
#include "base/must.h"

namespace millrace::http {
namespace {

constexpr int kBadRequest = 400;
constexpr int kHeadersTooLarge = 431;
constexpr std::uint32_t kChunkLineBytesMax = 4096;
constexpr std::uint32_t kSizeDigitsMax = 16;  // What 64 bits can need.
constexpr std::uint64_t kOffsetMax = std::numeric_limits<std::int32_t>::max();

std::uint64_t limit_or_most(std::uint64_t limit) {
  return limit == 0 ? kOffsetMax : std::min(limit, kOffsetMax);
}

}  // namespace

struct RequestParser::Machine {
  llhttp_t raw;

  static RequestParser& parser(llhttp_t* raw) { return *static_cast<RequestParser*>(raw->data); }
  // Where `at` lies in the head, and in a chunk-size line.
  static std::uint32_t offset(const RequestParser& parser, const char* at) {
    return static_cast<std::uint32_t>(parser.head_bytes_) + in_piece(parser, at);
  }
  static std::uint32_t in_piece(const RequestParser& parser, const char* at) {
    return static_cast<std::uint32_t>(at - parser.piece_);
  }

  // A name or a value comes in as many parts as the pieces cut it into.
  static int on_name(llhttp_t* raw, const char* at, std::size_t bytes) {
    RequestParser& p = parser(raw);
    if (p.phase_ != Phase::Fields) return HPE_OK;
    if (!p.field_open_) p.spans_.push_back({.name = offset(p, at)});
    p.field_open_ = true;
    p.spans_.back().name_end = offset(p, at + bytes);
    return HPE_OK;
  }
  // Counted at the colon, which comes once however the name was cut.
  static int on_name_complete(llhttp_t* raw) {
    RequestParser& p = parser(raw);
    if (++p.fields_seen_ <= p.fields_max_) return HPE_OK;
    p.refuse(kHeadersTooLarge, "too many header fields");
    return HPE_USER;
  }
  static int on_value(llhttp_t* raw, const char* at, std::size_t bytes) {
    RequestParser& p = parser(raw);
    if (p.phase_ != Phase::Fields) return HPE_OK;
    if (!p.value_open_) p.spans_.back().value = offset(p, at);
    p.value_open_ = true;
    p.spans_.back().value_end = offset(p, at + bytes);
    return HPE_OK;
  }
  static int on_field_complete(llhttp_t* raw) {
    parser(raw).field_open_ = parser(raw).value_open_ = false;
    return HPE_OK;
  }
  static int on_extension(llhttp_t* raw, const char* at, std::size_t) {
    RequestParser& p = parser(raw);
    if (p.size_digits_ == 0) p.size_digits_ = p.line_bytes_ + in_piece(p, at) - 1;  // Before ";".
    return HPE_OK;
  }
  static int on_body(llhttp_t* raw, const char* at, std::size_t bytes) {
    parser(raw).body_ = {at, bytes};
    return HPE_PAUSED;
  }
  static int pause(llhttp_t*) { return HPE_PAUSED; }

  static llhttp_settings_t make_settings() {
    llhttp_settings_t settings;
    llhttp_settings_init(&settings);
    settings.on_header_field = on_name;
    settings.on_header_field_complete = on_name_complete;
    settings.on_header_value = on_value;
    settings.on_header_value_complete = on_field_complete;
    settings.on_headers_complete = pause;
    settings.on_chunk_extension_name = on_extension;
    settings.on_chunk_header = pause;
    settings.on_body = on_body;
    settings.on_chunk_complete = pause;
    return settings;
  }
  // A parser that has read a request line and expects the first field line. All start as its
  // copies.
  static llhttp_t make_started() {
    static llhttp_settings_t settings = make_settings();
    constexpr std::string_view kLine = "GET / HTTP/1.1\r\n";
    llhttp_t started;
    llhttp_init(&started, HTTP_REQUEST, &settings);
    MUST(llhttp_execute(&started, kLine.data(), kLine.size()) == HPE_OK);
    return started;
  }
};

RequestParser::RequestParser() {
  static_assert(sizeof(Machine) <= sizeof(machine_) && alignof(Machine) <= 8);
  new (machine_) Machine;
  reset({});
}

RequestParser::Machine& RequestParser::machine() {
  return *std::launder(reinterpret_cast<Machine*>(machine_));
}

void RequestParser::start_machine() {
  static const llhttp_t started = Machine::make_started();
  machine().raw = started;
  machine().raw.data = this;
  field_open_ = value_open_ = false;
}

void RequestParser::reset(const ParserLimits& limits) {
  phase_ = Phase::Blank;
  fields_max_ = static_cast<std::uint32_t>(limit_or_most(limits.headers));
  fields_seen_ = 0;
  head_bytes_ = 0;
  head_bytes_max_ = limit_or_most(limits.header_bytes);
  line_.reset(limit_or_most(limits.uri));
  refusal_ = {};
  head_ = {};
  spans_.clear();
  fields_.clear();
  storage_.clear();
}

void RequestParser::refuse(int status, std::string_view reason) {
  refusal_ = {status, reason};
  phase_ = Phase::Refused;
}

Step RequestParser::next(std::string_view data) {
  switch (phase_) {
    case Phase::Blank:
    case Phase::BlankLine:
    case Phase::Line:
    case Phase::Fields:
      return read_head(data);
    case Phase::Length:
      return read_length(data);
    case Phase::ChunkLine:
    case Phase::ChunkData:
    case Phase::Trailers:
      return read_chunks(data);
    case Phase::Ended:
      return {Event::End};
    case Phase::Refused:
      break;
  }
  return {Event::Refused};
}

std::string_view RequestParser::within_limit(std::string_view data) const {
  return data.substr(0, head_bytes_max_ - head_bytes_);
}

Step RequestParser::read_head(std::string_view data) {
  const std::size_t skipped = skip_blank(data);
  const std::string_view piece = within_limit(data.substr(skipped));
  std::size_t used = phase_ == Phase::Line ? read_line(piece) : 0;
  head_bytes_ += used;
  paused_ = false;
  if (phase_ == Phase::Fields) {
    const std::size_t bytes = run_machine(piece.substr(used));
    head_bytes_ += bytes;
    used += bytes;
  }
  if (phase_ == Phase::Refused) return {Event::Refused, skipped + used};
  const bool in_pieces = !paused_ || !storage_.empty();
  if (in_pieces) storage_.append(piece.substr(0, used));
  if (paused_) return finish_head(in_pieces ? storage_ : piece.substr(0, used), skipped + used);
  if (skipped + used < data.size()) {
    refuse(kHeadersTooLarge, "request head too large");
    return {Event::Refused, skipped + used};
  }
  return {Event::NeedMore, data.size()};
}

// RFC 9112 2.2: a client may send one empty line too many after a body.
std::size_t RequestParser::skip_blank(std::string_view data) {
  std::size_t at = 0;
  if (phase_ == Phase::Blank && at < data.size()) {
    phase_ = data[at] == '\r' ? Phase::BlankLine : Phase::Line;
    if (phase_ == Phase::BlankLine) ++at;
  }
  if (phase_ == Phase::BlankLine && at < data.size()) {
    phase_ = Phase::Line;
    if (data[at++] != '\n') refuse(kBadRequest, "CR before the request line");
  }
  return at;
}

std::size_t RequestParser::read_line(std::string_view piece) {
  std::size_t used = 0;
  switch (line_.read(piece, used)) {
    case RequestLine::Result::NeedMore:
      break;
    case RequestLine::Result::Done:
      phase_ = Phase::Fields;
      start_machine();
      break;
    case RequestLine::Result::BadMethod:
      refuse(kBadRequest, "bad method");
      break;
    case RequestLine::Result::BadTarget:
      refuse(kBadRequest, "bad request target");
      break;
    case RequestLine::Result::BadVersion:
      refuse(kBadRequest, "bad version");
      break;
    case RequestLine::Result::TooLong:
      refuse(414, "request target too long");
      break;
    case RequestLine::Result::NotHttp1:
      refuse(505, "not HTTP/1.0 or HTTP/1.1");
      break;
  }
  return used;
}

// Lets llhttp read on, at most to where a callback stops it: `paused_`. Refuses where llhttp does.
std::size_t RequestParser::run_machine(std::string_view piece) {
  llhttp_t& raw = machine().raw;
  piece_ = piece.data();
  const llhttp_errno_t error = llhttp_execute(&raw, piece.data(), piece.size());
  paused_ = error == HPE_PAUSED;
  if (error == HPE_OK) return piece.size();
  if (paused_) {
    llhttp_resume(&raw);
    return static_cast<std::size_t>(llhttp_get_error_pos(&raw) - piece.data());
  }
  if (phase_ != Phase::Refused) refuse(kBadRequest, llhttp_get_error_reason(&raw));
  return piece.size();
}

Step RequestParser::finish_head(std::string_view head, std::size_t consumed) {
  const llhttp_t& raw = machine().raw;
  head_.method_text = line_.method(head);
  head_.method = method_of(head_.method_text);
  head_.target = line_.target(head);
  head_.minor_version = line_.minor_version();
  for (const Span& span : spans_) {
    fields_.push_back({head.substr(span.name, span.name_end - span.name),
                       base::trim(head.substr(span.value, span.value_end - span.value))});
  }
  head_.fields = fields_;
  head_.chunked = (raw.flags & F_CHUNKED) != 0;
  if ((raw.flags & F_CONTENT_LENGTH) != 0) head_.content_length = raw.content_length;

  refusal_ = complete_head(head_, scratch_);
  if (refusal_.status != 0) {
    phase_ = Phase::Refused;
    return {Event::Refused, consumed};
  }
  body_left_ = head_.content_length.value_or(0);
  line_bytes_ = size_digits_ = 0;
  phase_ = head_.chunked ? Phase::ChunkLine : body_left_ > 0 ? Phase::Length : Phase::Ended;
  return {Event::Head, consumed};
}

Step RequestParser::read_length(std::string_view data) {
  const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, data.size()));
  if (bytes == 0) return {Event::NeedMore};
  body_left_ -= bytes;
  if (body_left_ == 0) phase_ = Phase::Ended;
  return {Event::Body, bytes, data.substr(0, bytes)};
}

Step RequestParser::read_chunks(std::string_view data) {
  std::size_t used = 0;
  while (used < data.size()) {
    if (phase_ == Phase::ChunkLine) {
      used += read_chunk_line(data.substr(used));
    } else if (phase_ == Phase::ChunkData) {
      body_ = {};
      used += run_machine(data.substr(used));
      if (!body_.empty()) return {Event::Body, used, body_};
      // The machine pauses a second time when it has read the CRLF behind the chunk.
      if (paused_) phase_ = Phase::ChunkLine;
    } else {
      used += read_trailers(data.substr(used));
    }
    if (phase_ == Phase::Ended) return {Event::End, used};
    if (phase_ == Phase::Refused) return {Event::Refused, used};
  }
  return {Event::NeedMore, used};
}

std::size_t RequestParser::read_chunk_line(std::string_view data) {
  const std::string_view piece = data.substr(0, kChunkLineBytesMax - line_bytes_);
  const std::size_t used = run_machine(piece);
  if (phase_ == Phase::Refused) return used;
  line_bytes_ += static_cast<std::uint32_t>(used);
  if (!paused_) {
    if (used < data.size()) refuse(kBadRequest, "chunk-size line too long");
    return used;
  }
  constexpr std::uint32_t kLineEnd = 2;
  if (size_digits_ == 0) size_digits_ = line_bytes_ - kLineEnd;
  if (size_digits_ > kSizeDigitsMax) refuse(kBadRequest, "too many digits in a chunk size");
  if (phase_ == Phase::Refused) return used;
  phase_ = machine().raw.content_length > 0 ? Phase::ChunkData : Phase::Trailers;
  // A trailer section is read as a head without its line: what is in it is dropped, so it may also
  // name a length (RFC 9110 6.5.1), which llhttp would not have after a chunked body.
  if (phase_ == Phase::Trailers) start_machine();
  line_bytes_ = size_digits_ = 0;
  return used;
}

std::size_t RequestParser::read_trailers(std::string_view data) {
  const std::size_t used = run_machine(within_limit(data));
  head_bytes_ += used;
  if (phase_ == Phase::Refused) return used;
  if (paused_) {
    phase_ = Phase::Ended;
  } else if (used < data.size()) {
    refuse(kHeadersTooLarge, "trailers too large");
  }
  return used;
}

}  // namespace millrace::http
