"""grpc.health.v1: Check and Watch, also when there is room for nothing else."""

import queue
import threading
import time

import grpc

import harness
from harness import (ALL, COMPANY, PASSWORD, READ, Case, Server, details, get_company, health, unary,
                     v1, watch)

SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3


def check(channel, service=""):
    request = health.HealthCheckRequest(service=service)
    return unary(channel, "/grpc.health.v1.Health/Check", request,
                 health.HealthCheckResponse)()[0].status


class Watch:
    """Watches a service; states come in as they are sent."""

    def __init__(self, channel, service="", **kwargs):
        call = channel.unary_stream("/grpc.health.v1.Health/Watch",
                                    request_serializer=lambda m: m.SerializeToString(),
                                    response_deserializer=health.HealthCheckResponse.FromString)
        self.call = call(health.HealthCheckRequest(service=service), **kwargs)
        self.states = queue.Queue()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        try:
            for response in self.call:
                self.states.put(response.status)
        except grpc.RpcError:
            pass
        self.states.put(None)

    def next(self):
        return self.states.get(timeout=60)

    def cancel(self):
        self.call.cancel()
        self.thread.join(20)


class Health(Case):
    settings = ("streams=2000",)

    def test_check(self):
        for service in ("", "docbridge.v1.CompanyService", "grpc.health.v1.Health"):
            self.assertEqual(check(self.channel, service), SERVING)
        self.fails(grpc.StatusCode.NOT_FOUND, check, self.channel, "nothing",
                   reason="RESOURCE_NOT_FOUND")
        self.server.ask("serving 0")
        self.assertEqual(check(self.channel), NOT_SERVING)
        self.server.ask("serving 1")
        self.assertEqual(check(self.channel), SERVING)

    def test_watch(self):
        for service in ("", "docbridge.v1.CompanyService"):
            one = Watch(self.channel, service)
            self.assertEqual(one.next(), SERVING)
            for wanted in (NOT_SERVING, SERVING, NOT_SERVING, SERVING):
                self.server.ask("serving %d" % (wanted == SERVING))
                self.assertEqual(one.next(), wanted)
            one.cancel()

    def test_no_change_is_not_told(self):
        one = Watch(self.channel)
        self.assertEqual(one.next(), SERVING)
        for _ in range(20):
            self.server.ask("serving 1")
        self.server.ask("serving 0")
        self.assertEqual(one.next(), NOT_SERVING)
        one.cancel()

    def test_unknown_service_stays_open(self):
        one = Watch(self.channel, "nothing")
        self.assertEqual(one.next(), SERVICE_UNKNOWN)
        self.server.ask("serving 0")
        other = Watch(self.channel)
        self.assertEqual(other.next(), NOT_SERVING)
        self.assertTrue(one.call.is_active())
        self.assertTrue(one.states.empty())
        one.cancel()
        other.cancel()

    def test_many_watchers_take_no_thread(self):
        self.assertEqual(check(self.channel), SERVING)
        before = self.server.threads()
        call = self.channel.unary_stream("/grpc.health.v1.Health/Watch",
                                         response_deserializer=health.HealthCheckResponse.FromString)
        calls = [call(b"", timeout=60) for _ in range(500)]
        for one in calls:
            self.assertEqual(next(one).status, SERVING)
        # gRPC may start threads of its own, for timers.
        self.assertLessEqual(self.server.threads(), before + 50)
        self.server.ask("serving 0")
        for one in calls:
            self.assertEqual(next(one).status, NOT_SERVING)
        for one in calls:
            one.cancel()
        self.server.wait(observed=501)

    def test_deadline_and_hang_up(self):
        self.assertEqual(check(self.channel), SERVING)  # the deadline is not spent on connecting
        one = Watch(self.channel, timeout=5)
        self.assertEqual([one.next(), one.next()], [SERVING, None])
        self.assertEqual(one.call.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        channel = grpc.insecure_channel(self.server.target, [("grpc.use_local_subchannel_pool", 1)])
        one = Watch(channel)
        self.assertEqual(one.next(), SERVING)
        channel.close()
        self.server.wait(observed=3)

    def test_bad_message(self):
        call = self.channel.unary_stream("/grpc.health.v1.Health/Watch")
        self.fails(grpc.StatusCode.INVALID_ARGUMENT, next, call(b"\xff"), reason="MESSAGE_INVALID")


class Limit(Case):
    settings = ("watchers=3",)

    def test_watchers_have_a_limit_of_their_own(self):
        watches = [Watch(self.channel) for _ in range(3)]
        for one in watches:
            self.assertEqual(one.next(), SERVING)
        one = Watch(self.channel)
        self.assertIsNone(one.next())
        self.assertEqual(one.call.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        # Those without a token take no place from those with one.
        streams = []
        for by in (ALL, ALL, READ):
            streams.append(watch(self.channel, "idle", metadata=by))
            next(streams[-1])
        for stream in streams:
            stream.cancel()
        watches[0].cancel()
        self.server.wait(closed=3, observed=5)
        one = Watch(self.channel)
        self.assertEqual(one.next(), SERVING)
        for one in watches[1:] + [one]:
            one.cancel()


class Full(Case):
    settings = ("workers=2", "queue=3")

    def test_answers_when_the_store_does_not(self):
        one = Watch(self.channel)
        self.assertEqual(one.next(), SERVING)
        call = self.channel.unary_unary(COMPANY + "GetCompany")
        request = v1.GetCompanyRequest(name="companies/slow").SerializeToString()
        futures = [call.future(request, metadata=by, timeout=30) for by in (ALL, READ)]
        self.server.wait(waiting=2)
        # Two run. One caller has two wait, so a third is refused; another has one more, and there is
        # room for no other: that is said before a token is looked at, since it must be cheap.
        futures += [call.future(request, metadata=ALL, timeout=30) for _ in range(3)]
        ended = queue.Queue()
        for future in futures:
            future.add_done_callback(ended.put)
        self.assertEqual(ended.get(timeout=60).code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        futures.append(call.future(request, metadata=READ, timeout=30))
        wrong = (("authorization", "Bearer wrong"),)
        end, code = time.time() + 60, None
        while code != grpc.StatusCode.RESOURCE_EXHAUSTED and time.time() < end:
            with self.assertRaises(grpc.RpcError) as caught:
                get_company(self.channel, "companies/one", metadata=wrong)
            code = caught.exception.code()
        self.fails(grpc.StatusCode.RESOURCE_EXHAUSTED, get_company, self.channel, "companies/one",
                   reason="SERVER_BUSY")
        self.fails(grpc.StatusCode.RESOURCE_EXHAUSTED, get_company, self.channel, "companies/one",
                   metadata=wrong, reason="SERVER_BUSY")
        self.assertEqual(check(self.channel), SERVING)
        self.server.ask("serving 0")
        self.assertEqual(one.next(), NOT_SERVING)
        reveal = unary(self.channel, PASSWORD + "RevealPassword", v1.RevealPasswordRequest(name="x"),
                       v1.RevealPasswordResponse)
        self.assertEqual(reveal(metadata=ALL)[0].plaintext, "value of x")
        for future in futures:
            future.cancel()
        one.cancel()
        self.server.wait(waiting=0)


class Stop(harness.unittest.TestCase):
    def test_watchers_are_told(self):
        server = Server()
        channel = grpc.insecure_channel(server.target)
        watches = [Watch(channel, service) for service in ("", "nothing")]
        self.assertEqual([one.next() for one in watches], [SERVING, SERVICE_UNKNOWN])
        self.assertEqual(server.ask("stop 5000"), "stopped")
        for one in watches:
            while one.next() is not None:
                pass
            self.assertEqual(one.call.code(), grpc.StatusCode.UNAVAILABLE)
            self.assertEqual(details(one.call)[1]["ErrorInfo"].reason, "SHUTTING_DOWN")
        channel.close()
        server.close()


if __name__ == "__main__":
    harness.main()
