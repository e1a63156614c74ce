"""Starts real FastCGI applications with configurations of their own: PHP-FPM, Go's net/http/fcgi, a
libfcgi program, Perl's FCGI, fcgiwrap. What must be compiled is built once, into build/e2e."""

import fcntl
import glob
import os
import shutil
import socket
import subprocess

from harness import BUILT, REPOSITORY, Program, free_port, wait_for

SOURCES = os.path.join(REPOSITORY, "tests/backends")


def need(case, program, package):
    """Where the program is; skips the test where its package cannot be installed."""
    found = shutil.which(program) or next(iter(sorted(glob.glob(f"/usr/sbin/{program}*"))), None)
    if found:
        return found
    known = shutil.which("apt-cache") and subprocess.run(
        ["apt-cache", "policy", package], capture_output=True, text=True, check=False).stdout
    if known and "Candidate: (none)" not in known:
        case.fail(f"{program} is missing; run scripts/deps test")
    return case.skipTest(f"not installable: {package}")


def build(name, source, command):
    """Compiles a source of tests/backends unless that was done; several processes may ask."""
    source, target = os.path.join(SOURCES, source), os.path.join(BUILT, name)
    os.makedirs(BUILT, exist_ok=True)
    with open(os.path.join(BUILT, name + ".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(target) or os.path.getmtime(target) < os.path.getmtime(source):
            environment = {**os.environ, "GO111MODULE": "off", "GOFLAGS": "",
                           "GOCACHE": os.path.join(BUILT, "go-cache")}
            subprocess.run([part.format(source=source, target=target + ".new")
                            for part in command], check=True, env=environment, cwd=BUILT)
            os.replace(target + ".new", target)
    return target


class Application:
    """A real application at an address, TCP or a Unix socket."""

    def __init__(self, case, unix):
        self.case = case
        self.path = os.path.join(case.directory, f"{type(self).__name__.lower()}.sock")
        self.port = free_port()
        self.unix = unix
        self.program = None
        case.applications.append(self)

    @property
    def url(self):
        return f"unix:{self.path}" if self.unix else f"fcgi://127.0.0.1:{self.port}"

    @property
    def address(self):
        """As the programs themselves write it."""
        return self.path if self.unix else f":{self.port}"

    def run(self, command, **options):
        self.program = Program(command, **options)
        wait_for(self.accepts, f"{command[0]} (stderr: {self.program.errors})")
        return self

    def accepts(self):
        if not self.program.running():
            raise AssertionError(f"{self.program.command} ended: {self.program.errors}")
        with socket.socket(socket.AF_UNIX if self.unix else socket.AF_INET) as probe:
            return probe.connect_ex(self.path if self.unix else ("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.program:
            self.program.process.terminate()
            try:
                self.program.process.wait(2)
            except subprocess.TimeoutExpired:
                pass
            self.program.kill()
            self.program = None


class PhpFpm(Application):
    """PHP-FPM with one pool; `root` holds site.php."""

    def __init__(self, case, unix=False, children=4, settings=""):
        super().__init__(case, unix)
        self.binary = need(case, "php-fpm", "php-fpm")
        self.root = os.path.join(case.directory, "www")
        os.makedirs(self.root, exist_ok=True)
        shutil.copy(os.path.join(SOURCES, "site.php"), self.root)
        self.configuration = os.path.join(case.directory, "fpm.conf")
        listen = self.path if unix else f"127.0.0.1:{self.port}"
        user = "user = www-data\ngroup = www-data\nlisten.mode = 0666" if os.geteuid() == 0 else ""
        with open(self.configuration, "w", encoding="ascii") as file:
            file.write(f"""[global]
error_log = {case.directory}/fpm.log
daemonize = no
[www]
{user}
listen = {listen}
pm = static
pm.max_children = {children}
catch_workers_output = no
php_admin_flag[log_errors] = on
{settings}
""")
        self.begin()

    def begin(self):
        options = ["-R"] if os.geteuid() == 0 else []
        self.run([self.binary, "-F", "-n", "-y", self.configuration, *options],
                 stdout=subprocess.DEVNULL)


class Go(Application):
    def __init__(self, case, unix=False):
        super().__init__(case, unix)
        need(case, "go", "golang-go")
        binary = build("hello-go", "hello.go", ["go", "build", "-o", "{target}", "{source}"])
        self.run([binary, self.path if unix else f"127.0.0.1:{self.port}"])


class LibFcgi(Application):
    def __init__(self, case, unix=False):
        super().__init__(case, unix)
        need(case, "gcc", "gcc")
        binary = build("hello-c", "hello.c", ["gcc", "-O1", "-Wall", "-Werror", "-o", "{target}",
                                              "{source}", "-lfcgi"])
        self.run([binary, self.address])


class Perl(Application):
    def __init__(self, case, unix=False):
        super().__init__(case, unix)
        perl = need(case, "perl", "libfcgi-perl")
        self.run([perl, os.path.join(SOURCES, "hello.pl"), self.address])


class FcgiWrap(Application):
    def __init__(self, case, unix=True):
        super().__init__(case, unix)
        wrap = need(case, "fcgiwrap", "fcgiwrap")
        self.script = os.path.join(SOURCES, "hello.cgi")
        address = f"unix:{self.path}" if unix else f"tcp:127.0.0.1:{self.port}"
        self.run([wrap, "-f", "-c", "1", "-s", address])


def without_io_uring(case):
    """The launcher under which io_uring_setup fails."""
    need(case, "gcc", "gcc")
    return build("without_io_uring", "without_io_uring.c",
                 ["gcc", "-O1", "-Wall", "-Werror", "-o", "{target}", "{source}"])
