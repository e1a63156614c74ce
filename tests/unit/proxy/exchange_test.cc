// A request and its answer through the whole proxy: which connection carries it, what happens when
// that fails, and what a client that leaves leaves behind.
#include "proxy/exchange.h"

#include <doctest/doctest.h>

#include <string>

#include "proxy_world.h"

namespace millrace::proxy {
namespace {

TEST_CASE("Exchange: a connection that has answered serves the next request") {
  ProxyWorld world;
  const auto client = world.connect(get("/one"));
  CHECK(reply_of(*client).body == "hello");
  client->write(get("/two"));
  world.run();
  CHECK(reply_of(*client).body == "hello");
  CHECK(world.app().requests() == 2);
  CHECK(world.app().connections() == 1);
}

TEST_CASE("Exchange: reuse = false closes it after each request") {
  ProxyWorld world("{ url = \"fcgi://127.0.0.1:4000/\", reuse = false }");
  for (int i = 0; i < 2; ++i)
    CHECK(reply_of(*world.connect(get("/"))).status == 200);
  CHECK(world.app().connections() == 2);
  CHECK(world.table().open(0) == 0);
}

TEST_CASE("Exchange: any byte behind END_REQUEST closes it") {
  for (const std::string_view surplus : {std::string_view("\x01"), std::string_view("\0", 1)}) {
    ProxyWorld world;
    world.answer({.bytes = testing::whole_answer(1, kHello) + std::string(surplus)});
    CHECK(reply_of(*world.connect(get("/"))).body == "hello");
    CHECK(world.table().open(0) == 0);
  }
}

TEST_CASE("Exchange: a record on an idle connection closes it") {
  ProxyWorld world;
  const std::string whole = testing::whole_answer(1, kHello);
  world.answer({.bytes = whole + stdout_of(1, "late"), .piece = whole.size(), .gap = Millis(500)});
  CHECK(reply_of(*world.connect(get("/"))).body == "hello");
  CHECK(world.table().open(0) == 1);
  world.pass(Millis(600));
  CHECK(world.table().open(0) == 0);
}

TEST_CASE("Exchange: records of another request are an error of the protocol") {
  for (const int id : {0, 2, 65'535}) {
    CAPTURE(id);
    ProxyWorld world;
    world.answer({.bytes = stdout_of(id, kHello) + testing::end_request(id)});
    CHECK(reply_of(*world.connect(get("/"))).status == 502);
    CHECK(world.table().open(0) == 0);
  }
}

// Keeps a connection, which the application closes when the next request comes on it.
void make_stale(ProxyWorld& world) {
  CHECK(reply_of(*world.connect(get("/"))).status == 200);
  world.script = [&world](const AppRequest& request) {
    Answer answer{.bytes = testing::whole_answer(request.id, kHello)};
    if (world.app().requests() == 2) answer = {.bytes = {}, .then = Answer::Then::Close};
    answer.before_stdin = answer.then == Answer::Then::Close;
    return answer;
  };
}

TEST_CASE("Exchange: a harmless request that a reused connection fails is tried on a new one") {
  ProxyWorld world;
  make_stale(world);
  CHECK(reply_of(*world.connect(get("/again"))).body == "hello");
  CHECK(world.app().requests() == 3);
  CHECK(world.app().connections() == 2);
}

TEST_CASE("Exchange: a body that is kept is sent again whole") {
  ProxyWorld world;
  make_stale(world);
  std::string seen;
  world.app().on_stdin_end = [&](const AppRequest& request) { seen = request.stdin_bytes; };
  const std::string body(10'000, 'b');
  const auto client =
      world.connect("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000\r\n\r\n" + body);
  CHECK(reply_of(*client).status == 200);
  CHECK(seen == body);
}

TEST_CASE("Exchange: what may have had an effect is not tried again") {
  ProxyWorld world;
  make_stale(world);
  const Reply reply = reply_of(*world.connect(post("b")));
  CHECK(reply.status == 502);
  CHECK(reply.field("Millrace-Error") == "backend-closed-before-response");
  CHECK(world.app().requests() == 2);
}

TEST_CASE("Exchange: a new connection that dies is not tried again") {
  ProxyWorld world;
  world.answer({.bytes = {}, .then = Answer::Then::Close});
  CHECK(reply_of(*world.connect(get("/"))).status == 502);
  CHECK(world.app().requests() == 1);
}

TEST_CASE("Exchange: an application that refuses is asked again until the queue's time is over") {
  ProxyWorld world;
  world.net().serve(kPort, nullptr);
  const auto client = world.connect(get("/"));
  world.pass(Millis(900));
  CHECK(client->read().empty());
  SUBCASE("it comes back") {
    world.net().serve(kPort, &world.app());
    world.pass(Millis(150));
    CHECK(reply_of(*client).body == "hello");
  }
  SUBCASE("it does not") {
    world.pass(Millis(250));
    const Reply reply = reply_of(*client);
    CHECK(reply.status == 503);
    CHECK(reply.field("Retry-After") == "1");
  }
}

TEST_CASE("Exchange: connecting and answering have their time limits") {
  ProxyWorld world("\"fcgi://127.0.0.1:4000/\"", "[timeouts]\nconnect = \"2s\"\nresponse = \"5s\"");
  Millis before{0};
  SUBCASE("connect") {
    world.net().serve_silently(kPort);
    before = Millis(1'900);
  }
  SUBCASE("response") {
    world.answer({.bytes = {}, .then = Answer::Then::Hang});
    before = Millis(4'900);
  }
  const auto client = world.connect(get("/"));
  world.pass(before);
  CHECK(client->read().empty());
  world.pass(Millis(200));
  CHECK(reply_of(*client).status == 504);
  CHECK(world.table().open(0) == 0);
}

TEST_CASE("Exchange: who finds no place waits for one, first come first served") {
  ProxyWorld world("{ url = \"fcgi://127.0.0.1:4000/\", max = 1 }");
  world.answer({.bytes = testing::whole_answer(1, kHello), .delay = Millis(300)});
  const auto first = world.connect(get("/1"));
  const auto second = world.connect(get("/2"));
  const auto third = world.connect(get("/3"));
  CHECK(world.app().requests() == 1);
  world.pass(Millis(310));
  CHECK(reply_of(*first).body == "hello");
  CHECK(second->read().empty());
  world.pass(Millis(310));
  CHECK(reply_of(*second).body == "hello");
  world.pass(Millis(310));
  CHECK(reply_of(*third).body == "hello");
  CHECK(world.app().connections() == 1);
}

TEST_CASE("Exchange: who waits too long for a place is told so") {
  ProxyWorld world("{ url = \"fcgi://127.0.0.1:4000/\", max = 1, queue = \"500ms\" }");
  world.answer({.bytes = testing::whole_answer(1, kHello), .delay = Millis(800)});
  const auto first = world.connect(get("/1"));
  const auto second = world.connect(get("/2"));
  world.pass(Millis(510));
  const Reply reply = reply_of(*second);
  CHECK(reply.status == 503);
  CHECK(reply.field("Millrace-Error") == "queue-timeout");
  world.pass(Millis(400));
  CHECK(reply_of(*first).status == 200);
}

TEST_CASE(
    "Exchange: a client that leaves takes its connection with it, or leaves its place taken") {
  SUBCASE("places are not counted") {
    ProxyWorld world;
    world.answer({.bytes = {}, .then = Answer::Then::Hang, .before_stdin = true});
    const auto client = world.connect(get("/"));
    REQUIRE(world.table().open(0) == 1);
    client->reset();
    world.run();
    CHECK(world.clients_gone() == 1);
    CHECK(world.table().open(0) == 0);
  }
  SUBCASE("places are counted") {
    ProxyWorld world("{ url = \"fcgi://127.0.0.1:4000/\", max = 1 }");
    world.answer({.bytes = testing::whole_answer(1, kHello), .delay = Millis(700)});
    const auto client = world.connect(get("/"));
    client->reset();
    world.pass(Millis(600));
    CHECK(world.clients_gone() == 1);
    CHECK(world.table().open(0) == 1);  // the application still works for it
    world.pass(Millis(200));
    const auto next = world.connect(get("/"));
    world.pass(Millis(710));
    CHECK(reply_of(*next).status == 200);
    CHECK(world.app().connections() == 1);
  }
}

}  // namespace
}  // namespace millrace::proxy
