// What a good file becomes: defaults, every key, and how things refer to each other.
#include "config/load.h"

#include <doctest/doctest.h>
#include <re2/re2.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "config/describe.h"
#include "unit/config/snippets.h"

namespace millrace::config {
namespace {

constexpr std::string_view kSmallest = R"([[listen]]
address = "127.0.0.1:8080"
[[site]]
[[site.route]]
path = "/myapp/"
to = "fcgi://localhost:4000/"
)";

Route route_with(std::string_view keys) {
  std::string text = "[[site]]\nroot = \"/srv\"\n[[site.route]]\npath = \"/app/\"\n";
  return loaded(text.append(keys)).sites.at(0).routes.at(0);
}

struct TargetRow {
  std::string_view to;
  Address::Kind kind;
  std::string_view address;
  std::string_view script_root;
};

TEST_CASE("Loader: the smallest file has every default") {
  const Config config = loaded(kSmallest);
  CHECK(config.file == "test.toml");
  CHECK(config.server.workers == 0);
  CHECK(config.server.user.empty());
  CHECK(config.server.group.empty());
  CHECK(config.server.pid_file.empty());
  CHECK(config.server.max_connections == 0);
  CHECK(config.server.shutdown_timeout == Millis{30'000});
  CHECK(config.server.server_tokens);
  CHECK(config.log.access == "off");
  CHECK(config.log.format == Log::Format::Json);
  CHECK(config.log.error == "stderr");
  CHECK(config.log.level == LogLevel::Info);
  REQUIRE(config.listeners.size() == 1);
  CHECK(config.listeners[0].address.text() == "127.0.0.1:8080");
  CHECK(config.listeners[0].backlog == 4096);
  CHECK(config.listeners[0].name.empty());
  REQUIRE(config.sites.size() == 1);
  CHECK(config.sites[0].hosts.empty());
  CHECK(config.sites[0].listeners.empty());
  CHECK(config.sites[0].root.empty());
  CHECK(config.sites[0].error_pages.empty());
}

TEST_CASE("Loader: limits and timeouts have their defaults") {
  const Config config = loaded(kSmallest);
  CHECK(config.limits.uri == 8192);
  CHECK(config.limits.header_bytes == 32'768);
  CHECK(config.limits.headers == 100);
  CHECK(config.limits.body == 0);
  CHECK(config.limits.requests_per_connection == 0);
  CHECK(config.limits.response_header_bytes == 65'536);
  CHECK(config.limits.response_buffer == 262'144);
  CHECK(config.timeouts.header == Millis{10'000});
  CHECK(config.timeouts.body == Millis{30'000});
  CHECK(config.timeouts.keepalive == Millis{60'000});
  CHECK(config.timeouts.send == Millis{30'000});
  CHECK(config.timeouts.connect == Millis{2'000});
  CHECK(config.timeouts.response == Millis{60'000});
  CHECK(config.timeouts.total == Millis{0});
}

TEST_CASE("Loader: a route and its plain target have their defaults") {
  const Config config = loaded(kSmallest);
  REQUIRE(config.sites[0].routes.size() == 1);
  const Route& route = config.sites[0].routes[0];
  CHECK(route.path == "/myapp/");
  CHECK_FALSE(route.below);
  CHECK(route.match == nullptr);
  CHECK(route.methods.empty());
  CHECK(route.handler == Handler::Target);
  CHECK(route.split_path.empty());
  CHECK(route.index == "index.php");
  CHECK_FALSE(route.script.has_value());
  CHECK_FALSE(route.check_file);
  CHECK_FALSE(route.apache_script_filename);
  CHECK(route.env.empty());
  CHECK(route.env_if.empty());
  CHECK(route.request_buffering == Buffering::Auto);
  CHECK(route.intercept_errors.empty());
  CHECK(route.add_headers.empty());
  CHECK(route.remove_headers.empty());
  const Balancer& balancer = config.balancers.at(route.balancer);
  CHECK(balancer.plain);
  CHECK(balancer.name == "fcgi://localhost:4000/");
  CHECK(balancer.attempts == 0);
  REQUIRE(balancer.members.size() == 1);
  const Member& member = balancer.members[0];
  CHECK(member.name == "fcgi://localhost:4000/");
  CHECK(member.url == "fcgi://localhost:4000/");
  CHECK(member.script_root.empty());
  CHECK(member.reuse);
  CHECK(member.probe);
  CHECK(member.weight == 100);
  CHECK(member.retry == Millis{60'000});
  CHECK(member.fails_count == 1);
  CHECK(member.fails_within == Millis{10'000});
  CHECK_FALSE(member.retry_non_idempotent);
  const Backend& backend = config.backends.at(member.backend);
  CHECK(backend.address.text() == "localhost:4000");
  CHECK(backend.max == 0);
  CHECK(backend.slots == 0);
  CHECK(backend.idle == 16);
  CHECK(backend.idle_timeout == Millis{60'000});
  CHECK(backend.queue == Millis{1'000});
}

TEST_CASE("Loader: every key of [server] and [log] is kept") {
  const Config config = loaded(R"([server]
workers = 3
user = "root"
group = "root"
pid_file = "/run/millrace.pid"
max_connections = 10
shutdown_timeout = "5m"
server_tokens = false
[log]
access = "off"
format = "combined"
error = "/var/log/error.log"
level = "debug")");
  CHECK(config.server.workers == 3);
  CHECK(config.server.user == "root");
  CHECK(config.server.group == "root");
  CHECK(config.server.pid_file == "/run/millrace.pid");
  CHECK(config.server.max_connections == 10);
  CHECK(config.server.shutdown_timeout == Millis{300'000});
  CHECK_FALSE(config.server.server_tokens);
  CHECK(config.log.format == Log::Format::Combined);
  CHECK(config.log.error == "/var/log/error.log");
  CHECK(config.log.level == LogLevel::Debug);
  CHECK(loaded("[server]\nworkers = \"auto\"").server.workers == 0);
  CHECK(loaded("[log]\nlevel = \"error\"").log.level == LogLevel::Error);
  CHECK(loaded("[log]\nlevel = \"warn\"").log.level == LogLevel::Warn);
}

TEST_CASE("Loader: a route's limits and timeouts win over the file's") {
  const Config config = loaded(R"([limits]
uri = 1000
body = "1GiB"
response_buffer = 0
headers = 7
[timeouts]
response = "1h"
keepalive = 0
header = "250ms"
[[site]]
[[site.route]]
path = "/a"
respond = {}
limits = { body = "1MiB", response_header_bytes = "1KiB" }
timeouts = { response = "5s", connect = 0 }
[[site.route]]
path = "/b"
respond = {})");
  const Route& a = config.sites[0].routes[0];
  CHECK(a.limits.uri == 1000);
  CHECK(a.limits.headers == 7);
  CHECK(a.limits.body == 1'048'576);
  CHECK(a.limits.response_header_bytes == 1024);
  CHECK(a.limits.response_buffer == std::uint64_t{std::numeric_limits<std::int64_t>::max()});
  CHECK(a.timeouts.response == Millis{5'000});
  CHECK(a.timeouts.connect == Millis{0});
  CHECK(a.timeouts.header == Millis{250});
  const Route& b = config.sites[0].routes[1];
  CHECK(b.limits.body == 1'073'741'824);
  CHECK(b.timeouts.response == Millis{3'600'000});
  CHECK(b.timeouts.keepalive == Millis{0});
}

TEST_CASE("Loader: addresses of listeners are canonical") {
  const Config config = loaded(R"([[listen]]
address = "[::0001]:80"
name = "six"
backlog = 65535
[[listen]]
address = "unix:/run/x.sock"
[[site]]
listen = ["six"]
hosts = ["Example.ORG", "*.Example.org", "[::0001]", "192.0.2.1"])");
  CHECK(config.listeners[0].address.text() == "[::1]:80");
  CHECK(config.listeners[0].backlog == 65535);
  CHECK(config.listeners[1].address.text() == "unix:/run/x.sock");
  CHECK(config.listeners[1].address.kind == Address::Kind::Unix);
  CHECK(config.sites[0].listeners == std::vector<std::size_t>{0});
  const std::vector<std::string> hosts = {"example.org", "*.example.org", "[::1]", "192.0.2.1"};
  CHECK(config.sites[0].hosts == hosts);
}

TEST_CASE("Loader: every form of a target gives its address and script root") {
  const std::string longest = "unix:/" + std::string(106, 'a');
  const std::vector<TargetRow> rows = {
      {"fcgi://localhost:4000/", Address::Kind::Tcp, "localhost:4000", ""},
      {"fcgi://localhost:4000", Address::Kind::Tcp, "localhost:4000", ""},
      {"fcgi://LocalHost:4000/srv/www/", Address::Kind::Tcp, "localhost:4000", "/srv/www"},
      {"fcgi://127.0.0.1:1/srv", Address::Kind::Tcp, "127.0.0.1:1", "/srv"},
      {"fcgi://[::0001]:65535/", Address::Kind::Tcp, "[::1]:65535", ""},
      {"fcgi://my_app.internal:9000/", Address::Kind::Tcp, "my_app.internal:9000", ""},
      {"unix:/run/app.sock", Address::Kind::Unix, "unix:/run/app.sock", ""},
      {longest, Address::Kind::Unix, longest, ""},
  };
  for (const TargetRow& row : rows) {
    CAPTURE(row.to);
    const Config config =
        loaded("[[site]]\n[[site.route]]\npath = \"/\"\nto = \"" + std::string(row.to) + "\"\n");
    const Member& member = config.balancers.at(0).members.at(0);
    CHECK(config.backends.at(member.backend).address.kind == row.kind);
    CHECK(config.backends.at(member.backend).address.text() == row.address);
    CHECK(member.script_root == row.script_root);
    CHECK(member.name == row.to);
  }
}

TEST_CASE("Loader: the path of a Unix socket has to fit into its address") {
  const std::string path = "unix:/" + std::string(107, 'a');
  for (const std::string& text :
       {"[[listen]]\naddress = \"" + path + "\"",
        "[[site]]\n[[site.route]]\npath = \"/\"\nto = \"" + path + "\""}) {
    const Loaded result = load_text(completed(text), "f");
    REQUIRE(result.faults.size() == 1);
    CHECK(result.faults[0].message ==
          "the path of a Unix socket has at most 107 bytes, this one 108");
  }
}

TEST_CASE("Loader: the keys of matching are kept") {
  const Route exact = route_with("respond = {}\nmethods = [\"GET\", \"M-SEARCH\"]");
  CHECK(exact.methods == std::vector<std::string>{"GET", "M-SEARCH"});
  const Config config = loaded(R"~([[site]]
[[site.route]]
path = "/a"
below = true
respond = {}
[[site.route]]
match = "[.]php(/|$)"
respond = {})~");
  CHECK(config.sites[0].routes[0].below);
  const Route& match = config.sites[0].routes[1];
  CHECK(match.path.empty());
  CHECK(match.match_text == "[.]php(/|$)");
  CHECK(re2::RE2::PartialMatch("/a.php/b", *match.match));
  CHECK_FALSE(re2::RE2::PartialMatch("/a.phpx", *match.match));
}

TEST_CASE("Loader: redirects and responses are kept, with their default status") {
  const Route redirect = route_with("redirect = { to = \"https://${host}${request_uri}\" }");
  CHECK(redirect.handler == Handler::Redirect);
  CHECK(redirect.status == 308);
  CHECK(text(redirect.redirect_to) == "https://${host}${request_uri}");
  CHECK(route_with("redirect = { to = \"/\", status = 301 }").status == 301);
  const Route empty = route_with("respond = {}");
  CHECK(empty.handler == Handler::Respond);
  CHECK(empty.status == 200);
  CHECK(empty.body.parts.empty());
  const Route gone = route_with("respond = { status = 410, body = \"gone:\\n${path}\" }");
  CHECK(gone.status == 410);
  CHECK(text(gone.body) == "gone:\n${path}");
}

TEST_CASE("Loader: the FastCGI keys are kept") {
  const Route route = route_with(R"(to = "unix:/x"
root = "/var/www/"
split_path = [".php", ".phtml"]
index = "start.php"
script = "/srv/app.php"
check_file = true
request_buffering = "on"
intercept_errors = [404, 500])");
  CHECK(route.root == "/var/www");
  CHECK(route.split_path == std::vector<std::string>{".php", ".phtml"});
  CHECK(route.index == "start.php");
  CHECK(route.script == "/srv/app.php");
  CHECK(route.check_file);
  CHECK(route.request_buffering == Buffering::On);
  CHECK(route.intercept_errors == std::vector<int>{404, 500});
  const Route other = route_with(
      "to = \"unix:/x\"\napache_script_filename = true\nrequest_buffering = \"off\"\nroot = \"/\"");
  CHECK(other.apache_script_filename);
  CHECK(other.request_buffering == Buffering::Off);
  CHECK(other.root.empty());
  CHECK(route_with("to = \"unix:/x\"").root == "/srv");
}

TEST_CASE("Loader: env and env_if keep the order of the file") {
  const Route route = route_with(R"~(to = "unix:/x"
env = { Z = "1", A = "${host}:${header.X-Id}", M = "", HTTP_PROXY = false }
env_if = [
  { header = "User-Agent", matches = "bot/([0-9]+)", set = "BOT", value = "$1 ${host}" },
  { var = "REMOTE_ADDR", matches = "^10[.]", unset = "BOT" },
  { var = "HTTPS", matches = "on", set = "SAFE" },
])~");
  REQUIRE(route.env.size() == 4);
  CHECK(route.env[0].name == "Z");
  CHECK(text(route.env[0].value) == "1");
  CHECK(text(route.env[1].value) == "${host}:${header.x-id}");
  CHECK(route.env[2].value.parts.empty());
  CHECK_FALSE(route.env[2].remove);
  CHECK(route.env[3].name == "HTTP_PROXY");
  CHECK(route.env[3].remove);
  REQUIRE(route.env_if.size() == 3);
  CHECK(route.env_if[0].header == "user-agent");
  CHECK(route.env_if[0].set == "BOT");
  CHECK(route.env_if[0].value == "$1 ${host}");
  REQUIRE(route.env_if[0].value_parts.parts.size() == 1);
  CHECK(route.env_if[0].value_parts.parts[0].literal == "$1 ");
  CHECK(route.env_if[0].value_parts.parts[0].variable == Variable::Host);
  CHECK(re2::RE2::PartialMatch("a bot/7", *route.env_if[0].matches));
  CHECK(route.env_if[1].var == "REMOTE_ADDR");
  CHECK(route.env_if[1].unset == "BOT");
  CHECK(route.env_if[2].value == "1");
  CHECK(text(route.env_if[2].value_parts) == "1");
}

TEST_CASE("Loader: fields of responses are kept") {
  const Route route = route_with(R"(respond = {}
add_headers = { X-B = "${request_id}", "X-A" = "" }
remove_headers = ["X-Powered-By"])");
  REQUIRE(route.add_headers.size() == 2);
  CHECK(route.add_headers[0].name == "X-B");
  CHECK(text(route.add_headers[0].value) == "${request_id}");
  CHECK(route.add_headers[1].value.constant());
  CHECK(route.remove_headers == std::vector<std::string>{"x-powered-by"});
}

}  // namespace
}  // namespace millrace::config
