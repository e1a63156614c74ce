// proxy::expand: every variable, and what escaping keeps from a client.
#include "proxy/template.h"

#include <doctest/doctest.h>

#include "unit/proxy/cgi_env_fixture.h"

namespace millrace::proxy {
namespace {

using config::Variable;

class TemplateWorld {
 public:
  explicit TemplateWorld(std::string text) : request_(std::move(text)) {
    facts_.remote_addr = "192.0.2.7";
    facts_.remote_port = "50000";
    facts_.server_addr = "192.0.2.1";
    facts_.server_port = "8080";
    facts_.scheme = "https";
    facts_.tls_version = "TLSv1.3";
    facts_.request_id = "id-1";
  }

  std::string expanded(const config::Template& text, Escape escape = Escape::None) {
    std::string out = "<";
    expand(text,
           {.head = request_.head(),
            .facts = facts_,
            .site = site_,
            .script_name = "/s n",
            .path_info = "/p?i"},
           escape, out);
    return out + ">";
  }
  std::string value(Variable variable, Escape escape = Escape::None) {
    return expanded(variable_template(variable), escape);
  }
  std::string header(std::string name, Escape escape = Escape::None) {
    return expanded(variable_template(Variable::Header, std::move(name)), escape);
  }

 private:
  ParsedRequest request_;
  RequestFacts facts_;
  config::Site site_;
};

TEST_CASE("expand: every variable has its value") {
  TemplateWorld world(request_text("GET /a%20b?q=%31", "X-F: 1\nx-f: 2\n", "Host: H.x:1\n"));
  CHECK(world.value(Variable::Host) == "<h.x>");
  CHECK(world.value(Variable::Path) == "</a b>");
  CHECK(world.value(Variable::Query) == "<q=%31>");
  CHECK(world.value(Variable::RequestUri) == "</a%20b?q=%31>");
  CHECK(world.value(Variable::Method) == "<GET>");
  CHECK(world.value(Variable::Scheme) == "<https>");
  CHECK(world.value(Variable::RemoteAddr) == "<192.0.2.7>");
  CHECK(world.value(Variable::RemotePort) == "<50000>");
  CHECK(world.value(Variable::ServerAddr) == "<192.0.2.1>");
  CHECK(world.value(Variable::ServerPort) == "<8080>");
  CHECK(world.value(Variable::TlsVersion) == "<TLSv1.3>");
  CHECK(world.value(Variable::RequestId) == "<id-1>");
  CHECK(world.value(Variable::ScriptName) == "</s n>");
  CHECK(world.value(Variable::PathInfo) == "</p?i>");
  CHECK(world.header("x-f") == "<1, 2>");
  CHECK(world.header("x-none") == "<>");
}

TEST_CASE("expand: literals stand around variables, and a value is not expanded again") {
  TemplateWorld world(request_text("GET /", "X-F: ${host} $1\nCookie: a=1\nCookie: b=2\n"));
  config::Template text;
  text.parts.push_back({.literal = "a", .variable = Variable::Header, .header = "x-f"});
  text.parts.push_back({.literal = "b", .variable = Variable::Header, .header = "cookie"});
  text.parts.push_back({.literal = "c", .variable = {}, .header = {}});
  CHECK(world.expanded(text) == "<a${host} $1ba=1; b=2c>");
  CHECK(world.expanded({}) == "<>");
}

TEST_CASE("expand: in a URI, decoded paths are encoded again and nothing can break out") {
  TemplateWorld world(
      request_text("GET /a%20b%3F%23%25%C3%A4/x;y=1,@:+?q=%20", "X-F: a b%41\"<\xe4>?#\n"));
  CHECK(world.value(Variable::Path, Escape::Uri) == "</a%20b%3F%23%25%C3%A4/x;y=1,@:+>");
  CHECK(world.value(Variable::ScriptName, Escape::Uri) == "</s%20n>");
  CHECK(world.value(Variable::PathInfo, Escape::Uri) == "</p%3Fi>");
  CHECK(world.value(Variable::RequestUri, Escape::Uri) ==
        "</a%20b%3F%23%25%C3%A4/x;y=1,@:+?q=%20>");
  CHECK(world.header("x-f", Escape::Uri) == "<a%20b%41%22%3C%E4%3E?#>");
}

TEST_CASE("request_uri: an absolute target is cut to its path") {
  const auto uri_of = [](const std::string& target) {
    const ParsedRequest request(request_text("GET " + target));
    std::string scratch;
    return std::string(request_uri(request.head(), scratch));
  };
  CHECK(uri_of("/a//b?c") == "/a//b?c");
  CHECK(uri_of("http://x.example/a?b=http://y/") == "/a?b=http://y/");
  CHECK(uri_of("http://x.example") == "/");
  CHECK(uri_of("http://x.example?a=/b") == "/?a=/b");
}

}  // namespace
}  // namespace millrace::proxy
