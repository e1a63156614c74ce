// A Config as text for people: `millrace check` prints it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"

namespace millrace::config {

// One aligned line per route, in the order in which routes are tried: listeners, hosts, match and
// handler. Holds no environment and no bodies, which may be secret.
[[nodiscard]] std::string routes_text(const Config& config);

// A template as it was written.
[[nodiscard]] std::string text(const Template& value);

// The variable of ${name}, or nothing; header.NAME is not a name of this list.
[[nodiscard]] std::optional<Variable> variable_of(std::string_view name);

}  // namespace millrace::config
