"""FastCGI 1.0 as bytes: the records that scripts send, and the pairs that they check."""

import collections
import struct

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR, DATA, GET_VALUES, VALUES_RESULT, UNKNOWN = range(
    1, 12)
RESPONDER, AUTHORIZER, FILTER = 1, 2, 3
COMPLETE, CANT_MPX, OVERLOADED, UNKNOWN_ROLE = range(4)
KEEP_CONN = 1

Record = collections.namedtuple("Record", "version type id content padding")


def record(kind, request_id, content=b"", padding=0, version=1):
    """One record, FastCGI 1.0 3.3."""
    return struct.pack(">BBHHBx", version, kind, request_id, len(content), padding) + content + (
        b"\xaa" * padding)


def stream(kind, request_id, data, size=65535, padding=0):
    """`data` as records of at most `size` bytes; no empty record at the end."""
    return b"".join(record(kind, request_id, data[at:at + size], padding)
                    for at in range(0, len(data), size))


def end_request(request_id, status=0, protocol=COMPLETE):
    return record(END, request_id, struct.pack(">IB3x", status, protocol))


def encode_pair(name, value):
    def length(n):
        return struct.pack(">B", n) if n < 128 else struct.pack(">I", n | 0x80000000)
    return length(len(name)) + length(len(value)) + name + value


def decode_pairs(data):
    """The pairs of one record's content; ValueError where a pair does not end in it."""
    pairs, at = [], 0

    def length():
        nonlocal at
        if at >= len(data):
            raise ValueError("a length is cut")
        if data[at] < 128:
            at += 1
            return data[at - 1]
        if at + 4 > len(data):
            raise ValueError("a length is cut")
        at += 4
        return struct.unpack_from(">I", data, at - 4)[0] & 0x7FFFFFFF

    while at < len(data):
        name, value = length(), length()
        if at + name + value > len(data):
            raise ValueError("a pair is cut")
        pairs.append((data[at:at + name], data[at + name:at + name + value]))
        at += name + value
    return pairs
