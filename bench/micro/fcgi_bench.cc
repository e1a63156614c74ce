// What the FastCGI codecs cost a request: its records out, its records in, and the head of the
// reply.
#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "buffer/block.h"
#include "buffer/chain.h"
#include "fcgi/params.h"
#include "fcgi/record_reader.h"
#include "fcgi/record_writer.h"
#include "fcgi/reply_head.h"

namespace millrace::fcgi {
namespace {

constexpr std::string_view kHead =
    "X-Powered-By: PHP/8.2.29\r\n"
    "Set-Cookie: session=0123456789abcdef0123456789abcdef; Path=/; HttpOnly; SameSite=Lax\r\n"
    "Expires: Thu, 19 Nov 1981 08:52:00 GMT\r\n"
    "Cache-Control: no-store, no-cache, must-revalidate\r\n"
    "Content-Type: text/html; charset=UTF-8\r\n"
    "\r\n";

constexpr std::array<std::pair<std::string_view, std::string_view>, 16> kParams{{
    {"REQUEST_METHOD", "GET"},
    {"REQUEST_URI", "/myapp/articles/2024/some-title?page=2&order=date"},
    {"QUERY_STRING", "page=2&order=date"},
    {"SCRIPT_NAME", "/myapp"},
    {"PATH_INFO", "/articles/2024/some-title"},
    {"SCRIPT_FILENAME", "/var/www/html/myapp"},
    {"DOCUMENT_URI", "/myapp/articles/2024/some-title"},
    {"REMOTE_ADDR", "192.0.2.17"},
    {"REMOTE_PORT", "54321"},
    {"SERVER_NAME", "www.example.org"},
    {"HTTP_HOST", "www.example.org"},
    {"HTTP_USER_AGENT", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"},
    {"HTTP_ACCEPT", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
    {"HTTP_ACCEPT_LANGUAGE", "de,en-US;q=0.7,en;q=0.3"},
    {"HTTP_ACCEPT_ENCODING", "gzip, deflate, br, zstd"},
    {"HTTP_COOKIE", "session=0123456789abcdef0123456789abcdef"},
}};

std::string record(RecordType type, std::string_view content, std::uint8_t padding = 0) {
  std::string bytes(kHeaderBytes, '\0');
  encode_header(bytes.data(), {.type = type,
                               .id = 1,
                               .content_length = static_cast<std::uint16_t>(content.size()),
                               .padding_length = padding});
  return bytes + std::string(content) + std::string(padding, '\0');
}

std::string reply(std::size_t body) {
  return record(RecordType::Stdout, std::string(kHead) + std::string(body, 'x'), 4) +
         record(RecordType::Stdout, {}) +
         record(RecordType::EndRequest, std::string_view("\0\0\0\0\0\0\0\0", 8));
}

void write_request(benchmark::State& state) {
  buffer::BlockPool pool;
  buffer::Chain out(pool);
  std::string fixed;
  append_pair(fixed, "GATEWAY_INTERFACE", "CGI/1.1");
  append_pair(fixed, "SERVER_SOFTWARE", "millrace");
  append_pair(fixed, "REDIRECT_STATUS", "200");
  append_pair(fixed, "DOCUMENT_ROOT", "/var/www/html");
  for (auto _ : state) {
    begin_request(out, 1, Role::Responder, true);
    ParamsWriter params(out, 1);
    bool fits = params.add_encoded(fixed);
    for (const auto& [name, value] : kParams)
      fits = fits && params.add(name, value);
    benchmark::DoNotOptimize(fits);
    params.finish();
    stdin_end(out, 1);
    out.clear();
  }
}
BENCHMARK(write_request);

void read_reply(benchmark::State& state) {
  const std::string bytes = reply(static_cast<std::size_t>(state.range(0)));
  RecordReader reader;
  for (auto _ : state) {
    std::string_view data = bytes;
    while (true) {
      const RecordReader::Step step = reader.next(data);
      benchmark::DoNotOptimize(step.content);
      data.remove_prefix(step.consumed);
      if (step.event == Event::End) break;
    }
  }
}
BENCHMARK(read_reply)->Arg(100)->Arg(16000);

void parse_head(benchmark::State& state) {
  const std::string bytes = std::string(kHead) + "<!doctype html>";
  ReplyHead head;
  for (auto _ : state) {
    head.reset(65536);
    benchmark::DoNotOptimize(head.next(bytes));
    benchmark::DoNotOptimize(head.fields());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kHead.size()));
}
BENCHMARK(parse_head);

void parse_short_head(benchmark::State& state) {
  const std::string bytes = "Content-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world!";
  ReplyHead head;
  for (auto _ : state) {
    head.reset(65536);
    benchmark::DoNotOptimize(head.next(bytes));
    benchmark::DoNotOptimize(head.fields());
  }
}
BENCHMARK(parse_short_head);

void parse_head_in_two_pieces(benchmark::State& state) {
  const std::string bytes = std::string(kHead) + "<!doctype html>";
  const std::string_view first = std::string_view(bytes).substr(0, 100);
  ReplyHead head;
  for (auto _ : state) {
    head.reset(65536);
    benchmark::DoNotOptimize(head.next(first));
    benchmark::DoNotOptimize(head.next(std::string_view(bytes).substr(first.size())));
  }
}
BENCHMARK(parse_head_in_two_pieces);

}  // namespace
}  // namespace millrace::fcgi

BENCHMARK_MAIN();
