// Faults of [[site]].
#include <doctest/doctest.h>

#include <array>

#include "unit/config/snippets.h"

namespace millrace::config {
namespace {

constexpr std::array kSite = std::to_array<FaultyRow>({
    {R"([[site]]
listen = []
hosts = [])",
     R"(2:10: "listen" must be a list of names of listeners that is not empty, not an empty list
3:9: "hosts" must be a list that is not empty, not an empty list | a site without
    `hosts` has all that no other site has)"},
    {R"([[site]]
hosts = "example.org")",
     R"(2:9: "hosts" must be a list of strings, not "example.org")"},
    {R"([[site]]
hosts = ["example.org:80", "*", "http://x/", "x.org.", "a.*.b", "",
  "*.org", "Example.ORG", "example.org", "[::0]", "exa mple", "bücher.de"])",
     R"(2:10: an element of "hosts" must be a host ("example.org" or "*.example.org"), not
    "example.org:80" | did you mean `example.org`? A host has no port
2:28: an element of "hosts" must be a host ("example.org" or "*.example.org"), not "*"
    | a site without `hosts` has all that no other site has
2:33: an element of "hosts" must be a host ("example.org" or "*.example.org"), not
    "http://x/" | a host has no scheme and no path
2:46: an element of "hosts" must be a host ("example.org" or "*.example.org"), not
    "x.org." | did you mean `x.org`?
2:56: an element of "hosts" must be a host ("example.org" or "*.example.org"), not
    "a.*.b"
2:65: an element of "hosts" must be a string that is not empty, not ""
3:27: "example.org" is in "hosts" twice
3:51: an element of "hosts" must be a host ("example.org" or "*.example.org"), not "exa
    mple"
3:63: an element of "hosts" must be a host ("example.org" or "*.example.org"), not
    "bücher.de")"},
    {R"([[site]]
hosts = ["a.org"]
[[site]]
hosts = ["b.org", "A.org"]
[[site]]
[[site]])",
     R"(4:19: "a.org" is a host of another site already (line 1)
6:1: a second site without "hosts": the first (line 5) has all that no other site has)"},
    {R"([[listen]]
address = "0.0.0.0:80"
name = "a"
[[listen]]
address = "0.0.0.0:81"
name = "b"
[[site]]
listen = ["a"]
hosts = ["x"]
[[site]]
listen = ["b"]
hosts = ["x"]
[[site]]
listen = ["a"]
[[site]]
listen = ["b"])",
     ""},
    {R"([[site]]
root = "www"
index = ["index.html"]
php = "unix:/x"
access_log = "off"
[site.error_pages]
404 = "/nonexistent/x.html"
200 = "x"
abc = "x"
500 = 1
501 = "/etc")",
     R"(2:8: "root" must be an absolute path, not "www"
3:1: "index" is not supported yet
4:1: "php" is not supported yet
5:1: "access_log" is not supported yet
7:7: can't read "/nonexistent/x.html": No such file or directory
8:1: a key of "error_pages" must be a status from 400 to 599, not "200"
9:1: a key of "error_pages" must be a status from 400 to 599, not "abc"
10:7: "500" must be a file's path, not 1
11:7: can't read "/etc": not a regular file)"},
    {R"([[site]]
error_pages = "x"
rout = 1)",
     R"(2:15: "error_pages" must be a table of files, as in { 404 = "FILE" }, not "x"
3:1: unknown key "rout" | did you mean `root`?)"},
    {R"([site]
[[site.route]]
path = "/")",
     R"(1:2: "site" must be a list of tables, written [[site]], not a table)"},
    {R"(site = "x")", R"(1:1: "site" must be a list of tables, written [[site]], not "x")"},
    {R"(site = [])", R"(1:1: no [[site]]: nothing is served)"},
    {R"([[site.route]]
path = "/"
)",
     R"(1:3: "site" must be a list of tables, written [[site]], not a table)"},
});

}  // namespace

TEST_CASE("Loader: the faults of [[site]] have their places and hints") {
  for (const FaultyRow& row : kSite) {
    CHECK(difference(row) == "");
  }
}

}  // namespace millrace::config
