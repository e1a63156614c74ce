// Faults of targets, members and balancers.
#include <doctest/doctest.h>

#include <array>

#include "unit/config/snippets.h"

namespace millrace::config {
namespace {

constexpr std::array kTargets = std::to_array<FaultyRow>({
    {R"([[site]]
[[site.route]]
path = "/0"
to = 1
[[site.route]]
path = "/1"
to = "fcgi://localhost"
[[site.route]]
path = "/2"
to = "fcgi://localhost:x/"
[[site.route]]
path = "/3"
to = "fcgi://[::1/"
[[site.route]]
path = "/4"
to = "fcgi://[x]:9000/"
[[site.route]]
path = "/5"
to = "fcgi://a b:9000/"
[[site.route]]
path = "/6"
to = "localhost:4000"
[[site.route]]
path = "/7"
to = "/run/x.sock"
[[site.route]]
path = "/8"
to = "http://localhost:80/"
[[site.route]]
path = "/9"
to = "tcp://localhost:80"
[[site.route]]
path = "/10"
to = "unix:/run/x|fcgi://localhost/"
[[site.route]]
path = "/11"
to = "unix:x"
[[site.route]]
path = "/12"
to = "balancer://nosuch/"
[[site.route]]
path = "/13"
to = "balancer://a/b/"
[[site.route]]
path = "/14"
to = "fcgi://localhost:4000/a/../b"
[[site.route]]
path = "/15"
to = "fcgi://localhost:4000/?x"
[[site.route]]
path = "/16"
to = ""
[[site.route]]
path = "/17"
to = {}
[[site.route]]
path = "/18"
to = { url = 1 }
[[site.route]]
path = "/19"
to = { url = "fcgi://:9000/" }
[[site.route]]
path = "/20"
to = { url = "fcgi://h:9000/", resue = false, set = 1, state = "drain" }
[[site.route]]
path = "/21"
to = "fcgi://localhost:70000/")",
     R"(4:6: "to" must be "fcgi://HOST:PORT/", "unix:/PATH" or "balancer://NAME/", not 1
7:6: "to" must be "fcgi://HOST:PORT/", "unix:/PATH" or "balancer://NAME/", not
    "fcgi://localhost" | the port is missing: localhost:PORT
10:6: "to" must be "fcgi://HOST:PORT/", "unix:/PATH" or "balancer://NAME/", not
    "fcgi://localhost:x/" | a port is a number from 1 to 65535
13:6: "to" must be "fcgi://HOST:PORT/", "unix:/PATH" or "balancer://NAME/", not
    "fcgi://[::1/" | the [ is not closed
16:6: "to" must be "fcgi://HOST:PORT/", "unix:/PATH" or "balancer://NAME/", not
    "fcgi://[x]:9000/" | "x" is no host
19:6: "to" must be "fcgi://HOST:PORT/", "unix:/PATH" or "balancer://NAME/", not
    "fcgi://a b:9000/" | "a b" is no host
22:6: "to" must be "fcgi://HOST:PORT/", "unix:/PATH" or "balancer://NAME/", not
    "localhost:4000" | did you mean `fcgi://localhost:4000/`?
25:6: "to" must be "fcgi://HOST:PORT/", "unix:/PATH" or "balancer://NAME/", not
    "/run/x.sock" | did you mean `unix:/run/x.sock`?
28:6: "to" must be "fcgi://HOST:PORT/", "unix:/PATH" or "balancer://NAME/", not
    "http://localhost:80/" | applications are asked by FastCGI only
31:6: "to" must be "fcgi://HOST:PORT/", "unix:/PATH" or "balancer://NAME/", not
    "tcp://localhost:80" | did you mean `fcgi://localhost:80`?
34:6: "to" must be "fcgi://HOST:PORT/", "unix:/PATH" or "balancer://NAME/", not
    "unix:/run/x|fcgi://localhost/" | did you mean `unix:/run/x`?
37:6: "to" must be "fcgi://HOST:PORT/", "unix:/PATH" or "balancer://NAME/", not
    "unix:x" | the path of a Unix socket begins with /
40:6: no [balancer.nosuch]
43:6: "to" must be "fcgi://HOST:PORT/", "unix:/PATH" or "balancer://NAME/", not
    "balancer://a/b/" | a balancer's name has letters, digits, - and _
46:6: "to" must be "fcgi://HOST:PORT/", "unix:/PATH" or "balancer://NAME/", not
    "fcgi://localhost:4000/a/../b" | what follows the port is a plain path, put in
    front of the script's name
49:6: "to" must be "fcgi://HOST:PORT/", "unix:/PATH" or "balancer://NAME/", not
    "fcgi://localhost:4000/?x" | what follows the port is a plain path, put in front of
    the script's name
52:6: "to" must be "fcgi://HOST:PORT/", "unix:/PATH" or "balancer://NAME/", not ""
55:6: "url" is missing
58:14: "url" must be "fcgi://HOST:PORT/", "unix:/PATH" or "balancer://NAME/", not 1
61:14: "url" must be "fcgi://HOST:PORT/", "unix:/PATH" or "balancer://NAME/", not
    "fcgi://:9000/" | "" is no host
64:32: unknown key "resue" | did you mean `reuse`?
64:47: "set" is not supported yet
64:56: "state" is not supported yet
67:6: "to" must be "fcgi://HOST:PORT/", "unix:/PATH" or "balancer://NAME/", not
    "fcgi://localhost:70000/" | a port is a number from 1 to 65535)"},
    {R"([[site]]
[[site.route]]
path = "/0"
[site.route.to]
url = "unix:/x"
reuse = 1
multiplex = "of"
max = -1
idle = "x"
idle_timeout = 5
queue = "1"
weight = 0
retry = "x"
fails = 1
slots = 1.5
probe = "on"
retry_non_idempotent = "x"
name = ""
[[site.route]]
path = "/1"
[site.route.to]
url = "unix:/x"
multiplex = 0
fails = { count = 0, within = 3, x = 1 }
weight = 100.01
[[site.route]]
path = "/2"
to = { url = "unix:/x", reuse = false, multiplex = 8, weight = 0.001 }
[[site.route]]
path = "/3"
to = { url = "unix:/x", multiplex = 65536, weight = "1" }
[balancer.b]
multiplex = 65535
members = [ { url = "unix:/x", multiplex = "auto" } ])",
     R"(6:9: "reuse" must be true or false, not 1
7:13: "multiplex" must be "auto", "off" or a number from 1 to 65535, not "of" | did you
    mean `off`?
8:7: "max" must be a number, 0 or more, not -1
9:8: "idle" must be a number, 0 or more, not "x"
10:16: "idle_timeout" must be a duration ("250ms", "10s", "5m", "1h" or 0), at most a
    year, not 5 | did you mean `"5s"`?
11:9: "queue" must be a duration ("250ms", "10s", "5m", "1h" or 0), at most a year, not
    "1" | did you mean `"1s"`?
12:10: "weight" must be a number from 0.01 to 100 with two decimals at most, not 0
13:9: "retry" must be a duration ("250ms", "10s", "5m", "1h" or 0), at most a year, not
    "x"
14:9: "fails" must be a table, not 1
15:9: "slots" must be a number, 0 or more, not 1.5
16:9: "probe" must be "auto" or "off", not "on"
17:24: "retry_non_idempotent" must be true or false, not "x"
18:8: "name" must be a string that is not empty, not ""
23:13: "multiplex" must be "auto", "off" or a number from 1 to 65535, not 0
24:19: "count" must be a number from 1 to 1000000, not 0
24:31: "within" must be a duration ("250ms", "10s", "5m", "1h" or 0), at most a year,
    not 3 | did you mean `"3s"`?
24:34: unknown key "x"
25:10: "weight" must be a number from 0.01 to 100 with two decimals at most, not 100.01
28:64: "weight" must be a number from 0.01 to 100 with two decimals at most, not 0.001
31:37: "multiplex" must be "auto", "off" or a number from 1 to 65535, not 65536
31:53: "weight" must be a number from 0.01 to 100 with two decimals at most, not "1")"},
    {R"([[site]]
[[site.route]]
path = "/1"
to = { url = "unix:/x", slots = 4, queue = "1s", max = 3, idle = 3, idle_timeout = "10s" }
[[site.route]]
path = "/2"
to = { url = "unix:/x", slots = 8, queue = "2s", max = 3, idle = 4, idle_timeout = "10s" }
[[site.route]]
path = "/3"
to = "unix:/x"
[balancer.b]
slots = 9
members = [ { url = "unix:/x" } ])",
     R"(7:44: "queue" of unix:/x is 2000 ms here and 1000 ms in line 4: an address has one
7:66: "idle" of unix:/x is 4 here and 3 in line 4: an address has one
12:9: "slots" of unix:/x is 9 here and 4 in line 4: an address has one
12:9: "slots" of unix:/x is 9 here and 8 in line 7: an address has one)"},
});

constexpr std::array kBalancers = std::to_array<FaultyRow>({
    {R"([balancer.a]
method = "byrequest"
[balancer.b]
members = []
[balancer.c]
members = {}
[balancer.d]
members = ["unix:/x", 1, {}, { url = "balancer://a/" }, { url = "x" }]
[balancer.e]
url = "unix:/x"
name = "x"
attempts = -1
method = "bytraffic"
sticky = {}
health = {}
membres = 1
members = [
  { url = "unix:/x", name = "a b" },
  { url = "unix:/x" },
  { url = "unix:/y", name = "n" },
  { url = "unix:/z", name = "n" },
]
[balancer."f g"]
members = [{ url = "unix:/x" }]
[balancer.h]
failover = true
fail_on_status = []
fail_on_timeout = true
force_recovery = true
hash_key = "x"
set = 1
state = "x"
method = 1
[[balancer.i.members]]
url = "fcgi://h:1/a"
[[balancer.i.members]]
url = "fcgi://H:1/a/")",
     R"(1:11: the balancer "a" has no members
2:10: "method" must be "byrequests", "bytraffic", "bybusyness", "heartbeat",
    "two-choices" or "hash", not "byrequest" | did you mean `byrequests`?
3:11: the balancer "b" has no members
6:11: "members" must be a list of tables, not a table
8:12: an element of "members" must be a table, not "unix:/x" | did you mean `{ url =
    "unix:/x" }`?
8:23: an element of "members" must be a table, not 1
8:26: "url" is missing
8:38: a member of a balancer can't be a balancer
8:65: "url" must be "fcgi://HOST:PORT/", "unix:/PATH" or "balancer://NAME/", not "x"
10:1: "url" belongs to a member
11:1: "name" belongs to a member
12:12: "attempts" must be a number from 0 to 1000000, not -1
13:10: method = "bytraffic" is not supported yet
14:1: "sticky" is not supported yet
15:1: "health" is not supported yet
16:1: unknown key "membres" | did you mean `members`?
18:29: "name" must be letters, digits, - and _, not "a b"
19:11: "unix:/x" is a member already (line 18)
21:11: "n" is a member's name already (line 20)
23:11: a balancer's name has letters, digits, - and _, not "f g"
25:11: the balancer "h" has no members
26:1: "failover" is not supported yet
27:1: "fail_on_status" is not supported yet
28:1: "fail_on_timeout" is not supported yet
29:1: "force_recovery" is not supported yet
30:1: "hash_key" is not supported yet
31:1: "set" is not supported yet
32:1: "state" is not supported yet
33:10: "method" must be "byrequests", "bytraffic", "bybusyness", "heartbeat",
    "two-choices" or "hash", not 1
37:7: "fcgi://H:1/a/" is a member already (line 35))"},
    {R"(balancer = 1)", R"(1:1: "balancer" must be tables, written [balancer.NAME], not 1)"},
    {R"([balancer]
a = 1)",
     R"(2:5: "a" must be a table, not 1)"},
    {R"([balancer.myapp]
members = [{ url = "unix:/x" }]
[[site]]
[[site.route]]
path = "/"
to = "balancer://myap/"
[[site.route]]
path = "/x"
to = { url = "balancer://myapp/", idle = 4 })",
     R"(6:6: no [balancer.myap] | did you mean `myapp`?
9:35: the members of a balancer have their keys in [balancer.myapp])"},
});

}  // namespace

TEST_CASE("Loader: the faults of targets have their places and hints") {
  for (const FaultyRow& row : kTargets) {
    CHECK(difference(row) == "");
  }
}

TEST_CASE("Loader: the faults of [balancer.NAME] have their places and hints") {
  for (const FaultyRow& row : kBalancers) {
    CHECK(difference(row) == "");
  }
}

}  // namespace millrace::config
