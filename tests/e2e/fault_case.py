"""What the tests of a misbehaving application share: the fault, its answer, and a clean request."""

import time

from harness import ProxyCase
from http_client import request_bytes

HEAD = b"Content-Type: text/plain\r\n\r\n"


class FaultCase(ProxyCase):
    def setUp(self):
        super().setUp()
        self.app = self.backend()
        self.proxy = self.proxy_to(self.app, before='[timeouts]\nresponse = "3s"')

    def answered(self, script, status, at="stdin"):
        """The script's answer has this status, and the next request is served clean."""
        self.app.then(script, at)
        with self.connect(self.proxy) as client:
            response = client.request("GET", "/fault")
            self.assertEqual(status, response.status)
            self.assertTrue(response.complete, response)
        self.clean()
        return response

    def cut(self, script, body=b"half"):
        """The response is cut after this body: never ended cleanly, and closed at once."""
        self.app.then(script)
        client = self.connect(self.proxy)
        client.send(request_bytes("GET", "/fault"))
        begin = time.monotonic()
        response = client.response()
        self.assertEqual((200, body, False), (response.status, response.body, response.complete))
        self.assertLess(time.monotonic() - begin, 2)
        self.clean()

    def clean(self):
        self.assertEqual(b"/clean", self.ask(self.proxy, "/clean").body)
