// proxy::CgiEnv: the standard variables, `env` and what does not fit.
#include "proxy/cgi_env.h"

#include <doctest/doctest.h>

#include "unit/proxy/cgi_env_fixture.h"

namespace millrace::proxy {
namespace {

using Env = std::map<std::string, std::string>;

config::EnvEntry entry(std::string name, config::Template value) {
  return {.name = std::move(name), .value = std::move(value)};
}

config::EnvEntry removal(std::string name) {
  return {.name = std::move(name), .value = {}, .remove = true};
}

TEST_CASE("CgiEnv: a GET has exactly these variables") {
  EnvWorld world;
  REQUIRE(world.encode("GET /a%20b?x=%20y", "User-Agent: t\nAccept: */*\n",
                       "Host: Test.Example:8080\n") == EnvResult::Ok);
  CHECK(world.env == Env{{"GATEWAY_INTERFACE", "CGI/1.1"},
                         {"SERVER_SOFTWARE", "millrace/1"},
                         {"SERVER_NAME", "test.example"},
                         {"SERVER_ADDR", "192.0.2.1"},
                         {"SERVER_PORT", "8080"},
                         {"SERVER_PROTOCOL", "HTTP/1.1"},
                         {"REQUEST_METHOD", "GET"},
                         {"REQUEST_URI", "/a%20b?x=%20y"},
                         {"REQUEST_SCHEME", "http"},
                         {"QUERY_STRING", "x=%20y"},
                         {"SCRIPT_NAME", ""},
                         {"SCRIPT_FILENAME", "/srv"},
                         {"PATH_INFO", "/a b"},
                         {"PATH_TRANSLATED", "/srv/a b"},
                         {"DOCUMENT_ROOT", "/srv"},
                         {"DOCUMENT_URI", "/a b"},
                         {"REMOTE_ADDR", "192.0.2.7"},
                         {"REMOTE_PORT", "50000"},
                         {"REDIRECT_STATUS", "200"},
                         {"HTTP_HOST", "Test.Example:8080"},
                         {"HTTP_USER_AGENT", "t"},
                         {"HTTP_ACCEPT", "*/*"}});
}

TEST_CASE("CgiEnv: a body gives its type and, where it is known, its length") {
  EnvWorld world;
  const ParsedRequest request(
      request_text("POST /", "Content-Type: text/x; a=b\nTransfer-Encoding: chunked\n"));
  REQUIRE(world.encode(request.head(), 18'446'744'073'709'551'615U) == EnvResult::Ok);
  CHECK(world.at("CONTENT_TYPE") == "text/x; a=b");
  CHECK(world.at("CONTENT_LENGTH") == "18446744073709551615");
  CHECK(world.http().empty());
  REQUIRE(world.encode(request.head()) == EnvResult::Ok);
  CHECK(world.at("CONTENT_LENGTH") == "(none)");
  REQUIRE(world.encode(request.head(), 0) == EnvResult::Ok);
  CHECK(world.at("CONTENT_LENGTH") == "0");
}

TEST_CASE("CgiEnv: PATH_INFO and PATH_TRANSLATED are sent only where there is a rest") {
  EnvWorld world;
  world.route.split_path = {".php"};
  REQUIRE(world.encode("GET /a.php") == EnvResult::Ok);
  CHECK(world.at("PATH_INFO") == "(none)");
  CHECK(world.at("PATH_TRANSLATED") == "(none)");
  CHECK(world.at("QUERY_STRING").empty());
  REQUIRE(world.encode("GET /a.php/i") == EnvResult::Ok);
  CHECK(world.at("PATH_INFO") == "/i");
  CHECK(world.at("PATH_TRANSLATED") == "/srv/i");
  CHECK(world.at("DOCUMENT_URI") == "/a.php/i");
}

TEST_CASE("CgiEnv: TLS shows in HTTPS and the scheme, another front in the protocol") {
  EnvWorld world;
  world.facts.scheme = "https";
  world.facts.tls_version = "TLSv1.3";
  world.facts.protocol = "HTTP/2.0";
  REQUIRE(world.encode("GET /") == EnvResult::Ok);
  CHECK(world.at("HTTPS") == "on");
  CHECK(world.at("REQUEST_SCHEME") == "https");
  CHECK(world.at("SERVER_PROTOCOL") == "HTTP/2.0");
}

TEST_CASE("CgiEnv: without Host, SERVER_NAME is the site's first name, else the address") {
  const ParsedRequest request("GET /x HTTP/1.0\r\n\r\n");
  EnvWorld world;
  REQUIRE(world.encode(request.head()) == EnvResult::Ok);
  CHECK(world.at("SERVER_NAME") == "192.0.2.1");
  CHECK(world.at("HTTP_HOST") == "(none)");
  CHECK(world.at("SERVER_PROTOCOL") == "HTTP/1.0");
  world.site.hosts = {"*.wild.example", "first.example", "second.example"};
  REQUIRE(world.encode(request.head()) == EnvResult::Ok);
  CHECK(world.at("SERVER_NAME") == "first.example");
}

TEST_CASE("CgiEnv: an absolute target gives HTTP_HOST its authority and REQUEST_URI its path") {
  EnvWorld world;
  REQUIRE(world.encode("GET http://Real.Example:81/a%20b?q", {}, "Host: evil\n") == EnvResult::Ok);
  CHECK(world.at("HTTP_HOST") == "Real.Example:81");
  CHECK(world.at("SERVER_NAME") == "real.example");
  CHECK(world.at("REQUEST_URI") == "/a%20b?q");
  const ParsedRequest old("GET http://old.example?q HTTP/1.0\r\n\r\n");
  REQUIRE(world.encode(old.head()) == EnvResult::Ok);
  CHECK(world.at("HTTP_HOST") == "old.example");
  CHECK(world.at("REQUEST_URI") == "/?q");
  CHECK(world.at("PATH_INFO") == "/");
}

TEST_CASE("CgiEnv: the url's script root stands in for a root that is not there") {
  EnvWorld world;
  world.member.script_root = "/www";
  world.route.split_path = {".php"};
  REQUIRE(world.encode("GET /a.php/i") == EnvResult::Ok);
  CHECK(world.at("DOCUMENT_ROOT") == "/srv");
  CHECK(world.at("SCRIPT_FILENAME") == "/www/a.php");
  world.route.root = "";
  REQUIRE(world.encode("GET /a.php/i") == EnvResult::Ok);
  CHECK(world.at("DOCUMENT_ROOT") == "/www");
  CHECK(world.at("PATH_TRANSLATED") == "/www/i");
}

TEST_CASE("CgiEnv: Apache's file name is sent where the route asks for it") {
  EnvWorld world;
  world.route.split_path = {".php"};
  world.route.apache_script_filename = true;
  REQUIRE(world.encode("GET /a.php") == EnvResult::Ok);
  CHECK(world.at("SCRIPT_FILENAME") == "proxy:fcgi://127.0.0.1:9000/srv/a.php");
  CHECK(world.at("SCRIPT_NAME") == "/a.php");
}

TEST_CASE("CgiEnv: `env` adds, replaces and removes variables of every kind") {
  EnvWorld world;
  world.route.env = {entry("FIXED", text_template("a b")),
                     entry("EMPTY", {}),
                     entry("DOCUMENT_ROOT", text_template("/elsewhere")),
                     entry("SERVER_NAME", variable_template(config::Variable::Header, "x-name")),
                     entry("HTTP_X_ROLE", text_template("fixed")),
                     entry("HTTP_COOKIE", variable_template(config::Variable::RequestId)),
                     removal("SERVER_SOFTWARE"),
                     removal("HTTP_X_GONE"),
                     removal("CONTENT_TYPE"),
                     removal("PATH_TRANSLATED"),
                     removal("NEVER_THERE")};
  REQUIRE(world.encode("GET /p",
                       "X-Name: ${host}\nx-role: admin\nX-Gone: 1\nContent-Type: t/t\n"
                       "Cookie: a=1\nX-Role: other\n") == EnvResult::Ok);
  CHECK(world.at("FIXED") == "a b");
  CHECK(world.at("EMPTY").empty());
  CHECK(world.at("DOCUMENT_ROOT") == "/elsewhere");
  CHECK(world.at("SERVER_NAME") == "${host}");
  CHECK(world.http() ==
        Env{{"HTTP_X_NAME", "${host}"}, {"HTTP_X_ROLE", "fixed"}, {"HTTP_COOKIE", "id-1"}});
  for (const char* name : {"SERVER_SOFTWARE", "CONTENT_TYPE", "PATH_TRANSLATED", "NEVER_THERE"}) {
    CHECK(world.at(name) == "(none)");
  }
  CHECK(world.at("PATH_INFO") == "/p");
}

TEST_CASE("CgiEnv: a header that no record holds is 431, any other variable 500") {
  EnvWorld world;
  const auto field_of = [](std::size_t bytes) {
    return "X-Big: " + std::string(bytes, 'b') + "\n";
  };
  const std::size_t fits = fcgi::kContentMax - std::string("HTTP_X_BIG").size() - 5;
  REQUIRE(world.encode("GET /", field_of(fits)) == EnvResult::Ok);
  CHECK(world.at("HTTP_X_BIG").size() == fits);
  CHECK(world.encode("GET /", field_of(fits + 1)) == EnvResult::HeaderTooLarge);
  CHECK(world.encode("GET /", "Content-Type: " + std::string(70'000, 'c') + "\n") ==
        EnvResult::HeaderTooLarge);
  CHECK(world.encode("GET /" + std::string(70'000, 'u')) == EnvResult::TooLarge);
  world.route.env = {entry("TWICE", variable_template(config::Variable::Header, "x-big"))};
  world.route.env[0].value.parts.push_back(world.route.env[0].value.parts[0]);
  CHECK(world.encode("GET /", field_of(30'000)) == EnvResult::Ok);
  CHECK(world.encode("GET /", field_of(40'000)) == EnvResult::TooLarge);
}

TEST_CASE("CgiEnv: fixed variables may be many and long, but each must fit a record") {
  EnvWorld world;
  for (int i = 0; i < 100; ++i) {
    world.route.env.push_back(entry("FIXED_" + std::to_string(i), text_template("v")));
  }
  world.route.env.push_back(entry("LONG", text_template(std::string(60'000, 'l'))));
  REQUIRE(world.encode("GET /") == EnvResult::Ok);
  CHECK(world.at("FIXED_0") == "v");
  CHECK(world.at("FIXED_99") == "v");
  CHECK(world.at("LONG").size() == 60'000);
  world.route.env.push_back(entry("LONGER", text_template(std::string(66'000, 'l'))));
  CHECK(world.encode("GET /") == EnvResult::TooLarge);
}

TEST_CASE("CgiEnv: one scratch serves request after request, small after large") {
  EnvWorld world;
  const std::string large = "A: " + std::string(30'000, 'a') + "\na: " + std::string(9, 'b') + "\n";
  REQUIRE(world.encode("GET /a/b", large) == EnvResult::Ok);
  CHECK(world.at("HTTP_A").size() == 30'011);
  REQUIRE(world.encode("GET /", "B: 1\n") == EnvResult::Ok);
  CHECK(world.http() == Env{{"HTTP_B", "1"}});
  const char* const next = world.scratch.text.room(1);
  REQUIRE(world.encode("GET /", "B: 1\n") == EnvResult::Ok);
  CHECK(world.scratch.text.room(1) == next);
}

}  // namespace
}  // namespace millrace::proxy
