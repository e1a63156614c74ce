// The request line (RFC 9112 3), read byte for byte as it comes.
//
//     method SP target SP "HTTP/" DIGIT "." DIGIT CRLF
//
// It is read here and not by llhttp because it has to be stricter (one space, no "#", nothing above
// 0x7e) and because a method that nobody knows is no reason to lose the rest of the head: the
// answer is 405 and the connection goes on.
//
// Invariant: the first byte that is wrong decides the result, however the bytes were cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace::http {

class RequestLine {
 public:
  enum class Result : std::uint8_t {
    NeedMore,
    Done,
    BadMethod,   // Not a token.
    BadTarget,   // Empty, or a byte that may not be in it.
    BadVersion,  // Not "HTTP/x.y" and CRLF, or HTTP/0.y.
    TooLong,     // The target, or what may become one.
    NotHttp1,    // A version that we do not speak.
  };

  void reset(std::size_t target_bytes_max) {
    *this = {};
    target_bytes_max_ = target_bytes_max;
  }
  // Reads the next piece, up to the end of the line; says in `used` how much of it that was.
  [[nodiscard]] Result read(std::string_view piece, std::size_t& used);

  // After Done; `head` begins with the line.
  [[nodiscard]] std::string_view method(std::string_view head) const {
    return head.substr(0, method_end_);
  }
  [[nodiscard]] std::string_view target(std::string_view head) const {
    return head.substr(method_end_ + 1, target_end_ - method_end_ - 1);
  }
  [[nodiscard]] unsigned minor_version() const { return minor_; }

 private:
  enum class Part : std::uint8_t { Method, Target, Version };

  [[nodiscard]] Result read_method(std::string_view piece, std::size_t& used);
  [[nodiscard]] Result read_target(std::string_view piece, std::size_t& used);
  [[nodiscard]] Result read_version(std::string_view piece, std::size_t& used);

  Part part_ = Part::Method;
  std::uint8_t version_bytes_ = 0;
  std::uint8_t major_ = 0;
  std::uint8_t minor_ = 0;
  std::size_t bytes_ = 0;  // Of the line, before the piece that is being read.
  std::size_t method_end_ = 0;
  std::size_t target_end_ = 0;
  std::size_t target_bytes_max_ = 0;
};

}  // namespace millrace::http
