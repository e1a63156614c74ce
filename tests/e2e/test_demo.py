"""`millrace demo`: everything built in, two applications, nothing else needed."""

import re
import signal
import subprocess

from harness import BINARY, Program, ProxyCase, wait_for
from http_client import Client


class Demo(ProxyCase):
    def test_once(self):
        """Prints the URL, one example request and its answer, and exits with 0."""
        done = subprocess.run([BINARY, "demo", "--once"], capture_output=True, text=True,
                              timeout=30, check=False)
        self.assertEqual(0, done.returncode, done)
        self.assertRegex(done.stdout, r"http://(127\.0\.0\.1|localhost):\d+/")
        self.assertIn("200", done.stdout)
        self.assertNotRegex(done.stderr, "MUST|Sanitizer|runtime error")

    def test_serves_until_it_is_stopped(self):
        demo = Program([BINARY, "demo"], stdout=subprocess.PIPE)
        self.addCleanup(demo.process.stdout.close)
        self.addCleanup(demo.kill)
        text = ""
        while not (found := re.search(r"http://(127\.0\.0\.1|localhost):(\d+)", text)):
            line = demo.process.stdout.readline()
            self.assertTrue(line, f"no URL in {text!r}; {demo.errors}")
            text += line
        address = ("127.0.0.1", int(found[2]))

        def served():
            try:
                with Client(address) as client:
                    return client.request("GET", "/").body
            except OSError:
                return None
        wait_for(served, "an answer")
        self.assertGreater(len({served() for _ in range(6)}), 1,
                           "the answers do not tell two members apart")
        demo.process.send_signal(signal.SIGTERM)
        self.assertEqual(0, demo.exit_status())

    def test_two_at_once(self):
        """A second demo finds ports of its own, or says in one sentence why not."""
        first = Program([BINARY, "demo"], stdout=subprocess.PIPE)
        self.addCleanup(first.process.stdout.close)
        self.addCleanup(first.kill)
        self.assertTrue(first.process.stdout.readline())
        done = subprocess.run([BINARY, "demo", "--once"], capture_output=True, text=True,
                              timeout=30, check=False)
        self.assertIn(done.returncode, (0, 1))
        self.assertTrue(done.returncode == 0 or done.stderr.strip(), done)
        first.process.send_signal(signal.SIGINT)
        self.assertEqual(0, first.exit_status())
