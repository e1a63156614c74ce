"""`multiplex`: many requests on one connection, with an application by hand and with Go's
net/http/fcgi."""

import hashlib

from fcgi_wire import CANT_MPX
from harness import ProxyCase, wait_for
from http_client import request_bytes
from mpx_app import MpxApp
from real_backends import Go

HEAD = b"A: b\r\n\r\n"


class Multiplexing(ProxyCase):
    def begin(self, keys="", before="[server]\nworkers = 1"):
        """A proxy that knows already what the application can, and has a connection to share."""
        self.app = MpxApp()
        self.apps.append(self.app)
        self.proxy = self.start(f'{before}\n[[site]]\n[[site.route]]\npath = "/"\n'
                                f'to = {{ url = "{self.app.url}"{keys} }}')
        for _ in range(3):
            self.assertEqual(b"now", self.ask(self.proxy, "/now").body)

    def asked(self, *paths, method="GET"):
        clients = [self.connect(self.proxy, timeout=30) for _ in paths]
        for client, path in zip(clients, paths):
            client.send(request_bytes(method, path, body=b"x" if method == "POST" else b""))
        return clients

    def setUp(self):
        super().setUp()
        self.apps = []

    def tearDown(self):
        for app in self.apps:
            app.close()
        super().tearDown()
        self.assertEqual([], [app.violations for app in self.apps if app.violations])

    def open_conns(self):
        return sum(not conn.ended for conn in self.app.conns)

    def test_requests_share_a_connection(self):
        self.begin()
        paths = [f"/{n}" for n in range(40)]
        clients = self.asked(*paths)
        requests = self.app.wait(40)
        self.assertEqual(1, len({request.conn for request in requests}))
        self.assertEqual(40, len({request.id for request in requests}))
        for request in reversed(requests):  # Each gets its own, whatever the order.
            request.send(HEAD)
        for request in requests:
            request.end(request.path.encode())
        self.assertEqual([path.encode() for path in paths],
                         [client.response().body for client in clients])

    def test_a_number(self):
        """No more than that on one connection; `off` is one at a time."""
        for keys, conns in ((", multiplex = 8", 3), (', multiplex = "off"', 20)):
            with self.subTest(keys):
                self.begin(keys)
                clients = self.asked(*["/"] * 20)
                requests = self.app.wait(20)
                self.assertEqual(conns, len({request.conn for request in requests}))
                for request in requests:
                    request.end(HEAD)
                self.assertEqual([200] * 20, [client.response().status for client in clients])

    def test_slow_client(self):
        """Its answer waits in a file; its neighbours do not wait, and it loses nothing."""
        self.begin()
        slow, other = self.asked("/slow", "/other")
        by_path = {request.path: request for request in self.app.wait(2)}
        piece = bytes(range(256)) * 4096
        by_path["/slow"].send(HEAD)
        for _ in range(24):
            by_path["/slow"].send(piece)
        by_path["/slow"].end()
        by_path["/other"].end(HEAD + b"here")
        self.assertEqual(b"here", other.response().body)
        self.assertEqual(b"now", self.ask(self.proxy, "/now").body)
        self.assertEqual(hashlib.sha256(piece * 24).digest(),
                         hashlib.sha256(slow.response().body).digest())
        self.assertEqual(1, self.open_conns())

    def test_client_gone(self):
        """FCGI_ABORT_REQUEST; what still comes is for nobody, and its id for no other request."""
        self.begin()
        gone, stays = self.asked("/gone", "/stays")
        by_path = {request.path: request for request in self.app.wait(2)}
        gone.reset()
        wait_for(lambda: by_path["/gone"].aborted, "FCGI_ABORT_REQUEST")
        by_path["/gone"].end(HEAD + b"late")
        by_path["/gone"].end(b"later")
        self.assertEqual(b"now", self.ask(self.proxy, "/now").body)
        by_path["/stays"].end(HEAD + b"here")
        self.assertEqual(b"here", stays.response().body)
        wait_for(lambda: self.open_conns() == 1, "the end of the connection with the aborted one")

    def test_cant_mpx_conn(self):
        """The request is tried again alone, and so are all that follow."""
        self.begin()
        clients = self.asked("/0", "/1")
        first, second = self.app.wait(2)
        second.end(protocol=CANT_MPX)
        third = self.app.wait(3)[2]
        self.assertIsNot(first.conn, third.conn)
        clients += self.asked("/2")
        fourth = self.app.wait(4)[3]
        self.assertEqual(3, len({request.conn for request in (first, third, fourth)}))
        for request in (first, third, fourth):
            request.end(HEAD + request.path.encode())
        self.assertEqual([b"/0", b"/1", b"/2"],
                         sorted(client.response().body for client in clients))

    def test_connection_dies(self):
        """Requests that may be sent twice are, once; others are 502; begun answers are cut."""
        self.begin()
        again, = self.asked("/again")
        once, = self.asked("/once", method="POST")
        begun, = self.asked("/begun")
        by_path = {request.path: request for request in self.app.wait(3)}
        by_path["/begun"].send(HEAD + b"half")
        self.assertEqual(200, begun.head().status)
        by_path["/again"].conn.socket.shutdown(2)
        repeated = self.app.wait(4)[3]
        self.assertEqual("/again", repeated.path)
        repeated.end(HEAD + b"here")
        self.assertEqual(b"here", again.response().body)
        self.assertEqual(502, once.response().status)
        self.assertEqual(4, len(self.app.requests))

    def test_bodies(self):
        """Uploads share too; a slow one holds up nobody."""
        self.begin()
        upload = self.connect(self.proxy)
        upload.send(request_bytes("POST", "/up", {"Content-Length": "10"}) + b"12345")
        other, = self.asked("/other", method="POST")
        request, = self.app.wait(1)
        self.assertEqual(("/other", b"x"), (request.path, request.body))
        request.end(HEAD + b"here")
        self.assertEqual(b"here", other.response().body)
        upload.send(b"67890")
        request = self.app.wait(2)[1]
        self.assertEqual(b"1234567890", request.body)
        request.end(HEAD)
        self.assertEqual(200, upload.response().status)

    def test_idle_connections(self):
        """Of those that a rush has needed, one is kept."""
        self.begin(", multiplex = 2")
        clients = self.asked(*["/"] * 8)
        for request in self.app.wait(8):
            request.end(HEAD)
        self.assertEqual([200] * 8, [client.response().status for client in clients])
        wait_for(lambda: self.open_conns() == 1, "the end of the other connections")


class GoUnderLoad(ProxyCase):
    def test_500_requests_on_16_sockets(self):
        go = Go(self)
        proxy = self.proxy_to(go.url, before="[server]\nworkers = 2")
        for _ in range(2):
            self.ask(proxy, "/")
        clients = [self.connect(proxy, timeout=60) for _ in range(500)]
        most = 0
        for _ in range(4):
            for client in clients:
                client.send(request_bytes("GET", "/slow?ms=50"))
            most = max(most, self.sockets(go.port))
            self.assertEqual([b"slow"] * 500, [client.response().body for client in clients])
        self.assertTrue(1 <= most <= 16, most)

    @staticmethod
    def sockets(port):
        """Connections at a port of this machine, as the kernel lists them."""
        with open("/proc/net/tcp", encoding="ascii") as table:
            rows = [line.split() for line in table.readlines()[1:]]
        return sum(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows)
