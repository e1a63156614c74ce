// What a pick costs: alone, and with all threads at one balancer.
#include <benchmark/benchmark.h>

#include <memory>

#include "balance/table.h"

namespace millrace::balance {
namespace {

using namespace std::chrono_literals;

config::Config config_of(std::size_t members) {
  config::Config config;
  config.balancers.resize(1);
  config.balancers[0].members.resize(members);
  for (std::size_t i = 0; i < members; ++i) {
    config.balancers[0].members[i].weight = static_cast<std::uint32_t>(100 + 100 * (i % 3));
  }
  return config;
}

void pick(benchmark::State& state) {
  static std::unique_ptr<Table> table;
  if (state.thread_index() == 0) {
    table = std::make_unique<Table>(config_of(static_cast<std::size_t>(state.range(0))));
  }
  std::unique_ptr<View> view;
  for (auto _ : state) {
    if (view == nullptr) view = std::make_unique<View>(*table);
    const auto member = view->pick(0, {}, 1ms);
    benchmark::DoNotOptimize(member);
    view->report_success(0, *member);
  }
}
BENCHMARK(pick)->Arg(1)->Arg(2)->Arg(8)->Arg(64)->Arg(256)->ThreadRange(1, 4)->UseRealTime();

// A member fails and comes back: two plans are made, and the view fetches each.
void fail_and_recover(benchmark::State& state) {
  Table table(config_of(static_cast<std::size_t>(state.range(0))));
  View view(table);
  Millis now = 0ms;
  for (auto _ : state) {
    view.report_failure(0, 0, now);
    now += 60s;
    benchmark::DoNotOptimize(view.pick(0, {}, now));
    view.report_success(0, 0);
    benchmark::DoNotOptimize(view.pick(0, {}, now));
  }
}
BENCHMARK(fail_and_recover)->Arg(2)->Arg(64)->Arg(256);

}  // namespace
}  // namespace millrace::balance

BENCHMARK_MAIN();
