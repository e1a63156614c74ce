#include "http/writer.h"

#include <array>
#include <charconv>
#include <cstring>
#include <initializer_list>

namespace millrace::http {
namespace {

// One contiguous piece: a line is never split over two blocks.
void append(buffer::Chain& out, std::initializer_list<std::string_view> parts) {
  std::size_t bytes = 0;
  for (const std::string_view part : parts) {
    bytes += part.size();
  }
  char* at = out.reserve(bytes);
  for (const std::string_view part : parts) {
    if (!part.empty()) std::memcpy(at, part.data(), part.size());
    at += part.size();
  }
  out.commit(bytes);
}

// A number as text; room for 64 bits in base 10.
class Digits {
 public:
  Digits(std::uint64_t value, int base)
      : end_(std::to_chars(text_.data(), text_.data() + text_.size(), value, base).ptr) {}
  [[nodiscard]] std::string_view text() const {
    return {text_.data(), static_cast<std::size_t>(end_ - text_.data())};
  }

 private:
  std::array<char, 20> text_;
  char* end_;
};

}  // namespace

HeadWriter::HeadWriter(buffer::Chain& out, int status, std::string_view reason) : out_(out) {
  const std::string_view line = status_text(status);
  if (reason.empty() && !line.empty()) {
    out_.append_copy(line);
    return;
  }
  const Digits digits(static_cast<std::uint64_t>(status), 10);
  append(out_, {"HTTP/1.1 ", digits.text(), " ", reason, "\r\n"});
}

void HeadWriter::field(std::string_view name, std::string_view value) {
  append(out_, {name, ": ", value, "\r\n"});
}

void HeadWriter::field(std::string_view name, std::uint64_t value) {
  field(name, Digits(value, 10).text());
}

void HeadWriter::end() {
  out_.append_copy("\r\n");
}

void append_chunk_header(buffer::Chain& out, std::uint64_t size) {
  append(out, {Digits(size, 16).text(), "\r\n"});
}

}  // namespace millrace::http
