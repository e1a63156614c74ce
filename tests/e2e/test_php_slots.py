"""Requests and the processes of a real PHP-FPM: nobody waits for one process while another is free,
and nobody for the request of somebody who has left."""

import concurrent.futures
import os
import time

from harness import ProxyCase
from http_client import request_bytes
from real_backends import PhpFpm

NOTE = "<?php file_put_contents('{log}', $_GET['who'] . \"\\n\", FILE_APPEND | LOCK_EX);" \
       " usleep(1000 * (int)$_GET['ms']); echo 'done';"


class SlotsCase(ProxyCase):
    def site(self, children, keys="", routes=("/",)):
        """PHP-FPM with so many children, and a proxy with routes to its one socket."""
        self.fpm = PhpFpm(self, unix=True, children=children)
        tables = "".join(f'''[[site.route]]
path = "{path}"
split_path = [".php"]
root = "{self.fpm.root}"
to = {{ url = "{self.fpm.url}"{keys} }}
''' for path in routes)
        self.proxy = self.start(f"[server]\nworkers = 2\n[[site]]\n{tables}")

    def timed(self, target, path="/site.php"):
        begin = time.monotonic()
        response = self.proxy.get(f"{path}?{target}")
        return response.status, time.monotonic() - begin

    def together(self, count, function):
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            return list(pool.map(function, range(count)))

    def warm(self, count):
        """So many requests at once: the proxy knows the application, and has connections to it."""
        return self.together(count, lambda _: self.proxy.get("/site.php?do=sleep&ms=20").status)


class FinishedRequests(SlotsCase):
    def others_wait(self, keys):
        """Of 8 children 7 run on after fastcgi_finish_request(); what the others wait."""
        self.site(8, keys)
        self.assertEqual([200] * 8, self.warm(8))
        for status, seconds in self.together(7, lambda _: self.timed("do=finish&ms=1500")):
            self.assertEqual(200, status)
            self.assertLess(seconds, 0.5)
        end = time.monotonic() + 1
        longest = 0
        while time.monotonic() < end:
            status, seconds = self.timed("")
            self.assertEqual(200, status)
            longest = max(longest, seconds)
        self.assertLess(longest, 0.1)

    def test_without_tuning(self):
        self.others_wait("")

    def test_with_slots(self):
        self.others_wait(", slots = 8")

    def test_slots_without_reuse(self):
        self.others_wait(", slots = 8, reuse = false")

    def test_all_run_on(self):
        """No child is free: the next request waits for the first that returns."""
        self.site(2, ', slots = 2, queue = "10s"')
        self.assertEqual([200] * 2, self.warm(2))
        self.together(2, lambda _: self.timed("do=finish&ms=800"))
        status, seconds = self.timed("")
        self.assertEqual(200, status)
        self.assertLess(seconds, 1.1)
        self.assertGreater(seconds, 0.4)


class Leavers(SlotsCase):
    def test_20_of_2(self):
        """20 clients leave after 0.2 s from 2 s scripts on 2 children: the next one waits for the
        two that run, and none that was queued is ever run."""
        self.site(2, ', slots = 2, queue = "10s"')
        log = os.path.join(self.fpm.root, "log")
        with open(os.path.join(self.fpm.root, "note.php"), "w", encoding="ascii") as file:
            file.write(NOTE.format(log=log))
        with open(log, "w", encoding="ascii"):
            os.chmod(log, 0o666)
        self.assertEqual([200] * 2, self.warm(2))
        begin = time.monotonic()
        clients = [self.connect(self.proxy) for _ in range(20)]
        for number, client in enumerate(clients):
            client.send(request_bytes("GET", f"/note.php?who={number}&ms=2000"))
        time.sleep(0.2)
        for client in clients:
            client.close()
        status, _ = self.timed("who=next&ms=0", "/note.php")
        self.assertEqual(200, status)
        self.assertLess(time.monotonic() - begin, 2.3)
        with open(log, encoding="ascii") as file:
            ran = file.read().split()
        self.assertEqual(3, len(ran), ran)
        self.assertEqual("next", ran[-1])


class OneChild(SlotsCase):
    """1 child, 2 workers, 2 routes on one socket: nobody stalls behind an idle connection."""

    def none_stalls(self, keys):
        self.site(1, keys, ("/", "/site.php"))

        def some(number):
            path = "/site.php" if number % 2 else "/site.php/more"
            return [self.timed("", path) for _ in range(25)]
        for answers in self.together(4, some):
            self.assertEqual({200}, {status for status, _ in answers})
            self.assertLess(max(seconds for _, seconds in answers), 0.5)

    def test_without_tuning(self):
        self.none_stalls("")

    def test_with_slots(self):
        self.none_stalls(', slots = 1, queue = "10s"')


class TwoChildren(SlotsCase):
    """Kept connections of 20 clients on 2 children: 20 answers, again and again."""

    def all_are_answered(self, keys):
        self.site(2, keys)
        clients = [self.connect(self.proxy) for _ in range(20)]
        for _ in range(3):
            begin = time.monotonic()
            for client in clients:
                client.send(request_bytes("GET", "/site.php?do=sleep&ms=10"))
            self.assertEqual([200] * 20, [client.response().status for client in clients])
            self.assertLess(time.monotonic() - begin, 2)

    def test_without_tuning(self):
        self.all_are_answered("")

    def test_with_slots(self):
        self.all_are_answered(', slots = 2, queue = "10s"')
