"""Limits and timeouts of the client's side, with the statuses of docs/configuration.md [limits],
[timeouts]."""

import time

from harness import ProxyCase
from http_client import chunked, request_bytes
from scripts import cgi


class Limits(ProxyCase):
    def test_uri(self):
        app = self.backend()
        proxy = self.proxy_to(app, before='[limits]\nuri = "1KiB"')
        self.ask(proxy, "/" + "a" * 1023)
        self.refused(proxy, request_bytes("GET", "/" + "a" * 1024), [414])
        self.refused(proxy, b"GET /" + b"a" * 200000, [414])
        self.assertEqual(1, len(app.requests))

    def test_default_uri(self):
        proxy = self.proxy_to(self.backend())
        self.ask(proxy, "/" + "a" * 8191)
        self.refused(proxy, request_bytes("GET", "/" + "a" * 8192), [414])

    def test_header_bytes(self):
        proxy = self.proxy_to(self.backend(), before='[limits]\nheader_bytes = "4KiB"')
        self.ask(proxy, "/", {"X-A": "a" * 3000})
        self.refused(proxy, request_bytes("GET", "/", {"X-A": "a" * 4096}), [431])
        self.refused(proxy, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000, [431])
        self.refused(proxy, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"x" * 9000, [431])

    def test_number_of_fields(self):
        proxy = self.proxy_to(self.backend())
        self.ask(proxy, "/", [(f"X-{n}", "v") for n in range(99)])
        self.refused(proxy, request_bytes("GET", "/", [(f"X-{n}", "v") for n in range(100)]),
                     [431])

    def test_ten_thousand_fields(self):
        """5.4: 10,000 headers."""
        proxy = self.proxy_to(self.backend(),
                              before='[limits]\nheader_bytes = "1MiB"\nheaders = 500')
        self.ask(proxy, "/", [(f"X-{n}", "v") for n in range(499)])
        self.refused(proxy, request_bytes("GET", "/", [(f"X-{n}", "v") for n in range(10000)]),
                     [431])

    def test_no_limit(self):
        """0 means no limit."""
        app = self.backend()
        proxy = self.proxy_to(app, before='[limits]\nheaders = 0\nheader_bytes = 0\nuri = 0')
        self.ask(proxy, "/" + "u" * 20000, [(f"X-{n}", "v" * 100) for n in range(1000)])
        self.assertEqual("v" * 100, app.requests[0].env["HTTP_X_999"])

    def test_body_of_known_length(self):
        app = self.backend()
        proxy = self.proxy_to(app, before='[limits]\nbody = "1KiB"')
        self.assertEqual(200, proxy.raw(request_bytes("POST", "/", body=b"x" * 1024)).status)
        self.refused(proxy, request_bytes("POST", "/", {"Content-Length": "1025"}), [413])
        self.assertEqual(1, len(app.requests), "the application was asked")

    def test_chunked_body(self):
        app = self.backend()
        proxy = self.proxy_to(app, before='[limits]\nbody = "1KiB"')
        post = request_bytes("POST", "/", {"Transfer-Encoding": "chunked"})
        self.assertEqual(200, proxy.raw(post + chunked(b"x" * 500, b"y" * 524)).status)
        self.refused(proxy, post + chunked(b"x" * 500, b"y" * 525), [413])
        self.refused(proxy, post + b"ffffffff\r\n" + b"x" * 2000, [413])
        self.assertEqual(1, len(app.complete()))

    def test_body_limit_of_a_route(self):
        app = self.backend()
        proxy = self.start(f'''
[limits]
body = 10
[[site]]
[[site.route]]
path = "/"
to = "{app.url}"
[[site.route]]
path = "/big/"
to = "{app.url}"
limits = {{ body = "1MiB" }}
''')
        self.refused(proxy, request_bytes("POST", "/", body=b"x" * 11), [413])
        self.assertEqual(200, proxy.raw(request_bytes("POST", "/big/", body=b"x" * 11)).status)

    def test_trailers_count_into_the_head(self):
        proxy = self.proxy_to(self.backend(), before='[limits]\nheader_bytes = "2KiB"')
        post = request_bytes("POST", "/", {"Transfer-Encoding": "chunked"})
        self.assertEqual(200, proxy.raw(post + chunked(b"a", trailers=b"T: 1\r\n")).status)
        self.refused(proxy, post + chunked(b"a", trailers=b"T: " + b"t" * 3000 + b"\r\n"), [431])
        self.refused(proxy, post + b"1\r\na\r\n0\r\n" + b"T: t\r\n" * 1000, [431])

    def test_chunk_extensions(self):
        """5.4: chunk extensions flood; one chunk-size line may have 4 KiB."""
        proxy = self.proxy_to(self.backend())
        post = request_bytes("POST", "/", {"Transfer-Encoding": "chunked"})
        self.assertEqual(200, proxy.raw(post + b"1;" + b"e" * 4000 + b"\r\na\r\n0\r\n\r\n").status)
        self.refused(proxy, post + b"1;" + b"e" * 100000, [400, 413, 431])

    def test_response_head(self):
        """E22: a head over response_header_bytes is 502; 60 KB pass by default."""
        app = self.backend()
        proxy = self.proxy_to(app)
        app.then(cgi("X-Long: " + "a" * 60000 + "\r\n\r\n", b"ok"))
        self.assertEqual(60000, len(self.ask(proxy).header("X-Long")))
        for head in ("X-Long: " + "a" * 70000 + "\r\n\r\n", "X: y\r\n" * 12000 + "\r\n",
                     "a" * 200000):
            app.then(cgi(head))
            self.assertEqual(502, proxy.get().status)
        self.ask(proxy)


class Timeouts(ProxyCase):
    def timed(self, function):
        begin = time.monotonic()
        result = function()
        return result, time.monotonic() - begin

    def test_head(self):
        """408 if a byte came, then close; one byte now and then does not help."""
        proxy = self.proxy_to(self.backend(), before='[timeouts]\nheader = "400ms"')
        client = self.connect(proxy)
        client.send(b"GET / HTTP/1.1\r\n")
        response, seconds = self.timed(client.response)
        self.assertEqual(408, response.status)
        client.end()
        self.assertTrue(0.2 < seconds < 3, seconds)

    def test_slow_head(self):
        """5.4: header 1 B/s. The time is that of the whole head."""
        proxy = self.proxy_to(self.backend(), before='[timeouts]\nheader = "500ms"')
        client = self.connect(proxy)
        client.socket.settimeout(0.05)
        begin = time.monotonic()
        while time.monotonic() - begin < 10:
            try:
                client.send(b"G" if not client.buffer else b"")
                client.fill()
            except TimeoutError:
                continue
            except OSError:
                break
            if client.buffer or client.ended:
                break
        self.assertTrue(client.buffer.startswith(b"HTTP/1.1 408 ") or client.ended, client.buffer)
        self.assertLess(time.monotonic() - begin, 3)

    def test_silent_connection(self):
        """From accept for the first head; without a byte there is no answer."""
        proxy = self.proxy_to(self.backend(), before='[timeouts]\nheader = "300ms"')
        self.assertEqual("eof", self.connect(proxy).end(5))

    def test_head_of_a_second_request(self):
        proxy = self.proxy_to(self.backend(),
                              before='[timeouts]\nheader = "300ms"\nkeepalive = "30s"')
        client = self.connect(proxy)
        client.request("GET", "/")
        client.send(b"GET / HT")
        self.assertEqual(408, client.response().status)
        client.end()

    def test_body(self):
        """408, and the application's request is given up."""
        app = self.backend()
        proxy = self.proxy_to(app, before='[timeouts]\nbody = "300ms"')
        client = self.connect(proxy)
        client.send(request_bytes("POST", "/", {"Content-Length": "10"}) + b"12345")
        self.assertEqual(408, client.response().status)
        client.end()
        app.wait(lambda: all(r.aborted or r.conn.ended_at for r in app.requests), "the abort")
        self.assertEqual([], app.complete())

    def test_chunked_body(self):
        app = self.backend()
        proxy = self.proxy_to(app, before='[timeouts]\nbody = "300ms"')
        client = self.connect(proxy)
        client.send(request_bytes("POST", "/", {"Transfer-Encoding": "chunked"}) + b"5\r\n123")
        self.assertEqual(408, client.response().status)
        client.end()
        self.assertEqual([], app.complete())

    def test_keepalive(self):
        proxy = self.proxy_to(self.backend(), before='[timeouts]\nkeepalive = "300ms"')
        client = self.connect(proxy)
        client.request("GET", "/")
        end, seconds = self.timed(lambda: client.end(5))
        self.assertEqual("eof", end)
        self.assertTrue(0.15 < seconds < 3, seconds)

    def test_keepalive_of_0(self):
        """keepalive 0 closes after each request."""
        proxy = self.proxy_to(self.backend(), before="[timeouts]\nkeepalive = 0")
        client = self.connect(proxy)
        self.assertTrue(client.request("GET", "/").says_close())
        client.end()

    def test_send(self):
        """5.4: a client that stops reading is reset, and the application's request given up."""
        def endless(conn, request):
            conn.stdout(request, b"Content-Type: a/b\r\n\r\n")
            while True:
                conn.stdout(request, b"x" * 65535)
        app = self.backend().then(endless)
        proxy = self.proxy_to(app, before='[timeouts]\nsend = "500ms"')
        client = self.connect(proxy, receive_buffer=4096)
        client.send(request_bytes("GET", "/"))
        app.wait(lambda: app.conns and app.conns[0].ended_at, "the end of the exchange")
        response = client.response()
        self.assertFalse(response.complete)
        self.assertEqual("reset", client.ended)

    def test_response(self):
        """E35: no output within `response` is 504; the client's connection may go on."""
        app = self.backend().then(lambda conn, request: conn.wait_closed())
        proxy = self.proxy_to(app, before='[timeouts]\nresponse = "300ms"')
        client = self.connect(proxy)
        response, seconds = self.timed(lambda: client.request("GET", "/"))
        self.assertEqual(504, response.status)
        self.assertTrue(0.15 < seconds < 3, seconds)
        app.wait(lambda: app.conns[0].ended_at, "the end of the connection")
        self.ask(proxy)

    def test_stderr_is_no_sign_of_life(self):
        """docs/configuration.md: STDERR does not count against `response`."""
        def complain(conn, request):
            for _ in range(100):
                conn.stderr(request, b"still here\n")
                time.sleep(0.05)
        app = self.backend().then(complain)
        proxy = self.proxy_to(app, before='[timeouts]\nresponse = "400ms"')
        response, seconds = self.timed(proxy.get)
        self.assertEqual(504, response.status)
        self.assertLess(seconds, 3)

    def test_response_between_reads(self):
        """E36: a timeout after output began cuts the response and closes at once."""
        def half(conn, request):
            conn.stdout(request, b"Content-Type: a/b\r\n\r\nhalf")
            conn.wait_closed()
        app = self.backend().then(half)
        proxy = self.proxy_to(app, before='[timeouts]\nresponse = "300ms"')
        client = self.connect(proxy)
        response = client.request("GET", "/")
        self.assertEqual((200, b"half", False), (response.status, response.body,
                                                 response.complete))

    def test_total(self):
        def drip(conn, request):
            conn.stdout(request, b"Content-Type: a/b\r\n\r\n")
            for _ in range(200):
                conn.stdout(request, b"x")
                time.sleep(0.05)
        app = self.backend().then(lambda conn, request: conn.wait_closed()).then(drip)
        proxy = self.proxy_to(app, before='[timeouts]\ntotal = "500ms"')
        self.assertEqual(504, proxy.get().status)
        response, seconds = self.timed(proxy.get)
        self.assertEqual((200, False), (response.status, response.complete))
        self.assertLess(seconds, 4)

    def test_timeouts_of_a_route(self):
        app = self.backend().always(lambda conn, request: conn.wait_closed())
        proxy = self.proxy_to(app, 'timeouts = { response = "200ms" }')
        self.assertEqual(504, proxy.get().status)
