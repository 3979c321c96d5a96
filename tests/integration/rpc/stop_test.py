"""How the server ends."""

import socket
import time
import unittest

import grpc

import harness
from harness import ALL, COMPANY, Server, details, v1, watch


class Stop(unittest.TestCase):
    def stop(self, server, ms):
        start = time.time()
        self.assertEqual(server.ask("stop %d" % ms), "stopped")
        return time.time() - start

    def test_drain(self):
        server = Server()
        channel = grpc.insecure_channel(server.target)
        call = channel.unary_unary(COMPANY + "GetCompany")
        request = v1.GetCompanyRequest(name="companies/sleep-700").SerializeToString()
        futures = [call.future(request, metadata=ALL, timeout=20) for _ in range(5)]
        stream = watch(channel, "idle")
        next(stream)
        server.wait(waiting=5)
        self.assertLess(self.stop(server, 10000), 5)
        self.assertEqual([future.code() for future in futures], [grpc.StatusCode.OK] * 5)
        with self.assertRaises(grpc.RpcError) as caught:
            next(stream)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(details(caught.exception)[1]["ErrorInfo"].reason, "SHUTTING_DOWN")
        channel.close()
        server.close()

    def test_cancel_after_drain(self):
        server = Server()
        channel = grpc.insecure_channel(server.target)
        request = v1.GetCompanyRequest(name="companies/slow").SerializeToString()
        future = channel.unary_unary(COMPANY + "GetCompany").future(request, metadata=ALL)
        server.wait(waiting=1)
        self.assertLess(self.stop(server, 300), 5)
        self.assertNotEqual(future.code(), grpc.StatusCode.OK)
        self.assertEqual(server.stats()["cancel"], 1)
        channel.close()
        server.close()

    def test_slow_reader_does_not_hold_it_up(self):
        server = Server()
        channel = grpc.insecure_channel(server.target)
        stream = watch(channel, "flood")
        next(stream)
        self.assertLess(self.stop(server, 500), 5)
        self.assertEqual(server.stats()["closed"], 1)
        channel.close()
        server.close()

    def test_silent_connections_do_not_hold_it_up(self):
        server = Server()
        socks = [socket.create_connection(("127.0.0.1", server.ports[0])) for _ in range(3)]
        socks[1].sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        socks[2].sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5))
        time.sleep(0.2)
        self.assertLess(self.stop(server, 300), 5)
        for sock in socks:
            sock.close()
        server.close()

    def test_end_without_stop(self):
        server = Server()
        channel = grpc.insecure_channel(server.target)
        stream = watch(channel, "idle")
        next(stream)
        server.close()
        channel.close()

    def test_unused(self):
        server = Server()
        self.assertLess(self.stop(server, 5000), 2)
        server.close()


if __name__ == "__main__":
    harness.main()
