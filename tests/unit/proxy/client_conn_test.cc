// A client's connection: how requests follow each other, and how it ends.
#include "proxy/client_conn.h"

#include <doctest/doctest.h>

#include <string>

#include "proxy_world.h"

namespace millrace::proxy {
namespace {

TEST_CASE("ClientConn: pipelined requests are answered in their order") {
  ProxyWorld world;
  world.script = [](const AppRequest& request) {
    return Answer{.bytes = testing::whole_answer(
                      request.id, "Content-Length: 2\r\n\r\n" + request.at("DOCUMENT_URI"))};
  };
  const auto client = world.connect(get("/1") + get("/2") + get("/3"));
  std::string bytes = client->read();
  testing::ReplyReader reader;
  for (const std::string expected : {"/1", "/2", "/3"}) {
    bytes.erase(0, reader.feed(bytes));
    REQUIRE(reader.whole());
    CHECK(reader.take().body == expected);
  }
  CHECK(bytes.empty());
}

TEST_CASE("ClientConn: the bytes of a request may come in any pieces") {
  const std::string request = get("/a") + post("body") + get("/b");
  for (std::size_t cut = 1; cut < request.size(); ++cut) {
    CAPTURE(cut);
    ProxyWorld world;
    const auto client = world.connect(request.substr(0, cut));
    client->write(request.substr(cut));
    world.run();
    CHECK(world.app().requests() == 3);
    CHECK(client->read().size() == ProxyWorld().connect(request)->read().size());
  }
}

TEST_CASE("ClientConn: an idle connection is closed after keepalive, and not before") {
  ProxyWorld world("\"fcgi://127.0.0.1:4000/\"", "[timeouts]\nkeepalive = \"5s\"");
  const auto client = world.connect(get("/"));
  CHECK(reply_of(*client).status == 200);
  world.pass(Millis(4'900));
  CHECK_FALSE(client->ended());
  world.pass(Millis(200));
  CHECK(client->ended());
}

TEST_CASE("ClientConn: an answer whose end adds no byte starts no timer") {
  ProxyWorld world("\"fcgi://127.0.0.1:4000/\"", "[timeouts]\nsend = \"2s\"\nkeepalive = \"9s\"");
  const std::string head = stdout_of(1, kHello);
  world.answer({.bytes = head + testing::end_request(1), .piece = head.size(), .gap = Millis(100)});
  const auto client = world.connect("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  world.pass(Millis(200));
  CHECK(reply_of(*client, true).status == 200);
  world.pass(Millis(4'000));
  CHECK_FALSE(client->broken());
  client->write(get("/next"));
  world.pass(Millis(200));
  CHECK(reply_of(*client).body == "hello");
}

TEST_CASE("ClientConn: a client that does not read is reset after send") {
  ProxyWorld world("\"fcgi://127.0.0.1:4000/\"", "[timeouts]\nsend = \"3s\"");
  world.net().set_buffers(65'536, 1'000);
  world.answer({.bytes = testing::whole_answer(1, "\r\n" + std::string(50'000, 'x'))});
  const auto client = world.connect(get("/"));
  world.pass(Millis(2'900));
  CHECK(world.clients_gone() == 0);
  world.pass(Millis(200));
  CHECK(world.clients_gone() == 1);
  static_cast<void>(client->read());
  CHECK(client->broken());
}

TEST_CASE("ClientConn: a head that does not come whole in time is answered with 408") {
  ProxyWorld world("\"fcgi://127.0.0.1:4000/\"", "[timeouts]\nheader = \"1s\"");
  SUBCASE("some of it has come") {
    const auto client = world.connect("GET / HT");
    world.pass(Millis(1'100));
    CHECK(reply_of(*client).status == 408);
  }
  SUBCASE("nothing has come") {
    const auto client = world.connect();
    world.pass(Millis(1'100));
    CHECK(client->read().empty());
    CHECK(client->ended());
  }
}

TEST_CASE("ClientConn: a half-closed client is sent the start of every answer, then the rest") {
  ProxyWorld world;
  world.answer({.bytes = testing::whole_answer(1, kHello), .delay = Millis(500)});
  const auto client = world.connect(get("/"));
  client->end();
  world.run();
  const std::string start = client->read();
  CHECK(start == "HTTP/1.1 ");
  world.pass(Millis(600));
  const std::string rest = client->read();
  CHECK(rest.starts_with("200 OK\r\n"));
  CHECK(rest.ends_with("hello\r\n0\r\n\r\n"));
  CHECK(client->ended());
}

TEST_CASE("ClientConn: a client that has gone altogether is found out by that start") {
  ProxyWorld world;
  world.answer({.bytes = testing::whole_answer(1, kHello), .delay = Millis(5'000)});
  const auto client = world.connect(get("/"));
  client->close();
  world.pass(Millis(100));
  CHECK(world.clients_gone() == 1);
  CHECK(world.table().open(0) == 0);
}

TEST_CASE("ClientConn: pipelined requests of a half-closed client are answered") {
  ProxyWorld world;
  world.answer({.bytes = testing::whole_answer(1, "Content-Length: 2\r\n\r\nok")});
  const auto client = world.connect();
  client->write(get("/1") + get("/2"));
  client->end();
  world.run();
  CHECK(world.app().requests() == 2);
  CHECK(client->read().find("ok") != std::string::npos);
  CHECK(client->ended());
}

TEST_CASE("ClientConn: a request that can not become whole any more is given up") {
  ProxyWorld world;
  const std::string request = post("whole");
  for (const std::size_t missing : {std::size_t{1}, request.size() - 1}) {
    const auto client = world.connect(request.substr(0, request.size() - missing));
    client->end();
    world.run();
    CHECK(client->read().empty());
    CHECK(client->ended());
  }
  CHECK(world.clients_gone() == 2);
  CHECK(world.table().open(0) == 0);
}

TEST_CASE("ClientConn: an answer ahead of the body's end is not destroyed by what still comes") {
  ProxyWorld world;
  const auto client = world.connect(
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n"
      "Content-Length: 11\r\n\r\nsome");
  client->write("more");
  world.run();
  CHECK(reply_of(*client).status == 400);
  CHECK_FALSE(client->broken());
  client->close();
  world.run();
  CHECK(world.clients_gone() == 1);
}

TEST_CASE(
    "ClientConn: a client that reads steadily is served, however slowly; one that stops is not") {
  ProxyWorld world("\"fcgi://127.0.0.1:4000/\"", "[timeouts]\nsend = \"1s\"");
  world.net().set_buffers(65'536, 1'000);
  const std::string body(10'000, 'x');
  world.answer({.bytes = testing::whole_answer(1, "Content-Length: 10000\r\n\r\n" + body)});
  const auto client = world.connect(get("/"));
  std::string bytes = client->read();
  SUBCASE("steadily") {
    while (!bytes.ends_with(body)) {
      world.pass(Millis(700));
      REQUIRE_FALSE(client->broken());
      bytes += client->read();
    }
  }
  SUBCASE("stops") {
    world.pass(Millis(950));
    CHECK_FALSE(client->broken());
    bytes += client->read();
    world.pass(Millis(950));
    bytes += client->read();
    world.pass(Millis(1'600));
    bytes += client->read();
    CHECK(client->broken());
    CHECK(bytes.size() < body.size());
  }
}

TEST_CASE("ClientConn: an answer that is still being sent outlives keepalive and drain") {
  ProxyWorld world("\"fcgi://127.0.0.1:4000/\"", "[timeouts]\nkeepalive = \"1s\"");
  world.net().set_buffers(65'536, 1'000);
  const std::string body(20'000, 'x');
  world.answer({.bytes = testing::whole_answer(1, "Content-Length: 20000\r\n\r\n" + body)});
  const auto client = world.connect(get("/"));
  std::string bytes = client->read();
  bool drained = false;
  SUBCASE("keepalive") {}
  SUBCASE("drain") {
    world.proxy().drain();
    drained = true;
  }
  while (!bytes.ends_with(body)) {
    world.pass(Millis(200));
    const std::string more = client->read();
    REQUIRE_FALSE(more.empty());
    bytes += more;
  }
  world.run();
  CHECK(client->ended() == drained);
  world.pass(Millis(1'100));
  CHECK(client->ended());
}

TEST_CASE("ClientConn: drain closes idle connections and lets running requests end") {
  ProxyWorld world;
  const auto idle = world.connect(get("/"));
  CHECK(reply_of(*idle).status == 200);
  world.answer({.bytes = testing::whole_answer(1, kHello), .delay = Millis(500)});
  const auto running = world.connect(get("/"));
  world.proxy().drain();
  world.run();
  CHECK(idle->ended());
  CHECK_FALSE(running->ended());
  world.pass(Millis(600));
  const Reply reply = reply_of(*running);
  CHECK(reply.body == "hello");
  CHECK(reply.field("Connection") == "close");
  CHECK(running->ended());
  CHECK_FALSE(world.proxy().over());  // It may still be sending.
  running->close();
  world.run();
  CHECK(world.proxy().over());
}

TEST_CASE("ClientConn: a cut answer never looks complete") {
  const std::string_view lengthy = "Content-Length: 9\r\n\r\nhalf";
  const std::string_view open = "\r\nhalf";
  for (const std::string_view output : {lengthy, open}) {
    for (const std::string_view version : {"HTTP/1.0", "HTTP/1.1"}) {
      CAPTURE(std::string(output));
      CAPTURE(std::string(version));
      ProxyWorld world;
      world.answer({.bytes = stdout_of(1, output), .then = Answer::Then::Close});
      const auto client = world.connect("GET / " + std::string(version) + "\r\nHost: h\r\n\r\n");
      testing::ReplyReader reader;
      static_cast<void>(reader.feed(client->read()));
      if (client->ended()) reader.end_of_connection();
      CHECK(reader.reply().status == 200);
      CHECK(reader.reply().body == "half");
      CHECK_FALSE(reader.whole());
      const bool over = client->ended() || client->broken();
      CHECK(over);
    }
  }
}

}  // namespace
}  // namespace millrace::proxy
