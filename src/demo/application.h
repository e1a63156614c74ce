// What the demo application answers. The path says what is wanted; its segments may be combined and
// stand behind any prefix:
//
//     /s/N     a body of N bytes: the alphabet, over and over
//     /d/MS    a wait of MS milliseconds before the first byte
//     /n       no Content-Length
//     /c/N     at most N bytes in a STDOUT record
//     /st/N    status N
//     /echo    the length of the request's body
//     /env     all parameters, a line each, sorted
//
// Anything else is a page that names the instance, the request and how many there were.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "buffer/block.h"

namespace millrace::demo {

// What a path asks for.
struct Wish {
  enum class Body : std::uint8_t { Page, Alphabet, Echo, Environment };
  // The most content of one STDOUT record: a multiple of 8, and of the alphabet.
  static constexpr std::size_t kRecordMax = 65520;

  Body body = Body::Page;
  bool content_length = true;
  std::uint64_t size = 0;  // of Alphabet
  std::uint64_t delay_ms = 0;
  std::uint64_t status = 200;
  std::size_t record_max = kRecordMax;
};

[[nodiscard]] Wish parse_wish(std::string_view request_uri);

// An answer on its way: `text`, then `alphabet_bytes` of the alphabet.
struct Answer {
  std::string text;
  std::uint64_t alphabet_bytes = 0;
  std::uint64_t delay_ms = 0;
  std::size_t record_max = Wish::kRecordMax;
};

class Application final : private buffer::BlockOwner {
 public:
  explicit Application(std::string_view name);
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;
  ~Application();

  // Fills `answer` for a request with these encoded parameters and a body of `body_bytes`. False
  // where the parameters are malformed.
  [[nodiscard]] bool answer(std::string_view params, std::uint64_t body_bytes, Answer& answer);

  // `bytes` of the alphabet's repetition from byte `position` on; at most Wish::kRecordMax.
  [[nodiscard]] buffer::Slice alphabet(std::uint64_t position, std::size_t bytes);

  // Answers so far. Any thread; the rest is for one.
  [[nodiscard]] std::uint64_t requests() const { return requests_.load(std::memory_order_relaxed); }

 private:
  // The parameters that an answer depends on.
  struct Request {
    std::string_view method = "GET";
    std::string_view uri;
    std::string_view accept;
  };

  void recycle(buffer::Block& block) noexcept override;
  void page(const Request& request);
  void html_page(const Request& request);

  std::string name_;
  std::string body_;  // Of the answer being made; keeps its storage.
  std::atomic<std::uint64_t> requests_ = 0;
  std::unique_ptr<char[]> alphabet_;
  buffer::Block alphabet_block_;
};

}  // namespace millrace::demo
