// From TOML text to a Config, or to every fault of the text at once. docs/configuration.md is the
// schema. Nothing is guessed and nothing is ignored: what isn't understood is a fault.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace millrace::config {

// Lines and columns count from 1, columns in characters. Line 0: the file as a whole.
struct Fault {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string message;
  std::string hint;  // may be empty
};

// Either a config or at least one fault, in the order of their positions.
struct Loaded {
  std::optional<Config> config;
  std::vector<Fault> faults;
  std::string source;  // the text, for render()
};

// `file_name` is only named. Reads the error pages that the text refers to, and the user database.
[[nodiscard]] Loaded load_text(std::string_view text, std::string_view file_name);
// A file that can't be read is a fault at line 0.
[[nodiscard]] Loaded load_file(const std::string& path);

// FILE:LINE:COLUMN: message, the offending line, a caret below it and the hint; no last line feed.
[[nodiscard]] std::string render(const Fault& fault, std::string_view file,
                                 std::string_view source);

}  // namespace millrace::config
