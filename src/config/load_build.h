// What the parts of the loader share: the Config under construction, its faults, and where things
// were first named, so that a second one can point at the first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/load_address.h"
#include "config/load_table.h"
#include "config/load_tree.h"

namespace millrace::config {

// A number of an address, and where it was written.
struct Written {
  std::uint64_t value = 0;
  Position at;
};

// The member keys that belong to the address: what is not written doesn't contradict anything.
struct Numbers {
  std::optional<Written> max;
  std::optional<Written> slots;
  std::optional<Written> idle;
  std::optional<Written> idle_timeout;
  std::optional<Written> queue;
};

struct MemberKeys {
  Member member;
  Numbers numbers;
};

struct Build {
  Config config;
  Faults faults;
  std::map<std::string, std::size_t> backend_of;   // by the address's text
  std::vector<Numbers> numbers_of;                 // of each backend
  std::map<std::string, std::size_t> balancer_of;  // by name, without plain targets
};

// `(line N)`, for a fault about a second one.
[[nodiscard]] std::string at_line(Position at);

void read_server(Build& build, Table& root);
void read_log(Build& build, Table& root);
void read_listeners(Build& build, Table& root);
// Of the top level, and of a route: there, keys that are needed before the route is known are
// faults.
void read_limits(Table& parent, Limits& out, bool of_route);
void read_timeouts(Table& parent, Timeouts& out, bool of_route);

// The keys of a member that a balancer may give as defaults: all but `url` and `name`.
void read_member_keys(Table& table, MemberKeys& keys);
void read_balancers(Build& build, Table& root);
// A member at its address, which gets the numbers; nothing but faults where they contradict.
[[nodiscard]] Member place_member(Build& build, MemberKeys keys, const Target& target);
// The balancer that a target (a URL, or a table with one) means; a plain target gets its own.
[[nodiscard]] std::optional<std::size_t> read_target(Build& build, const Node& node,
                                                     std::string_view key);

void read_sites(Build& build, Table& root);
void read_route(Build& build, const Site& site, const Node& node, std::vector<Route>& routes);
// The keys for routes with a target; faults where the route has none.
void read_fastcgi_keys(Table& table, const Site& site, Route& route);
void read_response_headers(Table& table, Route& route);
[[nodiscard]] std::optional<Template> read_template(Faults& faults, const Node& node,
                                                    std::string_view key, bool one_line);

}  // namespace millrace::config
