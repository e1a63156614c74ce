// What a worker leaves to the others when it ends.
#include "proxy/generation.h"

#include <memory>
#include <optional>

#include "config/load.h"
#include "support/backend_fixture.h"

namespace millrace::proxy {
namespace {

// Two workers, and an application that has one place.
std::shared_ptr<Snapshot> make_snapshot() {
  auto loaded = config::load_text(
      "[[listen]]\naddress = \"127.0.0.1:8080\"\n[[site]]\n[[site.route]]\npath = \"/\"\n"
      "to = { url = \"fcgi://127.0.0.1:4000/\", max = 1 }\n",
      "test.toml");
  REQUIRE(loaded.config.has_value());
  auto snapshot = Snapshot::make(std::move(*loaded.config), 2);
  REQUIRE(snapshot.ok());
  for (const std::size_t worker : {0U, 1U})
    snapshot.value()->post().set_waker(worker, [] {});
  return snapshot.value();
}

TEST_CASE("Generation: a place that was granted to a worker that ends goes to the next") {
  testing::SimRing ring;
  io::Loop loop{ring, io::Millis(0)};
  const auto snapshot = make_snapshot();
  balance::BackendTable& table = snapshot->backends();
  io::Spools spools(loop);
  Generation stays(loop, 0, snapshot, spools);
  std::optional<Generation> ends(std::in_place, loop, 1, snapshot, spools);
  REQUIRE(table.try_open(0));
  upstream::RecordingWaiter gone(ends->pool(0));
  upstream::RecordingWaiter next(stays.pool(0));
  REQUIRE_FALSE(ends->pool(0).wait(gone));
  bool has_next = false;
  SUBCASE("who waits on another worker") {
    has_next = true;
    REQUIRE_FALSE(stays.pool(0).wait(next));
  }
  SUBCASE("or is free, where nobody waits") {}
  const auto granted = table.closed(0);
  REQUIRE(granted.has_value());
  REQUIRE(snapshot->post().grant(1, {.backend = 0, .ticket = granted->number}));
  ends->pool(0).leave(gone);
  ends.reset();
  CHECK(gone.told == 0);
  stays.on_woken();
  CHECK(next.told == (has_next ? 1 : 0));
  CHECK(table.open(0) == (has_next ? 1 : 0));
  if (!has_next) return;
  REQUIRE(next.got.outcome == upstream::Outcome::Got);
  next.got.link->abort(false);
  ring.complete(upstream::Kind::Connect, -ECANCELED);
  ring.complete(upstream::Kind::Close, 0);
  CHECK(table.open(0) == 0);
}

}  // namespace
}  // namespace millrace::proxy
