// A request as text, and the environment that comes of it as a map.
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "buffer/chain.h"
#include "fcgi/params.h"
#include "fcgi/protocol.h"
#include "http/parser.h"
#include "proxy/cgi_env.h"

namespace millrace::proxy {

// Keeps the bytes that the head's views point into.
class ParsedRequest {
 public:
  explicit ParsedRequest(std::string text) : text_(std::move(text)) {
    parser_.reset({.uri = 0, .header_bytes = 0, .headers = 0});
    REQUIRE(parser_.next(text_).event == http::Event::Head);
  }
  [[nodiscard]] const http::RequestHead& head() const { return parser_.head(); }

 private:
  std::string text_;
  http::RequestParser parser_;
};

// "GET /path" and field lines that end in "\n"; Host is h unless a field says otherwise.
inline std::string request_text(std::string_view line, std::string_view fields = {},
                                std::string_view host = "Host: h\n") {
  std::string text(line);
  text += " HTTP/1.1\r\n";
  for (const char c : std::string(host) + std::string(fields)) {
    if (c == '\n') text += '\r';
    text += c;
  }
  return text + "\r\n";
}

class EnvWorld {
 public:
  EnvWorld() {
    config.backends.resize(1);
    config.backends[0].address.host = "127.0.0.1";
    config.backends[0].address.port = 9000;
    facts.remote_addr = "192.0.2.7";
    facts.remote_port = "50000";
    facts.server_addr = "192.0.2.1";
    facts.server_port = "8080";
    facts.request_id = "id-1";
    route.path = "/";
    route.root = "/srv";
  }

  // Encodes and, after Ok, fills `env`. A name that is sent twice fails the test.
  EnvResult encode(const http::RequestHead& head, std::optional<std::uint64_t> length = {}) {
    const CgiEnv cgi_env(config, site, route, member, "millrace/1");
    buffer::Chain chain(pool);
    fcgi::ParamsWriter out(chain, 1);
    env.clear();
    const EnvResult result = cgi_env.encode(head, facts, length, scratch, out);
    if (result != EnvResult::Ok) return result;
    out.finish();
    read(contents(chain));
    return result;
  }

  EnvResult encode(std::string_view line, std::string_view fields = {},
                   std::string_view host = "Host: h\n") {
    const ParsedRequest request(request_text(line, fields, host));
    return encode(request.head());
  }

  [[nodiscard]] std::string at(const std::string& name) const {
    const auto found = env.find(name);
    return found == env.end() ? "(none)" : found->second;
  }

  // The HTTP_ variables but HTTP_HOST.
  [[nodiscard]] std::map<std::string, std::string> http() const {
    std::map<std::string, std::string> found;
    for (const auto& [name, value] : env) {
      if (name.starts_with("HTTP_") && name != "HTTP_HOST") found[name] = value;
    }
    return found;
  }

  config::Config config;
  config::Site site;
  config::Route route;
  config::Member member;
  RequestFacts facts;
  buffer::BlockPool pool;
  EnvScratch scratch;
  std::map<std::string, std::string> env;

 private:
  // The contents of all records, which must be PARAMS and end with an empty one.
  static std::string contents(buffer::Chain& chain) {
    std::string bytes;
    while (!chain.empty())
      bytes += chain.pop_front().text();
    std::string joined;
    std::string_view rest = bytes;
    while (true) {
      const fcgi::Header header = fcgi::decode_header(rest);
      REQUIRE(header.type == fcgi::RecordType::Params);
      rest.remove_prefix(fcgi::kHeaderBytes);
      if (header.content_length == 0) break;
      joined += rest.substr(0, header.content_length);
      rest.remove_prefix(header.content_length);
    }
    CHECK(rest.empty());
    return joined;
  }

  void read(std::string_view pairs) {
    fcgi::PairReader reader(pairs);
    fcgi::Pair pair;
    while (reader.next(pair) == fcgi::PairReader::Event::Pair) {
      CAPTURE(std::string(pair.name));
      CHECK(env.emplace(pair.name, pair.value).second);
    }
    CHECK(reader.next(pair) == fcgi::PairReader::Event::End);
  }
};

inline config::Template text_template(std::string literal) {
  config::Template made;
  made.parts.push_back({.literal = std::move(literal), .variable = {}, .header = {}});
  return made;
}

inline config::Template variable_template(config::Variable variable, std::string header = {}) {
  config::Template made;
  made.parts.push_back({.literal = {}, .variable = variable, .header = std::move(header)});
  return made;
}

}  // namespace millrace::proxy
