#include "upstream/shared_conn.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "shared_world.h"

namespace millrace::upstream {
namespace {

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

TEST_CASE("SharedConn: a record of nobody's closes the connection") {
  for (const std::uint16_t id : {std::uint16_t{2}, std::uint16_t{7}}) {
    SharedWorld world;
    RecordingUser& user = world.user();
    world.begin(world.open(user));
    world.stdout_record(id, "x");
    CHECK(user.failed == BackendFailure::Protocol);
  }
}

}  // namespace
}  // namespace millrace::upstream
