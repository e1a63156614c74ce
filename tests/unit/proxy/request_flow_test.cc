#include "proxy/request_flow.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "support/backend_fixture.h"

namespace millrace::proxy {
namespace {

using upstream::Kind;
using upstream::PoolFixture;
using upstream::RecordingUser;

std::string body(std::size_t bytes) {
  std::string text;
  while (text.size() < bytes)
    text += std::to_string(text.size()) + ",";
  text.resize(bytes);
  return text;
}

// What the application would read.
struct Input {
  std::string body;
  bool whole = false;
};

struct Fixture : io::Spool::User {
  virtual ~Fixture() {
    if (conn != nullptr) conn->abort(false);
    flow.reset();
    world.settle();
    MUST(spools.in_use() == 0);
  }
  void on_spool_moved() override { flow.pump(); }
  void on_spool_failed(int /*error*/) override {}

  // A connection that is Ready: what is written stays in out().
  upstream::BackendConn& backend() {
    if (conn != nullptr) conn->abort(false);
    conn = &world.connect(user);
    return *conn;
  }
  bool add(std::string_view text) { return flow.add(world.loop.blocks.copy(text)); }
  // Takes what was written, as if it had been sent.
  void take(Input& input) {
    while (!conn->out().empty())
      reader.feed(conn->out().pop_front().text());
    while (const auto record = reader.next()) {
      REQUIRE_FALSE(input.whole);
      REQUIRE(record->type == testing::kStdin);
      REQUIRE(record->id == upstream::BackendConn::kRequestId);
      input.whole = record->content.empty();
      input.body += record->content;
    }
  }
  // All that comes, pumped until nothing more does.
  Input take_all() {
    Input input;
    do {
      take(input);
      flow.pump();
    } while (!conn->out().empty());
    return input;
  }

  PoolFixture world;
  io::Spools spools{world.loop};
  RecordingUser user;
  upstream::BackendConn* conn = nullptr;
  testing::WireReader reader;
  RequestFlow flow{world.loop.blocks};
};

TEST_CASE_FIXTURE(Fixture, "RequestFlow: no body is an empty STDIN, at once") {
  flow.begin(nullptr, true);
  flow.end();
  flow.start(backend());
  const Input input = take_all();
  CHECK(input.body.empty());
  CHECK(input.whole);
  CHECK_FALSE(flow.wants_more());
}

TEST_CASE_FIXTURE(Fixture,
                  "RequestFlow: what came before the connection goes first, the rest as it comes") {
  flow.begin(nullptr, false);
  CHECK_FALSE(flow.wants_more());  // Nobody takes it yet.
  REQUIRE(add("one,"));
  flow.start(backend());
  CHECK(flow.wants_more());
  Input input;
  take(input);
  CHECK(input.body == "one,");
  CHECK_FALSE(input.whole);
  REQUIRE(add("two,"));
  flow.pump();
  REQUIRE(add("three"));
  flow.end();
  flow.pump();
  take(input);
  CHECK(input.body == "one,two,three");
  CHECK(input.whole);
  CHECK(flow.received() == 13);
  flow.pump();
  CHECK(conn->out().empty());  // STDIN ends once.
}

TEST_CASE_FIXTURE(Fixture,
                  "RequestFlow: a body of any size arrives, in records that FastCGI allows") {
  const std::string sent = body(1'000'000);
  flow.begin(nullptr, false);
  flow.start(backend());
  Input input;
  for (std::string_view rest = sent; !rest.empty();) {
    const std::string_view piece = rest.substr(0, 100'000);  // More than a record holds.
    rest.remove_prefix(piece.size());
    REQUIRE(add(piece));
    do {
      flow.pump();
      take(input);
    } while (!flow.wants_more());
  }
  flow.end();
  flow.pump();
  take(input);
  CHECK(input.body == sent);
  CHECK(input.whole);
}

TEST_CASE_FIXTURE(Fixture, "RequestFlow: a slow application is waited for, in bounded memory") {
  const std::string piece = body(8'192);
  flow.begin(nullptr, false);
  flow.start(backend());
  std::size_t added = 0;
  while (flow.wants_more()) {
    REQUIRE(add(piece));
    flow.pump();
    added += piece.size();
    REQUIRE(added <= 4 * RequestFlow::kQueuedMax);
  }
  CHECK(conn->out().size() < RequestFlow::kQueuedMax + 2 * piece.size());
  Input input;
  take(input);
  flow.pump();
  CHECK(flow.wants_more());
  CHECK(input.body.size() + take_all().body.size() == added);
}

TEST_CASE_FIXTURE(Fixture, "RequestFlow: what is kept can be sent again, to the last byte") {
  const std::string sent = body(RequestFlow::kKeptMax);
  flow.begin(nullptr, true);
  REQUIRE(add(sent.substr(0, 10)));
  flow.start(backend());
  Input first;
  take(first);
  CHECK(first.body == sent.substr(0, 10));
  flow.stop();
  REQUIRE(add(sent.substr(10, 50'000)));
  REQUIRE(add(sent.substr(50'010)));
  flow.end();
  REQUIRE(flow.can_replay());
  flow.start(backend());
  const Input second = take_all();
  CHECK(second.body == sent);
  CHECK(second.whole);
}

TEST_CASE_FIXTURE(Fixture,
                  "RequestFlow: one that is not kept, or has become too large, is sent once") {
  bool keep = false;
  SUBCASE("not kept") {}
  SUBCASE("too large") {
    keep = true;
  }
  flow.begin(nullptr, keep);
  REQUIRE(add(body(keep ? RequestFlow::kKeptMax + 1 : 1)));
  CHECK(flow.can_replay());  // It was not sent yet.
  flow.start(backend());
  CHECK(flow.can_replay() == !keep);  // Nothing has left yet; but what is not kept is gone.
  flow.on_sent();
  CHECK_FALSE(flow.can_replay());
}

TEST_CASE_FIXTURE(Fixture,
                  "RequestFlow: a spooled body is sent when it is asked for, any number of times") {
  const std::string sent = body(200'000);
  flow.begin(&spools.open(*this), false);
  for (std::string_view rest = sent; !rest.empty();) {
    CHECK(flow.wants_more());
    REQUIRE(add(rest.substr(0, 50'000)));
    rest.remove_prefix(50'000);
    while (world.ring.pending(Kind::Write))
      world.ring.complete_file(Kind::Write);
  }
  flow.end();
  for (int round = 0; round < 2; ++round) {
    REQUIRE(flow.can_replay());
    flow.start(backend());
    Input input;
    while (!input.whole) {
      take(input);
      flow.pump();
      if (world.ring.pending(Kind::Read)) world.ring.complete_file(Kind::Read);
    }
    CHECK(input.body == sent);
  }
}

TEST_CASE_FIXTURE(Fixture, "RequestFlow: the next request knows nothing of the one before") {
  flow.begin(nullptr, true);
  REQUIRE(add("old"));
  flow.end();
  flow.start(backend());
  take_all();
  flow.reset();
  CHECK_FALSE(flow.ended());
  CHECK(flow.received() == 0);
  flow.begin(nullptr, true);
  REQUIRE(add("new"));
  flow.end();
  flow.start(backend());
  CHECK(take_all().body == "new");
}

}  // namespace
}  // namespace millrace::proxy
