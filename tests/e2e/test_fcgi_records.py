"""Records that are odd, foreign, or no records at all (fault rows E15 to E20; vectors 5.1, 5.4)."""

from fault_case import HEAD, FaultCase
from fcgi_wire import (END, STDERR, STDOUT, VALUES_RESULT, encode_pair, end_request, record, stream)
from scripts import raw, raw_then_close


class Records(FaultCase):
    """Records that are odd, foreign, or no records at all."""

    def test_version(self):
        """E15: record version 2, 0, 255."""
        for version in (2, 0, 255):
            self.answered(raw_then_close(
                lambda i, v=version: record(STDOUT, i, HEAD, version=v)), 502)

    def test_not_fastcgi(self):
        self.answered(raw_then_close(
            lambda i: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), 502)
        self.answered(raw(lambda i: b"\x00" + bytes(range(256)) * 20), 502)

    def test_foreign_id(self):
        """E16: a record of an unknown id: the connection is dropped, its data never passed on."""
        for other in (2, 300, 65535):
            response = self.answered(raw(
                lambda i, o=other: stream(STDOUT, i + o & 0xFFFF or 7, HEAD + b"foreign")), 502)
            self.assertNotIn(b"foreign", response.body)

    def test_foreign_id_in_the_body(self):
        """E16: data of a foreign id is never mixed in."""
        self.cut(raw(lambda i: stream(STDOUT, i, HEAD + b"half") + stream(STDOUT, i + 1, b"foreign")
                     + record(STDOUT, i) + end_request(i)))

    def test_management_records(self):
        """E16: records of id 0 that are management records are ignored or handled."""
        response = self.answered(raw(
            lambda i: record(VALUES_RESULT, 0, encode_pair(b"FCGI_MAX_REQS", b"1"))
            + stream(STDOUT, i, HEAD + b"a") + record(11, 0, b"\x09" + bytes(7))
            + stream(STDOUT, i, b"b") + record(VALUES_RESULT, 0) + record(STDOUT, i)
            + end_request(i)), 200)
        self.assertEqual(b"ab", response.body)

    def test_application_records_of_id_0(self):
        """5.1 (HAProxy 3ac082b2): STDOUT, STDERR, END of id 0."""
        for bad in (stream(STDOUT, 0, HEAD), stream(STDERR, 0, b"x"), end_request(0)):
            self.answered(raw(lambda i, bad=bad: bad), 502)

    def test_values_result_of_another_id(self):
        """5.1: GET_VALUES_RESULT of id 5."""
        self.answered(raw(lambda i: record(VALUES_RESULT, 5, encode_pair(b"A", b"1"))), 502)

    def test_unknown_types(self):
        """E17, E18: all content of an unknown type is skipped, 20 000 bytes of it too."""
        for size in (0, 1, 100, 20000, 65535):
            response = self.answered(raw(
                lambda i, n=size: record(77, i, b"\x01\x06" * (n // 2) + b"x" * (n % 2), 255)
                + stream(STDOUT, i, HEAD + b"a") + record(255, i, b"z" * n)
                + stream(STDOUT, i, b"b") + record(STDOUT, i) + end_request(i)), 200)
            self.assertEqual(b"ab", response.body)

    def test_length_and_padding_overflow(self):
        """5.1 (HAProxy 59852767): 65535 bytes of content with padding of 1 and 255."""
        for padding in (1, 255):
            response = self.answered(raw(
                lambda i, p=padding: record(99, i, b"s" * 65535, p)
                + record(STDOUT, i, HEAD + b"x" * (65535 - len(HEAD)), p) + record(STDOUT, i)
                + end_request(i)), 200)
            self.assertEqual(65535 - len(HEAD), len(response.body))

    def test_padding_everywhere(self):
        """E19, 5.4: padding 255, with content and without."""
        def script(conn, request):
            conn.send(b"".join(record(STDOUT, request.id, bytes([b]), 255) for b in HEAD + b"body"))
            conn.send(record(STDERR, request.id, b"", 255) + record(STDOUT, request.id, b"", 255)
                      + record(END, request.id, bytes(8), 255))
            conn.mark_ended(request)
        self.assertEqual(b"body", self.answered(script, 200).body)

    def test_one_byte_per_segment(self):
        """E20, 5.1: everything byte by byte."""
        def script(conn, request):
            conn.send_slowly(stream(STDOUT, request.id, HEAD + b"body", size=5, padding=3)
                             + stream(STDERR, request.id, b"log\n") + record(STDOUT, request.id)
                             + end_request(request.id))
            conn.mark_ended(request)
        self.assertEqual(b"body", self.answered(script, 200).body)

    def test_many_small_records(self):
        """5.4: 1-byte STDOUT records, a megabyte of them."""
        data = bytes(range(256)) * 4096
        response = self.answered(raw(lambda i: stream(STDOUT, i, HEAD + data, size=1)
                                     + record(STDOUT, i) + end_request(i)), 200)
        self.same_bytes(data, response.body)

    def test_stderr_flood(self):
        """5.4: 65,535-byte STDERR records before the head."""
        response = self.answered(raw(
            lambda i: record(STDERR, i, b"flood " * 10922) * 50 + stream(STDOUT, i, HEAD + b"x")
            + record(STDOUT, i) + end_request(i)), 200)
        self.assertEqual(b"x", response.body)

    def test_hostile_values_results(self):
        """5.1 (HAProxy 96286b2a, CVE-2025-23016): lengths past the end, cut, and huge."""
        for content in (b"\xff\xff\xff\xff\xff\xff\xff\xff", b"\x80\0\0\0\x80\0\0\0", b"\x05",
                        b"\x05\x80", b"\x80\0\0", b"\x0f\x01FCGI_MPXS_CONNS", b"\x7f\x7fab",
                        encode_pair(b"FCGI_MPXS_CONNS", b"") * 3, encode_pair(b"", b""),
                        encode_pair(b"FCGI_MAX_REQS", b"99999999999999999999999"),
                        encode_pair(b"FCGI_MPXS_CONNS", b"\0"), b"\x00" * 65534):
            with self.subTest(content[:40]):
                self.app.then(raw(lambda i, c=content: record(VALUES_RESULT, 0, c)
                                  + stream(STDOUT, i, HEAD + b"x") + record(STDOUT, i)
                                  + end_request(i)))
                self.assertIn(self.proxy.get().status, (200, 502))
                self.clean()
