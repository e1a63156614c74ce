#include "support/fake_client.h"

#include <algorithm>

namespace millrace::testing {
namespace {

constexpr Millis kContinueWait{1'000};

}  // namespace

bool FakeClient::step(Millis now) {
  if (over() || now < next_) return false;
  const bool wrote = write(now);
  if (over()) return true;
  const bool got = read();
  if (over()) return true;
  if (replies_.size() == plan_.asks.size() && done_at_ == Millis::max()) {
    done_at_ = now + plan_.stays;
  }
  if (now >= done_at_ && !half_closed_) {
    finish(End::Done);
    return true;
  }
  if (wrote || got) next_ = now + plan_.gap;
  return wrote || got;
}

Millis FakeClient::next() const {
  if (over()) return Millis::max();
  Millis at = std::min(done_at_, continue_at_);
  if (link_->readable() || may_write()) at = std::min(at, next_);
  return at;
}

void FakeClient::hurry() {
  plan_.write_most = plan_.read_most = SIZE_MAX;
  plan_.gap = Millis(0);
  next_ = Millis(0);
}

bool FakeClient::may_write() const {
  if (asked_ == plan_.asks.size() || half_closed_) return false;
  return plan_.pipelined || asked_ == replies_.size();
}

bool FakeClient::write(Millis now) {
  if (!may_write() || link_->broken()) return false;
  const Ask& ask = plan_.asks[asked_];
  std::size_t end = ask.bytes.size();
  if (ask.waits_at <= offset_ && !continued_) {
    if (continue_at_ == Millis::max()) continue_at_ = now + kContinueWait;
    continued_ = now >= continue_at_ || interims_.size() > interims_before_;
    if (!continued_) return false;
    continue_at_ = Millis::max();
  }
  if (!continued_) end = std::min(end, ask.waits_at);
  const bool leaves =
      plan_.leave == ClientPlan::Leave::Closes || plan_.leave == ClientPlan::Leave::Resets;
  std::size_t most = std::min(plan_.write_most, end - offset_);
  if (leaves) most = std::min(most, plan_.leave_after - std::min(plan_.leave_after, written_));
  const std::size_t bytes = link_->write(std::string_view(ask.bytes).substr(offset_, most));
  offset_ += bytes;
  written_ += bytes;
  if (bytes > 0) begun_ = asked_ + 1;
  if (offset_ == ask.bytes.size()) {
    ++asked_;
    interims_before_ = interims_.size();
    offset_ = 0;
    continued_ = false;
  }
  if (leaves && written_ >= plan_.leave_after) {
    finish(End::Left);
  } else if (plan_.leave == ClientPlan::Leave::HalfCloses && asked_ == plan_.asks.size()) {
    half_closed_ = true;
    link_->end();
  }
  return bytes > 0;
}

bool FakeClient::read() {
  const std::string bytes = link_->read(plan_.read_most);
  take_bytes(bytes);
  if (reader_.bad()) {
    finish(End::BadReply);
  } else if (link_->broken()) {
    end_ = End::Broken;
  } else if (link_->ended()) {
    if (reader_.end_of_connection()) replies_.push_back(reader_.take());
    finish(End::ProxyEnd);
  }
  return !bytes.empty();
}

void FakeClient::take_bytes(std::string_view bytes) {
  while (!bytes.empty() && !reader_.bad()) {
    const bool last = !replies_.empty() && replies_.back().field("connection") == "close";
    if (last || replies_.size() >= std::max(begun_, std::size_t{1})) {
      surplus_ += bytes;
      return;
    }
    // A request that has not been read whole is answered without knowing its method.
    const std::size_t at = replies_.size();
    reader_.expect_head_request(plan_.asks[at].head && at < asked_);
    bytes.remove_prefix(reader_.feed(bytes));
    if (!reader_.whole()) continue;
    Reply reply = reader_.take();
    (reply.interim() ? interims_ : replies_).push_back(std::move(reply));
  }
}

void FakeClient::finish(End end) {
  end_ = end;
  if (end == End::Left && plan_.leave == ClientPlan::Leave::Resets) {
    link_->reset();
  } else {
    link_->close();
  }
}

}  // namespace millrace::testing
