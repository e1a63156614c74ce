"""Connecting to an application that refuses, is missing, or never accepts (fault rows E1, E2)."""

import os
import socket
import threading
import time

from harness import ProxyCase, free_port
from http_client import request_bytes


class Connecting(ProxyCase):
    """E1, E2: nobody listens, or nobody accepts."""

    def target(self, url, keys="queue = 0"):
        return f'[[site]]\n[[site.route]]\npath = "/"\nto = {{ url = "{url}", {keys} }}'

    def test_refused_tcp(self):
        """E1: 503."""
        proxy = self.start(self.target(f"fcgi://127.0.0.1:{free_port()}"))
        self.assertEqual([503, 503], [proxy.get().status for _ in range(2)])

    def test_missing_socket(self):
        """E1: 503."""
        proxy = self.start(self.target("unix:$DIR/none.sock"))
        self.assertEqual(503, proxy.get().status)

    def test_a_file_that_is_no_socket(self):
        path = os.path.join(self.directory, "file")
        with open(path, "wb"):
            pass
        proxy = self.start(self.target(f"unix:{path}"))
        self.assertIn(proxy.get().status, (502, 503))

    def test_refused_at_default(self):
        """E1: with the default `queue` of 1 s, 503 with Retry-After when it has passed."""
        proxy = self.start(self.target(f"fcgi://127.0.0.1:{free_port()}", 'reuse = true'))
        begin = time.monotonic()
        response = proxy.get()
        seconds = time.monotonic() - begin
        self.assertEqual(503, response.status)
        self.assertIsNotNone(response.header("Retry-After"))
        self.assertTrue(0.7 < seconds < 3, seconds)

    def test_restart_within_queue(self):
        """A restart of the application loses nothing: refused, then there within `queue`."""
        port, path = free_port(), os.path.join(self.directory, "late.sock")
        for url, options in ((f"fcgi://127.0.0.1:{port}", {"port": port}),
                             (f"unix:{path}", {"path": path})):
            proxy = self.start(self.target(url, 'queue = "20s"'))
            client = self.connect(proxy)
            client.send(request_bytes("POST", "/late", body=b"x" * 100000))
            threading.Event().wait(0.3)
            app = self.backend(**options)
            self.assertEqual(b"/late", client.response().body)
            self.assertEqual(100000, len(app.requests[0].stdin))

    def full_backlog(self, sock):
        """Fills the queue of a listener that never accepts."""
        fillers = []
        for _ in range(8):
            filler = socket.socket(sock.family)
            filler.setblocking(False)
            filler.connect_ex(sock.getsockname())
            fillers.append(filler)
            self.addCleanup(filler.close)

    def test_connect_that_hangs(self):
        """E2: a TCP connect that gets no answer is 504 after `connect`."""
        sock = socket.socket()
        self.addCleanup(sock.close)
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        self.full_backlog(sock)
        proxy = self.start('[timeouts]\nconnect = "300ms"\n'
                           + self.target(f"fcgi://127.0.0.1:{sock.getsockname()[1]}"))
        begin = time.monotonic()
        self.assertEqual(504, proxy.get().status)
        self.assertTrue(0.2 < time.monotonic() - begin < 3)

    def test_unix_backlog_full(self):
        """E2b, N73: a Unix socket with listen(0) and a full backlog never hangs."""
        sock = socket.socket(socket.AF_UNIX)
        self.addCleanup(sock.close)
        sock.bind(os.path.join(self.directory, "full.sock"))
        sock.listen(0)
        self.full_backlog(sock)
        proxy = self.start('[timeouts]\nconnect = "300ms"\n' + self.target(
            f"unix:{sock.getsockname()}", 'queue = "300ms"'))
        begin = time.monotonic()
        self.assertIn(proxy.get().status, (503, 504))
        self.assertLess(time.monotonic() - begin, 3)
