// balance::Plan against Apache's byrequests: sequences from its documentation and from a running
// one.
#include "balance/plan.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

namespace millrace::balance {
namespace {

std::vector<Share> shares(const std::vector<std::uint32_t>& weights) {
  std::vector<Share> shares;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] > 0) shares.push_back({.member = i, .weight = weights[i]});
  }
  return shares;
}

// Picks as letters: member 0 is 'a'.
std::string picks(const Plan& plan, std::size_t count, const Tried& tried = {}) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    const auto member = plan.next(tried);
    text += member ? static_cast<char>('a' + *member) : '-';
  }
  return text;
}

Tried tried_of(const std::vector<std::size_t>& members) {
  Tried tried;
  for (const std::size_t member : members)
    tried.add(member);
  return tried;
}

TEST_CASE("Plan: the sequences are Apache's") {
  struct Golden {
    std::vector<std::uint32_t> weights;  // in hundredths; 0: not usable
    std::string sequence;
    std::size_t period;
  };
  const std::vector<Golden> goldens = {
      {{2500, 2500, 2500, 2500}, "abcdabcd", 4},
      {{2500, 0, 2500, 2500}, "acdacd", 3},
      {{7000, 3000}, "abaaabaabaabaaabaaba", 10},
      {{100, 400, 100}, "babbcbbabbcb", 6},
      {{100, 100, 200}, "cabccabc", 4},
      {{100, 100, 100, 200}, "dabcddabcd", 5},
      {{100, 0, 100}, "acacac", 2},
      {{100, 100}, "ababab", 2},
      {{0, 100}, "bbbb", 1},
      {{1, 2}, "babbab", 3},
      {{50, 150}, "babbbabb", 4},
  };
  for (const Golden& golden : goldens) {
    CAPTURE(golden.sequence);
    const Plan plan(shares(golden.weights));
    CHECK(picks(plan, golden.sequence.size()) == golden.sequence);
    CHECK(plan.period() == golden.period);
  }
}

TEST_CASE("Plan: any run of picks is as Apache's arithmetic makes it, far beyond one cycle") {
  const std::vector<std::int64_t> weights = {17, 1, 5, 250, 33};
  const Plan plan(shares({17, 1, 5, 250, 33}));
  std::vector<std::int64_t> status(weights.size(), 0);
  for (int pick = 0; pick < 2000; ++pick) {
    std::size_t best = 0;
    std::int64_t total = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      status[i] += weights[i];
      total += weights[i];
      if (status[i] > status[best]) best = i;
    }
    status[best] -= total;
    REQUIRE(plan.next({}) == best);
  }
}

TEST_CASE("Plan: weights that have no short cycle keep their proportions within a pick") {
  std::vector<std::uint32_t> weights(kMembersMax, 9973);
  weights[0] = 1;
  weights[7] = 5003;
  const Plan plan(shares(weights));
  CHECK(plan.period() <= kCycleStepsMax / kMembersMax);
  std::array<std::size_t, kMembersMax> counts{};
  for (std::size_t i = 0; i < plan.period(); ++i)
    ++counts[*plan.next({})];
  CHECK(counts[0] == 1);
  CHECK(counts[1] == counts[255]);
  CHECK(counts[1] >= 60);
  CHECK(2 * counts[7] >= counts[1] - 2);
  CHECK(2 * counts[7] <= counts[1] + 2);
}

TEST_CASE("Plan: a cycle is never longer than its limit") {
  const Plan plan(shares({10'000, 9'999, 9'998, 9'997, 9'995, 9'993, 9'991, 9'989}));
  CHECK(plan.period() <= kCycleMax);
  CHECK(plan.period() > kCycleMax - 100);
}

TEST_CASE("Plan: members that were tried are passed over, and the next in turn serves") {
  const Plan plan(shares({100, 100, 100}));
  CHECK(picks(plan, 3, tried_of({0})) == "bbc");
  CHECK(picks(plan, 3, tried_of({0, 1})) == "ccc");
  CHECK(picks(plan, 3, tried_of({0, 1, 2})) == "---");
}

TEST_CASE("Plan: a light member is found at once behind a heavy one that was tried") {
  const Plan plan(shares({10'000, 1, 1}));
  const std::string found = picks(plan, 10, tried_of({0}));
  CHECK(found.find('-') == std::string::npos);
  CHECK(found.find('a') == std::string::npos);
  CHECK(picks(plan, 10, tried_of({0, 1})) == "cccccccccc");
}

TEST_CASE("Plan: the only member is given until it was tried") {
  const Plan plan(shares({0, 0, 300}));
  CHECK(picks(plan, 3) == "ccc");
  CHECK(picks(plan, 1, tried_of({2})) == "-");
  CHECK(plan.usable() == 1);
}

TEST_CASE("Tried: each of 256 members is remembered on its own") {
  Tried tried;
  CHECK(tried.none());
  for (const std::size_t member :
       {std::size_t{0}, std::size_t{63}, std::size_t{64}, std::size_t{130}, std::size_t{255}}) {
    CHECK(!tried.contains(member));
    tried.add(member);
    CHECK(tried.contains(member));
    CHECK(!tried.contains(member ^ 1));
    CHECK(!tried.none());
  }
  tried.clear();
  CHECK(tried.none());
  CHECK(!tried.contains(255));
}

}  // namespace
}  // namespace millrace::balance
