// What targets and balancers become, and the files that others rely on.
#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "config/describe.h"
#include "config/load.h"
#include "unit/config/snippets.h"

namespace millrace::config {
namespace {

Config with_target(std::string_view to) {
  return loaded("[[site]]\n[[site.route]]\npath = \"/\"\nto = " + std::string(to) + "\n");
}

Member member_with(std::string_view keys) {
  const Config config = with_target("{ url = \"unix:/x\", " + std::string(keys) + " }");
  return config.balancers.at(0).members.at(0);
}

TEST_CASE("Loader: every key of a member is kept") {
  const Config config = with_target(R"({ url = "unix:/x", name = "a-1", reuse = true, max = 5, )"
                                    R"(slots = 4, idle = 0, idle_timeout = "1m", queue = 0, )"
                                    R"(weight = 2.25, retry = 0, probe = "off", )"
                                    R"(fails = { count = 3, within = 0 }, )"
                                    R"(retry_non_idempotent = true })");
  const Member& member = config.balancers.at(0).members.at(0);
  CHECK(member.name == "a-1");
  CHECK(member.url == "unix:/x");
  CHECK(member.weight == 225);
  CHECK(member.retry == Millis{0});
  CHECK_FALSE(member.probe);
  CHECK(member.fails_count == 3);
  CHECK(member.fails_within == Millis{0});
  CHECK(member.retry_non_idempotent);
  const Backend& backend = config.backends.at(member.backend);
  CHECK(backend.max == 5);
  CHECK(backend.slots == 4);
  CHECK(backend.idle == 0);
  CHECK(backend.idle_timeout == Millis{60'000});
  CHECK(backend.queue == Millis{0});
}

TEST_CASE("Loader: how many requests may share a connection") {
  CHECK(member_with("weight = 1").multiplex == 64);
  CHECK(member_with("multiplex = \"auto\"").multiplex == 64);
  CHECK(member_with("multiplex = \"off\"").multiplex == 0);
  CHECK(member_with("multiplex = 65535").multiplex == 65'535);
}

TEST_CASE("Loader: a weight has hundredths") {
  CHECK(member_with("weight = 0.01").weight == 1);
  CHECK(member_with("weight = 1").weight == 100);
  CHECK(member_with("weight = 1.1").weight == 110);
  CHECK(member_with("weight = 33.33").weight == 3333);
  CHECK(member_with("weight = 100").weight == 10'000);
}

TEST_CASE("Loader: a balancer's member keys are defaults for its members") {
  const Config config = loaded(R"([balancer.app]
method = "byrequests"
attempts = 2
weight = 3
reuse = false
slots = 4
retry = "5s"
fails = { count = 5 }
multiplex = "off"
members = [
  { url = "fcgi://a:1/", name = "one" },
  { url = "fcgi://b:1/x", weight = 1, reuse = true, slots = 8, multiplex = "off" },
]
[[site]]
[[site.route]]
path = "/"
to = "balancer://app/"
[[site.route]]
path = "/b"
to = { url = "balancer://app" })");
  REQUIRE(config.balancers.size() == 1);
  CHECK(config.sites[0].routes[0].balancer == 0);
  CHECK(config.sites[0].routes[1].balancer == 0);
  const Balancer& balancer = config.balancers[0];
  CHECK(balancer.name == "app");
  CHECK_FALSE(balancer.plain);
  CHECK(balancer.attempts == 2);
  REQUIRE(balancer.members.size() == 2);
  const Member& one = balancer.members[0];
  CHECK(one.name == "one");
  CHECK(one.weight == 300);
  CHECK_FALSE(one.reuse);
  CHECK(one.retry == Millis{5'000});
  CHECK(one.fails_count == 5);
  CHECK(one.fails_within == Millis{10'000});
  CHECK(config.backends[one.backend].slots == 4);
  const Member& two = balancer.members[1];
  CHECK(two.name == "fcgi://b:1/x");
  CHECK(two.script_root == "/x");
  CHECK(two.weight == 100);
  CHECK(two.reuse);
  CHECK(config.backends[two.backend].slots == 8);
}

TEST_CASE("Loader: routes that name one address share its backend, not its balancer") {
  const Config config = loaded(R"([[site]]
[[site.route]]
path = "/a"
to = { url = "fcgi://[::1]:9000/a", slots = 4, queue = "1000ms" }
[[site.route]]
path = "/b"
to = { url = "fcgi://[0::1]:9000/b", idle = 2, queue = "1s" }
[[site.route]]
path = "/c"
to = "fcgi://[::1]:9000/a"
[[site.route]]
path = "/d"
to = "fcgi://[::1]:9001/a")");
  REQUIRE(config.backends.size() == 2);
  CHECK(config.balancers.size() == 4);
  CHECK(config.balancers[1].members[0].backend == 0);
  CHECK(config.balancers[1].members[0].script_root == "/b");
  CHECK(config.balancers[2].members[0].backend == 0);
  CHECK(config.balancers[3].members[0].backend == 1);
  CHECK(config.backends[0].slots == 4);
  CHECK(config.backends[0].idle == 2);
  CHECK(config.backends[1].slots == 0);
}

TEST_CASE("Loader: members may be written as tables of their own") {
  const Config config = loaded(R"([[balancer.app.members]]
url = "fcgi://a:1/"
[[balancer.app.members]]
url = "fcgi://a:2/")");
  REQUIRE(config.balancers.size() == 1);
  CHECK(config.balancers[0].members.size() == 2);
}

TEST_CASE("Loader: an application without connection reuse loads") {
  const Config config = with_target(R"({ url = "fcgi://localhost:4000/", reuse = false })");
  CHECK_FALSE(config.balancers.at(0).members.at(0).reuse);
}

TEST_CASE("Loader: a balanced gateway to several instances loads") {
  const Config config = loaded(R"([[listen]]
address = "127.0.0.1:8080"
[[site]]
[[site.route]]
path = "/myapp/"
to = "balancer://myappcluster/"

[balancer.myappcluster]
method = "byrequests"
members = [
  { url = "fcgi://localhost:4000/" },
  { url = "fcgi://localhost:4001/" },
])");
  REQUIRE(config.balancers.size() == 1);
  CHECK(config.balancers[0].members.size() == 2);
  CHECK(config.backends[1].address.text() == "localhost:4001");
}

// As benchmarks write it.
std::string bench_text(bool php) {
  std::string keys = "multiplex = \"off\", idle = 80, idle_timeout = \"10m\"";
  if (php) keys += ", slots = 16, queue = \"10s\"";
  std::string text = R"(
[server]
workers = 2
user = "root"

[[listen]]
address = "127.0.0.1:18080"
backlog = 65535

[timeouts]
header = "10m"
keepalive = "10m"

[log]
access = "off"
format = "combined"
error = "/tmp/error.log"

)";
  if (!php) {
    text += "[balancer.app]\nmembers = [\n";
    for (const std::string_view url : {"fcgi://127.0.0.1:9000/", "unix:/tmp/b.sock"}) {
      text.append("  { url = \"").append(url).append("\", ").append(keys).append(" },\n");
    }
    text += "\n]\n";
  }
  text += "\n[[site]]\nroot = \"/srv\"\n[[site.route]]\npath = \"/\"\nsplit_path = ";
  if (!php) return text + "[]\nto = \"balancer://app/\"\n";
  return text + "[\".php\"]\nto = { url = \"unix:/run/php.sock\", " + keys + " }\n";
}

TEST_CASE("Loader: the benchmarks' files load") {
  for (const bool php : {false, true}) {
    const Config config = loaded(bench_text(php));
    CHECK(config.server.workers == 2);
    CHECK(config.timeouts.header == Millis{600'000});
    CHECK(config.backends.size() == (php ? 1 : 2));
    CHECK(config.backends[0].slots == (php ? 16 : 0));
    CHECK(config.backends[0].queue == Millis{php ? 10'000 : 1'000});
    CHECK(config.backends[0].idle == 80);
  }
}

}  // namespace
}  // namespace millrace::config
