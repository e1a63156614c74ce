#include "server/acceptor.h"

#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/log.h"

namespace millrace::server {
namespace {

constexpr io::Millis kPause{100};

}  // namespace

void Acceptor::start() { loop_.ring.accept(accept_, fd_); }

void Acceptor::stop() {
  stopped_ = true;
  pause_.disarm();
  if (accept_.in_flight()) loop_.ring.cancel(accept_);
}

void Acceptor::on_room() {
  if (paused_ && gate_.connections.load(std::memory_order_relaxed) < gate_.max) on_pause_over();
}

void Acceptor::on_accepted(io::Completion& done) {
  if (done.result >= 0) {
    gate_.connections.fetch_add(1, std::memory_order_relaxed);
    proxy_.adopt(done.result, listener_);
  }
  if (stopped_) return;
  const bool full = gate_.connections.load(std::memory_order_relaxed) >= gate_.max;
  const bool short_of = done.result == -EMFILE || done.result == -ENFILE ||
                        done.result == -ENOMEM || done.result == -ENOBUFS;
  if (short_of && !paused_) {
    base::Log::write(base::Level::Warn, {},
                     "no descriptors or memory for more connections; new ones wait");
  }
  if (full || short_of) return pause();
  if (!done.more && !paused_) start();
}

void Acceptor::pause() {
  if (!paused_ && accept_.in_flight()) loop_.ring.cancel(accept_);
  paused_ = true;
  loop_.timers.arm(pause_, kPause);
}

void Acceptor::on_pause_over() {
  if (stopped_) return;
  if (gate_.connections.load(std::memory_order_relaxed) >= gate_.max) return pause();
  paused_ = false;
  pause_.disarm();
  if (!accept_.in_flight()) start();
}

}  // namespace millrace::server
