"""`millrace check`, and configurations that are wrong: every fault of a file at once, each with its
place, its line and a hint; exit status 2, nothing started (docs/configuration.md Conventions)."""

import os
import re
import subprocess
import tempfile
import unittest

from harness import BINARY

GOOD = '''
[[listen]]
address = "127.0.0.1:18080"
[[site]]
[[site.route]]
path = "/"
to = "fcgi://127.0.0.1:4000/"
'''


def check(text, command="check"):
    """The exit status, stdout and stderr for a configuration; FILE is its path."""
    with tempfile.TemporaryDirectory() as directory:
        file = os.path.join(directory, "test.toml")
        with open(file, "w", encoding="utf-8") as out:
            out.write(text)
        done = subprocess.run([BINARY, command, "-c", file], capture_output=True, text=True,
                              timeout=20, check=False)
        return done.returncode, done.stdout.replace(file, "FILE"), done.stderr.replace(file, "FILE")


class Good(unittest.TestCase):
    def good(self, text):
        status, out, errors = check(text)
        self.assertEqual((0, ""), (status, errors))
        self.assertIn("FILE: ok", out)
        return out

    def test_the_effective_routes_are_shown(self):
        out = self.good(GOOD + '[[site.route]]\npath = "/static/"\nrespond = { status = 404 }\n')
        self.assertIn("/static/", out)
        self.assertIn("127.0.0.1:4000", out)

    def test_everything_of_the_foundation(self):
        self.good('''
[server]
workers = 2
user = "nobody"
group = "nogroup"
max_connections = 1000
shutdown_timeout = "1m"
server_tokens = false
[[listen]]
address = "[::1]:18080"
backlog = 128
name = "v6"
[[listen]]
address = "unix:/run/x.sock"
[limits]
uri = 8192
header_bytes = "32KiB"
headers = 100
body = "1GiB"
requests_per_connection = 0
response_header_bytes = "64KiB"
response_buffer = "1MiB"
[timeouts]
header = "10s"
body = "250ms"
keepalive = 0
send = "1m"
connect = "1h"
response = "60s"
total = 0
[log]
error = "stderr"
level = "warn"
[[site]]
hosts = ["example.org", "*.example.org"]
listen = ["v6"]
root = "/srv"
[[site.route]]
match = "[.]php(/|$)"
to = { url = "unix:/run/php.sock", reuse = true, max = 10, idle = 4, idle_timeout = "5s" }
split_path = [".php"]
index = "index.php"
root = "/other"
env = { A = "b", C = "${host}", D = false, E = "" }
[[site.route]]
path = "/app"
below = true
methods = ["GET", "POST"]
script = "/opt/app"
to = "balancer://two/"
[[site.route]]
path = "/old"
redirect = { to = "https://${host}${request_uri}", status = 308 }
[[site.route]]
path = "/no"
respond = { status = 404, body = "no" }
[balancer.two]
method = "byrequests"
members = [
  { url = "fcgi://127.0.0.1:4000/", weight = 2, retry = "5s" },
  { url = "fcgi://localhost:4001/", weight = 0.5 },
]
''')

    def test_comments_and_order(self):
        balancer = '# first\n[balancer.b] # early\nmembers = [{ url = "fcgi://a:1/" }]\n'
        self.good(balancer + GOOD.replace("fcgi://127.0.0.1:4000/", "balancer://b/"))


class Faults(unittest.TestCase):
    def faults(self, text, command="check"):
        """The faults of a file as (line, column, message)."""
        status, out, errors = check(text, command)
        self.assertEqual(2, status, (out, errors))
        self.assertNotIn("FILE: ok", out)
        found = re.findall(r"(?m)^FILE:(\d+):(\d+): (.+)$", errors)
        self.assertTrue(found, errors)
        self.errors = errors
        return [(int(line), int(column), message) for line, column, message in found]

    def one(self, text, line, *words):
        """Exactly one fault, on this line, whose message or hint has the words."""
        found = self.faults(text)
        self.assertEqual([line], [fault[0] for fault in found], self.errors)
        for word in words:
            self.assertIn(word, self.errors)
        return found[0]

    def test_unknown_key(self):
        _, column, _ = self.one(GOOD.replace("[[site]]", "  backlgo = 5\n[[site]]"), 4, "backlgo")
        self.assertEqual(3, column)
        self.assertIn("\n  backlgo = 5\n", self.errors.replace("    backlgo", "  backlgo"),
                      "the offending line is not shown")
        self.assertRegex(self.errors, r"\bbacklog\b", "no hint")
        self.assertRegex(self.errors, r"(?m)^\s*(\d+ \| |\| )?\s*\^", "no caret")

    def test_nearest_key(self):
        for wrong, right in (("spilt_path = []", "split_path"), ("scirpt = \"x\"", "script"),
                             ("metods = []", "methods"), ("evn = {}", "env")):
            self.one(GOOD + wrong + "\n", 8, wrong.split(" ", 1)[0], right)

    def test_all_faults_at_once(self):
        found = self.faults('''
[server]
workres = 2
shutdown_timeout = "10 parsecs"
[[listen]]
address = "127.0.0.1:18080"
backlog = "many"
[[site]]
[[site.route]]
path = "/"
to = "balancer://nowhere/"
[limits]
uri = "8KB"
''')
        self.assertEqual([3, 4, 7, 11, 13], sorted(line for line, _, _ in found), self.errors)

    def test_wrong_types(self):
        for key in ("path = 1", "split_path = 'x'", "check_file = 'yes'", "methods = [1]",
                    "env = { A = 1 }", "env = { A = true }", "limits = 5", "below = 1"):
            text = GOOD.replace('path = "/"\n', "") if key.startswith("path") else GOOD
            self.assertTrue(self.faults(text + key + "\n"), key)

    def test_values_out_of_range(self):
        for text in ('[server]\nworkers = 0\n', '[server]\nworkers = -1\n',
                     '[server]\nworkers = "many"\n', '[timeouts]\nheader = "10"\n',
                     '[timeouts]\nheader = 10\n', '[timeouts]\nheader = "-1s"\n',
                     '[timeouts]\nheader = "1.5s"\n', '[timeouts]\nheader = "1 s"\n',
                     '[timeouts]\nheader = "9999999999999999999h"\n', '[limits]\nuri = "8kb"\n',
                     '[limits]\nuri = -1\n', '[limits]\nuri = "99999999999GiB"\n',
                     '[log]\nlevel = "loud"\n'):
            with self.subTest(text):
                self.assertEqual([2], [line for line, _, _ in self.faults(text + GOOD)])

    def test_weights(self):
        for weight in ("0", "0.001", "101", "-1", '"1"'):
            text = GOOD.replace("fcgi://127.0.0.1:4000/", "balancer://b/") + (
                f'[balancer.b]\nmembers = [\n  {{ url = "fcgi://a:1/", weight = {weight} }} ]\n')
            self.one(text, 10, "weight")

    def test_dangling_references(self):
        self.one(GOOD.replace("fcgi://127.0.0.1:4000/", "balancer://nowhere/"), 7, "nowhere")
        self.one(GOOD.replace("[[site]]", '[[site]]\nlisten = ["nowhere"]'), 5, "nowhere")

    def test_balancer_without_members(self):
        """E45."""
        text = GOOD.replace("fcgi://127.0.0.1:4000/", "balancer://b/")
        self.faults(text + "[balancer.b]\n")
        self.faults(text + "[balancer.b]\nmembers = []\n")

    def test_duplicates(self):
        self.faults(GOOD + 'path = "/again"\n')
        self.faults(GOOD + '[[listen]]\naddress = "127.0.0.1:18080"\n')

    def test_handlers(self):
        """Exactly one handler."""
        self.faults(GOOD + "respond = { status = 200 }\n")
        self.faults(GOOD.replace('to = "fcgi://127.0.0.1:4000/"', ""))

    def test_matching(self):
        self.faults(GOOD + 'match = "x"\n')
        self.faults(GOOD.replace('path = "/"', ""))
        self.faults(GOOD.replace('path = "/"', 'match = "("'))
        self.faults(GOOD.replace('path = "/"', 'path = "no-slash"'))

    def test_addresses(self):
        """Addresses of listeners are numeric."""
        for address in ("localhost:80", "127.0.0.1", "127.0.0.1:99999", "127.0.0.1:x", "::1:80",
                        "[::1]", "", "unix:", "300.0.0.1:80"):
            with self.subTest(address):
                self.assertEqual([3], [line for line, _, _ in self.faults(
                    GOOD.replace("127.0.0.1:18080", address))])

    def test_targets(self):
        for target in ("http://a:1/", "fcgi://", "fcgi://a:99999/", "127.0.0.1:4000", "", "unix:",
                       "balancer://", "fcgi://a b:1/"):
            with self.subTest(target):
                self.assertEqual([7], [line for line, _, _ in self.faults(
                    GOOD.replace("fcgi://127.0.0.1:4000/", target))])

    def test_variables(self):
        self.one(GOOD + 'env = { A = "${nope}" }\n', 8, "nope")
        self.faults(GOOD + 'env = { A = "${host" }\n')

    def test_settings_of_one_address(self):
        """Different numbers for one address are a configuration error."""
        route = ('[[site.route]]\npath = "/{0}"\n'
                 'to = {{ url = "fcgi://127.0.0.1:4001", idle = {0} }}\n')
        self.faults(GOOD + route.format(1) + route.format(2))

    def test_syntax(self):
        self.one(GOOD + "to = = 1\n", 8)
        self.faults("[[listen]\n")
        self.faults(GOOD + 'script = "unterminated\n')
        self.faults(GOOD + "\x00")

    def test_not_utf8(self):
        with tempfile.NamedTemporaryFile(suffix=".toml") as file:
            file.write(GOOD.encode() + b'script = "\xff\xfe"\n')
            file.flush()
            done = subprocess.run([BINARY, "check", "-c", file.name], capture_output=True,
                                  timeout=20, check=False)
        self.assertEqual(2, done.returncode)

    def test_empty(self):
        """Nothing to listen on, nothing to serve."""
        status, _, errors = check("")
        self.assertEqual(2, status)
        self.assertIn("FILE", errors)

    def test_run_starts_nothing(self):
        found = self.faults(GOOD + "typo = 1\n", "run")
        self.assertEqual([8], [line for line, _, _ in found])


class CommandLine(unittest.TestCase):
    def run_with(self, *words):
        return subprocess.run([BINARY, *words], capture_output=True, text=True, timeout=20,
                              check=False)

    def test_unreadable_file(self):
        for file in ("/nonexistent/x.toml", "/"):
            done = self.run_with("check", "-c", file)
            self.assertEqual(2, done.returncode)
            self.assertIn(file, done.stderr)

    def test_name_that_does_not_resolve(self):
        """E46: names of applications are looked up at the start, and `run` says which is wrong."""
        name = "a" * 64 + ".invalid"  # No name server is asked for a label of 64 bytes.
        text = GOOD.replace("127.0.0.1:4000", f"{name}:4000")
        status, _, errors = check(text, "run")
        self.assertEqual(1, status)
        self.assertIn(name, errors)

    def test_default_file(self):
        if not os.path.exists("/etc/millrace/millrace.toml"):
            done = self.run_with("check")
            self.assertEqual(2, done.returncode)
            self.assertIn("/etc/millrace/millrace.toml", done.stderr)

    def test_wrong_usage(self):
        for words in ([], ["frobnicate"], ["run", "--nope"], ["check", "-c"], ["run", "extra"]):
            with self.subTest(words):
                done = self.run_with(*words)
                self.assertEqual(2, done.returncode, done)
                self.assertTrue(done.stderr.strip())

    def test_version(self):
        done = self.run_with("--version")
        self.assertEqual(0, done.returncode)
        self.assertRegex(done.stdout, r"^millrace \d+\.\d+\.\d+")
