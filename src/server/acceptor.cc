#include "server/acceptor.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/log.h"

namespace millrace::server {
namespace {

constexpr io::Millis kPause{100};
// A multishot accept takes all that waits at once; below so much room, connections are taken one by
// one, so that there are never more than allowed.
constexpr std::uint64_t kRoomForMany = 4096;

}  // namespace

void Acceptor::start() {
  many_ = room() >= kRoomForMany;
  loop_.ring.accept(accept_, fd_.get(), many_);
}

std::uint64_t Acceptor::room() const {
  return gate_.max - std::min(gate_.max, gate_.connections.load(std::memory_order_relaxed));
}

void Acceptor::stop() {
  if (stopped_) return;
  stopped_ = true;
  pause_.disarm();
  if (accept_.in_flight()) {
    loop_.ring.cancel(accept_);
  } else {
    finish();
  }
}

void Acceptor::finish() {
  ::fcntl(fd_.get(), F_SETFL, O_NONBLOCK);
  while (true) {
    const io::Fd fd = ::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) break;
    adopt(fd);
  }
  fd_.reset(-1);
}

void Acceptor::adopt(io::Fd fd) {
  gate_.connections.fetch_add(1, std::memory_order_relaxed);
  proxy_.adopt(fd, listener_);
}

void Acceptor::on_room() {
  if (paused_ && room() > 0) on_pause_over();
}

void Acceptor::on_accepted(io::Completion& done) {
  if (done.result >= 0) adopt(done.result);
  if (stopped_) {
    if (!done.more) finish();
    return;
  }
  const bool short_of = done.result == -EMFILE || done.result == -ENFILE ||
                        done.result == -ENOMEM || done.result == -ENOBUFS;
  if (short_of && !paused_) {
    base::Log::write(base::Level::Warn, {},
                     "no descriptors or memory for more connections; new ones wait");
  }
  if (room() == 0 || short_of) return pause();
  if (!done.more) {
    if (!paused_) start();
  } else if (many_ && room() < kRoomForMany) {
    many_ = false;
    loop_.ring.cancel(accept_);
  }
}

void Acceptor::pause() {
  if (!paused_ && accept_.in_flight()) loop_.ring.cancel(accept_);
  paused_ = true;
  loop_.timers.arm(pause_, kPause);
}

void Acceptor::on_pause_over() {
  if (stopped_) return;
  if (room() == 0) return pause();
  paused_ = false;
  pause_.disarm();
  if (!accept_.in_flight()) start();
}

}  // namespace millrace::server
