// A pool whose application takes many requests on a connection.
#pragma once

#include <doctest/doctest.h>

#include <cerrno>
#include <deque>
#include <string_view>
#include <utility>

#include "support/backend_fixture.h"
#include "upstream/shared_conn.h"

namespace millrace::upstream {

using fcgi::ProtocolStatus;

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

}  // namespace millrace::upstream
