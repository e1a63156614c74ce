#include "upstream/shared_conn.h"

#include <utility>

#include "base/must.h"
#include "fcgi/record_writer.h"
#include "upstream/backend_pool.h"

namespace millrace::upstream {
namespace {

using Event = fcgi::Event;

constexpr std::size_t kSpoolMemory = std::size_t{256} * 1024;

}  // namespace

Lane::Lane(SharedConn& conn, std::uint16_t id) : BackendLink(conn.stream_, id), conn_(conn) {}

bool Lane::ready() const {
  return conn_.state_ == SharedConn::State::Open;
}

void Lane::take(BackendUser& user) {
  MUST(state_ == State::Free);
  state_ = State::Taken;
  user_ = &user;
  ++serial_;
  ++conn_.users_;
  input_complete_ = paused_ = answering_ = stdout_ended_ = false;
  reused_ = conn_.answered_;
  end_.reset();
}

void Lane::begin_request(Manner /*manner*/) {
  MUST(state_ == State::Taken && ready());
  state_ = State::Busy;
  begun_at_ = conn_.sends_;
  conn_.writing_.push_back(*this);
}

// An application that still reads STDIN would wait for its end for ever.
void Lane::detach() {
  if (state_ == State::Busy && !end_ && !input_complete_) return abort(false);
  leave();
  if (state_ != State::Busy || end_) return give_back();
  state_ = State::Draining;
  const auto timeout = conn_.pool_.drain_timeout();
  if (timeout > io::Millis(0) && !conn_.drain_timer_.armed()) {
    socket_.loop().timers.arm(conn_.drain_timer_, timeout);
  }
  conn_.close_if_done();
}

void Lane::abort(bool drain) {
  if (drain && input_complete_) return detach();
  const bool opening = !ready();
  leave();
  if (state_ != State::Busy || end_) {
    give_back();
    // Nobody else waits for a connection that does not come.
    if (opening) conn_.retire();
    return;
  }
  state_ = State::Aborted;
  fcgi::abort_request(out(), id());
  flush();
  conn_.lane_lost();
}

void Lane::leave() {
  if (std::exchange(user_, nullptr) != nullptr) --conn_.users_;
  base::ListNode<TouchedTag>::unlink();
  base::ListNode<WritingTag>::unlink();
  close_spool();
}

void Lane::give_back() {
  state_ = State::Free;
  conn_.lane_free(*this);
}

void Lane::resume() {
  if (!std::exchange(paused_, false)) return;
  deliver();
}

void Lane::on_record(const fcgi::RecordReader::Step& step, const buffer::Slice& bytes) {
  answering_ = true;
  if (user_ == nullptr) return;
  const bool is_stdout = step.type == fcgi::RecordType::Stdout;
  if (step.event == Event::StreamEnd) {
    if (!is_stdout) return;
    if (spool_ != nullptr) {
      stdout_ended_ = true;
    } else {
      user_->on_stdout_end();
    }
    return;
  }
  if (!is_stdout) return user_->on_stderr(step.content);
  if (paused_ || spool_ != nullptr) return keep(step.content);
  if (!base::ListNode<TouchedTag>::linked()) conn_.touched_.push_back(*this);
  user_->on_stdout(bytes.part(step.content));
}

// The client is slower than the application. Where the disk is too, the neighbours wait as well.
void Lane::keep(std::string_view content) {
  if (spool_ == nullptr) spool_ = &conn_.pool_.spools().open(*this, kSpoolMemory);
  if (!spool_->append(content)) return on_spool_failed(spool_->error());
  set_full(!spool_->wants_more());
}

void Lane::set_full(bool full) {
  if (std::exchange(full_, full) == full) return;
  full ? ++conn_.full_ : --conn_.full_;
  if (conn_.full_ > 0) return socket_.pause();
  socket_.resume();
}

void Lane::on_spool_moved() {
  set_full(!spool_->wants_more());
  deliver();
}

// Hands over what was kept, as far as the user takes it. Each call may end the request, and begin
// another one in this lane.
void Lane::deliver() {
  const std::uint32_t serial = serial_;
  const auto same = [&] { return serial_ == serial && user_ != nullptr; };
  while (spool_ != nullptr && !paused_) {
    buffer::Chain ready(socket_.loop().blocks);
    spool_->take(ready);
    if (ready.empty()) break;
    while (!ready.empty() && same()) {
      buffer::Slice piece = ready.front();
      ready.consume(piece.size());
      user_->on_stdout(std::move(piece));
    }
    if (!same()) return;
    user_->on_backend_pause();
    if (!same()) return;
  }
  if (spool_ == nullptr || paused_ || !spool_->all()) return;
  close_spool();
  if (std::exchange(stdout_ended_, false)) user_->on_stdout_end();
  if (same() && end_) finish();
}

void Lane::on_end(fcgi::EndRequest end) {
  conn_.answered_ = true;
  end_ = end;
  if (user_ == nullptr) return give_back();
  if (end.protocol_status == fcgi::ProtocolStatus::CantMpxConn) conn_.pool_.share_no_more();
  if (spool_ == nullptr) finish();
}

// The lane goes back before the user is told: the user's next request may want it.
void Lane::finish() {
  const fcgi::EndRequest end = *end_;
  BackendUser* user = user_;
  leave();
  give_back();
  user->on_request_end(end);
}

void Lane::on_spool_failed(int error) {
  BackendUser* user = user_;
  abort(false);
  user->on_backend_failed(BackendFailure::Spool, "the answer cannot be kept in a temporary file",
                          error);
}

void Lane::fail(BackendFailure failure, std::string_view reason, int error) {
  BackendUser* user = user_;
  leave();
  state_ = State::Free;
  if (user != nullptr) user->on_backend_failed(failure, reason, error);
}

void Lane::close_spool() {
  if (spool_ == nullptr) return;
  std::exchange(spool_, nullptr)->close();
  set_full(false);
}

SharedConn::SharedConn(BackendPool& pool, io::Loop& loop) : pool_(pool), stream_(loop, *this) {}

Lane* SharedConn::take(BackendUser& user, std::size_t most) {
  if (state_ == State::Closing || !has_room(most)) return nullptr;
  most_ = most;
  if (free_.empty() || lanes_.size() < most) {
    lanes_.push_back(std::make_unique<Lane>(*this, static_cast<std::uint16_t>(lanes_.size() + 1)));
    free_.push_front(*lanes_.back());
  }
  Lane* lane = free_.pop_front();
  ++busy_;
  lane->take(user);
  return lane;
}

Lane* SharedConn::lane(std::uint16_t id) {
  return id == 0 || id > lanes_.size() ? nullptr : lanes_[id - 1].get();
}

void SharedConn::retire() {
  retired_ = true;
  pool_.forget_idle(*this);
  close_if_done();
}

void SharedConn::close_if_done() {
  if (retired_ && users_ == 0) close();
}

// What nobody wants any more has not ended in time.
void SharedConn::on_drain_timeout() {
  for (std::size_t i = 0; i < lanes_.size() && state_ == State::Open; ++i) {
    if (lanes_[i]->state_ != Lane::State::Draining) continue;
    lanes_[i]->state_ = Lane::State::Aborted;
    fcgi::abort_request(stream_.out(), lanes_[i]->id());
    stream_.flush();
    lane_lost();
  }
}

void SharedConn::close() {
  if (state_ == State::Closing) return;
  state_ = State::Closing;
  timer_.disarm();
  drain_timer_.disarm();
  pool_.forget_shared(*this);
  stream_.close(io::Stream::Reason::Asked);
}

void SharedConn::on_open() {
  state_ = State::Open;
  for (std::size_t i = 0; i < lanes_.size() && state_ == State::Open; ++i) {
    Lane& lane = *lanes_[i];
    if (lane.state_ == Lane::State::Taken) lane.user_->on_backend_open();
  }
  if (state_ == State::Open) pool_.hand_lanes(*this);
}

void SharedConn::on_bytes(buffer::Slice bytes) {
  std::string_view rest = bytes.text();
  while (!rest.empty()) {
    const fcgi::RecordReader::Step step = reader_.next(rest);
    rest.remove_prefix(step.consumed);
    if (step.event == Event::NeedMore) break;
    if (!take_record(step, bytes)) return;
  }
  while (Lane* lane = touched_.pop_front()) {
    lane->user_->on_backend_pause();
  }
}

// False: the connection is closed.
bool SharedConn::take_record(const fcgi::RecordReader::Step& step, const buffer::Slice& bytes) {
  if (step.event == Event::Bad) {
    fail(BackendFailure::Protocol, step.reason, 0);
  } else if (step.event != Event::Values) {
    Lane* lane = this->lane(step.id);
    if (lane != nullptr && lane->state_ == Lane::State::Aborted) return true;
    const bool carries =
        lane != nullptr && !lane->end_ &&
        (lane->state_ == Lane::State::Busy || lane->state_ == Lane::State::Draining);
    if (!carries) {
      fail(BackendFailure::Protocol, "a record of a request that is not on this connection", 0);
    } else if (step.event == Event::End) {
      lane->on_end(step.end);
    } else {
      lane->on_record(step, bytes);
    }
  }
  return state_ == State::Open;
}

void SharedConn::lane_free(Lane& lane) {
  --busy_;
  free_.push_back(lane);
  if (closed_ && users_ == 0) stream_.loop().timers.arm(timer_, io::Millis(0));
  if (state_ == State::Closing) return;
  if (retired_ || (busy_ == 0 && state_ == State::Opening)) return retire();
  pool_.offer_lane(*this);
}

// Idle for too long; or closed, and all answers have been handed over.
void SharedConn::on_timeout() {
  if (closed_) return pool_.destroy_shared(*this);
  close();
}

// Its id is in use for ever.
void SharedConn::lane_lost() {
  --busy_;
  retire();
}

// They take turns, since what one writes may leave no room for the next. There are not more of them
// than lanes in use.
void SharedConn::on_sent(std::size_t /*bytes*/) {
  ++sends_;
  for (std::size_t visits = busy_; visits > 0; --visits) {
    Lane* lane = writing_.pop_front();
    if (lane == nullptr) return;
    if (lane->input_complete_) continue;
    writing_.push_back(*lane);
    lane->user_->on_backend_sent();
  }
}

// What it may have sent for its requests is received first.
void SharedConn::on_hangup(bool /*gone*/) {
  if (idle_) close();
}

void SharedConn::on_end() {
  fail(BackendFailure::Unanswered, "it closed the connection", 0);
}

// Every request that it carries is lost, unless its answer is here and whole. New ones that they
// cause find it closed.
void SharedConn::fail(BackendFailure failure, std::string_view reason, int error) {
  close();
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    Lane& lane = *lanes_[i];
    if (lane.end_ && lane.user_ != nullptr) continue;
    BackendFailure of_this = failure;
    if (failure == BackendFailure::Unanswered) {
      if (lane.answering_) of_this = BackendFailure::Died;
      const bool unsent =
          stream_.reason() == io::Stream::Reason::WriteFailed && lane.begun_at_ == sends_;
      if (!lane.answering_ && unsent) of_this = BackendFailure::Unsent;
    }
    lane.fail(of_this, reason, error);
  }
}

void SharedConn::on_closed() {
  if (state_ != State::Closing) {
    // The stream has failed by itself.
    const bool refused = stream_.reason() == io::Stream::Reason::ConnectFailed;
    if (refused) pool_.forget_nature();
    fail(refused ? BackendFailure::Refused : BackendFailure::Unanswered,
         refused ? "connecting failed" : "the connection broke", stream_.error());
  }
  closed_ = true;
  const bool done = users_ == 0;
  pool_.place_free();
  if (done) pool_.destroy_shared(*this);
}

}  // namespace millrace::upstream
