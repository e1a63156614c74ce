// A directory of a test's own, which goes with it.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

namespace millrace::testing {

struct Directory {
  Directory() { REQUIRE(::mkdtemp(name.data()) != nullptr); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() { std::filesystem::remove_all(name); }
  [[nodiscard]] std::string path(std::string_view file) const {
    return name + "/" + std::string(file);
  }

  std::string name = (std::filesystem::temp_directory_path() / "millrace-unit.XXXXXX").string();
};

}  // namespace millrace::testing
