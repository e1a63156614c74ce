"""Starts the real proxy for a test, and makes sure that it left well.

A configuration is TOML text in which $NAME stands for a value: $LISTEN for a free loopback address,
$DIR for a directory of the test's own, others as given. ProxyCase keeps what a test starts, and at
its end holds the proxy to what must be true after any traffic: it lives, nothing of MUST or of a
sanitizer is on its stderr, every socket is given back once clients and applications are gone, TERM
ends it with status 0.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from fcgi_script import Backend
from http_client import Client

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.path.abspath(os.environ.get("MILLRACE")
                         or os.path.join(REPOSITORY, "build/release/millrace"))
BUILT = os.path.join(REPOSITORY, "build/e2e")  # programs compiled for the tests
ALARMS = re.compile(r"MUST|AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:")
_next_port = int(os.environ.get("E2E_PORTS", "20000"))
_claims = []  # sockets whose abstract names claim ports among all test processes of the machine


def wait_for(condition, what, seconds=10):
    """Polls for what has no event to wait on, another process's state for one."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come in {seconds} s")
        time.sleep(0.005)
    return value


def free_port():
    """A port nobody listens on, outside of the range that the kernel gives to clients. It stays
    claimed while this process lives, so that no other test process takes it before its use."""
    global _next_port
    while True:
        _next_port += 1
        claim = socket.socket(socket.AF_UNIX)
        with socket.socket() as probe:
            try:
                claim.bind(f"\0millrace-e2e-port-{_next_port}")
                probe.bind(("127.0.0.1", _next_port))
            except OSError:
                claim.close()
                continue
        _claims.append(claim)
        return _next_port


def substitute(text, values):
    for name in sorted(values, key=len, reverse=True):
        text = text.replace("$" + name, str(values[name]))
    return text


class Program:
    """A child process whose stderr is collected while it runs."""

    def __init__(self, command, **options):
        self.command = command
        self.errors = ""
        self.changed = threading.Condition()
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            encoding="latin-1", errors="replace", **options)
        self.collector = threading.Thread(target=self.collect, daemon=True)
        self.collector.start()

    @property
    def pid(self):
        return self.process.pid

    def collect(self):
        for line in self.process.stderr:
            with self.changed:
                self.errors += line
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def wait_error(self, text, seconds=10):
        """Waits until the text (a regular expression) is on stderr."""
        def seen():
            return re.search(text, self.errors) or not self.collector.is_alive()
        with self.changed:
            while not seen():
                if not self.changed.wait(seconds):
                    break
        found = re.search(text, self.errors)
        if not found:
            raise AssertionError(f"{text!r} is not on the stderr of {self.command[0]}:\n"
                                 f"{self.errors}")
        return found

    def running(self):
        return self.process.poll() is None

    def exit_status(self, seconds=10):
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.command} still runs after {seconds} s") from None
        self.collector.join(5)
        return status

    def kill(self):
        if self.running():
            self.process.kill()
        self.process.wait()
        self.collector.join(5)
        if not self.collector.is_alive():  # Else a grandchild holds the pipe.
            self.process.stderr.close()

    # What /proc says

    def sockets(self):
        count = 0
        for name in os.listdir(f"/proc/{self.pid}/fd"):
            try:
                count += os.readlink(f"/proc/{self.pid}/fd/{name}").startswith("socket:")
            except FileNotFoundError:
                pass
        return count

    def resident(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]) * 1024

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Millrace(Program):
    """A running proxy. `launcher` is a command that is given the proxy's command to run."""

    def __init__(self, text, launcher=(), ready=True, wait=True, complete=True, options=None,
                 **values):
        self.directory = tempfile.mkdtemp(prefix="millrace-")
        os.chmod(self.directory, 0o755)
        self.port = free_port()
        self.address = ("127.0.0.1", self.port)
        values.setdefault("LISTEN", f"127.0.0.1:{self.port}")
        values.setdefault("PORT", self.port)
        values.setdefault("DIR", self.directory)
        if complete and "[[listen]]" not in text:
            text = '[[listen]]\naddress = "$LISTEN"\n' + text
        if complete and "[server]" not in text:
            text = "[server]\nworkers = 1\n" + text
        self.text = substitute(text, values)
        self.file = os.path.join(self.directory, "millrace.toml")
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(self.text)
        super().__init__([*launcher, BINARY, "run", "-c", self.file], stdout=subprocess.DEVNULL,
                         **(options or {}))
        self.baseline = None
        if wait and ready:
            self.wait_ready()

    def wait_ready(self):
        try:
            self.wait_error(r"(?m)^millrace: ready$")
        except AssertionError:
            self.discard()
            raise
        self.baseline = self.sockets()

    def client(self, **options):
        return Client(self.address, **options)

    def get(self, target="/", headers=(), **more):
        with self.client() as client:
            return client.request("GET", target, headers, **more)

    def raw(self, data, method="GET"):
        with self.client() as client:
            client.send(data)
            return client.response(method)

    def signal(self, number):
        self.process.send_signal(number)

    def check_alive(self):
        if not self.running():
            raise AssertionError(f"the proxy ended with status {self.process.returncode}")
        if ALARMS.search(self.errors):
            raise AssertionError("an alarm on the proxy's stderr")

    def check_returned(self):
        """With clients and applications gone, only the listeners are left."""
        wait_for(lambda: self.sockets() <= self.baseline,
                 f"the return to {self.baseline} sockets (now {self.sockets()})", 5)

    def stop(self):
        self.signal(signal.SIGTERM)
        status = self.exit_status()
        if ALARMS.search(self.errors):
            raise AssertionError("an alarm on the proxy's stderr")
        if status != 0:
            raise AssertionError(f"exit status {status} after TERM")

    def discard(self):
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.discard()


class ProxyCase(unittest.TestCase):
    """A test with a proxy (or several), scripted applications and clients of its own."""

    maxDiff = 4000

    def setUp(self):
        self.proxies, self.backends, self.clients, self.applications = [], [], [], []
        self.directory = tempfile.mkdtemp(prefix="millrace-test-")
        os.chmod(self.directory, 0o755)
        self.addCleanup(shutil.rmtree, self.directory, True)

    def backend(self, **options):
        backend = Backend(**options)
        self.backends.append(backend)
        return backend

    def start(self, text, **options):
        proxy = Millrace(text, **options)
        self.proxies.append(proxy)
        return proxy

    def proxy_to(self, backend, route="", before="", **options):
        """A proxy with one route, / to the backend (or to a URL); `route` are more lines of it."""
        url = backend if isinstance(backend, str) else backend.url
        return self.start(f'{before}\n[[site]]\n[[site.route]]\npath = "/"\nto = "{url}"\n{route}',
                          **options)

    def connect(self, proxy, **options):
        client = Client(options.pop("address", proxy.address), **options)
        self.clients.append(client)
        return client

    def tearDown(self):
        """Ends all in order; the first thing found wrong fails the test."""
        problems = []

        def attempt(function):
            try:
                function()
            except (AssertionError, OSError) as error:
                problems.append(f"at the end of the test: {error}")

        for client in self.clients:
            client.close()
        for application in self.applications:
            application.stop()
        live = [proxy for proxy in self.proxies if proxy.baseline is not None]
        for backend in self.backends:
            backend.stop()
            problems += [f"{backend.name}: {text}"
                         for text in backend.violations + backend.failures]
        for proxy in [p for p in live if p.running()]:
            attempt(proxy.check_alive)
            attempt(proxy.check_returned)
            attempt(proxy.stop)
        for proxy in self.proxies:
            if proxy.baseline is not None and not getattr(proxy, "may_end", False):
                if proxy.process.returncode:
                    problems.append(f"the proxy's status is {proxy.process.returncode}")
            proxy.discard()
        errors = "".join(f"--- stderr of the proxy (configuration:\n{proxy.text}\n)\n"
                         f"{proxy.errors[-6000:]}" for proxy in self.proxies)
        type(self).last_errors = errors
        if problems:
            self.fail("\n".join(problems))

    def same_bytes(self, expected, got):
        """Equality of bodies, without printing them."""
        if expected != got:
            at = next((i for i, (a, b) in enumerate(zip(expected, got)) if a != b),
                      min(len(expected), len(got)))
            self.fail(f"{len(got)} bytes instead of {len(expected)}; the first difference is at "
                      f"{at}: {bytes(expected[at:at + 40])!r} became {bytes(got[at:at + 40])!r}")

    def ask(self, proxy, target="/", headers=(), **more):
        """A GET on a connection of its own, which must be answered 200."""
        response = proxy.get(target, headers, **more)
        self.assertEqual(200, response.status, response)
        return response

    def refused(self, proxy, data, statuses, closes=True):
        """Sends the bytes on a connection of their own; the answer, and then the end of it."""
        client = self.connect(proxy)
        try:
            client.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # Refused before all of it was read; the answer is there all the same.
        response = client.response()
        self.assertIn(response.status, statuses, response)
        self.assertTrue(response.complete, response)
        if closes:
            self.assertTrue(response.says_close(), f"no Connection: close in {response}")
            client.end()
        return response
