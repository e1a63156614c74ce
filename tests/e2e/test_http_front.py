"""HTTP/1.1 as clients use it: keep-alive, pipelining, chunked both ways, Expect, HEAD, HTTP/1.0,
absolute-form, half-close, and the answers that the proxy gives by itself (docs/configuration.md).
"""

import json
import select
import threading

from harness import ProxyCase
from http_client import chunked, request_bytes
from scripts import after, cgi


class MaxForwards(ProxyCase):
    def test_options(self):
        """RFC 9110 7.6.2; other methods do not care."""
        app = self.backend()
        client = self.connect(self.proxy_to(app))
        for number in ("0", "00"):
            response = client.request("OPTIONS", "/", {"Max-Forwards": number})
            self.assertEqual((204, b""), (response.status, response.body))
            self.assertIn("OPTIONS", response.header("Allow"))
        narrow = self.connect(self.proxy_to(app, 'methods = ["GET", "OPTIONS"]'))
        self.assertEqual("GET, HEAD, OPTIONS", narrow.request(
            "OPTIONS", "/", {"Max-Forwards": "0"}).header("Allow"))
        self.assertEqual([], app.requests)
        self.assertEqual(200, client.request("OPTIONS", "/", {"Max-Forwards": "1"}).status)
        self.assertEqual(200, client.request("GET", "/", {"Max-Forwards": "x"}).status)
        self.assertEqual(400, client.request("OPTIONS", "/", {"Max-Forwards": "-1"}).status)
        self.assertEqual(2, len(app.requests))


class Connections(ProxyCase):
    """How long a connection lives, and in which order it is answered."""

    def test_keep_alive(self):
        app = self.backend()
        client = self.connect(self.proxy_to(app))
        for number in range(20):
            response = client.request("GET", f"/{number}")
            self.assertEqual((200, b"/%d" % number), (response.status, response.body))
            self.assertFalse(response.says_close())

    def test_pipelined_requests_are_answered_in_order(self):
        app = self.backend()
        client = self.connect(self.proxy_to(app))
        client.send(b"".join(request_bytes("GET", f"/{n}") for n in range(50)))
        self.assertEqual([b"/%d" % n for n in range(50)],
                         [client.response().body for _ in range(50)])

    def test_what_comes_behind_the_last_answer_destroys_nothing(self):
        """RFC 9112 9.6: the client sends on until it has read that the connection ends."""
        body = b"x" * 100_000
        app = self.backend().always(cgi("A: b\r\n\r\n", body))
        client = self.connect(self.proxy_to(app, before="[timeouts]\nkeepalive = 0"))
        client.send(request_bytes("GET", "/"))
        ended = select.poll()
        ended.register(client.socket, select.POLLRDHUP)
        self.assertTrue(ended.poll(5000), "the connection is not ended")
        for _ in range(3):
            client.send(request_bytes("GET", "/"))
        response = client.response()
        self.assertEqual(body, response.body)
        self.assertTrue(response.says_close())
        self.assertEqual("eof", client.end())

    def test_pipelined_behind_a_body(self):
        app = self.backend()
        client = self.connect(self.proxy_to(app))
        client.send(request_bytes("POST", "/one", body=b"x" * 5000) + request_bytes("GET", "/two")
                    + request_bytes("POST", "/three", {"Transfer-Encoding": "chunked"})
                    + chunked(b"abc", b"defg") + request_bytes("GET", "/four"))
        self.assertEqual([b"/one", b"/two", b"/three", b"/four"],
                         [client.response().body for _ in range(4)])
        self.assertEqual([b"x" * 5000, b"", b"abcdefg", b""],
                         [bytes(r.stdin) for r in app.requests])

    def test_a_request_byte_by_byte(self):
        app = self.backend()
        client = self.connect(self.proxy_to(app))
        for _ in range(2):
            for byte in request_bytes("POST", "/slow", {"X-A": "b"}, b"12345"):
                client.send(bytes([byte]))
            self.assertEqual(b"/slow", client.response().body)
        self.assertEqual([b"12345"] * 2, [bytes(r.stdin) for r in app.requests])

    def test_a_request_cut_at_every_position(self):
        app = self.backend()
        client = self.connect(self.proxy_to(app))
        data = (request_bytes("POST", "/cut", {"Transfer-Encoding": "chunked"})
                + chunked(b"hello", b"world", trailers=b"X-T: 1\r\n"))
        for at in range(1, len(data)):
            client.send(data[:at])
            client.send(data[at:])
            self.assertEqual(b"/cut", client.response().body)
        self.assertEqual({b"helloworld"}, {bytes(r.stdin) for r in app.requests})

    def test_connection_close_of_the_client(self):
        client = self.connect(self.proxy_to(self.backend()))
        response = client.request("GET", "/", {"Connection": "close"})
        self.assertEqual(200, response.status)
        self.assertTrue(response.says_close())
        self.assertEqual("eof", client.end())

    def test_requests_per_connection(self):
        proxy = self.proxy_to(self.backend(), before="[limits]\nrequests_per_connection = 2")
        client = self.connect(proxy)
        self.assertFalse(client.request("GET", "/1").says_close())
        self.assertTrue(client.request("GET", "/2").says_close())
        client.end()

    def test_a_leading_empty_line_is_skipped(self):
        """vectors 5.3: one CRLF before a request is skipped (RFC 9112 2.2)."""
        client = self.connect(self.proxy_to(self.backend()))
        client.send(b"\r\n" + request_bytes("GET", "/a"))
        self.assertEqual(b"/a", client.response().body)
        client.send(b"\r\n" + request_bytes("GET", "/b"))
        self.assertEqual(b"/b", client.response().body)


class Bodies(ProxyCase):
    """Framing in both directions."""

    def test_chunked_upload_gets_its_content_length(self):
        """N65: the application sees a body of unknown length with its exact CONTENT_LENGTH."""
        app = self.backend()
        proxy = self.proxy_to(app)
        for size in (0, 1, 17, 65535, 65536, 300000):
            body = bytes(range(256)) * (size // 256) + b"z" * (size % 256)
            pieces = [body[at:at + 9973] for at in range(0, size, 9973)]
            response = proxy.raw(request_bytes("POST", "/", {"Transfer-Encoding": "chunked"})
                                 + chunked(*pieces))
            self.assertEqual(200, response.status)
            request = app.requests[-1]
            self.same_bytes(body, request.stdin)
            self.assertEqual(str(size), request.env.get("CONTENT_LENGTH", "0"))
            self.assertNotIn("HTTP_TRANSFER_ENCODING", request.env)

    def test_chunk_extensions_are_ignored_and_trailers_dropped(self):
        """5.2 (CVE-2025-12642, CVE-2013-5704): trailers never become headers."""
        app = self.backend()
        client = self.connect(self.proxy_to(app))
        client.send(request_bytes("POST", "/", {"Transfer-Encoding": "Chunked",
                                                "Trailer": "X-Auth"})
                    + b'4;a=b;c="d;e"\r\nwiki\r\n0;last\r\nContent-Length: 9\r\nX-Auth: a\r\n\r\n')
        self.assertEqual(200, client.response().status)
        request = app.requests[0]
        self.assertEqual(b"wiki", bytes(request.stdin))
        self.assertEqual("4", request.env["CONTENT_LENGTH"])
        self.assertNotIn("HTTP_X_AUTH", request.env)
        self.assertEqual(b"/next", client.request("GET", "/next").body)

    def test_upload_of_known_length_streams(self):
        """The application sees the first bytes while the client still sends."""
        app = self.backend()
        client = self.connect(self.proxy_to(app))
        client.send(request_bytes("POST", "/", {"Content-Length": "20"}) + b"0123456789")
        app.wait(lambda: app.requests and bytes(app.requests[0].stdin) == b"0123456789",
                 "the first half")
        client.send(b"abcdefghij")
        self.assertEqual(200, client.response().status)
        self.assertEqual(b"0123456789abcdefghij", bytes(app.requests[0].stdin))

    def test_leading_zeros_of_a_length(self):
        """AP12 (CVE-2009-1890): Content-Length: 0100000, in two halves."""
        app = self.backend()
        client = self.connect(self.proxy_to(app))
        client.send(request_bytes("POST", "/", {"Content-Length": "0100000"}) + b"a" * 50000)
        app.wait(lambda: app.requests and app.requests[0].stdin, "the first bytes")
        client.send(b"b" * 50000)
        self.assertEqual(200, client.response().status)
        self.same_bytes(b"a" * 50000 + b"b" * 50000, app.requests[0].stdin)
        self.assertEqual(100000, int(app.requests[0].env["CONTENT_LENGTH"]))

    def test_answer_of_unknown_length_is_chunked(self):
        app = self.backend().always(cgi("Content-Type: text/plain\r\n\r\n", b"body"))
        client = self.connect(self.proxy_to(app))
        for _ in range(2):
            response = client.request("GET", "/")
            self.assertIn(response.framing, ("chunked", "length"))
            self.assertEqual((b"body", True, []), (response.body, response.complete,
                                                   response.trailers))

    def test_an_answer_before_the_body_ended_is_passed_on(self):
        """5.4: answers before STDIN ends; full duplex."""
        app = self.backend().then(cgi("Status: 403\r\nContent-Length: 2\r\n\r\n", b"no"), "params")
        client = self.connect(self.proxy_to(app))
        client.send(request_bytes("POST", "/", {"Content-Length": "1000"}) + b"x" * 10)
        response = client.response()
        self.assertEqual((403, b"no", True), (response.status, response.body, response.complete))

    def test_full_duplex(self):
        """6 MB up while 5 MB come down, on one exchange."""
        def duplex(conn, request):
            conn.stdout(request, b"Content-Type: x/y\r\n\r\n")
            sender = threading.Thread(
                target=lambda: conn.stdout(request, b"d" * 5_000_000, size=8192))
            sender.start()
            conn.read_stdin(request)
            sender.join(30)
            conn.finish(request, b"")
        app = self.backend().then(duplex, "params")
        client = self.connect(self.proxy_to(app))
        client.send(request_bytes("POST", "/", {"Content-Length": "6000000"}))
        uploader = threading.Thread(target=client.send, args=(b"u" * 6_000_000,))
        uploader.start()
        response = client.response()
        uploader.join(30)
        self.assertTrue(response.complete)
        self.same_bytes(b"d" * 5_000_000, response.body)
        self.same_bytes(b"u" * 6_000_000, app.requests[0].stdin)


class Head(ProxyCase):
    def test_head_keeps_the_length_and_drops_the_body(self):
        app = self.backend().always(cgi("Content-Length: 4\r\n\r\n", b"body"))
        client = self.connect(self.proxy_to(app))
        for _ in range(3):
            response = client.request("HEAD", "/")
            self.assertEqual((200, 4), (response.status, response.length))
        self.assertEqual(b"body", client.request("GET", "/").body)
        self.assertEqual("HEAD", app.requests[0].env["REQUEST_METHOD"])

    def test_head_of_an_application_that_sends_no_body(self):
        app = self.backend().then(cgi("Content-Length: 400\r\n\r\n")).always(
            cgi("Content-Type: a/b\r\n\r\n", b"after"))
        client = self.connect(self.proxy_to(app))
        self.assertEqual(400, client.request("HEAD", "/").length)
        self.assertEqual(b"after", client.request("GET", "/").body)

    def test_head_of_an_error_of_the_proxy(self):
        client = self.connect(self.start('[[site]]\n[[site.route]]\npath = "/a"\n'
                                         'respond = { status = 200, body = "a" }'))
        self.assertEqual(404, client.request("HEAD", "/none").status)
        self.assertEqual(b"a", client.request("GET", "/a").body)


class Expect(ProxyCase):
    def test_continue_is_sent_when_the_body_is_wanted(self):
        app = self.backend()
        client = self.connect(self.proxy_to(app))
        client.send(request_bytes("POST", "/", {"Expect": "100-Continue", "Content-Length": "5"}))
        self.assertEqual(100, client.interim_response().status)
        client.send(b"hello")
        response = client.response()
        self.assertEqual((200, []), (response.status, response.interim))
        self.assertEqual(b"hello", bytes(app.requests[0].stdin))

    def test_continue_for_a_chunked_body(self):
        app = self.backend()
        client = self.connect(self.proxy_to(app))
        client.send(request_bytes("POST", "/", {"Expect": "100-continue",
                                                "Transfer-Encoding": "chunked"}))
        self.assertEqual(100, client.interim_response().status)
        client.send(chunked(b"hello"))
        self.assertEqual(200, client.response().status)
        self.assertEqual(b"hello", bytes(app.requests[0].stdin))

    def test_no_continue_without_a_body(self):
        client = self.connect(self.proxy_to(self.backend()))
        for headers in ({}, {"Content-Length": "0"}):
            response = client.request("POST", "/", {"Expect": "100-continue", **headers})
            self.assertEqual((200, []), (response.status, response.interim))

    def test_no_continue_where_the_request_is_refused(self):
        proxy = self.proxy_to(self.backend(), before='[limits]\nbody = 10')
        client = self.connect(proxy)
        response = client.request("POST", "/", {"Expect": "100-continue", "Content-Length": "11"})
        self.assertEqual((413, []), (response.status, response.interim))
        client.end()

    def test_no_continue_for_http_1_0(self):
        """RFC 9110 10.1.1: the expectation of an HTTP/1.0 request is ignored."""
        app = self.backend()
        client = self.connect(self.proxy_to(app))
        client.send(request_bytes("POST", "/", {"Expect": "100-continue", "Content-Length": "5"},
                                  version="HTTP/1.0") + b"hello")
        response = client.response()
        self.assertEqual((200, []), (response.status, response.interim))


class Http10(ProxyCase):
    def test_closes_by_default(self):
        client = self.connect(self.proxy_to(self.backend()))
        self.assertEqual(200, client.request("GET", "/", version="HTTP/1.0").status)
        client.end()

    def test_keep_alive_with_a_known_length(self):
        app = self.backend().always(cgi("Content-Length: 2\r\n\r\n", b"ok"))
        client = self.connect(self.proxy_to(app))
        for _ in range(2):
            response = client.request("GET", "/", {"Connection": "Keep-Alive"},
                                      version="HTTP/1.0")
            self.assertEqual(("length", b"ok"), (response.framing, response.body))
            self.assertEqual("keep-alive", (response.header("Connection") or "").lower())

    def test_unknown_length_ends_with_the_connection(self):
        def two_parts(conn, request):
            conn.stdout(request, b"Content-Type: a/b\r\n\r\nok")
            conn.stdout(request, b"-more")
            conn.finish(request, b"")
        app = self.backend().always(two_parts)
        client = self.connect(self.proxy_to(app))
        response = client.request("GET", "/", {"Connection": "keep-alive"}, version="HTTP/1.0")
        self.assertEqual((b"ok-more", True), (response.body, response.complete))
        self.assertNotEqual("chunked", response.framing)

    def test_without_host(self):
        app = self.backend()
        proxy = self.proxy_to(app)
        self.assertEqual(200, proxy.raw(b"GET / HTTP/1.0\r\n\r\n").status)
        self.assertEqual("127.0.0.1", app.requests[0].env["SERVER_NAME"])
        self.assertNotIn("HTTP_HOST", app.requests[0].env)


class HalfClose(ProxyCase):
    """A client that ends its own direction after a whole request is answered."""

    def test_at_once(self):
        client = self.connect(self.proxy_to(self.backend()))
        client.send(request_bytes("GET", "/half"))
        client.half_close()
        self.assertEqual(b"/half", client.response().body)
        self.assertEqual("eof", client.end())

    def test_while_the_application_works(self):
        go = threading.Event()
        app = self.backend()
        app.always(after(go, app.hello))
        client = self.connect(self.proxy_to(app))
        client.send(request_bytes("GET", "/half"))
        app.wait_requests(1)
        client.half_close()
        threading.Timer(0.5, go.set).start()
        self.assertEqual(b"/half", client.response().body)
        self.assertEqual("eof", client.end())

    def test_behind_pipelined_requests(self):
        client = self.connect(self.proxy_to(self.backend()))
        client.send(b"".join(request_bytes("GET", f"/{n}") for n in range(5)))
        client.half_close()
        self.assertEqual([b"/%d" % n for n in range(5)],
                         [client.response().body for _ in range(5)])
        client.end()

    def test_behind_a_body(self):
        app = self.backend()
        client = self.connect(self.proxy_to(app))
        client.send(request_bytes("POST", "/", body=b"x" * 100000))
        client.half_close()
        self.assertEqual(200, client.response().status)
        self.assertEqual(100000, len(app.requests[0].stdin))

    def test_inside_a_head_and_inside_a_body(self):
        """5.1 (CVE-2022-41556), 5.4: no request reaches the application whole, nothing leaks."""
        app = self.backend()
        proxy = self.proxy_to(app)
        post = request_bytes("POST", "/", {"Transfer-Encoding": "chunked"})
        halves = [b"GET / HTTP/1.1\r\nHost: a\r\n",
                  request_bytes("POST", "/", {"Content-Length": "10"}) + b"12345",
                  post + b"5\r\n123", post + b"3\r\n123\r\n0\r\n"]
        for half in halves:
            client = self.connect(proxy)
            client.send(half)
            client.half_close()
            while client.fill():
                pass
            self.assertNotIn(b" 200 ", client.buffer[:20])
        self.assertEqual([], app.complete())
        self.ask(proxy)

    def test_on_an_idle_connection(self):
        client = self.connect(self.proxy_to(self.backend()))
        client.request("GET", "/")
        client.half_close()
        self.assertEqual("eof", client.end(2))


class OwnAnswers(ProxyCase):
    def test_respond_and_redirect(self):
        proxy = self.start('''
[[site]]
[[site.route]]
path = "/gone"
respond = { status = 410, body = "${host} ${path} is gone" }
[[site.route]]
path = "/old/"
redirect = { to = "https://${host}${request_uri}", status = 308 }
''')
        client = self.connect(proxy)
        response = client.request("GET", "/gone", host="Example.ORG:8080")
        self.assertEqual((410, b"example.org /gone is gone"), (response.status, response.body))
        response = client.request("GET", "/old/a%20b?x=%2F", host="example.org")
        self.assertEqual((308, "https://example.org/old/a%20b?x=%2F"),
                         (response.status, response.header("Location")))

    def test_error_pages_are_html_or_json(self):
        client = self.connect(self.proxy_to(self.backend(), 'methods = ["GET"]'))
        html = client.request("DELETE", "/")
        self.assertEqual(405, html.status)
        self.assertIn("text/html", html.header("Content-Type"))
        self.assertIn(b"405", html.body)
        answer = client.request("DELETE", "/", {"Accept": "application/json"})
        self.assertIn("application/json", answer.header("Content-Type"))
        json.loads(answer.body)

    def test_methods_of_a_route(self):
        app = self.backend()
        client = self.connect(self.proxy_to(app, 'methods = ["GET", "PURGE"]'))
        response = client.request("POST", "/")
        self.assertEqual(405, response.status)
        allowed = {m.strip() for m in response.header("Allow").split(",")}
        self.assertLessEqual({"GET", "PURGE"}, allowed)
        self.assertNotIn("POST", allowed)
        self.assertEqual(200, client.request("GET", "/").status)
        self.assertEqual(["GET"], [r.env["REQUEST_METHOD"] for r in app.requests])

    def test_date_and_server(self):
        proxy = self.proxy_to(self.backend())
        response = self.ask(proxy)
        self.assertRegex(response.header("Date"), r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$")
        self.assertEqual("millrace", response.header("Server"))
        quiet = self.proxy_to(self.backend(), before="[server]\nworkers = 1\nserver_tokens = false")
        self.assertIsNone(self.ask(quiet).header("Server"))
