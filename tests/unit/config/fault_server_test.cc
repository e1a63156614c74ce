// Faults of the file as a whole, and of [server], [log], [limits] and [timeouts].
#include <doctest/doctest.h>

#include <array>

#include "unit/config/snippets.h"

namespace millrace::config {
namespace {

constexpr std::array kTopLevel = std::to_array<FaultyRow>({
    {R"(workers = 1
listeners = 1
[Server]
[lstn]
[zz]
x = 1)",
     R"(1:1: unknown key "workers"
2:1: unknown key "listeners" | did you mean `listen`?
3:2: unknown key "Server" | did you mean `server`?
4:2: unknown key "lstn"
5:2: unknown key "zz")"},
});

constexpr std::array kServer = std::to_array<FaultyRow>({
    {R"(server = 1)", R"(1:10: "server" must be a table, not 1)"},
    {R"([[server]]
workers = 1)",
     R"(1:1: "server" must be a table, not a list)"},
    {R"([server]
workers = 0)",
     R"(2:11: "workers" must be "auto" or a number from 1 to 1024, not 0)"},
    {R"([server]
workers = "atuo")",
     R"(2:11: "workers" must be "auto" or a number from 1 to 1024, not "atuo")"},
    {R"([server]
workers = 1025)",
     R"(2:11: "workers" must be "auto" or a number from 1 to 1024, not 1025)"},
    {R"([server]
workers = 1.5)",
     R"(2:11: "workers" must be "auto" or a number from 1 to 1024, not 1.5)"},
    {R"([server]
user = "no-such-user"
group = "no-such-group")",
     R"(2:8: no user "no-such-user"
3:9: no group "no-such-group")"},
    {R"([server]
user = "")",
     R"(2:8: "user" must be a string that is not empty, not "")"},
    {R"([server]
user = 33)",
     R"(2:8: "user" must be a string that is not empty, not 33)"},
    {R"([server]
pid_file = "a\u0000b")",
     R"(2:12: "pid_file" must be a string without control bytes, not "a\x00b")"},
    {R"([server]
max_connections = -1)",
     R"(2:19: "max_connections" must be a number, 0 or more, not -1)"},
    {R"([server]
shutdown_timeout = "10 s")",
     R"(2:20: "shutdown_timeout" must be a duration ("250ms", "10s", "5m", "1h" or 0), at most
    a year, not "10 s" | did you mean `"10s"`?)"},
    {R"([server]
shutdown_timeout = 10)",
     R"(2:20: "shutdown_timeout" must be a duration ("250ms", "10s", "5m", "1h" or 0), at most
    a year, not 10 | did you mean `"10s"`?)"},
    {R"([server]
shutdown_timeout = "10min")",
     R"(2:20: "shutdown_timeout" must be a duration ("250ms", "10s", "5m", "1h" or 0), at most
    a year, not "10min" | did you mean `"10m"`?)"},
    {R"([server]
shutdown_timeout = "")",
     R"(2:20: "shutdown_timeout" must be a duration ("250ms", "10s", "5m", "1h" or 0), at most
    a year, not "")"},
    {R"([server]
shutdown_timeout = "s")",
     R"(2:20: "shutdown_timeout" must be a duration ("250ms", "10s", "5m", "1h" or 0), at most
    a year, not "s")"},
    {R"([server]
shutdown_timeout = "-1s")",
     R"(2:20: "shutdown_timeout" must be a duration ("250ms", "10s", "5m", "1h" or 0), at most
    a year, not "-1s")"},
    {R"([server]
shutdown_timeout = "8761h")",
     R"(2:20: "shutdown_timeout" must be a duration ("250ms", "10s", "5m", "1h" or 0), at most
    a year, not "8761h")"},
    {R"([server]
shutdown_timeout = "99999999999999999999s")",
     R"(2:20: "shutdown_timeout" must be a duration ("250ms", "10s", "5m", "1h" or 0), at most
    a year, not "99999999999999999999s")"},
    {R"([server]
shutdown_timeout = "1.5s")",
     R"(2:20: "shutdown_timeout" must be a duration ("250ms", "10s", "5m", "1h" or 0), at most
    a year, not "1.5s")"},
    {R"([server]
server_tokens = "yes")",
     R"(2:17: "server_tokens" must be true or false, not "yes")"},
    {R"([server]
control = "/run/x.sock"
state_file = "/x")",
     R"(2:1: "control" is not supported yet
3:1: "state_file" is not supported yet)"},
    {R"([server]
servr_tokens = true
worker = 1
zzz = 1)",
     R"(2:1: unknown key "servr_tokens" | did you mean `server_tokens`?
3:1: unknown key "worker" | did you mean `workers`?
4:1: unknown key "zzz")"},
    {R"([sever])", R"(1:2: unknown key "sever" | did you mean `server`?)"},
    {R"([admin]
address = "127.0.0.1:1")",
     R"(1:2: "admin" is not supported yet)"},
});

constexpr std::array kLog = std::to_array<FaultyRow>({
    {R"([log]
access = "stdout")",
     R"(2:10: access = "stdout" is not supported yet)"},
    {R"([log]
access = "/var/log/x.log")",
     R"(2:10: access = "/var/log/x.log" is not supported yet)"},
    {R"([log]
access = "off"
format = "jsn"
level = "warning"
error = "")",
     R"(3:10: "format" must be "json" or "combined", not "jsn" | did you mean `json`?
4:9: "level" must be "error", "warn", "info" or "debug", not "warning" | did you mean
    `warn`?
5:9: "error" must be a string that is not empty, not "")"},
    {R"([log]
format = 1)",
     R"(2:10: "format" must be "json" or "combined", not 1)"},
});

constexpr std::array kLimits = std::to_array<FaultyRow>({
    {R"([limits]
uri = "8KB"
header_bytes = "32kb"
body = -1
headers = "many")",
     R"(2:7: "uri" must be a size ("8KiB", "1MiB", "1GiB" or a number of bytes), not "8KB" |
    did you mean `"8KiB"`?
3:16: "header_bytes" must be a size ("8KiB", "1MiB", "1GiB" or a number of bytes), not
    "32kb" | did you mean `"32KiB"`?
4:8: "body" must be a size ("8KiB", "1MiB", "1GiB" or a number of bytes), not -1
5:11: "headers" must be a number, 0 or more, not "many")"},
    {R"([limits]
uri = "8k"
body = "1 GiB"
response_buffer = "99999999999GiB"
response_header_bytes = true
request_per_connection = 1)",
     R"(2:7: "uri" must be a size ("8KiB", "1MiB", "1GiB" or a number of bytes), not "8k" | did
    you mean `"8KiB"`?
3:8: "body" must be a size ("8KiB", "1MiB", "1GiB" or a number of bytes), not "1 GiB" |
    did you mean `"1GiB"`?
4:19: "response_buffer" must be a size ("8KiB", "1MiB", "1GiB" or a number of bytes),
    not "99999999999GiB"
5:25: "response_header_bytes" must be a size ("8KiB", "1MiB", "1GiB" or a number of
    bytes), not true
6:1: unknown key "request_per_connection" | did you mean `requests_per_connection`?)"},
    {R"([timeouts]
heder = "1s"
header = 1s)",
     R"(3:11: Error while parsing decimal integer: expected digit, saw 's')"},
    {R"([timeouts]
total = 0
body = "0"
send = 1979-05-27
connect = {}
response = [])",
     R"(3:8: "body" must be a duration ("250ms", "10s", "5m", "1h" or 0), at most a year, not
    "0" | did you mean `"0s"`?
4:8: "send" must be a duration ("250ms", "10s", "5m", "1h" or 0), at most a year, not a
    date or time
5:11: "connect" must be a duration ("250ms", "10s", "5m", "1h" or 0), at most a year,
    not a table
6:12: "response" must be a duration ("250ms", "10s", "5m", "1h" or 0), at most a year,
    not an empty list)"},
});

}  // namespace

TEST_CASE("Loader: a key at the top, or text that is no TOML, is a fault") {
  for (const FaultyRow& row : kTopLevel) {
    CHECK(difference(row) == "");
  }
}

TEST_CASE("Loader: the faults of [server] have their places and hints") {
  for (const FaultyRow& row : kServer) {
    CHECK(difference(row) == "");
  }
}

TEST_CASE("Loader: the faults of [log] have their places and hints") {
  for (const FaultyRow& row : kLog) {
    CHECK(difference(row) == "");
  }
}

TEST_CASE("Loader: the faults of [limits] and [timeouts] have their places and hints") {
  for (const FaultyRow& row : kLimits) {
    CHECK(difference(row) == "");
  }
}

}  // namespace millrace::config
