// The parser's interface: who owns what, what is consumed, and what reset() forgets. What it makes
// of bytes is in the transcripts.
#include "http/parser.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "unit/http/transcript.h"

namespace millrace::http {
namespace {

constexpr std::string_view kGet = "GET /a%20b HTTP/1.1\r\nHost: Example.org\r\nX-A: b\r\n\r\n";
constexpr std::string_view kPost = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";

bool lies_in(std::string_view view, std::string_view data) {
  return view.data() >= data.data() && view.data() + view.size() <= data.data() + data.size();
}

TEST_CASE("RequestParser: a head that comes whole is not copied") {
  RequestParser parser;
  const std::string data(kGet);
  const Step step = parser.next(data);
  REQUIRE(step.event == Event::Head);
  CHECK(step.consumed == data.size());
  const RequestHead& head = parser.head();
  CHECK(head.method == Method::Get);
  for (const std::string_view view : {head.method_text, head.target, head.raw_path, head.host,
                                      head.fields[1].name, head.fields[1].value}) {
    CHECK(lies_in(view, data));
  }
  CHECK(head.path == "/a b");
  CHECK(head.host_name == "example.org");
}

TEST_CASE("RequestParser: a head that comes in pieces is copied once") {
  RequestParser parser;
  std::string first(kGet.substr(0, 30));
  std::string second(kGet.substr(30));
  CHECK(parser.next(first).event == Event::NeedMore);
  CHECK(parser.next(second).event == Event::Head);
  first.assign(first.size(), '?');
  second.assign(second.size(), '?');
  CHECK(parser.head().target == "/a%20b");
  CHECK(parser.head().host == "Example.org");
  CHECK(parser.head().fields[1].value == "b");
}

TEST_CASE("RequestParser: bytes behind an event are left alone") {
  RequestParser parser;
  const std::string data = std::string(kPost) + "helloGET /";
  Step step = parser.next(data);
  CHECK(step.event == Event::Head);
  CHECK(step.consumed == kPost.size());
  step = parser.next(std::string_view(data).substr(kPost.size()));
  CHECK(step.event == Event::Body);
  CHECK(step.consumed == 5);
  CHECK(step.body == "hello");
  CHECK(lies_in(step.body, data));
  step = parser.next("GET /");
  CHECK(step.event == Event::End);
  CHECK(step.consumed == 0);
  CHECK(parser.next("").event == Event::End);
}

TEST_CASE("RequestParser: without a body, End follows Head and needs no bytes") {
  RequestParser parser;
  CHECK(parser.next(kGet).event == Event::Head);
  CHECK(parser.next({}).event == Event::End);
}

TEST_CASE("RequestParser: nothing is an event of its own") {
  RequestParser parser;
  CHECK(parser.next({}).event == Event::NeedMore);
  CHECK(parser.next(kPost.substr(0, 20)).event == Event::NeedMore);
  CHECK(parser.next({}).event == Event::NeedMore);
  CHECK(parser.next(kPost.substr(20)).event == Event::Head);
  const Step step = parser.next({});
  CHECK(step.event == Event::NeedMore);
  CHECK(step.consumed == 0);
}

TEST_CASE("RequestParser: a request has started at its first byte, not at an empty line") {
  RequestParser parser;
  CHECK_FALSE(parser.started());
  CHECK(parser.next("\r").event == Event::NeedMore);
  CHECK(parser.next("\n").event == Event::NeedMore);
  CHECK_FALSE(parser.started());
  CHECK(parser.next("G").event == Event::NeedMore);
  CHECK(parser.started());
  parser.reset({});
  CHECK_FALSE(parser.started());
  CHECK(parser.next("(").event == Event::Refused);
  CHECK(parser.started());
}

TEST_CASE("RequestParser: reset forgets a request at any point of it") {
  RequestParser parser;
  const std::string chunked =
      "\r\nPOST /x?y HTTP/1.0\r\nHost: b\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
  for (std::size_t bytes = 0; bytes <= chunked.size(); ++bytes) {
    CAPTURE(bytes);
    (void)parser.next(std::string_view(chunked).substr(0, bytes));
    parser.reset({});
    REQUIRE(parser.next(kGet).event == Event::Head);
    CHECK(parser.head().fields.size() == 2);
    CHECK(parser.head().minor_version == 1);
    CHECK(parser.head().keep_alive);
    CHECK_FALSE(parser.head().has_query);
    CHECK_FALSE(parser.head().expect_continue);
    parser.reset({});
  }
}

TEST_CASE("RequestParser: reset forgets a refusal") {
  RequestParser parser;
  CHECK(parser.next("(").event == Event::Refused);
  CHECK(parser.refusal().status == 400);
  CHECK_FALSE(parser.refusal().keep_alive_ok);
  parser.reset({});
  CHECK(parser.refusal().status == 0);
  CHECK(parser.next(kGet).event == Event::Head);
}

TEST_CASE("RequestParser: a refusal after which the connection goes on ends with the head") {
  RequestParser parser;
  const std::string head = "TRACE / HTTP/1.1\r\nHost: Example.org\r\n\r\n";
  const Step step = parser.next(head + "GET /");
  CHECK(step.event == Event::Refused);
  CHECK(step.consumed == head.size());
  CHECK(parser.refusal().status == 405);
  CHECK(parser.refusal().reason == "TRACE");
  CHECK(parser.refusal().keep_alive_ok);
  CHECK(parser.head().method == Method::Trace);
  CHECK(parser.head().host_name == "example.org");
}

TEST_CASE("RequestParser: the body of a chunked request comes without its framing") {
  RequestParser parser;
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  REQUIRE(parser.next(head).event == Event::Head);
  const std::string body = "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nA: b\r\n\r\nGET";
  std::string_view data = body;
  Step step = parser.next(data);
  CHECK(step.body == "abc");
  CHECK(step.consumed == 6);
  data.remove_prefix(step.consumed);
  step = parser.next(data);
  CHECK(step.body == "de");
  data.remove_prefix(step.consumed);
  step = parser.next(data);
  CHECK(step.event == Event::End);
  data.remove_prefix(step.consumed);
  CHECK(data == "GET");
}

TEST_CASE("RequestParser: no limit is no limit") {
  const ParserLimits none{.uri = 0, .header_bytes = 0, .headers = 0};
  std::string request = "GET /" + std::string(100000, 'a') + " HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 3000; ++i) {
    request += "A: b\r\n";
  }
  request += "\r\n";
  RequestParser parser;
  parser.reset(none);
  REQUIRE(parser.next(request).event == Event::Head);
  CHECK(parser.head().fields.size() == 3001);
  CHECK(parser.head().path.size() == 100001);
  parser.reset({});
  CHECK(parser.next(request).event == Event::Refused);
  CHECK(parser.refusal().status == 414);
}

}  // namespace
}  // namespace millrace::http
