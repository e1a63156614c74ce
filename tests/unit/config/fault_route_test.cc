// Faults of [[site.route]], but for its target.
#include <doctest/doctest.h>

#include <array>

#include "unit/config/snippets.h"

namespace millrace::config {
namespace {

constexpr std::array kRoute = std::to_array<FaultyRow>({
    {R"([[site]]
[[site.route]])",
     R"(2:1: a route needs "path" or "match"
2:1: a route needs a handler: "to", "redirect" or "respond")"},
    {R"([[site]]
[[site.route]]
path = "/a"
match = "b"
to = "unix:/x"
respond = {}
redirect = { to = "/x" })",
     R"(4:9: a route has either "path" or "match"
6:1: a route has one handler: "respond" and "to" exclude each other
7:1: a route has one handler: "redirect" and "to" exclude each other)"},
    {R"([[site]]
[[site.route]]
path = "a"
files = true)",
     R"(3:8: "path" must be a path that a request can have, not "a" | a path begins with /
4:1: "files" is not supported yet)"},
    {R"([[site]]
[[site.route]]
path = "/a//b"
respond = {}
[[site.route]]
path = "/a/../b"
respond = {}
[[site.route]]
path = "/a/.."
respond = {}
[[site.route]]
path = "/a%20b"
respond = {}
[[site.route]]
path = "/a?b"
respond = {}
[[site.route]]
path = "/a/*"
respond = {})",
     R"(3:8: "path" must be a path that a request can have, not "/a//b" | `//` in a request is
    resolved to `/` before routes are tried
6:8: "path" must be a path that a request can have, not "/a/../b" | `.` and `..` in a
    request are resolved before routes are tried
9:8: "path" must be a path that a request can have, not "/a/.." | `.` and `..` in a
    request are resolved before routes are tried
12:8: "path" must be a path that a request can have, not "/a%20b" | requests are
    decoded before routes are tried: write the byte itself, or use `match`
15:8: "path" must be a path that a request can have, not "/a?b" | the query is not a
    part of the path
18:8: "path" must be a path that a request can have, not "/a/*" | a `path` with a last
    / covers all below it; for patterns there is `match`)"},
    {R"([[site]]
[[site.route]]
path = "/a/"
below = true
methods = ["get", "FOO", "GET", "GET"]
respond = {}
[[site.route]]
path = "/a/"
methods = []
respond = {}
[[site.route]]
match = "[.]php("
below = true
respond = {}
[[site.route]]
match = "x"
respond = {}
[[site.route]]
match = "x"
respond = {})",
     R"(4:9: "below" has no meaning: a path with a last / is a prefix
5:12: unknown method "get" | did you mean `GET`?
5:19: unknown method "FOO"
5:33: "GET" is in "methods" twice
8:8: another route of this site has "/a/" already
9:11: "methods" must be a list that is not empty, not an empty list
12:9: bad regular expression: missing ): [.]php(
13:9: "below" has no meaning without "path"
19:9: another route of this site has "x" already)"},
    {R"([[site]]
[[site.route]]
path = "/"
redirect = "https://x/"
[[site.route]]
path = "/a"
redirect = { status = 304 }
[[site.route]]
path = "/b"
redirect = { to = "https://${hots}${request_uri}", status = 600 }
[[site.route]]
path = "/c"
redirect = { to = "https://${host", statsu = 301 }
[[site.route]]
path = "/d"
redirect = { to = "" }
[[site.route]]
path = "/e"
redirect = { to = "a\nb" }
[[site.route]]
path = "/f"
respond = { status = 100, body = 1 }
[[site.route]]
path = "/g"
respond = { status = 204, body = "x" }
[[site.route]]
path = "/h"
respond = { body = "${foo}" }
[[site.route]]
path = "/i"
respond = 404)",
     R"(4:12: "redirect" must be a table, not "https://x/"
7:12: "to" is missing
7:23: "status" must be one of 301, 302, 303, 307, 308, not 304
10:19: unknown variable "${hots}" | did you mean `host`?
10:61: "status" must be a number from 200 to 599, not 600
13:19: ${ without its }
13:37: unknown key "statsu" | did you mean `status`?
16:19: "to" must be a URL, not ""
19:19: "to" must be a URL, not "a\x0ab"
22:22: "status" must be a number from 200 to 599, not 100
22:34: "body" must be a string, not 1
25:27: a response with status 204 has no body
28:20: unknown variable "${foo}" | the variables are host, path, query, request_uri,
    method, scheme, remote_addr, remote_port, server_addr, server_port, tls_version,
    request_id, script_name, path_info, header.NAME
31:11: "respond" must be a table, not 404)"},
    {R"([[site]]
[[site.route]]
path = "/"
respond = {}
root = "/x"
split_path = [".php"]
index = "x"
script = "/x"
check_file = true
apache_script_filename = false
env = {}
env_if = []
request_buffering = "on"
intercept_errors = [404]
add_headers = {}
remove_headers = [])",
     R"(5:1: "root" has no meaning without "to"
6:1: "split_path" has no meaning without "to"
7:1: "index" has no meaning without "to"
8:1: "script" has no meaning without "to"
9:1: "check_file" has no meaning without "to"
10:1: "apache_script_filename" has no meaning without "to"
11:1: "env" has no meaning without "to"
12:1: "env_if" has no meaning without "to"
13:1: "request_buffering" has no meaning without "to"
14:1: "intercept_errors" has no meaning without "to")"},
    {R"([[site]]
[[site.route]]
path = "/"
to = "unix:/x"
root = "x"
split_path = ["php", ".", ".a/b", 1]
index = "a/b"
script = ""
check_file = 1
apache_script_filename = "x"
request_buffering = "of"
intercept_errors = [404, 404, 200, "x"])",
     R"(5:8: "root" must be an absolute path, not "x"
6:15: an element of "split_path" must be an extension (".php"), not "php" | did you
    mean `".php"`?
6:22: an element of "split_path" must be an extension (".php"), not "."
6:27: an element of "split_path" must be an extension (".php"), not ".a/b"
6:35: an element of "split_path" must be a string that is not empty, not 1
7:9: "index" must be a file's name without a /, not "a/b"
8:10: "script" must be a string that is not empty, not ""
9:14: "check_file" must be true or false, not 1
10:26: "apache_script_filename" must be true or false, not "x"
11:21: "request_buffering" must be "auto", "off" or "on", not "of" | did you mean `off`?
12:26: 404 is in "intercept_errors" twice
12:31: an element of "intercept_errors" must be a number from 400 to 599, not 200
12:36: an element of "intercept_errors" must be a number from 400 to 599, not "x")"},
    {R"([[site]]
[[site.route]]
path = "/"
to = "unix:/x"
index = "x.php"
script = "/x"
apache_script_filename = true
[site.route.env]
"a-b" = "x"
1A = "x"
A = 1
B = true
C = false
D = ""
E = "${x}"
F = "a\u0000"
_g = "x\n")",
     R"(5:9: "index" has no meaning without "split_path"
7:26: "apache_script_filename" and "script" exclude each other
9:1: the name of a CGI variable has letters, digits and _, not "a-b"
10:1: the name of a CGI variable has letters, digits and _, not "1A"
11:5: "A" must be a string, or false to remove the variable, not 1 | did you mean `"1"`?
12:5: "B" must be a string, or false to remove the variable, not true
15:5: unknown variable "${x}" | the variables are host, path, query, request_uri,
    method, scheme, remote_addr, remote_port, server_addr, server_port, tls_version,
    request_id, script_name, path_info, header.NAME
16:5: "F" must be a string without control bytes, not "a\x00")"},
    {R"([[site]]
[[site.route]]
path = "/"
to = "unix:/x"
env = []
env_if = {}
intercept_errors = 404
split_path = ".php"
add_headers = ["x"]
remove_headers = "x")",
     R"(5:7: "env" must be a table, as in { NAME = "value" }, not an empty list
6:10: "env_if" must be a list of tables, not a table
7:20: "intercept_errors" must be a list, each element a number from 400 to 599, not 404
8:14: "split_path" must be a list of strings, not ".php"
9:15: "add_headers" must be a table, as in { "Cache-Control" = "no-store" }, not a list
10:18: "remove_headers" must be a list of strings, not "x")"},
    {R"~([[site]]
[[site.route]]
path = "/"
to = "unix:/x"
remove_headers = ["Connection", "a b", "X", "X", ""]
env_if = [
  1,
  {},
  { header = "X", var = "Y", matches = "(", set = "a", unset = "b", value = "c", valu = 1 },
  { header = "a b", matches = "x", unset = "1", value = "1" },
  { var = "A", matches = "(a)", set = "B", value = "$1 $2 $0 $$ $x" },
  { var = "A", matches = 1, set = "B", value = 1 },
]
[site.route.add_headers]
X-A = "a\nb"
"X B" = "x"
Content-Length = "1"
X = 1
Y = "${heade.x}"
Z = "${header.a b}"
"" = "x")~",
     R"(5:19: the field "Connection" is the proxy's own
5:33: a header field's name has no spaces or separators, not "a b"
5:45: "X" is in "remove_headers" twice
5:50: an element of "remove_headers" must be a string that is not empty, not ""
7:3: an element of "env_if" must be a table, not 1
8:3: "header" and "var": one of them is needed
8:3: "set" and "unset": one of them is needed
8:3: "matches" is missing
9:3: "header" and "var" exclude each other
9:3: "set" and "unset" exclude each other
9:40: bad regular expression: missing ): (
9:69: "value" has no meaning with "unset"
9:82: unknown key "valu" | did you mean `value`?
10:14: "header" must be a header field's name, not "a b"
10:44: "unset" must be the name of a CGI variable (letters, digits and _), not "1"
10:49: "value" has no meaning with "unset"
11:52: "matches" has no group for $2
12:26: "matches" must be a regular expression, not 1
12:48: "value" must be a string, not 1
15:7: "X-A" must be a string without control bytes, not "a\x0ab"
16:1: a header field's name has no spaces or separators, not "X B"
17:1: the field "Content-Length" is the proxy's own
18:5: "X" must be a string, not 1
19:5: unknown variable "${heade.x}" | the variables are host, path, query, request_uri,
    method, scheme, remote_addr, remote_port, server_addr, server_port, tls_version,
    request_id, script_name, path_info, header.NAME
20:5: unknown variable "${header.a b}" | did you mean `header.NAME`?
21:1: a header field's name has no spaces or separators, not "")"},
    {R"([[site]]
[[site.route]]
path = "/"
to = "unix:/x"
limits.body = "1MB"
limits.uri = 1
limits.header_bytes = 1
limits.headers = 1
limits.requests_per_connection = 1
limits.x = 1
timeouts = { response = 5, keepalive = "1s", header = "1s", conect = "1s" })",
     R"(5:15: "body" must be a size ("8KiB", "1MiB", "1GiB" or a number of bytes), not "1MB" |
    did you mean `"1MiB"`?
6:8: "uri" can't be a route's: it is needed before the route is known | set it in
    [limits]
7:8: "header_bytes" can't be a route's: it is needed before the route is known | set it
    in [limits]
8:8: "headers" can't be a route's: it is needed before the route is known | set it in
    [limits]
9:8: "requests_per_connection" can't be a route's: it is needed before the route is
    known | set it in [limits]
10:8: unknown key "x"
11:25: "response" must be a duration ("250ms", "10s", "5m", "1h" or 0), at most a year,
    not 5 | did you mean `"5s"`?
11:28: "keepalive" can't be a route's: it is needed before the route is known | set it
    in [timeouts]
11:46: "header" can't be a route's: it is needed before the route is known | set it in
    [timeouts]
11:61: unknown key "conect" | did you mean `connect`?)"},
    {R"([[site]]
[[site.route]]
path = "/"
limits = 1
files = true
fallback = "/x"
authorize = "unix:/x"
x_sendfile = "/x")",
     R"(4:10: "limits" must be a table, not 1
5:1: "files" is not supported yet
6:1: "fallback" is not supported yet
7:1: "authorize" is not supported yet
8:1: "x_sendfile" is not supported yet)"},
    {R"([[site]]
route = [1])",
     R"(2:10: an element of "route" must be a table, not 1)"},
});

}  // namespace

TEST_CASE("Loader: the faults of [[site.route]] have their places and hints") {
  for (const FaultyRow& row : kRoute) {
    CHECK(difference(row) == "");
  }
}

}  // namespace millrace::config
