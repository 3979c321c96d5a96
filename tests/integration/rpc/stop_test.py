"""How the server ends."""

import collections
import concurrent.futures
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

import grpc

import harness
from harness import ALL, COMPANY, Server, details, get_company, v1, watch


class Stop(unittest.TestCase):
    def stops(self, server, ms, within=30):
        start = time.time()
        self.assertEqual(server.ask("stop %d" % ms), "stopped")
        self.assertLess(time.time() - start, within)

    def test_drain(self):
        server = Server()
        channel = grpc.insecure_channel(server.target)
        call = channel.unary_unary(COMPANY + "GetCompany")
        request = v1.GetCompanyRequest(name="companies/held").SerializeToString()
        futures = [call.future(request, metadata=ALL, timeout=50) for _ in range(5)]
        stream = watch(channel, "idle")
        next(stream)
        server.wait(waiting=5)
        self.stops(server, 60000)
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
        self.stops(server, 300)
        self.assertNotEqual(future.code(), grpc.StatusCode.OK)
        self.assertEqual(server.stats()["cancel"], 1)
        channel.close()
        server.close()

    def test_slow_reader_does_not_hold_it_up(self):
        server = Server()
        channel = grpc.insecure_channel(server.target)
        stream = watch(channel, "flood")
        next(stream)
        self.stops(server, 500)
        self.assertEqual(server.stats()["closed"], 1)
        channel.close()
        server.close()

    def test_silent_connections_do_not_hold_it_up(self):
        server = Server()
        socks = [socket.create_connection(("127.0.0.1", server.ports[0])) for _ in range(3)]
        socks[1].sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        socks[2].sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5))
        time.sleep(0.2)
        self.stops(server, 300)
        for sock in socks:
            sock.close()
        server.close()

    def test_abort_tells_its_stack(self):
        server = Server()
        server.process.send_signal(signal.SIGABRT)
        with self.assertRaisesRegex(AssertionError, r"ended with -6(?s:.)*aborted at:\n"
                                    r"(?s:.)*rpc_test_server\(.*\) ?\[0x"):
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
        self.stops(server, 60000)
        server.close()


class Signals(unittest.TestCase):
    """The process as a service manager sees it."""

    def start(self, drain_ms, *settings):
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.settimeout(60)
        # An abstract name: a path may be too long for a socket.
        name = "\0docbridge-%d-%s" % (os.getpid(), self.id())
        self.manager.bind(name)
        self.server = Server("drain=%d" % drain_ms, *settings,
                             env=dict(os.environ, NOTIFY_SOCKET="@" + name[1:]))
        self.told("READY=1")
        return grpc.insecure_channel(self.server.target)

    def told(self, state):
        self.assertEqual(self.manager.recv(100).decode(), state)

    def slow(self, channel):
        request = v1.GetCompanyRequest(name="companies/slow").SerializeToString()
        return channel.unary_unary(COMPANY + "GetCompany").future(request, metadata=ALL)

    def end(self, code):
        """Long before the time to drain is over."""
        self.assertEqual(self.server.process.wait(timeout=30), code)
        rest = self.server.process.stdout.read()
        self.server.process.stdin.close()
        self.server.process.stdout.close()
        self.addCleanup(self.server.log_file.close)
        return rest

    def test_first_is_graceful(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            channel = self.start(60000)
            request = v1.GetCompanyRequest(name="companies/held").SerializeToString()
            future = channel.unary_unary(COMPANY + "GetCompany").future(request, metadata=ALL)
            self.wait_for_call(channel)
            self.server.process.send_signal(number)
            self.told("STOPPING=1")
            self.assertEqual(future.code(), grpc.StatusCode.OK)
            self.end(0)
            channel.close()
            self.manager.close()

    def wait_for_call(self, channel):
        end = time.time() + 60
        while get_company(channel, "companies/waiting")[0].display_name != "1":
            self.assertLess(time.time(), end)

    def test_second_ends_at_once(self):
        for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)):
            channel = self.start(60000)
            future = self.slow(channel)
            self.wait_for_call(channel)
            self.server.process.send_signal(first)
            self.told("STOPPING=1")
            with self.assertRaises(subprocess.TimeoutExpired):
                self.server.process.wait(timeout=0.5)
            self.server.process.send_signal(second)
            self.end(2)
            self.assertEqual(future.code(), grpc.StatusCode.UNAVAILABLE)
            self.assertEqual(len(self.server.log("stopped at once")), 1)
            channel.close()
            self.manager.close()

    def test_hangup_reloads_and_never_stops(self):
        channel = self.start(60000)
        for _ in range(3):
            self.server.process.send_signal(signal.SIGHUP)
            self.assertEqual(self.server.process.stdout.readline(), "reloaded\n")
        future = self.slow(channel)
        self.wait_for_call(channel)
        self.server.process.send_signal(signal.SIGTERM)
        self.told("STOPPING=1")
        self.server.process.send_signal(signal.SIGHUP)
        with self.assertRaises(subprocess.TimeoutExpired):
            self.server.process.wait(timeout=0.5)
        future.cancel()
        self.end(0)
        channel.close()

    def test_drain_under_load(self):
        """What reached a handler is answered; what comes later is UNAVAILABLE; nothing else."""
        self.start(60000, "queue=4000", "streams=1000", "workers=16").close()
        stop = threading.Event()
        codes = collections.Counter()
        mutex = threading.Lock()

        def call_until_refused(number):
            options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
            refused = 0
            with grpc.insecure_channel(self.server.target, options) as channel:
                get = channel.unary_unary(COMPANY + "GetCompany")
                request = v1.GetCompanyRequest(name="companies/sleep-%d" % (number % 7 * 10))
                while refused < 3:
                    futures = [get.future(request.SerializeToString(), metadata=ALL, timeout=30)
                               for _ in range(8)]
                    seen = [future.code() for future in futures]
                    refused += any(code != grpc.StatusCode.OK for code in seen)
                    with mutex:
                        codes.update(seen)
                    if not stop.is_set():
                        self.assertEqual(refused, 0)
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            callers = [pool.submit(call_until_refused, number) for number in range(24)]
            end = time.time() + 60
            while codes[grpc.StatusCode.OK] <= 500 and time.time() < end:
                time.sleep(0.1)
            stop.set()
            self.server.process.send_signal(signal.SIGTERM)
            self.told("STOPPING=1")
            rest = self.end(0)
            for caller in callers:
                caller.result()
        counts = dict(re.findall(r"(\w+)=(\d+)", rest))
        self.assertEqual(counts["started"], counts["finished"])
        self.assertEqual(codes[grpc.StatusCode.OK], int(counts["finished"]))
        self.assertGreater(codes[grpc.StatusCode.OK], 500)
        self.assertEqual(set(codes), {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE})


if __name__ == "__main__":
    harness.main()
