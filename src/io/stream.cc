#include "io/stream.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/must.h"

namespace millrace::io {
namespace {

using State = Stream::State;

// A stream in full flow is cheaper in large pieces: what fills a block gets larger ones.
constexpr BlockSize blocks_after(std::size_t received) {
  if (received >= kBlockBytes[1]) return BlockSize::Large;
  return received >= kBlockBytes[0] ? BlockSize::Medium : BlockSize::Small;
}

// The diagram in the header, as a question.
constexpr bool may_follow(State from, State to) {
  switch (from) {
    case State::Closed:
      return to == State::Connecting || to == State::Open;
    case State::Connecting:
      return to == State::Open || to == State::Closing;
    case State::Open:
      return to == State::Closing;
    case State::Closing:
      return to == State::Closed;
  }
  return false;
}

}  // namespace

void Loop::turn(Millis wait_max) {
  while (Stream* stream = unsent.pop_front()) {
    stream->start_send();
  }
  const std::optional<Millis> next = timers.next();
  ring.turn(next ? std::min(*next, wait_max) : wait_max);
}

void Stream::connect(Fd fd, const SocketAddress& address) {
  enter(State::Connecting);
  fd_ = fd;
  loop_.ring.connect(life_, fd_, address);
}

void Stream::adopt(Fd fd) {
  enter(State::Open);
  fd_ = fd;
  arm();
}

void Stream::flush() {
  if (state_ != State::Open || send_.in_flight() || linked() || out_.empty()) return;
  loop_.unsent.push_back(*this);
}

void Stream::end_sending() {
  if (state_ != State::Open || ending_) return;
  ending_ = true;
  if (out_.empty()) loop_.ring.end_sending(fd_);
}

void Stream::pause() {
  paused_ = true;
  if (!receive_.in_flight() || cancelling_) return;
  cancelling_ = true;
  loop_.ring.cancel(receive_);
}

void Stream::resume() {
  if (!paused_) return;
  paused_ = false;
  arm();
}

void Stream::watch_hangup() {
  if (state_ != State::Open || life_.in_flight()) return;
  loop_.ring.watch_hangup(life_, fd_);
}

void Stream::close(Reason reason) {
  fail(reason, 0);
}

void Stream::reset() {
  if (state_ == State::Open) loop_.ring.reset_when_closed(fd_);
  close(Reason::Asked);
}

void Stream::fail(Reason reason, int error) {
  if (state_ == State::Closing || state_ == State::Closed) return;
  reason_ = reason;
  error_ = error;
  enter(State::Closing);
  unlink();
  for (Op* op : {&life_, &receive_, &send_}) {
    if (op->in_flight()) loop_.ring.cancel(*op);
  }
  finish_closing();
}

void Stream::on_life(Completion& done) {
  if (fd_ == kNoFd) return on_socket_closed();
  if (state_ == State::Closing) return finish_closing();
  return state_ == State::Connecting ? on_connected(done) : on_hangup(done);
}

void Stream::on_connected(Completion& done) {
  if (done.failed()) return fail(Reason::ConnectFailed, -done.result);
  enter(State::Open);
  arm();
  flush();
  listener_.on_open();
}

void Stream::on_received(Completion& done) {
  if (!done.more) cancelling_ = false;
  if (state_ == State::Closing) return finish_closing();  // Bytes that lost the race are dropped.
  if (done.result == 0) {
    ended_ = true;
    return listener_.on_end();
  }
  // Running out of blocks, and a pause, end a shot; neither is an error.
  if (done.failed() && done.result != -ENOBUFS && done.result != -ECANCELED) {
    return fail(Reason::ReadFailed, -done.result);
  }
  blocks_ = blocks_after(done.bytes.size());
  if (!done.more) {
    arm();
  } else if (paused_ || end_ahead_) {
    // The cancel came too early to find the receive; or this shot may keep the end to itself too.
    cancelling_ = true;
    loop_.ring.cancel(receive_);
  }
  if (!done.failed()) listener_.on_bytes(std::move(done.bytes));
}

void Stream::on_send_done(Completion& done) {
  if (state_ == State::Closing) return finish_closing();
  if (done.failed()) return fail(Reason::WriteFailed, -done.result);
  const auto bytes = static_cast<std::size_t>(done.result);
  out_.consume(bytes);
  if (out_.empty() && ending_) loop_.ring.end_sending(fd_);
  flush();
  listener_.on_sent(bytes);
}

void Stream::on_hangup(Completion& done) {
  if (done.failed()) return fail(Reason::HungUp, -done.result);
  if (!done.more) watch_hangup();
  end_ahead_ = true;
  gone_ = gone_ || (done.result & (POLLHUP | POLLERR)) != 0;
  if (receive_.in_flight() && !cancelling_) {
    cancelling_ = true;
    loop_.ring.cancel(receive_);
  }
  listener_.on_hangup(gone_);
}

void Stream::on_socket_closed() {
  out_.clear();
  enter(State::Closed);
  listener_.on_closed();  // May destroy *this.
}

void Stream::enter(State next) {
  MUST(may_follow(state_, next));
  state_ = next;
}

void Stream::arm() {
  if (state_ != State::Open || paused_ || ended_ || receive_.in_flight()) return;
  loop_.ring.receive(receive_, fd_, blocks_);
}

void Stream::start_send() {
  if (state_ == State::Open && !send_.in_flight()) loop_.ring.send(send_, fd_, out_);
}

void Stream::finish_closing() {
  for (const Op* op : {&life_, &receive_, &send_}) {
    if (op->in_flight()) return;
  }
  loop_.ring.close(life_, std::exchange(fd_, kNoFd));
}

}  // namespace millrace::io
