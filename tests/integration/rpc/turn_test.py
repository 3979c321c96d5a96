"""Answers that are made together travel together."""

import socket
import struct
import unittest

import harness
from harness import ALL, Server
from http2 import (ACK, DATA, END_HEADERS, END_STREAM, HEADERS, SETTINGS, Connection, frame,
                   grpc_headers)

CHECK = b"/grpc.health.v1.Health/Check"
GET = b"/docbridge.v1.CompanyService/GetCompany"
EMPTY = bytes(5)
CALLS = 16
TOKEN = tuple(text.encode() for text in ALL[0])
DATA_SEGMENTS_IN = 152  # in struct tcp_info


def segments(connection):
    """How many segments with data the client has received."""
    info = connection.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return struct.unpack_from("I", info, DATA_SEGMENTS_IN)[0]


def requests(path, streams, *more):
    headers = grpc_headers(path, *more)
    return [frame(HEADERS, END_HEADERS, stream, headers) + frame(DATA, END_STREAM, stream, EMPTY)
            for stream in streams]


def ends(connection, count):
    """Reads the answers of so many calls; their streams in order."""
    streams = []
    while len(streams) < count:
        kind, flags, stream, _ = connection.next()
        if kind == HEADERS and flags & END_STREAM:
            streams.append(stream)
    return streams


class Turn(unittest.TestCase):
    def begin(self, host):
        server = Server(listeners=(("[::1]:0" if host == "::1" else "127.0.0.1:0",),))
        self.addCleanup(server.close)
        connection = Connection(server.ports[0], host=host)
        self.addCleanup(connection.close)
        connection.until(SETTINGS)
        connection.send(frame(SETTINGS, ACK))
        # The first call brings what gRPC has to say at the beginning.
        connection.send(*requests(CHECK, [1]))
        ends(connection, 1)
        return connection

    def test_calls_that_came_together_are_answered_together(self):
        for host in ("127.0.0.1", "::1"):
            with self.subTest(host):
                connection = self.begin(host)
                streams = list(range(3, 3 + 2 * CALLS, 2))
                before = segments(connection)
                connection.send(*requests(CHECK, streams))
                self.assertEqual(sorted(ends(connection, CALLS)), streams)
                # The first one at once, the others in one; some room for what gRPC says by itself.
                self.assertLess(segments(connection) - before, CALLS // 2)

    def test_each_turn_ends(self):
        connection = self.begin("127.0.0.1")
        for turn in range(20):
            streams = list(range(3 + 100 * turn, 3 + 100 * turn + 2 * CALLS, 2))
            connection.send(*requests(CHECK, streams))
            self.assertEqual(sorted(ends(connection, CALLS)), streams)
            # A call of a lane among them, whose answer a worker makes.
            mixed = [streams[-1] + 2, streams[-1] + 4, streams[-1] + 6]
            connection.send(*requests(CHECK, mixed[:1]), *requests(GET, mixed[1:2], TOKEN),
                            *requests(CHECK, mixed[2:]))
            self.assertEqual(sorted(ends(connection, 3)), mixed)


if __name__ == "__main__":
    harness.main()
