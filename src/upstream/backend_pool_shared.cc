// Connections that requests share.
#include <algorithm>
#include <charconv>
#include <utility>

#include "upstream/backend_pool.h"

namespace millrace::upstream {

// The fullest connection that has a lane, so that the others become idle.
// One that is open is better than one that may never be. `fresh`: one that has not served yet.
Lane* BackendPool::take_lane(BackendUser& user, std::size_t most, bool fresh) {
  SharedConn* fullest = nullptr;
  const auto value = [](const SharedConn& conn) {
    return std::pair(conn.state_ == SharedConn::State::Open, conn.busy());
  };
  for (SharedConn* conn = shared_.front(); conn != nullptr; conn = shared_.next(*conn)) {
    if (!conn->has_room(most) || (fresh && conn->answered_)) continue;
    if (fullest == nullptr || value(*conn) > value(*fullest)) fullest = conn;
  }
  if (fullest == nullptr) return nullptr;
  forget_idle(*fullest);
  return fullest->take(user, most);
}

std::size_t BackendPool::lanes_max(std::size_t share) const {
  return std::min<std::size_t>(share, is_.table.requests_max(is_.index));
}

void BackendPool::set_requests_max(std::string_view number) {
  std::uint32_t most = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), most);
  const bool whole = error == std::errc() && end == number.data() + number.size();
  if (whole && most > 0) is_.table.set_requests_max(is_.index, most);
}

// One idle connection is kept, not all that a rush has needed.
void BackendPool::offer_lane(SharedConn& conn) {
  hand_lanes(conn);
  if (conn.busy() > 0 || conn.state_ == SharedConn::State::Closing) return;
  const bool wanted = is_.table.waiting(is_.index) + is_.table.starving(is_.index) > 0;
  if (draining_ || wanted || has_idle_shared() || !keep_place()) return conn.close();
  ++idle_count_;
  conn.idle_ = true;
  conn.stream_.watch_hangup();
  if (backend().idle_timeout > config::Millis(0)) {
    loop_.timers.arm(conn.timer_, backend().idle_timeout);
  }
  if (!tick_.armed()) loop_.timers.arm(tick_, kLeaseTick);
  if (is_.table.waiting(is_.index) > 0) give_up_idle();
}

// To requests of this worker that wait for a place.
void BackendPool::hand_lanes(SharedConn& conn) {
  while (conn.has_room(std::min(conn.most_, lanes_max(conn.most_)))) {
    const auto first = is_.table.take_first(is_.index, is_.worker);
    if (!first) return;
    Waiter* waiter = find(first->number);
    if (waiter != nullptr && !hand_to(handed_lane_, conn, *waiter)) return;
  }
}

bool BackendPool::has_idle_shared() {
  for (SharedConn* conn = shared_.front(); conn != nullptr; conn = shared_.next(*conn)) {
    if (conn->idle_) return true;
  }
  return false;
}

void BackendPool::forget_idle(SharedConn& conn) {
  if (!std::exchange(conn.idle_, false)) return;
  conn.timer_.disarm();
  --idle_count_;
}

void BackendPool::forget_shared(SharedConn& conn) {
  forget_idle(conn);
  conn.unlink();
}

void BackendPool::destroy_shared(SharedConn& conn) {
  lanes_.destroy(&conn);
}

void BackendPool::share_no_more() {
  set_nature(balance::Nature::Alone);
  retire_shared();
}

void BackendPool::retire_shared() {
  for (SharedConn* conn = shared_.front(); conn != nullptr;) {
    SharedConn* next = shared_.next(*conn);
    conn->retire();
    conn = next;
  }
}

}  // namespace millrace::upstream
