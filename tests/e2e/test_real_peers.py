"""Real FastCGI applications behind the proxy, over TCP and Unix (AF6 to AF10, AP15, N65)."""

import concurrent.futures
import json
import os

from harness import ProxyCase
from http_client import chunked, request_bytes
from real_backends import FcgiWrap, Go, LibFcgi, Perl, PhpFpm

MIB = bytes(range(256)) * 4096


class Php(ProxyCase):
    UNIX = False

    def setUp(self):
        super().setUp()
        self.fpm = PhpFpm(self, self.UNIX, children=8)
        self.proxy = self.proxy_to(self.fpm.url, f'split_path = [".php"]\nroot = "{self.fpm.root}"')

    def test_hello(self):
        client = self.connect(self.proxy)
        for _ in range(20):
            response = client.request("GET", "/site.php")
            self.assertEqual((200, b"hello from php"), (response.status, response.body))
        self.assertIn("PHP", response.header("X-Powered-By"))

    def test_server_variables(self):
        """AF6 to AF9: the script sees its own name, and PATH_INFO where there is one."""
        got = json.loads(self.ask(self.proxy, "/site.php/foo/b%C3%A4r?do=server&a=b", {
            "X-A": "1", "Authorization": "Basic dTpw"}).body)
        self.assertEqual({
            "SCRIPT_NAME": "/site.php", "SCRIPT_FILENAME": f"{self.fpm.root}/site.php",
            "PATH_INFO": "/foo/bär", "PATH_TRANSLATED": f"{self.fpm.root}/foo/bär",
            "PHP_SELF": "/site.php/foo/bär", "QUERY_STRING": "do=server&a=b",
            "REQUEST_URI": "/site.php/foo/b%C3%A4r?do=server&a=b", "REQUEST_METHOD": "GET",
            "DOCUMENT_ROOT": self.fpm.root, "SERVER_PROTOCOL": "HTTP/1.1",
            "GATEWAY_INTERFACE": "CGI/1.1", "HTTP_X_A": "1", "PHP_AUTH_USER": "u",
            "PHP_AUTH_PW": "p", "FCGI_ROLE": "RESPONDER", "SERVER_NAME": "test.example",
            "REMOTE_ADDR": "127.0.0.1"},
            {name: got.get(name) for name in (
                "SCRIPT_NAME", "SCRIPT_FILENAME", "PATH_INFO", "PATH_TRANSLATED", "PHP_SELF",
                "QUERY_STRING", "REQUEST_URI", "REQUEST_METHOD", "DOCUMENT_ROOT",
                "SERVER_PROTOCOL", "GATEWAY_INTERFACE", "HTTP_X_A", "PHP_AUTH_USER", "PHP_AUTH_PW",
                "FCGI_ROLE", "SERVER_NAME", "REMOTE_ADDR")})
        got = json.loads(self.ask(self.proxy, "/site.php?do=server").body)
        self.assertFalse({"PATH_INFO", "PATH_TRANSLATED", "HTTPS"} & set(got))

    def test_form_and_cookies(self):
        """5.2: two Cookie fields, and both cookies are seen."""
        client = self.connect(self.proxy)
        response = client.request("POST", "/site.php?do=form", [
            ("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", "a=1"),
            ("Cookie", "b=2")], b"x=1&y=a+b")
        self.assertEqual({"post": {"x": "1", "y": "a b"}, "cookie": {"a": "1", "b": "2"},
                          "get": {"do": "form"}}, json.loads(response.body))

    def test_bodies(self):
        """AP14, N65: known lengths and chunked, up to 1 MiB; CONTENT_LENGTH is what PHP reads."""
        client = self.connect(self.proxy)
        for size in (0, 1, 10, 255, 256, 257, 65535, 65536, 300000, 1 << 20):
            response = client.request("POST", "/site.php?do=echo",
                                      {"Content-Type": "application/octet-stream",
                                       "Content-Length": str(size)}, MIB[:size])
            self.same_bytes(MIB[:size], response.body)
            client.send(request_bytes("POST", "/site.php?do=echo", {
                "Content-Type": "application/octet-stream", "Transfer-Encoding": "chunked"})
                + chunked(*[MIB[at:min(at + 7777, size)] for at in range(0, size, 7777)]))
            response = client.response()
            self.same_bytes(MIB[:size], response.body)
            self.assertIn(response.header("X-Length"), (str(size), "" if size == 0 else None))

    def test_large_answer(self):
        response = self.ask(self.proxy, "/site.php?do=big&mib=20")
        self.same_bytes(b"abcdefghijklmnop" * 65536 * 20, response.body)

    def test_statuses_and_redirects(self):
        """AP15."""
        for code in (404, 410, 500, 503, 599):
            self.assertEqual(code, self.proxy.get(f"/site.php?do=status&code={code}").status)
        response = self.proxy.get("/site.php?do=location&to=https://a.example/")
        self.assertEqual((302, "https://a.example/"),
                         (response.status, response.header("Location")))

    def test_missing_script(self):
        """Pain "Primary script unknown": PHP's own 404, and its reason with the path in the log."""
        response = self.proxy.get("/none.php")
        self.assertEqual((404, b"File not found."), (response.status, response.body.strip()))
        self.proxy.wait_error("Primary script unknown")

    def test_error_log(self):
        self.ask(self.proxy, "/site.php?do=log&text=something")
        self.proxy.wait_error("e2e says: something")

    def test_killed_child(self):
        """E4: a script that kills its process is 502, and the next request is served."""
        self.assertEqual(502, self.proxy.get("/site.php?do=exit").status)
        self.ask(self.proxy, "/site.php")

    def test_file_names(self):
        """N66: names with a space, an umlaut, a percent sign, # and ?."""
        for name in ("a b.php", "ä.php", "50%.php", "a#b.php", "a?b.php", "a+b.php", "a&b.php"):
            with open(os.path.join(self.fpm.root, name), "w", encoding="ascii") as file:
                file.write("<?php echo 'found';")
            target = "/" + "".join(c if c.isalnum() and c.isascii() or c in ".+&" else "".join(
                f"%{b:02x}" for b in c.encode()) for c in name)
            self.assertEqual(b"found", self.ask(self.proxy, target).body, name)

    def test_under_load(self):
        def some(_):
            with self.connect(self.proxy) as client:
                return {client.request("GET", "/site.php").body for _ in range(100)}
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertEqual([{b"hello from php"}] * 8, list(pool.map(some, range(8))))


class PhpUnix(Php):
    UNIX = True


class PhpWithoutReuse(ProxyCase):
    def test_new_connections(self):
        fpm = PhpFpm(self, True)
        proxy = self.start(f'[[site]]\n[[site.route]]\npath = "/"\nsplit_path = [".php"]\n'
                           f'root = "{fpm.root}"\nto = {{ url = "{fpm.url}", reuse = false }}')
        client = self.connect(proxy)
        for _ in range(50):
            self.assertEqual(b"hello from php", client.request("GET", "/site.php").body)


class PhpRestarts(ProxyCase):
    def test_max_requests(self):
        """pm.max_requests: children that end after 3 requests; no request fails."""
        fpm = PhpFpm(self, True, settings="pm.max_requests = 3")
        proxy = self.proxy_to(fpm.url, f'split_path = [".php"]\nroot = "{fpm.root}"')

        def some(_):
            with self.connect(proxy) as client:
                return [client.request("GET", "/site.php").status for _ in range(25)]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            self.assertEqual([[200] * 25] * 4, list(pool.map(some, range(4))))


class Plain:
    """What every application answers alike: METHOD PATH?QUERY, and the body at /echo."""

    def check(self, app, route=""):
        proxy = self.proxy_to(app.url, route)
        client = self.connect(proxy)
        for number in range(10):
            self.assertEqual(b"GET /x?n=%d" % number, client.request("GET", f"/x?n={number}").body)
        for size in (1, 1000, 65535, 65536, 1 << 20):
            response = client.request("POST", "/echo", body=MIB[:size])
            self.same_bytes(MIB[:size], response.body)
            self.assertEqual(str(size), response.header("X-Length"))
        client.send(request_bytes("POST", "/echo", {"Transfer-Encoding": "chunked"})
                    + chunked(MIB[:100000], MIB[100000:300000]))
        response = client.response()
        self.same_bytes(MIB[:300000], response.body)
        self.assertEqual("300000", response.header("X-Length"))
        return proxy


class LibFcgiPeer(Plain, ProxyCase):
    def test_tcp(self):
        self.check(LibFcgi(self))

    def test_unix(self):
        self.check(LibFcgi(self, unix=True))


class PerlPeer(Plain, ProxyCase):
    def test_tcp(self):
        self.check(Perl(self))

    def test_unix(self):
        self.check(Perl(self, unix=True))


class FcgiWrapPeer(Plain, ProxyCase):
    def test_unix(self):
        app = FcgiWrap(self)
        self.check(app, f'script = "{app.script}"')

    def test_tcp(self):
        app = FcgiWrap(self, unix=False)
        self.check(app, f'script = "{app.script}"')


class GoPeer(ProxyCase):
    def check(self, app):
        proxy = self.proxy_to(app.url)
        client = self.connect(proxy)
        for number in range(10):
            body = client.request("GET", f"/x?n={number}", host="Go.example").body.decode()
            self.assertRegex(body, f"^GET /x host=Go.example remote=127.0.0.1:{client.port} "
                                   f"query=n={number}$")
        for size in (1, 65535, 65536, 1 << 20):
            response = client.request("POST", "/echo", body=MIB[:size])
            self.same_bytes(MIB[:size], response.body)
            self.assertEqual(str(size), response.header("X-Length"))
        client.send(request_bytes("POST", "/echo", {"Transfer-Encoding": "chunked"})
                    + chunked(MIB[:300000]))
        self.same_bytes(MIB[:300000], client.response().body)
        self.same_bytes((b"abcdefghijklmnopqrstuvwxyz" * 40330)[:1 << 20] * 5,
                        client.request("GET", "/big?mib=5").body)
        return proxy

    def test_tcp(self):
        self.check(Go(self))

    def test_unix(self):
        self.check(Go(self, unix=True))

    def test_many_at_once(self):
        """200 requests of 50 ms by 40 clients, none mixed up."""
        proxy = self.proxy_to(Go(self).url)

        def some(number):
            with self.connect(proxy) as client:
                for step in range(5):
                    if client.request("GET", "/slow?ms=50").body != b"slow":
                        return False
                    name = f"/c{number}-{step}"
                    if f"GET {name} " not in client.request("GET", name).body.decode():
                        return False
            return True
        with concurrent.futures.ThreadPoolExecutor(40) as pool:
            self.assertTrue(all(pool.map(some, range(40))))
