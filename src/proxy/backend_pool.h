// One worker's connections to one address of applications: those kept idle, and the requests that wait
// for a place, first come first served. How many there may be over all workers is balance::BackendTable's
// to say.
#pragma once

#include <cstddef>

#include "balance/backend_table.h"
#include "base/list.h"
#include "base/slab.h"
#include "config/config.h"
#include "io/loop.h"
#include "proxy/backend_conn.h"

namespace millrace::proxy {

struct WaitingTag;

// A request that waits for a place.
class Waiter : public base::ListNode<WaitingTag> {
 public:
  // A place may be free: acquire() again.
  virtual void on_place() = 0;

 protected:
  ~Waiter() = default;
};

class BackendPool {
 public:
  BackendPool(io::Loop& loop, const config::Backend& backend, std::size_t index,
              const io::SocketAddress& address, balance::BackendTable& table,
              config::Millis drain_timeout)
      : loop_(loop),
        backend_(backend),
        index_(index),
        address_(address),
        table_(table),
        drain_timeout_(drain_timeout) {}
  BackendPool(const BackendPool&) = delete;
  BackendPool& operator=(const BackendPool&) = delete;
  ~BackendPool() = default;

  // A connection for `user`: an idle one, in state Ready; or a new one, in state Opening, which tells
  // when it is open. Null where no further connection is allowed: wait(). `fresh`: a new one only.
  BackendConn* acquire(BackendUser& user, bool fresh);
  // Queues behind the others. The waiter is taken off the queue and told when a place is free.
  void wait(Waiter& waiter);
  // The most connections, or the number of processes, is configured: an aborted request keeps its
  // place until the application is done with it.
  [[nodiscard]] bool bounded() const { return backend_.max > 0 || backend_.slots > 0; }

  // How long the end of a request that nobody wants any more is awaited.
  [[nodiscard]] config::Millis drain_timeout() const { return drain_timeout_; }

  [[nodiscard]] const config::Backend& backend() const { return backend_; }
  [[nodiscard]] std::size_t connections() const { return connections_.in_use(); }
  // Closes what is idle, and everything that becomes idle from now on.
  void drain();

 private:
  friend class BackendConn;
  // A connection has ended its request and could be used again; the pool keeps it or closes it.
  void offer(BackendConn& conn);
  void forget_idle(BackendConn& conn);
  void remove(BackendConn& conn);
  void serve_waiting();
  void return_leases();
  void on_tick();

  io::Loop& loop_;
  const config::Backend& backend_;
  const std::size_t index_;
  const io::SocketAddress& address_;
  balance::BackendTable& table_;
  const config::Millis drain_timeout_;
  base::Slab<BackendConn> connections_{16};
  base::List<BackendConn, IdleTag> idle_;  // the last used first
  base::List<Waiter, WaitingTag> waiting_;
  std::size_t idle_count_ = 0;
  // Places for idle connections that this worker has got from the table. Given back by and by, so
  // that a busy worker need not touch the table for every request.
  std::size_t leases_ = 0;
  io::Timer tick_ = io::Timer::to<&BackendPool::on_tick>(this);
  bool draining_ = false;
  bool serving_ = false;  // a waiter is being told
};

}  // namespace millrace::proxy
