#include "proxy/backend_conn.h"

#include <utility>

#include "base/must.h"
#include "fcgi/record_writer.h"
#include "proxy/backend_pool.h"

namespace millrace::proxy {

using Event = fcgi::Event;

BackendConn::BackendConn(BackendPool& pool, io::Loop& loop) : pool_(pool), stream_(loop, *this) {}

void BackendConn::start(io::Fd fd, const io::SocketAddress& address, BackendUser& user) {
  user_ = &user;
  stream_.connect(fd, address);
}

void BackendConn::take(BackendUser& user) {
  MUST(state_ == State::Idle);
  user_ = &user;
  state_ = State::Ready;
}

void BackendConn::begin_request(bool keep) {
  MUST(state_ == State::Ready);
  state_ = State::Busy;
  keep_ = keep;
  input_complete_ = answering_ = false;
  ++requests_;
}

void BackendConn::detach(bool drain) {
  user_ = nullptr;
  if (state_ != State::Busy || !drain) return close();
  state_ = State::Draining;
  stream_.resume();
  if (!input_complete_) {
    fcgi::abort_request(out(), kRequestId);
    flush();
  }
  stream_.loop().timers.arm(timer_, pool_.drain_timeout());
}

void BackendConn::close() {
  if (state_ == State::Closing) return;
  if (state_ == State::Idle) pool_.forget_idle(*this);
  state_ = State::Closing;
  user_ = nullptr;
  timer_.disarm();
  stream_.close(io::Stream::Reason::Asked);
}

void BackendConn::on_open() {
  state_ = State::Ready;
  if (user_ == nullptr) return close();
  user_->on_backend_open();
}

void BackendConn::on_bytes(buffer::Slice bytes) {
  if (state_ == State::Ready) return fail(BackendFailure::Protocol, "bytes before a request");
  if (state_ == State::Idle) return close();
  answering_ = true;
  std::string_view rest = bytes.text();
  while (!rest.empty()) {
    const fcgi::RecordReader::Step step = reader_.next(rest);
    rest.remove_prefix(step.consumed);
    if (step.event == Event::NeedMore) break;
    if (step.event == Event::Bad) return fail(BackendFailure::Protocol, step.reason);
    if (step.event == Event::Values) continue;
    if (step.id != kRequestId) {
      return fail(BackendFailure::Protocol, "a record of a request that is not on this connection");
    }
    if (step.event == Event::End) return finish_request(step.end, !rest.empty());
    if (user_ != nullptr) take_record(step, bytes);
    if (state_ == State::Closing) return;
  }
  if (user_ != nullptr) user_->on_backend_pause();
}

void BackendConn::take_record(const fcgi::RecordReader::Step& step, const buffer::Slice& bytes) {
  const bool is_stdout = step.type == fcgi::RecordType::Stdout;
  if (step.event == Event::StreamEnd) {
    if (is_stdout) user_->on_stdout_end();
  } else if (is_stdout) {
    user_->on_stdout(bytes.part(step.content));
  } else {
    user_->on_stderr(step.content);
  }
}

// The connection goes back before the user is told: the user's next request may want it.
void BackendConn::finish_request(fcgi::EndRequest end, bool surplus) {
  BackendUser* user = std::exchange(user_, nullptr);
  timer_.disarm();
  stream_.resume();
  if (keep_ && input_complete_ && out().empty() && !surplus) {
    state_ = State::Idle;
    pool_.offer(*this);
  } else {
    close();
  }
  if (user != nullptr) user->on_request_end(end);
}

void BackendConn::on_end() {
  if (state_ == State::Idle || state_ == State::Draining) return close();
  fail(lost(), "it closed the connection");
}

void BackendConn::on_sent(std::size_t /*bytes*/) {
  if (user_ != nullptr && state_ == State::Busy) user_->on_backend_sent();
}

void BackendConn::on_closed() {
  if (state_ != State::Closing) {
    // The stream has failed by itself.
    const bool refused = stream_.reason() == io::Stream::Reason::ConnectFailed;
    if (state_ == State::Idle) pool_.forget_idle(*this);
    state_ = State::Closing;
    if (BackendUser* user = std::exchange(user_, nullptr)) {
      user->on_backend_failed(refused ? BackendFailure::Refused : lost(),
                              refused ? "connecting failed" : "the connection broke",
                              stream_.error());
    }
  }
  pool_.remove(*this);
}

void BackendConn::on_timeout() { close(); }

void BackendConn::fail(BackendFailure failure, std::string_view reason) {
  BackendUser* user = std::exchange(user_, nullptr);
  close();
  if (user != nullptr) user->on_backend_failed(failure, reason, 0);
}

}  // namespace millrace::proxy
