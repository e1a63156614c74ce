// How faults and routes are shown, and which files can be read.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

#include "config/describe.h"
#include "config/load.h"
#include "unit/config/snippets.h"

namespace millrace::config {
namespace {

// A file that is gone with its object.
class TemporaryFile {
 public:
  TemporaryFile(std::string_view ending, std::string_view contents)
      : path_("/tmp/millrace-config-" + std::to_string(::getpid()) + std::string(ending)) {
    std::ofstream(path_) << contents;
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { std::remove(path_.c_str()); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST_CASE("render: the place, the line, a caret and the hint") {
  const Fault fault{2, 3, "unknown key \"wieght\"", "did you mean `weight`?"};
  CHECK(render(fault, "a.toml", "first\n  wieght = 1\r\nlast\n") ==
        "a.toml:2:3: unknown key \"wieght\"\n"
        "  wieght = 1\n"
        "  ^\n"
        "  hint: did you mean `weight`?");
}

TEST_CASE("render: without a hint there is none") {
  CHECK(render({1, 1, "wrong", ""}, "f", "x") == "f:1:1: wrong\nx\n^");
}

TEST_CASE("render: the caret stands below its character, after tabs and beyond ASCII") {
  CHECK(render({1, 3, "wrong", ""}, "f", "\ta\xc3\xa9x") == "f:1:3: wrong\n\ta\xc3\xa9x\n\t ^");
  CHECK(render({1, 4, "wrong", ""}, "f", "\ta\xc3\xa9x") == "f:1:4: wrong\n\ta\xc3\xa9x\n\t  ^");
  CHECK(render({1, 3, "wrong", ""}, "f", "\xc3\xa9\tx") == "f:1:3: wrong\n\xc3\xa9\tx\n \t^");
}

TEST_CASE("render: a line that is empty or isn't there is left out") {
  CHECK(render({2, 1, "wrong", ""}, "f", "x\n\ny") == "f:2:1: wrong");
  CHECK(render({9, 1, "wrong", "why"}, "f", "x\n") == "f:9:1: wrong\n  hint: why");
  CHECK(render({0, 0, "can't be read", ""}, "f", "") == "f: can't be read");
}

TEST_CASE("render: nothing of the file controls the terminal") {
  CHECK(render({1, 1, "wrong", ""}, "f", "a\x1b[2J\x7f") == "f:1:1: wrong\na?[2J?\n^");
}

TEST_CASE("load_text: text that is no TOML is one fault, at its place") {
  struct Row {
    std::string_view text;
    std::uint32_t line;
    std::uint32_t column;
  };
  for (const Row& row :
       {Row{"a = 1\nb = = 2", 2, 5}, Row{"[server]\nworkers = 1\nworkers = 2", 3, 11},
        Row{"[server]\n[server]", 2, 1}, Row{"x = [1,\n2", 2, 2}, Row{"x = \"\xff\"", 1, 5}}) {
    CAPTURE(row.text);
    const Loaded loaded = load_text(row.text, "f");
    CHECK_FALSE(loaded.config.has_value());
    REQUIRE(loaded.faults.size() == 1);
    CHECK(loaded.faults[0].line == row.line);
    CHECK(loaded.faults[0].column == row.column);
    CHECK_FALSE(loaded.faults[0].message.empty());
    CHECK(loaded.source == row.text);
  }
}

TEST_CASE("load_text: an empty text lacks a listener and a site") {
  const Loaded loaded = load_text("", "f");
  REQUIRE(loaded.faults.size() == 2);
  CHECK(loaded.faults[0].message == "no [[listen]]: nothing is listened on");
  CHECK(loaded.faults[1].message == "no [[site]]: nothing is served");
}

TEST_CASE("load_file: a file that can't be read is a fault without a line") {
  const Loaded missing = load_file("/nonexistent/millrace.toml");
  REQUIRE(missing.faults.size() == 1);
  CHECK_FALSE(missing.config.has_value());
  CHECK(missing.faults[0].line == 0);
  CHECK(missing.faults[0].message == "can't be read: No such file or directory");
  CHECK(load_file("/tmp").faults.at(0).message == "can't be read: not a regular file");
  CHECK(load_file("").faults.at(0).line == 0);
}

TEST_CASE("load_file: the config and the source are those of the file") {
  const std::string text = completed("");
  const TemporaryFile file(".toml", text);
  const Loaded loaded = load_file(file.path());
  REQUIRE(loaded.config.has_value());
  CHECK(loaded.config->file == file.path());
  CHECK(loaded.source == text);
}

TEST_CASE("Loader: error pages are read, and typed by their names") {
  const TemporaryFile html(".html", "<p>gone");
  const TemporaryFile json(".json", "{}");
  const TemporaryFile text(".txt", std::string(9000, 'x'));
  const Config config = loaded("[[site]]\nerror_pages = { 404 = \"" + html.path() + "\", 502 = \"" +
                               json.path() + "\", 503 = \"" + text.path() + "\" }\n");
  const auto& pages = config.sites.at(0).error_pages;
  REQUIRE(pages.size() == 3);
  CHECK(pages[0].status == 404);
  CHECK(pages[0].content_type == "text/html; charset=utf-8");
  CHECK(pages[0].body == "<p>gone");
  CHECK(pages[1].content_type == "application/json");
  CHECK(pages[2].content_type == "text/plain; charset=utf-8");
  CHECK(pages[2].body == std::string(9000, 'x'));
}

TEST_CASE("Loader: an error page over 1 MiB is a fault") {
  const TemporaryFile large(".html", std::string((1 << 20) + 1, 'x'));
  const Loaded result =
      load_text(completed("[[site]]\nerror_pages = { 404 = \"" + large.path() + "\" }\n"), "f");
  REQUIRE(result.faults.size() == 1);
  CHECK(result.faults[0].message.ends_with(": larger than 1048576 bytes"));
}

TEST_CASE("routes_text: one aligned line for each route, in the order of trial") {
  const Config config = loaded(R"~([[listen]]
address = "127.0.0.1:80"
[[listen]]
address = "[::1]:80"
name = "six"
[[site]]
hosts = ["a.example", "*.b.example"]
listen = ["six"]
[[site.route]]
path = "/"
to = "unix:/run/a.sock"
env = { PASSWORD = "secret" }
[[site.route]]
path = "/long/"
redirect = { to = "https://${host}${header.X-To}" }
[[site.route]]
path = "/exact"
methods = ["GET", "POST"]
respond = { body = "secret" }
[[site.route]]
path = "/a"
below = true
to = "balancer://app/"
[[site.route]]
match = "[.]php$"
to = { url = "fcgi://h:9000/srv", name = "php" }
[[site]]
[[site.route]]
path = "/"
respond = { status = 404 }
[balancer.app]
members = [{ url = "fcgi://h:1/", name = "one" }, { url = "fcgi://h:2/" }]
)~");
  CHECK(routes_text(config) ==
        R"~([::1]:80               a.example,*.b.example  ~ [.]php$        fcgi://h:9000/srv (php)
[::1]:80               a.example,*.b.example  GET,POST /exact  respond 200
[::1]:80               a.example,*.b.example  /long/           redirect 308 to https://${host})~"
        R"~(${header.x-to}
[::1]:80               a.example,*.b.example  /a and below     balancer://app/ (one, fcgi://h:2/)
[::1]:80               a.example,*.b.example  /                unix:/run/a.sock
127.0.0.1:80,[::1]:80  *                      /                respond 404
)~");
}

}  // namespace
}  // namespace millrace::config
