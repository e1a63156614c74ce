#include "http/request_line.h"

#include <array>

#include "base/ascii.h"

namespace millrace::http {
namespace {

using ByteClass = std::array<bool, 256>;

template <typename Accepts>
constexpr ByteClass make_class(Accepts accepts) {
  ByteClass made = {};
  for (unsigned i = 0; i < made.size(); ++i) {
    made[i] = accepts(static_cast<char>(i));
  }
  return made;
}

constexpr ByteClass kTokenByte = make_class(base::is_token_char);
// Printable ASCII but "#": a fragment is never sent (RFC 9112 3.2), so it means another reader.
constexpr ByteClass kTargetByte =
    make_class([](char c) { return c > ' ' && c < 0x7f && c != '#'; });

std::size_t skip(const ByteClass& bytes, std::string_view text, std::size_t at) {
  while (at < text.size() && bytes[static_cast<unsigned char>(text[at])]) {
    ++at;
  }
  return at;
}

}  // namespace

RequestLine::Result RequestLine::read(std::string_view piece, std::size_t& used) {
  used = 0;
  Result result = Result::Done;
  if (part_ == Part::Method) result = read_method(piece, used);
  if (part_ == Part::Target && result == Result::Done) result = read_target(piece, used);
  if (part_ == Part::Version && result == Result::Done) result = read_version(piece, used);
  bytes_ += used;
  return result;
}

RequestLine::Result RequestLine::read_method(std::string_view piece, std::size_t& used) {
  used = skip(kTokenByte, piece, used);
  const std::size_t end = bytes_ + used;
  // No method is that long: a target whose beginning is missing is.
  if (end > target_bytes_max_) return Result::TooLong;
  if (used == piece.size()) return Result::NeedMore;
  if (end == 0 || piece[used] != ' ') return Result::BadMethod;
  method_end_ = end;
  ++used;
  part_ = Part::Target;
  return Result::Done;
}

RequestLine::Result RequestLine::read_target(std::string_view piece, std::size_t& used) {
  used = skip(kTargetByte, piece, used);
  const std::size_t end = bytes_ + used;
  const std::size_t target_bytes = end - method_end_ - 1;
  if (target_bytes > target_bytes_max_) return Result::TooLong;
  if (used == piece.size()) return Result::NeedMore;
  if (target_bytes == 0 || piece[used] != ' ') return Result::BadTarget;
  target_end_ = end;
  ++used;
  part_ = Part::Version;
  return Result::Done;
}

RequestLine::Result RequestLine::read_version(std::string_view piece, std::size_t& used) {
  constexpr std::string_view kForm = "HTTP/0.0\r\n";
  constexpr std::size_t kMajor = 5;
  constexpr std::size_t kMinor = 7;
  for (; used < piece.size() && version_bytes_ < kForm.size(); ++used, ++version_bytes_) {
    const char c = piece[used];
    const bool digit = version_bytes_ == kMajor || version_bytes_ == kMinor;
    if (digit ? !base::is_digit(c) : c != kForm[version_bytes_]) return Result::BadVersion;
    if (digit) (version_bytes_ == kMajor ? major_ : minor_) = static_cast<std::uint8_t>(c - '0');
  }
  if (version_bytes_ < kForm.size()) return Result::NeedMore;
  if (major_ == 0) return Result::BadVersion;
  return major_ == 1 && minor_ <= 1 ? Result::Done : Result::NotHttp1;
}

}  // namespace millrace::http
