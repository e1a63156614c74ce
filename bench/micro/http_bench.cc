// What a request costs in the HTTP layer: parsing a head, finding the fields that end here, and
// writing the head of a response. Run a release build on an idle machine; compare commits, not
// machines.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "buffer/chain.h"
#include "http/date.h"
#include "http/fields.h"
#include "http/parser.h"
#include "http/writer.h"

namespace millrace::http {
namespace {

constexpr std::string_view kCurl =
    "GET /index.php?id=42 HTTP/1.1\r\n"
    "Host: example.org\r\n"
    "User-Agent: curl/8.14.1\r\n"
    "Accept: */*\r\n"
    "X-Request-Id: 0123456789abcdef\r\n"
    "Accept-Encoding: gzip\r\n\r\n";

constexpr std::string_view kBrowser =
    "GET /articles/2026/a-title-of-usual-length?utm_source=feed HTTP/1.1\r\n"
    "Host: www.example.org\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; seen=1,2,3,4,5,6,7,8\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "Sec-Fetch-Dest: document\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "Priority: u=0, i\r\n\r\n";

void must_be(const Step& step, Event event) {
  if (step.event != event) std::abort();
}

void parse_whole(benchmark::State& state, std::string_view request) {
  RequestParser parser;
  for (auto _ : state) {
    parser.reset({});
    must_be(parser.next(request), Event::Head);
    must_be(parser.next({}), Event::End);
    benchmark::DoNotOptimize(parser.head());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(request.size()));
}

void parse_in_two(benchmark::State& state, std::string_view request) {
  RequestParser parser;
  const std::string_view first = request.substr(0, request.size() / 2);
  const std::string_view second = request.substr(first.size());
  for (auto _ : state) {
    parser.reset({});
    must_be(parser.next(first), Event::NeedMore);
    must_be(parser.next(second), Event::Head);
    benchmark::DoNotOptimize(parser.head());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(request.size()));
}

void parse_chunked(benchmark::State& state) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string body;
  for (int i = 0; i < 16; ++i)
    body += "400\r\n" + std::string(1024, 'x') + "\r\n";
  body += "0\r\n\r\n";
  RequestParser parser;
  for (auto _ : state) {
    parser.reset({});
    must_be(parser.next(head), Event::Head);
    std::string_view data = body;
    Step step;
    do {
      step = parser.next(data);
      data.remove_prefix(step.consumed);
    } while (step.event == Event::Body);
    must_be(step, Event::End);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}

void pass_fields(benchmark::State& state) {
  RequestParser parser;
  must_be(parser.next(kBrowser), Event::Head);
  for (auto _ : state) {
    const HopByHop rule(parser.head().fields);
    int passed = 0;
    for (const Field& field : parser.head().fields)
      passed += rule.passes(field.name) ? 1 : 0;
    benchmark::DoNotOptimize(passed);
  }
}

void write_head(benchmark::State& state) {
  buffer::BlockPool pool;
  buffer::Chain chain(pool);
  DateText date;
  for (auto _ : state) {
    HeadWriter head(chain, 200);
    head.field("Server", "millrace");
    head.field("Date", date.at(1700000000));
    head.field("Content-Type", "text/html; charset=utf-8");
    head.field("Content-Length", std::uint64_t{12345});
    head.field("Cache-Control", "no-cache, private");
    head.end();
    chain.consume(chain.size());
  }
}

BENCHMARK_CAPTURE(parse_whole, curl, kCurl);
BENCHMARK_CAPTURE(parse_whole, browser, kBrowser);
BENCHMARK_CAPTURE(parse_in_two, browser, kBrowser);
BENCHMARK(parse_chunked);
BENCHMARK(pass_fields);
BENCHMARK(write_head);

}  // namespace
}  // namespace millrace::http

BENCHMARK_MAIN();
