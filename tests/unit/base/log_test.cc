// The log writes to a file of the test's own. Its writer is one for the program, so that each test
// starts it and stops it.
#include "base/log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/fd.h"
#include "support/directory.h"

namespace millrace::base {
namespace {

using testing::Directory;

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);)
    lines.push_back(line);
  return lines;
}

std::string escaped(std::string_view text) {
  std::string out;
  append_escaped(out, text);
  return out;
}

TEST_CASE("Log: what could forge a line or move a terminal's cursor is escaped") {
  CHECK(escaped("plain text, even \"quoted\" ~") == "plain text, even \"quoted\" ~");
  CHECK(escaped("a\r\nb") == "a\\x0d\\x0ab");
  CHECK(escaped("\x1b[2J\x7f") == "\\x1b[2J\\x7f");
  CHECK(escaped(std::string_view("\0\t\xc3\xa4\xff", 5)) == "\\x00\\x09\\xc3\\xa4\\xff");
  CHECK(escaped("\\x0a") == "\\x5cx0a");  // So that an escape is always ours.
}

TEST_CASE("Log: a line has a time, its level, the request's id if there is one, and the text") {
  const Directory directory;
  const std::string path = directory.path("log");
  REQUIRE(Log::start(path, Level::Info).empty());
  Log::write(Level::Warn, "01ab", "first");
  Log::write(Level::Error, {}, "second\nline");
  Log::stop();
  const auto lines = lines_of(path);
  REQUIRE(lines.size() == 2);
  std::string shape = lines[0].substr(0, 25);
  for (char& c : shape) {
    if (is_digit(c)) c = '9';
  }
  CHECK(shape == "9999-99-99T99:99:99.999Z ");
  CHECK(lines[0].substr(25) == "[warn] 01ab first");
  CHECK(lines[1].substr(25) == "[error] second\\x0aline");
}

TEST_CASE("Log: lines below its level are left out") {
  const Directory directory;
  const std::string path = directory.path("log");
  const std::array levels{Level::Error, Level::Warn, Level::Info, Level::Debug};
  for (const Level chosen : levels) {
    REQUIRE(Log::start(path, chosen).empty());
    for (const Level level : levels) {
      CHECK(Log::enabled(level) == (level <= chosen));
      Log::write(level, {}, "x");
    }
    Log::stop();
  }
  CHECK(lines_of(path).size() == 1 + 2 + 3 + 4);  // Each start appends.
}

TEST_CASE("Log: a file that cannot be opened is an error that names it") {
  const Directory directory;
  const std::string path = directory.path("missing/log");
  CHECK(Log::start(path, Level::Info) == path + ": No such file or directory");
}

TEST_CASE("Log: a file that cannot be opened again is told to the old one, which goes on") {
  const Directory directory;
  const std::string path = directory.path("log");
  REQUIRE(Log::start(path, Level::Error).empty());
  std::filesystem::rename(path, directory.path("old"));
  std::filesystem::create_directory(path);
  Log::reopen();
  Log::write(Level::Error, {}, "goes on");
  Log::stop();
  auto lines = lines_of(directory.path("old"));
  REQUIRE(lines.size() == 2);
  if (lines[1].ends_with("goes on")) std::swap(lines[0], lines[1]);
  CHECK(lines[0].ends_with("[error] goes on"));
  CHECK(lines[1].ends_with("[error] " + path +
                           ": cannot be opened again, so the old file is used: Is a directory"));
}

// The writer stands still on a pipe that nobody reads, so that the queue can only grow.
TEST_CASE("Log: lines that find the queue full are lost, but counted") {
  const Directory directory;
  const std::string path = directory.path("pipe");
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const UniqueFd reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  REQUIRE(reader.valid());
  REQUIRE(Log::start(path, Level::Info).empty());
  constexpr std::size_t kLines = 4'000;
  const std::string text(1'000, 'x');
  for (std::size_t i = 0; i < kLines; ++i)
    Log::write(Level::Info, {}, text);
  REQUIRE(::fcntl(reader.get(), F_SETFL, 0) == 0);
  std::string all;
  std::size_t written = 0;
  std::size_t lost = 0;
  std::array<char, 65536> piece{};
  // Whatever is lost is told after what was queued; together it is all that was logged.
  while (written + lost < kLines) {
    const ssize_t got = ::read(reader.get(), piece.data(), piece.size());
    REQUIRE(got > 0);
    all.append(piece.data(), static_cast<std::size_t>(got));
    for (std::size_t end = all.find('\n'); end != std::string::npos; end = all.find('\n')) {
      const std::string line = all.substr(0, end);
      all.erase(0, end + 1);
      const std::size_t words = line.find(" log lines were lost");
      if (words == std::string::npos) {
        ++written;
      } else {
        const std::size_t number = line.rfind(' ', words - 1) + 1;
        lost += parse_decimal(line.substr(number, words - number)).value_or(0);
      }
    }
  }
  Log::stop();
  CHECK(lost > 0);
  CHECK(written + lost == kLines);
  CHECK(written >= 1'000);  // A megabyte.
}

}  // namespace
}  // namespace millrace::base
