// Addresses as they are written in the file: of listeners, which are numeric, and of targets.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"
#include "config/load_values.h"

namespace millrace::config {

// What a target's URL says. A balancer's name, or an address and what follows it.
struct Target {
  std::string balancer;     // balancer://NAME/; else empty
  Address address;          // host in lower case, an IPv6 address in its canonical form
  std::string script_root;  // without its last "/", so "" for "/"
};

// Both: nothing, and the problem, where the text is no address. `key` is what the problem names.
[[nodiscard]] std::optional<Address> listener_of(const Node& node, std::string_view key,
                                                 Problem& problem);
[[nodiscard]] std::optional<Target> target_of(const Node& node, std::string_view key,
                                              Problem& problem);

// What a host, a balancer or a member may be named: letters, digits, - and _, and dots between
// them.
[[nodiscard]] bool is_plain_name(std::string_view name);
// The canonical form of an IPv4 address, or of an IPv6 address without brackets.
[[nodiscard]] std::optional<std::string> numeric_host(std::string_view text);

}  // namespace millrace::config
