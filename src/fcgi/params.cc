#include "fcgi/params.h"

#include <cstring>

#include "base/must.h"
#include "fcgi/protocol.h"

namespace millrace::fcgi {
namespace {

char* encode_length(char* out, std::size_t length) {
  if (length <= kShortLengthMax) {
    *out = static_cast<char>(length);
    return out + 1;
  }
  const auto wide = static_cast<std::uint32_t>(length);
  put_u16(out, static_cast<std::uint16_t>(wide >> 16 | 0x8000));
  put_u16(out + 2, static_cast<std::uint16_t>(wide & 0xffff));
  return out + 4;
}

}  // namespace

PairReader::Event PairReader::next(Pair& pair) {
  if (bad_) return Event::Bad;
  if (left_.empty()) return Event::End;
  std::size_t name = 0;
  std::size_t value = 0;
  bad_ = !take_length(name) || !take_length(value) || name > left_.size() ||
         value > left_.size() - name;
  if (bad_) return Event::Bad;
  pair = {left_.substr(0, name), left_.substr(name, value)};
  left_.remove_prefix(name + value);
  return Event::Pair;
}

bool PairReader::take_length(std::size_t& length) {
  if (left_.empty()) return false;
  length = byte_at(left_, 0);
  if (length <= kShortLengthMax) {
    left_.remove_prefix(1);
    return true;
  }
  if (left_.size() < 4) return false;
  length = get_u32(left_, 0) & 0x7fffffff;
  left_.remove_prefix(4);
  return true;
}

char* encode_pair(char* out, std::string_view name, std::string_view value) {
  out = encode_length(out, name.size());
  out = encode_length(out, value.size());
  // memcpy from a null pointer is undefined even for no bytes, and an empty view may hold one.
  if (!name.empty()) std::memcpy(out, name.data(), name.size());
  out += name.size();
  if (!value.empty()) std::memcpy(out, value.data(), value.size());
  return out + value.size();
}

void append_pair(std::string& out, std::string_view name, std::string_view value) {
  const std::size_t before = out.size();
  out.resize(before + encoded_size(name.size(), value.size()));
  char* const end = encode_pair(out.data() + before, name, value);
  MUST(end == out.data() + out.size());
}

}  // namespace millrace::fcgi
