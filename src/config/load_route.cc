// [[site.route]]: what it matches, and its one handler.
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "config/load_build.h"

namespace millrace::config {
namespace {

// Those that requests may have; TRACE and CONNECT are refused before any route is asked.
constexpr std::array kMethods = std::to_array<std::string_view>(
    {"GET",        "HEAD",  "POST",     "PUT",    "DELETE",    "OPTIONS",     "PATCH",
     "COPY",       "LOCK",  "MKCOL",    "MOVE",   "PROPFIND",  "PROPPATCH",   "SEARCH",
     "UNLOCK",     "BIND",  "REBIND",   "UNBIND", "ACL",       "REPORT",      "MKACTIVITY",
     "CHECKOUT",   "MERGE", "M-SEARCH", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "PURGE",
     "MKCALENDAR", "LINK",  "UNLINK",   "SOURCE", "QUERY"});

constexpr std::array<std::string_view, 4> kHandlers = {"to", "files", "redirect", "respond"};
constexpr std::array<int, 5> kRedirects = {301, 302, 303, 307, 308};

// Routes are compared with paths that are decoded and resolved, so others could never match.
void check_path(Faults& faults, const Node& node) {
  const std::string& path = node.text;
  const auto wrong = [&](std::string hint) {
    faults.add(node.at, must_be("path", "a path that a request can have", node), std::move(hint));
  };
  const std::string closed = path + '/';
  if (!path.starts_with('/')) {
    wrong("a path begins with /");
  } else if (path.find("//") != std::string::npos) {
    wrong("`//` in a request is resolved to `/` before routes are tried");
  } else if (closed.find("/./") != std::string::npos || closed.find("/../") != std::string::npos) {
    wrong("`.` and `..` in a request are resolved before routes are tried");
  } else if (path.find_first_of("?#") != std::string::npos) {
    wrong("the query is not a part of the path");
  } else if (path.find('%') != std::string::npos) {
    wrong("requests are decoded before routes are tried: write the byte itself, or use `match`");
  } else if (path.find('*') != std::string::npos) {
    wrong("a `path` with a last / covers all below it; for patterns there is `match`");
  }
}

void read_methods(Table& table, Route& route) {
  std::vector<const Node*> methods;
  const Node* list = table.texts("methods", methods);
  if (list != nullptr && list->items.empty()) {
    table.fault(*list, "methods", "a list that is not empty");
  }
  for (const Node* node : methods) {
    if (std::find(kMethods.begin(), kMethods.end(), node->text) == kMethods.end()) {
      table.faults().add(node->at, "unknown method " + in_quotes(node->text),
                         did_you_mean(node->text, {kMethods.begin(), kMethods.end()}));
    }
    route.methods.push_back(node->text);
  }
}

void read_below(Table& table, Route& route) {
  const Node* below = table.flag("below", route.below);
  if (below == nullptr || !route.below) return;
  if (route.path.empty()) {
    table.faults().add(below->at, "\"below\" has no meaning without \"path\"");
  } else if (route.path.ends_with('/')) {
    table.faults().add(below->at, "\"below\" has no meaning: a path with a last / is a prefix");
  }
}

// A second route that matches the same would never be asked.
void check_first(Faults& faults, const Node& node, const Route& route,
                 const std::vector<Route>& before) {
  const bool taken = std::any_of(before.begin(), before.end(), [&](const Route& other) {
    return other.path == route.path && other.match_text == route.match_text;
  });
  if (!taken) return;
  faults.add(node.at, "another route of this site has " + in_quotes(node.text) + " already");
}

void read_matching(Table& table, Route& route, const std::vector<Route>& before) {
  const Node* path = table.text("path", route.path);
  if (path != nullptr) check_path(table.faults(), *path);
  const Node* match = table.text("match", route.match_text);
  if (match != nullptr) {
    Problem problem;
    route.match = expression_of(match->text, problem);
    if (route.match == nullptr) table.faults().add(match->at, problem.message, problem.hint);
  }
  read_methods(table, route);
  read_below(table, route);
  if (path != nullptr && match != nullptr) {
    table.faults().add(match->at, "a route has either \"path\" or \"match\"");
  } else if (path != nullptr || match != nullptr) {
    check_first(table.faults(), path != nullptr ? *path : *match, route, before);
  } else if (table.valid() && !table.has("path") && !table.has("match")) {
    table.faults().add(table.at(), "a route needs \"path\" or \"match\"");
  }
}

void read_status(Table& table, const std::vector<int>& allowed, int& out) {
  std::uint64_t status = static_cast<std::uint64_t>(out);
  const Node* node = table.count("status", 200, 599, status);
  if (node == nullptr) return;
  out = static_cast<int>(status);
  if (allowed.empty() || std::find(allowed.begin(), allowed.end(), out) != allowed.end()) return;
  std::string list;
  for (const int each : allowed) {
    list += (list.empty() ? "" : ", ") + std::to_string(each);
  }
  table.fault(*node, "status", "one of " + list);
}

void read_redirect(Faults& faults, const Node& node, Route& route) {
  Table table(faults, node, "redirect", in_quotes("redirect"));
  route.handler = Handler::Redirect;
  route.status = 308;
  read_status(table, {kRedirects.begin(), kRedirects.end()}, route.status);
  const Entry* to = table.find("to");
  table.finish();
  if (to == nullptr) {
    if (table.valid()) faults.add(node.at, "\"to\" is missing");
    return;
  }
  if (!is_text(to->value)) {
    table.fault(to->value, "to", "a URL");
    return;
  }
  if (const auto location = read_template(faults, to->value, "to", true)) {
    route.redirect_to = *location;
  }
}

void read_respond(Faults& faults, const Node& node, Route& route) {
  Table table(faults, node, "respond", in_quotes("respond"));
  route.handler = Handler::Respond;
  route.status = 200;
  read_status(table, {}, route.status);
  const Entry* body = table.find("body");
  table.finish();
  if (body == nullptr) return;
  if (const auto text = read_template(faults, body->value, "body", false)) route.body = *text;
  const bool bodiless = route.status == 204 || route.status == 205 || route.status == 304;
  if (bodiless && !body->value.text.empty()) {
    faults.add(body->at, "a response with status " + std::to_string(route.status) + " has no body");
  }
}

void read_handler(Build& build, Table& table, Route& route) {
  std::string_view first;
  for (const std::string_view key : kHandlers) {
    const Entry* entry = is_unsupported("route", key) ? nullptr : table.find(key);
    if (entry == nullptr) {
      // finish() has its word about an unsupported one; the others aren't missing then.
      if (table.has(key) && first.empty()) first = key;
      continue;
    }
    if (!first.empty()) {
      build.faults.add(entry->at, "a route has one handler: " + in_quotes(key) + " and " +
                                      in_quotes(first) + " exclude each other");
    }
    if (first.empty()) first = key;
    if (key == "redirect") read_redirect(build.faults, entry->value, route);
    if (key == "respond") read_respond(build.faults, entry->value, route);
    if (key != "to") continue;
    route.handler = Handler::Target;
    route.balancer = read_target(build, entry->value, "to").value_or(0);
  }
  if (first.empty() && table.valid()) {
    build.faults.add(table.at(), R"(a route needs a handler: "to", "redirect" or "respond")");
  }
}

}  // namespace

void read_route(Build& build, const Site& site, const Node& node, std::vector<Route>& routes) {
  Table table(build.faults, node, "route", "an element of \"route\"");
  Route route;
  route.root = site.root;
  route.limits = build.config.limits;
  route.timeouts = build.config.timeouts;
  read_matching(table, route, routes);
  read_handler(build, table, route);
  read_fastcgi_keys(table, site, route);
  read_response_headers(table, route);
  read_limits(table, route.limits, true);
  read_timeouts(table, route.timeouts, true);
  table.finish();
  routes.push_back(std::move(route));
}

}  // namespace millrace::config
