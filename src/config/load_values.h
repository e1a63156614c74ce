// Single values of the file: their syntax, and how they are named in a fault.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/load_tree.h"

namespace millrace::config {

// Why a text is not what it should be.
struct Problem {
  std::string message;
  std::string hint;
};

inline constexpr std::string_view kDurationForm =
    R"(a duration ("250ms", "10s", "5m", "1h" or 0), at most a year)";
inline constexpr std::string_view kSizeForm =
    R"(a size ("8KiB", "1MiB", "1GiB" or a number of bytes))";

// A bare 0, or digits and one of ms, s, m and h; at most a year, so that sums never overflow.
[[nodiscard]] std::optional<Millis> duration_of(const Node& node);
// Digits and one of KiB, MiB and GiB, or an integer.
[[nodiscard]] std::optional<std::uint64_t> size_of(const Node& node);
// What may have been meant by a value that duration_of() or size_of() refused, or nothing.
[[nodiscard]] std::string unit_hint(const Node& node, bool duration);

// In double quotes, control bytes escaped, cut where it is long.
[[nodiscard]] std::string in_quotes(std::string_view text);
// A value as a fault names it: "8KB", 12, true, a list, a table.
[[nodiscard]] std::string described(const Node& node);

// A hint that names the known word that is nearest to `wrong`, or nothing where none is near.
[[nodiscard]] std::string did_you_mean(std::string_view wrong,
                                       const std::vector<std::string_view>& known);

// Bytes below a space, and DEL.
[[nodiscard]] bool has_control_bytes(std::string_view text);
// A CGI variable's name: a letter or underscore, then letters, digits and underscores.
[[nodiscard]] bool is_variable_name(std::string_view name);
[[nodiscard]] std::string lower_case(std::string_view text);
// Without the slashes at its end: "/" becomes "".
[[nodiscard]] std::string without_last_slash(std::string_view path);
// The beginning of a file, `limit` bytes at most, or nothing where it can't be read.
[[nodiscard]] std::optional<std::string> contents_of(const std::string& path, std::size_t limit,
                                                     std::string& error);

// "${name}" and "${header.NAME}" are variables; a $ before any other byte is itself.
[[nodiscard]] std::optional<Template> template_of(std::string_view text, Problem& problem);
[[nodiscard]] std::shared_ptr<const re2::RE2> expression_of(std::string_view text,
                                                            Problem& problem);

}  // namespace millrace::config
