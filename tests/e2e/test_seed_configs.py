"""The seed's configurations, as docs/configuration.md has them; only the ports are others."""

from fcgi_script import KEEP_CONN
from harness import Millrace, ProxyCase
from http_client import request_bytes
from real_backends import PhpFpm

SINGLE = '''
# Single application instance                     (ProxyPass /myapp/ fcgi://localhost:4000/)
[[listen]]
address = "127.0.0.1:8080"

[[site]]
[[site.route]]
path = "/myapp/"
to = "fcgi://localhost:4000/"
'''
NO_REUSE = SINGLE.replace('to = "fcgi://localhost:4000/"',
                          'to = { url = "fcgi://localhost:4000/", reuse = false }')
BALANCED = '''
[[listen]]
address = "127.0.0.1:8080"

[[site]]
# Balanced gateway to several instances           (balancer://myappcluster/)
[[site.route]]
path = "/myapp/"
to = "balancer://myappcluster/"

[balancer.myappcluster]
method = "byrequests"
members = [
  { url = "fcgi://localhost:4000/" },
  { url = "fcgi://localhost:4001/" },
]
'''


class Seed(ProxyCase):
    def seed(self, text, *backends):
        """Starts the text with free ports in place of its own, and nothing added."""
        text = text.replace("127.0.0.1:8080", "$LISTEN")
        for number, backend in enumerate(backends):
            text = text.replace(f"localhost:{4000 + number}/", f"localhost:{backend.port}/")
        proxy = Millrace(text, complete=False)
        self.proxies.append(proxy)
        return proxy

    def test_single_instance(self):
        app = self.backend()
        proxy = self.seed(SINGLE, app)
        client = self.connect(proxy)
        for _ in range(5):
            response = client.request("GET", "/myapp/some/page?x=1")
            self.assertEqual((200, b"/myapp/some/page"), (response.status, response.body))
        env = app.requests[0].env
        self.assertEqual(("/myapp", "/some/page", "x=1"),
                         (env["SCRIPT_NAME"], env["PATH_INFO"], env["QUERY_STRING"]))
        self.assertEqual(404, client.request("GET", "/other").status)
        self.assertEqual(b"/myapp/p", client.request("POST", "/myapp/p", body=b"x" * 70000).body)
        self.assertTrue(all(request.flags & KEEP_CONN for request in app.requests))

    def test_without_connection_reuse(self):
        app = self.backend()
        proxy = self.seed(NO_REUSE, app)
        for number in range(5):
            self.assertEqual(b"/myapp/x", self.ask(proxy, "/myapp/x").body)
            self.assertEqual(number + 1, len(app.conns))
        self.assertFalse(any(request.flags & KEEP_CONN for request in app.requests))

    def test_balanced_gateway(self):
        apps = [self.backend(), self.backend()]
        proxy = self.seed(BALANCED, *apps)
        for _ in range(20):
            self.ask(proxy, "/myapp/x")
        self.assertEqual([10, 10], [len(app.requests) for app in apps])
        apps[1].refuse()
        for conn in apps[1].conns:
            conn.close()
        for _ in range(10):
            self.ask(proxy, "/myapp/x")

    def test_balanced_upload(self):
        apps = [self.backend(), self.backend()]
        proxy = self.seed(BALANCED, *apps)
        for _ in range(4):
            response = proxy.raw(request_bytes("POST", "/myapp/up", body=b"u" * 1_000_000))
            self.assertEqual(200, response.status)
        self.assertEqual([2, 2], [len(app.requests) for app in apps])

    def test_php_fpm(self):
        """The same gateway before two PHP-FPM pools of real children."""
        fpm = PhpFpm(self)
        proxy = self.start(f'''
[[site]]
root = "{fpm.root}"
[[site.route]]
path = "/myapp/"
to = "balancer://fpm/"
split_path = [".php"]
env = {{ SCRIPT_FILENAME = "{fpm.root}/site.php" }}
[balancer.fpm]
members = [{{ url = "{fpm.url}" }}]
''')
        for _ in range(10):
            self.assertEqual(b"hello from php", self.ask(proxy, "/myapp/site.php").body)
