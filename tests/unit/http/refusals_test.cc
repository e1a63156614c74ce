// What is refused, and with which status: the vectors by which front ends have been told apart and
// smuggled through, each with the answer that is ours. 0 stands for accepted. Each vector is also
// cut in all ways.
#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "unit/http/transcript.h"

namespace millrace::http {
namespace {

using test::refusal_of;

constexpr std::string_view kChunked = "Transfer-Encoding: chunked\r\n";
constexpr std::string_view kChunkedBody = "5\r\nhello\r\n0\r\n\r\n";

// A request line and a Host.
std::string with_line(std::string_view line) {
  return std::string(line) + "\r\nHost: example.org\r\n\r\n";
}

// The status for a POST with these field lines, each with its end, and a body.
int post(std::string_view fields, std::string_view body = "hello") {
  return refusal_of("POST / HTTP/1.1\r\nHost: example.org\r\n" + std::string(fields) + "\r\n" +
                    std::string(body));
}

int post_chunked(std::string_view body) {
  return post(kChunked, body);
}

TEST_CASE("Refusal: Content-Length beside Transfer-Encoding") {
  CHECK(post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", kChunkedBody) == 400);
  CHECK(post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", kChunkedBody) == 400);
  CHECK(post("Transfer-Encoding: gzip\r\nContent-Length: 5\r\n", kChunkedBody) == 400);
}

TEST_CASE("Refusal: a transfer coding that is not chunked") {
  CHECK(post("Transfer-Encoding: xchunked\r\n", kChunkedBody) == 501);
  CHECK(post("Transfer-Encoding: chunkedx\r\n", kChunkedBody) == 501);
  CHECK(post("Transfer-Encoding: identity\r\n", kChunkedBody) == 501);
  CHECK(post("Transfer-Encoding: \"chunked\"\r\n", kChunkedBody) == 501);
  CHECK(post("Transfer-Encoding: chunked;q=1\r\n", kChunkedBody) == 501);
  CHECK(post("Transfer-Encoding: gzip, chunked\r\n", kChunkedBody) == 501);
  CHECK(post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", kChunkedBody) == 501);
}

TEST_CASE("Refusal: a coding behind chunked") {
  CHECK(post("Transfer-Encoding: chunked, identity\r\n", kChunkedBody) == 400);
  CHECK(post("Transfer-Encoding: chunked, gzip\r\n", kChunkedBody) == 400);
}

TEST_CASE("Refusal: chunked twice, or no coding at all") {
  CHECK(post("Transfer-Encoding: chunked, chunked\r\n", kChunkedBody) == 400);
  CHECK(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", kChunkedBody) == 400);
  CHECK(post("Transfer-Encoding:\r\n", "") == 400);
}

TEST_CASE("Refusal: Transfer-Encoding in HTTP/1.0") {
  CHECK(refusal_of("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") ==
        400);
  CHECK(refusal_of("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n") == 400);
}

TEST_CASE("Refusal: a Connection with more elements or bytes than anyone needs") {
  const auto get = [](const std::string& fields) {
    return refusal_of("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
  };
  const auto repeated = [](std::size_t times, std::string_view text) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i) {
      all += text;
    }
    return all;
  };
  CHECK(get("Connection: " + repeated(63, "x,") + "x\r\n") == 0);
  CHECK(get("Connection: " + repeated(64, "x,") + "x\r\n") == 400);
  CHECK(get("Connection: close" + repeated(64, ",") + "\r\n") == 400);
  CHECK(get(repeated(64, "Connection: x\r\n")) == 0);
  CHECK(get(repeated(65, "connection: x\r\n")) == 400);
  CHECK(get("Connection: " + repeated(2048, "x") + "\r\n") == 0);
  CHECK(get("Connection: " + repeated(2049, "x") + "\r\n") == 400);
  CHECK(get("Connection: x," + repeated(2048, " ") + ",x\r\n") == 400);
  CHECK(get("X: " + repeated(65, "x,") + "\r\n") == 0);
}

TEST_CASE("Refusal: two Content-Length fields, the same or not") {
  CHECK(post("Content-Length: 5\r\nContent-Length: 5\r\n") == 400);
  CHECK(post("Content-Length: 5\r\nContent-Length: 6\r\n") == 400);
  CHECK(post("Content-Length: 5\r\ncontent-length: 5\r\n") == 400);
}

TEST_CASE("Refusal: a Content-Length list") {
  CHECK(post("Content-Length: 5, 5\r\n") == 400);
}

TEST_CASE("Refusal: a Content-Length that is not digits or too large") {
  for (const char* value : {"+5", "-5", "0x5", "5 5", "5,", "5;", "a", "18446744073709551621",
                            "18446744073709551615", "9223372036854775808"}) {
    CAPTURE(value);
    CHECK(post("Content-Length: " + std::string(value) + "\r\n") == 400);
  }
  CHECK(post("Content-Length: 9223372036854775807\r\n") == 0);
  CHECK(post("Content-Length: 05\r\n") == 0);
}

TEST_CASE("Refusal: an empty Content-Length") {
  CHECK(post("Content-Length:\r\n") == 400);
  CHECK(post("Content-Length: \r\n") == 400);
}

TEST_CASE("Refusal: a chunk size in C notation") {
  CHECK(post_chunked("0x5\r\nhello\r\n0\r\n\r\n") == 400);
}

TEST_CASE("Refusal: a chunk size of 17 digits") {
  CHECK(post_chunked("10000000000000005\r\nhello\r\n0\r\n\r\n") == 400);
  CHECK(post_chunked("00000000000000005\r\nhello\r\n0\r\n\r\n") == 400);
  CHECK(post_chunked("00000000000000005;a=b\r\nhello\r\n0\r\n\r\n") == 400);
  CHECK(post_chunked("0000000000000005\r\nhello\r\n0\r\n\r\n") == 0);
  CHECK(post_chunked("0000000000000005;a=b\r\nhello\r\n0\r\n\r\n") == 0);
  CHECK(post_chunked("00000000000000000\r\n\r\n") == 400);
  CHECK(post_chunked("5\r\nhello\r\n00000000000000005\r\nhello\r\n0\r\n\r\n") == 400);
}

TEST_CASE("Refusal: a chunk size that is no number") {
  for (const char* line : {"", "g", "-5", "+5", " 5", "5 ", "5 ;a", "5_", "\x01"}) {
    CAPTURE(line);
    CHECK(post_chunked(std::string(line) + "\r\nhello\r\n0\r\n\r\n") == 400);
  }
}

TEST_CASE("Refusal: a chunk extension that ends in a bare LF") {
  CHECK(post_chunked("5;a=b\nhello\r\n0\r\n\r\n") == 400);
  CHECK(post_chunked("5;a\nhello\r\n0\r\n\r\n") == 400);
  CHECK(post_chunked("5;a=\"b\nc\"\r\nhello\r\n0\r\n\r\n") == 400);
  CHECK(post_chunked("5;a=b\rc\r\nhello\r\n0\r\n\r\n") == 400);
}

TEST_CASE("Refusal: chunk lines that end in a bare LF or in other bytes") {
  CHECK(post_chunked("5\nhello\r\n0\r\n\r\n") == 400);
  CHECK(post_chunked("5\r\nhello\n0\r\n\r\n") == 400);
  CHECK(post_chunked("5\r\nhelloX0\r\n\r\n") == 400);
  CHECK(post_chunked("5\r\nhello\r\n0\n\r\n") == 400);
  CHECK(post_chunked("5\r\nhello\r\n0\r\n\n") == 400);
  CHECK(post_chunked("5\r\nhello\r\n0\r\nA: b\n\r\n") == 400);
  CHECK(post_chunked("5\rhello") == 400);
}

TEST_CASE("Refusal: a bare LF in the head") {
  CHECK(refusal_of("GET / HTTP/1.1\nHost: a\r\n\r\n") == 400);
  CHECK(refusal_of("GET / HTTP/1.1\r\nHost: a\n\r\n") == 400);
  CHECK(refusal_of("GET / HTTP/1.1\r\nHost: a\r\n\n") == 400);
  CHECK(refusal_of("GET / HTTP/1.1\r\nHost:\na\r\n\r\n") == 400);
}

TEST_CASE("Refusal: a folded line") {
  CHECK(post("X-A: b\r\n c\r\nContent-Length: 5\r\n") == 400);
  CHECK(post("X-A: b\r\n\tc\r\n") == 400);
  CHECK(post("X-A:\r\n c\r\n") == 400);
  CHECK(refusal_of("GET / HTTP/1.1\r\n Host: a\r\n\r\n") == 400);
}

TEST_CASE("Refusal: a space before the colon, NUL or a bare CR in a value") {
  CHECK(post("X-A : b\r\n") == 400);
  CHECK(post("X-A\t: b\r\n") == 400);
  CHECK(post(std::string_view("X-A: b\0c\r\n", 10)) == 400);
  CHECK(post("X-A: b\rc\r\n") == 400);
  CHECK(post("X-A: \rb\r\n") == 400);
  CHECK(post("X-A: b\r\r\n") == 400);
}

TEST_CASE("Refusal: control bytes in a value") {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (c == '\n' || c == '\r') continue;  // Line ends have cases of their own.
    CAPTURE(byte);
    const bool control = (byte < 0x20 && c != '\t') || byte == 0x7f;
    CHECK(post(std::string("X-A: b") + c + "c\r\n") == (control ? 400 : 0));
    CHECK(post(std::string("X-A: ") + c + "\r\n") == (control ? 400 : 0));
  }
}

TEST_CASE("Refusal: a field name that is no token, or empty") {
  CHECK(post(": b\r\n") == 400);
  CHECK(post("X-A\r\n") == 400);
  for (const char c : std::string_view("\0 \t\"(),/;<=>?@[\\]{}\x7f\x80\xff", 22)) {
    CAPTURE(c);
    CHECK(post(std::string("X") + c + "A: b\r\n") == 400);
  }
  CHECK(post("!#$%&'*+-.^_`|~09azAZ: b\r\n") == 0);
}

TEST_CASE("Refusal: two Host fields") {
  CHECK(post("Host: example.org\r\n") == 400);
  CHECK(post("hOST: evil\r\n") == 400);
  CHECK(refusal_of("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n") == 400);
  CHECK(refusal_of("GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n") == 400);
}

TEST_CASE("Refusal: no Host in HTTP/1.1") {
  CHECK(refusal_of("GET / HTTP/1.1\r\n\r\n") == 400);
  CHECK(refusal_of("GET http://a/ HTTP/1.1\r\n\r\n") == 400);
  CHECK(refusal_of("GET / HTTP/1.0\r\n\r\n") == 0);
}

TEST_CASE("Refusal: a Host that is none") {
  for (const char* host : {"x y", "x/../@evil", "a@b", "a:65536", "a..b", "", "a, b", "a\tb"}) {
    CAPTURE(host);
    CHECK(refusal_of("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n") == 400);
    CHECK(refusal_of("GET http://b/ HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n") ==
          (*host == '\0' ? 0 : 400));
  }
  CHECK(refusal_of("GET / HTTP/1.0\r\nHost:\r\n\r\n") == 0);
  CHECK(refusal_of("GET / HTTP/1.0\r\nHost: a b\r\n\r\n") == 400);
}

TEST_CASE("Refusal: a fragment in the target") {
  CHECK(refusal_of(with_line("GET /a#b HTTP/1.1")) == 400);
  CHECK(refusal_of(with_line("GET /a?b#c HTTP/1.1")) == 400);
}

TEST_CASE("Refusal: a version that we do not speak") {
  CHECK(refusal_of(with_line("GET / HTTP/1.2")) == 505);
  CHECK(refusal_of(with_line("GET / HTTP/2.0")) == 505);
  CHECK(refusal_of(with_line("GET / HTTP/3.0")) == 505);
  CHECK(refusal_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == 505);
}

TEST_CASE("Refusal: HTTP/0.9, and a version that is none") {
  CHECK(refusal_of("GET /\r\n") == 400);
  CHECK(refusal_of("GET /\n") == 400);
  for (const char* version : {"HTTP/0.9", "http/1.1", "HTTP/1.12", "HTTP/11", "HTTP/1", "HTTP/1.x",
                              "HTTP/x.1", "HTTPS/1.1", "HTTP /1.1", "X", "HTTP/+1.1"}) {
    CAPTURE(version);
    CHECK(refusal_of(with_line("GET / " + std::string(version))) == 400);
  }
}

TEST_CASE("Refusal: spaces too many in the request line") {
  CHECK(refusal_of(with_line("GET  / HTTP/1.1")) == 400);
  CHECK(refusal_of(with_line("GET /  HTTP/1.1")) == 400);
  CHECK(refusal_of(with_line("GET / HTTP/1.1 ")) == 400);
  CHECK(refusal_of(with_line(" GET / HTTP/1.1")) == 400);
  CHECK(refusal_of(with_line("GET\t/ HTTP/1.1")) == 400);
  CHECK(refusal_of(with_line("GET / a HTTP/1.1")) == 400);
}

TEST_CASE("Refusal: a request line without a method or a target") {
  CHECK(refusal_of(with_line(" / HTTP/1.1")) == 400);
  CHECK(refusal_of(with_line("GET  HTTP/1.1")) == 400);
  CHECK(refusal_of(with_line("FROB  HTTP/1.1")) == 400);
  CHECK(refusal_of(with_line("GET HTTP/1.1")) == 400);
}

TEST_CASE("Refusal: more than one empty line in front") {
  CHECK(refusal_of("\r\n" + with_line("GET / HTTP/1.1")) == 0);
  CHECK(refusal_of("\r\n\r\n" + with_line("GET / HTTP/1.1")) == 400);
  CHECK(refusal_of("\r\n\r\n\r\n" + with_line("GET / HTTP/1.1")) == 400);
  CHECK(refusal_of("\n" + with_line("GET / HTTP/1.1")) == 400);
  CHECK(refusal_of("\rGET / HTTP/1.1\r\n") == 400);
}

TEST_CASE("Refusal: a method that nobody knows is 405, what is no token 400") {
  CHECK(refusal_of(with_line("get / HTTP/1.1")) == 405);
  CHECK(refusal_of(with_line("FROB / HTTP/1.1")) == 405);
  CHECK(refusal_of(with_line("!#$%&'*+-.^_`|~9 / HTTP/1.1")) == 405);
  CHECK(refusal_of(with_line(std::string(300, 'A') + " / HTTP/1.1")) == 405);
  CHECK(refusal_of(with_line("G(T / HTTP/1.1")) == 400);
  CHECK(refusal_of(with_line("G\xc3T / HTTP/1.1")) == 400);
  CHECK(refusal_of("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03") == 400);
}

TEST_CASE("Refusal: TRACE and CONNECT") {
  CHECK(refusal_of(with_line("TRACE / HTTP/1.1")) == 405);
  CHECK(refusal_of(with_line("CONNECT example.org:443 HTTP/1.1")) == 405);
  CHECK(refusal_of(with_line("CONNECT / HTTP/1.1")) == 405);
}

TEST_CASE("Refusal: OPTIONS * is none, * with another method is") {
  CHECK(refusal_of(with_line("OPTIONS * HTTP/1.1")) == 0);
  CHECK(refusal_of(with_line("GET * HTTP/1.1")) == 400);
  CHECK(refusal_of(with_line("OPTIONS ** HTTP/1.1")) == 400);
}

TEST_CASE("Refusal: an expectation that nobody knows") {
  CHECK(post("Expect: 200-ok\r\nContent-Length: 5\r\n") == 417);
  CHECK(post("Expect: 100-continue, x\r\nContent-Length: 5\r\n") == 417);
  CHECK(post("Expect: 100-Continue\r\nContent-Length: 5\r\n") == 0);
  CHECK(post("Expect:\r\nContent-Length: 5\r\n") == 0);
}

TEST_CASE("Refusal: a byte in the target that is not printable ASCII") {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    CAPTURE(byte);
    const bool good = c > ' ' && byte < 0x7f && c != '#' && c != '%';
    CHECK(refusal_of(with_line(std::string("GET /a") + c + "b HTTP/1.1")) == (good ? 0 : 400));
  }
}

TEST_CASE("Refusal: a target that is neither a path nor an http URI with a plain host") {
  for (const char* target :
       {"@localhost/foobar", "foo", "example.org:80", "?a", "ftp://a/", "http:/a", "http:a",
        "http://", "http:///a", "http://?a", "https://u@a/", "http://u:p@a/", "http://a b/",
        "http://a:x/", "http://a..b/", "javascript:x", "unix:/run/x", "//"}) {
    CAPTURE(target);
    const bool path = std::string_view(target) == "//";
    CHECK(refusal_of(with_line("GET " + std::string(target) + " HTTP/1.1")) == (path ? 0 : 400));
  }
}

TEST_CASE("Refusal: a path that could be read in two ways") {
  for (const char* path : {"/%00", "/a%2fb", "/%", "/%zz", "/..", "/%2e%2e/x.php", "/..%2fx.php",
                           "/index.php%0a", "/a/../../b"}) {
    CAPTURE(path);
    CHECK(refusal_of(with_line("GET " + std::string(path) + " HTTP/1.1")) == 400);
    CHECK(refusal_of(with_line("GET http://a" + std::string(path) + " HTTP/1.1")) == 400);
    CHECK(refusal_of(with_line("GET /?" + std::string(path) + " HTTP/1.1")) == 0);
  }
}

}  // namespace
}  // namespace millrace::http
