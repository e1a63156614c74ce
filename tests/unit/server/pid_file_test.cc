#include "server/pid_file.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/directory.h"

namespace millrace::server {
namespace {

using testing::Directory;

TEST_CASE("PidFile: it holds the process's number until its owner goes") {
  const Directory directory;
  const std::string path = directory.name + "/pid";
  {
    PidFile file;
    REQUIRE(file.write(path).empty());
    std::string text;
    std::getline(std::ifstream(path), text);
    CHECK(text == std::to_string(::getpid()));
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("PidFile: without a path there is none") {
  PidFile file;
  CHECK(file.write({}).empty());
  file.remove();
}

TEST_CASE("PidFile: one that cannot be made is an error that names it, and is not removed") {
  const Directory directory;
  PidFile file;
  CHECK(file.write(directory.name) == directory.name + ": Is a directory");
  file.remove();
  CHECK(std::filesystem::exists(directory.name));
}

}  // namespace
}  // namespace millrace::server
