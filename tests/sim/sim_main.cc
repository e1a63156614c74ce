// Runs simulated worlds: `sim --seed N [--steps M] [--trace]` one, `sim --seeds A..B` many, and
// `--file PATH` those that a file lists. At the first fault it prints the seed, the step and the
// command that replays it, and exits with 1. A MUST or a sanitizer that ends the process names the
// seed too.
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "base/log.h"
#include "sim/world.h"

#ifdef __SANITIZE_ADDRESS__
extern "C" void __sanitizer_set_death_callback(void (*callback)());
#endif

namespace {

using millrace::testing::Choices;
using millrace::testing::World;

struct Options {
  std::vector<std::uint64_t> seeds;
  std::size_t steps = 3'000;
  bool trace = false;
};

// For the handler of a signal that ends the process.
char g_replay[160] = "";

void name_seed() {
  static_cast<void>(!::write(STDERR_FILENO, g_replay, std::strlen(g_replay)));
}

void on_abort(int /*signal*/) {
  name_seed();
}

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  const auto end = text.data() + text.size();
  if (text.empty() || std::from_chars(text.data(), end, value).ptr != end) {
    std::fprintf(stderr, "sim: not a number: %s\n", std::string(text).c_str());
    std::exit(2);
  }
  return value;
}

// A line: a seed, then words that say what it found.
void read_seeds(const char* path, std::vector<std::uint64_t>& seeds) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    seeds.push_back(number(line.substr(0, line.find(' '))));
  }
}

Options read_options(int count, char** words) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    const char* value = i + 1 < count ? words[i + 1] : "";
    if (word == "--trace") {
      options.trace = true;
      continue;
    }
    ++i;
    if (word == "--seed") {
      options.seeds.push_back(number(value));
    } else if (word == "--steps") {
      options.steps = number(value);
    } else if (word == "--file") {
      read_seeds(value, options.seeds);
    } else if (word == "--seeds") {
      const std::string_view range = value;
      const std::size_t dots = range.find("..");
      const std::uint64_t last = number(range.substr(dots + 2));
      for (auto seed = number(range.substr(0, dots)); seed <= last; ++seed) {
        options.seeds.push_back(seed);
      }
    } else {
      std::fprintf(stderr,
                   "usage: sim (--seed N | --seeds A..B | --file PATH)... [--steps M] "
                   "[--trace]\n");
      std::exit(2);
    }
  }
  return options;
}

// A world that has failed is left as it is: taking it apart would only abort on what is in flight.
void run(std::uint64_t seed, const Options& options) {
  std::snprintf(g_replay, sizeof g_replay, "replay: sim --seed %lu --steps %zu --trace\n",
                static_cast<unsigned long>(seed), options.steps);
  auto world = std::make_unique<World>(Choices(seed), options.trace);
  if (world->run(options.steps)) return;
  for (const std::string& fault : world->faults()) {
    std::printf("seed %lu, step %zu: %s\n", static_cast<unsigned long>(seed), world->step(),
                fault.c_str());
  }
  std::fputs(g_replay, stdout);
  std::fflush(stdout);
  std::_Exit(1);
}

}  // namespace

int main(int count, char** words) {
  const Options options = read_options(count, words);
  std::signal(SIGABRT, on_abort);
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_set_death_callback(name_seed);
#endif
  // A world's log is read only when one is traced.
  if (!options.trace) millrace::base::Log::start("/dev/null", millrace::base::Level::Error);
  for (const std::uint64_t seed : options.seeds)
    run(seed, options);
  millrace::base::Log::stop();
  return 0;
}
