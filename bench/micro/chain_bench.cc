// What it costs to queue bytes for a socket: copied in, and as slices that are only referred to.
#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <string>

#include "buffer/chain.h"

namespace millrace::buffer {
namespace {

// A response head: twenty small pieces in one block, gathered into one send.
void append_copies(benchmark::State& state) {
  BlockPool pool;
  Chain chain(pool);
  const std::string piece(static_cast<std::size_t>(state.range(0)), 'x');
  std::array<iovec, 64> vectors{};
  for (auto _ : state) {
    for (int i = 0; i < 20; ++i) {
      chain.append_copy(piece);
    }
    const auto gathered = chain.gather(vectors);
    benchmark::DoNotOptimize(vectors.data());
    chain.consume(gathered.bytes);
  }
  state.SetItemsProcessed(state.iterations() * 20);
}
BENCHMARK(append_copies)->Arg(8)->Arg(32)->Arg(200);

// A body that passes through: slices of received blocks behind small headers.
void append_slices(benchmark::State& state) {
  BlockPool pool;
  Chain chain(pool);
  const Slice received = pool.copy(std::string(16'384, 'x'));
  std::array<iovec, 64> vectors{};
  for (auto _ : state) {
    for (int i = 0; i < 20; ++i) {
      chain.append_copy("4000\r\n");
      chain.append(received);
      chain.append_copy("\r\n");
    }
    while (!chain.empty()) {
      const auto gathered = chain.gather(vectors);
      benchmark::DoNotOptimize(vectors.data());
      chain.consume(gathered.bytes);
    }
  }
  state.SetItemsProcessed(state.iterations() * 20);
}
BENCHMARK(append_slices);

}  // namespace
}  // namespace millrace::buffer

BENCHMARK_MAIN();
