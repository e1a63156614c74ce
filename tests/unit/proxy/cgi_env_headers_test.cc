// proxy::HeaderVariables through CgiEnv: which fields become HTTP_ variables, and which make a
// request ambiguous.
#include "proxy/cgi_env_headers.h"

#include <doctest/doctest.h>

#include "unit/proxy/cgi_env_fixture.h"

namespace millrace::proxy {
namespace {

using Env = std::map<std::string, std::string>;

Env http_of(std::string_view fields) {
  EnvWorld world;
  REQUIRE(world.encode("GET /", fields) == EnvResult::Ok);
  return world.http();
}

EnvResult result_of(const std::string& fields) {
  EnvWorld world;
  return world.encode("GET /", fields);
}

TEST_CASE("HeaderVariables: names are upper case with underscores, values as they came") {
  CHECK(http_of("x-9a-Z: v,  \"w\"\nX-Empty:\nX: \xe4\n") ==
        Env{{"HTTP_X_9A_Z", "v,  \"w\""}, {"HTTP_X_EMPTY", ""}, {"HTTP_X", "\xe4"}});
}

TEST_CASE("HeaderVariables: fields of one name are joined by a comma, Cookie by a semicolon") {
  CHECK(http_of("X-A: 1\nCookie: a=1\nx-a: 2\ncookie: b=2; c=3\nX-a: 3\nX-B: z\n") ==
        Env{{"HTTP_X_A", "1, 2, 3"}, {"HTTP_COOKIE", "a=1; b=2; c=3"}, {"HTTP_X_B", "z"}});
}

TEST_CASE("HeaderVariables: names that differ in one place only are kept apart") {
  std::string fields;
  Env expected;
  for (char c = 'A'; c <= 'Z'; ++c) {
    for (const std::string& name : {std::string(1, c), std::string("Same-Beginning-") + c,
                                    std::string(1, c) + "-the-same-long-end"}) {
      fields += name + ": " + c + "\n";
    }
    expected[std::string("HTTP_") + c] = c;
    expected[std::string("HTTP_SAME_BEGINNING_") + c] = c;
    expected[std::string("HTTP_") + c + "_THE_SAME_LONG_END"] = c;
  }
  CHECK(http_of(fields) == expected);
}

TEST_CASE("HeaderVariables: a name with another byte is not passed") {
  CHECK(http_of("X_Foo: 1\nX.Foo: 2\nX~A!B: 3\nX'y: 4\nX-9: z\nX+Y: 5\n_: 6\n") ==
        Env{{"HTTP_X_9", "z"}});
}

TEST_CASE("HeaderVariables: another name for a variable that is passed is ambiguous") {
  for (const std::string other :
       {"X_Real_User", "X.Real.User", "X_Real-User", "x_rEAL_user", "X~Real!User"}) {
    CAPTURE(other);
    CHECK(result_of("X-Real-User: a\n" + other + ": b\n") == EnvResult::BadRequest);
    CHECK(result_of(other + ": b\nX-Real-User: a\n") == EnvResult::BadRequest);
    CHECK(result_of(other + ": b\n") == EnvResult::Ok);
  }
  CHECK(result_of("X-Forwarded-For: a\nX_Forwarded_For: a\n") == EnvResult::BadRequest);
}

TEST_CASE("HeaderVariables: aliases of a body's length and type are ambiguous on their own") {
  for (const std::string name :
       {"Content_Length", "CONTENT_LENGTH", "content.length", "Content_Type", "Content~Type"}) {
    CAPTURE(name);
    CHECK(result_of(name + ": 5\n") == EnvResult::BadRequest);
  }
}

TEST_CASE("HeaderVariables: another name for a field that is not passed is only dropped") {
  CHECK(http_of("Keep-Alive: 1\nKeep_Alive: 2\nX-Gone: 1\nX_Gone: 2\nConnection: X-Gone\n") ==
        Env{});
}

TEST_CASE("HeaderVariables: Proxy is never passed, and only Proxy is meant") {
  for (const std::string name : {"Proxy", "proxy", "PROXY", "pRoXy"}) {
    CHECK(http_of(name + ": http://evil/\n") == Env{});
  }
  CHECK(http_of("Http-Proxy: x\nProxys: y\n") ==
        Env{{"HTTP_HTTP_PROXY", "x"}, {"HTTP_PROXYS", "y"}});
}

TEST_CASE("HeaderVariables: what ends at this hop is not passed, with or without repeats") {
  CHECK(http_of("Connection: keep-alive\nKeep-Alive: timeout=5\nTE: trailers\nUpgrade: w\n"
                "Proxy-Connection: keep-alive\nTrailer: x\nTE: y\nX: y\n") == Env{{"HTTP_X", "y"}});
}

TEST_CASE("HeaderVariables: a Connection hides what it names, but not what others rely on") {
  EnvWorld world;
  REQUIRE(world.encode("GET /",
                       "Connection: close, X-Gone, Host, Authorization, Content-Type\n"
                       "Connection: Forwarded,x-forwarded-for , Content-Length\n"
                       "X-Gone: 1\nAuthorization: a\nForwarded: for=1\nX-Forwarded-For: 2\n"
                       "Content-Type: t/t\nx-gone: 2\n") == EnvResult::Ok);
  CHECK(world.http() == Env{{"HTTP_AUTHORIZATION", "a"},
                            {"HTTP_FORWARDED", "for=1"},
                            {"HTTP_X_FORWARDED_FOR", "2"}});
  CHECK(world.at("HTTP_HOST") == "h");
  CHECK(world.at("CONTENT_TYPE") == "t/t");
}

TEST_CASE("HeaderVariables: a repeated Content-Type is joined like any other") {
  EnvWorld world;
  REQUIRE(world.encode("GET /", "Content-Type: a/b\nContent-Type: c/d\n") == EnvResult::Ok);
  CHECK(world.at("CONTENT_TYPE") == "a/b, c/d");
  CHECK(world.http().empty());
}

TEST_CASE("HeaderVariables: a thousand fields are all there") {
  std::string fields;
  for (int i = 0; i < 1'000; ++i) {
    fields += "X-" + std::to_string(i) + ": " + std::to_string(i) + "\n";
  }
  const Env got = http_of(fields + fields);
  CHECK(got.size() == 1'000);
  CHECK(got.at("HTTP_X_0") == "0, 0");
  CHECK(got.at("HTTP_X_999") == "999, 999");
}

}  // namespace
}  // namespace millrace::proxy
