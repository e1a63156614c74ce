#include "http/host.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <string_view>

namespace millrace::http {
namespace {

std::string normal(std::string_view text) {
  std::string scratch = "left over from the last request";
  const auto host = normalize_host(text, scratch);
  return host ? std::string(*host) : "refused";
}

TEST_CASE("normalize_host: a normal host is not copied") {
  for (const std::string_view text : {"a", "example.org", "a-b_c~d.e", "127.0.0.1", "[::1]"}) {
    std::string scratch;
    const auto host = normalize_host(text, scratch);
    REQUIRE(host.has_value());
    CHECK(*host == text);
    CHECK(host->data() == text.data());
    CHECK(scratch.empty());
  }
}

TEST_CASE("normalize_host: case, port and the last dot are taken away") {
  const std::map<std::string, std::string> rows = {
      {"Example.ORG", "example.org"},
      {"example.org.", "example.org"},
      {"example.org:80", "example.org"},
      {"Example.org.:8080", "example.org"},
      {"example.org:", "example.org"},
      {"example.org:0", "example.org"},
      {"example.org:65535", "example.org"},
      {"example.org:00080", "example.org"},
      {"[2001:DB8::1]:443", "[2001:db8::1]"},
      {"[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]"},
      {"[v1F.a:b]", "[v1f.a:b]"},
      {"A%2dB", "a%2db"},
      {"a!$&'()*+,;=b", "a!$&'()*+,;=b"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.first);
    CHECK(normal(row.first) == row.second);
  }
}

TEST_CASE("normalize_host: what is no reg-name, IP literal or port is refused") {
  for (const std::string_view text : {"",
                                      ".",
                                      "..",
                                      "a..b",
                                      ".a",
                                      "a..",
                                      ":80",
                                      "a b",
                                      "x y",
                                      "x/../@evil",
                                      "a@b",
                                      "a/b",
                                      "a?b",
                                      "a#b",
                                      "a\\b",
                                      "a\"b",
                                      "a<b",
                                      "a\tb",
                                      "\xc3\xa9",
                                      "%",
                                      "%4",
                                      "%zz",
                                      "a:b",
                                      "a:65536",
                                      "a:-1",
                                      "a:+1",
                                      "a:80:80",
                                      "a: 80",
                                      "a:99999999999999999999",
                                      "::1",
                                      "[",
                                      "[]",
                                      "[::1",
                                      "[::1]x",
                                      "[::1]80",
                                      "[:::1]",
                                      "[1.2.3.4]",
                                      "[::1%25eth0]",
                                      "[g::1]",
                                      "[v1]",
                                      "[v.a]",
                                      "[vg.a]",
                                      "[v1.]",
                                      "[v1.a/b]",
                                      "[::1]:65536",
                                      "[]:80",
                                      "[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb]"}) {
    CAPTURE(text);
    CHECK(normal(text) == "refused");
  }
  CHECK(normal(std::string_view("[::1\0]", 6)) == "refused");
  CHECK(normal(std::string_view("a\0b", 3)) == "refused");
}

}  // namespace
}  // namespace millrace::http
