// Faults of [[site]].
#include <doctest/doctest.h>

#include <vector>

#include "unit/config/snippets.h"

namespace millrace::config {
namespace {

const std::vector<FaultyRow> kSite = {
    {R"([[site]]
listen = []
hosts = [])",
     {R"(2:10: "listen" must be a list of names of listeners that is not empty, not an empty list)",
      R"(3:9: "hosts" must be a list that is not empty, not an empty list | a site without)"
      R"( `hosts` has all that no other site has)"}},
    {R"([[site]]
hosts = "example.org")",
     {R"(2:9: "hosts" must be a list of strings, not "example.org")"}},
    {R"([[site]]
hosts = ["example.org:80", "*", "http://x/", "x.org.", "a.*.b", "", "*.org",)"
     R"( "Example.ORG", "example.org", "[::0]", "exa mple", "bücher.de"])",
     {R"(2:10: an element of "hosts" must be a host ("example.org" or "*.example.org"), not)"
      R"( "example.org:80" | did you mean `example.org`? A host has no port)",
      R"(2:28: an element of "hosts" must be a host ("example.org" or "*.example.org"), not "*")"
      R"( | a site without `hosts` has all that no other site has)",
      R"(2:33: an element of "hosts" must be a host ("example.org" or "*.example.org"), not)"
      R"( "http://x/" | a host has no scheme and no path)",
      R"(2:46: an element of "hosts" must be a host ("example.org" or "*.example.org"), not)"
      R"( "x.org." | did you mean `x.org`?)",
      R"(2:56: an element of "hosts" must be a host ("example.org" or "*.example.org"), not)"
      R"( "a.*.b")",
      R"(2:65: an element of "hosts" must be a string that is not empty, not "")",
      R"(2:93: "example.org" is in "hosts" twice)",
      R"(2:117: an element of "hosts" must be a host ("example.org" or "*.example.org"), not)"
      R"( "exa mple")",
      R"(2:129: an element of "hosts" must be a host ("example.org" or "*.example.org"), not)"
      R"( "bücher.de")"}},
    {R"([[site]]
hosts = ["a.org"]
[[site]]
hosts = ["b.org", "A.org"]
[[site]]
[[site]])",
     {R"(4:19: "a.org" is a host of another site already (line 1))",
      R"(6:1: a second site without "hosts": the first (line 5) has all that no other site has)"}},
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
     {}},
    {R"([[site]]
root = "www"
index = ["index.html"]
php = "unix:/x"
access_log = "off"
error_pages = { 404 = "/nonexistent/x.html", 200 = "x", abc = "x", 500 = 1, 501 =)"
     R"( "/etc" })",
     {R"(2:8: "root" must be an absolute path, not "www")", R"(3:1: "index" is not supported yet)",
      R"(4:1: "php" is not supported yet)", R"(5:1: "access_log" is not supported yet)",
      R"(6:23: can't read "/nonexistent/x.html": No such file or directory)",
      R"(6:46: a key of "error_pages" must be a status from 400 to 599, not "200")",
      R"(6:57: a key of "error_pages" must be a status from 400 to 599, not "abc")",
      R"(6:74: "500" must be a file's path, not 1)",
      R"(6:83: can't read "/etc": not a regular file)"}},
    {R"([[site]]
error_pages = "x"
rout = 1)",
     {R"(2:15: "error_pages" must be a table of files, as in { 404 = "FILE" }, not "x")",
      R"(3:1: unknown key "rout" | did you mean `root`?)"}},
    {R"([site]
[[site.route]]
path = "/")",
     {R"(1:2: "site" must be a list of tables, written [[site]], not a table)"}},
    {R"(site = "x")", {R"(1:1: "site" must be a list of tables, written [[site]], not "x")"}},
    {R"(site = [])", {R"(1:1: no [[site]]: nothing is served)"}},
    {R"([[site.route]]
path = "/"
)",
     {R"(1:3: "site" must be a list of tables, written [[site]], not a table)"}},
};

}  // namespace

TEST_CASE("Loader: the faults of [[site]] have their places and hints") {
  for (const FaultyRow& row : kSite)
    CHECK(difference(row) == "");
}

}  // namespace millrace::config
