// The shared tables under several threads at once. Also built with the thread sanitizer.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <thread>
#include <tuple>
#include <vector>

#include "balance/backend_table.h"
#include "balance/table.h"

namespace millrace::balance {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kThreads = 4;

template <typename Work>
void on_all_threads(Work work) {
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i)
    threads.emplace_back(work, i);
  for (std::thread& thread : threads)
    thread.join();
}

TEST_CASE("View: threads together keep the weights to the pick") {
  config::Config config;
  config.balancers.resize(1);
  config.balancers[0].members.resize(3);
  config.balancers[0].members[1].weight = 400;
  Table table(config);
  constexpr std::size_t kPicksEach = 300'000;
  std::array<std::array<std::size_t, 3>, kThreads> counts{};
  on_all_threads([&](std::size_t self) {
    View view(table);
    for (std::size_t i = 0; i < kPicksEach; ++i) {
      const auto member = view.pick(0, {}, 0ms);
      view.report_success(0, *member);
      ++counts[self][*member];
    }
  });
  std::array<std::size_t, 3> sums{};
  for (const auto& each : counts) {
    for (std::size_t member = 0; member < 3; ++member)
      sums[member] += each[member];
  }
  CHECK(sums[0] == kThreads * kPicksEach / 6);
  CHECK(sums[1] == kThreads * kPicksEach / 6 * 4);
  CHECK(sums[2] == kThreads * kPicksEach / 6);
}

TEST_CASE("View: failures, trials and recoveries on all threads leave a table that works") {
  config::Config config;
  config.balancers.resize(1);
  config.balancers[0].members.resize(5);
  for (config::Member& member : config.balancers[0].members)
    member.retry = 3ms;
  Table table(config);
  on_all_threads([&](std::size_t self) {
    View view(table);
    for (std::size_t i = 0; i < 4'000; ++i) {
      const Millis now{static_cast<Millis::rep>(i)};
      const auto member = view.pick(0, {}, now);
      REQUIRE(member.has_value());
      REQUIRE(*member < 5);
      const std::size_t chance = (i * 7 + self) % 11;
      if (chance == 0) {
        view.report_failure(0, *member, now);
      } else if (chance == 1) {
        view.report_abandoned(0, *member, now);
      } else {
        view.report_success(0, *member);
      }
    }
  });
  // Whatever is still out comes back once it is tried and answers.
  View view(table);
  for (int i = 0; i < 10; ++i)
    view.report_success(0, *view.pick(0, {}, 1h));
  CHECK(view.usable(0) == 5);
  std::array<std::size_t, 5> counts{};
  for (int i = 0; i < 50; ++i)
    ++counts[*view.pick(0, {}, 1h)];
  for (const std::size_t count : counts)
    CHECK(count == 10);
}

TEST_CASE("View: of many threads that ask at the same time one gets the trial") {
  config::Config config;
  config.balancers.resize(1);
  config.balancers[0].members.resize(2);
  Table table(config);
  View(table).report_failure(0, 0, 0ms);
  std::atomic<std::size_t> trials{0};
  on_all_threads([&](std::size_t) {
    View view(table);
    for (int i = 0; i < 500; ++i) {
      if (view.pick(0, {}, 60'000ms) == 0) trials.fetch_add(1);
    }
  });
  CHECK(trials.load() == 1);
}

TEST_CASE("BackendTable: threads never pass a limit and give back all they took") {
  config::Config config;
  config.backends.resize(1);
  config.backends[0].max = 3;
  config.backends[0].idle = 2;
  BackendTable table(config);
  std::atomic<std::size_t> open{0};
  std::atomic<bool> passed{false};
  on_all_threads([&](std::size_t) {
    for (int i = 0; i < 5'000; ++i) {
      if (!table.try_open(0)) continue;
      if (open.fetch_add(1) + 1 > 3) passed = true;
      if (table.try_keep(0)) {
        if (table.idle(0) > 2) passed = true;
        table.unkeep(0);
      }
      open.fetch_sub(1);
      std::ignore = table.closed(0);
    }
  });
  CHECK(!passed.load());
  CHECK(table.open(0) == 0);
  CHECK(table.idle(0) == 0);
}

// A thread that wants places of a crowded address, one after the other. It has one ticket at a
// time, so the last one that was granted is all the others have to tell it.
class Guest {
 public:
  Guest(BackendTable& table, std::vector<std::atomic<std::uint64_t>>& granted, std::size_t self)
      : table_(table), granted_(granted), self_(self) {}

  // Waits for a place, or only for a moment. False: it has left without one.
  bool enter(bool patient) {
    const BackendTable::Queued queued = table_.wait(0, self_);
    if (queued.has_place) return true;
    if (!patient) {
      std::this_thread::yield();
      if (table_.leave(0, queued.ticket)) return false;
    }
    for (std::size_t i = 0; i < kPatience; ++i) {
      if (granted_[self_].load() == queued.ticket.number) return true;
      std::this_thread::yield();
    }
    lost_ = true;
    return false;
  }

  void go() {
    if (const auto first = table_.closed(0)) granted_[first->worker].store(first->number);
  }

  [[nodiscard]] bool lost() const { return lost_; }

 private:
  static constexpr std::size_t kPatience = 10'000'000;

  BackendTable& table_;
  std::vector<std::atomic<std::uint64_t>>& granted_;
  std::size_t self_;
  bool lost_ = false;
};

TEST_CASE("BackendTable: no thread that waits is forgotten, and no place is lost or made") {
  config::Config config;
  config.backends.resize(1);
  // One place: where a thread that waits is forgotten, nobody is left who would come by.
  config.backends[0].max = 1;
  BackendTable table(config);
  std::vector<std::atomic<std::uint64_t>> granted(kThreads);
  std::atomic<std::size_t> inside{0};
  std::atomic<bool> passed{false};
  std::atomic<bool> lost{false};
  on_all_threads([&](std::size_t self) {
    Guest guest(table, granted, self);
    for (std::size_t i = 0; i < 20'000 && !lost; ++i) {
      const bool entered = table.try_open(0) || guest.enter((i + self) % 3 != 0);
      if (guest.lost()) lost = true;
      if (!entered) continue;
      if (inside.fetch_add(1) > 0) passed = true;
      if (i % 5 == 0) std::this_thread::yield();
      inside.fetch_sub(1);
      guest.go();
    }
  });
  CHECK(!lost.load());
  CHECK(!passed.load());
  CHECK(table.open(0) == 0);
  CHECK(table.waiting(0) == 0);
}

}  // namespace
}  // namespace millrace::balance
