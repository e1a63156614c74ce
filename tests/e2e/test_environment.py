"""The CGI environment, byte for byte (docs/configuration.md "CGI environment"; vectors 5.2, N70,
N71)."""

from harness import ProxyCase
from http_client import request_bytes


class Whole(ProxyCase):
    """Nothing is missing, and nothing else is there."""

    def test_a_get_request(self):
        app = self.backend()
        proxy = self.proxy_to(app, before="", route='root = "/srv/app"')
        client = self.connect(proxy)
        self.assertEqual(200, client.request("GET", "/a%20b?x=%20y", [
            ("User-Agent", "e2e"), ("Accept", "*/*"), ("X-Empty", ""),
            ("Authorization", "Basic YTpi")], host="Test.Example:8080").status)
        env = app.requests[0].env
        self.assertRegex(env.pop("SERVER_SOFTWARE"), "^millrace")
        self.assertEqual({
            "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_NAME": "test.example",
            "SERVER_ADDR": "127.0.0.1", "SERVER_PORT": str(proxy.port),
            "SERVER_PROTOCOL": "HTTP/1.1", "REQUEST_METHOD": "GET",
            "REQUEST_URI": "/a%20b?x=%20y", "REQUEST_SCHEME": "http", "QUERY_STRING": "x=%20y",
            "SCRIPT_NAME": "", "SCRIPT_FILENAME": "/srv/app", "PATH_INFO": "/a b",
            "PATH_TRANSLATED": "/srv/app/a b", "DOCUMENT_ROOT": "/srv/app",
            "DOCUMENT_URI": "/a b", "REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": str(client.port),
            "REDIRECT_STATUS": "200", "HTTP_HOST": "Test.Example:8080", "HTTP_USER_AGENT": "e2e",
            "HTTP_ACCEPT": "*/*", "HTTP_X_EMPTY": "", "HTTP_AUTHORIZATION": "Basic YTpi"}, env)
        self.assertEqual(len(env) + 1, len(app.requests[0].pairs), "a variable was sent twice")

    def test_a_post_request(self):
        app = self.backend()
        proxy = self.proxy_to(app, route='split_path = [".php"]\nroot = "/srv"')
        client = self.connect(proxy)
        client.request("POST", "/a.php", [("Content-Type", "text/x; a=b"), ("X-A", "1")],
                       b"hello", host="h")
        env = app.requests[0].env
        self.assertRegex(env.pop("SERVER_SOFTWARE"), "^millrace")
        self.assertEqual({
            "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_NAME": "h", "SERVER_ADDR": "127.0.0.1",
            "SERVER_PORT": str(proxy.port), "SERVER_PROTOCOL": "HTTP/1.1",
            "REQUEST_METHOD": "POST", "REQUEST_URI": "/a.php", "REQUEST_SCHEME": "http",
            "QUERY_STRING": "", "SCRIPT_NAME": "/a.php", "SCRIPT_FILENAME": "/srv/a.php",
            "DOCUMENT_ROOT": "/srv", "DOCUMENT_URI": "/a.php", "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_PORT": str(client.port), "REDIRECT_STATUS": "200", "CONTENT_LENGTH": "5",
            "CONTENT_TYPE": "text/x; a=b", "HTTP_HOST": "h", "HTTP_X_A": "1"}, env)

    def test_role_and_flags(self):
        app = self.backend()
        self.ask(self.proxy_to(app))
        self.assertEqual((1, 1), (app.requests[0].role, app.requests[0].flags))

    def test_lengths(self):
        app = self.backend()
        proxy = self.proxy_to(app)
        self.ask(proxy)
        self.assertNotIn("CONTENT_LENGTH", app.requests[-1].env)
        proxy.raw(request_bytes("POST", "/", {"Content-Length": "0"}))
        self.assertEqual("0", app.requests[-1].env["CONTENT_LENGTH"])
        self.assertNotIn("HTTP_CONTENT_LENGTH", app.requests[-1].env)
        self.assertNotIn("HTTP_CONTENT_TYPE", app.requests[-1].env)


class Fields(ProxyCase):
    """Which header fields become variables."""

    def setUp(self):
        super().setUp()
        self.app = self.backend()
        self.proxy = self.proxy_to(self.app)

    def http(self, *fields):
        """The HTTP_ variables but HTTP_HOST."""
        self.ask(self.proxy, "/", list(fields))
        return {name: value for name, value in self.app.requests[-1].env.items()
                if name.startswith("HTTP_") and name != "HTTP_HOST"}

    def refused_with(self, *fields):
        with self.subTest(fields):
            before = len(self.app.requests)
            self.refused(self.proxy, request_bytes("GET", "/", list(fields)), [400])
            self.assertEqual(before, len(self.app.requests))

    def test_duplicates_are_joined(self):
        """5.2, N70: by a comma; Cookie by a semicolon."""
        self.assertEqual({"HTTP_X_A": "1, 2, 3", "HTTP_COOKIE": "a=1; b=2; c=3"}, self.http(
            ("X-A", "1"), ("Cookie", "a=1"), ("x-a", "2"), ("cookie", "b=2; c=3"), ("X-a", "3")))

    def test_hop_by_hop(self):
        self.assertEqual({"HTTP_X": "y"}, self.http(
            ("Connection", "keep-alive"), ("Keep-Alive", "timeout=5"), ("TE", "trailers"),
            ("Upgrade", "websocket"), ("Proxy-Connection", "keep-alive"), ("X", "y")))

    def test_fields_that_connection_names(self):
        """5.2 (Caddy 25b3eab6); CVE-2022-31813: some names change nothing."""
        kept = {"HTTP_AUTHORIZATION": "a", "HTTP_FORWARDED": "for=1", "HTTP_X_FORWARDED_FOR": "2",
                "HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_HOST": "h"}
        self.assertEqual(kept, self.http(
            ("Connection", "close, X-Gone, Host, Authorization, Content-Type, Content-Length"),
            ("Connection", "Forwarded, x-forwarded-for,X-Forwarded-Proto , X-Forwarded-Host"),
            ("X-Gone", "1"), ("Authorization", "a"), ("Forwarded", "for=1"),
            ("X-Forwarded-For", "2"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "h"),
            ("Content-Type", "t/t")))
        self.assertEqual("t/t", self.app.requests[-1].env["CONTENT_TYPE"])
        self.assertEqual("test.example", self.app.requests[-1].env["HTTP_HOST"])

    def test_connection_names_content_length(self):
        response = self.proxy.raw(request_bytes("POST", "/", {"Connection": "Content-Length"},
                                                b"12345"))
        self.assertEqual(200, response.status)
        self.assertEqual(("5", b"12345"), (self.app.requests[-1].env["CONTENT_LENGTH"],
                                           bytes(self.app.requests[-1].stdin)))

    def test_other_names_are_not_passed(self):
        """5.2 (GHSA-49wc-4hcv-v58q): an underscore, a dot, any other token character."""
        self.assertEqual({"HTTP_X_9": "z"}, self.http(
            ("X_Foo", "1"), ("X.Foo", "2"), ("X~A!B", "3"), ("X'y", "4"), ("X-9", "z"),
            ("X+Y", "5"), ("_", "6")))

    def test_collisions(self):
        """5.2, N70 (GHSA-f59h-q822-g45g): two fields of one variable are 400, in either order."""
        for other in ("X_Real_User", "X.Real.User", "X_Real-User", "x_rEAL_user", "X~Real!User"):
            self.refused_with(("X-Real-User", "a"), (other, "b"))
            self.refused_with((other, "b"), ("X-Real-User", "a"))
        self.refused_with(("X_Forwarded_For", "a"), ("X-Forwarded-For", "b"))

    def test_aliases_of_content_fields(self):
        """5.2: CONTENT_LENGTH alias (lighttpd's rule)."""
        for name in ("Content_Length", "CONTENT_LENGTH", "Content.Length", "Content_Type",
                     "content_type"):
            self.refused_with((name, "5"))

    def test_httpoxy(self):
        """5.2, N70 (CVE-2016-5385): Proxy, any case."""
        for name in ("Proxy", "proxy", "PROXY", "pRoXy"):
            self.assertEqual({}, self.http((name, "http://evil/")))
        self.assertEqual({"HTTP_HTTP_PROXY": "x"}, self.http(("Http-Proxy", "x")))

    def test_no_remote_user(self):
        """5.2: REMOTE_USER is never made of unverified credentials."""
        self.http(("Authorization", "Basic YWRtaW46d3Jvbmc="))
        self.assertNotIn("REMOTE_USER", self.app.requests[-1].env)
        self.assertNotIn("AUTH_TYPE", self.app.requests[-1].env)

    def test_php_value(self):
        """5.2: PHP_VALUE cannot come from outside."""
        self.assertEqual({"HTTP_PHP_VALUE": "a"}, self.http(("Php-Value", "a")))
        self.assertEqual({}, self.http(("PHP_VALUE", "a"), ("PHP_ADMIN_VALUE", "b")))
        self.assertFalse([name for name in self.app.requests[-1].env if name.startswith("PHP_")])

    def test_values_are_trimmed_and_otherwise_kept(self):
        self.assertEqual({"HTTP_A": 'x,  "y" \t z', "HTTP_B": "\xe4\xff"}, self.http(
            ("A", ' \t x,  "y" \t z \t '), ("B", "\xe4\xff")))

    def test_hosts(self):
        for sent, name in (("A.Example", "a.example"), ("a.example:80", "a.example"),
                           ("a.example.", "a.example"), ("[::1]:8080", "[::1]"),
                           ("10.0.0.1:1", "10.0.0.1"), ("a-b_c.example", "a-b_c.example")):
            with self.subTest(sent):
                self.ask(self.proxy, "/", host=sent)
                env = self.app.requests[-1].env
                self.assertIn(env["SERVER_NAME"], (name, name.strip("[]")))
                self.assertEqual(sent, env["HTTP_HOST"])


class Configured(ProxyCase):
    """`env` of a route."""

    def test_values(self):
        app = self.backend()
        proxy = self.proxy_to(app, '''
root = "/srv"
env = { FIXED = "a b", EMPTY = "", SERVER_SOFTWARE = false, HTTP_X_GONE = false,
  HTTP_X_ROLE = "fixed", DOCUMENT_ROOT = "/elsewhere",
  ALL = "${host}|${path}|${query}|${request_uri}|${method}|${scheme}|${remote_addr}|${server_addr}",
  PORTS = "${remote_port}|${server_port}", NAMES = "${script_name}|${path_info}",
  FIELD = "<${header.X-Field}>", NONE = "<${header.X-None}>", TLS = "<${tls_version}>" }
'''.replace("\n  ", " ").replace(",\n", ", "))
        client = self.connect(proxy)
        response = client.request("GET", "/a%20b?q=1", [
            ("X-Role", "admin"), ("X-Gone", "1"), ("x-field", "${host} $1 {env.X}")], host="H.x:1")
        self.assertEqual(200, response.status)
        env = app.requests[0].env
        self.assertNotIn("SERVER_SOFTWARE", env)
        self.assertNotIn("HTTP_X_GONE", env)
        self.assertEqual({
            "FIXED": "a b", "EMPTY": "", "HTTP_X_ROLE": "fixed", "DOCUMENT_ROOT": "/elsewhere",
            "ALL": "h.x|/a b|q=1|/a%20b?q=1|GET|http|127.0.0.1|127.0.0.1",
            "PORTS": f"{client.port}|{proxy.port}", "NAMES": "|/a b",
            "FIELD": "<${host} $1 {env.X}>", "NONE": "<>", "TLS": "<>"},
            {name: env.get(name) for name in (
                "FIXED", "EMPTY", "HTTP_X_ROLE", "DOCUMENT_ROOT", "ALL", "PORTS", "NAMES", "FIELD",
                "NONE", "TLS")})
        self.assertEqual(len(env), len(app.requests[0].pairs), "a variable was sent twice")

    def test_request_id(self):
        app = self.backend()
        proxy = self.proxy_to(app, 'env = { ID = "${request_id}" }')
        self.ask(proxy)
        self.ask(proxy)
        ids = [request.env["ID"] for request in app.requests]
        self.assertTrue(all(ids))
        self.assertNotEqual(ids[0], ids[1])


class Sizes(ProxyCase):
    """PARAMS at the borders of the length encoding and of a record (5.1)."""

    BIG = '[limits]\nuri = "256KiB"\nheader_bytes = "512KiB"\nheaders = 1000'

    def test_name_and_value_lengths(self):
        """5.1 (nginx 6ae731d0): names and values of 127, 128, 255, 256 bytes."""
        app = self.backend()
        proxy = self.proxy_to(app, before=self.BIG)
        for length in (126, 127, 128, 129, 255, 256, 16383, 16384):
            name = "X-" + "n" * (min(length, 300) - len("HTTP_X_"))
            self.ask(proxy, "/", {name: "v" * length})
            variable = "HTTP_" + name.upper().replace("-", "_")
            self.assertEqual("v" * length, app.requests[-1].env[variable])

    def test_many_large_fields(self):
        """N71: 20 headers of 7 KB, one value of 40 KB: all are there."""
        app = self.backend()
        proxy = self.proxy_to(app, before=self.BIG)
        self.ask(proxy, "/", [(f"X-{n}", chr(97 + n) * 7000) for n in range(20)])
        self.assertEqual([chr(97 + n) * 7000 for n in range(20)],
                         [app.requests[-1].env[f"HTTP_X_{n}"] for n in range(20)])
        self.ask(proxy, "/", {"X-Big": "b" * 40000})
        self.assertEqual("b" * 40000, app.requests[-1].env["HTTP_X_BIG"])

    def test_total_around_a_record(self):
        """5.1 (CVE-2007-4727): a total of 64 KiB, more or less; the sum of all pairs is exact."""
        app = self.backend()
        proxy = self.proxy_to(app, before=self.BIG)
        for size in range(64900, 65540, 16):
            self.ask(proxy, "/", {"A": "a" * (size - 30000), "B": "b" * 30000})
            env = app.requests[-1].env
            self.assertEqual((size - 30000, 30000), (len(env["HTTP_A"]), len(env["HTTP_B"])))

    def test_a_pair_that_fills_a_record(self):
        """E48, 5.1: name, value and two lengths of 65535 bytes go; one more is 431, never cut."""
        app = self.backend()
        proxy = self.proxy_to(app, before=self.BIG)
        fits = 65535 - len("HTTP_X_BIG") - 1 - 4
        self.ask(proxy, "/", {"X-Big": "b" * fits})
        self.assertEqual(fits, len(app.requests[-1].env["HTTP_X_BIG"]))
        for length in (fits + 1, 65535, 65536, 131072):
            self.refused(proxy, request_bytes("GET", "/", {"X-Big": "b" * length}), [431],
                         closes=False)
        self.assertEqual(1, len(app.requests))
        self.ask(proxy)

    def test_a_target_that_fits_no_record(self):
        """5.1 (Caddy writer.go): a 70 kB URI is an error, never a cut."""
        app = self.backend()
        proxy = self.proxy_to(app, before=self.BIG)
        self.ask(proxy, "/" + "u" * 60000)
        self.refused(proxy, request_bytes("GET", "/" + "u" * 70000), [414, 431, 500], closes=False)
        self.assertEqual(1, len(app.requests))

    def test_a_configured_value_that_fits_no_record(self):
        app = self.backend()
        proxy = self.proxy_to(app, 'env = { TWICE = "${header.X-A}${header.X-A}" }',
                              before=self.BIG)
        self.ask(proxy, "/", {"X-A": "a" * 30000})
        self.assertEqual(60000, len(app.requests[0].env["TWICE"]))
        self.assertEqual(500, proxy.get("/", {"X-A": "a" * 40000}).status)
