#include "support/fcgi_wire.h"

#include "base/must.h"

namespace millrace::testing {
namespace {

std::uint32_t number(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes)
    value = value << 8 | static_cast<std::uint8_t>(c);
  return value;
}

void put(std::string& out, std::uint32_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out += static_cast<char>(value >> shift & 0xff);
  }
}

// A length of one or four bytes (3.4).
bool take_length(std::string_view& bytes, std::size_t& length) {
  if (bytes.empty()) return false;
  const std::size_t size = (bytes.front() & 0x80) != 0 ? 4 : 1;
  if (bytes.size() < size) return false;
  length = number(bytes.substr(0, size)) & 0x7fffffff;
  bytes.remove_prefix(size);
  return true;
}

}  // namespace

std::string record(int type, int id, std::string_view content, std::size_t padding) {
  MUST(content.size() <= 65535 && padding <= 255);
  std::string out;
  out += '\x01';
  out += static_cast<char>(type);
  put(out, static_cast<std::uint32_t>(id), 2);
  put(out, static_cast<std::uint32_t>(content.size()), 2);
  out += static_cast<char>(padding);
  out += '\0';
  out += content;
  return out.append(padding, 'p');
}

std::string stream_records(int type, int id, std::string_view content, std::size_t most,
                           std::size_t padding) {
  std::string out;
  while (!content.empty()) {
    const std::string_view piece = content.substr(0, most);
    out += record(type, id, piece, padding);
    content.remove_prefix(piece.size());
  }
  return out;
}

std::string end_request(int id, std::uint32_t app_status, int protocol_status) {
  std::string body;
  put(body, app_status, 4);
  body += static_cast<char>(protocol_status);
  return record(kEnd, id, body.append(3, '\0'));
}

std::string whole_answer(int id, std::string_view output) {
  return stream_records(kStdout, id, output) + record(kStdout, id, {}) + end_request(id);
}

std::optional<WireRecord> WireReader::next() {
  if (bytes_.size() < 8) return std::nullopt;
  const std::string_view bytes = bytes_;
  bad_ = bad_ || bytes[0] != 1;
  const std::size_t content = number(bytes.substr(4, 2));
  const std::size_t padding = number(bytes.substr(6, 1));
  if (bad_ || bytes.size() < 8 + content + padding) return std::nullopt;
  WireRecord found;
  found.type = static_cast<int>(number(bytes.substr(1, 1)));
  found.id = static_cast<int>(number(bytes.substr(2, 2)));
  found.content = bytes.substr(8, content);
  bytes_.erase(0, 8 + content + padding);
  return found;
}

std::optional<std::map<std::string, std::string>> decode_pairs(std::string_view bytes) {
  std::map<std::string, std::string> pairs;
  while (!bytes.empty()) {
    std::size_t name = 0;
    std::size_t value = 0;
    if (!take_length(bytes, name) || !take_length(bytes, value)) return std::nullopt;
    if (bytes.size() < name + value) return std::nullopt;
    pairs.emplace(bytes.substr(0, name), bytes.substr(name, value));
    bytes.remove_prefix(name + value);
  }
  return pairs;
}

}  // namespace millrace::testing
