"""A FastCGI application that takes many requests on a connection, and answers when the test says."""

import socket
import struct
import threading

from fcgi_wire import (ABORT, BEGIN, GET_VALUES, PARAMS, STDIN, STDOUT, VALUES_RESULT,
                       decode_pairs, encode_pair, end_request, record, stream)
from harness import wait_for


class Request:
    def __init__(self, conn, number):
        self.conn, self.id = conn, number
        self.params, self.body = b"", b""
        self.aborted = self.done = False

    @property
    def path(self):
        return dict(decode_pairs(self.params))[b"REQUEST_URI"].decode()

    def send(self, data):
        self.conn.send(stream(STDOUT, self.id, data))

    def end(self, data=b"", protocol=0):
        self.done = True
        self.conn.send(stream(STDOUT, self.id, data)
                       + end_request(self.id, protocol=protocol))


class Connection:
    def __init__(self, app, sock):
        self.app, self.socket = app, sock
        self.lock = threading.Lock()
        self.ended = False

    def send(self, data):
        with self.lock:
            self.socket.sendall(data)

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def read(self):
        requests = {}
        try:
            while True:
                _, kind, number, length, padding = struct.unpack(">BBHHBx", self.exactly(8))
                content = self.exactly(length + padding)[:length]
                if kind == GET_VALUES:
                    self.send(record(VALUES_RESULT, 0, encode_pair(b"FCGI_MPXS_CONNS", b"1")))
                elif kind == BEGIN:
                    if number in requests and not requests[number].done:
                        self.app.violations.append(f"id {number} is in use")
                    requests[number] = Request(self, number)
                elif kind == PARAMS:
                    requests[number].params += content
                elif kind == ABORT:
                    requests[number].aborted = True
                elif kind == STDIN:
                    requests[number].body += content
                    if not content:
                        self.app.on_request(requests[number])
        except (OSError, EOFError):
            self.ended = True
            self.close()


class MpxApp:
    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"fcgi://127.0.0.1:{self.listener.getsockname()[1]}"
        self.conns, self.requests, self.violations = [], [], []
        self.immediate = lambda request: request.path == "/now"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        try:
            while True:
                conn = Connection(self, self.listener.accept()[0])
                self.conns.append(conn)
                threading.Thread(target=conn.read, daemon=True).start()
        except OSError:
            pass

    def on_request(self, request):
        if self.immediate(request):
            return request.end(b"A: b\r\n\r\nnow")
        self.requests.append(request)
        return None

    def wait(self, count):
        wait_for(lambda: len(self.requests) >= count, f"{count} requests")
        return self.requests[:count]

    def close(self):
        self.listener.close()
        for conn in self.conns:
            conn.close()
