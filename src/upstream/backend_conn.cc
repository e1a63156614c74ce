#include "upstream/backend_conn.h"

#include <utility>

#include "base/must.h"
#include "fcgi/params.h"
#include "fcgi/record_writer.h"
#include "upstream/backend_pool.h"

namespace millrace::upstream {
namespace {

using Event = fcgi::Event;
using balance::Nature;

// How long the first GET_VALUES of an address may take to be answered.
constexpr io::Millis kFirstProbe{100};

}  // namespace

BackendConn::BackendConn(BackendPool& pool, io::Loop& loop)
    : BackendLink(stream_, kRequestId), pool_(pool), stream_(loop, *this) {}

void BackendConn::start(io::Fd fd, const io::SocketAddress& address, BackendUser& user) {
  user_ = &user;
  stream_.connect(fd, address);
}

void BackendConn::take(BackendUser& user) {
  MUST(state_ == State::Idle);
  user_ = &user;
  state_ = State::Ready;
}

void BackendConn::begin_request(Manner manner) {
  MUST(state_ == State::Ready);
  state_ = State::Busy;
  manner_ = manner;
  input_complete_ = answering_ = sent_ = false;
  ++requests_;
  if (requests_ == 1) pool_.begin_first(*this);
}

void BackendConn::abort(bool drain) {
  user_ = nullptr;
  if (state_ != State::Busy || !drain || pool_.draining()) return close();
  state_ = State::Draining;
  pool_.begin_draining(*this);
  stream_.resume();
  watch();
  if (!input_complete_) {
    fcgi::abort_request(out(), kRequestId);
    flush();
  }
  time_drain();
}

// 0: no limit.
void BackendConn::time_drain() {
  if (pool_.drain_timeout() > io::Millis(0)) {
    stream_.loop().timers.arm(timer_, pool_.drain_timeout());
  }
}

void BackendConn::close() {
  if (state_ == State::Closing) return;
  if (state_ == State::Idle) pool_.forget_idle(*this);
  pool_.end_first(*this);
  base::ListNode<IdleTag>::unlink();
  state_ = State::Closing;
  user_ = nullptr;
  timer_.disarm();
  stream_.close(io::Stream::Reason::Asked);
}

void BackendConn::on_open() {
  state_ = State::Ready;
  user_->on_backend_open();
}

void BackendConn::on_bytes(buffer::Slice bytes) {
  std::string_view rest = bytes.text();
  while (!rest.empty()) {
    const fcgi::RecordReader::Step step = reader_.next(rest);
    rest.remove_prefix(step.consumed);
    if (step.event == Event::NeedMore) break;
    if (step.event == Event::End && carries() && step.id == kRequestId) {
      return finish_request(step.end, !rest.empty());
    }
    if (!take_record(step, bytes)) return;
  }
  if (!reader_.at_boundary()) begin_answer();
  if (state_ == State::Idle && !reader_.at_boundary()) return close();
  if (user_ != nullptr && state_ == State::Busy) user_->on_backend_pause();
}

// Something other than an answer to GET_VALUES has come.
void BackendConn::begin_answer() {
  if (carries() && !std::exchange(answering_, true)) pool_.end_first(*this);
}

// False: the connection is closed, or was closed by its user.
bool BackendConn::take_record(const fcgi::RecordReader::Step& step, const buffer::Slice& bytes) {
  if (step.event == Event::Bad) {
    fail(BackendFailure::Protocol, step.reason);
    return false;
  }
  if (step.event == Event::Values) {
    on_values(step.content);
    return state_ != State::Closing;
  }
  if (!carries()) {
    fail(BackendFailure::Protocol, "a record without a request");
    return false;
  }
  if (step.id != kRequestId) {
    fail(BackendFailure::Protocol, "a record of a request that is not on this connection");
    return false;
  }
  begin_answer();
  if (user_ != nullptr) hand_over(step, bytes);
  return state_ != State::Closing;
}

void BackendConn::hand_over(const fcgi::RecordReader::Step& step, const buffer::Slice& bytes) {
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
  begin_answer();
  BackendUser* user = std::exchange(user_, nullptr);
  timer_.disarm();
  base::ListNode<IdleTag>::unlink();
  stream_.resume();
  if (!input_complete_ || !out().empty() || surplus || stream_.ended() || pool_.draining()) {
    close();
  } else {
    probe_or_free();
  }
  if (user != nullptr) user->on_request_end(end);
}

// An application that serves one connection at a time is asked each time. One that is not known yet
// is asked once, and is used meanwhile as if it were free, unless it may be PHP or its processes
// are counted. A connection that is not kept is proven free too where its place stands for a
// process: else the place would be given to a request that must wait for the process in vain.
void BackendConn::probe_or_free() {
  const Nature nature = pool_.nature();
  const bool wanted = manner_.probe && (manner_.keep || pool_.counts_processes());
  const bool first = nature == Nature::Unknown && wanted && pool_.begin_asking();
  if (!wanted || (nature != Nature::OneByOne && !first)) return become_free();
  fcgi::get_values(out(), true);
  flush();
  if (first && !manner_.careful && !pool_.counts_processes()) return become_free();
  state_ = State::Probing;
  pool_.begin_probing(*this);
  if (first) stream_.loop().timers.arm(timer_, kFirstProbe);
}

void BackendConn::become_free() {
  if (!manner_.keep) return close();
  state_ = State::Idle;
  watch();
  pool_.offer(*this);
}

// Go's net/http/fcgi sends a second, empty one: it says nothing.
void BackendConn::on_values(std::string_view pairs) {
  fcgi::PairReader reader(pairs);
  fcgi::Pair pair;
  while (reader.next(pair) == fcgi::PairReader::Event::Pair) {
    if (pair.name == fcgi::kMpxsConns && pool_.nature() != Nature::Alone) {
      pool_.set_nature(pair.value == "1" ? Nature::Multiplexing : Nature::OneByOne);
    } else if (pair.name == fcgi::kMaxReqs) {
      pool_.set_requests_max(pair.value);
    }
  }
  if (state_ != State::Probing) return;
  if (pool_.nature() == Nature::Unknown || pool_.nature() == Nature::Silent) {
    pool_.set_nature(Nature::OneByOne);
  }
  timer_.disarm();
  base::ListNode<IdleTag>::unlink();
  become_free();
}

void BackendConn::on_end() {
  if (state_ != State::Busy && state_ != State::Ready) return close();
  fail(lost(), "it closed the connection");
}

// Of a request it may have sent more, which is received first.
void BackendConn::on_hangup(bool /*gone*/) {
  if (state_ == State::Idle || state_ == State::Probing) close();
}

BackendFailure BackendConn::lost() const {
  if (answering_) return BackendFailure::Died;
  const bool unsent = !sent_ && stream_.reason() == io::Stream::Reason::WriteFailed;
  return unsent ? BackendFailure::Unsent : BackendFailure::Unanswered;
}

void BackendConn::on_sent(std::size_t /*bytes*/) {
  sent_ = true;
  if (user_ != nullptr && state_ == State::Busy) user_->on_backend_sent();
}

void BackendConn::on_closed() {
  if (state_ != State::Closing) {
    // The stream has failed by itself.
    const bool refused = stream_.reason() == io::Stream::Reason::ConnectFailed;
    if (state_ == State::Idle) pool_.forget_idle(*this);
    pool_.end_first(*this);
    state_ = State::Closing;
    if (refused) pool_.forget_nature();
    if (BackendUser* user = std::exchange(user_, nullptr)) {
      user->on_backend_failed(refused ? BackendFailure::Refused : lost(),
                              refused ? "connecting failed" : "the connection broke",
                              stream_.error());
    }
  }
  pool_.remove(*this);
}

// Idle or draining for too long; or the first probe of an address was not answered in time: then
// none is sent any more, until an answer comes after all. The connection that waits for it is not
// missed.
void BackendConn::on_timeout() {
  if (state_ != State::Probing || pool_.nature() != Nature::Unknown) return close();
  pool_.set_nature(Nature::Silent);
  if (pool_.bounded()) return close();
  time_drain();
}

void BackendConn::fail(BackendFailure failure, std::string_view reason) {
  BackendUser* user = std::exchange(user_, nullptr);
  close();
  if (user != nullptr) user->on_backend_failed(failure, reason, 0);
}

}  // namespace millrace::upstream
