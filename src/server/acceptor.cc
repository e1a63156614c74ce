#include "server/acceptor.h"

#include <algorithm>
#include <cerrno>

#include "base/log.h"

namespace millrace::server {
namespace {

constexpr io::Millis kPause{100};
constexpr int kAtOnceMax = 64;  // Then others have their turn.
constexpr int kNoPlace = -EUSERS;

bool is_shortage(int result) {
  return result == -EMFILE || result == -ENFILE || result == -ENOMEM || result == -ENOBUFS;
}

}  // namespace

void Acceptor::start() {
  loop_.ring.watch_readable(readable_, fd_.get());
}

void Acceptor::stop() {
  if (stopped_) return;
  stopped_ = true;
  pause_.disarm();
  if (readable_.in_flight()) {
    loop_.ring.cancel(readable_);
  } else {
    finish();
  }
}

void Acceptor::finish() {
  while (take_one() == 0) {
  }
  fd_.reset(-1);
}

// A connection is taken in: 0, or a negative errno.
int Acceptor::take_one() {
  if (!gate_.enter()) return kNoPlace;
  const io::Fd fd = loop_.ring.accept(fd_.get());
  if (fd < 0) {
    gate_.leave();
    return fd;
  }
  proxy_.adopt(fd, listener_);
  return 0;
}

void Acceptor::on_readable(io::Completion& done) {
  if (stopped_) return finish();
  int result = done.failed() ? done.result : 0;
  int taken = 0;
  while (taken < at_once_ && result == 0) {
    result = take_one();
    taken += static_cast<int>(result == 0);
  }
  at_once_ = taken < at_once_ ? std::max(taken, 1) : std::min(2 * taken, kAtOnceMax);
  if (result == kNoPlace) return pause();
  if (!is_shortage(result)) {
    warned_ = false;
    return start();
  }
  if (!warned_) {
    base::Log::write(base::Level::Warn, {},
                     "no descriptors or memory for more connections; new ones wait");
  }
  warned_ = true;
  pause();
}

void Acceptor::pause() {
  paused_ = true;
  loop_.timers.arm(pause_, kPause);
}

void Acceptor::on_room() {
  if (paused_) on_pause_over();
}

void Acceptor::on_pause_over() {
  if (stopped_) return;
  paused_ = false;
  pause_.disarm();
  start();
}

}  // namespace millrace::server
