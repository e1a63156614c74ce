// What the environment of one request costs: from the parsed head to PARAMS in a chain.
#include <benchmark/benchmark.h>

#include <string>

#include "buffer/chain.h"
#include "http/parser.h"
#include "proxy/cgi_env.h"

namespace millrace::proxy {
namespace {

constexpr const char* kTypical =
    "GET /blog/2024/05/a-post.php?page=2&sort=asc HTTP/1.1\r\n"
    "Host: www.example.org\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Cookie: session=0123456789abcdef; theme=dark\r\n"
    "\r\n";

void encode(benchmark::State& state, const std::string& text) {
  config::Config config;
  config.backends.resize(1);
  const config::Site site;
  config::Route route;
  route.path = "/";
  route.root = "/var/www/html";
  route.split_path = {".php"};
  const config::Member member;
  const CgiEnv cgi_env(config, site, route, member, "millrace/1");
  RequestFacts facts;
  facts.remote_addr = "192.0.2.7";
  facts.remote_port = "50000";
  facts.server_addr = "192.0.2.1";
  facts.server_port = "8080";

  http::RequestParser parser;
  parser.reset({.uri = 0, .header_bytes = 0, .headers = 0});
  if (parser.next(text).event != http::Event::Head) return state.SkipWithError("not a request");
  buffer::BlockPool pool;
  buffer::Chain chain(pool);
  EnvScratch scratch;
  for (auto _ : state) {
    fcgi::ParamsWriter out(chain, 1);
    benchmark::DoNotOptimize(cgi_env.encode(parser.head(), facts, std::nullopt, scratch, out));
    out.finish();
    chain.clear();
  }
}

void encode_typical(benchmark::State& state) {
  encode(state, kTypical);
}
BENCHMARK(encode_typical);

void encode_hundred_headers(benchmark::State& state) {
  std::string text = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 99; ++i)
    text += "X-Some-Header-" + std::to_string(i) + ": some value\r\n";
  encode(state, text + "\r\n");
}
BENCHMARK(encode_hundred_headers);

// One Connection that names thousands of fields, among a hundred: the worst that limits let
// through.
void encode_hostile_connection(benchmark::State& state) {
  std::string text = "GET / HTTP/1.1\r\nHost: h\r\nConnection: ";
  for (int i = 0; i < 14'000; ++i)
    text += "x,";
  text += "x\r\n";
  for (int i = 0; i < 97; ++i)
    text += std::string("x") + std::to_string(i) + ": y\r\n";
  encode(state, text + "\r\n");
}
BENCHMARK(encode_hostile_connection);

}  // namespace
}  // namespace millrace::proxy

BENCHMARK_MAIN();
