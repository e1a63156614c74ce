"""The balanced gateway: byrequests exactly (N50, N51), failing over, and the error
state of members (N58 to N60, E44)."""

import concurrent.futures
import socket
import threading
import time

from fcgi_wire import OVERLOADED, end_request
from harness import ProxyCase, free_port
from http_client import request_bytes
from scripts import cgi, close_at_once, raw


class BalancerCase(ProxyCase):
    def members(self, count, **options):
        """Applications a, b, c ... that answer with their names."""
        apps = [self.backend(name=chr(97 + n), **options) for n in range(count)]
        for app in apps:
            app.always(cgi(b"Content-Type: text/plain\r\n\r\n", app.name.encode()))
        return apps

    def balanced(self, members, workers=1, balancer="", before=""):
        """A proxy before members, given as inline tables of TOML."""
        lines = "\n".join(f"  {{ {member} }}," for member in members)
        return self.start(f'''
{before}
[server]
workers = {workers}
[[site]]
[[site.route]]
path = "/"
to = "balancer://cluster/"
[balancer.cluster]
method = "byrequests"
{balancer}
members = [
{lines}
]
''')

    def sequence(self, proxy, count):
        with self.connect(proxy) as client:
            return "".join(client.request("GET", "/").body.decode() for _ in range(count))


class Golden(BalancerCase):
    """N50: the sequences of Apache's documentation and of its live server, one worker."""

    def expect(self, weights, sequence):
        apps = self.members(len(weights))
        proxy = self.balanced([f'url = "{app.url}", weight = {weight}'
                               for app, weight in zip(apps, weights)])
        self.assertEqual(sequence, self.sequence(proxy, len(sequence)))

    def test_70_30(self):
        self.expect((70, 30), "abaaabaaba" * 2)

    def test_1_4_1(self):
        self.expect((1, 4, 1), "babbcb" * 2)

    def test_1_1_2(self):
        self.expect((1, 1, 2), "cabc" * 3)

    def test_1_1_1_2(self):
        self.expect((1, 1, 1, 2), "dabcd" * 3)

    def test_equal(self):
        self.expect((1, 1, 1, 1), "abcd" * 3)

    def test_fractions(self):
        """weight: 0.01 to 100."""
        self.expect((0.7, 0.3), "abaaabaaba" * 2)

    def test_across_connections(self):
        apps = self.members(2)
        proxy = self.balanced([f'url = "{app.url}"' for app in apps])
        self.assertEqual(["a", "b"] * 4, [self.ask(proxy).body.decode() for _ in range(8)])

    def test_one_member(self):
        self.expect((1,), "aaaa")


class Threads(BalancerCase):
    def test_counts_with_threads(self):
        """N51: with T threads and R requests the counts are within one round of the weights."""
        apps = self.members(3)
        weights = (1, 1, 2)
        proxy = self.balanced([f'url = "{app.url}", weight = {weight}'
                               for app, weight in zip(apps, weights)], workers=2)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            sequences = list(pool.map(lambda _: self.sequence(proxy, 100), range(8)))
        counts = [sum(s.count(app.name) for s in sequences) for app in apps]
        self.assertEqual(800, sum(counts))
        for count, weight in zip(counts, weights):
            self.assertLessEqual(abs(count - 800 * weight / 4), 4, counts)


class Failing(BalancerCase):
    def dead(self, more=""):
        return f'url = "fcgi://127.0.0.1:{free_port()}"{more}'

    def test_a_refusing_member_is_left_out(self):
        """E1, AB4: connecting failed: the next member, with the whole body."""
        app = self.members(1)[0]
        proxy = self.balanced([self.dead(), f'url = "{app.url}"', self.dead()])
        self.assertEqual("aaaaaa", self.sequence(proxy, 6))
        for size in (8, 64, 2048, 4096, 200000):
            proxy = self.balanced([self.dead(), f'url = "{app.url}"'])
            response = proxy.raw(request_bytes("POST", "/", body=b"x" * size))
            self.assertEqual(200, response.status)
            self.same_bytes(b"x" * size, app.requests[-1].stdin)

    def test_missing_socket(self):
        app = self.members(1)[0]
        proxy = self.balanced(['url = "unix:/nonexistent/e2e.sock"', f'url = "{app.url}"'])
        self.assertEqual("aaaa", self.sequence(proxy, 4))

    def test_chunked_body_over_a_refusing_member(self):
        app = self.members(1)[0]
        proxy = self.balanced([self.dead(), f'url = "{app.url}"'])
        response = proxy.raw(request_bytes("POST", "/", {"Transfer-Encoding": "chunked"})
                             + b"5\r\nhello\r\n0\r\n\r\n")
        self.assertEqual(200, response.status)
        self.assertEqual(b"hello", bytes(app.requests[0].stdin))

    def test_retry_time(self):
        """N58: not used before `retry` has passed, used after it."""
        port = free_port()
        app = self.members(1)[0]
        proxy = self.balanced([f'url = "fcgi://127.0.0.1:{port}", retry = "1s"',
                               f'url = "{app.url}"'])
        marked = time.monotonic()
        self.assertEqual("aa", self.sequence(proxy, 2))
        late = self.backend(name="z", port=port).always(cgi("A: b\r\n\r\n", b"z"))
        early = self.sequence(proxy, 20)
        if time.monotonic() - marked < 0.9:
            self.assertEqual("a" * 20, early)
        deadline = time.monotonic() + 5
        while not late.requests and time.monotonic() < deadline:
            self.sequence(proxy, 2)
        self.assertTrue(late.requests, "never used again")
        self.assertGreater(time.monotonic() - marked, 0.8)
        self.assertEqual({"a", "z"}, set(self.sequence(proxy, 4)))

    def test_retry_0(self):
        """N58: retry = 0: a failed member is tried again at once."""
        port = free_port()
        app = self.members(1)[0]
        proxy = self.balanced([f'url = "fcgi://127.0.0.1:{port}", retry = 0', f'url = "{app.url}"'])
        self.assertEqual("aaaa", self.sequence(proxy, 4))
        self.backend(name="z", port=port).always(cgi("A: b\r\n\r\n", b"z"))
        self.assertIn("z", self.sequence(proxy, 4))

    def test_all_refuse(self):
        """E44: 503; a member that comes back is used, whatever its state."""
        port = free_port()
        proxy = self.balanced([f'url = "fcgi://127.0.0.1:{port}", retry = "60s"',
                               self.dead(', retry = "60s"')], balancer="queue = 0")
        self.assertEqual([503, 503, 503], [proxy.get().status for _ in range(3)])
        self.backend(port=port)
        deadline = time.monotonic() + 5
        while proxy.get().status != 200:
            self.assertLess(time.monotonic(), deadline, "the member is not used again")

    def test_all_refuse_within_queue(self):
        """The last usable member that refuses is waited for within `queue`."""
        port = free_port()
        proxy = self.balanced([f'url = "fcgi://127.0.0.1:{port}"', self.dead()],
                              balancer='queue = "20s"')
        client = self.connect(proxy)
        client.send(request_bytes("GET", "/late"))
        threading.Event().wait(0.3)
        self.backend(port=port)
        self.assertEqual(b"/late", client.response().body)

    def test_poison_request(self):
        """N59, findings 3 and 4: closing without an answer is 502, tried on no other member, and
        does not take every member out."""
        apps = self.members(2)
        for app in apps:
            app.always(lambda conn, request, app=app: conn.close() if request.path == "/poison"
                       else conn.finish(request, b"A: b\r\n\r\n" + app.name.encode()))
        proxy = self.balanced([f'url = "{app.url}"' for app in apps])
        for method in ("GET", "POST", "GET"):
            before = sum(len(app.requests) for app in apps)
            with self.connect(proxy) as client:
                self.assertEqual(502, client.request(method, "/poison").status)
            self.assertEqual(before + 1, sum(len(app.requests) for app in apps))
        for _ in range(6):
            self.assertEqual(200, proxy.get().status)

    def test_post_is_not_replayed(self):
        """N60: the application read the body and closed: no other member sees the request."""
        apps = self.members(2)
        apps[0].always(close_at_once)
        proxy = self.balanced([f'url = "{app.url}"' for app in apps])
        with self.connect(proxy) as client:
            self.assertEqual(502, client.request("POST", "/", body=b"0123456789").status)
        self.assertEqual((1, 0), (len(apps[0].requests), len(apps[1].requests)))

    def test_overloaded(self):
        """E10: END_REQUEST with OVERLOADED: another member, else 503."""
        apps = self.members(2)
        apps[0].always(raw(lambda i: end_request(i, 0, OVERLOADED)))
        proxy = self.balanced([f'url = "{app.url}"' for app in apps])
        self.assertEqual("bb", self.sequence(proxy, 2))
        apps[1].always(raw(lambda i: end_request(i, 0, OVERLOADED)))
        self.assertEqual(503, proxy.get().status)

    def test_timeout_marks_no_member(self):
        """E35: a member that is slow once stays."""
        apps = self.members(2)
        apps[0].then(lambda conn, request: conn.wait_closed())
        proxy = self.balanced([f'url = "{app.url}"' for app in apps],
                              before='[timeouts]\nresponse = "200ms"')
        self.assertEqual(504, proxy.get().status)
        self.assertEqual({"a", "b"}, set(self.sequence(proxy, 4)))

    def test_connect_that_hangs(self):
        """E2: a connect that hangs is given up after `connect`, for the next member."""
        sock = socket.socket()
        self.addCleanup(sock.close)
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(sock.getsockname())
            self.addCleanup(filler.close)
        app = self.members(1)[0]
        proxy = self.balanced([f'url = "fcgi://127.0.0.1:{sock.getsockname()[1]}"',
                               f'url = "{app.url}"'], before='[timeouts]\nconnect = "300ms"')
        self.assertEqual("aaaa", self.sequence(proxy, 4))

    def test_a_plain_target_is_never_marked(self):
        """A target that is not in a balancer is always tried."""
        app = self.backend()
        proxy = self.proxy_to(app)
        app.always(close_at_once)
        for _ in range(3):
            self.assertEqual(502, proxy.get().status)
        app.always(app.hello)
        self.ask(proxy)
