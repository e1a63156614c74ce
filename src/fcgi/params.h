// Name-value pairs (FastCGI 1.0 3.4):
//
//     name length | value length | name | value
//
// A length below 128 has one byte; any other has four, the first with its high bit set. Lengths
// that reach past the end, or that overflow when added, are the classic faults of decoders: each
// one is compared with what is left, and nothing is added before that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::fcgi {

struct Pair {
  std::string_view name;
  std::string_view value;
};

class PairReader {
 public:
  enum class Event : std::uint8_t { Pair, End, Bad };

  explicit PairReader(std::string_view data) : left_(data) {}
  // Puts the next pair, as views, into `pair`. Bad: a length is cut off or reaches past the end; so
  // is every further call.
  [[nodiscard]] Event next(Pair& pair);

 private:
  [[nodiscard]] bool take_length(std::size_t& length);

  std::string_view left_;
  bool bad_ = false;
};

inline constexpr std::size_t kShortLengthMax = 127;

[[nodiscard]] constexpr std::size_t length_size(std::size_t length) {
  return length <= kShortLengthMax ? 1 : 4;
}

// The bytes of a pair on the wire.
[[nodiscard]] constexpr std::size_t encoded_size(std::size_t name, std::size_t value) {
  return length_size(name) + length_size(value) + name + value;
}

// Writes encoded_size() bytes to `out` and returns their end. Lengths are below 2^31.
char* encode_pair(char* out, std::string_view name, std::string_view value);

// Appends a pair to a text that is encoded once and sent often.
void append_pair(std::string& out, std::string_view name, std::string_view value);

}  // namespace millrace::fcgi
