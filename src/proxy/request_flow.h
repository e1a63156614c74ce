// A request's body on its way from the client to the application's STDIN.
//
//              begin()            add() ... end()
//     (idle) ----------> Streaming ----------------> Ended
//                  \--> Spooling ------------------> Ended
//
// Streaming: pieces go on as soon as there is a connection that takes them, and no more is wanted from
// the client than that. Spooling: the body is kept until it is whole, so that its length is known before
// the application is asked. Either way, what was sent can be sent again as long as it is kept.
#pragma once

#include <cstddef>
#include <cstdint>

#include "buffer/chain.h"
#include "proxy/backend_conn.h"

namespace millrace::proxy {

class RequestFlow {
 public:
  // So much is kept at least for a second try, and so much waits for a slow application at most.
  static constexpr std::size_t kKeptMax = 64 * 1024;
  static constexpr std::size_t kQueuedMax = 64 * 1024;

  explicit RequestFlow(buffer::BlockPool& blocks) : queued_(blocks), kept_(blocks) {}

  void reset();
  // `spool`: the body is wanted whole. `keep`: it may have to be sent twice.
  void begin(bool spool, bool keep);

  void add(buffer::Slice piece);
  void end() { ended_ = true; }
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] std::uint64_t received() const { return received_; }
  // More of the body can be taken from the client now.
  [[nodiscard]] bool wants_more() const;

  // Sends the body from its beginning to `backend`. Only once, or where can_replay().
  void start(BackendConn& backend);
  void stop() { backend_ = nullptr; }
  [[nodiscard]] bool can_replay() const { return !started_ || keeping_; }
  // Moves on what the connection takes.
  void pump();

 private:
  buffer::Chain queued_;  // not handed to the connection yet
  buffer::Chain kept_;    // all of it so far
  BackendConn* backend_ = nullptr;
  std::uint64_t received_ = 0;
  bool spool_ = false;
  bool keeping_ = false;
  bool started_ = false;
  bool ended_ = false;
};

}  // namespace millrace::proxy
