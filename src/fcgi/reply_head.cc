#include "fcgi/reply_head.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/ascii.h"

namespace millrace::fcgi {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

constexpr std::array<bool, 256> kTokenBytes = [] {
  std::array<bool, 256> table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    table[i] = base::is_token_char(static_cast<char>(i));
  }
  return table;
}();

bool is_token(std::string_view text) {
  const auto in_table = [](char c) { return kTokenBytes[static_cast<unsigned char>(c)]; };
  return !text.empty() && std::all_of(text.begin(), text.end(), in_table);
}

// Bytes below a space, other than TAB, and DEL.
bool is_control(char c) {
  return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f;
}

// Looks at every byte without branching, which the compiler makes a vector loop of.
bool has_control(std::string_view text) {
  int found = 0;
  for (const char c : text) {
    found |= static_cast<int>(is_control(c));
  }
  return found != 0;
}

// Finds where the blank line of `text` ends. Lines before `line`, the beginning of one, are known
// not to be blank; it is moved to the last line's beginning if there is no blank one yet.
std::size_t find_body(std::string_view text, std::size_t& line) {
  while (true) {
    const std::size_t newline = text.find('\n', line);
    if (newline == kNone) return kNone;
    if (newline == line || (newline == line + 1 && text[line] == '\r')) return newline + 1;
    line = newline + 1;
  }
}

}  // namespace

void ReplyHead::reset(std::size_t limit) {
  limit_ = limit;
  scanned_ = 0;
  line_ = 0;
  status_ = 200;
  has_status_ = false;
  local_redirect_ = false;
  location_kind_ = LocationKind::None;
  content_length_.reset();
  reason_ = {};
  location_ = {};
  fields_.clear();
  held_.clear();
  error_.clear();
}

ReplyHead::Step ReplyHead::next(std::string_view data) {
  const std::size_t most = limit_ == 0 ? kNone : limit_;
  if (held_.empty()) {
    const std::size_t body = find_body(data, scanned_);
    if (body != kNone) {
      return body > most ? bad("head over the limit") : whole(data.substr(0, body), body);
    }
  }
  const std::size_t before = held_.size();
  // What is over the limit is not held on to, except for the byte that shows it.
  held_.append(data.substr(0, most - before < data.size() ? most - before + 1 : data.size()));
  const std::size_t body = find_body(held_, scanned_);
  if ((body == kNone ? held_.size() : body) > most) return bad("head over the limit");
  if (body == kNone) return {Event::NeedMore, data.size()};
  return whole(std::string_view(held_).substr(0, body), body - before);
}

std::string_view ReplyHead::ended() {
  error_ = held_.empty() ? "no output" : "no blank line after the head";
  return error_;
}

ReplyHead::Step ReplyHead::whole(std::string_view head, std::size_t consumed) {
  const std::string_view fault = parse(head);
  if (!fault.empty()) return bad(fault);
  draw_conclusions();
  return {Event::Done, consumed};
}

ReplyHead::Step ReplyHead::bad(std::string_view what) {
  error_ = what;
  if (line_ > 0) error_ += " in line " + std::to_string(line_);
  return {Event::Bad, 0};
}

// `head` ends with its blank line.
std::string_view ReplyHead::parse(std::string_view head) {
  while (true) {
    ++line_;
    const std::size_t newline = head.find('\n');
    std::string_view line = head.substr(0, newline);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty()) return {};
    const std::string_view fault = parse_line(line);
    if (!fault.empty()) return fault;
    head.remove_prefix(newline + 1);
  }
}

std::string_view ReplyHead::parse_line(std::string_view line) {
  if (has_control(line)) {
    if (line.find('\0') != kNone) return "NUL";
    return line.find('\r') != kNone ? "bare CR" : "control byte";
  }
  if (line.front() == ' ' || line.front() == '\t') return "folded line";
  const std::size_t colon = line.find(':');
  if (colon == kNone) return "no colon";
  Field field{.name = line.substr(0, colon), .value = base::trim(line.substr(colon + 1))};
  if (!is_token(field.name)) return "field name that is not a token";
  field.kind = field_kind(field.name);
  return take(field);
}

std::string_view ReplyHead::take(const Field& field) {
  switch (field.kind) {
    case FieldKind::Status:
      return take_status(field.value);
    case FieldKind::ContentLength:
      return take_content_length(field);
    case FieldKind::Location:
      return take_location(field);
    case FieldKind::Other:
    case FieldKind::ContentType:
    case FieldKind::Date:
    case FieldKind::Server:
    case FieldKind::SetCookie:
    case FieldKind::Variable:
    case FieldKind::Connection:
    case FieldKind::KeepAlive:
    case FieldKind::Proxy:
    case FieldKind::Trailer:
    case FieldKind::TransferEncoding:
    case FieldKind::Upgrade:
    case FieldKind::XAccel:
    case FieldKind::XAccelBuffering:
    case FieldKind::XAccelRedirect:
    case FieldKind::XSendfile:
      break;
  }
  fields_.push_back(field);
  return {};
}

// RFC 3875 6.3.3: three digits and, after a space, a reason.
std::string_view ReplyHead::take_status(std::string_view value) {
  if (has_status_) return "second Status";
  if (value.size() < 3 || !std::all_of(value.begin(), value.begin() + 3, base::is_digit)) {
    return "Status that is not three digits";
  }
  if (value.size() > 3 && value[3] != ' ') return "Status that is not three digits";
  status_ = (value[0] - '0') * 100 + (value[1] - '0') * 10 + (value[2] - '0');
  const bool interim = status_ == 100 || status_ == 103;
  if (!interim && (status_ < 200 || status_ > 599)) return "Status out of range";
  has_status_ = true;
  reason_ = base::trim(value.substr(3));
  return {};
}

std::string_view ReplyHead::take_content_length(const Field& field) {
  const std::optional<std::uint64_t> length = base::parse_decimal(field.value);
  if (!length) return "Content-Length that is not a number";
  if (content_length_) return *length == *content_length_ ? "" : "different Content-Length";
  content_length_ = length;
  fields_.push_back(field);
  return {};
}

std::string_view ReplyHead::take_location(const Field& field) {
  if (field.value.empty()) return "empty Location";
  if (location_kind_ != LocationKind::None) {
    return field.value == location_ ? "" : "different Location";
  }
  location_ = field.value;
  location_kind_ = location_.front() == '/' ? LocationKind::Local : LocationKind::Absolute;
  fields_.push_back(field);
  return {};
}

// What the fields mean together (RFC 3875 6.2).
void ReplyHead::draw_conclusions() {
  if (location_kind_ == LocationKind::None || has_status_) return;
  local_redirect_ =
      location_kind_ == LocationKind::Local &&
      std::all_of(fields_.begin(), fields_.end(), [](const Field& field) {
        return field.kind == FieldKind::Location || field.kind == FieldKind::ContentType;
      });
  // A local Location beside other fields is no order to us, so it can only be meant for the client.
  if (!local_redirect_) status_ = 302;
}

}  // namespace millrace::fcgi
