#include "demo/application.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "fcgi/params.h"

namespace millrace::demo {
namespace {

std::string params_for(std::string_view uri, std::string_view accept = {}) {
  std::string params;
  fcgi::append_pair(params, "REQUEST_METHOD", "GET");
  fcgi::append_pair(params, "REQUEST_URI", uri);
  if (!accept.empty()) fcgi::append_pair(params, "HTTP_ACCEPT", accept);
  return params;
}

std::string text_for(Application& application, std::string_view uri, std::string_view accept = {}) {
  Answer answer;
  REQUIRE(application.answer(params_for(uri, accept), 0, answer));
  return answer.text;
}

TEST_CASE("parse_wish: each segment sets what it names") {
  CHECK(parse_wish("/s/1000").body == Wish::Body::Alphabet);
  CHECK(parse_wish("/s/1000").size == 1000);
  CHECK(parse_wish("/d/250").delay_ms == 250);
  CHECK(!parse_wish("/n").content_length);
  CHECK(parse_wish("/c/7").record_max == 7);
  CHECK(parse_wish("/st/404").status == 404);
  CHECK(parse_wish("/echo").body == Wish::Body::Echo);
  CHECK(parse_wish("/env").body == Wish::Body::Environment);
}

TEST_CASE("parse_wish: segments combine, behind any prefix, in any order") {
  const Wish wish = parse_wish("/myapp/c/100/x/s/26/n/d/5/st/201/");
  CHECK(wish.body == Wish::Body::Alphabet);
  CHECK(wish.size == 26);
  CHECK(wish.record_max == 100);
  CHECK(!wish.content_length);
  CHECK(wish.delay_ms == 5);
  CHECK(wish.status == 201);
}

TEST_CASE("parse_wish: anything else is a page without wishes") {
  for (const std::string_view uri : {"", "/", "*", "/s", "/s/", "/s/x", "/sx/5", "/?/s/5", "/st/no",
                                     "/c/0", "/d/-1", "//", "/s/99999999999999999999"}) {
    CAPTURE(uri);
    const Wish wish = parse_wish(uri);
    CHECK(wish.body == Wish::Body::Page);
    CHECK(wish.size == 0);
    CHECK(wish.delay_ms == 0);
    CHECK(wish.status == 200);
    CHECK(wish.content_length);
    CHECK(wish.record_max == Wish::kRecordMax);
  }
}

TEST_CASE("parse_wish: numbers have limits") {
  CHECK(parse_wish("/s/18446744073709551615").size == std::uint64_t{1} << 40);
  CHECK(parse_wish("/d/18446744073709551615").delay_ms == 600'000);
  CHECK(parse_wish("/c/65535").record_max == Wish::kRecordMax);
  CHECK(parse_wish("/st/1000").status == 999);
}

TEST_CASE("Application: the alphabet is announced and sent apart") {
  Application application("one");
  Answer answer;
  REQUIRE(application.answer(params_for("/s/100000/c/9/d/4"), 0, answer));
  CHECK(answer.text == "Content-Type: text/plain\r\nContent-Length: 100000\r\n\r\n");
  CHECK(answer.alphabet_bytes == 100000);
  CHECK(answer.record_max == 9);
  CHECK(answer.delay_ms == 4);
  CHECK(application.alphabet(0, 28).text() == "abcdefghijklmnopqrstuvwxyzab");
  CHECK(application.alphabet(51, 2).text() == "za");
  CHECK(application.alphabet(25, Wish::kRecordMax).text().back() == 'y');
}

TEST_CASE("Application: an answer leaves nothing to the next one") {
  Application application("one");
  Answer answer;
  REQUIRE(application.answer(params_for("/s/5/st/404"), 0, answer));
  CHECK(answer.text.starts_with("Status: 404\r\n"));
  REQUIRE(application.answer(params_for("/echo"), 12345, answer));
  CHECK(answer.text ==
        "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 6\r\n\r\n12345\n");
  CHECK(answer.alphabet_bytes == 0);
  CHECK(answer.delay_ms == 0);
}

TEST_CASE("Application: /n leaves the length out") {
  Application application("one");
  CHECK(text_for(application, "/n/s/5") == "Content-Type: text/plain\r\n\r\n");
}

TEST_CASE("Application: /env lists the parameters sorted") {
  Application application("one");
  std::string params = params_for("/env/n");
  fcgi::append_pair(params, "A", "first");
  fcgi::append_pair(params, "Z", "");
  Answer answer;
  REQUIRE(application.answer(params, 0, answer));
  CHECK(answer.text ==
        "Content-Type: text/plain; charset=utf-8\r\n\r\n"
        "A=first\nREQUEST_METHOD=GET\nREQUEST_URI=/env/n\nZ=\n");
}

TEST_CASE("Application: the page names the instance, the request and counts") {
  Application application("number two");
  text_for(application, "/s/1");
  const std::string page = text_for(application, "/hello?a=b", "text/plain");
  CHECK(page.find("Content-Type: text/plain; charset=utf-8\r\n") == 0);
  CHECK(page.ends_with(
      "\r\n\r\nHello from number two.\n\nGET /hello?a=b\nrequest 2 of this instance\n"));
  CHECK(application.requests() == 2);
}

TEST_CASE("Application: a browser gets HTML with everything escaped") {
  Application application("<A>");
  const std::string page = text_for(application, "/\"<script>&", "text/html,*/*");
  CHECK(page.find("Content-Type: text/html; charset=utf-8\r\n") == 0);
  CHECK(page.find("<h1>Hello from &lt;A&gt;</h1>") != std::string::npos);
  CHECK(page.find("<code>GET /&quot;&lt;script&gt;&amp;</code>") != std::string::npos);
  const std::size_t body = page.find("\r\n\r\n") + 4;
  CHECK(page.find("Content-Length: " + std::to_string(page.size() - body) + "\r\n") !=
        std::string::npos);
}

TEST_CASE("Application: malformed parameters get no answer and are not counted") {
  Application application("one");
  Answer answer;
  CHECK(
      !application.answer("\x05\x05"
                          "A",
                          0, answer));
  CHECK(application.requests() == 0);
}

}  // namespace
}  // namespace millrace::demo
