"""The application at fault: closed, reset, cut, silent (fault rows E4 to E14, E35; vectors 5.1,
5.4). After each fault the next request is served clean."""

import threading

from fault_case import HEAD, FaultCase
from fcgi_wire import (CANT_MPX, COMPLETE, END, OVERLOADED, STDERR, STDOUT, UNKNOWN_ROLE,
                       encode_pair, end_request, record, stream)
from http_client import request_bytes
from scripts import cgi, close_at_once, hang, raw, raw_then_close, reset_at_once


class Ends(FaultCase):
    """How an exchange may end, rightly or wrongly."""

    def test_close_before_any_byte(self):
        """E4: 502; on a new connection it is not tried again."""
        before = len(self.app.requests)
        self.answered(close_at_once, 502)
        self.assertEqual(before + 2, len(self.app.requests))

    def test_reset_before_any_byte(self):
        """E4."""
        self.answered(reset_at_once, 502)

    def test_close_after_accept(self):
        """5.4: closed before the request could be read."""
        self.app.on_connect(lambda conn: conn.close())
        self.assertEqual(502, self.proxy.get().status)
        self.app.on_connect(lambda conn: conn.reset())
        self.assertEqual(502, self.proxy.get().status)
        self.clean()

    def test_close_inside_the_head(self):
        """E5: at every byte of the head."""
        for at in range(1, len(stream(STDOUT, 1, b"X: y\r\n\r\n"))):
            self.answered(raw_then_close(
                lambda i, at=at: stream(STDOUT, i, b"X: y\r\n\r\n")[:at]), 502)

    def test_close_inside_the_body(self):
        """E6."""
        self.cut(raw_then_close(lambda i: stream(STDOUT, i, HEAD + b"half")))

    def test_reset_inside_the_body(self):
        """E6."""
        def script(conn, request):
            conn.stdout(request, HEAD + b"half")
            conn.backend.wait(self.seen.is_set, "the client's receipt")
            conn.reset()
        self.seen = threading.Event()
        self.app.then(script)
        client = self.connect(self.proxy)
        client.send(request_bytes("GET", "/fault"))
        response = client.head()
        client.body(response, at_least=4)
        self.seen.set()
        with self.app.changed:
            self.app.changed.notify_all()
        client.body(response)
        self.assertEqual((b"half", False), (response.body, response.complete))
        self.clean()

    def test_close_inside_a_record(self):
        """E7: at every byte of a record."""
        for at in range(1, 12):
            self.cut(raw_then_close(lambda i, at=at: stream(STDOUT, i, HEAD + b"half") + record(
                STDOUT, i, b"more")[:at]), b"half" + b"more"[:max(0, at - 8)])

    def test_pipelined_request_behind_a_cut_response(self):
        """N72: a second request is never answered inside the first response."""
        self.app.then(raw_then_close(lambda i: stream(STDOUT, i, HEAD + b"half")))
        client = self.connect(self.proxy)
        client.send(request_bytes("GET", "/fault") + request_bytes("GET", "/second"))
        response = client.response()
        self.assertEqual((b"half", False), (response.body, response.complete))
        self.assertEqual(b"", client.buffer)

    def test_cut_response_to_http_1_0(self):
        """A response that ends with the connection is cut by a reset, not by a clean end."""
        self.app.then(raw_then_close(lambda i: stream(STDOUT, i, HEAD + b"half")))
        client = self.connect(self.proxy)
        response = client.request("GET", "/", version="HTTP/1.0")
        self.assertFalse(response.complete, response)

    def test_stream_end_without_end_request(self):
        """E8: the empty STDOUT record, then the end of the stream: complete."""
        response = self.answered(raw_then_close(
            lambda i: stream(STDOUT, i, HEAD + b"whole") + record(STDOUT, i)), 200)
        self.assertEqual(b"whole", response.body)

    def test_declared_length_without_end_request(self):
        """All bytes of a declared Content-Length, then the end of the stream: complete."""
        response = self.answered(raw_then_close(
            lambda i: stream(STDOUT, i, b"Content-Length: 5\r\n\r\nwhole")), 200)
        self.assertEqual(b"whole", response.body)

    def test_end_request_without_stdout_end(self):
        """E9."""
        response = self.answered(raw(
            lambda i: stream(STDOUT, i, HEAD + b"whole") + end_request(i)), 200)
        self.assertEqual(b"whole", response.body)

    def test_end_request_only(self):
        """E10: no output is 502; OVERLOADED 503; UNKNOWN_ROLE 502."""
        for protocol, status in ((COMPLETE, 502), (OVERLOADED, 503), (UNKNOWN_ROLE, 502),
                                 (77, 502)):
            with self.subTest(protocol):
                self.answered(raw(lambda i, p=protocol: end_request(i, 0, p)), status)

    def test_cant_mpx(self):
        """E10: CANT_MPX_CONN is asked again, alone."""
        self.answered(raw(lambda i: end_request(i, 0, CANT_MPX)), 200)

    def test_other_protocol_status_behind_a_head(self):
        """END_REQUEST with a protocolStatus other than REQUEST_COMPLETE after the head: cut."""
        self.cut(raw(lambda i: stream(STDOUT, i, HEAD + b"half") + end_request(i, 0, OVERLOADED)))

    def test_head_not_ended(self):
        """E11, E12, finding 6: a head without a blank line is 502, and is never sent as a body."""
        for end in (lambda i: record(STDOUT, i) + end_request(i), end_request,
                    lambda i: record(STDOUT, i)):
            for head in (b"X-Secret: 1\r\n", b"X-Secret: 1", b"Status: 200\n"):
                response = self.answered(raw_then_close(
                    lambda i, h=head, e=end: stream(STDOUT, i, h) + e(i)), 502)
                self.assertNotIn(b"Secret", response.body)

    def test_only_stderr(self):
        """E13."""
        self.answered(raw(lambda i: stream(STDERR, i, b"fatal: e13\n") + end_request(i, 1)), 502)
        self.proxy.wait_error("fatal: e13")

    def test_application_status(self):
        """E14: appStatus other than 0 after a full response is 200."""
        self.answered(raw(lambda i: stream(STDOUT, i, HEAD + b"x") + record(STDOUT, i)
                          + end_request(i, 255)), 200)
        self.answered(raw(lambda i: stream(STDOUT, i, HEAD + b"x") + record(STDOUT, i)
                          + end_request(i, 0xFFFFFFFF)), 200)

    def test_reserved_bytes_are_not_checked(self):
        """4.5: PHP-FPM sends old memory in the reserved bytes."""
        self.answered(raw(lambda i: stream(STDOUT, i, HEAD) + record(
            END, i, b"\0\0\0\0\0\xde\xad\xbe")), 200)


class Bodies(FaultCase):
    def test_bodies_that_look_like_records(self):
        """5.1 (HAProxy 0aeae230): bodies of 65535, 65536, 131071, 99000 bytes full of records."""
        fake = (record(1, 1, b"\0\1\1\0\0\0\0\0") + record(4, 1, encode_pair(b"PHP_VALUE", b"x"))
                + record(4, 1) + record(5, 1) + end_request(1))
        for size in (65535, 65536, 131071, 99000, 65528, 8, 1):
            body = (fake * (size // len(fake) + 1))[:size]
            self.assertEqual(200, self.proxy.raw(request_bytes("POST", "/", body=body)).status)
            request = self.app.requests[-1]
            self.same_bytes(body, request.stdin)
            self.assertEqual(str(size), request.env["CONTENT_LENGTH"])
            self.assertNotIn("PHP_VALUE", request.env)

    def test_application_that_never_reads(self):
        """5.4: accepts and never reads: 504, and nothing hangs."""
        self.app.on_connect(lambda conn: conn.backend.wait(
            lambda: self.done.is_set(), "the test's end", 30))
        self.done = threading.Event()
        client = self.connect(self.proxy)
        sender = threading.Thread(target=self.send_quietly, args=(client, 20_000_000))
        sender.start()
        self.assertEqual(504, client.response().status)
        self.done.set()
        with self.app.changed:
            self.app.changed.notify_all()
        client.reset()
        sender.join(10)
        self.clean()

    def send_quietly(self, client, size):
        try:
            client.send(request_bytes("POST", "/", {"Content-Length": str(size)}) + b"x" * size)
        except OSError:
            pass

    def test_end_request_before_the_body(self):
        """E43: END_REQUEST before all STDIN was sent: that connection is not used again."""
        self.app.then(cgi("Status: 413\r\nContent-Length: 0\r\n\r\n"), "params")
        client = self.connect(self.proxy)
        client.send(request_bytes("POST", "/", {"Content-Length": "1000000"}) + b"x" * 1000)
        self.assertEqual(413, client.response().status)
        self.clean()
        self.assertEqual(2, len(self.app.conns))

    def test_answers_early_then_stops_reading(self):
        """5.4: an answer while the upload is stuck is passed on at once."""
        def script(conn, request):
            conn.finish(request, b"Status: 503\r\nContent-Length: 4\r\n\r\nbusy")
            conn.backend.wait(lambda: self.done.is_set(), "the test's end", 30)
        self.done = threading.Event()
        self.app.then(script, "params")
        client = self.connect(self.proxy)
        sender = threading.Thread(target=self.send_quietly, args=(client, 20_000_000))
        sender.start()
        response = client.response()
        self.assertEqual((503, b"busy", True), (response.status, response.body, response.complete))
        self.done.set()
        with self.app.changed:
            self.app.changed.notify_all()
        client.reset()
        sender.join(10)
        self.clean()


class Stderr(FaultCase):
    def test_lines_in_the_error_log(self):
        """5.1 (HAProxy f495d486): split by line, control bytes escaped, never raw."""
        def script(conn, request):
            conn.stderr(request, b"first e2e\nsec")
            conn.stderr(request, b"ond \x1b[31m e2e\r\nthird \x00\x07 e2e")
            conn.finish(request, HEAD)
        self.answered(script, 200)
        for word in ("first e2e", "second .*e2e", "third .*e2e"):
            self.proxy.wait_error(word)
        self.assertNotRegex(self.proxy.errors, "[\x00-\x09\x0b-\x1f\x7f]")
        lines = [line for line in self.proxy.errors.splitlines() if "e2e" in line]
        self.assertEqual(3, len(lines), lines)

    def test_between_output(self):
        """AP14: STDERR before, between and after STDOUT."""
        def script(conn, request):
            conn.stderr(request, b"one\n")
            conn.stdout(request, HEAD[:10])
            conn.stderr(request, b"two\n")
            conn.stdout(request, HEAD[10:] + b"bo")
            conn.stderr(request, b"three\n")
            conn.stdout(request, b"dy")
            conn.stderr(request, b"")
            conn.finish(request, b"")
        self.assertEqual(b"body", self.answered(script, 200).body)


class Silence(FaultCase):
    def test_no_output(self):
        """E35: 504."""
        self.answered(hang, 504)
