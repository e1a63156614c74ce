// Accepts a worker's new connections from one listener. Accepting pauses where no more connections
// are allowed, or none are possible (descriptors, memory): they wait in the backlog, and accepting
// goes on when a connection has gone, or a little later.
//
// When the worker ends, what already waits in the backlog is taken in before the listener is
// closed: closing it would reset those connections.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/fd.h"
#include "io/loop.h"
#include "proxy/proxy.h"

namespace millrace::server {

// How many client connections there are over all workers, and may be.
struct Gate {
  std::atomic<std::uint64_t> connections{0};
  std::uint64_t max = 0;
};

class Acceptor {
 public:
  Acceptor(io::Loop& loop, proxy::Proxy& proxy, Gate& gate, base::UniqueFd fd, std::size_t listener)
      : loop_(loop), proxy_(proxy), gate_(gate), fd_(std::move(fd)), listener_(listener) {}

  void start();
  // For good. over() once the listener is closed.
  void stop();
  // A connection has gone.
  void on_room();
  [[nodiscard]] bool over() const { return stopped_ && !accept_.in_flight(); }

 private:
  void on_accepted(io::Completion& done);
  void on_pause_over();
  void adopt(io::Fd fd);
  void pause();
  void finish();
  [[nodiscard]] std::uint64_t room() const;

  io::Loop& loop_;
  proxy::Proxy& proxy_;
  Gate& gate_;
  base::UniqueFd fd_;
  const std::size_t listener_;
  io::Op accept_ = io::Op::to<&Acceptor::on_accepted>(this);
  io::Timer pause_ = io::Timer::to<&Acceptor::on_pause_over>(this);
  bool many_ = false;
  bool paused_ = false;
  bool stopped_ = false;
};

}  // namespace millrace::server
