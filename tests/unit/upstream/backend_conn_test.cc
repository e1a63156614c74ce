// What an application may say when, and what becomes of the connection.
#include "upstream/backend_conn.h"

#include <array>

#include "support/backend_fixture.h"

namespace millrace::upstream {
namespace {

using balance::Nature;

bool is_probe(std::string_view bytes) {
  return bytes.size() > 1 && bytes[1] == testing::kGetValues;
}

TEST_CASE("BackendConn: hands over STDOUT in order, STDERR apart, and each end") {
  PoolFixture world;
  RecordingUser user;
  BackendConn& conn = world.connect(user);
  CHECK(user.opened == 1);
  world.ask(conn, PoolFixture::kPlain);
  world.ring.complete_receive(testing::record(testing::kStdout, 1, "one ", 7) +
                              testing::record(testing::kStderr, 1, "oh"));
  CHECK(user.pauses == 1);
  CHECK_FALSE(user.ended.has_value());
  world.ring.complete_receive(testing::whole_answer(1, "two"));
  CHECK(user.output == "one two");
  CHECK(user.errors == "oh");
  CHECK(user.output_ends == 1);
  REQUIRE(user.ended.has_value());
  CHECK(conn.state() == ConnState::Idle);
}

TEST_CASE("BackendConn: records cut anywhere are the same") {
  const std::string answer = testing::whole_answer(1, "Status: 200\n\nbody");
  for (std::size_t cut = 1; cut < answer.size(); ++cut) {
    CAPTURE(cut);
    PoolFixture world;
    RecordingUser user;
    BackendConn& conn = world.connect(user);
    world.ask(conn, PoolFixture::kPlain);
    world.ring.complete_receive(std::string_view(answer).substr(0, cut));
    CHECK_FALSE(user.ended.has_value());
    world.ring.complete_receive(std::string_view(answer).substr(cut));
    CHECK(user.output == "Status: 200\n\nbody");
    CHECK(user.ended.has_value());
    CHECK(conn.state() == ConnState::Idle);
  }
}

TEST_CASE(
    "BackendConn: a byte behind the end of a request closes the connection, not the request") {
  PoolFixture world;
  RecordingUser user;
  BackendConn& conn = world.connect(user);
  world.ask(conn, PoolFixture::kPlain);
  world.ring.complete_receive(testing::whole_answer(1, "x") + "\x01");
  CHECK(user.ended.has_value());
  CHECK_FALSE(user.failed.has_value());
  CHECK(conn.state() == ConnState::Closing);
}

TEST_CASE("BackendConn: any byte on an idle connection closes it, at once") {
  for (const std::string& bytes : {std::string("\x01"), testing::record(testing::kStdout, 1, "x"),
                                   testing::end_request(1), std::string("HTTP/1.1 400\r\n")}) {
    PoolFixture world;
    RecordingUser user;
    BackendConn& conn = world.serve(user, PoolFixture::kPlain);
    REQUIRE(conn.state() == ConnState::Idle);
    world.ring.complete_receive(bytes);
    CHECK(conn.state() == ConnState::Closing);
    CHECK(world.table->idle(0) <= 1);
    RecordingUser next;
    const auto acquired = world.pool->acquire(next, {});
    CHECK(conn_of(acquired) != &conn);
    conn_of(acquired)->abort(false);
  }
}

TEST_CASE("BackendConn: what is not FastCGI, or not of this request, fails the request") {
  for (const std::string& bytes :
       {std::string("HTTP/1.1 200 OK\r\n\r\n"), testing::record(testing::kStdout, 2, "x"),
        testing::end_request(2)}) {
    PoolFixture world;
    RecordingUser user;
    BackendConn& conn = world.connect(user);
    world.ask(conn, PoolFixture::kPlain);
    world.ring.complete_receive(bytes);
    CHECK(user.failed == BackendFailure::Protocol);
    CHECK(user.output.empty());
    CHECK(conn.state() == ConnState::Closing);
  }
}

TEST_CASE("BackendConn: a failure says how far the answer had come") {
  SUBCASE("the connect failed") {
    PoolFixture world;
    RecordingUser user;
    REQUIRE(world.pool->acquire(user, {}).outcome == Outcome::Got);
    world.ring.complete(Kind::Connect, -ECONNREFUSED);
    world.settle();
    CHECK(user.failed == BackendFailure::Refused);
    CHECK(user.errno_told == ECONNREFUSED);
    CHECK(world.pool->connections() == 0);
  }
  for (const int result : {0, -ECONNRESET}) {
    for (const bool answered : {false, true}) {
      CAPTURE(result);
      CAPTURE(answered);
      PoolFixture world;
      RecordingUser user;
      world.ask(world.connect(user), PoolFixture::kPlain);
      if (answered) world.ring.complete_receive("\x01");  // Of a header.
      world.ring.complete(Kind::Receive, result);
      world.settle();
      CHECK(user.failed == (answered ? BackendFailure::Died : BackendFailure::Unanswered));
      CHECK(user.errno_told == -result);
    }
  }
}

TEST_CASE("BackendConn: one that was not given all of STDIN is not used again") {
  PoolFixture world;
  RecordingUser user;
  BackendConn& conn = world.connect(user);
  fcgi::begin_request(conn.out(), 1, fcgi::Role::Responder, true);
  conn.flush();
  conn.begin_request(PoolFixture::kPlain);
  REQUIRE_FALSE(world.send().empty());
  CHECK(user.sent == 1);
  world.answer();
  CHECK(user.ended.has_value());
  CHECK(conn.state() == ConnState::Closing);
}

TEST_CASE("BackendConn: the first one of an address is asked for its nature, and used meanwhile") {
  PoolFixture world;
  RecordingUser user;
  BackendConn& conn = world.serve(user, {.keep = true, .probe = true, .careful = false});
  CHECK(conn.state() == ConnState::Idle);
  CHECK(is_probe(world.send()));
  world.answer_values();
  CHECK(world.table->nature(0) == Nature::OneByOne);
  CHECK(conn.state() == ConnState::Idle);
}

TEST_CASE("BackendConn: a careful one, and one that is served one by one, is proven free first") {
  PoolFixture world;
  RecordingUser user;
  BackendConn* conn = &world.serve(user, PoolFixture::kCareful);
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    CHECK(conn->state() == ConnState::Probing);
    CHECK(is_probe(world.send()));
    world.answer_values();
    CHECK(conn->state() == ConnState::Idle);
    RecordingUser next;
    REQUIRE(conn_of(world.pool->acquire(next, {})) == conn);
    world.ask(*conn, {.keep = true, .probe = true, .careful = false});
    world.answer();
    CHECK(next.ended.has_value());
  }
}

TEST_CASE("BackendConn: a first probe that is not answered is the last one") {
  PoolFixture world;
  RecordingUser user;
  BackendConn& conn = world.serve(user, PoolFixture::kCareful);
  REQUIRE(is_probe(world.send()));
  world.advance(io::Millis(50));
  CHECK(world.table->nature(0) == Nature::Unknown);
  world.advance(io::Millis(50));
  CHECK(world.table->nature(0) == Nature::Silent);
  // It may be answered late.
  CHECK(conn.state() == ConnState::Probing);
  world.advance(PoolFixture::kDrainTimeout);
  CHECK(conn.state() == ConnState::Closing);
  world.settle();
  RecordingUser next;
  CHECK(world.serve(next, PoolFixture::kCareful).state() == ConnState::Idle);
  CHECK(world.send().empty());
}

TEST_CASE("BackendConn: a request that nobody wants is aborted, and its end awaited for a while") {
  PoolFixture world;
  RecordingUser user;
  BackendConn& conn = world.connect(user);
  SUBCASE("its body was not whole: the connection is lost") {
    fcgi::begin_request(conn.out(), 1, fcgi::Role::Responder, true);
    conn.flush();
    conn.begin_request(PoolFixture::kPlain);
    REQUIRE_FALSE(world.send().empty());
    conn.abort(true);
    CHECK(conn.state() == ConnState::Draining);
    CHECK(world.send() == testing::record(testing::kAbort, 1, ""));
    world.answer();
    CHECK(conn.state() == ConnState::Closing);
  }
  SUBCASE("its body was whole: the connection is free after the end") {
    world.ask(conn, PoolFixture::kPlain);
    conn.abort(true);
    CHECK(world.send().empty());
    world.answer();
    CHECK(conn.state() == ConnState::Idle);
  }
  SUBCASE("no end comes") {
    world.ask(conn, PoolFixture::kPlain);
    conn.abort(true);
    world.advance(PoolFixture::kDrainTimeout - io::Millis(20));
    CHECK(conn.state() == ConnState::Draining);
    world.advance(io::Millis(20));
    CHECK(conn.state() == ConnState::Closing);
  }
  CHECK(user.output.empty());
  CHECK_FALSE(user.ended.has_value());
  CHECK_FALSE(user.failed.has_value());
}

}  // namespace
}  // namespace millrace::upstream
