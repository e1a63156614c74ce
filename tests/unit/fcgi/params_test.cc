#include "fcgi/params.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::fcgi {
namespace {

using Bytes = std::string;

// Reads all pairs of exactly these bytes; "name=value" each, then "End" or "Bad".
std::vector<std::string> read(const Bytes& bytes) {
  const auto copy = std::make_unique<char[]>(bytes.size());  // A sanitizer sees any over-read.
  bytes.copy(copy.get(), bytes.size());
  PairReader reader({copy.get(), bytes.size()});
  std::vector<std::string> seen;
  Pair pair;
  while (true) {
    switch (reader.next(pair)) {
      case PairReader::Event::Pair:
        seen.push_back(std::string(pair.name) + "=" + std::string(pair.value));
        break;
      case PairReader::Event::End:
        seen.emplace_back("End");
        return seen;
      case PairReader::Event::Bad:
        seen.emplace_back("Bad");
        CHECK(reader.next(pair) == PairReader::Event::Bad);
        return seen;
    }
  }
}

template <std::size_t N>
Bytes bytes(const char (&text)[N]) {
  return {text, N - 1};
}

TEST_CASE("append_pair: lengths below 128 have one byte, others four (FastCGI 1.0 3.4)") {
  struct {
    std::size_t length;
    Bytes encoded;
  } const cases[] = {
      {0, bytes("\x00")},
      {1, bytes("\x01")},
      {127, bytes("\x7f")},
      {128, bytes("\x80\x00\x00\x80")},
      {255, bytes("\x80\x00\x00\xff")},
      {256, bytes("\x80\x00\x01\x00")},
      {65535, bytes("\x80\x00\xff\xff")},
      {65536, bytes("\x80\x01\x00\x00")},
  };
  for (const auto& test : cases) {
    const std::size_t length = test.length;
    const Bytes& encoded = test.encoded;
    CAPTURE(length);
    const std::string text(length, 'x');
    std::string value_long;
    append_pair(value_long, "N", text);
    CHECK(value_long == "\x01" + encoded + "N" + text);
    std::string name_long;
    append_pair(name_long, text, "V");
    CHECK(name_long == encoded + "\x01" + text + "V");
    CHECK(encoded_size(length, 1) == name_long.size());
    CHECK(encoded_size(1, length) == value_long.size());
    CHECK(read(value_long + name_long) ==
          std::vector<std::string>{"N=" + text, text + "=V", "End"});
  }
}

TEST_CASE("append_pair: appends, and takes views without a pointer") {
  std::string out;
  append_pair(out, "A", "1");
  append_pair(out, "B", std::string_view());
  append_pair(out, std::string_view(), "2");
  CHECK(out == bytes("\x01\x01"
                     "A1"
                     "\x01\x00"
                     "B"
                     "\x00\x01"
                     "2"));
  CHECK(read(out) == std::vector<std::string>{"A=1", "B=", "=2", "End"});
}

TEST_CASE("encode_pair: returns the end of what it wrote") {
  char out[16] = {};
  CHECK(encode_pair(out, "AB", "c") == out + 5);
  CHECK(std::memcmp(out,
                    "\x02\x01"
                    "ABc",
                    5) == 0);
}

TEST_CASE("PairReader: no bytes are no pairs") {
  CHECK(read("") == std::vector<std::string>{"End"});
}

TEST_CASE("PairReader: a long form for a short length is fine") {
  CHECK(read(bytes("\x80\x00\x00\x01\x80\x00\x00\x02"
                   "Nab")) == std::vector<std::string>{"N=ab", "End"});
}

TEST_CASE("PairReader: hostile lengths are refused") {
  const Bytes cases[] = {
      bytes("\x01"),  // No value length.
      bytes("\x01\x01"
            "A"),  // Value past the end.
      bytes("\x02\x00"
            "A"),  // Name past the end.
      bytes("\x05\x05"
            "ABCDE1234"),         // One byte short.
      bytes("\x80"),              // A length cut after one,
      bytes("\x80\x00"),          // two,
      bytes("\x80\x00\x00"),      // and three bytes.
      bytes("\x01\x80\x00\x00"),  // The same in the value's.
      bytes("\x80\x00\x00\x01"),  // Long name length and nothing else.
      bytes("\xff\xff\xff\xff\xff\xff\xff\xff"
            "AB"),  // The largest, which overflow 32 bits added.
      bytes("\x80\x00\x00\x00\xff\xff\xff\xff"),
      bytes("\xff\xff\xff\xff\x01"
            "AB"),
      bytes("\x01\xff\xff\xff\xff"
            "AB"),
  };
  for (const Bytes& hostile : cases) {
    CAPTURE(&hostile - cases);
    CHECK(read(hostile) == std::vector<std::string>{"Bad"});
    CHECK(read(bytes("\x01\x01"
                     "A1") +
               hostile) == std::vector<std::string>{"A=1", "Bad"});
  }
}

TEST_CASE("PairReader: 0x80000000 is a long zero") {
  CHECK(read(bytes("\x80\x00\x00\x00\x80\x00\x00\x00")) == std::vector<std::string>{"=", "End"});
}

}  // namespace
}  // namespace millrace::fcgi
