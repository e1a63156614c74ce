// balance::BackendTable: limits are reached and not passed, and each address has its own.
#include "balance/backend_table.h"

#include <doctest/doctest.h>

namespace millrace::balance {
namespace {

config::Config config_of(std::uint64_t max, std::uint64_t idle) {
  config::Config config;
  config.backends.resize(2);
  config.backends[0].max = max;
  config.backends[0].idle = idle;
  return config;
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

}  // namespace
}  // namespace millrace::balance
