#include "http/writer.h"

#include <doctest/doctest.h>

#include <array>
#include <limits>
#include <string>

#include "buffer/chain.h"

namespace millrace::http {
namespace {

// A chain and all that was written into it.
struct Sink {
  buffer::BlockPool pool;
  buffer::Chain chain{pool};

  std::string text() {
    std::string text;
    while (!chain.empty()) {
      text += chain.pop_front().text();
    }
    return text;
  }
};

TEST_CASE("HeadWriter: a head is a status line, fields and an empty line") {
  Sink sink;
  HeadWriter head(sink.chain, 200);
  head.field("Content-Type", "text/plain");
  head.field("Content-Length", std::uint64_t{0});
  head.field("X-Empty", "");
  head.field("X-Most", std::numeric_limits<std::uint64_t>::max());
  head.end();
  CHECK(sink.text() ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0\r\nX-Empty: \r\n"
        "X-Most: 18446744073709551615\r\n\r\n");
}

TEST_CASE("HeadWriter: a reason of its own or a status without one is written out") {
  const auto line = [](int status, std::string_view reason) {
    Sink sink;
    HeadWriter(sink.chain, status, reason).end();
    return sink.text();
  };
  CHECK(line(404, "Not Found") == "HTTP/1.1 404 Not Found\r\n\r\n");
  CHECK(line(404, "Gone fishing") == "HTTP/1.1 404 Gone fishing\r\n\r\n");
  CHECK(line(299, "") == "HTTP/1.1 299 \r\n\r\n");
  CHECK(line(599, "Odd") == "HTTP/1.1 599 Odd\r\n\r\n");
  CHECK(line(103, "") == "HTTP/1.1 103 Early Hints\r\n\r\n");
}

TEST_CASE("HeadWriter: a field longer than a block is written whole") {
  Sink sink;
  const std::string value(3 * buffer::BlockPool::kBlockBytes, 'v');
  HeadWriter head(sink.chain, 200);
  head.field("A", value);
  head.field("B", "b");
  head.end();
  CHECK(sink.text() == "HTTP/1.1 200 OK\r\nA: " + value + "\r\nB: b\r\n\r\n");
}

TEST_CASE("status_text: known statuses only, and the phrase is part of it") {
  CHECK(status_text(200) == "HTTP/1.1 200 OK\r\n");
  CHECK(status_text(511) == "HTTP/1.1 511 Network Authentication Required\r\n");
  CHECK(reason_phrase(431) == "Request Header Fields Too Large");
  for (const int status : {-1, 0, 99, 104, 299, 418, 599, 600, 1000}) {
    CAPTURE(status);
    CHECK(status_text(status).empty());
    CHECK(reason_phrase(status).empty());
  }
  for (int status = 100; status < 600; ++status) {
    const std::string line(status_text(status));
    if (line.empty()) continue;
    CHECK(line ==
          "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason_phrase(status)) + "\r\n");
  }
}

TEST_CASE("append_chunk_header: the size in hexadecimal, as a line") {
  Sink sink;
  append_chunk_header(sink.chain, 1);
  append_chunk_header(sink.chain, 0xabc);
  append_chunk_header(sink.chain, std::numeric_limits<std::uint64_t>::max());
  sink.chain.append_copy(kChunkEnd);
  sink.chain.append_copy(kLastChunk);
  CHECK(sink.text() == "1\r\nabc\r\nffffffffffffffff\r\n\r\n0\r\n\r\n");
}

}  // namespace
}  // namespace millrace::http
