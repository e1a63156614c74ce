"""From the application's output to the HTTP response: the CGI head, framing, interim responses,
redirects, and bytes that are sent as they come (docs/configuration.md "Responses"; E21 to E34;
vectors 5.1)."""

import threading
import time

from fcgi_wire import STDOUT, end_request, record, stream
from harness import ProxyCase
from http_client import request_bytes
from scripts import cgi, raw


class ResponseCase(ProxyCase):
    def setUp(self):
        super().setUp()
        self.app = self.backend()
        self.proxy = self.proxy_to(self.app)

    def answer(self, head, body=b"", method="GET", target="/answer", **more):
        """The client's response to an application's output."""
        self.app.then(cgi(head, body))
        with self.connect(self.proxy) as client:
            return client.request(method, target, **more)

    def all_502(self, heads):
        for head in heads:
            with self.subTest(head[:80]):
                response = self.answer(head)
                self.assertEqual(502, response.status)
                self.assertNotIn(b"Secret", response.body)
                self.assertNotIn("secret", repr(response.headers).lower())
                self.assertEqual(b"/next", self.ask(self.proxy, "/next").body)


class Heads(ResponseCase):
    def test_status_and_fields(self):
        response = self.answer("Status: 404 Not Here\r\nContent-Type: a/b\r\nX-A: 1\r\nx-b:2\r\n"
                               "X-Empty:\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n", b"gone")
        self.assertEqual((404, b"gone"), (response.status, response.body))
        self.assertEqual(("a/b", "1", "2", "", ["a=1", "b=2"]),
                         (response.header("Content-Type"), response.header("X-A"),
                          response.header("x-b"), response.header("X-Empty"),
                          response.all("Set-Cookie")))
        self.assertIsNone(response.header("Status"))

    def test_statuses(self):
        """AP15: 599 passes as 404 does; without Status it is 200."""
        for status in (200, 201, 226, 299, 301, 400, 404, 418, 500, 502, 503, 599):
            self.assertEqual(status, self.answer(f"Status: {status}\r\n\r\n", b"x").status)
        self.assertEqual(200, self.answer("X: y\r\n\r\n").status)
        self.assertEqual(201, self.answer("status: 201\r\n\r\n").status)

    def test_line_ends(self):
        """LF or CRLF, each line its own."""
        for head in (b"A: 1\nB: 2\n\n", b"A: 1\r\nB: 2\r\n\r\n", b"A: 1\nB: 2\r\n\r\n",
                     b"A: 1\r\nB: 2\n\n", b"A: 1\r\nB: 2\r\n\n", b"A: 1\nB: 2\n\r\n"):
            response = self.answer(head, b"\nbody\r\n\r\n")
            self.assertEqual((200, "1", "2", b"\nbody\r\n\r\n"), (
                response.status, response.header("A"), response.header("B"), response.body))

    def test_empty_head(self):
        """E27: only the blank line is an empty head: 200."""
        self.assertEqual(b"body", self.answer(b"\r\n", b"body").body)
        self.assertEqual(b"\nx", self.answer(b"\n", b"\nx").body)
        self.assertEqual(b"", self.answer(b"\n").body)

    def test_head_cut_at_every_position(self):
        """5.1: a head split over two records, and two segments, at every byte."""
        head = b"Status: 201 Made\r\nContent-Type: a/b\r\nX-Long: value\r\n\r\nbody"
        client = self.connect(self.proxy)
        for at in range(1, len(head)):
            def script(conn, request, at=at):
                conn.stdout(request, head[:at])
                conn.finish(request, head[at:])
            self.app.then(script)
            response = client.request("GET", "/")
            self.assertEqual((201, "a/b", "value", b"body"), (
                response.status, response.header("Content-Type"), response.header("X-Long"),
                response.body))

    def test_whitespace_of_values(self):
        response = self.answer(b"A:  x  y \t\r\nB:\tz\r\nC: \xe4\xff\r\n\r\n")
        self.assertEqual(("x  y", "z", "\xe4\xff"),
                         (response.header("A"), response.header("B"), response.header("C")))

    def test_date_and_server(self):
        """The application's Date and Server win over the proxy's own."""
        response = self.answer("Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nServer: app\r\n\r\n")
        self.assertEqual(("Thu, 01 Jan 1970 00:00:00 GMT", "app"),
                         (response.header("Date"), response.header("Server")))

    def test_fields_of_the_proxy_are_not_the_applications(self):
        """E34, 5.1 (CVE-2024-24795): Transfer-Encoding, X-Accel-*, X-Sendfile are not passed on."""
        response = self.answer(
            "Transfer-Encoding: chunked\r\nX-Accel-Redirect: /etc/passwd\r\nX-Accel-Expires: 1\r\n"
            "X-Accel-Buffering: no\r\nX-Sendfile: /etc/passwd\r\nX-Kept: 1\r\n\r\n",
            b"4\r\nbody\r\n")
        self.assertEqual((200, b"4\r\nbody\r\n", "1"),
                         (response.status, response.body, response.header("X-Kept")))
        for name, _ in response.headers:
            self.assertNotRegex(name.lower(), "^(x-accel|x-sendfile)")

    def test_connection_fields_of_the_application(self):
        """The connection is the proxy's: what the application says of one is not passed on."""
        client = self.connect(self.proxy)
        self.app.then(cgi("Connection: close, X-Hop\r\nKeep-Alive: timeout=1\r\n"
                          "Content-Length: 1\r\n\r\n", b"x"))
        response = client.request("GET", "/")
        self.assertEqual([], response.all("Keep-Alive"))
        self.assertFalse(response.says_close())
        self.assertEqual(b"/next", client.request("GET", "/next").body)


class BadHeads(ResponseCase):
    def test_no_colon_and_folds(self):
        """E21: no colon, an HTTP status line, a folded line."""
        self.all_502([b"X-Secret: 1\r\nno colon\r\n\r\nx", b"HTTP/1.1 201 Created\r\nA: b\r\n\r\n",
                      b"A: X-Secret\r\n folded\r\n\r\n", b"A: b\r\n\tfolded\r\n\r\n", b"A\r\n\r\n",
                      b" A: b\r\n\r\n"])

    def test_names(self):
        """E23: a name with a space, none, one that is not a token."""
        self.all_502([b"A B: c\r\n\r\n", b": c\r\n\r\n", b"A : c\r\n\r\n", b"A\t: c\r\n\r\n",
                      b"A(: c\r\n\r\n", b"A\xe4: c\r\n\r\n", b"A\x01: c\r\n\r\n",
                      b"A/B: c\r\n\r\n"])

    def test_control_bytes(self):
        """E24, E25, E26: control bytes, NUL, bare CR."""
        self.all_502([b"A: b" + bytes([byte]) + b"c\r\n\r\n" for byte in (
            0, 1, 7, 8, 11, 12, 13, 27, 31, 127)] + [b"A: \0\r\n\r\n", b"A: b\rEvil: c\r\n\r\n",
                                                     b"A: b\r\r\n\r\n"])

    def test_statuses(self):
        """E28, E29, E32, 5.1 (CVE-2026-42946): bad Status; outside of 200 to 599."""
        self.all_502([f"Status:{value}\r\n\r\n".encode("latin-1") for value in (
            " 99", " abc", "", " ", " 2000", " 600", " 1000", " 0", " 199", " 101", " 102",
            " 200OK", " 200\tOK", " +200", " -200", " 20", " 2e2", " 0200", " 200,200",
            " HTTP/1.1 200 OK", " \xb2\xb0\xb0")])
        self.assertEqual(200, self.answer("Status: 200\r\n\r\n").status)
        self.assertEqual(200, self.answer("Status:200 OK\r\n\r\n").status)

    def test_duplicate_status(self):
        self.all_502([b"Status: 200\r\nStatus: 201\r\n\r\n", b"Status: 200\r\nStatus: 200\r\n\r\n"])

    def test_content_lengths(self):
        """E34, 5.1: a Content-Length that is not digits, or differs."""
        self.all_502([f"Content-Length:{value}\r\n\r\n".encode() for value in (
            " -1", " +1", " abc", " 1,2", " 1 2", " 0x1", "", " 18446744073709551617", " 1;")]
            + [b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx"])

    def test_no_output(self):
        """E10, E13: no output at all."""
        self.all_502([b""])

    def test_no_blank_line(self):
        """E11, finding 6."""
        self.all_502([b"X-Secret: 1\r\n", b"X-Secret: 1", b"X-Secret: 1\r\n\r"])


class Framing(ResponseCase):
    def test_length_of_the_application(self):
        response = self.answer("Content-Length: 4\r\n\r\n", b"body")
        self.assertEqual(("length", 4, b"body"), (response.framing, response.length, response.body))

    def test_too_long(self):
        """E34: longer than declared is cut and logged; the connection goes on."""
        client = self.connect(self.proxy)
        self.app.then(cgi("Content-Length: 4\r\n\r\n", b"bodyHTTP/1.1 200 OK\r\n\r\n"))
        response = client.request("GET", "/")
        self.assertEqual((b"body", True), (response.body, response.complete))
        self.assertEqual(b"/next", client.request("GET", "/next").body)

    def test_too_short(self):
        """E34: shorter than declared cuts the client's connection."""
        client = self.connect(self.proxy)
        self.app.then(cgi("Content-Length: 10\r\n\r\n", b"body"))
        client.send(request_bytes("GET", "/") + request_bytes("GET", "/second"))
        response = client.response()
        self.assertEqual((200, b"body", False), (response.status, response.body,
                                                 response.complete))
        self.ask(self.proxy)

    def test_no_body_statuses(self):
        """E31, 5.1: 204 and 304 with a body: dropped, the connection stays in step."""
        client = self.connect(self.proxy)
        for status in (204, 304):
            for length in ("", "Content-Length: 4\r\n"):
                self.app.then(cgi(f"Status: {status}\r\n{length}\r\n", b"body"))
                self.assertEqual(status, client.request("GET", "/").status)
                self.assertEqual(b"/next", client.request("GET", "/next").body)

    def test_head_with_a_body(self):
        client = self.connect(self.proxy)
        self.app.then(cgi("A: b\r\n\r\n", b"body" * 10000))
        self.assertEqual(200, client.request("HEAD", "/").status)
        self.assertEqual(b"/next", client.request("GET", "/next").body)

    def test_empty_bodies(self):
        client = self.connect(self.proxy)
        for head in ("A: b\r\n\r\n", "Content-Length: 0\r\n\r\n", "Status: 404\r\n\r\n"):
            self.app.then(cgi(head))
            response = client.request("GET", "/")
            self.assertEqual((b"", True), (response.body, response.complete))

    def test_sizes_around_records_and_buffers(self):
        client = self.connect(self.proxy)
        for size in (1, 4095, 4096, 65527, 65528, 65535, 65536, 131072, 1_000_001):
            body = (b"%08d" % size) * (size // 8 + 1)
            for length in ("", f"Content-Length: {size}\r\n"):
                self.app.then(cgi(f"A: b\r\n{length}\r\n", body[:size]))
                self.same_bytes(body[:size], client.request("GET", "/").body)


class Interim(ResponseCase):
    """E30, 5.1: 103 is passed to HTTP/1.1 clients, 100 is dropped, others are 502."""

    HINT = "Status: 103\r\nLink: </a.css>; rel=preload\r\n\r\n"

    def test_early_hints(self):
        response = self.answer(self.HINT + "Status: 201\r\nX: y\r\n\r\n", b"body")
        self.assertEqual((201, b"body"), (response.status, response.body))
        self.assertEqual([103], [interim.status for interim in response.interim])
        self.assertEqual("</a.css>; rel=preload", response.interim[0].header("Link"))
        self.assertIsNone(response.header("Link"))

    def test_twice_and_then_continue(self):
        response = self.answer(self.HINT * 2 + "Status: 100\r\n\r\nX: y\r\n\r\n", b"body")
        self.assertEqual((200, b"body", [103, 103]), (
            response.status, response.body, [interim.status for interim in response.interim]))

    def test_sent_at_once(self):
        go = threading.Event()

        def script(conn, request):
            conn.stdout(request, self.HINT.encode())
            go.wait(20)
            conn.finish(request, b"X: y\r\n\r\nbody")
        self.app.then(script)
        client = self.connect(self.proxy)
        client.send(request_bytes("GET", "/"))
        self.assertEqual(103, client.interim_response().status)
        go.set()
        self.assertEqual(b"body", client.response().body)

    def test_not_to_http_1_0(self):
        response = self.answer(self.HINT + "X: y\r\n\r\n", b"body", version="HTTP/1.0")
        self.assertEqual((200, b"body", []), (response.status, response.body, response.interim))

    def test_without_a_final_response(self):
        """5.1: 103, then the end."""
        response = self.answer(self.HINT)
        self.assertEqual(502, response.status)
        self.assertEqual(502, self.answer("Status: 100\r\n\r\n").status)


class Redirects(ResponseCase):
    def test_absolute_location(self):
        """E33, RFC 3875 6.2.3: 302 unless there is a Status."""
        response = self.answer("Location: https://a.example/x?y\r\n\r\n")
        self.assertEqual((302, "https://a.example/x?y"),
                         (response.status, response.header("Location")))
        response = self.answer("Status: 301\r\nLocation: https://a.example/\r\n\r\n")
        self.assertEqual(301, response.status)

    def test_local_location_with_a_status(self):
        response = self.answer("Status: 303\r\nLocation: /x\r\n\r\n")
        self.assertEqual((303, "/x"), (response.status, response.header("Location")))

    def test_local_redirect(self):
        """RFC 3875 6.2.2: served inside of the site, as GET, without the body."""
        self.app.then(cgi("Location: /other%20path?q=1\r\nContent-Type: a/b\r\n\r\n"))
        with self.connect(self.proxy) as client:
            response = client.request("POST", "/form", body=b"data")
        self.assertEqual((200, b"/other path"), (response.status, response.body))
        first, second = self.app.requests
        self.assertEqual(("POST", b"data"), (first.env["REQUEST_METHOD"], bytes(first.stdin)))
        self.assertEqual(("GET", "q=1", b""), (second.env["REQUEST_METHOD"],
                                              second.env["QUERY_STRING"], bytes(second.stdin)))
        self.assertNotIn("CONTENT_LENGTH", second.env)
        self.assertNotIn("CONTENT_TYPE", second.env)

    def test_local_redirect_of_head(self):
        self.app.then(cgi("Location: /other\r\n\r\n"))
        with self.connect(self.proxy) as client:
            self.assertEqual(200, client.request("HEAD", "/x").status)

    def test_with_another_field(self):
        """Another field than Content-Type makes it no local redirect."""
        response = self.answer("Location: /x\r\nSet-Cookie: a=1\r\n\r\n")
        self.assertEqual("/x", response.header("Location"))
        self.assertEqual(1, len(self.app.requests))

    def test_loop(self):
        """At most 10 deep, then 502."""
        self.app.always(cgi("Location: /again\r\n\r\n"))
        self.assertEqual(502, self.proxy.get().status)
        self.assertLessEqual(len(self.app.requests), 12)
        self.assertGreaterEqual(len(self.app.requests), 10)

    def test_bad_local_targets(self):
        """5.1: the target of a redirect is checked as a client's would be."""
        for target in ("/%00", "/../x", "/%zz", "/a%2Fb"):
            response = self.answer(f"Location: {target}\r\n\r\n")
            self.assertIn(response.status, (400, 502), target)


class Streaming(ResponseCase):
    def test_events_are_sent_as_they_come(self):
        """N64: each event is with the client before the next is sent."""
        for kind in (b"text/event-stream", b"text/plain"):
            head = b"Content-Type: %s\r\n\r\n" % kind
            seen = threading.Semaphore(0)

            def script(conn, request, head=head, seen=seen):
                conn.stdout(request, head)
                for number in range(4):
                    self.sent_at = time.monotonic()
                    conn.stdout(request, b"data: %d\n\n" % number)
                    seen.acquire(timeout=20)
                conn.finish(request, b"")
            self.app.then(script)
            client = self.connect(self.proxy)
            client.send(request_bytes("GET", "/"))
            response = client.head()
            delays = []
            for number in range(4):
                client.body(response, at_least=9 * (number + 1))
                delays.append(time.monotonic() - self.sent_at)
                seen.release()
            client.body(response)
            self.assertEqual(b"".join(b"data: %d\n\n" % n for n in range(4)), response.body)
            self.assertLess(min(delays), 0.05)

    def test_head_before_any_body(self):
        """The head is sent when it is there; nothing waits for a first byte of body."""
        go = threading.Event()

        def script(conn, request):
            conn.stdout(request, b"X-Early: 1\r\n\r\n")
            go.wait(20)
            conn.finish(request, b"body")
        self.app.then(script)
        client = self.connect(self.proxy)
        client.send(request_bytes("GET", "/"))
        response = client.head()
        self.assertEqual("1", response.header("X-Early"))
        go.set()
        client.body(response)
        self.assertEqual(b"body", response.body)

    def test_drip(self):
        """AP4: a drip-fed response is complete."""
        def script(conn, request):
            for byte in b"A: b\r\n\r\nabcdef":
                conn.stdout(request, bytes([byte]))
                threading.Event().wait(0.005)
            conn.send(record(STDOUT, request.id) + end_request(request.id))
            conn.mark_ended(request)
        self.app.then(script)
        self.assertEqual(b"abcdef", self.ask(self.proxy).body)

    def test_empty_stdout_ends_the_output(self):
        """What follows the empty STDOUT record is not part of the response."""
        self.app.then(raw(lambda i: stream(STDOUT, i, b"A: b\r\n\r\nbody") + record(STDOUT, i)
                          + stream(STDOUT, i, b"late") + end_request(i)))
        client = self.connect(self.proxy)
        response = client.request("GET", "/")
        self.assertTrue(response.body == b"body" or not response.complete, response)
        self.ask(self.proxy)
