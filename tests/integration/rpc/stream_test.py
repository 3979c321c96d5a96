"""Server streams, reflection, and many calls at once."""

import concurrent.futures
import time

import grpc
from google.protobuf import descriptor_pb2

import harness
from harness import ALL, COMPANY, OTHER, READ, Case, details, get_company, reflection, v1, watch


class Streams(Case):
    def test_to_the_end(self):
        for count in (0, 1, 500):
            self.assertEqual([m.sequence for m in watch(self.channel, "count-%d" % count)],
                             list(range(1, count + 1)))
        self.server.wait(opened=3, closed=3)

    def test_refusals(self):
        def drain(name, **kwargs):
            for _ in watch(self.channel, name, **kwargs):
                pass
        self.fails(grpc.StatusCode.NOT_FOUND, drain, "missing", reason="RESOURCE_NOT_FOUND")
        self.fails(grpc.StatusCode.UNAUTHENTICATED, drain, "idle", metadata=(),
                   reason="TOKEN_MISSING")
        self.fails(grpc.StatusCode.INVALID_ARGUMENT, drain, "x" * 1025, reason="FIELD_INVALID")
        self.fails(grpc.StatusCode.INTERNAL, drain, "fail", reason="INTERNAL")
        self.server.wait(opened=1, closed=1)

    def test_wake(self):
        streams = [watch(self.channel, "idle") for _ in range(50)]
        for stream in streams:
            self.assertEqual(next(stream).sequence, 1)
        for expected in range(2, 7):
            self.server.ask("wake")
            for stream in streams:
                self.assertEqual(next(stream).sequence, expected)
        for stream in streams:
            stream.cancel()
        self.server.wait(closed=50)

    def test_ends_with_its_token(self):
        stream = watch(self.channel, "idle", metadata=(("authorization", "Bearer short"),))
        self.assertEqual(next(stream).sequence, 1)
        with self.assertRaises(grpc.RpcError) as failed:
            for _ in range(600):
                self.server.ask("wake")
                next(stream)
                time.sleep(0.1)
        self.assertEqual(failed.exception.code(), grpc.StatusCode.UNAUTHENTICATED)
        self.assertEqual(details(failed.exception)[1]["ErrorInfo"].reason, "TOKEN_EXPIRED")
        self.server.wait(opened=1, closed=1)

    def test_wakes_are_not_lost(self):
        stream = watch(self.channel, "idle")
        next(stream)
        for _ in range(200):
            self.server.ask("wake")
        self.assertEqual([next(stream).sequence for _ in range(200)], list(range(2, 202)))
        stream.cancel()
        self.server.wait(closed=1)

    def test_slow_reader(self):
        stream = watch(self.channel, "flood")
        self.assertEqual(next(stream).sequence, 1)
        # It goes on until the windows are full, and then waits.
        seen = [0]
        while len(set(seen[-50:])) > 1 or len(seen) < 50:
            self.assertLess(len(seen), 5000)
            time.sleep(0.01)
            seen.append(self.server.stats()["messages"])
        get_company(self.channel, "companies/one")
        for expected in range(2, 200):
            self.assertEqual(next(stream).sequence, expected)
        self.assertGreater(self.server.stats()["messages"], 199)
        stream.cancel()
        self.server.wait(closed=1)

    def test_deadline(self):
        get_company(self.channel, "companies/one")  # the deadline is not spent on connecting
        stream = watch(self.channel, "idle", timeout=5)
        next(stream)
        self.fails(grpc.StatusCode.DEADLINE_EXCEEDED, next, stream)
        self.server.wait(closed=1)


class Watchers(Case):
    settings = ("watchers=4",)

    def refused(self, caller):
        self.fails(grpc.StatusCode.RESOURCE_EXHAUSTED, next,
                   watch(self.channel, "idle", metadata=caller), reason="SERVER_BUSY")

    def test_limit(self):
        streams = []
        for caller, room in ((ALL, 2), (READ, 1), (OTHER, 1)):
            for _ in range(room):
                streams.append(watch(self.channel, "idle", metadata=caller))
                next(streams[-1])
            # No caller has all of it, while there is some left.
            self.refused(caller)
        streams[-1].cancel()
        self.server.wait(closed=1)
        self.assertEqual(next(watch(self.channel, "count-1", metadata=OTHER)).sequence, 1)


class Many(Case):
    settings = ("streams=2000", "queue=2000")

    def test_thousand_calls(self):
        call = self.channel.unary_unary(COMPANY + "GetCompany",
                                        response_deserializer=v1.Company.FromString)
        futures = []
        for i in range(1000):
            request = v1.GetCompanyRequest(name="companies/%d" % i).SerializeToString()
            futures.append(call.future(request, metadata=ALL, timeout=60))
        for i, future in enumerate(futures):
            self.assertEqual(future.result().name, "companies/%d" % i)
        self.server.wait(observed=1000)

    def test_threads_and_hang_ups(self):
        def one(i):
            channel = grpc.insecure_channel(self.server.target,
                                            [("grpc.use_local_subchannel_pool", 1)])
            for j in range(10):
                get_company(channel, "companies/%d-%d" % (i, j), timeout=60)
            stream = watch(channel, "idle" if i % 2 else "flood")
            next(stream)
            channel.close()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(one, range(40)))
        self.server.wait(opened=40, closed=40)


class Reflection(Case):
    settings = ("reflection=1",)

    def ask(self, version, *questions):
        call = self.channel.stream_stream(
            "/grpc.reflection.%s.ServerReflection/ServerReflectionInfo" % version,
            request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=reflection.ServerReflectionResponse.FromString)
        requests = [reflection.ServerReflectionRequest(**one) for one in questions]
        return list(call(iter(requests), timeout=20))

    def test_list(self):
        for version in ("v1", "v1alpha"):
            answer, = self.ask(version, {"list_services": "*"})
            names = [service.name for service in answer.list_services_response.service]
            self.assertEqual(sorted(names), sorted(set(names)))
            self.assertIn("docbridge.v1.CompanyService", names)
            self.assertIn("grpc.health.v1.Health", names)
        self.assertEqual(self.ask("v1"), [])

    def test_files(self):
        answers = self.ask("v1", {"file_containing_symbol": "docbridge.v1.CompanyService"},
                           {"file_containing_symbol": "docbridge.v1.CompanyService.GetCompany"},
                           {"file_containing_symbol": "docbridge.v1.Company"},
                           {"file_by_filename": "docbridge/v1/company.proto"})
        for answer in answers:
            files = [descriptor_pb2.FileDescriptorProto.FromString(raw_file) for raw_file in
                     answer.file_descriptor_response.file_descriptor_proto]
            self.assertEqual(files[0].name, "docbridge/v1/company.proto")
            names = [file.name for file in files]
            self.assertEqual(len(names), len(set(names)))
            for file in files:
                self.assertLessEqual(set(file.dependency), set(names))

    def test_not_found(self):
        answers = self.ask("v1", {"file_by_filename": "no.proto"},
                           {"file_containing_symbol": "no.such.Thing"},
                           {"all_extension_numbers_of_type": "google.protobuf.FieldOptions"})
        self.assertEqual([answer.error_response.error_code for answer in answers], [5, 5, 5])


if __name__ == "__main__":
    harness.main()
