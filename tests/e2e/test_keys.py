"""Keys of the configuration whose effect no other test shows, one short test for each: nothing that
docs/configuration.md lists is accepted in vain."""

import grp
import os
import re
import subprocess
import threading

from fcgi_wire import GET_VALUES
from harness import BINARY, ProxyCase, free_port, wait_for
from http_client import chunked, request_bytes
from scripts import cgi, close_at_once, hang

PLAIN = b"Content-Type: text/plain\r\n\r\n"


class KeyCase(ProxyCase):
    def refused_file(self, *said, text=""):
        """What `check` says of a file with this text behind a listener and a site."""
        path = self.file("refused.toml", b'[[listen]]\naddress = "127.0.0.1:1"\n[[site]]\n'
                         b'[[site.route]]\npath = "/"\n' + text.encode())
        done = subprocess.run([BINARY, "check", "-c", path], capture_output=True, text=True,
                              check=False)
        self.assertEqual(2, done.returncode)
        for words in said:
            self.assertIn(words, done.stderr)

    def routes(self, app, *routes, site="", before=""):
        """A proxy with a site of these routes; $APP is the application's URL."""
        tables = "".join(f"[[site.route]]\n{route}\n" for route in routes)
        return self.start(f"{before}\n[[site]]\n{site}\n{tables}", APP=app.url if app else "")

    def member(self, app, keys, before=""):
        """A proxy with one route to a target that has these keys."""
        return self.routes(app, f'path = "/"\nto = {{ url = "$APP", {keys} }}', before=before)

    def file(self, name, content):
        path = os.path.join(self.directory, name)
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, 0o644)
        return path


class Server(KeyCase):
    def test_group(self):
        if os.geteuid() != 0:
            self.skipTest("not installable: this needs root")
        proxy = self.routes(None, 'path = "/"\nrespond = {}',
                            before='[server]\nworkers = 1\ngroup = "nogroup"')
        with open(f"/proc/{proxy.pid}/status", encoding="ascii") as status:
            gids = re.search(r"Gid:\s+(.*)", status.read())[1].split()
        self.assertEqual([str(grp.getgrnam("nogroup").gr_gid)] * 4, gids)

    def test_backlog(self):
        address = f"127.0.0.1:{free_port()}"
        self.routes(None, 'path = "/"\nrespond = {}',
                    before=f'[[listen]]\naddress = "{address}"\nbacklog = 77')
        table = subprocess.run(["ss", "-Hltn", "src", address], capture_output=True, text=True,
                               check=True).stdout
        self.assertEqual("77", table.split()[2], table)


class Log(KeyCase):
    def lines(self, level):
        """The levels of what is logged of the start, of a 404 and of a 502."""
        app = self.backend().then(close_at_once)
        proxy = self.routes(app, 'path = "/"\nto = "$APP"',
                            'path = "/file"\nto = "$APP"\ncheck_file = true',
                            before=f'[log]\nlevel = "{level}"')
        self.assertEqual(404, proxy.get("/file").status)
        self.assertEqual(502, proxy.get("/").status)
        proxy.wait_error(r"\[error\]")
        return set(re.findall(r"Z \[(\w+)\]", proxy.errors))

    def test_level(self):
        self.assertEqual({"info", "error"}, self.lines("info"))
        self.assertEqual({"info", "error"}, self.lines("debug"))  # Nothing more is logged yet.
        self.assertEqual({"error"}, self.lines("warn"))
        self.assertEqual({"error"}, self.lines("error"))

    def test_access(self):
        """There is no access log yet: it may be off, whatever its format would be."""
        for value in ("stdout", "/var/log/access.log"):
            self.refused_file(f'access = "{value}" is not supported yet',
                              text=f'respond = {{}}\n[log]\naccess = "{value}"\n')
        for value in ("json", "combined"):
            self.routes(None, 'path = "/"\nrespond = {}',
                        before=f'[log]\naccess = "off"\nformat = "{value}"')

    def test_name_of_a_member(self):
        """A member's `name` is what the log calls it."""
        app = self.backend().then(close_at_once)
        proxy = self.start('[[site]]\n[[site.route]]\npath = "/"\nto = "balancer://b/"\n'
                           f'[balancer.b]\nmembers = [{{ url = "{app.url}", name = "left" }}]')
        self.assertEqual(502, proxy.get("/").status)
        proxy.wait_error("member: left")


class Limits(KeyCase):
    def test_response_header_bytes(self):
        """[limits], and a route's own, in both directions."""
        app = self.backend().always(cgi("X-Long: " + "a" * 3000 + "\r\n\r\n"))
        proxy = self.routes(app, 'path = "/"\nto = "$APP"',
                            'path = "/wide"\nto = "$APP"\n'
                            'limits = { response_header_bytes = "4KiB" }',
                            before='[limits]\nresponse_header_bytes = "2KiB"')
        self.assertEqual(502, proxy.get("/").status)
        self.ask(proxy, "/wide")
        narrow = self.routes(app, 'path = "/"\nto = "$APP"',
                             'path = "/narrow"\nto = "$APP"\n'
                             'limits = { response_header_bytes = "2KiB" }')
        self.assertEqual(502, narrow.get("/narrow").status)
        self.ask(narrow)


    def test_response_buffer_0(self):
        """No limit: the application is done with its answer, though the client reads nothing."""
        size = 48 << 20
        done = threading.Event()

        def script(conn, request):
            conn.socket.settimeout(50)
            conn.finish(request, PLAIN + bytes(size))
            done.set()

        app = self.backend().always(script)
        for zero in (("", "[limits]\nresponse_buffer = 0"),
                     ("limits = { response_buffer = 0 }", "")):
            with self.subTest(zero):
                done.clear()
                proxy = self.routes(app, f'path = "/"\nto = "$APP"\n{zero[0]}', before=zero[1])
                client = self.connect(proxy, receive_buffer=4096, timeout=50)
                client.send(request_bytes("GET", "/"))
                self.assertTrue(done.wait(30), "the application was throttled")
                self.assertEqual(size, len(client.response().body))


class Pages(KeyCase):
    def test_error_pages(self):
        """Bodies and types of the proxy's own errors; an application's own are left alone."""
        html = self.file("404.html", b"<p>lost")
        text = self.file("502.txt", b"broken")
        json = self.file("405.json", b"{}")
        app = self.backend()
        proxy = self.routes(app, 'path = "/app"\nto = "$APP"\nmethods = ["GET"]',
                            site=f'error_pages = {{ 404 = "{html}", 502 = "{text}", '
                                 f'405 = "{json}" }}')
        client = self.connect(proxy)
        for method, target, status, kind, body in (
                ("GET", "/nowhere", 404, "text/html", b"<p>lost"),
                ("POST", "/app", 405, "application/json", b"{}"),
                ("GET", "/app", 502, "text/plain", b"broken")):
            app.then(close_at_once)
            response = client.request(method, target)
            self.assertEqual((status, body), (response.status, response.body))
            self.assertTrue(response.header("Content-Type").startswith(kind), response)
        app.scripts.clear()
        app.then(cgi("Status: 404\r\n" + PLAIN.decode(), b"mine"))
        self.assertEqual(b"mine", client.request("GET", "/app").body)

    def test_intercept_errors(self):
        page = self.file("500.html", b"the page")
        app = self.backend()
        proxy = self.routes(app, 'path = "/"\nto = "$APP"\nintercept_errors = [500, 503]',
                            site=f'error_pages = {{ 500 = "{page}" }}')
        client = self.connect(proxy)
        for status, body in ((500, b"the page"), (501, b"secret"), (200, b"secret")):
            app.then(cgi(f"Status: {status}\r\nX-Of: app\r\n{PLAIN.decode()}", b"secret"))
            response = client.request("GET", "/")
            self.assertEqual((status, body), (response.status, response.body))
            self.assertEqual(body == b"secret", response.header("X-Of") is not None)
        app.then(cgi("Status: 503\r\n" + PLAIN.decode(), b"secret"))
        response = client.request("GET", "/")
        self.assertEqual(503, response.status)
        self.assertNotIn(b"secret", response.body)


class ResponseFields(KeyCase):
    def test_remove_headers(self):
        app = self.backend().always(cgi("X-Powered-By: PHP\r\nx-b: 1\r\nX-C: 2\r\n\r\n", b"ok"))
        proxy = self.routes(app, 'path = "/"\nto = "$APP"\n'
                                 'remove_headers = ["x-powered-by", "X-B"]')
        response = self.ask(proxy)
        self.assertEqual([None, None, "2"],
                         [response.header(n) for n in ("X-Powered-By", "X-B", "X-C")])

    def test_add_headers(self):
        app = self.backend()
        proxy = self.routes(app, 'path = "/a"\nto = "$APP"\n'
                                 'add_headers = { X-Path = "${path} ${header.x-in}", X-B = "b" }')
        response = self.ask(proxy, "/a?q", {"X-In": "in"})
        self.assertEqual(("/a in", "b"), (response.header("X-Path"), response.header("X-B")))

    def test_replaced(self):
        """Removed and added: the application's field is replaced."""
        app = self.backend().always(cgi("Cache-Control: public\r\n\r\n"))
        proxy = self.routes(app, 'path = "/"\nto = "$APP"\nremove_headers = ["Cache-Control"]\n'
                                 'add_headers = { Cache-Control = "no-store" }')
        self.assertEqual("no-store", self.ask(proxy).header("Cache-Control"))

    def test_add_headers_to_answers_of_the_proxy(self):
        proxy = self.routes(None, 'path = "/r"\nrespond = { body = "ok" }\n'
                                  'add_headers = { X-Of = "${path}" }',
                            'path = "/m"\nredirect = { to = "/r", status = 302 }\n'
                            'add_headers = { X-Of = "${path}" }')
        client = self.connect(proxy)
        for target in ("/r", "/m"):
            self.assertEqual(target, client.request("GET", target).header("X-Of"))


class Scripts(KeyCase):
    def test_check_file(self):
        self.file("there.php", b"")
        app = self.backend()
        proxy = self.routes(app, 'path = "/"\nto = "$APP"\nsplit_path = [".php"]\n'
                                 f'root = "{self.directory}"\ncheck_file = true')
        client = self.connect(proxy)
        self.assertEqual(404, client.request("GET", "/missing.php").status)
        self.assertEqual(404, client.request("GET", "/").status)  # A directory is no script.
        self.assertEqual([], app.requests)
        self.assertEqual(200, client.request("GET", "/there.php/info").status)

    def test_apache_script_filename(self):
        app = self.backend()
        proxy = self.routes(app, 'path = "/"\nto = "$APP"\nsplit_path = [".php"]\n'
                                 'root = "/srv"\napache_script_filename = true')
        self.ask(proxy, "/a.php")
        self.assertEqual(f"proxy:fcgi://127.0.0.1:{app.port}/srv/a.php",
                         app.requests[0].env["SCRIPT_FILENAME"])

    def test_env_if(self):
        """In order, after env; groups and variables in the value; header and var; set and unset."""
        app = self.backend()
        proxy = self.routes(app, '''path = "/"
to = "$APP"
env = { OLD = "1", KEPT = "1" }
env_if = [
  { header = "User-Agent", matches = "(?i)(\\\\w+)bot", set = "BOT", value = "$1 ${host}" },
  { var = "BOT", matches = "^good", set = "NICE" },
  { var = "NICE", matches = "1", unset = "OLD" },
]''')
        self.ask(proxy, headers={"User-Agent": "a GoodBot"})
        self.ask(proxy, headers={"User-Agent": "a goodbot"})
        first, second = (request.env for request in app.requests)
        self.assertEqual(("Good test.example", None, "1", "1"),
                         tuple(first.get(n) for n in ("BOT", "NICE", "OLD", "KEPT")))
        self.assertEqual(("good test.example", "1", None, "1"),
                         tuple(second.get(n) for n in ("BOT", "NICE", "OLD", "KEPT")))


class Buffering(KeyCase):
    """When the application hears of a request whose body is not there yet, and its length."""

    def half_sent(self, value, headers, first, rest):
        app = self.backend()
        app.always(lambda conn, request: conn.read_stdin(request) and conn.finish(
            request, PLAIN + bytes(request.stdin)), at="params")
        proxy = self.routes(app, f'path = "/"\nto = "$APP"\nrequest_buffering = "{value}"')
        client = self.connect(proxy)
        client.send(request_bytes("POST", "/", headers) + first)
        began = True
        try:
            app.wait(lambda: app.requests, "the request", 0.5)
        except AssertionError:
            began = False
        client.send(rest)
        self.assertEqual(b"abcd", client.response().body)
        return began, app.requests[0].env.get("CONTENT_LENGTH")

    def test_known_length(self):
        known = ({"Content-Length": "4"}, b"ab", b"cd")
        self.assertEqual((True, "4"), self.half_sent("auto", *known))
        self.assertEqual((True, "4"), self.half_sent("off", *known))
        self.assertEqual((False, "4"), self.half_sent("on", *known))

    def test_unknown_length(self):
        unknown = ({"Transfer-Encoding": "chunked"}, b"2\r\nab\r\n", chunked(b"cd"))
        self.assertEqual((False, "4"), self.half_sent("auto", *unknown))
        self.assertEqual((True, None), self.half_sent("off", *unknown))
        self.assertEqual((False, "4"), self.half_sent("on", *unknown))


class Members(KeyCase):
    def asked(self, keys):
        """Questions that the application got behind three requests on one connection."""
        app = self.backend()
        client = self.connect(self.member(app, keys))
        for _ in range(3):
            self.assertEqual(200, client.request("GET", "/").status)
        self.assertEqual(1, len(app.conns))
        return sum(record.type == GET_VALUES for record in app.conns[0].management)

    def test_probe(self):
        self.assertEqual(0, self.asked('probe = "off"'))
        self.assertGreaterEqual(self.asked('probe = "auto"'), 2)

    def test_slots(self):
        """As many requests as processes; a place is free once GET_VALUES is answered."""
        go, free = threading.Event(), threading.Event()
        app = self.backend()
        app.always(lambda conn, request: go.wait(20) and conn.finish(request, PLAIN + b"ok"))
        answer, told = app.values, threading.Event()

        def values(conn, got):
            free.wait(20)
            answer(conn, got)
            told.set()

        app.values = values
        proxy = self.member(app, 'slots = 1, queue = "20s"')
        first, second = self.connect(proxy), self.connect(proxy)
        go.set()
        free.set()
        first.request("GET", "/")
        self.assertTrue(told.wait(10))  # The application has answered the question.
        go.clear()
        free.clear()
        first.send(request_bytes("GET", "/"))
        app.wait_requests(2)
        second.send(request_bytes("GET", "/"))
        go.set()
        self.assertEqual(b"ok", first.response().body)
        threading.Event().wait(0.3)  # In which the second one would come.
        self.assertEqual(2, len(app.requests))
        free.set()
        self.assertEqual(b"ok", second.response().body)
        self.assertEqual(1, app.most_open)

    def test_queue_0(self):
        app = self.backend().then(hang)
        proxy = self.member(app, "slots = 1, queue = 0")
        first = self.connect(proxy)
        first.send(request_bytes("GET", "/"))
        app.wait_requests(1)
        self.assertEqual(503, proxy.get().status)
        first.reset()

    def test_idle(self):
        """`idle` connections are kept, over all workers; all others are closed."""
        go = threading.Event()
        app = self.backend()
        app.always(lambda conn, request: go.wait(20) and conn.finish(request, PLAIN + b"ok"))
        proxy = self.member(app, "idle = 2", before="[server]\nworkers = 2")
        clients = [self.connect(proxy) for _ in range(8)]
        for client in clients:
            client.send(request_bytes("GET", "/"))
        app.wait_requests(8)
        go.set()
        self.assertEqual([b"ok"] * 8, [client.response().body for client in clients])
        wait_for(lambda: sum(conn.established() for conn in app.conns) <= 2, "the end of six")

    def test_multiplex(self):
        """What it does is in test_multiplexing.py."""
        self.refused_file("did you mean", text='to = { url = "unix:/x", multiplex = "of" }\n')
        for value in ('"off"', '"auto"', "8"):
            self.ask(self.member(self.backend(), f"multiplex = {value}"))

    def test_keys_of_balancers_on_a_plain_target(self):
        """It has all requests whatever its weight, and is always tried, whatever has failed."""
        app = self.backend().always(close_at_once)
        proxy = self.member(
            app, 'weight = 0.01, retry = "1h", fails = { count = 1, within = "1h" }')
        for count in (1, 2, 3):
            self.assertEqual(502, proxy.get().status)
            self.assertEqual(count, len(app.requests))


class Balancers(KeyCase):
    def balanced(self, keys, members):
        urls = ", ".join(f'{{ url = "{url}" }}' for url in members)
        return self.start('[[site]]\n[[site.route]]\npath = "/"\nto = "balancer://b/"\n'
                          f"[balancer.b]\n{keys}\nmembers = [{urls}]")

    def test_attempts(self):
        """Of two members that refuse and one that works, two are tried."""
        gone = [f"fcgi://127.0.0.1:{free_port()}" for _ in range(2)]
        app = self.backend()
        proxy = self.balanced("attempts = 2\nqueue = 0", [*gone, app.url])
        self.assertEqual(503, proxy.get().status)
        self.assertEqual([], app.requests)
        self.ask(self.balanced("attempts = 3\nqueue = 0", [*gone, app.url]))

    def failures(self, fails, pause=0.0):
        """How often one of two members fails until it is left alone, in six turns."""
        bad, good = self.backend().always(close_at_once), self.backend()
        proxy = self.balanced(f"fails = {fails}", [bad.url, good.url])
        for _ in range(12):
            proxy.get()
            threading.Event().wait(pause)
        return len(bad.requests)

    def test_fails(self):
        self.assertEqual(1, self.failures("{ count = 1 }"))
        self.assertEqual(3, self.failures("{ count = 3 }"))
        self.assertEqual(6, self.failures('{ count = 2, within = "10ms" }', 0.02))
