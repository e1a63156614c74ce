// An application's answer on its way from STDOUT to the client.
//
//                  head whole               all of it
//     AwaitingHead -----------> Body ---------------------> Complete
//          ^  |                   |
//          +--+ interim head      +--> (the exchange ends it: cut)
//
// The framing towards the client is always our own: a Content-Length of the application is kept and
// enforced, else chunks (HTTP/1.1) or the end of the connection (HTTP/1.0). The pieces of the body
// that arrive together leave as one chunk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "buffer/chain.h"
#include "fcgi/reply_head.h"
#include "http/writer.h"

namespace millrace::proxy {

class ResponseFlow {
 public:
  enum class State : std::uint8_t { AwaitingHead, Body, Complete };
  enum class Framing : std::uint8_t { None, Length, Chunked, UntilClose };

  explicit ResponseFlow(buffer::BlockPool& blocks) : pending_(blocks) {}

  void reset(std::size_t head_bytes_max);
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] Framing framing() const { return framing_; }
  // A byte of STDOUT has come.
  [[nodiscard]] bool begun() const { return begun_; }
  [[nodiscard]] fcgi::ReplyHead& head() { return head_; }

  // AwaitingHead: reads a piece of STDOUT. On Done, `content` is what follows the head.
  fcgi::ReplyHead::Event read_head(buffer::Slice& content);
  // Another head follows, after an interim one.
  void next_head();
  // Decides the framing. Not `allowed` (HEAD, 204, 304): what the application sends is dropped.
  void begin_body(bool allowed, unsigned minor_version);

  // Body: takes a piece. False where it is more than was declared; the excess is dropped.
  [[nodiscard]] bool add(buffer::Slice content);
  // Writes what was added since the last time to the client.
  void flush(buffer::Chain& out);
  // A declared length has been reached, so that nothing more can come.
  [[nodiscard]] bool full() const { return framing_ == Framing::Length && left_ == 0; }
  // Ends the body. False where it is shorter than declared: then the client must see a cut.
  [[nodiscard]] bool finish(buffer::Chain& out);

  // So that a half-closed client which has really gone is found out: bytes that begin whatever
  // comes next. False where there are none.
  [[nodiscard]] bool probe(buffer::Chain& out);
  [[nodiscard]] std::uint64_t sent() const { return sent_; }

 private:
  fcgi::ReplyHead head_;
  buffer::Chain pending_;
  std::uint64_t left_ = 0;  // Length: bytes still to come
  std::uint64_t sent_ = 0;
  std::size_t head_bytes_max_ = 0;
  State state_ = State::AwaitingHead;
  Framing framing_ = Framing::None;
  bool begun_ = false;
  bool probed_ = false;
};

}  // namespace millrace::proxy
