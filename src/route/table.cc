#include "route/table.h"

#include <re2/re2.h>

#include <algorithm>
#include <functional>

#include "base/must.h"

namespace millrace::route {

namespace {

// A list that has GET stands for HEAD too: a HEAD is answered as its GET, without the body
// (RFC 9110 9.3.2).
bool accepts(const config::Route& route, std::string_view method) {
  if (route.methods.empty()) return true;
  const auto listed = [&](std::string_view name) {
    return std::find(route.methods.begin(), route.methods.end(), name) != route.methods.end();
  };
  return listed(method) || (method == "HEAD" && listed("GET"));
}

std::string allow_of(const config::Route& route) {
  std::string allow;
  for (const std::string& method : route.methods) {
    if (!allow.empty()) allow += ", ";
    allow += method;
    const bool head_follows =
        method == "GET" &&
        std::find(route.methods.begin(), route.methods.end(), "HEAD") == route.methods.end();
    if (head_follows) allow += ", HEAD";
  }
  return allow;
}

}  // namespace

Table::Table(const config::Config& config) : config_(config), listeners_(config.listeners.size()) {
  sites_.reserve(config.sites.size());
  for (std::size_t index = 0; index < config.sites.size(); ++index) {
    const config::Site& site = config.sites[index];
    sites_.push_back(compile(site));
    for (std::size_t listener = 0; listener < listeners_.size(); ++listener) {
      const bool carried =
          site.listeners.empty() ||
          std::find(site.listeners.begin(), site.listeners.end(), listener) != site.listeners.end();
      if (carried) add_hosts(index, listeners_[listener]);
    }
  }
}

void Table::add_hosts(std::size_t site_index, Hosts& hosts) const {
  const config::Site& site = config_.sites[site_index];
  if (site.hosts.empty() && hosts.without_hosts == kNone) hosts.without_hosts = site_index;
  for (const std::string& host : site.hosts) {
    if (host.starts_with("*.")) {
      hosts.suffixes.emplace(std::string_view(host).substr(1), site_index);
    } else {
      hosts.exact.emplace(host, site_index);
    }
  }
}

Table::Routes Table::compile(const config::Site& site) {
  Routes routes;
  for (std::size_t index = 0; index < site.routes.size(); ++index) {
    const config::Route& route = site.routes[index];
    routes.allow.push_back(allow_of(route));
    if (route.match != nullptr) {
      routes.expressions.push_back(index);
      continue;
    }
    MUST(!route.path.empty());
    const bool prefix = route.path.ends_with('/');
    if (!prefix) routes.exact.emplace(route.path, index);
    if (!prefix && !route.below) continue;
    routes.prefixes.emplace(route.path, index);
    routes.lengths.push_back(route.path.size());
  }
  std::sort(routes.lengths.begin(), routes.lengths.end(), std::greater<>());
  routes.lengths.erase(std::unique(routes.lengths.begin(), routes.lengths.end()),
                       routes.lengths.end());
  return routes;
}

Found Table::find(std::size_t listener, std::string_view host, std::string_view path,
                  std::string_view method) const {
  MUST(listener < listeners_.size());
  const std::size_t site_index = find_site(listeners_[listener], host);
  if (site_index == kNone) return {};
  return find_in_site(site_index, path, method);
}

Found Table::find_in_site(std::size_t site_index, std::string_view path,
                          std::string_view method) const {
  MUST(site_index < sites_.size());
  Found found{
      .outcome = Outcome::NoRoute, .site = &config_.sites[site_index], .site_index = site_index};
  const std::size_t route_index = find_route(site_index, path);
  if (route_index == kNone) return found;
  found.route = &found.site->routes[route_index];
  found.route_index = route_index;
  found.allow = sites_[site_index].allow[route_index];
  const bool accepted = accepts(*found.route, method);
  found.outcome = accepted ? Outcome::Route : Outcome::MethodNotAllowed;
  return found;
}

std::size_t Table::find_site(const Hosts& hosts, std::string_view host) const {
  if (const auto exact = hosts.exact.find(host); exact != hosts.exact.end()) return exact->second;
  if (hosts.suffixes.empty()) return hosts.without_hosts;
  // From the first dot that has a label before it: "*.example.org" is not example.org itself.
  for (std::size_t dot = host.find('.', 1); dot != std::string_view::npos;
       dot = host.find('.', dot + 1)) {
    const auto suffix = hosts.suffixes.find(host.substr(dot));
    if (suffix != hosts.suffixes.end()) return suffix->second;
  }
  return hosts.without_hosts;
}

std::size_t Table::find_route(std::size_t site_index, std::string_view path) const {
  const Routes& routes = sites_[site_index];
  const config::Site& site = config_.sites[site_index];
  for (const std::size_t index : routes.expressions) {
    if (re2::RE2::PartialMatch(re2::StringPiece(path.data(), path.size()),
                               *site.routes[index].match)) {
      return index;
    }
  }
  if (const auto exact = routes.exact.find(path); exact != routes.exact.end()) return exact->second;
  for (const std::size_t length : routes.lengths) {
    if (length > path.size()) continue;
    // A prefix ends at a "/": its own, or for a `below` route the one that follows it.
    if (path[length - 1] != '/' && (length == path.size() || path[length] != '/')) continue;
    const auto prefix = routes.prefixes.find(path.substr(0, length));
    if (prefix != routes.prefixes.end()) return prefix->second;
  }
  return kNone;
}

}  // namespace millrace::route
