// Who is fast waits for who is slow, in bounded memory, in both directions; and when the body is
// asked for.
#include <doctest/doctest.h>

#include <string>

#include "proxy/request_flow.h"
#include "proxy_world.h"

namespace millrace::proxy {
namespace {

constexpr std::size_t kLarge = 3'000'000;

TEST_CASE("Exchange: a slow client pauses the application at response_buffer") {
  ProxyWorld world("\"fcgi://127.0.0.1:4000/\"",
                   "[limits]\nresponse_buffer = \"64KiB\"\n[timeouts]\nresponse = \"2s\"");
  world.net().set_buffers(10'000, 10'000);
  world.answer({.bytes = testing::whole_answer(1, "\r\n" + std::string(kLarge, 'x'))});
  const auto client = world.connect(get("/"));
  world.pass(Millis(500));
  // What waits for the client, and one round of receives more.
  CHECK(world.bytes_held() < 64 * 1024 + 8 * 65'536);
  CHECK(world.app().current() != nullptr);  // it has not been able to send all
  std::size_t got = 0;
  for (int i = 0; i < 2'000 && world.app().current() != nullptr; ++i) {
    // The application is not to blame for the client's slowness: its time does not run.
    world.pass(Millis(10));
    got += client->read(5'000).size();
  }
  while (client->readable()) {
    got += client->read().size();
    world.run();
  }
  CHECK(got > kLarge);
  CHECK_FALSE(client->broken());
}

TEST_CASE("Exchange: an application that does not read pauses the client") {
  ProxyWorld world;
  world.net().set_buffers(10'000, 10'000);
  Answer deaf{.bytes = testing::whole_answer(1, kHello), .reads_stdin = false};
  world.answer(deaf);
  const auto client =
      world.connect("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n");
  std::size_t written = 0;
  const std::string piece(5'000, 'b');
  for (int i = 0; i < 200; ++i) {
    written += client->write(piece);
    world.run();
  }
  CHECK(written < 2 * RequestFlow::kQueuedMax + 100'000);
  CHECK(world.bytes_held() < 8 * RequestFlow::kQueuedMax);
  client->reset();
  world.run();
}

TEST_CASE("Exchange: pieces of one byte take no more memory than large ones") {
  ProxyWorld world;
  world.answer({.bytes = testing::whole_answer(1, kHello), .reads_stdin = false});
  world.net().set_buffers(10'000, 100);
  const auto client = world.connect("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n");
  for (int i = 0; i < 20'000; ++i) {
    client->write("b");
    world.run();
  }
  CHECK(world.bytes_held() < 200'000);
  client->reset();
  world.run();
}

TEST_CASE("Exchange: an answer in pieces of one byte takes no more memory than a large one") {
  ProxyWorld world("\"fcgi://127.0.0.1:4000/\"", "[limits]\nresponse_buffer = \"16KiB\"");
  world.net().set_buffers(100, 100);
  std::string bytes = stdout_of(1, "\r\n");
  for (int i = 0; i < 10'000; ++i)
    bytes += stdout_of(1, "x");
  world.answer({.bytes = bytes, .piece = 9});
  const auto client = world.connect(get("/"));
  world.pass(Millis(100));
  CHECK(world.bytes_held() < 100'000);
  client->reset();
  world.run();
}

TEST_CASE("Exchange: 100 Continue is sent when the body is first wanted") {
  ProxyWorld world("{ url = \"fcgi://127.0.0.1:4000/\", max = 1 }");
  world.answer({.bytes = testing::whole_answer(1, kHello), .delay = Millis(300)});
  const auto first = world.connect(get("/"));
  const auto client = world.connect(
      "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  CHECK(client->read().empty());  // no place yet
  world.pass(Millis(310));
  CHECK(reply_of(*first).status == 200);
  CHECK(client->read() == "HTTP/1.1 100 Continue\r\n\r\n");
  client->write("body");
  world.pass(Millis(310));
  CHECK(reply_of(*client).body == "hello");
}

TEST_CASE("Exchange: chunks are spooled, so that the application knows the length") {
  ProxyWorld world;
  std::string length;
  std::string body;
  world.app().on_stdin_end = [&](const AppRequest& request) {
    length = request.at("CONTENT_LENGTH");
    body = request.stdin_bytes;
  };
  const auto client =
      world.connect("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  CHECK(world.app().connections() == 0);
  client->write("2\r\nde\r\n0\r\n\r\n");
  world.run();
  CHECK(reply_of(*client).status == 200);
  CHECK(length == "5");
  CHECK(body == "abcde");
}

TEST_CASE("Exchange: an answer may come before the body has ended") {
  ProxyWorld world;
  world.answer({.bytes = testing::whole_answer(1, kHello), .before_stdin = true});
  const auto client = world.connect("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
  CHECK(reply_of(*client).body == "hello");
  CHECK(client->ended());
  CHECK(world.table().open(0) == 0);  // amid STDIN, it can not be used again
}

}  // namespace
}  // namespace millrace::proxy
