// From a listener, a host and a path to the route that serves them. Compiled once from a Config and
// read-only from then on, so all workers share one table without a lock. Neither a hit nor a miss
// allocates: what is returned points into the Config, which must outlive the table.
//
// Sites: the exact host, else the longest "*.suffix", else the site without hosts, of those that
// the listener carries. Routes: `match` expressions in file order, then the exact path, then the
// longest prefix; a path with `below` takes part as an exact path and as the prefix "PATH/".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/config.h"

namespace millrace::route {

enum class Outcome : std::uint8_t {
  Route,
  NoSite,            // 421
  NoRoute,           // 404
  MethodNotAllowed,  // 405, with `allow`
};

struct Found {
  Outcome outcome = Outcome::NoSite;
  const config::Site* site = nullptr;    // null only with NoSite
  const config::Route* route = nullptr;  // null with NoSite and NoRoute
  std::size_t site_index = 0;
  std::size_t route_index = 0;  // in the site
  std::string_view allow;       // the value of the Allow field; empty where any method will do
};

class Table {
 public:
  explicit Table(const config::Config& config);
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // `host` is in lower case, without port and trailing dot; empty where the request has none.
  // `path` is decoded and normalised.
  [[nodiscard]] Found find(std::size_t listener, std::string_view host, std::string_view path,
                           std::string_view method) const;

  // The same inside a site that is known already: fallbacks and local redirects.
  [[nodiscard]] Found find_in_site(std::size_t site_index, std::string_view path,
                                   std::string_view method) const;

 private:
  using Index = std::unordered_map<std::string_view, std::size_t>;
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  // The sites that one listener carries. A suffix is kept with its dot: ".example.org".
  struct Hosts {
    Index exact;
    Index suffixes;
    std::size_t without_hosts = kNone;
  };

  // Only lengths that occur are tried, so the cost is bounded by the file and not by the request.
  struct Routes {
    std::vector<std::size_t> expressions;
    Index exact;
    Index prefixes;                    // each ends in "/", but for the keys of `below` routes
    std::vector<std::size_t> lengths;  // of the prefixes, longest first
    std::vector<std::string> allow;    // per route; empty where any method will do
  };

  static Routes compile(const config::Site& site);
  void add_hosts(std::size_t site_index, Hosts& hosts) const;
  [[nodiscard]] std::size_t find_site(const Hosts& hosts, std::string_view host) const;
  [[nodiscard]] std::size_t find_route(std::size_t site_index, std::string_view path) const;

  const config::Config& config_;
  std::vector<Hosts> listeners_;
  std::vector<Routes> sites_;
};

}  // namespace millrace::route
