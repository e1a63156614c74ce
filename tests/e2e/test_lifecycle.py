"""The life of the process: start, stop, signals, addresses, privileges, descriptors."""

import os
import pwd
import resource
import signal
import socket
import stat
import subprocess
import threading
import time

from harness import BINARY, Millrace, ProxyCase, free_port, wait_for
from http_client import Client, request_bytes
from scripts import after, hang


def threads(pid):
    return [int(name) for name in os.listdir(f"/proc/{pid}/task")]


def status_field(path, name):
    with open(path, encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith(name + ":"):
                return line.split(":", 1)[1].split()
    return None


class Stopping(ProxyCase):
    """N: TERM and QUIT finish what is in flight, INT does not."""

    def in_flight(self, **more):
        go = threading.Event()
        app = self.backend()
        app.always(after(go, app.hello))
        proxy = self.proxy_to(app, **more)
        client = self.connect(proxy)
        client.send(request_bytes("GET", "/in-flight"))
        app.wait_requests(1)
        return proxy, client, go

    def test_graceful(self):
        for number in (signal.SIGTERM, signal.SIGQUIT):
            proxy, client, go = self.in_flight()
            idle = self.connect(proxy)
            proxy.signal(number)
            self.assertEqual("eof", idle.end())
            wait_for(lambda p=proxy: not self.accepts(p), "the end of accepting")
            self.assertTrue(proxy.running())
            go.set()
            response = client.response()
            self.assertEqual((200, b"/in-flight"), (response.status, response.body))
            self.assertTrue(response.says_close())
            self.assertEqual(0, proxy.exit_status())

    @staticmethod
    def accepts(proxy):
        try:
            with socket.create_connection(proxy.address, 1):
                return True
        except OSError:
            return False

    def test_body_in_flight(self):
        app = self.backend()
        proxy = self.proxy_to(app)
        client = self.connect(proxy)
        client.send(request_bytes("POST", "/", {"Content-Length": "10"}) + b"12345")
        app.wait(lambda: app.requests and app.requests[0].stdin, "the first half")
        proxy.signal(signal.SIGTERM)
        wait_for(lambda: not self.accepts(proxy), "the end of accepting")
        client.send(b"67890")
        self.assertEqual(200, client.response().status)
        self.assertEqual(0, proxy.exit_status())

    def test_shutdown_timeout(self):
        proxy, client, _ = self.in_flight(
            before='[server]\nworkers = 1\nshutdown_timeout = "500ms"')
        begin = time.monotonic()
        proxy.signal(signal.SIGTERM)
        self.assertEqual(0, proxy.exit_status())
        self.assertTrue(0.3 < time.monotonic() - begin < 4)
        while client.fill():
            pass

    def test_interrupt(self):
        proxy, client, _ = self.in_flight()
        begin = time.monotonic()
        proxy.signal(signal.SIGINT)
        self.assertEqual(0, proxy.exit_status())
        self.assertLess(time.monotonic() - begin, 3)
        while client.fill():
            pass

    def test_second_signal_while_stopping(self):
        proxy, client, _ = self.in_flight()
        proxy.signal(signal.SIGTERM)
        wait_for(lambda: not self.accepts(proxy), "the end of accepting")
        proxy.signal(signal.SIGINT)
        self.assertEqual(0, proxy.exit_status())
        while client.fill():
            pass

    def test_two_workers(self):
        app = self.backend()
        proxy = self.proxy_to(app, before="[server]\nworkers = 2")
        clients = [self.connect(proxy) for _ in range(8)]
        for client in clients:
            self.assertEqual(200, client.request("GET", "/").status)
        proxy.signal(signal.SIGTERM)
        self.assertEqual(0, proxy.exit_status())
        for client in clients:
            client.end()


class Starting(ProxyCase):
    def fails(self, text, **options):
        """Starts what must not start; its status and what it said."""
        proxy = Millrace(text, wait=False, **options)
        self.proxies.append(proxy)
        status = proxy.exit_status()
        self.assertNotIn("millrace: ready", proxy.errors)
        return status, proxy.errors

    SITE = '[[site]]\n[[site.route]]\npath = "/"\nrespond = { status = 200, body = "x" }\n'

    def test_address_in_use(self):
        """By another program, and by another millrace: exit 1 and a sentence with the address."""
        other = socket.socket()
        self.addCleanup(other.close)
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = "127.0.0.1:%d" % other.getsockname()[1]
        status, errors = self.fails(self.SITE, LISTEN=address)
        self.assertEqual(1, status)
        self.assertIn(address, errors)
        first = self.start(self.SITE)
        status, errors = self.fails(self.SITE, LISTEN=f"127.0.0.1:{first.port}")
        self.assertEqual(1, status, "another millrace took the address too")
        self.assertIn(f"127.0.0.1:{first.port}", errors)
        self.ask(first)

    def test_unix_address_in_use(self):
        path = os.path.join(self.directory, "a.sock")
        self.start(self.SITE, LISTEN=f"unix:{path}")
        status, errors = self.fails(self.SITE, LISTEN=f"unix:{path}")
        self.assertEqual(1, status)
        self.assertIn(path, errors)
        with Client(path) as client:
            self.assertEqual(b"x", client.request("GET", "/").body)

    def test_no_right_to_bind(self):
        status, errors = self.fails(self.SITE, LISTEN="203.0.113.1:18080")
        self.assertEqual(1, status)
        self.assertIn("203.0.113.1:18080", errors)

    def test_bad_configuration(self):
        status, errors = self.fails(self.SITE + "\nrespnod = 1\n")
        self.assertEqual(2, status)
        self.assertRegex(errors, r"millrace\.toml:\d+:\d+: ")

    def test_missing_file(self):
        done = subprocess.run([BINARY, "run", "-c", "/nonexistent/millrace.toml"],
                              capture_output=True, text=True, timeout=10, check=False)
        self.assertEqual(2, done.returncode)
        self.assertIn("/nonexistent/millrace.toml", done.stderr)

    def test_pid_file(self):
        proxy = self.start('[server]\nworkers = 1\npid_file = "$DIR/pid"\n' + self.SITE)
        with open(os.path.join(proxy.directory, "pid"), encoding="ascii") as file:
            self.assertEqual(proxy.pid, int(file.read()))
        proxy.stop()
        self.assertFalse(os.path.exists(file.name))

    def test_pid_file_is_gone_where_the_start_fails(self):
        for more in ('[log]\nerror = "/nonexistent/log"\n',
                     '[[site.route]]\npath = "/a/"\nto = "fcgi://no.invalid:9000/"\n'):
            status, _ = self.fails('[server]\npid_file = "$DIR/pid"\n' + self.SITE + more)
            self.assertEqual(1, status)
            self.assertEqual(["millrace.toml"], os.listdir(self.proxies[-1].directory))

    def test_notify_socket(self):
        """READY=1 to systemd's notify socket."""
        path = os.path.join(self.directory, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(path)
            notify.settimeout(10)
            self.start(self.SITE, options={"env": {**os.environ, "NOTIFY_SOCKET": path}})
            self.assertIn(b"READY=1", notify.recv(1000))

    def test_one_pinned_thread_for_each_worker(self):
        cpus = os.sched_getaffinity(0)
        if len(cpus) < 2:
            return
        proxy = self.start('[server]\nworkers = "auto"\n' + self.SITE)
        pinned = [os.sched_getaffinity(task) for task in threads(proxy.pid)]
        single = {next(iter(cpu)) for cpu in pinned if len(cpu) == 1}
        self.assertEqual(cpus, single)

    def test_auto_honours_the_affinity_mask(self):
        cpu = min(os.sched_getaffinity(0))
        proxy = self.start('[server]\nworkers = "auto"\n' + self.SITE,
                           launcher=["taskset", "-c", str(cpu)])
        self.assertEqual({frozenset([cpu])},
                         {frozenset(os.sched_getaffinity(t)) for t in threads(proxy.pid)})


class Privileges(ProxyCase):
    def test_user(self):
        """Started as root with a user, all threads run as that user, also the files."""
        if os.geteuid() != 0:
            self.skipTest("not installable: this needs root")
        nobody = pwd.getpwnam("nobody")
        path = os.path.join(self.directory, "front.sock")
        app = self.backend()
        proxy = self.proxy_to(app, before='[server]\nworkers = 2\nuser = "nobody"')
        for task in threads(proxy.pid):
            base = f"/proc/{proxy.pid}/task/{task}/status"
            self.assertEqual([str(nobody.pw_uid)] * 4, status_field(base, "Uid"))
            self.assertEqual([str(nobody.pw_gid)] * 4, status_field(base, "Gid"))
            self.assertNotIn("0", status_field(base, "Groups") or [])
            self.assertEqual(0, int(status_field(base, "CapEff")[0], 16))
        self.ask(proxy)
        self.assertFalse(os.path.exists(path))

    def with_files(self):
        """A proxy of a user's own whose log and pid file are in self.directory."""
        if os.geteuid() != 0:
            self.skipTest("not installable: this needs root")
        self.log = os.path.join(self.directory, "log")
        self.pid_file = os.path.join(self.directory, "pid")
        return self.start(f'[server]\nworkers = 1\nuser = "nobody"\npid_file = "{self.pid_file}"\n'
                          f'[log]\nerror = "{self.log}"\n' + Starting.SITE)

    def test_files_in_a_directory_of_roots(self):
        """Opening the log again and removing the pid file are not allowed any more: one line each."""
        def lines(text):
            with open(old, encoding="ascii") as file:
                return [line for line in file if text in line]
        proxy = self.with_files()
        old = self.log + ".1"
        os.rename(self.log, old)
        proxy.signal(signal.SIGUSR1)
        wait_for(lambda: lines("cannot be opened again"), "a line in the old log")
        self.ask(proxy)
        proxy.stop()
        self.assertEqual(1, len(lines(f"[error] {self.log}: ")))
        self.assertEqual(1, len(lines(f"[warn] {self.pid_file}: ")))
        self.assertEqual("", proxy.errors.replace("millrace: ready\n", ""))

    def test_files_in_a_directory_of_the_users(self):
        os.chown(self.directory, pwd.getpwnam("nobody").pw_uid, -1)
        proxy = self.with_files()
        os.rename(self.log, self.log + ".1")
        proxy.signal(signal.SIGUSR1)
        wait_for(lambda: os.path.exists(self.log), "the new log")
        proxy.stop()
        self.assertEqual(["log", "log.1"], sorted(os.listdir(self.directory)))

    def test_unknown_user(self):
        proxy = Millrace('[server]\nuser = "no-such-user"\n' + Starting.SITE, wait=False)
        self.proxies.append(proxy)
        self.assertIn(proxy.exit_status(), (1, 2))
        self.assertIn("no-such-user", proxy.errors)


class Addresses(ProxyCase):
    def test_unix_listener(self):
        path = os.path.join(self.directory, "front.sock")
        app = self.backend()
        proxy = self.proxy_to(app, LISTEN=f"unix:{path}")
        self.assertTrue(stat.S_ISSOCK(os.stat(path).st_mode))
        client = self.connect(proxy, address=path)
        self.assertEqual(b"/over-unix", client.request("GET", "/over-unix").body)
        self.assertEqual("test.example", app.requests[0].env["SERVER_NAME"])

    def test_stale_socket_is_replaced(self):
        path = os.path.join(self.directory, "front.sock")
        with socket.socket(socket.AF_UNIX) as old:
            old.bind(path)
        proxy = self.proxy_to(self.backend(), LISTEN=f"unix:{path}")
        self.assertEqual(200, self.connect(proxy, address=path).request("GET", "/").status)

    def test_ipv6(self):
        app = self.backend()
        proxy = self.proxy_to(app, LISTEN="[::1]:$PORT")
        client = self.connect(proxy, address=("::1", proxy.port))
        self.assertEqual(200, client.request("GET", "/").status)
        env = app.requests[0].env
        self.assertEqual(("::1", "::1", str(proxy.port), str(client.port)),
                         (env["SERVER_ADDR"], env["REMOTE_ADDR"], env["SERVER_PORT"],
                          env["REMOTE_PORT"]))

    def test_several(self):
        app = self.backend()
        second = free_port()
        proxy = self.start(f'[[listen]]\naddress = "$LISTEN"\n[[listen]]\n'
                           f'address = "[::1]:{second}"\n[[site]]\n[[site.route]]\npath = "/"\n'
                           f'to = "{app.url}"')
        self.ask(proxy)
        client = self.connect(proxy, address=("::1", second))
        self.assertEqual(200, client.request("GET", "/").status)
        self.assertEqual([str(proxy.port), str(second)],
                         [request.env["SERVER_PORT"] for request in app.requests])


class Descriptors(ProxyCase):
    """At the limit of descriptors accepting pauses, nothing spins, and it recovers by itself."""

    def crowd(self, proxy, count):
        clients = []
        for _ in range(count):
            client = self.connect(proxy)
            client.send(request_bytes("GET", "/"))
            clients.append(client)
        return clients

    def answered(self, clients):
        for client in clients:
            client.socket.settimeout(0.01)
            try:
                client.fill()
            except TimeoutError:
                pass
        return [client for client in clients if b"200" in client.buffer]

    def survives(self, proxy, most):
        """More clients than there is room for; then room is made, and all are served."""
        clients = self.crowd(proxy, 150)
        wait_for(lambda: len(self.answered(clients)) >= 10, "the first answers")
        before = proxy.cpu_seconds()
        threading.Event().wait(1)
        self.assertLess(proxy.cpu_seconds() - before, 0.3, "it spins")
        served = self.answered(clients)
        self.assertLessEqual(len(served), most)
        left = [client for client in clients if client not in served]
        while left:
            for client in served:
                client.close()
            served = wait_for(lambda: self.answered(left), "answers after room was made")
            left = [client for client in left if client not in served]
        for client in served:
            client.close()
        self.ask(proxy)

    def test_rlimit_nofile(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        proxy = self.start(Starting.SITE, options={"preexec_fn": limit})
        self.survives(proxy, 64)

    def test_rlimit_nofile_with_an_application(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        proxy = self.proxy_to(self.backend(), options={"preexec_fn": limit})
        self.survives(proxy, 64)

    def test_max_connections(self):
        for workers in (1, 4):
            proxy = self.start(f"[server]\nworkers = {workers}\nmax_connections = 20\n"
                               + Starting.SITE)
            self.survives(proxy, 20)

    def test_soft_limit_is_raised(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 1024))
        proxy = self.start(Starting.SITE, options={"preexec_fn": limit})
        clients = self.crowd(proxy, 150)
        wait_for(lambda: len(self.answered(clients)) == 150, "all answers")


class Conduct(ProxyCase):
    def test_idle_costs_nothing(self):
        proxy = self.proxy_to(self.backend())
        clients = [self.connect(proxy) for _ in range(50)]
        for client in clients:
            client.request("GET", "/")
        threading.Event().wait(0.3)
        before = proxy.cpu_seconds()
        threading.Event().wait(1)
        self.assertLessEqual(proxy.cpu_seconds() - before, 0.03)

    def test_nothing_is_left_of_hanging_exchanges(self):
        """After any traffic the sockets are given back (the harness counts them)."""
        app = self.backend().always(hang)
        proxy = self.proxy_to(app)
        clients = [self.connect(proxy) for _ in range(20)]
        for client in clients:
            client.send(request_bytes("GET", "/"))
        app.wait_requests(20)
        for client in clients[:10]:
            client.reset()

    def test_error_log_in_a_file(self):
        proxy = self.proxy_to(f"fcgi://127.0.0.1:{free_port()}",
                              before='[log]\nerror = "$DIR/error.log"\n[timeouts]\nconnect = "1s"')
        self.assertEqual(503, proxy.get().status)
        path = os.path.join(proxy.directory, "error.log")
        wait_for(lambda: os.path.exists(path) and os.path.getsize(path), "a line in the log")
