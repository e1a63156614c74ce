#include "upstream/backend_pool.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/log.h"

namespace millrace::upstream {
namespace {

using config::Millis;

constexpr Millis kFirstTick{8};  // how often first bytes are looked for
// How long a first byte may be awaited until idle connections are suspected of holding its process:
// less where it is known that a connection holds one.
constexpr Millis kFirstByte{50};
constexpr Millis kFirstByteOneByOne{8};

}  // namespace

BackendPool::Acquired BackendPool::acquire(BackendUser& user, Wish wish) {
  const bool shared = shares(wish.share);
  if (handed_ != nullptr) {
    BackendConn* conn = std::exchange(handed_, nullptr);
    conn->take(user);
    return {Outcome::Got, conn};
  }
  if (shared && handed_lane_ != nullptr) {
    if (Lane* lane = handed_lane_->take(user, lanes_max(wish.share))) {
      handed_lane_ = nullptr;
      return {Outcome::Got, lane};
    }
  }
  if (granted_ > 0) {
    --granted_;
    return open(user, wish.share);
  }
  const bool others_wait = is_.table.waiting(is_.index) > 0;
  if (shared && !others_wait) {
    if (Lane* lane = take_lane(user, lanes_max(wish.share), wish.fresh)) {
      return {Outcome::Got, lane};
    }
  }
  BackendConn* idle = others_wait ? nullptr : idle_.front();
  if (idle != nullptr && !wish.fresh) {
    forget_idle(*idle);
    idle->take(user);
    return {Outcome::Got, idle};
  }
  if (!wish.fresh && free_soon()) return {Outcome::Soon, nullptr};
  if (!is_.table.try_open(is_.index)) return {Outcome::Wait, nullptr};
  return open(user, wish.share);
}

// There is a place for it.
BackendPool::Acquired BackendPool::open(BackendUser& user, std::size_t share) {
  const io::Fd fd = loop_.ring.open_socket(is_.address);
  if (fd < 0) {
    place_free();
    base::Log::write(
        base::Level::Error, {},
        "no socket for " + backend().address.text() + ": errno " + std::to_string(-fd));
    return {Outcome::Exhausted, nullptr};
  }
  if (shares(share)) {
    SharedConn* conn = lanes_.make(*this, loop_);
    shared_.push_back(*conn);
    conn->start(fd, is_.address);
    return {Outcome::Got, conn->take(user, std::max<std::size_t>(1, lanes_max(share)))};
  }
  BackendConn* conn = connections_.make(*this, loop_);
  conn->start(fd, is_.address, user);
  return {Outcome::Got, conn};
}

// A probe is answered within microseconds, unless the process is still at work: a moment's patience
// saves most new connections.
bool BackendPool::free_soon() {
  if (is_.table.waiting(is_.index) > 0) return false;
  std::size_t young = 0;
  for (BackendConn* conn = probing_.back(); conn != nullptr; conn = probing_.previous(*conn)) {
    if (loop_.timers.now() - conn->probed_at_ > kBriefly / 2) break;
    if (++young > brief_count_) return true;
  }
  return false;
}

void BackendPool::begin_probing(BackendConn& conn) {
  conn.probed_at_ = loop_.timers.now();
  probing_.push_back(conn);
}

bool BackendPool::wait(Waiter& waiter) {
  const auto queued = is_.table.wait(is_.index, is_.worker);
  if (queued.has_place) {
    ++granted_;
    return true;
  }
  waiter.ticket = queued.ticket.number;
  waiting_.push_back(waiter);
  give_up_idle();
  if (is_.table.idle(is_.index) > 0) is_.post.wake_others(is_.worker);
  return false;
}

void BackendPool::wait_briefly(Waiter& waiter) {
  waiter.ticket = 0;
  brief_.push_back(waiter);
  ++brief_count_;
}

void BackendPool::leave(Waiter& waiter) {
  if (!waiter.linked()) return;
  waiter.unlink();
  if (waiter.ticket == 0) {
    --brief_count_;
    return;
  }
  // Where a grant is under way, on_grant() will find nobody and pass it on.
  static_cast<void>(is_.table.leave(is_.index, {.number = waiter.ticket, .worker = is_.worker}));
}

void BackendPool::on_grant(std::uint64_t ticket) {
  Waiter* waiter = find(ticket);
  if (waiter == nullptr) return place_free();
  waiter->unlink();
  ++granted_;
  waiter->on_place();
}

Waiter* BackendPool::find(std::uint64_t ticket) {
  Waiter* waiter = waiting_.front();
  while (waiter != nullptr && waiter->ticket != ticket) {
    waiter = waiting_.next(*waiter);
  }
  return waiter;
}

// A place of this worker's is not needed any more: the next who waits has it. Whoever is told may
// give it back before it returns, and the next one too; their places are passed on by the same
// loop, however many they are.
void BackendPool::place_free() {
  if (++free_places_ > 1) return;
  for (; free_places_ > 0; --free_places_) {
    pass_on_place();
  }
}

void BackendPool::pass_on_place() {
  while (const auto next = is_.table.closed(is_.index)) {
    if (next->worker == is_.worker) return on_grant(next->number);
    if (is_.post.grant(next->worker, {.backend = is_.index, .ticket = next->number})) return;
  }
}

void BackendPool::give_up_idle() {
  std::uint64_t wanted = is_.table.waiting(is_.index) + is_.table.starving(is_.index);
  for (; wanted > 0 && !idle_.empty(); --wanted) {
    idle_.back()->close();
  }
  for (SharedConn* conn = shared_.front(); conn != nullptr && wanted > 0;) {
    SharedConn* next = shared_.next(*conn);
    if (conn->busy() == 0) {
      conn->close();
      --wanted;
    }
    conn = next;
  }
}

void BackendPool::drain() {
  draining_ = true;
  for (auto* list : {&idle_, &probing_, &unwanted_}) {
    while (BackendConn* conn = list->front()) {
      conn->close();
    }
  }
  retire_shared();
  for (; leases_ > 0; --leases_) {
    is_.table.unkeep(is_.index);
  }
}

void BackendPool::offer(BackendConn& conn) {
  const bool share = shares(conn.manner_.share);  // A shared one is for more who wait.
  if (draining_ || share || is_.table.starving(is_.index) > 0) return conn.close();
  if (const auto first = is_.table.take_first(is_.index, is_.worker)) {
    Waiter* waiter = find(first->number);
    if (waiter != nullptr && hand_to(handed_, conn, *waiter)) return;
  }
  if (Waiter* waiter = brief_.front()) {
    --brief_count_;
    if (hand_to(handed_, conn, *waiter)) return;
  }
  if (is_.table.waiting(is_.index) > 0 || !keep_place()) return conn.close();
  ++idle_count_;
  idle_.push_front(conn);
  if (backend().idle_timeout > Millis(0)) loop_.timers.arm(conn.timer_, backend().idle_timeout);
  if (!tick_.armed()) loop_.timers.arm(tick_, kLeaseTick);
  // Whoever began to wait meanwhile has not seen this one.
  if (is_.table.waiting(is_.index) > 0) give_up_idle();
}

bool BackendPool::keep_place() {
  if (backend().idle == 0) return false;
  if (idle_count_ < leases_) return true;
  if (!is_.table.try_keep(is_.index)) return false;
  ++leases_;
  return true;
}

// One that is closed as it is offered is not among them yet.
void BackendPool::forget_idle(BackendConn& conn) {
  if (!conn.base::ListNode<IdleTag>::linked()) return;
  conn.base::ListNode<IdleTag>::unlink();
  conn.timer_.disarm();
  --idle_count_;
}

void BackendPool::remove(BackendConn& conn) {
  end_first(conn);
  connections_.destroy(&conn);
  place_free();
}

void BackendPool::begin_first(BackendConn& conn) {
  if (nature() == balance::Nature::Multiplexing) return;
  conn.first_since_ = loop_.timers.now();
  // A tick that is due already is not put off by those who come later.
  if (first_.empty()) loop_.timers.arm(tick_, kFirstTick);
  first_.push_back(conn);
}

void BackendPool::end_first(BackendConn& conn) {
  conn.base::ListNode<FirstTag>::unlink();
  if (std::exchange(conn.starving_, false)) is_.table.add_starving(is_.index, -1);
}

void BackendPool::count_starving() {
  const bool one_by_one = nature() == balance::Nature::OneByOne;
  const Millis late = loop_.timers.now() - (one_by_one ? kFirstByteOneByOne : kFirstByte);
  bool more = false;
  for (BackendConn* conn = first_.front(); conn != nullptr; conn = first_.next(*conn)) {
    if (conn->first_since_ > late) break;
    if (!std::exchange(conn->starving_, true)) {
      is_.table.add_starving(is_.index, 1);
      more = true;
    }
  }
  if (!more) return;
  give_up_idle();
  is_.post.wake_others(is_.worker);
}

void BackendPool::return_leases() {
  const std::size_t used = std::max(idle_count_, connections());
  std::size_t surplus = leases_ - std::min(leases_, used);
  for (surplus = (surplus + 1) / 2; surplus > 0; --surplus, --leases_) {
    is_.table.unkeep(is_.index);
  }
}

void BackendPool::on_tick() {
  count_starving();
  return_leases();
  if (!first_.empty()) {
    loop_.timers.arm(tick_, kFirstTick);
  } else if (leases_ > 0) {
    loop_.timers.arm(tick_, kLeaseTick);
  }
}

}  // namespace millrace::upstream
