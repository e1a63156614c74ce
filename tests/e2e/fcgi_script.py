"""A FastCGI application as a script, good or hostile.

A Backend listens and serves each connection in a thread. It parses what the proxy sends, records
all of it, and is strict: whatever breaks FastCGI 1.0 or a promise of ours (a pair split over two
PARAMS records, STDIN shorter than CONTENT_LENGTH, an id used twice) is noted in `violations`, which
every test checks at its end. How it answers is a script, a function `fn(conn, request)` that may
send any bytes at any point. Waiting is on conditions with a deadline, never for a span of time."""

import collections
import os
import socket
import struct
import threading
import time

from fcgi_wire import *  # noqa: F401,F403; scripts speak in these words

DEADLINE = 10  # seconds; only a failing test waits that long


class Request:
    """What arrived of one request."""

    def __init__(self, conn, request_id, role, flags):
        self.conn = conn
        self.id = request_id
        self.role = role
        self.flags = flags
        self.pairs = []
        self.stdin = bytearray()
        self.stdin_sizes = []
        self.params_done = False
        self.stdin_done = False
        self.aborted = False
        self.ended = False  # END_REQUEST was sent

    @property
    def env(self):
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.pairs}

    @property
    def path(self):
        return self.env.get("SCRIPT_NAME", "") + self.env.get("PATH_INFO", "")

    def __repr__(self):
        return f"<request {self.id} {self.env.get('REQUEST_URI')} {len(self.stdin)} bytes>"


class Conn:
    """One accepted connection. Scripts send through it and read on with it."""

    def __init__(self, backend, sock):
        self.backend = backend
        self.socket = sock
        self.open = {}  # requests by id, until END_REQUEST is sent
        self.management = []
        self.ended_at = None  # time.monotonic() of the proxy's end of stream or reset
        self.closed = False
        self.sent = 0
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # Sending

    def send(self, data):
        view = memoryview(data)
        while view:
            count = self.socket.send(view[:1 << 20])
            self.sent += count
            view = view[count:]

    def send_slowly(self, data, step=1):
        """Many small segments; each is its own send, the proxy may see any of them joined."""
        for at in range(0, len(data), step):
            self.send(data[at:at + step])

    def stdout(self, request, data, padding=0, size=65535):
        self.send(stream(STDOUT, request.id, data, size, padding))

    def stderr(self, request, data):
        self.send(stream(STDERR, request.id, data))

    def end(self, request, status=0, protocol=COMPLETE):
        self.send(end_request(request.id, status, protocol))
        self.mark_ended(request)

    def mark_ended(self, request):
        request.ended = True
        self.open.pop(request.id, None)

    def finish(self, request, data, padding=0):
        """A whole answer: the data as STDOUT, its end, END_REQUEST; in one send."""
        self.mark_ended(request)
        self.send(stream(STDOUT, request.id, data, padding=padding)
                  + record(STDOUT, request.id) + end_request(request.id))

    def established(self):
        """Whether neither side has ended a TCP connection; the kernel knows before our thread."""
        try:
            return self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == 1
        except OSError:
            return False

    def close(self):
        self.closed = True
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        self.closed = True
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # Receiving

    def exactly(self, count):
        data = bytearray()
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                return None  # Inside a record too: an exchange may be given up at any byte.
            data += piece
        return bytes(data)

    def read_record(self):
        """The next record, None at the end of the stream. Management records are answered."""
        try:
            head = self.exactly(8)
            if head is None:
                return self.mark_gone()
            version, kind, request_id, length, padding, _ = struct.unpack(">BBHHBB", head)
            rest = self.exactly(length + padding) if length + padding else b""
        except (ConnectionResetError, BrokenPipeError):
            return self.mark_gone()
        if rest is None:
            return self.mark_gone()
        got = Record(version, kind, request_id, rest[:length], padding)
        self.take(got)
        return got

    def mark_gone(self):
        with self.backend.changed:
            self.ended_at = self.ended_at or time.monotonic()
            self.backend.changed.notify_all()
        return None

    def violation(self, text):
        self.backend.violations.append(text)

    def take(self, got):
        if got.version != 1:
            self.violation(f"record version {got.version}")
        if len(got.content) + got.padding > 65535:
            self.violation(f"content and padding are {len(got.content) + got.padding} bytes")
        with self.backend.changed:
            if got.id == 0:
                self.management.append(got)
            elif got.type == BEGIN:
                self.take_begin(got)
            else:
                self.take_application(got)
            self.backend.changed.notify_all()
        if got.id == 0:
            self.backend.values(self, got)

    def take_begin(self, got):
        if len(got.content) != 8:
            return self.violation(f"BEGIN_REQUEST of {len(got.content)} bytes")
        if got.id in self.open:
            self.violation(f"id {got.id} began while in use")
        role, flags = struct.unpack(">HB", got.content[:3])
        request = Request(self, got.id, role, flags)
        self.open[got.id] = request
        self.backend.requests.append(request)

    def take_application(self, got):
        request = self.open.get(got.id)
        if request is None:
            # The rest of a body, or an abort, may cross our early END_REQUEST on the wire.
            if got.type not in (STDIN, ABORT):
                self.violation(f"type {got.type} for id {got.id}, which is not open")
        elif got.type == PARAMS:
            self.take_params(request, got.content)
        elif got.type == STDIN:
            self.take_stdin(request, got.content)
        elif got.type == ABORT:
            request.aborted = True
        else:
            self.violation(f"a record of type {got.type} from the proxy")

    def take_params(self, request, content):
        if request.params_done:
            self.violation("PARAMS after their end")
        request.params_done = not content
        try:
            request.pairs += decode_pairs(content)
        except ValueError as error:
            self.violation(f"a pair is split over PARAMS records: {error}")

    def take_stdin(self, request, content):
        if request.stdin_done or not request.params_done:
            self.violation("STDIN before the parameters' end or after its own")
        request.stdin += content
        request.stdin_sizes.append(len(content))
        request.stdin_done = not content
        declared = request.env.get("CONTENT_LENGTH")
        if request.stdin_done and declared is not None and int(declared or -1) != len(
                request.stdin):
            self.violation(f"CONTENT_LENGTH {declared}, but STDIN of {len(request.stdin)} bytes")

    def read_until(self, done):
        """Reads records until done() holds; False if the stream ended before."""
        while not done():
            if self.read_record() is None:
                return done()
        return True

    def read_stdin(self, request):
        return self.read_until(lambda: request.stdin_done)

    def wait_closed(self):
        """Reads and forgets until the proxy ends the connection; returns when it did."""
        self.read_until(lambda: False)
        return self.ended_at

    def serve(self):
        while not self.closed:
            got = self.read_record()
            if got is None:
                return
            request = self.open.get(got.id)
            if request is None or got.type not in (PARAMS, STDIN, ABORT) or got.content:
                continue
            if got.type == PARAMS:
                request.script, request.moment = self.backend.next_script()
            if got.type == ABORT:
                self.end(request, 1)
            elif (got.type == PARAMS) == (request.moment == "params"):
                request.script(self, request)
            else:
                continue
            if request.ended and not request.flags & KEEP_CONN and not self.closed:
                self.half_close()
                self.wait_closed()


def fpm_values(conn, got):
    """PHP-FPM's conduct: it says that it does not multiplex (FastCGI 1.0 4.1)."""
    if got.type == GET_VALUES:
        conn.send(record(VALUES_RESULT, 0, encode_pair(b"FCGI_MPXS_CONNS", b"0")))


def mpxs_values(conn, got):
    if got.type == GET_VALUES:
        conn.send(record(VALUES_RESULT, 0, encode_pair(b"FCGI_MPXS_CONNS", b"1")))


def silent_values(_conn, _got):
    """An application that never answers a management record."""


class Backend:
    """A listening application. Without scripts it answers 200 and the request's path."""

    def __init__(self, path=None, port=0, backlog=512, values=fpm_values, name="app",
                 receive_buffer=None):
        self.name = name
        self.path = path
        self.values = values
        self.changed = threading.Condition()
        self.requests = []
        self.conns = []
        self.most_open = 0  # TCP connections at one time
        self.violations = []
        self.failures = []
        self.scripts = collections.deque()
        self.default = (self.hello, "stdin")
        self.takeovers = collections.deque()
        self.threads = []
        self.listener = self.listen(path, port, backlog, receive_buffer)
        self.address = self.listener.getsockname()
        self.start(self.accept)

    @staticmethod
    def listen(path, port, backlog, receive_buffer):
        sock = socket.socket(socket.AF_UNIX if path else socket.AF_INET, socket.SOCK_STREAM)
        if not path:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.bind(path or ("127.0.0.1", port))
        sock.listen(backlog)
        return sock

    @property
    def url(self):
        return f"unix:{self.path}" if self.path else f"fcgi://127.0.0.1:{self.address[1]}"

    @property
    def port(self):
        return self.address[1]

    # Scripts

    def hello(self, conn, request):
        conn.finish(request, b"Content-Type: text/plain\r\nX-App: %s\r\n\r\n%s" % (
            self.name.encode(), request.path.encode("latin-1")))

    def then(self, script, at="stdin"):
        """The script of the next request; at "params" it runs before the body is read."""
        self.scripts.append((script, at))
        return self

    def always(self, script, at="stdin"):
        self.default = (script, at)
        return self

    def on_connect(self, script):
        """The next connection is given to script(conn) before anything is read of it."""
        self.takeovers.append(script)
        return self

    def next_script(self):
        with self.changed:
            return self.scripts.popleft() if self.scripts else self.default

    # Life

    def start(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.settimeout(60)
            conn = Conn(self, sock)
            with self.changed:
                self.conns.append(conn)
                self.most_open = max(self.most_open, sum(c.established() for c in self.conns))
                takeover = self.takeovers.popleft() if self.takeovers else None
                self.changed.notify_all()
            self.start(self.run, conn, takeover)

    def run(self, conn, takeover):
        try:
            if takeover:
                takeover(conn)
            conn.serve()
        except (ConnectionError, TimeoutError):
            conn.mark_gone()
        except OSError as error:
            if not conn.closed:
                self.failures.append(f"{self.name}: {error!r}")
        except Exception as error:  # pylint: disable=broad-except
            self.failures.append(f"{self.name}: {error!r}")
        finally:
            conn.close()

    def wait(self, condition, what="a condition", seconds=DEADLINE):
        with self.changed:
            if not self.changed.wait_for(condition, seconds):
                raise AssertionError(f"{self.name}: {what} did not come in {seconds} s; "
                                     f"requests {self.requests}")

    def wait_requests(self, count):
        self.wait(lambda: len([r for r in self.requests if r.params_done]) >= count,
                  f"request {count}")
        return self.requests[count - 1]

    def complete(self):
        """Requests that reached the application whole."""
        return [request for request in self.requests if request.stdin_done]

    def refuse(self):
        """Stops listening, so that connecting is refused; connections stay."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        if self.path and os.path.exists(self.path):
            os.unlink(self.path)

    def stop(self):
        self.refuse()
        for conn in self.conns:
            conn.close()
        for thread in self.threads:
            thread.join(DEADLINE)
