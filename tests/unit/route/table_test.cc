// route::Table: hosts, routes and methods, each choice with the rival that must lose.
#include "route/table.h"

#include <doctest/doctest.h>
#include <re2/re2.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace millrace::route {
namespace {

config::Route path_route(std::string path, std::vector<std::string> methods = {},
                         bool below = false) {
  config::Route route;
  route.path = std::move(path);
  route.methods = std::move(methods);
  route.below = below;
  return route;
}

config::Route match_route(const std::string& expression) {
  config::Route route;
  route.match_text = expression;
  route.match = std::make_shared<const re2::RE2>(expression);
  return route;
}

config::Site site(std::vector<std::string> hosts, std::vector<config::Route> routes = {},
                  std::vector<std::size_t> listeners = {}) {
  config::Site site;
  site.hosts = std::move(hosts);
  site.routes = std::move(routes);
  site.listeners = std::move(listeners);
  return site;
}

config::Config config_of(std::vector<config::Site> sites, std::size_t listeners = 1) {
  config::Config config;
  config.listeners.resize(listeners);
  config.sites = std::move(sites);
  return config;
}

constexpr std::size_t kNoSite = 999;

std::size_t site_of(const Table& table, std::string_view host, std::size_t listener = 0) {
  const Found found = table.find(listener, host, "/", "GET");
  return found.outcome == Outcome::NoSite ? kNoSite : found.site_index;
}

constexpr std::size_t kNoRoute = 999;

std::size_t route_of(const Table& table, std::string_view path) {
  const Found found = table.find(0, "any", path, "GET");
  return found.route == nullptr ? kNoRoute : found.route_index;
}

TEST_CASE("Table: the exact host wins, then the longest suffix, then the site without hosts") {
  const config::Config config = config_of({
      site({}),
      site({"*.example.org"}),
      site({"*.eu.example.org"}),
      site({"example.org", "www.eu.example.org"}),
  });
  const Table table(config);
  CHECK(site_of(table, "example.org") == 3);
  CHECK(site_of(table, "www.eu.example.org") == 3);
  CHECK(site_of(table, "shop.eu.example.org") == 2);
  CHECK(site_of(table, "a.shop.eu.example.org") == 2);
  CHECK(site_of(table, "eu.example.org") == 1);
  CHECK(site_of(table, "a.example.org") == 1);
  CHECK(site_of(table, "other.example") == 0);
  CHECK(site_of(table, "") == 0);
}

TEST_CASE("Table: a suffix covers neither the bare domain nor a name that only ends alike") {
  const config::Config config = config_of({site({"*.example.org"})});
  const Table table(config);
  CHECK(site_of(table, "example.org") == kNoSite);
  CHECK(site_of(table, ".example.org") == kNoSite);
  CHECK(site_of(table, "badexample.org") == kNoSite);
  CHECK(site_of(table, "x.example.org.evil") == kNoSite);
  CHECK(site_of(table, "x.example.org") == 0);
}

TEST_CASE("Table: no host that fits and no site without hosts is NoSite, with nothing filled in") {
  const config::Config config = config_of({site({"example.org"}, {path_route("/")})});
  const Table table(config);
  const Found found = table.find(0, "other.org", "/", "GET");
  CHECK(found.outcome == Outcome::NoSite);
  CHECK(found.site == nullptr);
  CHECK(found.route == nullptr);
}

TEST_CASE("Table: a site is only seen on its listeners") {
  const config::Config config = config_of(
      {site({"a.org"}, {}, {1}), site({}, {}, {0}), site({"b.org"}), site({"*.org"}, {}, {1})}, 3);
  const Table table(config);
  CHECK(site_of(table, "a.org", 1) == 0);
  CHECK(site_of(table, "a.org", 0) == 1);
  CHECK(site_of(table, "a.org", 2) == kNoSite);
  CHECK(site_of(table, "c.org", 1) == 3);
  for (std::size_t listener = 0; listener < 3; ++listener) {
    CHECK(site_of(table, "b.org", listener) == 2);
  }
}

TEST_CASE("Table: expressions come first in file order, then the exact path, then the prefix") {
  const config::Config config = config_of({site({}, {
                                                        path_route("/"),             // 0
                                                        path_route("/app/"),         // 1
                                                        path_route("/app/x.php"),    // 2
                                                        match_route("[.]php(/|$)"),  // 3
                                                        match_route("^/app/"),       // 4
                                                        path_route("/doc"),          // 5
                                                        path_route("/doc/"),         // 6
                                                    })});
  const Table table(config);
  CHECK(route_of(table, "/app/x.php") == 3);
  CHECK(route_of(table, "/app/y") == 4);
  CHECK(route_of(table, "/app") == 0);
  CHECK(route_of(table, "/doc") == 5);
  CHECK(route_of(table, "/doc/") == 6);
  CHECK(route_of(table, "/doc/x") == 6);
  CHECK(route_of(table, "/docx") == 0);
}

TEST_CASE("Table: the longest prefix wins, whatever the order in the file") {
  const config::Config config = config_of({site(
      {}, {path_route("/a/"), path_route("/a/b/c/"), path_route("/a/b/"), path_route("/xyz/w/")})});
  const Table table(config);
  CHECK(route_of(table, "/a/") == 0);
  CHECK(route_of(table, "/a/b") == 0);
  CHECK(route_of(table, "/a/b/") == 2);
  CHECK(route_of(table, "/a/b/c") == 2);
  CHECK(route_of(table, "/a/b/c/d/e") == 1);
  CHECK(route_of(table, "/a") == kNoRoute);
  CHECK(route_of(table, "/") == kNoRoute);
  CHECK(route_of(table, "") == kNoRoute);
}

TEST_CASE("Table: an exact path covers what is below it only when told so") {
  const config::Config config =
      config_of({site({}, {path_route("/one"), path_route("/all", {}, true),
                           path_route("/all/img/"), path_route("/")})});
  const Table table(config);
  CHECK(route_of(table, "/one") == 0);
  CHECK(route_of(table, "/one/x") == 3);
  CHECK(route_of(table, "/all") == 1);
  CHECK(route_of(table, "/all/") == 1);
  CHECK(route_of(table, "/all/x/y") == 1);
  CHECK(route_of(table, "/all/img/x") == 2);
  CHECK(route_of(table, "/allx") == 3);
}

TEST_CASE("Table: a path without a route is NoRoute and keeps its site") {
  const config::Config config = config_of({site({"x.org"}, {path_route("/app/")})});
  const Table table(config);
  const Found found = table.find(0, "x.org", "/other", "GET");
  CHECK(found.outcome == Outcome::NoRoute);
  CHECK(found.site == config.sites.data());
  CHECK(found.route == nullptr);
}

TEST_CASE("Table: a method that is not listed is refused with the list, and HEAD goes with GET") {
  const config::Config config = config_of(
      {site({}, {path_route("/get/", {"GET", "PUT"}), path_route("/head/", {"HEAD", "GET"}),
                 path_route("/post/", {"POST"}), path_route("/any/")})});
  const Table table(config);
  const auto outcome = [&](std::string_view path, std::string_view method) {
    return table.find(0, "", path, method).outcome;
  };
  CHECK(outcome("/get/", "GET") == Outcome::Route);
  CHECK(outcome("/get/", "HEAD") == Outcome::Route);
  CHECK(outcome("/get/", "PUT") == Outcome::Route);
  CHECK(outcome("/get/", "POST") == Outcome::MethodNotAllowed);
  CHECK(outcome("/post/", "HEAD") == Outcome::MethodNotAllowed);
  CHECK(outcome("/any/", "MKCOL") == Outcome::Route);
  CHECK(table.find(0, "", "/get/", "POST").allow == "GET, HEAD, PUT");
  CHECK(table.find(0, "", "/head/", "POST").allow == "HEAD, GET");
  CHECK(table.find(0, "", "/post/", "GET").allow == "POST");
  CHECK(table.find(0, "", "/get/", "GET").allow == "GET, HEAD, PUT");
}

TEST_CASE("Table: a path is looked up inside one site, whatever its hosts") {
  const config::Config config =
      config_of({site({"a.org"}, {path_route("/")}), site({"b.org"}, {path_route("/x/")})});
  const Table table(config);
  const Found found = table.find_in_site(1, "/x/y", "GET");
  CHECK(found.outcome == Outcome::Route);
  CHECK(found.site == &config.sites[1]);
  CHECK(found.route == config.sites[1].routes.data());
  CHECK(table.find_in_site(1, "/y", "GET").outcome == Outcome::NoRoute);
}

}  // namespace
}  // namespace millrace::route
