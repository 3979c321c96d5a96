"""Addresses, certificates, and peers that are no gRPC clients."""

import os
import socket
import subprocess
import tempfile
import threading
import unittest

import grpc

import harness
from harness import (ALL, COMPANY, Case, Server, get_company, make_certificate, path, pem, v1,
                     watch)


ALONE = [("grpc.use_local_subchannel_pool", 1)]


def replace(name, data):
    """As those do who renew certificates: the old file or the new one, never half of it."""
    with open(path("fresh"), "wb") as file:
        file.write(data)
    os.rename(path("fresh"), path(name))


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
                get_company(channel, "companies/one")
            self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)
            channel.close()
        server.close()

    def serial(self, server):
        """Of the certificate that a new handshake gets."""
        got = subprocess.run(
            "echo | /usr/bin/openssl s_client -alpn h2 -connect 127.0.0.1:%d 2>/dev/null | "
            "/usr/bin/openssl x509 -noout -serial" % server.ports[0], shell=True,
            check=True, stdout=subprocess.PIPE).stdout
        self.assertRegex(got, rb"^serial=\w+\n$")
        return got

    def test_renewed_certificate(self):
        make_certificate("renewed", "ca")
        server = Server(listeners=(("127.0.0.1:0", path("renewed.pem"), path("renewed.key")),))
        channel = grpc.secure_channel("localhost:%d" % server.ports[0], self.credentials(), ALONE)
        stream = watch(channel, "idle")
        next(stream)
        request = v1.GetCompanyRequest(name="companies/held").SerializeToString()
        future = channel.unary_unary(COMPANY + "GetCompany").future(request, metadata=ALL)
        seen = {self.serial(server)}
        for count in range(2, 5):
            make_certificate("renewed", "ca")
            seen.add(self.serial(server))
            self.assertEqual(len(seen), count)
            # Old and new connections alike.
            get_company(channel, "companies/one")
            with grpc.secure_channel("localhost:%d" % server.ports[0], self.credentials(),
                                     ALONE) as other:
                get_company(other, "companies/one")
        server.ask("release")
        self.assertEqual(future.code(), grpc.StatusCode.OK)
        server.ask("wake")
        self.assertEqual(next(stream).sequence, 2)
        stream.cancel()
        channel.close()
        server.close()

    def test_bad_certificate_leaves_the_old_one(self):
        make_certificate("kept", "ca")
        make_certificate("next", "ca")
        server = Server(listeners=(("127.0.0.1:0", path("kept.pem"), path("kept.key")),))
        old = self.serial(server)

        def faults():
            return len([line for line in server.log() if line["level"] in ("WARN", "ERROR", "warn",
                                                                           "error")])
        for certificate, key in ((b"no certificate", None), (b"", None), (b"x" * 70000, None),
                                 (None, b"no key"), (pem("next.pem"), None), ("gone", None)):
            good = pem("kept.pem"), pem("kept.key")
            for name, data in (("kept.pem", certificate), ("kept.key", key)):
                if data == "gone":
                    os.unlink(path(name))
                elif data is not None:
                    replace(name, data)
            loaded = len(server.log("certificate loaded"))
            for _ in range(2):
                self.assertEqual(self.serial(server), old, (certificate, key))
            told = faults()
            # Nobody may take a renewal that failed for one that served.
            self.assertEqual(len(server.log("certificate loaded")), loaded, (certificate, key))
            if "gone" not in (certificate, key):
                self.assertIn(path("kept."), server.log("certificate not loaded")[-1]["detail"])
            for _ in range(3):
                self.assertEqual(self.serial(server), old)
            self.assertEqual(faults(), told)
            for name, data in zip(("kept.pem", "kept.key"), good):
                replace(name, data)
            self.assertEqual(self.serial(server), old)
        self.assertGreaterEqual(faults(), 4)
        # A new pair, file by file: in between they do not fit each other.
        replace("kept.pem", pem("next.pem"))
        self.assertEqual(self.serial(server), old)
        replace("kept.key", pem("next.key"))
        self.assertNotEqual(self.serial(server), old)
        server.close()

    def test_client_authorities_are_renewed(self):
        make_certificate("trusted", "ca")
        replace("authority.pem", pem("ca.pem"))
        server = Server(listeners=(("127.0.0.1:0", path("server.pem"), path("server.key"),
                                    path("authority.pem")),))

        def is_let_in(name):
            credentials = self.credentials(name)
            with grpc.secure_channel("localhost:%d" % server.ports[0], credentials,
                                     ALONE) as channel:
                try:
                    get_company(channel, "companies/one")
                    return True
                except grpc.RpcError as error:
                    self.assertEqual(error.code(), grpc.StatusCode.UNAVAILABLE)
                    return False
        self.assertEqual([is_let_in("client"), is_let_in("stranger")], [True, False])
        replace("authority.pem", pem("otherca.pem"))
        self.assertEqual([is_let_in("client"), is_let_in("stranger")], [False, True])
        server.close()

    def test_refused_addresses(self):
        for listener, text in (
                (("0.0.0.0:0",), "client certificates"), (("[::]:0",), "client certificates"),
                (("0.0.0.0:0", path("server.pem"), path("server.key")), "client certificates"),
                (("127.0.0.1:0", path("server.pem")), "key"),
                (("127.0.0.1:0", path("none.pem"), path("server.key")), "none.pem"),
                (("127.0.0.1:0", path("server.pem"), path("client.key")),
                 "client.key: is not the key of the certificate in " + path("server.pem")),
                (("127.0.0.1:0", path("ca.key"), path("server.key")), "ca.key: holds no certificate"),
                (("127.0.0.1:0", path("server.pem"), path("ca.pem")), "ca.pem: holds no private key"),
                (("127.0.0.1:0", path("server.pem"), path("server.key"), path("ca.key")),
                 "ca.key: holds no certificate"),
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
