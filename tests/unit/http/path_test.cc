#include "http/path.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <string_view>

namespace millrace::http {
namespace {

std::string normal(std::string_view raw) {
  std::string scratch = "left over from the last request";
  const auto path = normalize_path(raw, scratch);
  return path ? std::string(*path) : "refused";
}

TEST_CASE("normalize_path: a normal path is not copied") {
  for (const std::string_view raw : {"/", "/a", "/a/b.php/c", "/a./b../c", "/a;b=c\\d", "/~u/*"}) {
    std::string scratch;
    const auto path = normalize_path(raw, scratch);
    REQUIRE(path.has_value());
    CHECK(*path == raw);
    CHECK(path->data() == raw.data());
    CHECK(scratch.empty());
  }
}

TEST_CASE("normalize_path: dots and slashes are resolved") {
  const std::map<std::string, std::string> rows = {
      {"//", "/"},
      {"/.", "/"},
      {"/./", "/"},
      {"/a//b", "/a/b"},
      {"/a/", "/a/"},
      {"/a//", "/a/"},
      {"/a/.", "/a/"},
      {"/a/./b", "/a/b"},
      {"/a/..", "/"},
      {"/a/../", "/"},
      {"/a/../b", "/b"},
      {"/a/b/..", "/a/"},
      {"/a/b/../..", "/"},
      {"/a/b/../../c", "/c"},
      {"///a///b", "/a/b"},
      {"/a//../b", "/b"},
      {"/...", "/..."},
      {"/.a/..b", "/.a/..b"},
      {"/a/.b/.", "/a/.b/"},
      {"/x.php/./y", "/x.php/y"},
      {"/abc/d/../ef", "/abc/ef"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.first);
    CHECK(normal(row.first) == row.second);
  }
}

TEST_CASE("normalize_path: the path is decoded once, then resolved") {
  CHECK(normal("/%61%2e%70hp") == "/a.php");
  CHECK(normal("/a/%2e%2E/b") == "/b");
  CHECK(normal("/a/%2e") == "/a/");
  CHECK(normal("/.%2e/b") == "refused");
  CHECK(normal("/%2561") == "/%61");
  CHECK(normal("/%252e%252e/a") == "/%2e%2e/a");
  CHECK(normal("/%252f") == "/%2f");
  CHECK(normal("/a%20b%5Cc%3f%23") == "/a b\\c?#");
  CHECK(normal("/%c3%a9") == "/\xc3\xa9");
  CHECK(normal("/\xc3\xa9/../b") == "/b");
}

TEST_CASE("normalize_path: what could be read in two ways is refused") {
  CHECK(normal(std::string_view("/%41").substr(0, 3)) == "refused");
  for (const std::string_view raw : {"",
                                     "a",
                                     "*",
                                     "%2fa",
                                     "/%2f",
                                     "/a%2Fb",
                                     "/..%2fx.php",
                                     "/..",
                                     "/../a",
                                     "/a/../..",
                                     "/a/../../b",
                                     "/%2e%2e/x.php",
                                     "//..",
                                     "/%",
                                     "/%4",
                                     "/%4g",
                                     "/%g4",
                                     "/a%",
                                     "/%%41",
                                     "/%00",
                                     "/a%00.php",
                                     "/up.jpg%00.php",
                                     "/index.php%0a",
                                     "/%0d",
                                     "/%1f",
                                     "/%7F",
                                     "/a\tb",
                                     "/a\x01"}) {
    CAPTURE(raw);
    CHECK(normal(raw) == "refused");
  }
}

}  // namespace
}  // namespace millrace::http
