// balance::Table through one View: failures, trials and recovery on a clock made of numbers.
#include "balance/table.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace millrace::balance {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kBalancer = 0;

config::Config config_of(std::size_t members) {
  config::Config config;
  config.balancers.resize(1);
  config.balancers[0].members.resize(members);
  return config;
}

struct World {
  explicit World(config::Config from) : config(std::move(from)) {}
  explicit World(std::size_t members) : World(config_of(members)) {}

  // Requests that each answer at once: the members that served them.
  std::string serve(std::size_t count, Millis now) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
      const auto member = view.pick(kBalancer, {}, now);
      text += member ? static_cast<char>('a' + *member) : '-';
      if (member) view.report_success(kBalancer, *member);
    }
    return text;
  }

  void fail(std::size_t member, Millis now) { view.report_failure(kBalancer, member, now); }
  [[nodiscard]] MemberState state(std::size_t member) const {
    return table.state(kBalancer, member);
  }

  config::Config config;
  Table table{config};
  View view{table};
};

TEST_CASE("Table: a failed member is left alone for `retry`, then one request tries it") {
  World world(3);
  CHECK(world.serve(3, 0ms) == "abc");
  world.fail(1, 1'000ms);
  CHECK(world.state(1) == MemberState::Failed);
  CHECK(world.serve(4, 60'999ms) == "acac");

  CHECK(world.view.pick(kBalancer, {}, 61'000ms) == 1);
  CHECK(world.state(1) == MemberState::Trial);
  CHECK(world.serve(4, 61'001ms) == "acac");
  world.view.report_success(kBalancer, 1);
  CHECK(world.state(1) == MemberState::Usable);
  CHECK(world.serve(3, 61'002ms) == "abc");
}

TEST_CASE("Table: a trial that fails leaves the member alone for another `retry`") {
  World world(2);
  world.fail(0, 0ms);
  CHECK(world.view.pick(kBalancer, {}, 60'000ms) == 0);
  world.fail(0, 60'500ms);
  CHECK(world.state(0) == MemberState::Failed);
  CHECK(world.serve(2, 120'499ms) == "bb");
  CHECK(world.view.pick(kBalancer, {}, 120'500ms) == 0);
}

TEST_CASE("Table: a trial nobody reports on is given to another request after `retry`") {
  World world(2);
  world.fail(0, 0ms);
  CHECK(world.view.pick(kBalancer, {}, 60'000ms) == 0);
  CHECK(world.serve(2, 119'999ms) == "bb");
  CHECK(world.view.pick(kBalancer, {}, 120'000ms) == 0);
}

TEST_CASE("Table: an abandoned trial goes to the next request") {
  World world(2);
  world.fail(0, 0ms);
  CHECK(world.view.pick(kBalancer, {}, 60'000ms) == 0);
  world.view.report_abandoned(kBalancer, 0, 60'010ms);
  CHECK(world.view.pick(kBalancer, {}, 60'010ms) == 0);
  world.view.report_success(kBalancer, 0);
  world.view.report_abandoned(kBalancer, 0, 60'020ms);
  CHECK(world.state(0) == MemberState::Usable);
}

TEST_CASE("Table: abandoning a request to a failed member does not shorten its `retry`") {
  World world(2);
  world.fail(0, 0ms);
  world.view.report_abandoned(kBalancer, 0, 10ms);
  CHECK(world.serve(2, 11ms) == "bb");
}

TEST_CASE("Table: a request that has tried a member is not its trial") {
  World world(3);
  world.fail(0, 0ms);
  Tried tried;
  tried.add(0);
  CHECK(world.view.pick(kBalancer, tried, 60'000ms) == 1);
  CHECK(world.state(0) == MemberState::Failed);
  CHECK(world.view.pick(kBalancer, {}, 60'000ms) == 0);
}

TEST_CASE("Table: members whose time is over are tried one request each") {
  World world(4);
  world.fail(0, 0ms);
  world.fail(2, 5ms);
  CHECK(world.view.pick(kBalancer, {}, 60'005ms) == 0);
  CHECK(world.view.pick(kBalancer, {}, 60'005ms) == 2);
  CHECK(world.serve(2, 60'005ms) == "bd");
}

TEST_CASE("Table: answers and failures of requests from before the mark change nothing") {
  World world(2);
  world.fail(0, 0ms);
  world.view.report_success(kBalancer, 0);
  CHECK(world.state(0) == MemberState::Failed);
  world.fail(0, 30'000ms);
  CHECK(world.view.pick(kBalancer, {}, 60'000ms) == 0);
}

TEST_CASE("Table: only `count` failures within `within` mark a member") {
  config::Config config = config_of(2);
  for (config::Member& member : config.balancers[0].members) {
    member.fails_count = 3;
    member.fails_within = 10s;
  }
  World world(config);
  world.fail(0, 0ms);
  world.fail(0, 9'000ms);
  world.view.report_success(kBalancer, 0);
  world.fail(0, 10'000ms);  // the first counts no more
  CHECK(world.state(0) == MemberState::Usable);
  world.fail(0, 18'999ms);
  CHECK(world.state(0) == MemberState::Failed);

  // After its return the member starts with a clean slate.
  CHECK(world.view.pick(kBalancer, {}, 80'000ms) == 0);
  world.view.report_success(kBalancer, 0);
  world.fail(0, 80'001ms);
  world.fail(0, 80'002ms);
  CHECK(world.state(0) == MemberState::Usable);
  world.fail(0, 80'003ms);
  CHECK(world.state(0) == MemberState::Failed);
}

TEST_CASE("Table: `within` 0 lets failures count for ever, but not beyond a recovery") {
  config::Config config = config_of(2);
  config.balancers[0].members[0].fails_count = 2;
  config.balancers[0].members[0].fails_within = 0ms;
  World world(config);
  world.fail(0, 0ms);
  world.fail(0, 1'000h);
  CHECK(world.state(0) == MemberState::Failed);
  CHECK(world.view.pick(kBalancer, {}, 1'001h) == 0);
  world.view.report_success(kBalancer, 0);
  world.fail(0, 1'001h);
  CHECK(world.state(0) == MemberState::Usable);
}

TEST_CASE("Table: when the last usable member fails, all are usable again") {
  World world(3);
  world.fail(0, 0ms);
  world.fail(1, 0ms);
  CHECK(world.serve(3, 1ms) == "ccc");
  CHECK(world.view.usable(kBalancer) == 1);
  world.fail(2, 2ms);
  for (std::size_t member = 0; member < 3; ++member) {
    CHECK(world.state(member) == MemberState::Usable);
  }
  CHECK(world.view.usable(kBalancer) == 3);
  CHECK(world.serve(3, 3ms) == "abc");
}

TEST_CASE("Table: the last usable member is given as many failures as any before all recover") {
  config::Config config = config_of(2);
  config.balancers[0].members[1].fails_count = 2;
  World world(config);
  world.fail(0, 0ms);
  world.fail(1, 1ms);
  CHECK(world.state(0) == MemberState::Failed);
  world.fail(1, 2ms);
  CHECK(world.state(0) == MemberState::Usable);
  CHECK(world.state(1) == MemberState::Usable);
}

TEST_CASE("Table: one request goes through all members, dead ones included, and then ends") {
  World world(2);
  world.fail(1, 0ms);
  Tried tried;
  CHECK(world.view.pick(kBalancer, tried, 1ms) == 0);
  world.fail(0, 1ms);
  tried.add(0);
  CHECK(world.view.pick(kBalancer, tried, 1ms) == 1);
  world.fail(1, 1ms);
  tried.add(1);
  CHECK(world.view.pick(kBalancer, tried, 1ms) == std::nullopt);
}

TEST_CASE("Table: a plain target and a balancer's only member are never marked") {
  for (const bool plain : {true, false}) {
    CAPTURE(plain);
    config::Config config = config_of(1);
    config.balancers[0].plain = plain;
    World world(config);
    for (int i = 0; i < 5; ++i)
      world.fail(0, Millis{i});
    CHECK(world.state(0) == MemberState::Usable);
    CHECK(world.serve(2, 10ms) == "aa");
  }
}

TEST_CASE("Table: `retry` 0 never takes a member out") {
  config::Config config = config_of(2);
  config.balancers[0].members[0].retry = 0ms;
  World world(config);
  world.fail(0, 0ms);
  CHECK(world.serve(4, 0ms) == "abab");
}

TEST_CASE("Table: weights hold among those that are left, and balancers do not touch each other") {
  config::Config config = config_of(3);
  config.balancers[0].members[0].weight = 7000;
  config.balancers[0].members[1].weight = 3000;
  config.balancers.push_back(config_of(2).balancers[0]);
  World world(config);
  world.fail(2, 0ms);
  CHECK(world.serve(10, 1ms) == "abaaabaaba");
  CHECK(world.table.state(1, 1) == MemberState::Usable);
  CHECK(world.view.pick(1, {}, 1ms) == 0);
  CHECK(world.view.pick(1, {}, 1ms) == 1);
}

TEST_CASE("View: every view takes turns in one sequence and sees what another reported") {
  World world(3);
  View other(world.table);
  CHECK(world.view.pick(kBalancer, {}, 0ms) == 0);
  CHECK(other.pick(kBalancer, {}, 0ms) == 1);
  CHECK(world.view.pick(kBalancer, {}, 0ms) == 2);
  other.report_failure(kBalancer, 0, 0ms);
  CHECK(world.serve(2, 0ms) == "bc");
  CHECK(other.pick(kBalancer, {}, 0ms) == 1);
}

}  // namespace
}  // namespace millrace::balance
