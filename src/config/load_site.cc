// [[site]]: hosts, listeners, error pages; the routes are load_route.cc's.
#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "base/ascii.h"
#include "config/load_build.h"

namespace millrace::config {
namespace {

constexpr std::size_t kErrorPageMax = 1 << 20;

// A host as requests name it: lower case, an IPv6 address canonical and in brackets.
std::optional<std::string> host_of(std::string_view text, std::string& hint) {
  const std::string host = lower_case(text);
  if (text.starts_with('[') && text.ends_with(']')) {
    const auto numeric = numeric_host(text.substr(1, text.size() - 2));
    if (numeric && numeric->find(':') != std::string::npos) return '[' + *numeric + ']';
    return std::nullopt;
  }
  if (host.starts_with("*.") && is_plain_name(std::string_view(host).substr(2))) return host;
  if (is_plain_name(host)) return host;
  if (host == "*") hint = "a site without `hosts` has all that no other site has";
  if (host.find("://") != std::string::npos) hint = "a host has no scheme and no path";
  const std::size_t colon = host.rfind(':');
  if (hint.empty() && colon != std::string::npos && is_plain_name(host.substr(0, colon)) &&
      base::parse_decimal(host.substr(colon + 1))) {
    hint = "did you mean `" + host.substr(0, colon) + "`? A host has no port";
  }
  if (hint.empty() && host.ends_with('.') && is_plain_name(host.substr(0, host.size() - 1))) {
    hint = "did you mean `" + host.substr(0, host.size() - 1) + "`?";
  }
  return std::nullopt;
}

// Whether a connection of one listener could be for either site.
bool share_a_listener(const Site& a, const Site& b) {
  if (a.listeners.empty() || b.listeners.empty()) return true;
  return std::any_of(a.listeners.begin(), a.listeners.end(), [&](std::size_t one) {
    return std::find(b.listeners.begin(), b.listeners.end(), one) != b.listeners.end();
  });
}

class SiteReader {
 public:
  SiteReader(Build& build, std::vector<Position>& positions)
      : build_(build), positions_(positions) {}

  void read(const Node& node) {
    Table table(build_.faults, node, "site", "an element of \"site\"");
    read_listener_names(table);
    read_hosts(table);
    std::string root;
    if (table.path("root", root) != nullptr) site_.root = without_last_slash(root);
    read_error_pages(table);
    std::vector<Route> routes;
    for (const Node* route : table.tables("route")) {
      read_route(build_, site_, *route, routes);
    }
    site_.routes = std::move(routes);
    table.finish();
    if (table.valid() && !table.has("hosts")) check_default(node.at);
    build_.config.sites.push_back(std::move(site_));
    positions_.push_back(node.at);
  }

 private:
  void read_listener_names(Table& table) {
    std::vector<const Node*> names;
    const Node* list = table.texts("listen", names);
    if (list != nullptr && list->items.empty()) {
      table.fault(*list, "listen", "a list of names of listeners that is not empty");
    }
    const auto& listeners = build_.config.listeners;
    for (const Node* name : names) {
      const auto found =
          std::find_if(listeners.begin(), listeners.end(),
                       [&](const Listener& listener) { return listener.name == name->text; });
      if (found != listeners.end()) {
        site_.listeners.push_back(static_cast<std::size_t>(found - listeners.begin()));
        continue;
      }
      std::vector<std::string_view> known;
      for (const Listener& listener : listeners) {
        if (!listener.name.empty()) known.emplace_back(listener.name);
      }
      std::string hint = did_you_mean(name->text, known);
      if (known.empty()) hint = "no [[listen]] has a `name`";
      build_.faults.add(name->at, "no listener is named " + in_quotes(name->text), std::move(hint));
    }
  }

  void read_hosts(Table& table) {
    std::vector<const Node*> hosts;
    const Node* list = table.texts("hosts", hosts);
    if (list != nullptr && list->items.empty()) {
      table.fault(*list, "hosts", "a list that is not empty",
                  "a site without `hosts` has all that no other site has");
    }
    for (const Node* node : hosts) {
      std::string hint;
      const auto host = host_of(node->text, hint);
      if (!host) {
        build_.faults.add(
            node->at,
            "an element of " +
                must_be("hosts", "a host (\"example.org\" or \"*.example.org\")", *node),
            hint);
        continue;
      }
      check_host(*host, node->at);
      site_.hosts.push_back(*host);
    }
  }

  void check_host(const std::string& host, Position at) {
    if (std::find(site_.hosts.begin(), site_.hosts.end(), host) != site_.hosts.end()) {
      build_.faults.add(at, in_quotes(host) + " is in \"hosts\" twice");
    }
    for (std::size_t i = 0; i < positions_.size(); ++i) {
      const Site& other = build_.config.sites[i];
      const bool has = std::find(other.hosts.begin(), other.hosts.end(), host) != other.hosts.end();
      if (!has || !share_a_listener(other, site_)) continue;
      build_.faults.add(
          at, in_quotes(host) + " is a host of another site already " + at_line(positions_[i]));
    }
  }

  void check_default(Position at) {
    for (std::size_t i = 0; i < positions_.size(); ++i) {
      const Site& other = build_.config.sites[i];
      if (!other.hosts.empty() || !share_a_listener(other, site_)) continue;
      build_.faults.add(at, "a second site without \"hosts\": the first " + at_line(positions_[i]) +
                                " has all that no other site has");
    }
  }

  void read_error_pages(Table& parent) {
    const Entry* entry = parent.find("error_pages");
    if (entry == nullptr) return;
    if (entry->value.kind != Node::Kind::Table) {
      parent.fault(entry->value, "error_pages", "a table of files, as in { 404 = \"FILE\" }");
      return;
    }
    for (const Entry& page : entry->value.entries) {
      read_error_page(page);
    }
  }

  void read_error_page(const Entry& entry) {
    const auto status = base::parse_decimal(entry.key);
    if (!status || *status < 400 || *status > 599 || entry.key.size() != 3) {
      build_.faults.add(
          entry.at,
          "a key of \"error_pages\" must be a status from 400 to 599, not " + in_quotes(entry.key));
      return;
    }
    if (!is_text(entry.value)) {
      build_.faults.add(entry.value.at, must_be(entry.key, "a file's path", entry.value));
      return;
    }
    std::string error;
    auto body = contents_of(entry.value.text, kErrorPageMax, error);
    if (!body) {
      build_.faults.add(entry.value.at, "can't read " + in_quotes(entry.value.text) + ": " + error);
      return;
    }
    constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kTypes = {{
        {".json", "application/json"},
        {".txt", "text/plain; charset=utf-8"},
        {".xhtml", "application/xhtml+xml"},
        {"", "text/html; charset=utf-8"},
    }};
    const auto* type = std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& candidate) {
      return entry.value.text.ends_with(candidate.first);
    });
    site_.error_pages.push_back(
        {static_cast<int>(*status), std::string(type->second), std::move(*body)});
  }

  Build& build_;
  std::vector<Position>& positions_;  // of the sites before this one
  Site site_;
};

}  // namespace

void read_sites(Build& build, Table& root) {
  const std::size_t faults_before = build.faults.count();
  std::vector<Position> positions;
  for (const Node* node : root.tables("site")) {
    SiteReader(build, positions).read(*node);
  }
  if (!positions.empty() || build.faults.count() != faults_before) return;
  build.faults.add({}, "no [[site]]: nothing is served");
}

}  // namespace millrace::config
