// balance::BackendTable: limits are reached and not passed, each address has its own, and whoever
// waits for a place gets it in the order of coming.
#include "balance/backend_table.h"

#include <doctest/doctest.h>

#include <tuple>

namespace millrace::balance {
namespace {

config::Config config_of(std::uint64_t max, std::uint64_t idle, std::uint64_t slots = 0) {
  config::Config config;
  config.backends.resize(2);
  config.backends[0].max = max;
  config.backends[0].idle = idle;
  config.backends[0].slots = slots;
  return config;
}

// How many places there are.
std::size_t places(BackendTable& table) {
  std::size_t count = 0;
  while (count < 1000 && table.try_open(0)) {
    ++count;
  }
  return count;
}

// Queues a request for which there is no place.
Ticket wait_in_vain(BackendTable& table, std::size_t worker) {
  const BackendTable::Queued queued = table.wait(0, worker);
  REQUIRE(!queued.has_place);
  CHECK(queued.ticket.worker == worker);
  return queued.ticket;
}

TEST_CASE("BackendTable: connections open up to `max` and again after one is closed") {
  BackendTable table(config_of(2, 16));
  CHECK(table.try_open(0));
  CHECK(table.try_open(0));
  CHECK(!table.try_open(0));
  CHECK(table.open(0) == 2);
  CHECK(table.try_open(1));
  CHECK_FALSE(table.closed(0).has_value());
  CHECK(table.open(0) == 1);
  CHECK(table.try_open(0));
  CHECK(!table.try_open(0));
}

TEST_CASE("BackendTable: `max` 0 has no limit") {
  BackendTable table(config_of(0, 16));
  for (int i = 0; i < 10'000; ++i)
    REQUIRE(table.try_open(0));
  CHECK(table.open(0) == 10'000);
  CHECK(!table.bounded(0));
}

TEST_CASE("BackendTable: the limit is the smaller one of `max` and `slots`") {
  struct Row {
    std::uint64_t max;
    std::uint64_t slots;
    std::size_t limit;
  };
  for (const Row& row : {Row{5, 3, 3}, Row{3, 5, 3}, Row{0, 4, 4}, Row{4, 0, 4}}) {
    CAPTURE(row.max);
    CAPTURE(row.slots);
    BackendTable table(config_of(row.max, 16, row.slots));
    CHECK(table.bounded(0));
    CHECK(!table.bounded(1));
    CHECK(places(table) == row.limit);
  }
}

TEST_CASE("BackendTable: idle connections are kept up to `idle`, and 0 keeps none") {
  BackendTable table(config_of(0, 1));
  CHECK(table.try_keep(0));
  CHECK(!table.try_keep(0));
  CHECK(table.idle(0) == 1);
  CHECK(table.idle(1) == 0);
  table.unkeep(0);
  CHECK(table.idle(0) == 0);
  CHECK(table.try_keep(0));
  BackendTable none(config_of(0, 0));
  CHECK(!none.try_keep(0));
}

TEST_CASE("BackendTable: whoever waits while a place is free has it at once") {
  BackendTable table(config_of(1, 16));
  CHECK(table.wait(0, 3).has_place);
  CHECK(table.open(0) == 1);
  CHECK(table.waiting(0) == 0);
}

TEST_CASE("BackendTable: places are granted in the order of coming, whichever worker waits") {
  BackendTable table(config_of(2, 16));
  REQUIRE(places(table) == 2);
  const Ticket first = wait_in_vain(table, 2);
  const Ticket second = wait_in_vain(table, 0);
  const Ticket third = wait_in_vain(table, 2);
  CHECK(table.waiting(0) == 3);
  for (const Ticket& expected : {first, second, third}) {
    const auto granted = table.closed(0);
    REQUIRE(granted.has_value());
    CHECK(granted->number == expected.number);
    CHECK(granted->worker == expected.worker);
    CHECK(table.open(0) == 2);
  }
  CHECK(table.waiting(0) == 0);
  CHECK_FALSE(table.closed(0).has_value());
  CHECK(table.open(0) == 1);
}

TEST_CASE("BackendTable: addresses have queues of their own") {
  config::Config config = config_of(1, 16);
  config.backends[1].max = 1;
  BackendTable table(config);
  REQUIRE(table.try_open(0));
  REQUIRE(table.try_open(1));
  const Ticket waits = wait_in_vain(table, 0);
  CHECK(table.waiting(1) == 0);
  CHECK_FALSE(table.closed(1).has_value());
  CHECK(table.try_open(1));
  CHECK(table.closed(0)->number == waits.number);
}

TEST_CASE("BackendTable: a request that has left is passed over") {
  BackendTable table(config_of(1, 16));
  REQUIRE(table.try_open(0));
  const Ticket first = wait_in_vain(table, 0);
  const Ticket second = wait_in_vain(table, 1);
  const Ticket third = wait_in_vain(table, 2);
  CHECK(table.leave(0, second));
  CHECK(table.waiting(0) == 2);
  CHECK(table.closed(0)->number == first.number);
  CHECK(table.closed(0)->number == third.number);
  CHECK(table.waiting(0) == 0);
}

TEST_CASE("BackendTable: who leaves too late has a place, and gives it to the next one") {
  BackendTable table(config_of(1, 16));
  REQUIRE(table.try_open(0));
  const Ticket first = wait_in_vain(table, 0);
  const Ticket second = wait_in_vain(table, 1);
  REQUIRE(table.closed(0)->number == first.number);
  CHECK_FALSE(table.leave(0, first));
  CHECK(table.closed(0)->number == second.number);
  CHECK_FALSE(table.leave(0, second));
  CHECK(table.open(0) == 1);
  CHECK(table.waiting(0) == 0);
}

TEST_CASE("BackendTable: nobody opens a connection past those who wait") {
  BackendTable table(config_of(2, 16));
  REQUIRE(places(table) == 2);
  const Ticket first = wait_in_vain(table, 0);
  std::ignore = wait_in_vain(table, 1);
  REQUIRE(table.closed(0)->number == first.number);
  REQUIRE(table.closed(0).has_value());
  CHECK_FALSE(table.closed(0).has_value());
  CHECK(table.open(0) == 1);
  CHECK(table.wait(0, 0).has_place);
  const Ticket waits = wait_in_vain(table, 0);
  CHECK(!table.try_open(0));
  CHECK(table.leave(0, waits));
  CHECK(!table.try_open(0));
  CHECK_FALSE(table.closed(0).has_value());
  CHECK(table.try_open(0));
}

TEST_CASE("BackendTable: a free connection is for the first who waits, if of the same worker") {
  BackendTable table(config_of(1, 16));
  REQUIRE(table.try_open(0));
  CHECK_FALSE(table.take_first(0, 0).has_value());
  const Ticket first = wait_in_vain(table, 1);
  const Ticket second = wait_in_vain(table, 0);
  CHECK_FALSE(table.take_first(0, 0).has_value());
  CHECK(table.take_first(0, 1)->number == first.number);
  CHECK(table.waiting(0) == 1);
  CHECK_FALSE(table.leave(0, first));
  CHECK(table.take_first(0, 0)->number == second.number);
  CHECK_FALSE(table.take_first(0, 0).has_value());
  CHECK(table.waiting(0) == 0);
  // The connection was there before and has its place still.
  CHECK(table.open(0) == 1);
}

TEST_CASE("BackendTable: requests that starve are counted for each address") {
  BackendTable table(config_of(1, 16));
  table.add_starving(0, 2);
  CHECK(table.starving(0) == 2);
  CHECK(table.starving(1) == 0);
  table.add_starving(0, -1);
  CHECK(table.starving(0) == 1);
}

TEST_CASE("BackendTable: an application is asked for its nature once, until it is forgotten") {
  BackendTable table(config_of(1, 16));
  CHECK(table.nature(0) == Nature::Unknown);
  CHECK(table.begin_asking(0));
  CHECK(!table.begin_asking(0));
  CHECK(table.begin_asking(1));
  table.set_nature(0, Nature::OneByOne);
  CHECK(table.nature(0) == Nature::OneByOne);
  CHECK(table.nature(1) == Nature::Unknown);
  CHECK(!table.begin_asking(0));
  table.forget_nature(0);
  CHECK(table.nature(0) == Nature::Unknown);
  CHECK(table.begin_asking(0));
}

}  // namespace
}  // namespace millrace::balance
