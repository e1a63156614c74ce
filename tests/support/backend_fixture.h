// One worker's pool for one address, on a kernel by hand, and users and waiters that remember what
// they were told.
#pragma once

#include <doctest/doctest.h>

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "balance/backend_table.h"
#include "base/must.h"
#include "fcgi/record_writer.h"
#include "support/fcgi_wire.h"
#include "support/sim_ring.h"
#include "upstream/backend_pool.h"

namespace millrace::upstream {

using Kind = testing::SimRing::Kind;
using Outcome = BackendPool::Outcome;
using ConnState = BackendConn::State;

struct RecordingUser final : BackendUser {
  void on_backend_open() override { ++opened; }
  void on_stdout(buffer::Slice content) override { output += content.text(); }
  void on_stdout_end() override { ++output_ends; }
  void on_stderr(std::string_view content) override { errors += content; }
  void on_request_end(fcgi::EndRequest end) override { ended = end; }
  void on_backend_failed(BackendFailure failure, std::string_view /*reason*/, int error) override {
    failed = failure;
    errno_told = error;
  }
  void on_backend_pause() override { ++pauses; }
  void on_backend_sent() override { ++sent; }

  int opened = 0;
  int output_ends = 0;
  int pauses = 0;
  int sent = 0;
  int errno_told = 0;
  std::string output;
  std::string errors;
  std::optional<fcgi::EndRequest> ended;
  std::optional<BackendFailure> failed;
};

// The connection of a request that does not share one.
inline BackendConn* conn_of(const BackendPool::Acquired& acquired) {
  return static_cast<BackendConn*>(acquired.link);
}

// Acquires when it is told that it can, unless it does not want to any more.
struct RecordingWaiter final : Waiter {
  explicit RecordingWaiter(BackendPool& the_pool) : pool(the_pool) {}
  void on_place() override {
    ++told;
    if (wants) got = pool.acquire(user, wish);
  }

  BackendPool& pool;
  RecordingUser user;
  int told = 0;
  bool wants = true;
  BackendPool::Wish wish;
  BackendPool::Acquired got;
};

struct PoolFixture {
  static constexpr config::Millis kDrainTimeout{5'000};
  static constexpr Manner kPlain{.keep = true, .probe = false, .careful = false};
  static constexpr Manner kCareful{.keep = true, .probe = true, .careful = true};

  explicit PoolFixture(config::Backend backend = {}) {
    config.backends.push_back(std::move(backend));
    table.emplace(config);
    post.set_waker(0, [] {});
    post.set_waker(1, [this] { ++woken; });
    pool.emplace(loop, BackendPool::Setting{.backend = config.backends[0],
                                            .index = 0,
                                            .worker = 0,
                                            .address = address,
                                            .table = *table,
                                            .post = post,
                                            .drain_timeout = kDrainTimeout,
                                            .spools = spools});
  }
  PoolFixture(const PoolFixture&) = delete;
  PoolFixture& operator=(const PoolFixture&) = delete;
  // Whatever a test has done, the kernel gets everything back, and so does the table.
  ~PoolFixture() {
    pool->drain();
    settle();
    MUST(ring.in_flight() == 0);
    MUST(pool->connections() == 0 && table->open(0) == 0 && table->idle(0) == 0);
    MUST(loop.blocks.blocks_in_use() == 0 && ring.blocks_out() == 0);
  }

  // Lets what was asked to end, end.
  void settle() {
    for (const Kind kind : {Kind::Connect, Kind::Receive, Kind::Send, Kind::Hangup, Kind::Close}) {
      while (ring.pending(kind) && (kind == Kind::Close || ring.cancelled(kind)))
        ring.complete(kind, kind == Kind::Close ? 0 : -ECANCELED);
    }
  }
  // A new connection, open.
  BackendConn& connect(RecordingUser& user) {
    const auto acquired = pool->acquire(user, {});
    REQUIRE(acquired.outcome == Outcome::Got);
    REQUIRE(conn_of(acquired)->state() == ConnState::Opening);
    ring.complete(Kind::Connect, 0);
    REQUIRE(conn_of(acquired)->state() == ConnState::Ready);
    return *conn_of(acquired);
  }
  // Sends a request without a body.
  void ask(BackendConn& conn, Manner manner) {
    fcgi::begin_request(conn.out(), BackendConn::kRequestId, fcgi::Role::Responder, manner.keep);
    fcgi::stdin_end(conn.out(), BackendConn::kRequestId);
    conn.flush();
    conn.begin_request(manner);
    conn.input_complete();
    REQUIRE_FALSE(send().empty());
  }
  // What leaves in this turn, if anything.
  std::string send() {
    loop.turn(io::Millis(0));
    return ring.pending(Kind::Send) ? ring.complete_send() : "";
  }
  void answer(std::string_view output = "Content-Type: text/plain\n\nhi") {
    ring.complete_receive(testing::whole_answer(BackendConn::kRequestId, output));
  }
  // FCGI_MPXS_CONNS is 0: one request at a time.
  void answer_values() {
    ring.complete_receive(testing::record(testing::kGetValuesResult, 0,
                                          "\x0f\x01"
                                          "FCGI_MPXS_CONNS0"));
  }
  // A connection that has served one request.
  BackendConn& serve(RecordingUser& user, Manner manner) {
    BackendConn& conn = connect(user);
    ask(conn, manner);
    answer();
    REQUIRE(user.ended.has_value());
    return conn;
  }
  void advance(io::Millis by) { loop.timers.advance(loop.timers.now() + by + io::Millis(8)); }

  config::Config config;
  testing::SimRing ring;
  io::Loop loop{ring, io::Millis(0)};
  io::SocketAddress address = io::tcp_address("127.0.0.1", 4000).value();
  Post post{2};
  io::Spools spools{loop};
  int woken = 0;  // the other worker
  std::optional<balance::BackendTable> table;
  std::optional<BackendPool> pool;
};

}  // namespace millrace::upstream
