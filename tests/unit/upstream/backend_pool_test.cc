// Who gets which connection, who waits, and who is told.
#include "upstream/backend_pool.h"

#include <array>
#include <cerrno>
#include <deque>

#include "support/backend_fixture.h"

namespace millrace::upstream {
namespace {

using balance::Nature;

constexpr io::Fd kSecondFd = 1'000'001;  // SimRing counts from a million.

config::Backend with_max(std::uint64_t max) {
  config::Backend backend;
  backend.max = max;
  return backend;
}

TEST_CASE("BackendPool: a connection that has served a request is used again") {
  PoolFixture world;
  RecordingUser first;
  BackendConn& conn = world.serve(first, PoolFixture::kPlain);
  CHECK_FALSE(conn.reused());
  RecordingUser second;
  REQUIRE(conn_of(world.pool->acquire(second, {})) == &conn);
  CHECK(conn.state() == ConnState::Ready);
  world.ask(conn, PoolFixture::kPlain);
  CHECK(conn.reused());
  world.answer("more");
  CHECK(first.output != "more");
  CHECK(second.output == "more");
  CHECK(world.table->open(0) == 1);
}

TEST_CASE("BackendPool: the connection that was used last is used first") {
  PoolFixture world;
  std::array<RecordingUser, 2> users;
  BackendConn* const one = conn_of(world.pool->acquire(users[0], {}));
  BackendConn* const two = conn_of(world.pool->acquire(users[1], {}));
  for (BackendConn* conn : {one, two}) {
    world.ring.complete(Kind::Connect, 0);
    world.ask(*conn, PoolFixture::kPlain);
  }
  world.answer();  // On the oldest socket, which is one's.
  REQUIRE(users[0].ended.has_value());
  RecordingUser again;
  REQUIRE(conn_of(world.pool->acquire(again, {})) == one);
  world.ask(*one, PoolFixture::kPlain);
  world.ring.complete_receive(testing::whole_answer(1, "x"), true, kSecondFd);
  world.answer();
  REQUIRE(again.ended.has_value());
  RecordingUser next;
  CHECK(conn_of(world.pool->acquire(next, {})) == one);
  one->abort(false);
}

TEST_CASE("BackendPool: a fresh connection is new although another is idle") {
  PoolFixture world;
  RecordingUser user;
  BackendConn& idle = world.serve(user, PoolFixture::kPlain);
  RecordingUser next;
  const auto acquired = world.pool->acquire(next, {.fresh = true});
  REQUIRE(acquired.outcome == Outcome::Got);
  CHECK(conn_of(acquired) != &idle);
  conn_of(acquired)->abort(false);
}

TEST_CASE("BackendPool: one that is not kept, or has no place among the idle, is closed") {
  config::Backend backend;
  Manner manner = PoolFixture::kPlain;
  SUBCASE("not kept") {
    manner.keep = false;
  }
  SUBCASE("no place") {
    backend.idle = 0;
  }
  PoolFixture world(backend);
  RecordingUser user;
  CHECK(world.serve(user, manner).state() == ConnState::Closing);
  CHECK(world.table->open(0) == 1);  // Until the socket is closed.
  world.settle();
  CHECK(world.table->open(0) == 0);
}

TEST_CASE("BackendPool: a connection is idle for as long as is configured") {
  config::Backend backend;
  backend.idle_timeout = config::Millis(1'000);
  PoolFixture world(backend);
  RecordingUser user;
  BackendConn& conn = world.serve(user, PoolFixture::kPlain);
  world.advance(io::Millis(980));
  CHECK(conn.state() == ConnState::Idle);
  world.advance(io::Millis(12));
  CHECK(conn.state() == ConnState::Closing);
}

TEST_CASE("BackendPool: a request without a place gets the first connection that is free") {
  PoolFixture world(with_max(1));
  RecordingUser user;
  BackendConn& conn = world.connect(user);
  world.ask(conn, PoolFixture::kPlain);
  RecordingWaiter first(*world.pool);
  RecordingWaiter second(*world.pool);
  CHECK(world.pool->acquire(first.user, {}).outcome == Outcome::Wait);
  REQUIRE_FALSE(world.pool->wait(first));
  REQUIRE_FALSE(world.pool->wait(second));
  world.answer();
  CHECK(first.told == 1);
  CHECK(second.told == 0);
  REQUIRE(conn_of(first.got) == &conn);
  SUBCASE("and the next one after it") {
    world.ask(conn, PoolFixture::kPlain);
    world.answer();
    CHECK(second.told == 1);
    CHECK(conn_of(second.got) == &conn);
  }
  SUBCASE("or a new one, when it is closed") {
    conn.abort(false);
    CHECK(second.told == 0);
    world.settle();
    CHECK(second.told == 1);
    CHECK(second.got.outcome == Outcome::Got);
    CHECK(conn_of(second.got)->state() == ConnState::Opening);
  }
  conn_of(second.got)->abort(false);
}

TEST_CASE("BackendPool: who leaves the queue is not told, and the place goes on") {
  PoolFixture world(with_max(1));
  RecordingUser user;
  BackendConn& conn = world.connect(user);
  RecordingWaiter first(*world.pool);
  RecordingWaiter second(*world.pool);
  REQUIRE_FALSE(world.pool->wait(first));
  REQUIRE_FALSE(world.pool->wait(second));
  world.pool->leave(first);
  world.pool->leave(first);
  conn.abort(false);
  world.settle();
  CHECK(first.told == 0);
  REQUIRE(second.told == 1);
  conn_of(second.got)->abort(false);
}

TEST_CASE("BackendPool: whoever waits on another worker is sent the place") {
  PoolFixture world(with_max(1));
  RecordingUser user;
  BackendConn& conn = world.serve(user, PoolFixture::kPlain);
  const auto queued = world.table->wait(0, 1);
  REQUIRE_FALSE(queued.has_place);
  SUBCASE("when this one gives up what is idle") {
    world.pool->give_up_idle();
  }
  SUBCASE("when an idle one ends by itself") {
    world.ring.complete(Kind::Receive, 0);
  }
  CHECK(conn.state() == ConnState::Closing);
  CHECK(world.woken == 0);
  world.settle();
  CHECK(world.woken == 1);
  const auto letters = world.post.collect(1);
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].backend == 0);
  CHECK(letters[0].ticket == queued.ticket.number);
  CHECK_FALSE(world.table->closed(0).has_value());  // The other worker's to give back.
}

TEST_CASE("BackendPool: a place of a worker that has ended goes to the next who waits") {
  PoolFixture world(with_max(1));
  RecordingUser user;
  BackendConn& conn = world.connect(user);
  REQUIRE_FALSE(world.table->wait(0, 1).has_place);
  REQUIRE_FALSE(world.table->wait(0, 1).has_place);
  RecordingWaiter waiter(*world.pool);
  REQUIRE_FALSE(world.pool->wait(waiter));
  CHECK(world.post.close(1).empty());
  conn.abort(false);
  world.settle();
  CHECK(world.woken == 0);
  REQUIRE(waiter.told == 1);
  REQUIRE(waiter.got.outcome == Outcome::Got);
  CHECK(world.table->open(0) == 1);
  CHECK(world.table->waiting(0) == 0);
  conn_of(waiter.got)->abort(false);
}

// How many of them are told inside of each other is how deep the stack becomes.
struct NestedWaiter final : Waiter {
  NestedWaiter(BackendPool& the_pool, int& the_depth) : pool(the_pool), depth(the_depth) {}
  void on_place() override {
    deepest = ++depth;
    outcome = pool.acquire(user, {}).outcome;
    --depth;
  }

  BackendPool& pool;
  int& depth;
  int deepest = 0;
  RecordingUser user;
  Outcome outcome = Outcome::Wait;
};

TEST_CASE("BackendPool: where everybody fails at once, they are told one after the other") {
  PoolFixture world(with_max(1));
  RecordingUser user;
  BackendConn& conn = world.connect(user);
  int depth = 0;
  std::deque<NestedWaiter> waiters;
  for (int i = 0; i < 3; ++i) {
    REQUIRE_FALSE(world.pool->wait(waiters.emplace_back(*world.pool, depth)));
  }
  world.ring.refuse_sockets(EMFILE);
  conn.abort(false);
  world.settle();
  for (const NestedWaiter& waiter : waiters) {
    CHECK(waiter.outcome == Outcome::Exhausted);
    CHECK(waiter.deepest == 1);
  }
  CHECK(world.table->open(0) == 0);
  CHECK(world.table->waiting(0) == 0);
}

TEST_CASE("BackendPool: a place that comes too late goes back") {
  PoolFixture world(with_max(1));
  RecordingUser user;
  REQUIRE(world.table->try_open(0));  // Another worker's.
  RecordingWaiter waiter(*world.pool);
  REQUIRE_FALSE(world.pool->wait(waiter));
  const std::uint64_t ticket = waiter.ticket;
  REQUIRE(world.table->closed(0)->number == ticket);
  world.pool->leave(waiter);
  world.pool->on_grant(ticket);
  CHECK(waiter.told == 0);
  CHECK(world.table->open(0) == 0);
}

TEST_CASE("BackendPool: a request has a moment's patience for one that is being proven free") {
  PoolFixture world;
  world.table->set_nature(0, Nature::OneByOne);
  RecordingUser user;
  BackendConn& conn = world.serve(user, {.keep = true, .probe = true, .careful = false});
  REQUIRE(conn.state() == ConnState::Probing);
  REQUIRE_FALSE(world.send().empty());
  RecordingWaiter waiter(*world.pool);
  CHECK(world.pool->acquire(waiter.user, {}).outcome == Outcome::Soon);
  world.pool->wait_briefly(waiter);
  SUBCASE("which it gets") {
    world.answer_values();
    CHECK(waiter.told == 1);
    REQUIRE(conn_of(waiter.got) == &conn);
    conn.abort(false);
  }
  SUBCASE("but not two for one") {
    RecordingUser third;
    const auto acquired = world.pool->acquire(third, {});
    CHECK(acquired.outcome == Outcome::Got);
    conn_of(acquired)->abort(false);
    world.pool->leave(waiter);
  }
  SUBCASE("and none for one that takes long") {
    world.advance(BackendPool::kBriefly);
    world.pool->leave(waiter);
    const auto acquired = world.pool->acquire(waiter.user, {});
    CHECK(acquired.outcome == Outcome::Got);
    conn_of(acquired)->abort(false);
  }
  SUBCASE("or not, where it has changed its mind") {
    waiter.wants = false;
    world.answer_values();
    CHECK(waiter.told == 1);
    CHECK(conn.state() == ConnState::Idle);
  }
}

TEST_CASE("BackendPool: an idle connection is given up where a first byte is awaited too long") {
  PoolFixture world;
  RecordingUser user;
  BackendConn& idle = world.serve(user, PoolFixture::kPlain);
  RecordingUser starving;
  const auto acquired = world.pool->acquire(starving, {.fresh = true});
  world.ring.complete(Kind::Connect, 0);
  world.ask(*conn_of(acquired), PoolFixture::kPlain);
  world.advance(io::Millis(30));
  CHECK(idle.state() == ConnState::Idle);
  world.advance(io::Millis(30));
  world.advance(io::Millis(8));
  CHECK(idle.state() == ConnState::Closing);
  CHECK(world.woken == 1);
  CHECK(world.table->starving(0) == 1);
  conn_of(acquired)->abort(false);
  CHECK(world.table->starving(0) == 0);
}

TEST_CASE("BackendPool: draining closes what is idle at once and the rest after its request") {
  PoolFixture world;
  RecordingUser user;
  RecordingUser busy;
  BackendConn& idle = world.serve(user, PoolFixture::kPlain);
  const auto acquired = world.pool->acquire(busy, {.fresh = true});
  world.ring.complete(Kind::Connect, 0);
  world.ask(*conn_of(acquired), PoolFixture::kPlain);
  world.pool->drain();
  CHECK(idle.state() == ConnState::Closing);
  CHECK(conn_of(acquired)->state() == ConnState::Busy);
  world.settle();
  world.answer();
  CHECK(busy.ended.has_value());
  CHECK(conn_of(acquired)->state() == ConnState::Closing);
}

}  // namespace
}  // namespace millrace::upstream
