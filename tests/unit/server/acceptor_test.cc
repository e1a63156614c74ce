// Acceptors that share a gate, as those of all workers do, on a calm simulated network.
#include "server/acceptor.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "config/load.h"
#include "support/choices.h"
#include "support/sim_net.h"

namespace millrace::server {
namespace {

using io::Millis;
using testing::Link;

class AcceptorWorld final : private proxy::Proxy::Listener {
 public:
  explicit AcceptorWorld(std::uint64_t max) {
    gate.max = max;
    for (io::Fd& listener : listeners_) {
      listener = net.listen();
      acceptors.emplace_back(loop_, proxy_, gate, base::UniqueFd(listener), 0).start();
    }
  }
  AcceptorWorld(const AcceptorWorld&) = delete;
  AcceptorWorld& operator=(const AcceptorWorld&) = delete;
  // Nothing may be left, whatever the test has done.
  ~AcceptorWorld() {
    for (Acceptor& acceptor : acceptors)
      acceptor.stop();
    proxy_.stop();
    pass(Millis(100));
    CHECK(std::ranges::all_of(acceptors, &Acceptor::over));
    CHECK(proxy_.over());
    CHECK(gate.connections.load() == 0);
    CHECK(net.in_flight() == 0);
    CHECK(net.open_descriptors() == 0);
  }

  // So many connect to a listener.
  void dial(std::size_t listener, std::size_t count) {
    for (; count > 0; --count)
      links_.push_back(net.dial(listeners_.at(listener)));
  }
  // All of them leave, taken in or not.
  void hang_up() {
    for (const auto& link : links_)
      link->close();
    links_.clear();
  }
  void pass(Millis time) {
    for (const Millis until = net.now() + time; net.now() < until; ++turns) {
      loop_.turn(until - net.now());
      loop_.timers.advance(net.now());
      CHECK(clients() <= gate.max);
    }
  }
  [[nodiscard]] std::size_t clients() const { return proxy_.clients(); }

 private:
  static std::shared_ptr<proxy::Snapshot> make_snapshot() {
    auto loaded = config::load_text(
        "[[listen]]\naddress = \"127.0.0.1:8080\"\n[[site]]\n[[site.route]]\npath = \"/\"\n"
        "respond = { status = 200, body = \"x\" }\n",
        "test.toml");
    REQUIRE(loaded.config.has_value());
    auto snapshot = proxy::Snapshot::make(std::move(*loaded.config), 1);
    REQUIRE(snapshot.ok());
    snapshot.value()->post().set_waker(0, [] {});
    return snapshot.value();
  }
  void on_client_gone() override {
    gate.leave();
    for (Acceptor& acceptor : acceptors)
      acceptor.on_room();
  }

  testing::Choices calm_{std::span<const std::uint8_t>()};
  std::array<io::Fd, 2> listeners_{};
  std::vector<std::shared_ptr<Link>> links_;

 public:
  testing::SimNet net{calm_};
  Gate gate;
  int turns = 0;

 private:
  io::Loop loop_{net, net.now()};
  proxy::Proxy proxy_{loop_, 0, make_snapshot(), *this};

 public:
  std::deque<Acceptor> acceptors;
};

TEST_CASE("Gate: threads that enter at once are never more than allowed") {
  Gate gate;
  gate.max = 1;
  std::atomic<bool> passed{false};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&gate, &passed] {
      for (int entered = 0; entered < 20'000 && !passed;) {
        if (!gate.enter()) continue;
        ++entered;
        if (gate.connections.load() > gate.max) passed = true;
        gate.leave();
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  CHECK_FALSE(passed.load());
  CHECK(gate.connections.load() == 0);
}

TEST_CASE("Acceptor: all together take in as many as are allowed, and never one more") {
  AcceptorWorld world(3);
  world.dial(0, 4);
  world.dial(1, 4);
  world.pass(Millis(1'000));
  CHECK(world.clients() == 3);
  CHECK(world.turns < 100);  // Nothing spins.
  world.hang_up();
  world.pass(Millis(1'000));
  CHECK(world.clients() == 0);
  world.dial(1, 1);
  world.pass(Millis(1));
  CHECK(world.clients() == 1);
}

TEST_CASE("Acceptor: one to whom nobody connects keeps no place from the others") {
  AcceptorWorld world(1);
  for (const std::size_t listener : {1U, 0U}) {
    world.pass(Millis(10));
    world.dial(listener, 1);
    world.pass(Millis(10));
    CHECK(world.clients() == 1);
    world.hang_up();
    world.pass(Millis(10));
    CHECK(world.clients() == 0);
  }
}

TEST_CASE("Acceptor: many that wait are taken in at once") {
  AcceptorWorld world(1'000);
  world.dial(0, 200);
  world.pass(Millis(1));
  CHECK(world.clients() == 200);
  CHECK(world.turns < 20);
}

TEST_CASE(
    "Acceptor: a connection that could not be taken in leaves its place, and is tried again") {
  AcceptorWorld world(1);
  world.net.faults.accept_fails = 1'000;
  world.dial(0, 1);
  world.pass(Millis(1'000));
  CHECK(world.turns < 100);
  CHECK(world.gate.connections.load() == 0);
  world.dial(1, 1);
  world.net.faults.accept_fails = 0;
  world.pass(Millis(200));
  CHECK(world.clients() == 1);
}

TEST_CASE("Acceptor: what waits at the end is taken in, as far as there are places") {
  AcceptorWorld world(3);
  std::size_t waiting = 2;
  SUBCASE("all of it") {}
  SUBCASE("or some, where not all have one") {
    waiting = 5;
  }
  world.dial(0, waiting);
  for (Acceptor& acceptor : world.acceptors)
    acceptor.stop();
  world.pass(Millis(1));
  CHECK(world.clients() == std::min<std::size_t>(waiting, 3));
  for (const Acceptor& acceptor : world.acceptors)
    CHECK(acceptor.over());
}

}  // namespace
}  // namespace millrace::server
