"""Connections over TLS: the limits of plaintext ones hold for them too."""

import socket
import ssl
import time
import unittest

import grpc

from harness import Server, get_company, main, make_certificate, path, pem
from http2 import PREFACE, SETTINGS, frame

ALONE = [("grpc.use_local_subchannel_pool", 1)]


def is_closed(link):
    link.settimeout(30)
    try:
        return link.recv(1) == b""
    except ConnectionResetError:
        return True


class OverTls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        make_certificate("ca")
        make_certificate("server", "ca")
        make_certificate("client", "ca")

    def serve(self, *settings, **options):
        server = Server(*settings, listeners=(("127.0.0.1:0", path("server.pem"), path("server.key"),
                                               path("ca.pem")),), **options)
        self.addCleanup(server.close)
        self.port = server.ports[0]
        return server

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def begun(self):
        """A connection that gRPC has: the server's settings came."""
        context = ssl.create_default_context(cafile=path("ca.pem"))
        context.load_cert_chain(path("client.pem"), path("client.key"))
        context.set_alpn_protocols(["h2"])
        link = context.wrap_socket(self.connect(), server_hostname="localhost")
        link.sendall(PREFACE + frame(SETTINGS))
        self.assertTrue(link.recv(9))
        return link

    def works(self):
        credentials = grpc.ssl_channel_credentials(pem("ca.pem"), pem("client.key"), pem("client.pem"))
        with grpc.secure_channel("localhost:%d" % self.port, credentials, ALONE) as channel:
            get_company(channel, "companies/one")

    def wait_for_place(self):
        end = time.time() + 60
        while True:
            try:
                return self.works()
            except grpc.RpcError:
                if time.time() > end:
                    raise

    def test_listener_survives_the_end_of_descriptors(self):
        server = self.serve(by=["prlimit", "--nofile=64:64"])
        self.works()
        held = server.descriptors()
        for begin in (b"", b"\x16\x03"):
            links = [self.connect() for _ in range(100)]
            for link in links:
                link.sendall(begin)
            for link in links[-20:]:
                self.assertTrue(is_closed(link))
            for link in links:
                link.close()
            self.wait_for_place()
            # Else a late end of this round makes a place in the next one.
            server.wait_for_descriptors(held + 4)
        self.assertEqual(server.log("connections turned away")[0]["reason"], "no descriptor is left")

    def test_limit(self):
        server = self.serve("connections=5", "idle=60000")
        links = [self.begun() for _ in range(5)]
        for _ in range(20):
            self.assertTrue(is_closed(self.connect()))
        self.assertEqual({line["reason"] for line in server.log("connections turned away")},
                         {"too many connections"})
        links.pop().close()
        self.wait_for_place()
        for link in links:
            link.close()

    def test_begin(self):
        self.serve("handshake=600")
        # No TLS is seen at once. Silence, and a handshake that stands still, take the time there is.
        for begin, least in ((PREFACE + frame(SETTINGS), 0), (b"GET / HTTP/1.1\r\n\r\n", 0), (b"", 0.5),
                             (b"\x16", 0.5), (b"\x16\x03\x01\x02\x00\x01", 0.5)):
            with self.subTest(begin=begin), self.connect() as link:
                start = time.time()
                link.sendall(begin)
                self.assertTrue(is_closed(link))
                self.assertGreaterEqual(time.time() - start, least)
        self.wait_for_place()

    def test_end(self):
        """Who waits on a connection when the server stops is told at once."""
        server = self.serve()
        link = self.begun()
        server.close()
        while link.recv(4096):
            pass
        link.close()


if __name__ == "__main__":
    main()
