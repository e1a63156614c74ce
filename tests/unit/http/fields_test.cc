#include "http/fields.h"

#include <doctest/doctest.h>

#include <vector>

namespace millrace::http {
namespace {

TEST_CASE("find: the first field of a name in any case") {
  const std::vector<Field> fields = {{"Host", "a"}, {"X-A", "1"}, {"x-a", "2"}};
  REQUIRE(find(fields, "x-A") != nullptr);
  CHECK(find(fields, "x-A")->value == "1");
  CHECK(find(fields, "x-b") == nullptr);
  CHECK(find({}, "host") == nullptr);
}

TEST_CASE("HopByHop: fields about the connection end here, named or not") {
  const HopByHop rule({});
  for (const char* name :
       {"Connection", "keep-alive", "Proxy-Connection", "TE", "te", "Transfer-Encoding", "Upgrade",
        "Trailer", "Proxy-Authorization", "Proxy-Authenticate"}) {
    CAPTURE(name);
    CHECK_FALSE(rule.passes(name));
  }
  for (const char* name : {"Host", "X-Secret", "Cookie", "tea", "Trailers1", "close", "ab",
                           "Upgrades", "abcdefg", "0123456789", "0123456789abcdef",
                           "0123456789abcdefg", "0123456789abcdefgh", "0123456789abcdefghi"}) {
    CAPTURE(name);
    CHECK(rule.passes(name));
  }
}

TEST_CASE("HopByHop: a field that Connection names ends here") {
  const std::vector<Field> fields = {{"connection", "close, X-Secret ,,cookie"},
                                     {"X-Other", "X-Kept"},
                                     {"CONNECTION", "Keep-Alive, x-more"}};
  const HopByHop rule(fields);
  CHECK_FALSE(rule.passes("x-secret"));
  CHECK_FALSE(rule.passes("Cookie"));
  CHECK_FALSE(rule.passes("X-More"));
  CHECK(rule.passes("X-Kept"));
  CHECK(rule.passes("X-Other"));
  CHECK(rule.passes("X-Secret2"));
}

TEST_CASE("HopByHop: naming what the application relies on changes nothing") {
  const std::vector<Field> fields = {
      {"Connection", "host, content-length, content-type, authorization, forwarded, x-secret"},
      {"Connection", "X-Forwarded-For, x-forwarded-proto, X-Forwarded, Content-Encoding"}};
  const HopByHop rule(fields);
  for (const char* name : {"Host", "Content-Length", "Content-Type", "Authorization", "Forwarded",
                           "X-Forwarded-For", "X-Forwarded-Proto"}) {
    CAPTURE(name);
    CHECK(rule.passes(name));
  }
  CHECK_FALSE(rule.passes("X-Forwarded"));
  CHECK_FALSE(rule.passes("Content-Encoding"));
  CHECK_FALSE(rule.passes("X-Secret"));
}

TEST_CASE("HopByHop: the usual words in Connection name no field") {
  const std::vector<Field> fields = {{"Connection", "Keep-Alive, close"}};
  CHECK(HopByHop(fields).passes("Close"));
}

}  // namespace
}  // namespace millrace::http
