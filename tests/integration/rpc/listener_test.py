"""Addresses, certificates, and peers that are no gRPC clients."""

import os
import socket
import subprocess
import tempfile
import threading
import unittest

import grpc

import harness
from harness import Case, Server, get_company, make_certificate, path, pem


class Listeners(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        make_certificate("ca")
        make_certificate("server", "ca")
        make_certificate("client", "ca")
        make_certificate("otherca")
        make_certificate("stranger", "otherca")

    def credentials(self, name=None):
        pair = (pem(name + ".key"), pem(name + ".pem")) if name else (None, None)
        return grpc.ssl_channel_credentials(pem("ca.pem"), *pair)

    def test_all_kinds(self):
        # A socket's path has at most 107 bytes.
        folder = tempfile.TemporaryDirectory(prefix="rpc", dir="/tmp")
        self.addCleanup(folder.cleanup)
        sock = os.path.join(folder.name, "socket")
        server = Server(listeners=(
            ("127.0.0.1:0",), ("unix:" + sock,),
            ("127.0.0.1:0", path("server.pem"), path("server.key")),
            ("0.0.0.0:0", path("server.pem"), path("server.key"), path("ca.pem"))))
        self.assertEqual(server.ports[1], 0)
        channels = [grpc.insecure_channel("127.0.0.1:%d" % server.ports[0]),
                    grpc.insecure_channel("unix:" + sock),
                    grpc.secure_channel("localhost:%d" % server.ports[2], self.credentials()),
                    grpc.secure_channel("localhost:%d" % server.ports[3],
                                        self.credentials("client"))]
        for channel in channels:
            self.assertEqual(get_company(channel, "companies/one")[0].name, "companies/one")
            channel.close()
        for credentials in (self.credentials(), self.credentials("stranger")):
            channel = grpc.secure_channel("localhost:%d" % server.ports[3], credentials)
            with self.assertRaises(grpc.RpcError) as caught:
                get_company(channel, "companies/one", timeout=5)
            self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)
            channel.close()
        server.close()

    def test_renewed_certificate(self):
        make_certificate("renewed", "ca")
        server = Server(listeners=(("127.0.0.1:0", path("renewed.pem"), path("renewed.key")),))

        def serial():
            return subprocess.run(
                "echo | /usr/bin/openssl s_client -alpn h2 -connect 127.0.0.1:%d 2>/dev/null | "
                "/usr/bin/openssl x509 -noout -serial" % server.ports[0], shell=True,
                check=True, stdout=subprocess.PIPE).stdout
        before = serial()
        make_certificate("renewed", "ca")
        self.assertNotEqual(serial(), before)
        server.close()

    def test_refused_addresses(self):
        for listener, text in (
                (("0.0.0.0:0",), "client certificates"), (("[::]:0",), "client certificates"),
                (("0.0.0.0:0", path("server.pem"), path("server.key")), "client certificates"),
                (("127.0.0.1:0", path("server.pem")), "key"),
                (("127.0.0.1:0", path("none.pem"), path("server.key")), "none.pem"),
                (("127.0.0.1:0", path("server.pem"), path("client.key")), "cannot listen"),
                (("nothing",), "host:port"), (("::1:0",), "brackets"),
                (("unix:/nonexistent/folder/socket",), "cannot listen")):
            server = Server(listeners=(listener,))
            self.assertIn("error", server.first)
            self.assertIn(text, server.first)
            server.process.stdin.close()
            self.assertEqual(server.process.wait(timeout=30), 1)
            server.process.stdout.close()

    def test_port_is_not_shared(self):
        first = Server()
        second = Server(listeners=((first.target,),))
        self.assertIn("cannot listen", second.first)
        second.process.stdin.close()
        second.process.wait(timeout=30)
        second.process.stdout.close()
        first.close()


class Rude(Case):
    """Peers that are no gRPC clients: the server goes on."""

    def test_garbage(self):
        for data in (b"", b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100, os.urandom(5000)):
            with socket.create_connection(("127.0.0.1", self.server.ports[0])) as sock:
                sock.sendall(data)
        get_company(self.channel, "companies/one")

    def test_many_connections(self):
        def one(_):
            with socket.create_connection(("127.0.0.1", self.server.ports[0])) as sock:
                sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        threads = [threading.Thread(target=one, args=(i,)) for i in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        get_company(self.channel, "companies/one")


if __name__ == "__main__":
    harness.main()
