// Files of the repository load; and whatever is done to a file, the loader gives a config or
// faults.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "config/describe.h"
#include "config/load.h"

namespace millrace::config {
namespace {

std::string contents(const std::string& name) {
  std::ifstream file(std::string(MILLRACE_SOURCE_ROOT "/") + name);
  REQUIRE(file.good());
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

// Faults have places within the text and in order, and can all be shown.
void check_outcome(const std::string& text) {
  const Loaded loaded = load_text(text, "f");
  const auto lines = static_cast<std::uint32_t>(std::count(text.begin(), text.end(), '\n'));
  bool good = loaded.config.has_value() == loaded.faults.empty();
  const Fault* previous = nullptr;
  for (const Fault& fault : loaded.faults) {
    good = good && fault.line >= 1 && fault.line <= lines + 1 && fault.column >= 1;
    good = good && (previous == nullptr || previous->line <= fault.line);
    good = good && render(fault, "f", text).starts_with("f:");
    previous = &fault;
  }
  if (loaded.config) good = good && routes_text(*loaded.config).size() < 100'000;
  if (good) return;
  CAPTURE(text);
  CHECK(good);
}

TEST_CASE("Files: the default configuration and the examples load") {
  for (const std::string name :
       {"etc/millrace.toml", "etc/examples/php-fpm.toml", "etc/examples/two-apps.toml"}) {
    const std::string path = std::string(MILLRACE_SOURCE_ROOT "/") + name;
    const Loaded loaded = load_file(path);
    std::string faults;
    for (const Fault& fault : loaded.faults) {
      faults += render(fault, name, loaded.source) + '\n';
    }
    CHECK(faults == "");
    CHECK(loaded.config.has_value());
  }
}

TEST_CASE("Files: the keys that the default configuration only shows are good ones") {
  std::string text = contents("etc/millrace.toml");
  for (const std::string_view key :
       {"user", "group", "pid_file", "name", "hosts", "listen", "root", "script"}) {
    const std::string shown = "\n# " + std::string(key) + " = ";
    const std::size_t at = text.find(shown);
    REQUIRE_MESSAGE(at != std::string::npos, key);
    // Another value could be right on one machine and wrong on the next.
    const bool account = key == "user" || key == "group";
    text.replace(at, shown.size(), '\n' + std::string(key) + " = " + (account ? "\"root\" #" : ""));
  }
  const Loaded loaded = load_text(text, "f");
  std::string faults;
  for (const Fault& fault : loaded.faults) {
    faults += render(fault, "f", loaded.source) + '\n';
  }
  CHECK(faults == "");
}

TEST_CASE("Loader: each prefix of a large file gives a config or faults") {
  const std::string text = contents("etc/millrace.toml") + contents("etc/examples/php-fpm.toml");
  for (std::size_t size = 0; size < text.size(); size += size < 1000 ? 1 : 7) {
    check_outcome(text.substr(0, size));
  }
}

TEST_CASE("Loader: with any one byte deleted or changed a file gives a config or faults") {
  const std::string text = contents("etc/examples/two-apps.toml");
  for (std::size_t at = 0; at < text.size(); ++at) {
    check_outcome(text.substr(0, at) + text.substr(at + 1));
    for (const char byte : {'\0', '"', '\n', '{', ']', '\xff'}) {
      std::string changed = text;
      changed[at] = byte;
      check_outcome(changed);
    }
  }
}

TEST_CASE("Loader: a key of absurd depth is a fault, and dots elsewhere are none") {
  std::string key = "a";
  for (int i = 0; i < 100'000; ++i) {
    key += ".\"a\"";
  }
  for (const std::string& text : {key + " = 1", '[' + key + ']', "x = { b = 1, " + key + " = 1 }",
                                  "# \"\nb = \"\\\"\"\nc = '\\'\n" + key + " = 1"}) {
    const Loaded loaded = load_text(text, "f");
    REQUIRE(loaded.faults.size() == 1);
    CHECK(loaded.faults[0].message == "a key with too many dots");
    CHECK(loaded.faults[0].line == std::count(text.begin(), text.end(), '\n') + 1);
  }
  const std::string dots(100'000, '.');
  for (const std::string& text :
       {"x = \"" + dots + '"', "x = '" + dots + '\'', "x = \"\"\"\n\"\n" + dots + "\"\"\"",
        "x = \'\'\'\n\'\n" + dots + "\'\'\'", "# " + dots}) {
    for (const Fault& fault : load_text(text, "f").faults) {
      CHECK(fault.message != "a key with too many dots");
    }
  }
}

TEST_CASE("Loader: any key of any table may have a value of any type") {
  const std::string text = contents("etc/millrace.toml");
  std::istringstream lines(text);
  std::size_t start = 0;
  for (std::string line; std::getline(lines, line); start += line.size() + 1) {
    const std::size_t equals = line.find(" = ");
    if (equals == std::string::npos || line.starts_with('#') || line.starts_with(' ')) continue;
    for (const std::string_view value :
         {"-1", "1.5", "\"\"", "\"\\u0000\"", "true", "[]", "{}", "[[]]", "[{}]", "1979-05-27",
          "nan", "-inf", "9223372036854775807", "\"9223372036854775807s\""}) {
      std::string changed = text;
      changed.replace(start, line.size(), line.substr(0, equals + 3) + std::string(value));
      check_outcome(changed);
    }
  }
}

}  // namespace
}  // namespace millrace::config
