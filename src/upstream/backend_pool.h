// One worker's connections to one address of applications: those in use, those kept idle, and the
// requests of this worker that wait for a place. How many there may be over all workers, and whose
// turn it is, is balance::BackendTable's to say; other workers are told through the Post.
//
// Nothing starves behind an idle connection: one is given up as soon as a request on any worker
// waits for a place, or has waited for a first byte on a connection that has never answered. That
// connection may still stand in the application's backlog, because the process that could take it
// serves the idle one.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include "balance/backend_table.h"
#include "base/list.h"
#include "base/slab.h"
#include "config/config.h"
#include "io/loop.h"
#include "io/spool.h"
#include "upstream/backend_conn.h"
#include "upstream/post.h"
#include "upstream/shared_conn.h"

namespace millrace::upstream {

struct WaitingTag;

// A request that waits for a place.
class Waiter : public base::ListNode<WaitingTag> {
 public:
  // A place is free: acquire() now, which gives a connection.
  virtual void on_place() = 0;

  std::uint64_t ticket = 0;  // the pool's own

 protected:
  ~Waiter() = default;
};

class BackendPool {
 public:
  struct Setting {
    const config::Backend& backend;
    std::size_t index;   // in the configuration
    std::size_t worker;  // whose pool it is
    const io::SocketAddress& address;
    balance::BackendTable& table;
    Post& post;
    config::Millis drain_timeout;
    io::Spools& spools;
  };

  BackendPool(io::Loop& loop, const Setting& setting) : loop_(loop), is_(setting) {}
  BackendPool(const BackendPool&) = delete;
  BackendPool& operator=(const BackendPool&) = delete;
  ~BackendPool() = default;

  enum class Outcome : std::uint8_t {
    Got,        // `link`: ready, or it tells when it is
    Soon,       // a connection is about to be proven free: wait_briefly(), at most kBriefly
    Wait,       // no place: wait()
    Exhausted,  // the system has no socket for it
  };
  struct Acquired {
    Outcome outcome = Outcome::Wait;
    BackendLink* link = nullptr;
  };
  struct Wish {
    bool fresh = false;     // rather a new connection, at once
    std::size_t share = 0;  // Manner's
  };
  // A connection for `user`, or a lane of one.
  Acquired acquire(BackendUser& user, Wish wish);
  // Requests that want to share get lanes.
  [[nodiscard]] bool shares(std::size_t share) const {
    return share > 0 && nature() == balance::Nature::Multiplexing && !counts_processes();
  }
  // The waiter is told when the connection is free. Otherwise it leaves, and acquires a fresh one.
  static constexpr config::Millis kBriefly{20};
  void wait_briefly(Waiter& waiter);
  // Queues behind all who wait, on any worker. True: a place is there at once; acquire() again.
  bool wait(Waiter& waiter);
  void leave(Waiter& waiter);
  // A place was granted to one of this worker's requests; it may have gone meanwhile.
  void on_grant(std::uint64_t ticket);
  // Somebody may be waiting for what is kept idle here.
  void give_up_idle();

  [[nodiscard]] bool draining() const { return draining_; }
  [[nodiscard]] bool bounded() const { return is_.table.bounded(is_.index); }
  [[nodiscard]] bool counts_processes() const { return backend().slots > 0; }
  // How long the end of a request that nobody wants any more is awaited.
  [[nodiscard]] config::Millis drain_timeout() const { return is_.drain_timeout; }
  [[nodiscard]] const config::Backend& backend() const { return is_.backend; }
  [[nodiscard]] std::size_t connections() const { return connections_.in_use() + lanes_.in_use(); }
  [[nodiscard]] io::Spools& spools() { return is_.spools; }
  // Closes what serves no request, and everything that serves none from now on.
  void drain();

 private:
  static constexpr config::Millis kLeaseTick{1'000};  // how often unused leases are given back

  friend class BackendConn;
  friend class Lane;
  friend class SharedConn;
  // A connection is free for another request; the pool keeps it or closes it.
  void offer(BackendConn& conn);
  void forget_idle(BackendConn& conn);
  void remove(BackendConn& conn);
  // A lane is free, and the connection idle, perhaps; the pool keeps it or closes it.
  void offer_lane(SharedConn& conn);
  void forget_shared(SharedConn& conn);
  void destroy_shared(SharedConn& conn);
  void hand_lanes(SharedConn& conn);
  // The application has refused one of several requests on a connection.
  void share_no_more();
  void begin_probing(BackendConn& conn);
  void begin_draining(BackendConn& conn) { unwanted_.push_back(conn); }
  // A connection that has never answered awaits its first byte, or does so no longer.
  void begin_first(BackendConn& conn);
  void end_first(BackendConn& conn);
  [[nodiscard]] balance::Nature nature() const { return is_.table.nature(is_.index); }
  void set_nature(balance::Nature nature) { is_.table.set_nature(is_.index, nature); }
  // It was unreachable: what comes next there may be another application.
  void forget_nature() { is_.table.forget_nature(is_.index); }
  void set_requests_max(std::string_view number);
  [[nodiscard]] bool begin_asking() { return is_.table.begin_asking(is_.index); }

  Acquired open(BackendUser& user, std::size_t share);
  Lane* take_lane(BackendUser& user, std::size_t most, bool fresh);
  [[nodiscard]] std::size_t lanes_max(std::size_t share) const;
  [[nodiscard]] bool has_idle_shared();
  void forget_idle(SharedConn& conn);
  void retire_shared();
  [[nodiscard]] bool free_soon();
  // False: it was not taken.
  template <typename Conn>
  static bool hand_to(Conn*& handed, Conn& conn, Waiter& waiter) {
    waiter.unlink();
    handed = &conn;
    waiter.on_place();
    return std::exchange(handed, nullptr) == nullptr;
  }
  void place_free();
  void pass_on_place();
  Waiter* find(std::uint64_t ticket);
  bool keep_place();
  void return_leases();
  void count_starving();
  void on_tick();

  io::Loop& loop_;
  const Setting is_;
  base::Slab<BackendConn> connections_{16};
  base::Slab<SharedConn> lanes_{4};
  base::List<SharedConn, SharedTag> shared_;   // those that take requests
  base::List<BackendConn, IdleTag> idle_;      // the last used first
  base::List<BackendConn, FirstTag> first_;    // await their first byte, the oldest first
  base::List<BackendConn, IdleTag> probing_;   // are being proven free, the oldest first
  base::List<BackendConn, IdleTag> unwanted_;  // their request's end is awaited for nobody
  base::List<Waiter, WaitingTag> waiting_;
  base::List<Waiter, WaitingTag> brief_;  // wait for one of probing_
  std::size_t brief_count_ = 0;
  std::size_t idle_count_ = 0;
  // Places for idle connections that this worker has got from the table. Given back by and by, so
  // that a busy worker need not touch the table for every request.
  std::size_t leases_ = 0;
  std::size_t granted_ = 0;            // places that are this worker's, for whoever acquires next
  std::size_t free_places_ = 0;        // places that nobody needs, while they are passed on
  BackendConn* handed_ = nullptr;      // a free connection, for the waiter that is being told
  SharedConn* handed_lane_ = nullptr;  // one with a free lane, likewise
  io::Timer tick_ = io::Timer::to<&BackendPool::on_tick>(this);
  bool draining_ = false;
};

}  // namespace millrace::upstream
