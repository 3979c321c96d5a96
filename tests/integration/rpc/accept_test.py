"""Plaintext connections: their limits, and what a listener must survive."""

import os
import re
import socket
import tempfile
import time
import unittest

import grpc

import harness
from harness import ALL, Case, Server, get_company, watch
from http2 import (ACK, END_HEADERS, GOAWAY, HEADERS, PREFACE, SETTINGS, Connection, frame,
                   grpc_headers)

ALONE = [("grpc.use_local_subchannel_pool", 1)]


def works(server, **kwargs):
    with grpc.insecure_channel(server.target, ALONE) as channel:
        get_company(channel, "companies/one", **kwargs)


def wait_for_place(server):
    """Until the server has noticed that another left; a call is then answered."""
    end = time.time() + 60
    while True:
        try:
            return works(server)
        except grpc.RpcError:
            if time.time() > end:
                raise


def turned_away(server, began):
    """The reasons for which the server says that it turned connections away: once in ten seconds."""
    lines = server.log("connections turned away")
    if len(lines) > 1 + (time.time() - began) // 10:
        raise AssertionError(lines)
    return {line["reason"] for line in lines}


def begun(port):
    """A connection that gRPC has: it answered."""
    connection = Connection(port)
    connection.until(SETTINGS)
    return connection


class Descriptors(unittest.TestCase):
    def test_listener_survives_their_end(self):
        began = time.time()
        server = Server(by=["prlimit", "--nofile=64:64"])
        channel = grpc.insecure_channel(server.target, ALONE)
        get_company(channel, "companies/one")
        held = server.descriptors()
        for begin in (b"", PREFACE + frame(SETTINGS), b""):
            connections = [Connection(server.ports[0], begin) for _ in range(100)]
            # Those that have no place are told so, and do not wait for it.
            for connection in connections[-20:]:
                connection.socket.settimeout(30)
                self.assertTrue(connection.is_closed())
            # Who is in notices nothing.
            get_company(channel, "companies/one")
            for connection in connections:
                connection.close()
            wait_for_place(server)
            # Else a late end of this round makes a place in the next one.
            server.wait_for_descriptors(held + 4)
        self.assertEqual(turned_away(server, began), {"no descriptor is left"})
        channel.close()
        server.close()


class Limit(Case):
    settings = ("connections=5", "idle=60000")

    def test_connections(self):
        began = time.time()
        connections = [begun(self.server.ports[0]) for _ in range(5)]
        for _ in range(20):
            self.assertTrue(Connection(self.server.ports[0]).is_closed())
        self.fails(grpc.StatusCode.UNAVAILABLE, works, self.server)
        self.assertEqual(turned_away(self.server, began), {"too many connections"})
        connections[0].close()
        wait_for_place(self.server)
        for connection in connections:
            connection.close()

    def test_each_end_makes_a_place(self):
        for i in range(60):
            connection = begun(self.server.ports[0])
            if i % 2:
                # A reset, where the other ends are closes.
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                             b"\1\0\0\0\0\0\0\0")
            connection.close()
            wait_for_place(self.server)

    def test_silent_ones_count(self):
        connections = [socket.create_connection(("127.0.0.1", self.server.ports[0]))
                       for _ in range(5)]
        self.fails(grpc.StatusCode.UNAVAILABLE, works, self.server)
        for connection in connections:
            connection.close()
        wait_for_place(self.server)


class Begin(Case):
    settings = ("handshake=600", "connections=4")

    def test_silence_ends(self):
        for data in (b"", b"P", PREFACE[:-1], PREFACE, PREFACE + frame(SETTINGS)[:-1]):
            start = time.time()
            connection = Connection(self.server.ports[0], data)
            self.assertTrue(connection.is_closed(), data)
            self.assertGreaterEqual(time.time() - start, 0.5, data)
            connection.close()


class OtherProtocols(Case):
    # Longer than a connection waits to be closed.
    settings = ("handshake=60000", "connections=4")

    def test_other_protocols_end_at_once(self):
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"PRI x", b"\0" * 100,
                     PREFACE + frame(GOAWAY, payload=bytes(8)), PREFACE + b"\xff" * 40):
            connection = Connection(self.server.ports[0], data)
            self.assertTrue(connection.is_closed(), data)
            connection.close()


class Pieces(Case):
    settings = ("handshake=2000", "connections=4")

    def test_pieces(self):
        connection = Connection(self.server.ports[0], b"")
        for byte in PREFACE + frame(SETTINGS):
            connection.send(bytes([byte]))
        connection.until(SETTINGS)
        # The time to begin is over, and it stays.
        connection.socket.settimeout(2.2)
        self.assertFalse(connection.is_closed())
        connection.close()


class Idle(Case):
    settings = ("idle=700", "connections=1")

    def test_server_ends_idle_connections(self):
        connection = begun(self.server.ports[0])
        self.assertTrue(connection.is_closed())
        connection.close()
        wait_for_place(self.server)


class Streams(Case):
    settings = ("streams=3",)

    def test_client_that_respects_the_limit_waits(self):
        streams = [watch(self.channel, "idle") for _ in range(3)]
        for stream in streams:
            next(stream)
        self.fails(grpc.StatusCode.DEADLINE_EXCEEDED, get_company, self.channel, "companies/one",
                   timeout=0.5)
        # Another connection has a limit of its own.
        works(self.server)
        future = watch(self.channel, "idle")
        streams[0].cancel()
        self.assertEqual(next(future).sequence, 1)
        for stream in streams[1:] + [future]:
            stream.cancel()

    def test_client_that_does_not_is_cut_off(self):
        connection = Connection(self.server.ports[0])
        connection.until(SETTINGS)
        connection.send(frame(SETTINGS, ACK))
        headers = grpc_headers(b"/docbridge.v1.CompanyService/GetCompany",
                               (b"authorization", ALL[0][1].encode()))
        try:
            for stream in range(1, 41, 2):
                connection.send(frame(HEADERS, END_HEADERS, stream, headers))
        except ConnectionError:
            pass
        self.assertTrue(connection.is_closed())
        connection.close()
        works(self.server)


class Peers(unittest.TestCase):
    def test_log_names_the_other_end(self):
        folder = tempfile.TemporaryDirectory(prefix="rpc", dir="/tmp")
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "socket")
        server = Server(listeners=(("127.0.0.1:0",), ("[::1]:0",), ("unix:" + path,),
                                   ("unix-abstract:%s" % self.id(),), ("localhost:0",)))
        targets = (server.target, "ipv6:[::1]:%d" % server.ports[1], "unix:" + path,
                   "unix-abstract:%s" % self.id(), "localhost:%d" % server.ports[4])
        for target in targets:
            with grpc.insecure_channel(target, ALONE) as channel:
                with self.assertRaises(grpc.RpcError) as caught:
                    get_company(channel, "companies/missing")
                self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)
        peers = [line["peer"] for line in server.log("call")]
        self.assertEqual(len(peers), len(targets))
        self.assertRegex(peers[0], r"^ipv4:127\.0\.0\.1:\d+$")
        self.assertRegex(peers[1], r"^ipv6:%5B::1%5D:\d+$")
        self.assertEqual(peers[2:4], ["unix:", "unix:"])
        self.assertRegex(peers[4], r"^ipv[46]:.*:\d+$")
        server.close()

    def test_each_connection_has_its_own(self):
        server = Server()
        for _ in range(5):
            connection = Connection(server.ports[0])
            mine = "ipv4:127.0.0.1:%d" % connection.socket.getsockname()[1]
            connection.send(frame(HEADERS, END_HEADERS | 1, 1, grpc_headers(b"/no.Such/Method")))
            connection.until(HEADERS)
            self.assertEqual(server.log("call")[-1]["peer"], mine)
            connection.close()
        server.close()


class Files(unittest.TestCase):
    def test_unix_sockets(self):
        folder = tempfile.TemporaryDirectory(prefix="rpc", dir="/tmp")
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "socket")
        # Left behind by somebody who is gone.
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(path)
        server = Server(listeners=(("unix:" + path,),))
        self.assertRegex(server.first, "^ports")
        other = Server(listeners=(("unix:" + path,),))
        self.assertIn("cannot listen", other.first)
        self.assertEqual(other.process.wait(timeout=20), 1)
        with grpc.insecure_channel("unix:" + path, ALONE) as channel:
            get_company(channel, "companies/one")
        server.close()
        self.assertFalse(os.path.exists(path))
        # No socket: somebody's file.
        with open(path, "w") as file:
            file.write("precious")
        other = Server(listeners=(("unix:" + path,),))
        self.assertIn("cannot listen", other.first)
        other.process.wait(timeout=20)
        with open(path) as file:
            self.assertEqual(file.read(), "precious")


class Log(unittest.TestCase):
    def test_peers_cannot_write_lines(self):
        server = Server(env=dict(os.environ, GRPC_VERBOSITY="DEBUG"))
        connection = Connection(server.ports[0])
        evil = b'x\n{"level":"ERROR","message":"forged"}\n\x1b[31mred'
        headers = grpc_headers(b"/docbridge.v1.CompanyService/GetCompany").replace(
            b"\x02te\x08trailers", b"\x02te" + bytes([len(evil)]) + evil)
        self.assertIn(evil, headers)
        connection.send(frame(HEADERS, END_HEADERS, 1, headers))
        # Each line is one JSON object, or log() would fail; ours carry what the peer sent.
        told, end = [], time.time() + 60
        while not told and time.time() < end:
            time.sleep(0.01)
            told = [line for line in server.log("grpc") if "forged" in line["text"]]
        connection.close()
        self.assertGreater(len(told), 0)
        self.assertEqual(server.log("forged"), [])
        server.log_file.seek(0)
        raw = server.log_file.read()
        self.assertNotIn("\x1b", raw)
        self.assertEqual(raw.count("\n"), len(server.log()))
        for line in told:
            self.assertTrue(re.search("\n|\x1b", line["text"]))
        server.close()


if __name__ == "__main__":
    harness.main()
