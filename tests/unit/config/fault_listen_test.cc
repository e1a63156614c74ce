// Faults of [[listen]], and of references to it.
#include <doctest/doctest.h>

#include <array>

#include "unit/config/snippets.h"

namespace millrace::config {
namespace {

constexpr std::array kListen = std::to_array<FaultyRow>({
    {R"([[listen]])", R"(1:1: "address" is missing)"},
    {R"([listen]
address = "127.0.0.1:80")",
     R"(1:2: "listen" must be a list of tables, written [[listen]], not a table)"},
    {R"(listen = "127.0.0.1:80")",
     R"(1:1: "listen" must be a list of tables, written [[listen]], not "127.0.0.1:80")"},
    {R"(listen = ["127.0.0.1:80"])",
     R"(1:11: an element of "listen" must be a table, not "127.0.0.1:80")"},
    {R"(listen = [])", R"(1:1: no [[listen]]: nothing is listened on)"},
    {R"([[listen]]
address = "localhost:8080")",
     R"(2:11: "address" must be "ADDRESS:PORT", "[ADDRESS]:PORT" or "unix:/PATH" with a numeric
    address, not "localhost:8080" | "localhost" is not a numeric address, and names are
    not looked up)"},
    {R"([[listen]]
address = ":8080")",
     R"(2:11: "address" must be "ADDRESS:PORT", "[ADDRESS]:PORT" or "unix:/PATH" with a numeric
    address, not ":8080" | did you mean `0.0.0.0:8080`?)"},
    {R"([[listen]]
address = 8080)",
     R"(2:11: "address" must be "ADDRESS:PORT", "[ADDRESS]:PORT" or "unix:/PATH" with a numeric
    address, not 8080 | did you mean `"0.0.0.0:8080"`?)"},
    {R"([[listen]]
address = "8080")",
     R"(2:11: "address" must be "ADDRESS:PORT", "[ADDRESS]:PORT" or "unix:/PATH" with a numeric
    address, not "8080" | did you mean `0.0.0.0:8080`?)"},
    {R"([[listen]]
address = "*:8080")",
     R"(2:11: "address" must be "ADDRESS:PORT", "[ADDRESS]:PORT" or "unix:/PATH" with a numeric
    address, not "*:8080" | did you mean `0.0.0.0:8080`?)"},
    {R"([[listen]]
address = "127.0.0.1")",
     R"(2:11: "address" must be "ADDRESS:PORT", "[ADDRESS]:PORT" or "unix:/PATH" with a numeric
    address, not "127.0.0.1" | the port is missing: 127.0.0.1:PORT)"},
    {R"([[listen]]
address = "::1")",
     R"(2:11: "address" must be "ADDRESS:PORT", "[ADDRESS]:PORT" or "unix:/PATH" with a numeric
    address, not "::1" | an IPv6 address is written in brackets: [ADDRESS]:PORT)"},
    {R"([[listen]]
address = "::1:8080")",
     R"(2:11: "address" must be "ADDRESS:PORT", "[ADDRESS]:PORT" or "unix:/PATH" with a numeric
    address, not "::1:8080" | an IPv6 address is written in brackets: [ADDRESS]:PORT)"},
    {R"([[listen]]
address = "[::1]")",
     R"(2:11: "address" must be "ADDRESS:PORT", "[ADDRESS]:PORT" or "unix:/PATH" with a numeric
    address, not "[::1]" | the port is missing: [::1]:PORT)"},
    {R"([[listen]]
address = "[::1:80")",
     R"(2:11: "address" must be "ADDRESS:PORT", "[ADDRESS]:PORT" or "unix:/PATH" with a numeric
    address, not "[::1:80" | the [ is not closed)"},
    {R"([[listen]]
address = "[127.0.0.1]:80")",
     R"(2:11: "address" must be "ADDRESS:PORT", "[ADDRESS]:PORT" or "unix:/PATH" with a numeric
    address, not "[127.0.0.1]:80" | "127.0.0.1" is not a numeric address, and names are
    not looked up)"},
    {R"([[listen]]
address = "127.0.0.1:0")",
     R"(2:11: "address" must be "ADDRESS:PORT", "[ADDRESS]:PORT" or "unix:/PATH" with a numeric
    address, not "127.0.0.1:0" | a port is a number from 1 to 65535)"},
    {R"([[listen]]
address = "127.0.0.1:65536")",
     R"(2:11: "address" must be "ADDRESS:PORT", "[ADDRESS]:PORT" or "unix:/PATH" with a numeric
    address, not "127.0.0.1:65536" | a port is a number from 1 to 65535)"},
    {R"([[listen]]
address = "127.0.0.1:http")",
     R"(2:11: "address" must be "ADDRESS:PORT", "[ADDRESS]:PORT" or "unix:/PATH" with a numeric
    address, not "127.0.0.1:http" | a port is a number from 1 to 65535)"},
    {R"([[listen]]
address = "127.0.0.256:80")",
     R"(2:11: "address" must be "ADDRESS:PORT", "[ADDRESS]:PORT" or "unix:/PATH" with a numeric
    address, not "127.0.0.256:80" | "127.0.0.256" is not a numeric address, and names
    are not looked up)"},
    {R"([[listen]]
address = "unix:run/x")",
     R"(2:11: "address" must be "ADDRESS:PORT", "[ADDRESS]:PORT" or "unix:/PATH" with a numeric
    address, not "unix:run/x" | the path of a Unix socket begins with /)"},
    {R"([[listen]]
address = "/run/x")",
     R"(2:11: "address" must be "ADDRESS:PORT", "[ADDRESS]:PORT" or "unix:/PATH" with a numeric
    address, not "/run/x" | did you mean `unix:/run/x`?)"},
    {R"([[listen]]
address = "unix:///run/x")",
     R"(2:11: "address" must be "ADDRESS:PORT", "[ADDRESS]:PORT" or "unix:/PATH" with a numeric
    address, not "unix:///run/x" | did you mean `unix:/run/x`?)"},
    {R"([[listen]]
address = "[::0]:80"
backlog = 0
name = "a"
[[listen]]
address = "[::]:80"
backlog = 2147483648
name = "a")",
     R"(3:11: "backlog" must be a number from 1 to 2147483647, not 0
6:11: "[::]:80" is listened on already (line 1)
7:11: "backlog" must be a number from 1 to 2147483647, not 2147483648
8:8: "a" is a listener's name already (line 1))"},
    {R"([[listen]]
address = "127.0.0.1:443"
tls = { certificate = "x", key = "y" }
http2 = true
proxy_protocol = true
trusted_proxies = []
tsl = 1)",
     R"(3:1: "tls" is not supported yet
4:1: "http2" is not supported yet
5:1: "proxy_protocol" is not supported yet
6:1: "trusted_proxies" is not supported yet
7:1: unknown key "tsl" | did you mean `tls`?)"},
    {R"([[listen]]
address = "0.0.0.0:80"
[[site]]
listen = ["a"])",
     R"(4:11: no listener is named "a" | no [[listen]] has a `name`)"},
    {R"([[listen]]
address = "0.0.0.0:80"
name = "front"
[[site]]
listen = ["frnt", "front", "front", 1])",
     R"(5:11: no listener is named "frnt" | did you mean `front`?
5:28: "front" is in "listen" twice
5:37: an element of "listen" must be a string that is not empty, not 1)"},
});

}  // namespace

TEST_CASE("Loader: the faults of [[listen]] have their places and hints") {
  for (const FaultyRow& row : kListen) {
    CHECK(difference(row) == "");
  }
}

}  // namespace millrace::config
