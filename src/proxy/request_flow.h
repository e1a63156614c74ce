// A request's body on its way from the client to the application's STDIN.
//
//              begin()            add() ... end()
//     (idle) ----------> Streaming ----------------> Ended
//                  \--> Spooling ------------------> Ended
//
// Streaming: pieces go on as soon as there is a connection that takes them, and no more is wanted
// from the client than that; what was sent can be sent again as long as it is kept. Spooling: the
// body goes into a Spool until it is whole, so that its length is known before the application is
// asked; it can be sent any number of times.
#pragma once

#include <cstddef>
#include <cstdint>

#include "buffer/chain.h"
#include "io/spool.h"
#include "upstream/backend_link.h"

namespace millrace::proxy {

class RequestFlow {
 public:
  // So much is kept at least for a second try, and so much waits for a slow application at most.
  static constexpr std::size_t kKeptMax = std::size_t{64} * 1024;
  static constexpr std::size_t kQueuedMax = std::size_t{64} * 1024;

  explicit RequestFlow(buffer::BlockPool& blocks) : queued_(blocks), kept_(blocks) {}

  void reset();
  // With a `spool`, which becomes the flow's, the body is wanted whole. `keep`: it may be sent
  // twice, even when some of it has left.
  void begin(io::Spool* spool, bool keep);

  // False: the spool has failed, and spool_error() says why.
  [[nodiscard]] bool add(buffer::Slice piece);
  void end();
  [[nodiscard]] int spool_error() const { return spool_->error(); }
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] std::uint64_t received() const { return received_; }
  // More of the body can be taken from the client now.
  [[nodiscard]] bool wants_more() const;

  // Sends the body from its beginning to `backend`. Only once, or where can_replay().
  void start(upstream::BackendLink& backend);
  void stop() { backend_ = nullptr; }
  // Some of it has left.
  void on_sent() {
    if (!keep_) keep_no_more();
  }
  [[nodiscard]] bool can_replay() const { return !started_ || keeping_ || spool_ != nullptr; }
  // Moves on what the connection takes.
  void pump();

 private:
  void keep_no_more() {
    keeping_ = false;
    kept_.clear();
  }

  buffer::Chain queued_;  // not handed to the connection yet
  buffer::Chain kept_;    // all of it so far
  io::Spool* spool_ = nullptr;
  upstream::BackendLink* backend_ = nullptr;
  std::uint64_t received_ = 0;
  bool keep_ = false;
  bool keeping_ = false;
  bool started_ = false;
  bool ended_ = false;
};

}  // namespace millrace::proxy
