"""Where io_uring is missing or forbidden: one clear sentence, and exit status 1."""

from harness import Millrace, ProxyCase
from real_backends import without_io_uring


class WithoutIoUring(ProxyCase):
    def check(self, errno):
        proxy = Millrace('[[site]]\n[[site.route]]\npath = "/"\nrespond = { status = 200 }',
                         launcher=[without_io_uring(self), str(errno)], wait=False)
        self.proxies.append(proxy)
        self.assertEqual(1, proxy.exit_status())
        lines = [line for line in proxy.errors.splitlines() if line.strip()]
        self.assertEqual(1, len(lines), proxy.errors)
        self.assertIn("io_uring", lines[0])
        self.assertNotIn("ready", proxy.errors)

    def test_not_in_the_kernel(self):
        self.check(38)  # ENOSYS

    def test_forbidden(self):
        self.check(1)  # EPERM
