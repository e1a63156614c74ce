#include "proxy/client_conn.h"

#include <algorithm>
#include <utility>

#include "base/must.h"
#include "proxy/exchange.h"
#include "proxy/proxy.h"

namespace millrace::proxy {
namespace {

using Millis = io::Millis;

constexpr Millis kLinger{2'000};
// A client's progress is looked at so many times within the time that it may make none.
constexpr int kLooks = 4;

}  // namespace

ClientConn::ClientConn(Proxy& proxy, std::size_t listener)
    : proxy_(proxy),
      stream_(proxy.loop(), *this),
      input_(proxy.loop().blocks),
      send_timeout_(proxy.config().timeouts.send),
      listener_(static_cast<std::uint32_t>(listener)) {}

void ClientConn::start(io::Fd fd, const io::Endpoint& local) {
  local_ = local;
  remote_ = io::Endpoint::of(proxy_.loop().ring.remote_address(fd));
  stream_.adopt(fd);
  read_timeout(proxy_.config().timeouts.header);
}

void ClientConn::on_bytes(buffer::Slice bytes) {
  if (state_ == State::Closing) return;
  if (state_ == State::Lingering) {
    if (after_ == After::Close) after_ = After::Linger;
    return;
  }
  if (state_ == State::Idle) state_ = State::Reading;
  input_.append(std::move(bytes));
  pump();
}

void ClientConn::pump() {
  if (pumping_) return;
  pumping_ = true;
  while (true) {
    if (finished_) leave(after_);
    if (state_ != State::Reading && state_ != State::Answering && state_ != State::Idle) break;
    const bool wanted = exchange_ == nullptr || exchange_->wants_input();
    if (input_.empty() && !(after_body_ && wanted)) break;
    if (!wanted || (exchange_ == nullptr && owes_too_much())) {
      stream_.pause();
      if (stream_.end_ahead()) on_hangup(stream_.gone());
      break;
    }
    if (exchange_ == nullptr) {
      exchange_ = &proxy_.take_exchange();
      exchange_->begin(*this);
    }
    after_body_ = take_input();
  }
  if (exchange_ != nullptr && exchange_->wants_input() && input_.empty()) stream_.resume();
  pumping_ = false;
  if (stream_.ended() && (state_ == State::Answering || state_ == State::Reading)) {
    return take_end();
  }
  time_reading();
}

// What is awaited from the client has a time limit: the head as a whole, the body piece by piece.
void ClientConn::time_reading() {
  if (state_ == State::Reading && exchange_ != nullptr && !head_timed_) {
    head_timed_ = true;
    read_timeout(proxy_.config().timeouts.header);
  } else if (state_ == State::Answering && exchange_ != nullptr) {
    read_timeout(exchange_->wants_input() ? exchange_->body_timeout() : Millis(0));
  }
}

// Reads up to the next event. True: that was a piece of a body.
bool ClientConn::take_input() {
  const buffer::Slice first = input_.empty() ? buffer::Slice() : input_.front();
  const http::Step step = exchange_->parser().next(first.text());
  input_.consume(step.consumed);
  switch (step.event) {
    case http::Event::NeedMore:
      break;
    case http::Event::Head:
      state_ = State::Answering;
      ++requests_;
      exchange_->on_head(first);
      break;
    case http::Event::Body:
      exchange_->on_body(first.part(step.body));
      return true;
    case http::Event::End:
      exchange_->on_message_end();
      break;
    case http::Event::Refused:
      state_ = State::Answering;
      exchange_->on_refused();
      break;
  }
  return false;
}

bool ClientConn::may_keep() const {
  const std::uint64_t most = proxy_.config().limits.requests_per_connection;
  return !draining_ && !(stream_.ended() && input_.empty()) &&
         proxy_.config().timeouts.keepalive > Millis(0) && (most == 0 || requests_ < most);
}

void ClientConn::flush() {
  stream_.flush();
  if (!send_timer_.armed() && !out().empty()) time_sending();
}

void ClientConn::time_sending() {
  if (send_timeout_ > Millis(0)) {
    proxy_.loop().timers.arm(send_timer_, std::max(Millis(1), send_timeout_ / kLooks));
  }
}

void ClientConn::finish(After after) {
  after_ = after;
  finished_ = true;
  flush();
  pump();
}

void ClientConn::leave(After after) {
  finished_ = false;
  proxy_.give_back(*std::exchange(exchange_, nullptr));
  if (after != After::Keep || draining_ || (stream_.ended() && input_.empty())) return linger();
  become_idle();
}

void ClientConn::become_idle() {
  head_timed_ = false;
  if (!input_.empty()) {
    state_ = State::Reading;
    return;
  }
  state_ = State::Idle;
  stream_.resume();
  time_idling();
}

// It is idle only once it has all that was answered; until then the send is timed.
void ClientConn::time_idling() {
  read_timeout(out().empty() ? proxy_.config().timeouts.keepalive : Millis(0));
}

// Called when the answer is in out(), and again when it has left.
void ClientConn::linger() {
  state_ = State::Lingering;
  read_timer_.disarm();
  // Closing with bytes unread would reset the connection and destroy the answer.
  if (after_ == After::Close && (!input_.empty() || stream_.paused())) after_ = After::Linger;
  input_.clear();
  if (!out().empty()) return;
  if (after_ == After::Reset) return reset();
  if (after_ == After::Close || stream_.ended()) return close();
  stream_.end_sending();
  stream_.resume();
  read_timeout(kLinger);
}

void ClientConn::reset() {
  stream_.reset();
  close();
}

void ClientConn::drain() {
  draining_ = true;
  if (state_ == State::Idle) end();
}

// No further request; what was answered is still sent.
void ClientConn::end() {
  if (out().empty()) return close();
  abandon();
  after_ = After::Linger;
  linger();
}

// Answers that the client does not read are not piled up without end by its pipelined requests.
bool ClientConn::owes_too_much() {
  const std::uint64_t most = proxy_.config().limits.response_buffer;
  return most > 0 && out().size() > most;
}

// An answer that is cut here must not look complete, as one would that only the end of its
// connection ends (RFC 9112 6.3).
void ClientConn::close() {
  state_ = State::Closing;
  const bool cuts = !out().empty() || (exchange_ != nullptr && exchange_->answered());
  abandon();
  read_timer_.disarm();
  send_timer_.disarm();
  if (cuts) stream_.reset();
  stream_.close(io::Stream::Reason::Asked);
}

void ClientConn::on_end() {
  if (state_ != State::Lingering) return take_end();
  if (out().empty()) close();
}

// The client has ended its stream. A whole request is still answered; one that can not become whole
// any more is given up.
void ClientConn::take_end() {
  if (exchange_ == nullptr || state_ != State::Answering) {
    return !input_.empty() && owes_too_much() ? stream_.watch_hangup() : end();
  }
  if (exchange_->message_ended()) {
    exchange_->on_half_close();
  } else if (input_.empty() && exchange_->wants_input()) {
    return exchange_->answered() ? close() : end();
  }
  stream_.watch_hangup();
}

// It has ended its stream, perhaps behind bytes that are not wanted yet, or is gone altogether.
// What can be received is received first.
void ClientConn::on_hangup(bool gone) {
  if (!stream_.paused() && !stream_.ended()) return;
  if (gone) return stream_.close(io::Stream::Reason::HungUp);
  if (state_ == State::Answering && exchange_ != nullptr) exchange_->on_half_close();
}

void ClientConn::on_sent(std::size_t /*bytes*/) {
  send_timer_.disarm();
  stalls_ = 0;
  if (!out().empty()) time_sending();
  if (state_ == State::Lingering) {
    if (out().empty()) linger();
  } else if (state_ == State::Idle) {
    time_idling();
  } else if (exchange_ != nullptr) {
    exchange_->on_client_sent();
  } else if (!input_.empty() && !owes_too_much()) {
    pump();
  }
}

void ClientConn::on_closed() {
  abandon();
  proxy_.remove(*this);
}

void ClientConn::abandon() {
  if (exchange_ == nullptr) return;
  exchange_->abandon();
  proxy_.give_back(*std::exchange(exchange_, nullptr));
}

void ClientConn::on_read_timeout() {
  if (state_ == State::Answering && exchange_ != nullptr) return exchange_->on_body_timeout();
  if (state_ == State::Reading && exchange_ != nullptr && exchange_->parser().started()) {
    state_ = State::Answering;
    return exchange_->on_header_timeout();
  }
  if (state_ == State::Lingering) return close();
  end();
}

// A send ends when all that was gathered for it has left; a slow client makes progress long before.
void ClientConn::on_send_timeout() {
  if (stream_.state() != io::Stream::State::Open) return;
  const std::uint64_t taken = proxy_.loop().ring.taken_by_peer(stream_.fd());
  stalls_ = taken == std::exchange(taken_, taken) ? stalls_ + 1 : 0;
  if (stalls_ >= kLooks) return reset();
  time_sending();
}

void ClientConn::read_timeout(Millis timeout) {
  if (timeout > Millis(0)) {
    proxy_.loop().timers.arm(read_timer_, timeout);
  } else {
    read_timer_.disarm();
  }
}

}  // namespace millrace::proxy
