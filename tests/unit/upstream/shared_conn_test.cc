#include "upstream/shared_conn.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <string>
#include <vector>

#include "support/backend_fixture.h"

namespace millrace::upstream {
namespace {

using fcgi::ProtocolStatus;

// An application that takes many requests on a connection.
struct SharedWorld : PoolFixture {
  explicit SharedWorld(config::Backend backend = {}) : PoolFixture(std::move(backend)) {
    table->set_nature(0, balance::Nature::Multiplexing);
  }
  SharedWorld(const SharedWorld&) = delete;
  SharedWorld& operator=(const SharedWorld&) = delete;
  // Whoever still has a lane loses it.
  ~SharedWorld() { drop_all(); }
  void drop_all() {
    pool->drain();
    settle();
    while (ring.pending(Kind::Connect))
      ring.complete(Kind::Connect, -ECONNREFUSED);
    while (ring.pending(Kind::Receive))
      ring.complete(Kind::Receive, 0);
    settle();
  }

  RecordingUser& user() { return users.emplace_back(); }

  Lane& take(RecordingUser& user, std::size_t share = 64) {
    const auto acquired = pool->acquire(user, {.share = share});
    REQUIRE(acquired.outcome == Outcome::Got);
    return static_cast<Lane&>(*acquired.link);
  }
  // A lane of the one connection, which is open.
  Lane& open(RecordingUser& user) {
    Lane& lane = take(user);
    if (!lane.ready()) ring.complete(Kind::Connect, 0);
    REQUIRE(lane.ready());
    return lane;
  }
  void begin(Lane& lane) {
    begin_upload(lane);
    fcgi::stdin_end(lane.out(), lane.id());
    lane.input_complete();
    static_cast<void>(send());
  }
  // The first of two requests, whose client takes nothing.
  Lane& slow_beside(RecordingUser& slow, RecordingUser& other) {
    Lane& lane = open(slow);
    begin(lane);
    begin(open(other));
    lane.pause();
    return lane;
  }
  // The same but for its end: STDIN goes on.
  void begin_upload(Lane& lane) {
    fcgi::begin_request(lane.out(), lane.id(), fcgi::Role::Responder, true);
    lane.flush();
    lane.begin_request({.share = 64});
  }
  void stdout_record(std::uint16_t id, std::string_view text) {
    ring.complete_receive(testing::record(testing::kStdout, id, text));
  }
  void end(std::uint16_t id, ProtocolStatus status = ProtocolStatus::RequestComplete) {
    ring.complete_receive(testing::end_request(id, 0, static_cast<std::uint8_t>(status)));
  }

  std::deque<RecordingUser> users;
};

TEST_CASE("SharedConn: requests share a connection, and each hears of its own") {
  SharedWorld world;
  std::vector<RecordingUser*> users(3);
  for (RecordingUser*& user : users)
    user = &world.user();
  std::vector<Lane*> lanes;
  for (RecordingUser* user : users)
    lanes.push_back(&world.take(*user));
  CHECK(world.pool->connections() == 1);
  world.ring.complete(Kind::Connect, 0);
  for (std::size_t i = 0; i < users.size(); ++i) {
    CHECK(users[i]->opened == 1);
    CHECK(lanes[i]->id() == i + 1);
    world.begin(*lanes[i]);
  }
  world.stdout_record(2, "two");
  world.stdout_record(1, "one");
  CHECK(users[0]->output == "one");
  CHECK(users[1]->output == "two");
  CHECK(users[2]->output.empty());
  CHECK(users[1]->pauses == 1);
  world.end(2);
  CHECK(users[1]->ended.has_value());
  CHECK_FALSE(users[0]->ended.has_value());
  // Ids rest as long as there are others.
  RecordingUser& next = world.user();
  CHECK(world.open(next).id() == 4);
  world.end(1);
  world.end(3);
  CHECK(users[2]->ended.has_value());
}

TEST_CASE("SharedConn: no more requests than were said; then another connection") {
  SharedWorld world;
  world.table->set_requests_max(0, 2);
  std::vector<RecordingUser*> users(3);
  for (RecordingUser*& user : users)
    user = &world.user();
  for (RecordingUser* user : users)
    world.take(*user);
  CHECK(world.pool->connections() == 2);
  std::vector<RecordingUser*> alone(2);
  for (RecordingUser*& user : alone)
    user = &world.user();
  for (RecordingUser* user : alone)
    world.take(*user, 1);
  CHECK(world.pool->connections() == 4);  // Who wants to be alone is.
}

TEST_CASE("SharedConn: an aborted request's id is never used again, and what comes is dropped") {
  SharedWorld world;
  RecordingUser& gone = world.user();
  RecordingUser& stays = world.user();
  Lane& lane = world.open(gone);
  world.begin(lane);
  world.begin(world.open(stays));
  lane.abort(false);
  CHECK(world.send() == testing::record(testing::kAbort, 1, ""));
  // Go ends it at once, and its handler writes on.
  world.end(1);
  world.stdout_record(1, "late");
  world.end(1);
  CHECK(gone.output.empty());
  world.stdout_record(2, "here");
  CHECK(stays.output == "here");
  world.take(world.user());
  CHECK(world.pool->connections() == 2);
  world.end(2);
  CHECK(stays.ended.has_value());
  world.settle();
  CHECK(world.pool->connections() == 1);
}

TEST_CASE("SharedConn: a whole answer outlives its connection") {
  SharedWorld world;
  RecordingUser& slow = world.user();
  RecordingUser& other = world.user();
  Lane& lane = world.slow_beside(slow, other);
  world.stdout_record(1, "whole");
  world.end(1);
  world.ring.complete(Kind::Receive, 0);
  CHECK(other.failed == BackendFailure::Unanswered);
  world.settle();
  CHECK(world.table->open(0) == 0);
  CHECK_FALSE(slow.failed.has_value());
  lane.resume();
  CHECK(slow.output == "whole");
  CHECK(slow.ended.has_value());
  world.loop.timers.advance(io::Millis(10));
  CHECK(world.pool->connections() == 0);
}

TEST_CASE(
    "SharedConn: an end that nobody needs is awaited for some time, or until the pool drains") {
  for (const bool others : {false, true}) {
    for (const bool drains : {false, true}) {
      CAPTURE(others);
      CAPTURE(drains);
      SharedWorld world;
      RecordingUser& stays = world.user();
      Lane& lane = world.open(world.user());
      world.begin(lane);
      if (others) world.begin(world.open(stays));
      lane.detach();
      if (drains) {
        world.pool->drain();
      } else {
        world.loop.timers.advance(PoolFixture::kDrainTimeout + io::Millis(10));
        if (others) CHECK(world.send() == testing::record(testing::kAbort, 1, ""));
      }
      if (others) {
        world.stdout_record(2, "here");
        CHECK(stays.output == "here");
        world.end(2);
      }
      world.settle();
      CHECK(world.pool->connections() == 0);
    }
  }
}

TEST_CASE("SharedConn: a request whose body is not whole is aborted") {
  SharedWorld world;
  RecordingUser& left = world.user();
  Lane& lane = world.open(left);
  world.begin_upload(lane);
  static_cast<void>(world.send());
  lane.detach();
  world.settle();
  CHECK(world.pool->connections() == 0);
}

TEST_CASE("SharedConn: requests that wait for a place get lanes") {
  config::Backend one;
  one.max = 1;
  SharedWorld world(one);
  RecordingUser& first = world.user();
  Lane& lane = world.take(first, 3);
  world.ring.complete(Kind::Connect, 0);
  world.begin(lane);
  for (int i = 0; i < 2; ++i)
    world.begin(world.take(world.user(), 3));
  std::deque<RecordingWaiter> waiters;
  for (int i = 0; i < 5; ++i) {
    RecordingWaiter& waiter = waiters.emplace_back(*world.pool);
    waiter.wish = {.share = 3};
    REQUIRE(world.pool->acquire(waiter.user, waiter.wish).outcome == Outcome::Wait);
    REQUIRE_FALSE(world.pool->wait(waiter));
  }
  world.end(1);
  world.end(2);
  CHECK(waiters[1].got.outcome == Outcome::Got);
  CHECK(waiters[2].told == 0);
  // The connection breaks; the next one takes all three.
  world.ring.complete(Kind::Receive, 0);
  world.settle();
  world.ring.complete(Kind::Connect, 0);
  for (const RecordingWaiter& waiter : waiters)
    CHECK(waiter.told == 1);
  CHECK(world.pool->connections() == 1);
  world.drop_all();
}

TEST_CASE("SharedConn: a request of which nothing more is needed ends, and its id is free") {
  SharedWorld world;
  RecordingUser& left = world.user();
  Lane& lane = world.open(left);
  world.begin(lane);
  lane.detach();
  world.stdout_record(1, "the rest");
  world.end(1);
  CHECK(left.output.empty());
  CHECK(world.open(world.user()).id() == 2);
  CHECK(world.pool->connections() == 1);
}

TEST_CASE("SharedConn: a client that is slow keeps nobody waiting, and loses nothing") {
  SharedWorld world;
  RecordingUser& slow = world.user();
  RecordingUser& fast = world.user();
  Lane& lane = world.slow_beside(slow, fast);
  std::string expected;
  for (int i = 0; i < 400; ++i) {
    expected += std::string(1000, static_cast<char>('a' + i % 26));
    world.stdout_record(1, std::string_view(expected).substr(expected.size() - 1000));
    world.stdout_record(2, "x");
    while (world.ring.pending(Kind::Write))
      world.ring.complete_file(Kind::Write);
  }
  world.end(1);
  CHECK(slow.output.empty());
  CHECK_FALSE(slow.ended.has_value());
  CHECK(fast.output.size() == 400);
  REQUIRE(world.ring.files().size() == 1);  // More than 256 KiB.
  lane.resume();
  while (world.ring.pending(Kind::Read))
    world.ring.complete_file(Kind::Read);
  CHECK(slow.output == expected);
  CHECK(slow.ended.has_value());
  world.end(2);
}

TEST_CASE("SharedConn: where the disk is slower still, the connection is not read on") {
  SharedWorld world;
  Lane& lane = world.slow_beside(world.user(), world.user());
  std::size_t fed = 0;
  for (; !world.ring.cancelled(Kind::Receive); fed += 1'000) {
    REQUIRE(fed < 512 * 1024);
    world.stdout_record(1, std::string(1'000, 'x'));
  }
  CHECK(fed > 256 * 1024);
  world.ring.complete(Kind::Receive, -ECANCELED);
  REQUIRE_FALSE(world.ring.pending(Kind::Receive));
  while (world.ring.pending(Kind::Write))
    world.ring.complete_file(Kind::Write);
  CHECK(world.ring.pending(Kind::Receive));
  lane.abort(false);
}

TEST_CASE("SharedConn: uploads are asked in turn for more, and whole ones no more") {
  SharedWorld world;
  RecordingUser& first = world.user();
  RecordingUser& second = world.user();
  Lane& lane = world.open(first);
  world.begin_upload(lane);
  world.begin_upload(world.open(second));
  REQUIRE_FALSE(world.send().empty());
  CHECK(first.sent == 1);
  CHECK(second.sent == 1);
  fcgi::stdin_end(lane.out(), lane.id());
  lane.input_complete();
  lane.flush();
  REQUIRE_FALSE(world.send().empty());
  CHECK(first.sent == 1);
  CHECK(second.sent == 2);
}

TEST_CASE("SharedConn: a request of which nothing was taken is told from one that was sent") {
  for (const bool sent : {false, true}) {
    CAPTURE(sent);
    SharedWorld world;
    RecordingUser& user = world.user();
    Lane& lane = world.open(user);
    world.begin_upload(lane);
    if (sent) {
      static_cast<void>(world.send());
      fcgi::stdin_end(lane.out(), lane.id());
      lane.flush();
    }
    world.loop.turn(io::Millis(0));
    world.ring.complete(Kind::Send, -EPIPE);
    world.settle();
    CHECK(user.failed == (sent ? BackendFailure::Unanswered : BackendFailure::Unsent));
  }
}

TEST_CASE("SharedConn: a second try goes to a connection that has not served yet") {
  SharedWorld world;
  RecordingUser& user = world.user();
  world.begin(world.open(user));
  world.end(1);
  REQUIRE(world.pool->acquire(world.user(), {.fresh = true, .share = 64}).link != nullptr);
  CHECK(world.pool->connections() == 2);
  // Those that follow share it, though it is not open yet; others rather have the one that is.
  REQUIRE(world.pool->acquire(world.user(), {.fresh = true, .share = 64}).link != nullptr);
  CHECK(world.take(world.user()).ready());
  CHECK(world.pool->connections() == 2);
}

TEST_CASE("SharedConn: a connection that breaks fails all, and each knows whether it had begun") {
  SharedWorld world;
  RecordingUser& begun = world.user();
  RecordingUser& silent = world.user();
  world.begin(world.open(begun));
  world.begin(world.open(silent));
  world.stdout_record(1, "half");
  world.ring.complete(Kind::Receive, 0);
  CHECK(begun.failed == BackendFailure::Died);
  CHECK(silent.failed == BackendFailure::Unanswered);
  RecordingUser& next = world.user();
  world.take(next);
  CHECK(world.pool->connections() == 2);  // The first is closing.
}

TEST_CASE("SharedConn: a refused connection fails all who wait for it") {
  SharedWorld world;
  std::vector<RecordingUser*> users(2);
  for (RecordingUser*& user : users)
    user = &world.user();
  for (RecordingUser* user : users)
    world.take(*user);
  world.ring.complete(Kind::Connect, -ECONNREFUSED);
  world.settle();
  for (const RecordingUser* user : users)
    CHECK(user->failed == BackendFailure::Refused);
  CHECK(world.table->nature(0) == balance::Nature::Unknown);
}

TEST_CASE("SharedConn: a record of nobody's closes the connection") {
  for (const std::uint16_t id : {std::uint16_t{2}, std::uint16_t{7}}) {
    SharedWorld world;
    RecordingUser& user = world.user();
    world.begin(world.open(user));
    world.stdout_record(id, "x");
    CHECK(user.failed == BackendFailure::Protocol);
  }
}

TEST_CASE("SharedConn: an application that refuses to share is asked no more") {
  SharedWorld world;
  RecordingUser& first = world.user();
  RecordingUser& second = world.user();
  world.begin(world.open(first));
  world.begin(world.open(second));
  world.end(2, ProtocolStatus::CantMpxConn);
  CHECK(second.ended->protocol_status == ProtocolStatus::CantMpxConn);
  CHECK(world.table->nature(0) == balance::Nature::Alone);
  CHECK_FALSE(world.pool->shares(64));
  world.end(1);
  CHECK(world.ring.pending(Kind::Close) != world.ring.cancelled(Kind::Receive));
  CHECK(first.ended.has_value());
}

TEST_CASE("SharedConn: one is kept idle, and given up for who waits elsewhere") {
  SharedWorld world;
  std::vector<RecordingUser*> users(3);
  for (RecordingUser*& user : users)
    user = &world.user();
  std::vector<Lane*> lanes;
  for (RecordingUser* user : users)
    lanes.push_back(&world.take(*user, 1));
  while (world.ring.pending(Kind::Connect))
    world.ring.complete(Kind::Connect, 0);
  std::ranges::reverse(lanes);
  for (Lane* lane : lanes)
    lane->abort(true);
  world.settle();
  CHECK(world.pool->connections() == 1);
  CHECK(world.table->idle(0) == 1);
  world.pool->drain();
  world.settle();
  CHECK(world.pool->connections() == 0);
}

}  // namespace
}  // namespace millrace::upstream
