"""Requests that are refused: one test for each row of the front-end vectors (5.3), and those of the
host and target rules of docs/configuration.md. A refused request never reaches the application, and
what follows it on a closing connection is never answered."""

from harness import ProxyCase
from http_client import request_bytes
from scripts import hang


class Refusals(ProxyCase):
    def setUp(self):
        super().setUp()
        self.app = self.backend()
        self.proxy = self.proxy_to(self.app)

    def tearDown(self):
        whole = self.app.complete()
        super().tearDown()
        self.assertEqual([], [r for r in whole if r.path != "/after"])

    def post(self, headers, body=b"", version="HTTP/1.1"):
        """A POST with the fields exactly as written, and a second request behind it."""
        return (f"POST / {version}\r\nHost: a\r\n{headers}\r\n\r\n".encode("latin-1") + body
                + request_bytes("GET", "/smuggled"))

    def all_refused(self, requests, *statuses):
        for data in requests:
            with self.subTest(data[:160]):
                self.refused(self.proxy, data, statuses)

    def all_kept(self, requests, *statuses):
        """Refused, but the connection goes on."""
        for data in requests:
            with self.subTest(data[:160]):
                client = self.connect(self.proxy)
                client.send(data)
                response = client.response()
                self.assertIn(response.status, statuses)
                self.assertFalse(response.says_close())
                self.assertEqual(b"/after", client.request("GET", "/after").body)
                client.close()

    # Framing

    def test_length_and_chunked(self):
        """5.3: CL + TE chunked."""
        chunks = b"5\r\nhello\r\n0\r\n\r\n"
        self.all_refused([
            self.post("Content-Length: 5\r\nTransfer-Encoding: chunked", chunks),
            self.post("Transfer-Encoding: chunked\r\nContent-Length: 5", chunks)], 400)

    def test_unknown_codings(self):
        """5.3: TE xchunked / identity / "chunked, identity"."""
        self.all_refused([self.post(f"Transfer-Encoding: {coding}", b"0\r\n\r\n") for coding in (
            "xchunked", "identity", "chunked, identity", "chunkedx", "\"chunked\"")], 501, 400)

    def test_gzip_chunked(self):
        """5.3: TE gzip, chunked."""
        self.all_refused([self.post("Transfer-Encoding: gzip, chunked", b"0\r\n\r\n")], 501)

    def test_chunked_twice(self):
        """5.3: TE chunked twice."""
        self.all_refused([
            self.post("Transfer-Encoding: chunked, chunked", b"0\r\n\r\n"),
            self.post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"0\r\n\r\n")],
            400)

    def test_http_1_0_with_coding(self):
        """5.3: HTTP/1.0 + TE."""
        self.all_refused([self.post("Transfer-Encoding: chunked", b"0\r\n\r\n", "HTTP/1.0")], 400)

    def test_two_lengths(self):
        """5.3: dup CL same / differ."""
        self.all_refused([self.post("Content-Length: 5\r\nContent-Length: 5", b"hello"),
                          self.post("Content-Length: 5\r\nContent-Length: 6", b"hello")], 400)

    def test_length_list(self):
        """5.3: CL "5, 5"."""
        self.all_refused([self.post("Content-Length: 5, 5", b"hello")], 400)

    def test_odd_lengths(self):
        """5.3: CL +5, -5, 0x5, "5 5", 2^64+5."""
        self.all_refused([self.post(f"Content-Length: {value}", b"hello") for value in (
            "+5", "-5", "0x5", "5 5", str(2**64 + 5), str(2**64), "5;", "5.0", "٥".encode().decode(
                "latin-1"))], 400)

    def test_length_beyond_63_bits(self):
        """A length of 2^63 and more is either refused or too large, never wrapped."""
        self.all_refused([self.post(f"Content-Length: {2**64 - 1}")], 400, 413)

    def test_empty_length(self):
        """5.3: CL empty."""
        self.all_refused([self.post("Content-Length:", b"hello"),
                          self.post("Content-Length: ", b"hello")], 400)

    # Chunks

    def chunk_refused(self, *bodies):
        self.all_refused([self.post("Transfer-Encoding: chunked", body) for body in bodies], 400)

    def test_chunk_size_with_prefix(self):
        """5.3: chunk size 0x5."""
        self.chunk_refused(b"0x5\r\nhello\r\n0\r\n\r\n", b"+5\r\nhello\r\n0\r\n\r\n",
                           b"-5\r\nhello\r\n0\r\n\r\n", b" 5\r\nhello\r\n0\r\n\r\n",
                           b"\r\nhello\r\n0\r\n\r\n")

    def test_chunk_size_of_17_digits(self):
        """5.3: chunk size 17 hex digits."""
        self.chunk_refused(b"10000000000000005\r\nhello\r\n0\r\n\r\n",
                           b"ffffffffffffffff1\r\nhello\r\n0\r\n\r\n")

    def test_chunk_extension_with_bare_lf(self):
        """5.3: chunk ext with bare LF."""
        self.chunk_refused(b"5;a\nb\r\nhello\r\n0\r\n\r\n", b"5;a=\"\n\"\r\nhello\r\n0\r\n\r\n")

    def test_chunk_lines_with_bare_lf(self):
        """5.3: chunk lines with bare LF."""
        self.chunk_refused(b"5\nhello\n0\n\n", b"5\r\nhello\n0\r\n\r\n", b"5\nhello\r\n0\r\n\r\n",
                           b"5\r\nhello\r\n0\n\r\n")

    def test_chunk_longer_than_its_size(self):
        self.chunk_refused(b"4\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloX\r\n0\r\n\r\n")

    # Fields

    def get(self, line):
        if isinstance(line, str):
            line = line.encode("latin-1")
        return b"GET / HTTP/1.1\r\nHost: a\r\n" + line + b"\r\n\r\n" + request_bytes("GET", "/s")

    def test_bare_lf_in_the_head(self):
        """5.3: bare LF in header lines."""
        self.all_refused([b"GET / HTTP/1.1\nHost: a\n\n", self.get("A: b\nC: d"),
                          b"GET / HTTP/1.1\r\nHost: a\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\n"],
                         400)

    def test_folded_field(self):
        """5.3: obs-fold."""
        self.all_refused([self.get("A: b\r\n c"), self.get("A: b\r\n\tc"), self.get("A:\r\n b"),
                          b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"], 400)

    def test_space_before_colon_nul_and_cr(self):
        """5.3: space before colon, NUL or bare CR in value."""
        self.all_refused([self.get("A : b"), self.get("A\t: b"), self.get("A: b\0c"),
                          self.get("A: b\rc"), self.get("A: b\r"), self.get("A: \0")], 400)

    def test_control_bytes(self):
        """5.3: \\x01 / \\x7f in value."""
        self.all_refused([self.get("A: b\x01c"), self.get("A: b\x7fc"), self.get("A: \x1b[0m"),
                          self.get("A\x01: b")], 400)

    def test_empty_name(self):
        """5.3: empty header name (CVE-2023-25725)."""
        self.all_refused([self.get(": b"), self.get(" : b"), self.get("nocolon")], 400)

    def test_names_that_are_no_tokens(self):
        self.all_refused([self.get(f"A{char}B: c") for char in "()<>@,;\\\"/[]?={} "]
                         + [self.get(b"A\xe4: b")], 400)

    # Host

    def test_two_hosts(self):
        """5.3: dup Host."""
        self.all_refused([self.get("Host: evil"), self.get("host: a")], 400)

    def test_no_host(self):
        """5.3: no Host, HTTP/1.1."""
        self.all_refused([b"GET / HTTP/1.1\r\n\r\n",
                          b"GET http://a.example/ HTTP/1.1\r\nX: y\r\n\r\n"], 400)

    def test_bad_hosts(self):
        """5.3: Host "x y", "x/../@evil"; docs/configuration.md: empty labels, ports, literals."""
        self.all_refused([request_bytes("GET", "/", host=host) for host in (
            "x y", "x/../@evil", "a@b", "a..b", ".a", "a:65536", "a:99999999999", "a:b", "a:-1",
            "[::1", "::1", "[::1]x", "[xyz]", "a?b", "a#b", "a\\b", "%zz", "a,b c")], 400)

    def test_bad_authorities(self):
        self.all_refused([request_bytes("GET", f"http://{authority}/") for authority in (
            "a..b", "a:65536", "[::1", "u@a", "")], 400)

    # Request line

    def line(self, line):
        if isinstance(line, str):
            line = line.encode("latin-1")
        return line + b"\r\nHost: a\r\n\r\n"

    def test_fragment_in_the_target(self):
        """5.3: `#` in request target (CVE-2023-45539)."""
        self.all_refused([self.line("GET /a#b HTTP/1.1"), self.line("GET /#?x HTTP/1.1"),
                          self.line("GET /?a#b HTTP/1.1")], 400)

    def test_versions(self):
        """5.3: HTTP/1.2 / HTTP/2.0 in the line; PRI * on a plain listener."""
        self.all_refused([self.line("GET / HTTP/1.2"), self.line("GET / HTTP/2.0"),
                          self.line("GET / HTTP/3.0"),
                          b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], 505)
        self.all_refused([self.line("GET / http/1.1"), self.line("GET / HTTP/1.1x"),
                          self.line("GET / HTTP/11"), self.line("GET / HTTP 1.1")], 400, 505)

    def test_http_0_9(self):
        """5.3: HTTP/0.9."""
        self.all_refused([b"GET /\r\n\r\n", b"GET /\r\n"], 400)

    def test_spaces_in_the_line(self):
        """5.3: two spaces / trailing space in line."""
        self.all_refused([self.line(text) for text in (
            "GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET / HTTP/1.1 ", " GET / HTTP/1.1",
            "GET\t/ HTTP/1.1", "GET / a HTTP/1.1")], 400)

    def test_leading_empty_lines(self):
        """5.3: leading 3 x CRLF: one is skipped, more are 400."""
        request = request_bytes("GET", "/s")
        self.all_refused([b"\r\n\r\n\r\n" + request, b"\r\n\r\n" + request], 400)

    def test_unknown_methods(self):
        """5.3: lower-case / unknown method."""
        self.all_kept([self.line(f"{method} / HTTP/1.1") for method in (
            "get", "Get", "FROBNICATE", "G", "M!#$%&'*+-.^_`|~09")], 405)

    def test_methods_that_are_no_tokens(self):
        self.all_refused([self.line(f"{method} / HTTP/1.1") for method in (
            "GE(T", "G@T", "\"GET\"", "GET,", "G\xe4T", "\x00GET", "\x16\x03\x01")], 400)

    def test_trace_and_connect(self):
        """5.3: TRACE / CONNECT to app; a 405 names what is allowed (RFC 9110 15.5.6)."""
        self.all_kept([self.line("TRACE / HTTP/1.1"), self.line("CONNECT a:443 HTTP/1.1")], 405)
        response = self.proxy.raw(self.line("TRACE / HTTP/1.1"))
        self.assertIn("GET", response.header("Allow"))

    def test_options_asterisk(self):
        """5.3: OPTIONS *."""
        self.all_kept([self.line("OPTIONS * HTTP/1.1")], 204)
        self.all_refused([self.line("GET * HTTP/1.1")], 400)

    def test_unknown_expectation(self):
        """5.3: unknown Expect; the connection is kept where no body is outstanding."""
        self.all_kept([self.get("Expect: banana").split(b"GET /s")[0]], 417)
        client = self.connect(self.proxy)
        client.send(request_bytes("POST", "/", {"Expect": "banana", "Content-Length": "5"}))
        self.assertEqual(417, client.response().status)
        client.end()

    def test_raw_high_bytes_in_the_path(self):
        """5.3: raw byte >= 0x80 in path."""
        self.all_refused([self.line(b"GET /\xc3\xa4 HTTP/1.1"), self.line(b"GET /\xff HTTP/1.1")],
                         400)

    def test_control_bytes_in_the_target(self):
        self.all_refused([self.line(b"GET /a" + bytes([byte]) + b"b HTTP/1.1")
                          for byte in (0, 1, 8, 9, 11, 12, 13, 27, 127)], 400)

    def test_targets_of_other_forms(self):
        """AP11 (CVE-2021-40438), AP13 (CVE-2011-3368): a target begins with / or http://."""
        self.all_refused([self.line(f"GET {target} HTTP/1.1") for target in (
            "unix:/tmp/x|http://a/", "@localhost/foobar", "foo", "a/b", "ftp://a/", "http:/a",
            "?x", "..", "http://")], 400)

    def test_smuggled_request_of_a_refused_body_is_not_answered(self):
        """A request refused before its body is read closes the connection (CVE-2019-20372)."""
        self.all_refused([self.post("Expect: banana\r\nContent-Length: 5")], 417)


class ConnectionField(ProxyCase):
    def test_named_fields_are_stripped(self):
        """5.3: `Connection: X-Secret`."""
        app = self.backend()
        self.ask(self.proxy_to(app), "/", [("Connection", "X-Secret, keep-alive"),
                                           ("x-secret", "1"), ("X-Kept", "2")])
        self.assertNotIn("HTTP_X_SECRET", app.requests[0].env)
        self.assertEqual("2", app.requests[0].env["HTTP_X_KEPT"])


class Misdirected(ProxyCase):
    def test_host_without_a_site(self):
        """docs/configuration.md [[site]]: no match is 421, and the connection is kept."""
        app = self.backend()
        proxy = self.start(f'[[site]]\nhosts = ["a.example"]\n[[site.route]]\npath = "/"\n'
                           f'to = "{app.url}"')
        client = self.connect(proxy)
        self.assertEqual(421, client.request("GET", "/", host="b.example").status)
        self.assertEqual(200, client.request("GET", "/", host="a.example").status)
        client.send(request_bytes("POST", "/", {"Content-Length": "3"}, host="b.example"))
        self.assertEqual(421, client.response().status)
        client.end()


class InsideTheBody(ProxyCase):
    def test_bad_chunk_of_a_streamed_body(self):
        """The application has the request already: it is given up, and the client told."""
        app = self.backend().then(hang, at="params")
        proxy = self.start(f'[[site]]\n[[site.route]]\npath = "/"\nto = "{app.url}"\n'
                           'request_buffering = "off"')
        client = self.connect(proxy)
        client.send(request_bytes("POST", "/", {"Transfer-Encoding": "chunked"}) + b"2\r\nab\r\n")
        app.wait_requests(1)
        client.send(b"zz\r\n")
        self.assertEqual(400, client.response().status)
        client.end()
        self.assertEqual(200, proxy.get().status)
