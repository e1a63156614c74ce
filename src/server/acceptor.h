// Accepts a worker's new connections from one listener: it is watched, and what waits there is
// taken in, each connection after its place. So there are never more than allowed, and a worker
// that nobody connects to keeps no place from the others. Accepting pauses where no more
// connections are allowed, or none are possible (descriptors, memory): they wait in the backlog,
// and accepting goes on when a connection has gone, or a little later.
//
// When the worker ends, what already waits in the backlog is taken in before the listener is
// closed: closing it resets those connections for which there is no place.
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

  // A place for one more; false: there is none. It is left when the connection has gone, or has not
  // come.
  [[nodiscard]] bool enter() {
    std::uint64_t seen = connections.load(std::memory_order_relaxed);
    while (seen < max) {
      if (connections.compare_exchange_weak(seen, seen + 1, std::memory_order_relaxed)) return true;
    }
    return false;
  }
  void leave() { connections.fetch_sub(1, std::memory_order_relaxed); }
};

class Acceptor {
 public:
  // The listener does not block.
  Acceptor(io::Loop& loop, proxy::Proxy& proxy, Gate& gate, base::UniqueFd fd, std::size_t listener)
      : loop_(loop), proxy_(proxy), gate_(gate), fd_(std::move(fd)), listener_(listener) {}

  void start();
  // For good. over() once the listener is closed.
  void stop();
  // A connection has gone.
  void on_room();
  [[nodiscard]] bool over() const { return stopped_ && !readable_.in_flight(); }

 private:
  void on_readable(io::Completion& done);
  void on_pause_over();
  int take_one();
  void pause();
  void finish();

  io::Loop& loop_;
  proxy::Proxy& proxy_;
  Gate& gate_;
  base::UniqueFd fd_;
  const std::size_t listener_;
  io::Op readable_ = io::Op::to<&Acceptor::on_readable>(this);
  io::Timer pause_ = io::Timer::to<&Acceptor::on_pause_over>(this);
  // How many are taken in without looking again whether some wait: accepting in vain costs more.
  int at_once_ = 1;
  bool paused_ = false;
  bool warned_ = false;  // of what is short, until all that waits has been taken in
  bool stopped_ = false;
};

}  // namespace millrace::server
