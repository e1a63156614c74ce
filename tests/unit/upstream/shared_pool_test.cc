// BackendPool: which requests get a lane of which connection.
#include "upstream/backend_pool.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <vector>

#include "shared_world.h"

namespace millrace::upstream {
namespace {

TEST_CASE("BackendPool: no more requests than were said; then another connection") {
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

TEST_CASE("BackendPool: requests that wait for a place get lanes") {
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

TEST_CASE("BackendPool: a second try goes to a connection that has not served yet") {
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

TEST_CASE("BackendPool: a refused connection fails all who wait for it") {
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

TEST_CASE("BackendPool: an application that refuses to share is asked no more") {
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

TEST_CASE("BackendPool: one is kept idle, and given up for who waits elsewhere") {
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
