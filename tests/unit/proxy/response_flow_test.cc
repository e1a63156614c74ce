#include "proxy/response_flow.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace millrace::proxy {
namespace {

using Event = fcgi::ReplyHead::Event;
using Framing = ResponseFlow::Framing;
using State = ResponseFlow::State;

struct Fixture {
  // The head is whole; what follows it in `reply` is the first content.
  Fixture() { flow.reset(1'000); }
  Event head(std::string_view text) {
    content = pool.copy(text);
    return flow.read_head(content);
  }
  void begin(std::string_view text, bool allowed = true, unsigned minor_version = 1) {
    REQUIRE(head(text) == Event::Done);
    flow.begin_body(allowed, minor_version);
  }
  std::string written() {
    std::string text;
    while (!out.empty())
      text += out.pop_front().text();
    return text;
  }

  buffer::BlockPool pool;
  buffer::Chain out{pool};
  buffer::Slice content;
  ResponseFlow flow{pool};
};

constexpr std::string_view kPlain = "Content-Type: text/plain\n\n";

TEST_CASE_FIXTURE(Fixture, "ResponseFlow: content begins behind the head, however it is cut") {
  CHECK_FALSE(flow.begun());
  CHECK(head("Content-Type: te") == Event::NeedMore);
  CHECK(flow.begun());
  CHECK(flow.state() == State::AwaitingHead);
  CHECK(content.empty());
  CHECK(head("xt/plain\n\nbody") == Event::Done);
  CHECK(content.text() == "body");
}

TEST_CASE_FIXTURE(Fixture, "ResponseFlow: an interim head is followed by another") {
  REQUIRE(head("Status: 103\nLink: </a>\n\nStatus: 204\n\n") == Event::Done);
  CHECK(flow.head().interim());
  flow.next_head();
  REQUIRE(flow.read_head(content) == Event::Done);
  CHECK(flow.head().status() == 204);
}

TEST_CASE_FIXTURE(Fixture, "ResponseFlow: each head has the limit, and the next response its own") {
  const std::string large = "X-Large: " + std::string(1'000, 'x') + "\n\n";
  CHECK(head(large) == Event::Bad);
  flow.reset(2'000);
  CHECK_FALSE(flow.begun());
  CHECK(head(large) == Event::Done);
  flow.next_head();
  CHECK(head(large) == Event::Done);
}

TEST_CASE("ResponseFlow: the framing is ours, and depends on the length and the version") {
  struct Row {
    std::string_view head;
    bool allowed;
    unsigned minor;
    Framing framing;
  };
  for (const Row& row :
       {Row{"Content-Length: 5\n\n", true, 1, Framing::Length},
        Row{"Content-Length: 5\n\n", true, 0, Framing::Length},
        Row{kPlain, true, 1, Framing::Chunked}, Row{kPlain, true, 0, Framing::UntilClose},
        Row{"Content-Length: 5\n\n", false, 1, Framing::None},
        Row{kPlain, false, 1, Framing::None}}) {
    Fixture fixture;
    fixture.begin(row.head, row.allowed, row.minor);
    CHECK(fixture.flow.framing() == row.framing);
    CHECK(fixture.flow.state() == State::Body);
  }
}

TEST_CASE_FIXTURE(Fixture, "ResponseFlow: pieces that came together are one chunk") {
  begin(kPlain);
  for (const std::string_view piece : {"0123456", "89", "abcdefgh"})
    REQUIRE(flow.add(pool.copy(piece)));
  flow.flush(out);
  CHECK(written() == "11\r\n012345689abcdefgh\r\n");
  flow.flush(out);
  CHECK(written().empty());  // An empty chunk would be the last one.
  REQUIRE(flow.add(pool.copy("tail")));
  CHECK(flow.finish(out));
  CHECK(written() == "4\r\ntail\r\n0\r\n\r\n");
  CHECK(flow.state() == State::Complete);
  CHECK(flow.sent() == 21);
}

TEST_CASE_FIXTURE(Fixture,
                  "ResponseFlow: an empty body of unknown length is the last chunk alone") {
  begin(kPlain);
  CHECK(flow.finish(out));
  CHECK(written() == "0\r\n\r\n");
}

TEST_CASE_FIXTURE(Fixture, "ResponseFlow: a declared length is kept to the byte") {
  begin("Content-Length: 5\n\n");
  CHECK_FALSE(flow.full());
  REQUIRE(flow.add(pool.copy("123")));
  CHECK_FALSE(flow.full());
  SUBCASE("met") {
    REQUIRE(flow.add(pool.copy("45")));
    CHECK(flow.full());
    CHECK(flow.finish(out));
    CHECK(written() == "12345");
  }
  SUBCASE("exceeded: the excess is dropped") {
    CHECK_FALSE(flow.add(pool.copy("4567")));
    CHECK(flow.full());
    CHECK_FALSE(flow.add(pool.copy("8")));
    CHECK(flow.finish(out));
    CHECK(written() == "12345");
  }
  SUBCASE("missed: the client must see a cut") {
    CHECK_FALSE(flow.finish(out));
    CHECK(written() == "123");
  }
}

TEST_CASE_FIXTURE(Fixture, "ResponseFlow: without a body, what the application sends is dropped") {
  begin("Content-Length: 5\n\n", false);
  CHECK(flow.add(pool.copy("12345678")));
  CHECK_FALSE(flow.full());
  CHECK(flow.finish(out));
  CHECK(written().empty());
  CHECK(flow.sent() == 0);
}

TEST_CASE_FIXTURE(Fixture, "ResponseFlow: until the connection ends, bytes are bare") {
  begin(kPlain, true, 0);
  REQUIRE(flow.add(pool.copy("bare")));
  CHECK(flow.finish(out));
  CHECK(written() == "bare");
}

// RFC 9112 7.1: a chunk's size may begin with zeros; so may the last chunk's.
TEST_CASE_FIXTURE(Fixture,
                  "ResponseFlow: a probe is one zero, which the next chunk's size begins with") {
  CHECK_FALSE(flow.probe(out));
  begin(kPlain);
  CHECK(flow.probe(out));
  CHECK_FALSE(flow.probe(out));
  SUBCASE("of a chunk") {
    REQUIRE(flow.add(pool.copy("tail")));
    flow.flush(out);
    CHECK(written() == "04\r\ntail\r\n");
  }
  SUBCASE("of the last chunk") {
    CHECK(flow.finish(out));
    CHECK(written() == "00\r\n\r\n");
    CHECK_FALSE(flow.probe(out));
  }
}

TEST_CASE_FIXTURE(Fixture, "ResponseFlow: there is nothing to probe with in other framings") {
  begin("Content-Length: 5\n\n");
  CHECK_FALSE(flow.probe(out));
  CHECK(out.empty());
}

}  // namespace
}  // namespace millrace::proxy
