// What a timer costs where most are armed and disarmed, and few ever fire.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <deque>

#include "io/timers.h"

namespace millrace::io {
namespace {

struct Owner {
  void on_time() { ++fired; }
  std::size_t fired = 0;
  Timer timer = Timer::to<&Owner::on_time>(this);
};

// A connection at work: its timer is armed anew for each request and does not fire. Time goes on.
void arm_again(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  Timers timers{Millis(0)};
  std::deque<Owner> owners(count);
  std::size_t next = 0;
  for (auto _ : state) {
    timers.arm(owners[next].timer, Millis(60'000));
    if (++next == count) {
      next = 0;
      timers.advance(timers.now() + Millis(1));
    }
  }
}
BENCHMARK(arm_again)->Arg(64)->Arg(4'096)->Arg(65'536);

// The worst of it: every timer fires, after it has stood on each level that its delay needs.
void fire(benchmark::State& state) {
  const Millis delay(state.range(0));
  Timers timers{Millis(0)};
  std::deque<Owner> owners(1'000);
  for (auto _ : state) {
    for (Owner& owner : owners) {
      timers.arm(owner.timer, delay);
    }
    while (const auto wait = timers.next()) {
      timers.advance(timers.now() + *wait);
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(owners.size()));
}
BENCHMARK(fire)->Arg(100)->Arg(10'000)->Arg(1'000'000);

}  // namespace
}  // namespace millrace::io

BENCHMARK_MAIN();
