"""Backpressure end to end: a slow reader and a slow application bound the proxy's memory, nothing
spins meanwhile, and every byte arrives when they go on (vectors 5.4)."""

import hashlib
import threading

from harness import ProxyCase, wait_for
from http_client import request_bytes

SIZE = 100_000_000
PIECE = bytes(range(256)) * 256
ROOM = 48 << 20  # far below SIZE; above what a block pool may grow to


def expected_digest():
    digest = hashlib.sha256()
    for at in range(0, SIZE, len(PIECE)):
        digest.update(PIECE[:SIZE - at])
    return digest.hexdigest()


class SlowReader(ProxyCase):
    def settle(self, counter, what):
        """Waits until a counter has stood still for half a second; returns it."""
        last = [None, 0]

        def still():
            now = counter()
            last[1] = last[1] + 1 if now == last[0] else 0
            last[0] = now
            return last[1] > 100
        wait_for(still, what, 30)
        return last[0]

    def sender(self, head):
        def script(conn, request):
            conn.socket.settimeout(60)
            conn.stdout(request, head)
            for at in range(0, SIZE, len(PIECE)):
                conn.stdout(request, PIECE[:SIZE - at], size=32768)
            conn.finish(request, b"")
        return script

    def check(self, head):
        app = self.backend().then(self.sender(head))
        proxy = self.proxy_to(app)
        before = proxy.resident()
        client = self.connect(proxy, receive_buffer=65536, timeout=60)
        client.send(request_bytes("GET", "/"))
        response = client.head()
        app.wait(lambda: app.conns[0].sent > 0, "the answer")
        sent = self.settle(lambda: app.conns[0].sent, "the throttling of the application")
        self.assertLess(sent, SIZE // 2, "the application was not throttled")
        self.assertLess(proxy.resident() - before, ROOM)
        cpu = proxy.cpu_seconds()
        threading.Event().wait(0.5)
        self.assertLess(proxy.cpu_seconds() - cpu, 0.1, "it spins")
        digest, count = hashlib.sha256(), 0
        for piece in response.reader:
            digest.update(piece)
            count += len(piece)
        self.assertEqual((SIZE, True), (count, response.complete))
        self.assertEqual(expected_digest(), digest.hexdigest())
        self.assertLess(proxy.resident() - before, ROOM)

    def test_chunked(self):
        self.check(b"A: b\r\n\r\n")

    def test_known_length(self):
        self.check(b"Content-Length: %d\r\n\r\n" % SIZE)

    def test_many_slow_readers(self):
        """20 of them: each holds no more than response_buffer and what the sockets hold."""
        app = self.backend().always(self.sender(b"A: b\r\n\r\n"))
        proxy = self.proxy_to(app)
        before = proxy.resident()
        clients = [self.connect(proxy, receive_buffer=4096, timeout=60) for _ in range(20)]
        for client in clients:
            client.send(request_bytes("GET", "/"))
            client.head()
        self.settle(lambda: sum(conn.sent for conn in app.conns), "the throttling")
        self.assertLess(proxy.resident() - before, ROOM)
        self.assertEqual(200, self.backend_answers(proxy))
        for client in clients:
            client.reset()

    def backend_answers(self, proxy):
        """Another client is served meanwhile."""
        client = self.connect(proxy)
        client.send(request_bytes("GET", "/"))
        status = client.head().status
        client.reset()
        return status


class SlowApplication(SlowReader):
    """A large upload to an application that does not read."""

    def check(self, head):
        go = threading.Event()

        def script(conn, request):
            go.wait(60)
            conn.read_stdin(request)
            digest = hashlib.sha256(request.stdin).hexdigest()
            conn.finish(request, b"A: b\r\n\r\n" + digest.encode())
        app = self.backend(receive_buffer=65536).then(script, "params")
        proxy = self.proxy_to(app)
        before = proxy.resident()
        client = self.connect(proxy, timeout=60)
        sent = [0]

        def upload():
            client.send(request_bytes("POST", "/", {"Content-Length": str(SIZE)}))
            for at in range(0, SIZE, len(PIECE)):
                client.send(PIECE[:SIZE - at])
                sent[0] += len(PIECE[:SIZE - at])
        uploader = threading.Thread(target=upload, daemon=True)
        uploader.start()
        wait_for(lambda: sent[0], "the upload")
        self.assertLess(self.settle(lambda: sent[0], "the throttling of the client"), SIZE // 2)
        self.assertLess(proxy.resident() - before, ROOM)
        cpu = proxy.cpu_seconds()
        threading.Event().wait(0.5)
        self.assertLess(proxy.cpu_seconds() - cpu, 0.1, "it spins")
        go.set()
        response = client.response()
        uploader.join(30)
        self.assertEqual((200, expected_digest()), (response.status, response.body.decode()))
        self.assertLess(proxy.resident() - before, ROOM)

    def test_chunked(self):
        """A chunked upload is spooled to a file: memory is bounded all the same."""
        app = self.backend()
        app.always(lambda conn, request: conn.finish(
            request, b"A: b\r\n\r\n" + hashlib.sha256(request.stdin).hexdigest().encode()))
        proxy = self.proxy_to(app)
        before, most = proxy.resident(), 0
        client = self.connect(proxy, timeout=60)
        client.send(request_bytes("POST", "/", {"Transfer-Encoding": "chunked"}))
        for at in range(0, SIZE, len(PIECE)):
            piece = PIECE[:SIZE - at]
            client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            most = max(most, proxy.resident()) if at % (64 * len(PIECE)) == 0 else most
        client.send(b"0\r\n\r\n")
        response = client.response()
        self.assertEqual((200, expected_digest()), (response.status, response.body.decode()))
        self.assertEqual(str(SIZE), app.requests[0].env["CONTENT_LENGTH"])
        self.assertLess(max(most, proxy.resident()) - before, ROOM)

    def test_many_slow_readers(self):
        """Of uploads: 10 clients, none of which is read."""
        app = self.backend(receive_buffer=65536)
        go = threading.Event()
        app.always(lambda conn, request: go.wait(60), "params")
        proxy = self.proxy_to(app)
        before = proxy.resident()
        clients = [self.connect(proxy, timeout=60) for _ in range(10)]
        for client in clients:
            client.send(request_bytes("POST", "/", {"Content-Length": str(SIZE)}))
            client.socket.setblocking(False)
        sent = [0]

        def push():
            for client in clients:
                try:
                    sent[0] += client.socket.send(PIECE)
                except BlockingIOError:
                    pass
            return sent[0]
        self.settle(push, "the throttling")
        self.assertLess(proxy.resident() - before, ROOM)
        for client in clients:
            client.reset()
        go.set()
