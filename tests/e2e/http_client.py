"""A raw HTTP/1 client for the end-to-end tests.

Requests are bytes that a test writes itself, good or bad. Answers are read by a strict reader of
our own: whatever a careful client could misread (a bare LF, two lengths, a byte too many) is an
error, so that no test passes because a library was generous. A body that was cut is told from one
that ended."""

import re
import socket
import struct

STATUS_LINE = re.compile(rb"^(HTTP/1\.[01]) ([1-5][0-9]{2}) ([\t\x20-\x7e\x80-\xff]*)$")
FIELD_LINE = re.compile(
    rb"^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*"
    rb"[\x21-\x7e\x80-\xff])?)?[ \t]*$")


class ProtocolError(AssertionError):
    """The proxy sent something that is not a correct HTTP/1 answer."""


class Gone(AssertionError):
    """The connection ended where an answer was due."""


class Response:
    """A response head and what has been read of its body."""

    def __init__(self, version, status, reason, headers):
        self.version = version
        self.status = status
        self.reason = reason
        self.headers = headers
        self.interim = []
        self.framing = "none"  # "none", "length", "chunked" or "close"
        self.length = None
        self.body = b""
        self.chunks = []  # sizes as they came
        self.trailers = []
        self.complete = False  # the body ended as its framing says
        self.reader = None

    def all(self, name):
        return [value for field, value in self.headers if field.lower() == name.lower()]

    def header(self, name):
        values = self.all(name)
        if len(values) > 1:
            raise ProtocolError(f"{name} came {len(values)} times: {values}")
        return values[0] if values else None

    def says_close(self):
        return "close" in (self.header("Connection") or "").lower()

    def __repr__(self):
        return (f"<{self.version} {self.status} {self.framing} {len(self.body)} bytes "
                f"complete={self.complete} {self.headers}>")


def request_bytes(method, target, headers=(), body=b"", version="HTTP/1.1", host="test.example"):
    """A request as bytes. A Host field and Content-Length are added where they are due."""
    if isinstance(headers, dict):
        headers = list(headers.items())
    names = {name.lower() for name, _ in headers}
    lines = [f"{method} {target} {version}"]
    if host is not None and "host" not in names:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in headers]
    if body and not names & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def chunked(*pieces, trailers=b""):
    """The chunked coding of the pieces, with the last chunk."""
    coded = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece)
    return coded + b"0\r\n" + trailers + b"\r\n"


class Client:
    """One connection to the proxy. `address` is (host, port) or the path of a Unix socket."""

    def __init__(self, address, timeout=10, receive_buffer=None):
        family = socket.AF_UNIX if isinstance(address, str) else (
            socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(address)
        if family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.ended = None  # "eof" or "reset", once the peer ended

    @property
    def port(self):
        return self.socket.getsockname()[1]

    def send(self, data):
        self.socket.sendall(data)

    def request(self, method="GET", target="/", headers=(), body=b"", **more):
        self.send(request_bytes(method, target, headers, body, **more))
        return self.response(method)

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()

    def reset(self):
        """Ends the connection with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def fill(self):
        """Reads once more; False at the end of the stream."""
        if self.ended:
            return False
        try:
            data = self.socket.recv(262144)
        except (ConnectionResetError, BrokenPipeError):
            self.ended = "reset"
            return False
        if not data:
            self.ended = "eof"
            return False
        self.buffer += data
        return True

    def line(self):
        while b"\n" not in self.buffer:
            if not self.fill():
                return None
        line, self.buffer = self.buffer.split(b"\n", 1)
        if not line.endswith(b"\r") or b"\r" in line[:-1]:
            raise ProtocolError(f"a line that does not end in CRLF: {line!r}")
        return line[:-1]

    def fields(self):
        fields = []
        while True:
            line = self.line()
            if line is None:
                raise Gone(f"the head was cut ({self.ended})")
            if not line:
                return fields
            match = FIELD_LINE.match(line)
            if not match:
                raise ProtocolError(f"a malformed field: {line!r}")
            fields.append((match[1].decode(), (match[2] or b"").decode("latin-1")))

    def one_head(self):
        line = self.line()
        if line is None:
            raise Gone(f"no answer: the connection ended ({self.ended}) "
                       f"with {self.buffer!r} in hand")
        match = STATUS_LINE.match(line)
        if not match:
            raise ProtocolError(f"a malformed status line: {line!r}")
        return Response(match[1].decode(), int(match[2]), match[3].decode("latin-1"),
                        self.fields())

    def head(self, method="GET"):
        """Reads interim responses and the final head; the body stays for body()."""
        interim = []
        while True:
            response = self.one_head()
            if response.status >= 200 or response.status == 101:
                break
            interim.append(response)
        response.interim = interim
        self.frame(response, method)
        return response

    def interim_response(self):
        response = self.one_head()
        if response.status >= 200:
            raise ProtocolError(f"expected an interim response, got {response}")
        return response

    def frame(self, response, method):
        """RFC 9112 6.3, from the client's side, and nothing that is ambiguous."""
        lengths, codings = response.all("Content-Length"), response.all("Transfer-Encoding")
        if len(lengths) > 1 or len(codings) > 1 or (lengths and codings):
            raise ProtocolError(f"ambiguous framing: {response.headers}")
        if lengths and not re.fullmatch(r"[0-9]+", lengths[0]):
            raise ProtocolError(f"Content-Length: {lengths[0]!r}")
        if codings and (codings[0].lower() != "chunked" or response.version == "HTTP/1.0"):
            raise ProtocolError(f"Transfer-Encoding: {codings[0]!r} in {response.version}")
        response.length = int(lengths[0]) if lengths else None
        if method == "HEAD" or response.status in (204, 304):
            if response.status == 204 and (lengths or codings):
                raise ProtocolError("a 204 with a body's framing")
            response.complete = True
            response.reader = iter(())
        elif codings:
            response.framing = "chunked"
            response.reader = self.read_chunked(response)
        elif lengths:
            response.framing = "length"
            response.reader = self.read_length(response)
        else:
            response.framing = "close"
            response.reader = self.read_to_end(response)

    def read_length(self, response):
        left = response.length
        while left:
            if not self.buffer and not self.fill():
                return
            piece, self.buffer = self.buffer[:left], self.buffer[left:]
            left -= len(piece)
            yield piece
        response.complete = True

    def read_to_end(self, response):
        while True:
            piece, self.buffer = self.buffer, b""
            if piece:
                yield piece
            if not self.buffer and not self.fill():
                response.complete = self.ended == "eof"
                return

    def read_chunked(self, response):
        while True:
            line = self.line()
            if line is None:
                return
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,16}", line):
                raise ProtocolError(f"a malformed chunk size: {line!r}")
            left = int(line, 16)
            if left == 0:
                response.trailers = self.fields()
                response.complete = True
                return
            response.chunks.append(left)
            while left:
                if not self.buffer and not self.fill():
                    return
                piece, self.buffer = self.buffer[:left], self.buffer[left:]
                left -= len(piece)
                yield piece
            while len(self.buffer) < 2:
                if not self.fill():
                    return
            if self.buffer[:2] != b"\r\n":
                raise ProtocolError(f"no CRLF after a chunk: {self.buffer[:2]!r}")
            self.buffer = self.buffer[2:]

    def body(self, response, at_least=None, keep=True):
        """Reads on: to the end, or until `at_least` bytes of body are there. Returns the count."""
        pieces, got = [response.body], len(response.body)
        while at_least is None or got < at_least:
            piece = next(response.reader, None)
            if piece is None:
                break
            got += len(piece)
            if keep:
                pieces.append(piece)
        response.body = b"".join(pieces)
        return got

    def response(self, method="GET"):
        response = self.head(method)
        self.body(response)
        return response

    def end(self, seconds=10):
        """Waits for the peer to end the connection, with nothing more sent: "eof" or "reset"."""
        self.socket.settimeout(seconds)
        while not self.ended:
            try:
                self.fill()
            except TimeoutError:
                raise AssertionError(f"the connection is still open after {seconds} s") from None
            if self.buffer:
                raise ProtocolError(f"unexpected bytes: {self.buffer[:300]!r}")
        return self.ended
