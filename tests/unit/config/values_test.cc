// Single values: durations, sizes, templates, hints.
#include "config/load_values.h"

#include <doctest/doctest.h>
#include <re2/re2.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "config/describe.h"

namespace millrace::config {
namespace {

Node text_node(std::string text) {
  Node node;
  node.kind = Node::Kind::Text;
  node.text = std::move(text);
  return node;
}

Node integer_node(std::int64_t integer) {
  Node node;
  node.kind = Node::Kind::Integer;
  node.integer = integer;
  return node;
}

TEST_CASE("Values: a duration is an integer and a unit") {
  const std::vector<std::pair<std::string, std::int64_t>> good = {
      {"250ms", 250}, {"10s", 10'000}, {"5m", 300'000},          {"1h", 3'600'000},
      {"0s", 0},      {"007s", 7000},  {"8760h", 31'536'000'000}};
  for (const auto& row : good) {
    CAPTURE(row.first);
    CHECK(duration_of(text_node(row.first)) == Millis{row.second});
  }
  for (const char* text : {"", "s", "10", "10 s", " 10s", "10s ", "10S", "-1s", "+1s", "1.5s",
                           "1h30m", "8761h", "18446744073709551616ms", "10sec"}) {
    CAPTURE(text);
    CHECK_FALSE(duration_of(text_node(text)).has_value());
  }
  CHECK(duration_of(integer_node(0)) == Millis{0});
  CHECK_FALSE(duration_of(integer_node(1)).has_value());
  CHECK_FALSE(duration_of(Node{}).has_value());
}

TEST_CASE("Values: a size is an integer, with a binary unit or without") {
  CHECK(size_of(text_node("10")) == 10);
  CHECK(size_of(text_node("8KiB")) == 8192);
  CHECK(size_of(text_node("1MiB")) == 1'048'576);
  CHECK(size_of(text_node("2GiB")) == 2'147'483'648);
  CHECK(size_of(integer_node(0)) == 0);
  CHECK(size_of(integer_node(123)) == 123);
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  CHECK(size_of(integer_node(kMax)) == static_cast<std::uint64_t>(kMax));
  CHECK(size_of(text_node("8589934591GiB")).has_value());
  CHECK_FALSE(size_of(integer_node(-1)).has_value());
  for (const char* text : {"", "KiB", "8 ", "8B", "8KB", "8kib", "8 KiB", "1.5MiB", "8589934592GiB",
                           "9223372036854775808"}) {
    CAPTURE(text);
    CHECK_FALSE(size_of(text_node(text)).has_value());
  }
}

TEST_CASE("Values: a hint names the unit that was meant, and nothing where that is not clear") {
  CHECK(unit_hint(text_node("8kb"), false) == "did you mean `\"8KiB\"`?");
  CHECK(unit_hint(text_node("8 M"), false) == "did you mean `\"8MiB\"`?");
  CHECK(unit_hint(text_node("8g"), false) == "did you mean `\"8GiB\"`?");
  CHECK(unit_hint(text_node("8x"), false).empty());
  CHECK(unit_hint(integer_node(5), true) == "did you mean `\"5s\"`?");
  CHECK(unit_hint(text_node("5sec"), true) == "did you mean `\"5s\"`?");
  CHECK(unit_hint(text_node("5 minutes"), true) == "did you mean `\"5m\"`?");
  CHECK(unit_hint(text_node("5H"), true) == "did you mean `\"5h\"`?");
  CHECK(unit_hint(text_node("5d"), true).empty());
  CHECK(unit_hint(text_node("9999999h"), true).empty());
  CHECK(unit_hint(Node{}, true).empty());
}

TEST_CASE("Values: the nearest word is close, and never a guess") {
  const std::vector<std::string_view> known = {"weight", "reuse", "idle", "idle_timeout"};
  CHECK(did_you_mean("wieght", known) == "did you mean `weight`?");
  CHECK(did_you_mean("weigt", known) == "did you mean `weight`?");
  CHECK(did_you_mean("Weight", known) == "did you mean `weight`?");
  CHECK(did_you_mean("idel", known) == "did you mean `idle`?");
  CHECK(did_you_mean("idle_time", known) == "did you mean `idle_timeout`?");
  CHECK(did_you_mean("xyz", known).empty());
  CHECK(did_you_mean("", known).empty());
  CHECK(did_you_mean("weight", {}).empty());
  CHECK(did_you_mean(std::string(100'000, 'w'), known).empty());
}

TEST_CASE("Values: a template is literals and variables") {
  Problem problem;
  const auto value = template_of("a${host}${header.X-Id}$b$${path}c$", problem);
  REQUIRE(value.has_value());
  REQUIRE(value->parts.size() == 4);
  CHECK(value->parts[0].literal == "a");
  CHECK(value->parts[0].variable == Variable::Host);
  CHECK(value->parts[1].literal.empty());
  CHECK(value->parts[1].variable == Variable::Header);
  CHECK(value->parts[1].header == "x-id");
  CHECK(value->parts[2].literal == "$b$");
  CHECK(value->parts[2].variable == Variable::Path);
  CHECK(value->parts[3].literal == "c$");
  CHECK_FALSE(value->parts[3].variable.has_value());
  CHECK_FALSE(value->constant());
  CHECK(text(*value) == "a${host}${header.x-id}$b$${path}c$");
  CHECK(template_of("", problem)->constant());
  CHECK(template_of("a$1", problem)->constant());
}

TEST_CASE("Values: every variable has its name") {
  const std::vector<std::pair<std::string, Variable>> all = {{"host", Variable::Host},
                                                             {"path", Variable::Path},
                                                             {"query", Variable::Query},
                                                             {"request_uri", Variable::RequestUri},
                                                             {"method", Variable::Method},
                                                             {"scheme", Variable::Scheme},
                                                             {"remote_addr", Variable::RemoteAddr},
                                                             {"remote_port", Variable::RemotePort},
                                                             {"server_addr", Variable::ServerAddr},
                                                             {"server_port", Variable::ServerPort},
                                                             {"tls_version", Variable::TlsVersion},
                                                             {"request_id", Variable::RequestId},
                                                             {"script_name", Variable::ScriptName},
                                                             {"path_info", Variable::PathInfo}};
  for (const auto& row : all) {
    CAPTURE(row.first);
    Problem problem;
    const auto value = template_of("${" + row.first + "}", problem);
    REQUIRE(value.has_value());
    REQUIRE(value->parts.size() == 1);
    CHECK(value->parts[0].variable == row.second);
  }
  for (const char* wrong : {"${}", "${HOST}", "${ host}", "${header.}", "${header}", "${host",
                            "${header.a b}", "${ho${host}st}"}) {
    CAPTURE(wrong);
    Problem problem;
    CHECK_FALSE(template_of(wrong, problem).has_value());
    CHECK_FALSE(problem.message.empty());
  }
}

TEST_CASE("Values: what a fault quotes is one printable line") {
  CHECK(in_quotes("a\n\x1b[0m\x7f") == R"("a\x0a\x1b[0m\x7f")");
  CHECK(in_quotes("\xc3\xa9") == "\"\xc3\xa9\"");
  CHECK(in_quotes(std::string(200, 'a')) == '"' + std::string(80, 'a') + "...\"");
}

TEST_CASE("Values: names are checked byte by byte") {
  CHECK(is_variable_name("_A1"));
  CHECK(is_variable_name("a"));
  CHECK_FALSE(is_variable_name(""));
  CHECK_FALSE(is_variable_name("1A"));
  CHECK_FALSE(is_variable_name("A-B"));
  CHECK_FALSE(is_variable_name("A="));
  CHECK(without_last_slash("/a//") == "/a");
  CHECK(without_last_slash("/").empty());
}

}  // namespace
}  // namespace millrace::config
