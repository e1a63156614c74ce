#include "io/timers.h"

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <vector>

namespace millrace::io {
namespace {

constexpr Millis kTick{4};

// A timer that says when it fired.
struct Probe {
  explicit Probe(Timers& the_timers) : timers(the_timers) {}
  void on_time() { fired.push_back(timers.now()); }

  Timers& timers;
  std::vector<Millis> fired;
  Timer timer = Timer::to<&Probe::on_time>(this);
};

TEST_CASE("Timers: a timer fires once, never early, and at most a tick late") {
  for (const int delay : {1, 3, 4, 5, 255, 256, 257, 1'000, 16'383, 16'384, 70'000, 1'100'000}) {
    for (const int start : {0, 1, 250, 1'023, 65'535}) {
      Timers timers{Millis(start)};
      Probe probe(timers);
      timers.arm(probe.timer, Millis(delay));
      for (Millis now(start); probe.fired.empty(); now += Millis(1)) {
        REQUIRE(now <= Millis(start + delay) + 2 * kTick);
        timers.advance(now);
      }
      CAPTURE(delay);
      CAPTURE(start);
      CHECK(probe.fired.front() >= Millis(start + delay));
      timers.advance(timers.now() + Millis(10'000'000));
      CHECK(probe.fired.size() == 1);
    }
  }
}

TEST_CASE("Timers: the loop may always sleep until next() without missing a timer") {
  Timers timers{Millis(17)};
  Probe probe(timers);
  timers.arm(probe.timer, Millis(5'000'000));
  int turns = 0;
  while (probe.fired.empty()) {
    const auto wait = timers.next();
    REQUIRE(wait.has_value());
    timers.advance(timers.now() + *wait);
    REQUIRE(++turns < 20);
  }
  CHECK(probe.fired.front() >= Millis(5'000'017));
  CHECK(probe.fired.front() <= Millis(5'000'017) + 2 * kTick);
  CHECK_FALSE(timers.next().has_value());
}

TEST_CASE("Timers: arming again later or sooner, and disarming, count from the last word") {
  Timers timers{Millis(0)};
  Probe probe(timers);
  timers.arm(probe.timer, Millis(100));
  timers.arm(probe.timer, Millis(1'000));
  timers.advance(Millis(900));
  CHECK(probe.fired.empty());
  timers.arm(probe.timer, Millis(20));
  timers.advance(Millis(928));
  CHECK(probe.fired.size() == 1);
  timers.arm(probe.timer, Millis(50));
  probe.timer.disarm();
  CHECK_FALSE(probe.timer.armed());
  timers.advance(Millis(100'000));
  CHECK(probe.fired.size() == 1);
}

// Against the plain idea of a timer: a deadline that is looked at whenever time moves.
TEST_CASE("Timers: any sequence of arming, disarming and time agrees with a list of deadlines") {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&random](int limit) {
      return static_cast<int>(random() % static_cast<unsigned>(limit));
    };
    Timers timers{Millis(below(100'000))};
    std::vector<std::unique_ptr<Probe>> probes;
    std::vector<Millis> deadlines(20, Millis::max());
    for (int i = 0; i < 20; ++i)
      probes.push_back(std::make_unique<Probe>(timers));
    for (int step = 0; step < 2'000; ++step) {
      const auto which = static_cast<std::size_t>(below(20));
      if (below(3) > 0) {
        const Millis delay(below(4) > 0 ? below(300) : below(2'000'000));
        timers.arm(probes[which]->timer, delay);
        deadlines[which] = timers.now() + delay;
      } else {
        probes[which]->timer.disarm();
        deadlines[which] = Millis::max();
      }
      timers.advance(timers.now() + Millis(below(5) > 0 ? below(20) : below(100'000)));
      for (std::size_t i = 0; i < probes.size(); ++i) {
        CAPTURE(seed);
        CAPTURE(step);
        if (!probes[i]->fired.empty()) {
          REQUIRE(deadlines[i] <= timers.now());
          probes[i]->fired.clear();
          deadlines[i] = Millis::max();
        }
        REQUIRE((deadlines[i] == Millis::max() || deadlines[i] + 2 * kTick > timers.now()));
      }
    }
  }
}

TEST_CASE("Timers: a timer that is destroyed is forgotten") {
  Timers timers{Millis(0)};
  {
    Probe probe(timers);
    timers.arm(probe.timer, Millis(10));
  }
  timers.advance(Millis(1'000));
  CHECK_FALSE(timers.next().has_value());
}

}  // namespace
}  // namespace millrace::io
