// `env_if` through CgiEnv: what is asked, what a match does, and the order of rules.
#include <doctest/doctest.h>
#include <re2/re2.h>

#include <memory>

#include "unit/proxy/cgi_env_fixture.h"

namespace millrace::proxy {
namespace {

config::EnvIf rule(const std::string& expression) {
  config::EnvIf rule;
  rule.matches = std::make_shared<const re2::RE2>(expression);
  return rule;
}

config::EnvIf if_header(std::string header, const std::string& expression) {
  config::EnvIf made = rule(expression);
  made.header = std::move(header);
  return made;
}

config::EnvIf if_var(std::string var, const std::string& expression) {
  config::EnvIf made = rule(expression);
  made.var = std::move(var);
  return made;
}

config::EnvIf setting(config::EnvIf rule, std::string name, std::string value) {
  rule.set = std::move(name);
  rule.value_parts.parts = {{std::move(value), std::nullopt, {}}};
  return rule;
}

config::EnvIf unsetting(config::EnvIf rule, std::string name) {
  rule.unset = std::move(name);
  return rule;
}

TEST_CASE("env_if: a match sets a variable from the groups of what it matched") {
  EnvWorld world;
  world.route.env_if = {setting(if_header("user-agent", "(\\w+)/(\\d+)(x)?"), "AGENT",
                                "$2 of $1$3; $0 $ $a $9 100$")};
  REQUIRE(world.encode("GET /", "User-Agent: Some tool/12\n") == EnvResult::Ok);
  CHECK(world.at("AGENT") == "12 of tool; tool/12 $ $a  100$");
  CHECK(world.at("HTTP_USER_AGENT") == "Some tool/12");
  REQUIRE(world.encode("GET /", "User-Agent: none\n") == EnvResult::Ok);
  CHECK(world.at("AGENT") == "(none)");
}

TEST_CASE("env_if: a value may hold variables of the request, which are not looked at again") {
  EnvWorld world;
  config::EnvIf rule = setting(if_header("x-a", "^(.)"), "WHERE", "");
  rule.value_parts.parts = {{"$1@", config::Variable::Path, {}}, {"!", std::nullopt, {}}};
  world.route.env_if = {rule};
  REQUIRE(world.encode("GET /$1", "X-A: me\n") == EnvResult::Ok);
  CHECK(world.at("WHERE") == "m@/$1!");
}

TEST_CASE("env_if: variables of every origin can be asked, replaced and removed") {
  EnvWorld world;
  world.route.env = {{.name = "FIXED", .value = text_template("f")},
                     {.name = "ID", .value = variable_template(config::Variable::RequestId)}};
  world.route.env_if = {
      setting(if_var("FIXED", "^f$"), "FIXED", "g"),
      setting(if_var("ID", "^id-(.)$"), "NUMBER", "$1"),
      setting(if_var("HTTP_X_A", "^1, 2$"), "HTTP_X_A", "both"),
      setting(if_var("REQUEST_METHOD", "^GET$"), "DOCUMENT_ROOT", "/other"),
      unsetting(if_var("SERVER_SOFTWARE", "millrace"), "SERVER_SOFTWARE"),
      unsetting(if_header("x-b", "."), "HTTP_X_B"),
  };
  REQUIRE(world.encode("GET /", "X-A: 1\nX-A: 2\nX-B: z\n") == EnvResult::Ok);
  CHECK(world.at("FIXED") == "g");
  CHECK(world.at("NUMBER") == "1");
  CHECK(world.at("DOCUMENT_ROOT") == "/other");
  CHECK(world.at("SERVER_SOFTWARE") == "(none)");
  CHECK(world.at("GATEWAY_INTERFACE") == "CGI/1.1");
  CHECK(world.http() == std::map<std::string, std::string>{{"HTTP_X_A", "both"}});
}

TEST_CASE("env_if: rules run in order, each on what those before it left") {
  EnvWorld world;
  world.route.env_if = {
      setting(if_header("x", "^a$"), "STEP", "one"),
      setting(if_var("STEP", "^one$"), "STEP", "two"),
      unsetting(if_var("STEP", "^one$"), "STEP"),
      setting(if_var("STEP", "two"), "LAST", "$0"),
  };
  REQUIRE(world.encode("GET /", "X: a\n") == EnvResult::Ok);
  CHECK(world.at("STEP") == "two");
  CHECK(world.at("LAST") == "two");
}

TEST_CASE("env_if: what is absent counts as empty, and an empty value is sent") {
  EnvWorld world;
  world.route.env_if = {setting(if_header("x-none", "^$"), "NO_HEADER", "yes"),
                        setting(if_var("NONE", "^$"), "NO_VARIABLE", ""),
                        unsetting(if_var("NONE", "^$"), "NONE_EITHER")};
  REQUIRE(world.encode("GET /") == EnvResult::Ok);
  CHECK(world.at("NO_HEADER") == "yes");
  CHECK(world.at("NO_VARIABLE").empty());
  REQUIRE(world.encode("GET /", "X-None: 1\n") == EnvResult::Ok);
  CHECK(world.at("NO_HEADER") == "(none)");
}

TEST_CASE("env_if: what a rule sets is the configuration's, and too large is 500") {
  EnvWorld world;
  world.route.env_if = {setting(if_header("x", "(.*)"), "HTTP_X", "$1$1")};
  CHECK(world.encode("GET /", "X: " + std::string(30'000, 'x') + "\n") == EnvResult::Ok);
  CHECK(world.encode("GET /", "X: " + std::string(40'000, 'x') + "\n") == EnvResult::TooLarge);
}

}  // namespace
}  // namespace millrace::proxy
