"""`request_buffering`: what the application sees of a body and when, where a large one is kept, and
what becomes of it when its client goes or its file cannot be written."""

import hashlib
import os
import shutil

from fcgi_wire import OVERLOADED, end_request
from harness import ProxyCase, wait_for
from http_client import chunked, request_bytes
from scripts import raw

LARGE = 300_000_000
PIECE = bytes(range(256)) * 1024
ROOM = 48 << 20  # far below LARGE
MEMORY = 65536  # what is kept in memory of a spooled body


class Sink:
    """Stands for a body: counts and hashes the bytes, and keeps none."""

    def __init__(self):
        self.size, self.digest = 0, hashlib.sha256()

    def __iadd__(self, data):
        self.size += len(data)
        self.digest.update(data)
        return self

    def __len__(self):
        return self.size


def answer_digest(conn, request):
    conn.finish(request, b"A: b\r\n\r\n" + hashlib.sha256(request.stdin).hexdigest().encode())


def sink_digest(conn, request):
    request.stdin = Sink()
    conn.read_stdin(request)
    conn.finish(request, b"A: b\r\n\r\n" + request.stdin.digest.hexdigest().encode())


class BufferingCase(ProxyCase):
    def buffering(self, app, mode, route="", **options):
        """A proxy whose temporary files are in the test's directory."""
        options.setdefault("options", {})["env"] = dict(os.environ, TMPDIR=self.directory)
        return self.proxy_to(app, f'request_buffering = "{mode}"\n{route}', **options)

    def files(self, proxy):
        """Temporary files that the proxy holds open."""
        found = []
        for name in os.listdir(f"/proc/{proxy.pid}/fd"):
            try:
                target = os.readlink(f"/proc/{proxy.pid}/fd/{name}")
            except FileNotFoundError:
                continue
            if target.startswith(self.directory):
                found.append(target)
        return found

    def wait_no_files(self, proxy):
        wait_for(lambda: not self.files(proxy), "the end of the temporary files")

    def begin(self, proxy, headers, first):
        client = self.connect(proxy, timeout=30)
        client.send(request_bytes("POST", "/", headers) + first)
        return client


class Modes(BufferingCase):
    def upload(self, mode, is_chunked, streams):
        """A large body, generated piece by piece. `streams`: the application is asked before the
        body's end; else not even a connection is made until then."""
        app = self.backend().always(sink_digest, "params")
        proxy = self.buffering(app, mode)
        before, most, digest = proxy.resident(), 0, hashlib.sha256()
        headers = {"Transfer-Encoding": "chunked"} if is_chunked else {"Content-Length": str(LARGE)}
        client = self.begin(proxy, headers, b"")
        for at in range(0, LARGE, len(PIECE)):
            piece = PIECE[:LARGE - at]
            if at + len(piece) == LARGE:  # Before the last piece.
                if streams:
                    app.wait_requests(1)
                self.assertEqual(0 if streams else 1, len(self.files(proxy)))
                self.assertEqual(1 if streams else 0, len(app.conns))
            digest.update(piece)
            client.send(b"%x\r\n%s\r\n" % (len(piece), piece) if is_chunked else piece)
            if at % (32 * len(PIECE)) == 0:
                most = max(most, proxy.resident())
        if is_chunked:
            client.send(b"0\r\n\r\n")
        response = client.response()
        self.assertEqual((200, digest.hexdigest()), (response.status, response.body.decode()))
        self.assertLess(max(most, proxy.resident()) - before, ROOM)
        self.assertEqual([], os.listdir(self.directory), "the file has a name")
        self.wait_no_files(proxy)
        return app.requests[0].env

    def test_on(self):
        self.assertEqual(str(LARGE), self.upload("on", False, False)["CONTENT_LENGTH"])

    def test_on_chunked(self):
        self.assertEqual(str(LARGE), self.upload("on", True, False)["CONTENT_LENGTH"])

    def test_auto(self):
        self.assertEqual(str(LARGE), self.upload("auto", False, True)["CONTENT_LENGTH"])

    def test_auto_chunked(self):
        self.assertEqual(str(LARGE), self.upload("auto", True, False)["CONTENT_LENGTH"])

    def test_off_chunked(self):
        self.assertNotIn("CONTENT_LENGTH", self.upload("off", True, True))


class Spooled(BufferingCase):
    def test_sizes(self):
        """Around what is kept in memory, in chunks of several sizes, on one connection."""
        app = self.backend().always(answer_digest)
        client = self.connect(self.buffering(app, "auto"), timeout=30)
        sizes = (1, MEMORY - 1, MEMORY, MEMORY + 1, 2 * MEMORY, 5 * MEMORY + 7)
        for size in sizes:
            body = (PIECE * 2)[:size]
            for step in (size, 4096, 1021):
                pieces = [body[at:at + step] for at in range(0, size, step)]
                client.send(request_bytes("POST", "/", {"Transfer-Encoding": "chunked"})
                            + chunked(*pieces))
                response = client.response()
                self.assertEqual((200, hashlib.sha256(body).hexdigest()),
                                 (response.status, response.body.decode()), (size, step))
        self.assertEqual([str(size) for size in sizes for _ in range(3)],
                         [request.env["CONTENT_LENGTH"] for request in app.requests])

    def test_memory_holds_a_small_one(self):
        app = self.backend().always(answer_digest)
        proxy = self.buffering(app, "on")
        client = self.begin(proxy, {"Content-Length": str(MEMORY + 1)}, PIECE[:MEMORY])
        client.send(b"")
        self.assertEqual(200, proxy.get().status)  # The proxy has read what came before.
        self.assertEqual([], self.files(proxy))
        client.send(b"x")
        self.assertEqual(200, client.response().status)

    def test_slow_upload_holds_no_backend(self):
        """One connection is allowed; others use it while an upload is under way."""
        app = self.backend().always(answer_digest)
        proxy = self.start(f"""
[[site]]
[[site.route]]
path = "/"
to = {{ url = "{app.url}", max = 1 }}
request_buffering = "on"
""")
        client = self.begin(proxy, {"Content-Length": "200000"}, PIECE[:199_999])
        for _ in range(3):
            self.assertEqual(200, proxy.get().status)
        client.send(b"!")
        digest = hashlib.sha256(PIECE[:199_999] + b"!").hexdigest()
        self.assertEqual(digest, client.response().body.decode())

    def test_expect_continue(self):
        """The body is asked for, though no application is."""
        app = self.backend().always(answer_digest)
        proxy = self.buffering(app, "on")
        client = self.begin(proxy, {"Content-Length": "3", "Expect": "100-continue"}, b"")
        self.assertEqual(100, client.interim_response().status)
        self.assertEqual(0, len(app.conns))
        client.send(b"abc")
        self.assertEqual(200, client.response().status)

    def test_sent_again_from_the_file(self):
        """E10: a member that is overloaded has taken the body; the next gets all of it again."""
        apps = [self.backend(name="a"), self.backend(name="b").always(answer_digest)]
        apps[0].always(raw(lambda i: end_request(i, 0, OVERLOADED)))
        members = ", ".join(f'{{ url = "{app.url}" }}' for app in apps)
        proxy = self.start(f"""
[balancer.two]
members = [{members}]
[[site]]
[[site.route]]
path = "/"
to = "balancer://two/"
""")
        body = PIECE * 4
        for _ in range(2):
            client = self.begin(proxy, {"Transfer-Encoding": "chunked"},
                                chunked(body[:5], body[5:]))
            response = client.response()
            self.assertEqual((200, hashlib.sha256(body).hexdigest()),
                             (response.status, response.body.decode()))
        self.assertEqual(len(body), len(apps[0].requests[0].stdin))

    def test_answer_before_the_application_has_read(self):
        """The rest is not sent; the file is given back, the client's connection goes on."""
        app = self.backend(receive_buffer=65536)
        app.always(lambda conn, request: conn.finish(request, b"A: b\r\n\r\nearly"), "params")
        proxy = self.buffering(app, "on")
        client = self.begin(proxy, {}, b"")
        self.assertEqual(b"early", client.response().body)
        client.send(request_bytes("POST", "/", {"Transfer-Encoding": "chunked"})
                    + chunked(*[PIECE] * 40))
        self.assertEqual(b"early", client.response().body)
        self.wait_no_files(proxy)


class Unfinished(BufferingCase):
    def test_client_leaves(self):
        """While its body is written: no application hears of it, and the file is given back."""
        app = self.backend().always(answer_digest)
        proxy = self.buffering(app, "on")
        for leave in ("reset", "close", "half_close"):
            clients = [self.begin(proxy, {"Content-Length": "100000000"}, PIECE * 8)
                       for _ in range(8)]
            wait_for(lambda: len(self.files(proxy)) == 8, "the temporary files")
            for client in clients:
                getattr(client, leave)()
            self.wait_no_files(proxy)
        self.assertEqual(200, proxy.get().status)
        self.assertEqual(1, len(app.requests))

    def test_stopped_meanwhile(self):
        """TERM while bodies are written ends the proxy as it should."""
        proxy = self.buffering(self.backend(), "on",
                               before='[server]\nworkers = 1\nshutdown_timeout = "100ms"')
        for _ in range(4):
            self.begin(proxy, {"Content-Length": "100000000"}, PIECE * 8)
        wait_for(lambda: len(self.files(proxy)) == 4, "the temporary files")
        proxy.stop()

    def test_over_the_limit(self):
        """413 when the limit is passed, however much has been written by then."""
        proxy = self.buffering(self.backend(), "auto", 'limits = { body = "1MiB" }')
        client = self.begin(proxy, {"Transfer-Encoding": "chunked"}, b"")
        try:
            client.send(chunked(*[PIECE] * 5))
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.assertEqual(413, client.response().status)
        self.wait_no_files(proxy)


class NoFile(BufferingCase):
    def refused(self, proxy, status):
        """A body too large for memory is refused with a class and one line in the log."""
        client = self.begin(proxy, {"Transfer-Encoding": "chunked"}, b"")
        try:
            client.send(chunked(*[PIECE] * 16))
        except (BrokenPipeError, ConnectionResetError):
            pass  # Refused before all of it was read.
        response = client.response()
        self.assertEqual((status, "spool-failed"),
                         (response.status, response.header("Millrace-Error")))
        self.assertTrue(response.says_close())
        self.assertEqual(1, proxy.wait_error("temporary file").string.count("temporary file"))
        self.wait_no_files(proxy)

    def small(self, proxy):
        """What memory holds is served all the same."""
        client = self.begin(proxy, {"Transfer-Encoding": "chunked"}, chunked(PIECE[:MEMORY]))
        self.assertEqual(200, client.response().status)

    def test_no_directory(self):
        """No file can be made."""
        app = self.backend().always(answer_digest)
        proxy = self.buffering(app, "auto")
        shutil.rmtree(self.directory)
        self.refused(proxy, 500)
        self.small(proxy)
        self.assertEqual(1, len(app.requests))

    def test_write_fails(self):
        """The file cannot grow beyond a limit of the process: an error, and not a signal's end."""
        app = self.backend().always(answer_digest)
        proxy = self.buffering(app, "auto", launcher=("prlimit", "--fsize=1000000"))
        self.refused(proxy, 500)
        self.small(proxy)
        self.assertEqual(1, len(app.requests))
