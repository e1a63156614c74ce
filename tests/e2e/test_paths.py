"""From the request target to SCRIPT_NAME, PATH_INFO and SCRIPT_FILENAME: decoded once, normalised,
split; and which route and site a request finds (vectors 5.2, docs/configuration.md)."""

from harness import ProxyCase, free_port
from http_client import request_bytes


class PathCase(ProxyCase):
    def env(self, proxy, app, target, **more):
        """The environment that the application got for a target."""
        before = len(app.requests)
        response = proxy.get(target, **more)
        self.assertEqual(200, response.status, target)
        self.assertEqual(before + 1, len(app.requests))
        return app.requests[-1].env

    def script(self, env):
        return tuple(env.get(name) for name in ("SCRIPT_NAME", "PATH_INFO", "SCRIPT_FILENAME"))


class Normalising(PathCase):
    def setUp(self):
        super().setUp()
        self.app = self.backend()
        self.proxy = self.proxy_to(self.app)

    def same(self, pairs):
        for target, path in pairs:
            with self.subTest(target):
                env = self.env(self.proxy, self.app, target)
                path = path if isinstance(path, bytes) else path.encode()
                self.assertEqual(path, env["PATH_INFO"].encode("latin-1"))
                self.assertEqual(target, env["REQUEST_URI"])

    def test_decoded_once(self):
        """5.2, AP5 (PR 15207), N66: %25 stays a percent sign, %2525 becomes %25."""
        self.same([("/a%20b", "/a b"), ("/%C3%A4", "/ä"), ("/%c3%a4", "/ä"), ("/file%25", "/file%"),
                   ("/%2525", "/%25"), ("/%3f%23", "/?#"), ("/%41", "/A"), ("/a+b", "/a+b"),
                   ("/%e4", b"/\xe4"), ("/a%3Bb;c=d", "/a;b;c=d"), ("/a%5Cb", "/a\\b"),
                   ("/%26%3D", "/&="), ("/~!$&'()*,:@", "/~!$&'()*,:@")])

    def test_bad_escapes(self):
        """5.2: % without two hex digits."""
        for target in ("/%", "/%4", "/%zz", "/%4g", "/a%", "/%%41", "/% 41", "/%-1", "/%u0041"):
            with self.subTest(target):
                self.refused(self.proxy, request_bytes("GET", target), [400])

    def test_bytes_that_are_refused(self):
        """5.2: %00 (Caddy #4574, CVE-2013-4547), control bytes, %2F; CVE-2019-11043 %0a."""
        for target in ("/%00", "/up.jpg%00.php", "/up.jpg%20%00.php", "/index.php%0a/x",
                       "/index.php%0d", "/%1f", "/%7f", "/%2F", "/a%2fb", "/..%2fx.php",
                       "/%2e%2e%2fx.php", "/a%01", "/%09"):
            with self.subTest(target):
                self.refused(self.proxy, request_bytes("GET", target), [400])
        self.assertEqual([], self.app.requests)

    def test_above_the_root(self):
        """5.2: /%2e%2e/x.php and the like."""
        for target in ("/..", "/../", "/../x.php", "/%2e%2e/x.php", "/.%2E/x", "/a/../../b",
                       "/a/%2e%2e/%2E%2e/b", "/a/b/../../../c", "//../x", "/./../x"):
            with self.subTest(target):
                self.refused(self.proxy, request_bytes("GET", target), [400])
        self.assertEqual([], self.app.requests)

    def test_segments(self):
        """5.2: //x.php, /./x.php; resolved after the decoding."""
        self.same([("//x.php", "/x.php"), ("/./x.php", "/x.php"), ("/a/../b", "/b"),
                   ("/a/./b//c/../d", "/a/b/d"), ("/a/..", "/"), ("/a/.", "/a/"),
                   ("/a/b/..", "/a/"),
                   ("/%2e/x", "/x"), ("/a/%2e%2e/x", "/x"), ("///", "/"), ("/a//", "/a/"),
                   ("/...", "/..."), ("/.a", "/.a"), ("/..a", "/..a"), ("/a..", "/a.."),
                   ("/a\\x.php", "/a\\x.php"), ("/a;/../b", "/b"), ("/x/..;/y", "/x/..;/y")])

    def test_query_is_raw(self):
        """AP3; the query is never decoded (haproxy 0f17a4444)."""
        for query in ("", "a=b", "a=%20&b=%00", "a=b?c", "/../x", "%zz", "a=%2F..", "a+b&&="):
            with self.subTest(query):
                env = self.env(self.proxy, self.app, f"/p?{query}")
                self.assertEqual((query, "/p", f"/p?{query}"),
                                 (env["QUERY_STRING"], env["PATH_INFO"], env["REQUEST_URI"]))

    def test_no_query(self):
        self.assertEqual("", self.env(self.proxy, self.app, "/p")["QUERY_STRING"])

    def test_absolute_form(self):
        """5.2: absolute-form with another Host: the target counts, HTTP_HOST is its authority."""
        env = self.env(self.proxy, self.app, "http://Real.Example:81/a%20b?q", host="evil.example")
        self.assertEqual(("/a b", "q", "real.example", "Real.Example:81"),
                         (env["PATH_INFO"], env["QUERY_STRING"], env["SERVER_NAME"],
                          env["HTTP_HOST"]))
        env = self.env(self.proxy, self.app, "http://real.example", host="evil.example")
        self.assertEqual("/", env["PATH_INFO"])
        env = self.env(self.proxy, self.app, "http://real.example?q", host="evil.example")
        self.assertEqual(("/", "q"), (env["PATH_INFO"], env["QUERY_STRING"]))


class Splitting(PathCase):
    def start_php(self, route='split_path = [".php"]', site='root = "/srv/www"'):
        app = self.backend()
        return app, self.start(f'[[site]]\n{site}\n[[site.route]]\npath = "/"\nto = "{app.url}"\n'
                               f'{route}')

    def test_split_path(self):
        """5.2: the first occurrence followed by / or the end, compared byte for byte."""
        app, proxy = self.start_php()
        for target, name, info in (
                ("/a.php", "/a.php", None), ("/a.php/b/c", "/a.php", "/b/c"),
                ("/a.php/", "/a.php", "/"), ("/x.txt.php", "/x.txt.php", None),
                ("/a.php.bak/x.php/y", "/a.php.bak/x.php", "/y"), ("/a.phpx", "/a.phpx", None),
                ("/d.php/e.php/f", "/d.php", "/e.php/f"), ("/A.PHP/b", "/A.PHP/b", None),
                ("/.php/x", "/.php", "/x"), ("/plain/x", "/plain/x", None),
                ("/up.jpg/x.php", "/up.jpg/x.php", None),
                ("/a%2ephp/b", "/a.php", "/b"), ("/a%20b.php/c%20d", "/a b.php", "/c d")):
            with self.subTest(target):
                env = self.env(proxy, app, target)
                self.assertEqual((name, info, "/srv/www" + name), self.script(env))
                self.assertEqual(f"/srv/www{info}" if info else None, env.get("PATH_TRANSLATED"))
                self.assertEqual("/srv/www", env["DOCUMENT_ROOT"])

    def test_unicode_is_never_folded(self):
        """5.2: GHSA-3g8v-8r37-cgjm, GHSA-v4h7-cj44-8fc8: circled, fullwidth letters, bad UTF-8."""
        app, proxy = self.start_php()
        for target, name, info in (
                ("/shell.%E2%93%9F%E2%93%97%E2%93%9F",
                 b"/shell.\xe2\x93\x9f\xe2\x93\x97\xe2\x93\x9f", None),
                ("/a.p%A1p/x", b"/a.p\xa1p/x", None),
                ("/a.%EF%BD%90%EF%BD%88%EF%BD%90/x",
                 b"/a.\xef\xbd\x90\xef\xbd\x88\xef\xbd\x90/x", None),
                ("/%C4%B0.php/x", b"/\xc4\xb0.php", b"/x"),
                ("/PoC.%C2%A1.txt", b"/PoC.\xc2\xa1.txt", None)):
            with self.subTest(target):
                env = self.env(proxy, app, target)
                got = tuple(v and v.encode("latin-1") for v in self.script(env)[:2])
                self.assertEqual((name, info), got)

    def test_index(self):
        app, proxy = self.start_php()
        self.assertEqual(("/index.php", None, "/srv/www/index.php"),
                         self.script(self.env(proxy, app, "/")))
        self.assertEqual(("/d/index.php", None, "/srv/www/d/index.php"),
                         self.script(self.env(proxy, app, "/d/")))
        app, proxy = self.start_php('split_path = [".php", ".cgi"]\nindex = "main.cgi"')
        self.assertEqual("/main.cgi", self.env(proxy, app, "/")["SCRIPT_NAME"])
        self.assertEqual(("/a.cgi", "/b.php"),
                         self.script(self.env(proxy, app, "/a.cgi/b.php"))[:2])

    def test_index_only_with_split_path(self):
        app, proxy = self.start_php("")
        self.assertEqual(("", "/", "/srv/www"), self.script(self.env(proxy, app, "/")))

    def test_root_of_a_route(self):
        app, proxy = self.start_php('split_path = [".php"]\nroot = "/other/root"')
        env = self.env(proxy, app, "/a.php/i")
        self.assertEqual(("/a.php", "/i", "/other/root/a.php"), self.script(env))
        self.assertEqual("/other/root", env["DOCUMENT_ROOT"])

    def test_fixed_script(self):
        app, proxy = self.start_php('script = "/opt/app.fcgi"')
        self.assertEqual(("", "/x/y", "/opt/app.fcgi"), self.script(self.env(proxy, app, "/x/y")))

    def test_mount_point(self):
        """Empty split_path: SCRIPT_NAME is the route's path without its last /."""
        app = self.backend()
        proxy = self.start(f'''
[[site]]
root = "/srv"
[[site.route]]
path = "/myapp/"
to = "{app.url}"
[[site.route]]
path = "/one"
to = "{app.url}"
below = true
''')
        self.assertEqual(("/myapp", "/a/b", "/srv/myapp"),
                         self.script(self.env(proxy, app, "/myapp/a/b")))
        self.assertEqual(("/myapp", "/", "/srv/myapp"),
                         self.script(self.env(proxy, app, "/myapp/")))
        self.assertEqual(("/one", None, "/srv/one"), self.script(self.env(proxy, app, "/one")))
        self.assertEqual(("/one", "/x", "/srv/one"), self.script(self.env(proxy, app, "/one/x")))

    def test_script_root_of_the_url(self):
        """SCRIPT_FILENAME: the URL's path, and SCRIPT_NAME without the route's prefix."""
        app = self.backend()
        proxy = self.start(f'''
[[site]]
root = "/srv/www"
[[site.route]]
path = "/myapp/"
to = "{app.url}/opt/scripts/"
split_path = [".php"]
''')
        env = self.env(proxy, app, "/myapp/sub/a.php/info")
        self.assertEqual(("/myapp/sub/a.php", "/info", "/opt/scripts/sub/a.php"), self.script(env))

    def test_document_uri(self):
        app, proxy = self.start_php()
        self.assertEqual("/a b.php", self.env(proxy, app, "/x/../a%20b.php?q")["DOCUMENT_URI"])


class Routing(PathCase):
    def named(self, site, **more):
        """A proxy whose routes answer with their name."""
        return self.start(site, **more)

    @staticmethod
    def route(name, matching):
        return (f'[[site.route]]\n{matching}\nrespond = {{ status = 200, body = "{name}" }}\n')

    def expect(self, proxy, pairs, **more):
        for target, name in pairs:
            with self.subTest(target):
                response = proxy.get(target, **more)
                got = response.body.decode() if response.status == 200 else response.status
                self.assertEqual(name, got)

    def test_precedence(self):
        """match in file order, then exact, then the longest prefix."""
        proxy = self.named("[[site]]\n" + self.route("all", 'path = "/"')
                           + self.route("long", 'path = "/a/b/"')
                           + self.route("short", 'path = "/a/"')
                           + self.route("exact", 'path = "/a/b"')
                           + self.route("first", 'match = "^/m/.*[.]x$"')
                           + self.route("second", 'match = "^/m/"')
                           + self.route("below", 'path = "/z"\nbelow = true'))
        self.expect(proxy, [("/", "all"), ("/a", "all"), ("/a/", "short"), ("/a/x", "short"),
                            ("/a/b", "exact"), ("/a/b/", "long"), ("/a/b/c/d", "long"),
                            ("/m/1.x", "first"), ("/m/1.xy", "second"), ("/m", "all"),
                            ("/z", "below"), ("/z/1", "below"), ("/zz", "all")])

    def test_exact_only(self):
        proxy = self.named("[[site]]\n" + self.route("exact", 'path = "/a"')
                           + self.route("prefix", 'path = "/p/"'))
        self.expect(proxy, [("/a", "exact"), ("/a/", 404), ("/a/b", 404), ("/A", 404),
                            ("/p", 404), ("/p/", "prefix"), ("/", 404), ("/a?x=/p/", "exact")])

    def test_what_is_matched_is_the_normalised_path(self):
        proxy = self.named("[[site]]\n" + self.route("re", 'match = "^/secret/[a-z]+$"')
                           + self.route("secret", 'path = "/secret/"')
                           + self.route("all", 'path = "/"'))
        self.expect(proxy, [("/%73ecret/x", "re"), ("/a/../secret/x", "re"), ("//secret//x", "re"),
                            ("/secret/./X", "secret"), ("/secret/%2e%2e/x", "all"),
                            ("/secret%20/x", "all")])

    def test_hosts(self):
        """exact > longest *.suffix > the site without hosts; case, port and dot do not matter."""
        proxy = self.named(
            "[[site]]\n" + self.route("default", 'path = "/"')
            + '[[site]]\nhosts = ["*.example.org"]\n' + self.route("wild", 'path = "/"')
            + '[[site]]\nhosts = ["*.deep.example.org"]\n' + self.route("deep", 'path = "/"')
            + '[[site]]\nhosts = ["Www.Example.org", "example.org"]\n'
            + self.route("exact", 'path = "/"'))
        for host, name in (("example.org", "exact"), ("www.example.org", "exact"),
                           ("WWW.EXAMPLE.ORG", "exact"), ("www.example.org.", "exact"),
                           ("www.example.org:8080", "exact"), ("a.example.org", "wild"),
                           ("a.b.example.org", "wild"), ("x.deep.example.org", "deep"),
                           ("deep.example.org", "wild"), ("notexample.org", "default"),
                           ("127.0.0.1", "default"), ("[::1]:80", "default")):
            with self.subTest(host):
                self.expect(proxy, [("/", name)], host=host)

    def test_sites_of_listeners(self):
        second = f"127.0.0.1:{free_port()}"
        proxy = self.named(
            f'[[listen]]\naddress = "$LISTEN"\nname = "one"\n[[listen]]\naddress = "{second}"\n'
            'name = "two"\n[[site]]\nlisten = ["one"]\n' + self.route("first", 'path = "/"')
            + '[[site]]\nlisten = ["two"]\n' + self.route("second", 'path = "/"'))
        self.expect(proxy, [("/", "first")])
        host, port = second.rsplit(":", 1)
        client = self.connect(proxy, address=(host, int(port)))
        self.assertEqual(b"second", client.request("GET", "/").body)
