#include "io/stream.h"

#include <doctest/doctest.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <string>

#include "support/sim_ring.h"

namespace millrace::io {
namespace {

using Kind = testing::SimRing::Kind;
using Reason = Stream::Reason;
using State = Stream::State;

struct Recorder final : Stream::Listener {
  void on_open() override { ++opened; }
  void on_bytes(buffer::Slice bytes) override { received += bytes.text(); }
  void on_end() override { ++ended; }
  void on_sent(std::size_t bytes) override { sent += bytes; }
  void on_closed() override { ++closed; }
  void on_hangup(bool gone) override { ++(gone ? lost : half_closed); }

  int opened = 0;
  int ended = 0;
  int closed = 0;
  int half_closed = 0;
  int lost = 0;
  std::size_t sent = 0;
  std::string received;
};

struct World {
  void adopt() {
    stream.adopt(7);
    REQUIRE(ring.pending(Kind::Receive));
  }
  // Puts a send into the kernel's hands.
  void send(std::string_view text) {
    stream.out().append_copy(text);
    stream.flush();
    loop.turn(Millis(0));
    REQUIRE(ring.pending(Kind::Send));
  }

  // Closes, and the kernel gives everything back.
  void end() {
    stream.close(Reason::Asked);
    for (const Kind kind : {Kind::Receive, Kind::Hangup}) {
      if (ring.pending(kind)) ring.complete(kind, -ECANCELED);
    }
    ring.complete(Kind::Close, 0);
  }

  testing::SimRing ring;
  Loop loop{ring, Millis(0)};
  Recorder seen;
  Stream stream{loop, seen};
};

TEST_CASE("Stream: a refused connect closes with its reason and errno") {
  World world;
  const SocketAddress address;
  world.stream.connect(7, address);
  world.ring.complete(Kind::Connect, -ECONNREFUSED);
  world.ring.complete(Kind::Close, 0);
  CHECK(world.seen.opened == 0);
  CHECK(world.seen.closed == 1);
  CHECK(world.stream.reason() == Reason::ConnectFailed);
  CHECK(world.stream.error() == ECONNREFUSED);
}

TEST_CASE("Stream: what is appended while it connects leaves when it is open") {
  World world;
  const SocketAddress address;
  world.stream.connect(7, address);
  world.stream.out().append_copy("early");
  world.stream.flush();
  world.loop.turn(Millis(0));
  CHECK_FALSE(world.ring.pending(Kind::Send));
  world.ring.complete(Kind::Connect, 0);
  world.loop.turn(Millis(0));
  CHECK(world.ring.complete_send() == "early");
  CHECK(world.seen.opened == 1);
  CHECK(world.seen.sent == 5);
  world.end();
}

TEST_CASE("Stream: one send is in flight while the next gathers") {
  World world;
  world.adopt();
  world.send("one");
  world.stream.out().append_copy("two");
  world.stream.out().append_copy("three");
  world.stream.flush();
  world.loop.turn(Millis(0));
  CHECK(world.ring.complete_send() == "one");
  world.loop.turn(Millis(0));
  CHECK(world.ring.complete_send() == "twothree");
  CHECK(world.stream.out().empty());
  world.end();
}

TEST_CASE("Stream: a pause whose cancel loses is repeated, and resume() receives again") {
  World world;
  world.adopt();
  world.stream.pause();
  CHECK(world.ring.cancelled(Kind::Receive));
  world.ring.complete_receive("late", true);  // The cancel came too early to find it.
  CHECK(world.seen.received == "late");
  world.ring.complete(Kind::Receive, -ECANCELED);
  CHECK_FALSE(world.ring.pending(Kind::Receive));
  world.stream.resume();
  CHECK(world.ring.pending(Kind::Receive));
  world.end();
}

TEST_CASE("Stream: a shot that ends, or finds no block, is fired anew") {
  World world;
  world.adopt();
  world.ring.complete_receive("a", false);
  CHECK(world.ring.pending(Kind::Receive));
  world.ring.complete(Kind::Receive, -ENOBUFS);
  CHECK(world.ring.pending(Kind::Receive));
  CHECK(world.seen.received == "a");
  CHECK(world.stream.state() == State::Open);
  world.end();
}

TEST_CASE("Stream: the end of the peer's stream is told once and closes nothing") {
  World world;
  world.adopt();
  world.ring.complete(Kind::Receive, 0);
  CHECK(world.seen.ended == 1);
  CHECK(world.stream.state() == State::Open);
  CHECK_FALSE(world.ring.pending(Kind::Receive));
  // The watch hears of the half that is known, and then of the rest.
  world.stream.watch_hangup();
  world.ring.complete(Kind::Hangup, POLLRDHUP, true);
  CHECK(world.seen.half_closed == 1);
  CHECK(world.seen.lost == 0);
  world.ring.complete(Kind::Hangup, POLLHUP | POLLERR, true);
  CHECK(world.seen.lost == 1);
  CHECK(world.stream.state() == State::Open);
  world.end();
}

TEST_CASE("Stream: the watch makes a receive tell the end that it kept to itself") {
  World world;
  world.adopt();
  world.stream.watch_hangup();
  world.ring.complete_receive("last");
  world.ring.complete(Kind::Hangup, POLLRDHUP | POLLHUP, true);
  CHECK(world.stream.end_ahead());
  REQUIRE(world.ring.cancelled(Kind::Receive));
  world.ring.complete(Kind::Receive, -ECANCELED);
  REQUIRE(world.ring.pending(Kind::Receive));
  CHECK_FALSE(world.ring.cancelled(Kind::Receive));
  world.ring.complete(Kind::Receive, 0);
  CHECK(world.seen.ended == 1);
  CHECK(world.seen.lost == 1);
  CHECK_FALSE(world.stream.end_ahead());
  world.end();
}

TEST_CASE("Stream: when the end is near, every shot is ended, until it is there") {
  World world;
  world.adopt();
  world.stream.watch_hangup();
  world.ring.complete(Kind::Hangup, POLLRDHUP, true);
  world.ring.complete(Kind::Receive, -ECANCELED);
  world.ring.complete_receive("the rest");
  REQUIRE(world.ring.cancelled(Kind::Receive));
  world.ring.complete(Kind::Receive, -ECANCELED);
  world.ring.complete(Kind::Receive, 0);
  CHECK(world.seen.received == "the rest");
  CHECK(world.seen.ended == 1);
  world.end();
}

TEST_CASE("Stream: the watch tells of the end while receiving is paused; a failed one closes") {
  World world;
  world.adopt();
  world.stream.watch_hangup();
  world.stream.pause();
  world.ring.complete(Kind::Receive, -ECANCELED);
  world.ring.complete(Kind::Hangup, POLLRDHUP);
  CHECK(world.seen.half_closed == 1);
  REQUIRE(world.ring.pending(Kind::Hangup));  // The shot had ended.
  world.ring.complete(Kind::Hangup, -ENOMEM);
  world.ring.complete(Kind::Close, 0);
  CHECK(world.stream.reason() == Reason::HungUp);
  CHECK(world.stream.error() == ENOMEM);
}

TEST_CASE("Stream: end_sending() waits for what is still to be sent") {
  World world;
  world.adopt();
  world.send("last words");
  world.stream.end_sending();
  CHECK_FALSE(world.ring.sending_ended(7));
  world.ring.complete_send();
  CHECK(world.ring.sending_ended(7));
  world.end();
}

// A cancelled operation may still win, in any order. Whatever the kernel answers, the socket is
// closed once and last, and nothing more is heard of it.
TEST_CASE("Stream: close() waits for the kernel, whatever it answers") {
  for (const int receive_result : {-ECANCELED, -ECONNRESET, 0}) {
    for (const int send_result : {-ECANCELED, -EPIPE, 5}) {
      for (const bool receive_first : {true, false}) {
        World world;
        world.adopt();
        world.send("12345");
        world.stream.close(Reason::Asked);
        world.stream.close(Reason::ReadFailed);  // Too late to be the reason.
        const std::array order{receive_first ? Kind::Receive : Kind::Send,
                               receive_first ? Kind::Send : Kind::Receive};
        for (const Kind kind : order) {
          CHECK_FALSE(world.ring.pending(Kind::Close));
          world.ring.complete(kind, kind == Kind::Send ? send_result : receive_result);
        }
        CHECK(world.seen.closed == 0);
        world.ring.complete(Kind::Close, 0);
        CHECK(world.seen.closed == 1);
        CHECK(world.seen.ended == 0);
        CHECK(world.seen.sent == 0);
        CHECK(world.stream.reason() == Reason::Asked);
        CHECK(world.ring.in_flight() == 0);
        CHECK(world.loop.blocks.blocks_in_use() == 0);
      }
    }
  }
}

TEST_CASE("Stream: a broken send closes it") {
  World world;
  world.adopt();
  world.send("x");
  world.ring.complete(Kind::Send, -EPIPE);
  CHECK(world.stream.state() == State::Closing);
  world.ring.complete(Kind::Receive, -ECANCELED);
  world.ring.complete(Kind::Close, 0);
  CHECK(world.stream.reason() == Reason::WriteFailed);
  CHECK(world.stream.error() == EPIPE);
}

}  // namespace
}  // namespace millrace::io
