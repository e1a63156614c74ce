#include "demo/conversation.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "fcgi/params.h"

namespace millrace::demo {
namespace {

using fcgi::Header;
using fcgi::RecordType;

// Bodies up to this size are copied behind their header, so that an answer is one piece.
constexpr std::size_t kCopyMax = 2048;

void put_header(buffer::Chain& out, RecordType type, std::uint16_t id, std::size_t length) {
  fcgi::encode_header(
      out.reserve(fcgi::kHeaderBytes),
      {.type = type, .id = id, .content_length = static_cast<std::uint16_t>(length)});
  out.commit(fcgi::kHeaderBytes);
}

}  // namespace

void Conversation::receive(std::string_view bytes, std::uint64_t now_ms) {
  if (pending_.empty()) {
    pending_.append(bytes.substr(parse(bytes, now_ms)));
  } else {
    pending_.append(bytes);
    pending_.erase(0, parse(pending_, now_ms));
  }
  advance(now_ms);
}

// Handles the whole records in `bytes` and returns their size.
std::size_t Conversation::parse(std::string_view bytes, std::uint64_t now_ms) {
  std::size_t at = 0;
  while (!broken_ && bytes.size() - at >= fcgi::kHeaderBytes) {
    const Header header = fcgi::decode_header(bytes.substr(at));
    broken_ = header.version != fcgi::kVersion;
    const std::size_t size = fcgi::kHeaderBytes + header.content_length + header.padding_length;
    if (broken_ || bytes.size() - at < size) break;
    on_record(header, bytes.substr(at + fcgi::kHeaderBytes, header.content_length), now_ms);
    at += size;
  }
  return at;
}

void Conversation::on_record(const Header& header, std::string_view content, std::uint64_t now_ms) {
  if (header.id == fcgi::kManagementId) return on_management(header, content);
  if (header.type == RecordType::BeginRequest) return on_begin(header.id, content);
  Request* const request = find(header.id);
  if (request == nullptr) return;  // FastCGI 1.0 3.3: records of inactive requests are ignored.
  if (header.type == RecordType::Params) {
    on_params(*request, content);
  } else if (header.type == RecordType::Stdin) {
    on_stdin(*request, content, now_ms);
  } else if (header.type == RecordType::AbortRequest) {
    on_abort(*request);
  }
}

void Conversation::on_management(const Header& header, std::string_view content) {
  if (header.type == RecordType::GetValues) return answer_values(content);
  std::array<char, 8> body{static_cast<char>(header.type)};
  put_header(output_, RecordType::UnknownType, fcgi::kManagementId, body.size());
  output_.append_copy({body.data(), body.size()});
}

void Conversation::answer_values(std::string_view asked) {
  std::string values;
  fcgi::PairReader reader(asked);
  fcgi::Pair pair;
  fcgi::PairReader::Event event = reader.next(pair);
  for (; event == fcgi::PairReader::Event::Pair; event = reader.next(pair)) {
    if (pair.name == fcgi::kMaxConns || pair.name == fcgi::kMaxReqs) {
      fcgi::append_pair(values, pair.name, std::to_string(kRequestsMax));
    } else if (pair.name == fcgi::kMpxsConns) {
      fcgi::append_pair(values, pair.name, "1");
    }
  }
  broken_ = event == fcgi::PairReader::Event::Bad || values.size() > fcgi::kContentMax;
  if (broken_) return;
  put_header(output_, RecordType::GetValuesResult, fcgi::kManagementId, values.size());
  output_.append_copy(values);
}

void Conversation::on_begin(std::uint16_t id, std::string_view content) {
  broken_ = content.size() != 8 || find(id) != nullptr;
  if (broken_) return;
  const bool keep_conn = (fcgi::byte_at(content, 2) & fcgi::kKeepConn) != 0;
  if (fcgi::get_u16(content, 0) != static_cast<std::uint16_t>(fcgi::Role::Responder)) {
    return end(id, fcgi::ProtocolStatus::UnknownRole, keep_conn);
  }
  if (active_ == kRequestsMax) return end(id, fcgi::ProtocolStatus::Overloaded, keep_conn);
  if (active_ == requests_.size()) requests_.emplace_back();
  Request& request = requests_[active_++];
  request.state = State::Params;
  request.keep_conn = keep_conn;
  request.id = id;
  request.stdin_bytes = 0;
  request.text_sent = 0;
  request.alphabet_sent = 0;
  request.params.clear();
}

void Conversation::on_params(Request& request, std::string_view content) {
  broken_ = request.state != State::Params || request.params.size() + content.size() > kParamsMax;
  if (content.empty()) request.state = State::Stdin;
  request.params += content;
}

void Conversation::on_stdin(Request& request, std::string_view content, std::uint64_t now_ms) {
  broken_ = request.state != State::Stdin;
  if (broken_) return;
  request.stdin_bytes += content.size();
  if (!content.empty()) return;
  broken_ = !application_.answer(request.params, request.stdin_bytes, request.answer);
  request.due_ms = now_ms + request.answer.delay_ms;
  request.state = request.answer.delay_ms > 0 ? State::Waiting : State::Writing;
}

void Conversation::on_abort(Request& request) {
  const bool keep_conn = request.keep_conn;
  const std::uint16_t id = request.id;
  remove(request);
  end(id, fcgi::ProtocolStatus::RequestComplete, keep_conn);
}

void Conversation::advance(std::uint64_t now_ms) {
  while (output_.size() < kOutputMax && write_round(now_ms)) {
  }
}

// A piece of each answer that may be written; false where there is none.
bool Conversation::write_round(std::uint64_t now_ms) {
  bool wrote = false;
  // From the back: write_piece() may put the last request in the place of one that ended.
  for (std::size_t i = active_; i-- > 0;) {
    Request& request = requests_[i];
    const bool due = request.state == State::Waiting && request.due_ms <= now_ms;
    if (due) request.state = State::Writing;
    if (request.state != State::Writing) continue;
    write_piece(request);
    wrote = true;
  }
  return wrote;
}

// One record's worth; after the last one, the request's end.
void Conversation::write_piece(Request& request) {
  const Answer& answer = request.answer;
  const std::string_view text =
      std::string_view(answer.text).substr(request.text_sent, answer.record_max);
  request.text_sent += text.size();
  std::size_t letters = 0;
  if (request.text_sent == answer.text.size()) {
    letters = static_cast<std::size_t>(std::min<std::uint64_t>(
        answer.record_max - text.size(), answer.alphabet_bytes - request.alphabet_sent));
  }
  const std::size_t size = text.size() + letters;
  if (size > 0) {
    put_header(output_, RecordType::Stdout, request.id, size);
    output_.append_copy(text);
    buffer::Slice body = application_.alphabet(request.alphabet_sent, letters);
    request.alphabet_sent += letters;
    if (letters <= kCopyMax) {
      output_.append_copy(body.text());
    } else {
      output_.append(std::move(body));
    }
  }
  if (request.text_sent < answer.text.size() || request.alphabet_sent < answer.alphabet_bytes) {
    return;
  }
  const bool keep_conn = request.keep_conn;
  const std::uint16_t id = request.id;
  remove(request);
  put_header(output_, RecordType::Stdout, id, 0);
  end(id, fcgi::ProtocolStatus::RequestComplete, keep_conn);
}

void Conversation::end(std::uint16_t id, fcgi::ProtocolStatus status, bool keep_conn) {
  std::array<char, fcgi::kEndRequestBytes> body{};
  body[4] = static_cast<char>(status);
  put_header(output_, RecordType::EndRequest, id, body.size());
  output_.append_copy({body.data(), body.size()});
  if (!keep_conn) finished_ = true;
}

void Conversation::remove(Request& request) {
  Request& last = requests_[--active_];
  if (&request != &last) std::swap(request, last);
}

Conversation::Request* Conversation::find(std::uint16_t id) {
  for (std::size_t i = 0; i < active_; ++i) {
    if (requests_[i].id == id) return &requests_[i];
  }
  return nullptr;
}

std::optional<std::uint64_t> Conversation::due() const {
  if (output_.size() >= kOutputMax) return std::nullopt;
  std::optional<std::uint64_t> earliest;
  for (std::size_t i = 0; i < active_; ++i) {
    const Request& request = requests_[i];
    if (request.state != State::Waiting) continue;
    earliest = earliest ? std::min(*earliest, request.due_ms) : request.due_ms;
  }
  return earliest;
}

}  // namespace millrace::demo
