#include "proxy/backend_pool.h"

#include <algorithm>
#include <string>

#include "base/log.h"

namespace millrace::proxy {
namespace {

using config::Millis;

// How often places held by other workers are asked for while requests wait here, and how often
// unused leases are given back.
constexpr Millis kWaitingTick{10};
constexpr Millis kLeaseTick{1'000};

}  // namespace

BackendConn* BackendPool::acquire(BackendUser& user, bool fresh) {
  if (!waiting_.empty() && !serving_) return nullptr;
  const bool may_open = !(fresh || idle_.empty()) || table_.try_open(index_);
  const bool opening = may_open && (fresh || idle_.empty());
  if (!opening) {
    BackendConn* conn = idle_.front();
    if (conn == nullptr) return nullptr;
    forget_idle(*conn);
    conn->take(user);
    return conn;
  }
  const io::Fd fd = loop_.ring.open_socket(address_);
  if (fd < 0) {
    table_.closed(index_);
    base::Log::write(base::Level::Error, {},
                     "no socket for " + backend_.address.text() + ": errno " + std::to_string(-fd));
    return nullptr;
  }
  BackendConn* conn = connections_.make(*this, loop_);
  conn->start(fd, address_, user);
  return conn;
}

void BackendPool::wait(Waiter& waiter) {
  waiting_.push_back(waiter);
  loop_.timers.arm(tick_, kWaitingTick);
}

void BackendPool::drain() {
  draining_ = true;
  while (BackendConn* conn = idle_.front()) conn->close();
}

void BackendPool::offer(BackendConn& conn) {
  const bool leased = idle_count_ < leases_ || table_.try_keep(index_);
  if (draining_ || backend_.idle == 0 || !leased) return conn.close();
  if (idle_count_ == leases_) ++leases_;
  ++idle_count_;
  idle_.push_front(conn);
  loop_.timers.arm(conn.timer_, backend_.idle_timeout);
  if (backend_.idle_timeout == Millis(0)) conn.timer_.disarm();
  if (!tick_.armed()) loop_.timers.arm(tick_, kLeaseTick);
  serve_waiting();
}

void BackendPool::forget_idle(BackendConn& conn) {
  conn.unlink();
  conn.timer_.disarm();
  --idle_count_;
}

void BackendPool::remove(BackendConn& conn) {
  connections_.destroy(&conn);
  table_.closed(index_);
  serve_waiting();
}

void BackendPool::serve_waiting() {
  if (serving_) return;
  serving_ = true;
  while (!waiting_.empty()) {
    const bool room = backend_.max == 0 || table_.open(index_) < backend_.max;
    if (idle_.empty() && !room) break;
    Waiter* waiter = waiting_.pop_front();
    waiter->on_place();
    if (waiter->linked()) break;  // It found none after all.
  }
  serving_ = false;
}

void BackendPool::return_leases() {
  std::size_t surplus = leases_ - std::min(leases_, std::max(idle_count_, connections()));
  for (surplus = (surplus + 1) / 2; surplus > 0; --surplus, --leases_) table_.unkeep(index_);
}

void BackendPool::on_tick() {
  serve_waiting();
  return_leases();
  if (!waiting_.empty()) {
    loop_.timers.arm(tick_, kWaitingTick);
  } else if (leases_ > 0) {
    loop_.timers.arm(tick_, kLeaseTick);
  }
}

}  // namespace millrace::proxy
