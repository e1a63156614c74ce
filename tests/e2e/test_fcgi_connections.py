"""Connections to the application: kept and reused, given up when in doubt, tried again when that is
harmless, and ended when the client is gone (fault rows E37 to E43; N60, N62, N67)."""

import glob
import os
import pathlib
import signal
import socket
import struct
import threading
import time

from fcgi_script import KEEP_CONN
from fcgi_wire import STDERR, STDOUT, end_request, record, stream
from harness import ProxyCase, wait_for
from http_client import Client, chunked, request_bytes
from scripts import close_at_once, hang, raw, reset_at_once

HEAD = b"Content-Type: text/plain\r\n\r\n"


def whole(request_id, body=b"ok"):
    return (stream(STDOUT, request_id, HEAD + body) + record(STDOUT, request_id)
            + end_request(request_id))


class Reuse(ProxyCase):
    def test_one_connection_for_many_requests(self):
        for path in (None, os.path.join(self.directory, "app.sock")):
            app = self.backend(path=path)
            client = self.connect(self.proxy_to(app))
            for number in range(20):
                self.assertEqual(b"/%d" % number, client.request("GET", f"/{number}").body)
            self.assertEqual(1, len(app.conns))
            self.assertTrue(all(request.flags & KEEP_CONN for request in app.requests))

    def test_application_that_closes_behind_its_answer(self):
        """On Unix sockets the kernel may tell the bytes and not the end: the connection is not used
        again, not even for requests that must not be sent twice."""
        def stopped():
            tasks = glob.glob(f"/proc/{proxy.pid}/task/*/stat")
            return all(pathlib.Path(task).read_text().rsplit(") ", 1)[1][0] == "T"
                       for task in tasks)

        def answer_and_go(conn, request):
            os.kill(proxy.pid, signal.SIGSTOP)  # It finds the answer and the end together.
            try:
                wait_for(stopped, "the stop of the proxy")
                conn.finish(request, b"A: b\r\n\r\n" + b"x" * 18_000)
                conn.close()
            finally:
                os.kill(proxy.pid, signal.SIGCONT)
        app = self.backend(path=os.path.join(self.directory, "app.sock")).always(answer_and_go)
        proxy = self.proxy_to(app)
        client = self.connect(proxy)
        for _ in range(20):
            self.assertEqual(200, client.request("POST", "/", body=b"abc").status)
        self.assertEqual(20, len(app.conns))

    def test_reuse_off(self):
        """disablereuse=on: no KEEP_CONN, closed after the request."""
        app = self.backend()
        proxy = self.start(f'[[site]]\n[[site.route]]\npath = "/"\n'
                           f'to = {{ url = "{app.url}", reuse = false }}')
        client = self.connect(proxy)
        for _ in range(3):
            self.assertEqual(200, client.request("GET", "/").status)
        self.assertEqual(3, len(app.conns))
        self.assertFalse(any(request.flags & KEEP_CONN for request in app.requests))
        app.wait(lambda: all(conn.ended_at for conn in app.conns), "the end of the connections")

    def test_idle_0_keeps_none(self):
        app = self.backend()
        proxy = self.start(f'[[site]]\n[[site.route]]\npath = "/"\n'
                           f'to = {{ url = "{app.url}", idle = 0 }}')
        for _ in range(3):
            self.ask(proxy)
        app.wait(lambda: all(conn.ended_at for conn in app.conns), "the end of the connections")
        self.assertEqual(3, len(app.conns))

    def test_idle_timeout(self):
        app = self.backend()
        proxy = self.start(f'[[site]]\n[[site.route]]\npath = "/"\n'
                           f'to = {{ url = "{app.url}", idle_timeout = "300ms" }}')
        self.ask(proxy)
        begin = time.monotonic()
        app.wait(lambda: app.conns[0].ended_at, "the end of the idle connection", 5)
        self.assertGreater(time.monotonic() - begin, 0.1)
        self.ask(proxy)
        self.assertEqual(2, len(app.conns))

    def test_max(self):
        """`max`: connections to the address; the rest waits its turn."""
        go = threading.Event()
        app = self.backend()
        app.always(lambda conn, request: go.wait(20) and conn.finish(request, HEAD + b"ok"))
        proxy = self.start(f'[[site]]\n[[site.route]]\npath = "/"\n'
                           f'to = {{ url = "{app.url}", max = 2, queue = "20s", '
                           'multiplex = "off" }')
        clients = [self.connect(proxy) for _ in range(6)]
        for client in clients:
            client.send(request_bytes("GET", "/"))
        app.wait_requests(2)
        threading.Event().wait(0.3)  # In which a third one would come.
        self.assertEqual(2, len(app.requests))
        go.set()
        self.assertEqual([b"ok"] * 6, [client.response().body for client in clients])
        self.assertEqual(2, app.most_open)

    def test_max_and_queue_0(self):
        """E3, N61: no place within `queue`: 503 with Retry-After, and nothing is marked down."""
        app = self.backend().then(hang)
        proxy = self.start(f'[[site]]\n[[site.route]]\npath = "/"\n'
                           f'to = {{ url = "{app.url}", max = 1, queue = "200ms", '
                           'multiplex = "off" }')
        first = self.connect(proxy)
        first.send(request_bytes("GET", "/"))
        app.wait_requests(1)
        response = proxy.get()
        self.assertEqual(503, response.status)
        self.assertRegex(response.header("Retry-After"), "^[0-9]+$")
        app.conns[0].close()
        self.assertEqual(502, first.response().status)
        self.ask(proxy)


class Surplus(ProxyCase):
    """A connection with a byte too many is never used again: no client gets another's answer."""

    def setUp(self):
        super().setUp()
        self.app = self.backend()
        self.proxy = self.proxy_to(self.app)

    def clean_after(self, script):
        """The script answers `ok` and spoils its connection; the next request has a new one."""
        self.app.then(script)
        client = self.connect(self.proxy)
        self.assertEqual(b"ok", client.request("GET", "/spoiled").body)
        spoiled = self.app.requests[-1].conn
        wait_for(lambda: spoiled.closed or spoiled.ended_at, "the end of the spoiled connection", 5)
        for number in range(3):
            self.assertEqual(b"/%d" % number, client.request("GET", f"/{number}").body)
        self.assertIsNot(spoiled, self.app.requests[-1].conn)

    def test_bytes_behind_the_end(self):
        """E42, N62: surplus bytes after END_REQUEST, in one send with it."""
        for surplus in (b"\x01", whole(1, b"stolen"), end_request(1), record(STDOUT, 1, b"late"),
                        record(STDERR, 1, b"late"), b"\x00" * 100, record(STDOUT, 1)):
            with self.subTest(surplus[:20]):
                self.clean_after(raw(lambda i, s=surplus: whole(i) + s))

    def test_double_end_request(self):
        """5.1 (php-src#710): END_REQUEST twice."""
        self.clean_after(raw(lambda i: whole(i) + end_request(i)))

    def test_bytes_on_an_idle_connection(self):
        """E42, N62: a record that comes late."""
        for surplus in (b"\x01", whole(1, b"stolen"), end_request(1)):
            self.app.then(raw(whole))
            client = self.connect(self.proxy)
            self.assertEqual(b"ok", client.request("GET", "/").body)
            conn = self.app.requests[-1].conn
            conn.send(surplus)
            self.app.wait(lambda c=conn: c.ended_at, "the end of the connection")
            self.assertEqual(b"/x", client.request("GET", "/x").body)

    def test_end_of_stream_while_idle(self):
        """E40, N62: FIN while idle; a POST is not lost by it."""
        client = self.connect(self.proxy)
        client.request("GET", "/")
        self.app.conns[0].half_close()
        self.app.wait(lambda: self.app.conns[0].ended_at, "the end of the connection")
        self.assertEqual(b"/p", client.request("POST", "/p", body=b"x").body)
        self.assertEqual(2, len(self.app.conns))

    def test_reset_while_idle(self):
        """E40, N62: RST while idle."""
        client = self.connect(self.proxy)
        client.request("GET", "/")
        sock = self.app.conns[0].socket
        self.app.conns[0].closed = True
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.shutdown(socket.SHUT_RD)
        sock.close()
        self.assertEqual(b"/g", client.request("GET", "/g").body)


class Retry(ProxyCase):
    """A reused connection that dies before answering."""

    def setUp(self):
        super().setUp()
        self.app = self.backend()
        self.proxy = self.proxy_to(self.app)

    def dies_when_reused(self, method, script, body=b"", **more):
        """A first request keeps a connection; the second one gets the script on it."""
        client = self.connect(self.proxy)
        self.assertEqual(200, client.request("GET", "/first").status)
        before = len(self.app.requests)
        self.app.then(script, more.pop("at", "stdin"))
        response = client.request(method, "/second", body=body, **more)
        return response, self.app.requests[before:]

    def test_safe_methods(self):
        """E41: one retry on a fresh connection, where running twice is harmless."""
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
            for script in (close_at_once, reset_at_once):
                with self.subTest((method, script.__name__)):
                    response, seen = self.dies_when_reused(method, script)
                    self.assertEqual((200, 2), (response.status, len(seen)))
                    self.assertIsNot(seen[0].conn, seen[1].conn)

    def test_body_is_replayed_whole(self):
        """N60: never a short STDIN (the scripted application checks CONTENT_LENGTH)."""
        for size in (1, 8, 4096, 60000):
            response, seen = self.dies_when_reused("PUT", close_at_once, b"x" * size)
            self.assertEqual(200, response.status)
            self.assertEqual(size, len(seen[-1].stdin))

    def test_unsafe_methods(self):
        """N60: POST and PATCH are not tried again once they were sent."""
        for method in ("POST", "PATCH"):
            response, seen = self.dies_when_reused(method, close_at_once, b"x" * 10)
            self.assertEqual((502, 1), (response.status, len(seen)))

    def test_body_that_is_gone(self):
        """A body too large to be held is not replayed in part: 502, or the whole of it again."""
        response, seen = self.dies_when_reused("PUT", close_at_once, b"x" * 5_000_000)
        self.assertIn(response.status, (200, 502))
        whole_ones = [request for request in seen if request.stdin_done]
        self.assertTrue(all(len(request.stdin) == 5_000_000 for request in whole_ones))

    def test_not_once_the_answer_began(self):
        def begin_and_die(conn, request):
            conn.stdout(request, b"Content-Type")
            conn.close()
        response, seen = self.dies_when_reused("GET", begin_and_die)
        self.assertEqual((502, 1), (response.status, len(seen)))

    def test_stderr_is_an_answer(self):
        """What has logged has begun to run."""
        def log_and_die(conn, request):
            conn.stderr(request, b"working\n")
            conn.close()
        response, seen = self.dies_when_reused("DELETE", log_and_die)
        self.assertEqual((502, 1), (response.status, len(seen)))

    def test_once_only(self):
        self.app.always(close_at_once)
        self.app.then(self.app.hello)
        response, seen = self.dies_when_reused("GET", close_at_once)
        self.assertEqual((502, 2), (response.status, len(seen)))

    def test_a_new_connection_is_not_tried_again(self):
        self.app.always(close_at_once)
        self.assertEqual(502, self.proxy.get().status)
        self.assertEqual(1, len(self.app.requests))

    def test_opt_in(self):
        """retry_non_idempotent = true."""
        self.proxy = self.start(f'[[site]]\n[[site.route]]\npath = "/"\n'
                                f'to = {{ url = "{self.app.url}", retry_non_idempotent = true }}')
        response, seen = self.dies_when_reused("POST", close_at_once, b"x" * 100)
        self.assertEqual((200, 2, 100), (response.status, len(seen), len(seen[1].stdin)))

    def test_chunked_body_is_replayed(self):
        client = self.connect(self.proxy)
        client.request("GET", "/")
        self.app.then(close_at_once)
        client.send(request_bytes("PUT", "/", {"Transfer-Encoding": "chunked"})
                    + chunked(b"a" * 1000, b"b" * 1000))
        self.assertEqual(200, client.response().status)
        self.assertEqual(2000, len(self.app.requests[-1].stdin))


class ClientGone(ProxyCase):
    """The work of a client that has left is given up within 100 ms. Over TCP a client that ends its
    direction only may still read, so leaving is a reset, an unfinished request, a failed send."""

    def given_up(self, leave, tries=4):
        """leave() ends a client whose request is with the application, and returns the request;
        of several tries the best counts, as this machine has other work too."""
        best = None
        for _ in range(tries):
            begin, request = leave()
            app = request.conn.backend
            app.wait(lambda r=request: r.aborted or r.conn.ended_at, "abort or close", 5)
            seconds = time.monotonic() - begin
            best = seconds if best is None else min(best, seconds)
            if best < 0.1:
                return
        self.fail(f"the application was told after {best:.3f} s")

    def leaving(self, app, proxy, data, end, reached=lambda request: request.params_done, **more):
        def leave():
            before = len(app.requests)
            client = self.connect(proxy, **more)
            client.send(data)
            app.wait(lambda: len(app.requests) > before and reached(app.requests[before]),
                     "the request")
            begin = time.monotonic()
            end(client)
            return begin, app.requests[before]
        return leave

    def test_reset_while_waiting(self):
        """E37, N67."""
        app = self.backend().always(hang)
        proxy = self.proxy_to(app)
        self.given_up(self.leaving(app, proxy, request_bytes("GET", "/"), Client.reset))

    def test_close_over_a_unix_socket(self):
        """E37: on a Unix socket a closed peer is told from a half-closed one."""
        app = self.backend().always(hang)
        path = os.path.join(self.directory, "front.sock")
        proxy = self.proxy_to(app, LISTEN=f"unix:{path}")
        self.given_up(self.leaving(app, proxy, request_bytes("GET", "/"), Client.close,
                                   address=path))

    def test_end_during_the_upload(self):
        """E38: an end of stream inside the body, and a reset."""
        app = self.backend().always(hang, "params")
        proxy = self.proxy_to(app)
        data = request_bytes("POST", "/", {"Content-Length": "100"}) + b"x" * 50
        for end in (Client.close, Client.half_close, Client.reset):
            self.given_up(self.leaving(app, proxy, data, end, lambda r: len(r.stdin) == 50))
        self.assertEqual([], app.complete())

    def test_close_during_the_output(self):
        """E39."""
        def endless(conn, request):
            conn.stdout(request, HEAD)
            conn.socket.settimeout(20)
            while True:
                conn.stdout(request, b"x" * 1000)

        def leave():
            before = len(app.requests)
            client = self.connect(proxy)
            client.send(request_bytes("GET", "/"))
            client.body(client.head(), at_least=10000)
            begin = time.monotonic()
            client.close()
            return begin, app.requests[before]

        app = self.backend().always(endless)
        proxy = self.proxy_to(app)
        self.given_up(leave)

    def test_while_waiting_for_the_application(self):
        """5.4: a client that leaves while its request waits for a connection never reaches it."""
        app = self.backend().then(hang)
        proxy = self.start(f'[[site]]\n[[site.route]]\npath = "/"\nto = {{ url = "{app.url}", '
                           'max = 1, queue = "20s", multiplex = "off" }')
        first = self.connect(proxy)
        first.send(request_bytes("GET", "/first"))
        app.wait_requests(1)
        queued = self.connect(proxy)
        queued.send(request_bytes("GET", "/queued"))
        last = self.connect(proxy)
        last.send(request_bytes("GET", "/last"))
        baseline = proxy.baseline
        wait_for(lambda: proxy.sockets() >= baseline + 4, "the connections")
        queued.reset()
        wait_for(lambda: proxy.sockets() < baseline + 4, "the end of the queued one")
        app.conns[0].close()
        self.assertEqual(502, first.response().status)
        self.assertEqual(b"/last", last.response().body)
        self.assertNotIn("/queued", [request.path for request in app.requests])
