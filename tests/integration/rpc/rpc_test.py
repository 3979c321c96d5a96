"""Drives rpc_test_server with an independent client (grpcio) over every kind of listener."""

import concurrent.futures
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVER = os.path.abspath(sys.argv[1])
TMP = tempfile.mkdtemp(prefix="rpc", dir=os.environ.get("TEST_TMPDIR"))


class Package:
    """The messages of one proto package, from the server's own descriptor set."""

    def __init__(self, pool, name):
        self.pool, self.name = pool, name

    def __getattr__(self, message):
        return message_factory.MessageFactory(self.pool).GetPrototype(
            self.pool.FindMessageTypeByName(self.name + "." + message))


def load(path):
    with open(path, "rb") as file:
        files = descriptor_pb2.FileDescriptorSet.FromString(file.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return [Package(pool, name) for name in ("docbridge.v1", "google.rpc", "grpc.health.v1",
                                             "grpc.reflection.v1")]


v1, rpc, health, reflection = load(sys.argv[2])
ALL = (("authorization", "Bearer all"),)
COMPANY = "/docbridge.v1.CompanyService/"
PASSWORD = "/docbridge.v1.PasswordService/"


class Server:
    """One rpc_test_server."""

    def __init__(self, *settings, listeners=(("127.0.0.1:0",),)):
        arguments = [SERVER, "quiet=1"] + list(settings)
        for listener in listeners:
            arguments += ["listen"] + list(listener)
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.first = self.process.stdout.readline().strip()
        if self.first.startswith("ports"):
            self.ports = [int(port) for port in self.first.split()[1:]]
            self.target = "127.0.0.1:%d" % self.ports[0]

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def stats(self):
        return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", self.ask("stats"))}

    def wait(self, seconds=5, **wanted):
        end = time.time() + seconds
        while True:
            stats = self.stats()
            if all(stats[key] == value for key, value in wanted.items()):
                return stats
            if time.time() > end:
                raise AssertionError("%s is not %s" % (stats, wanted))
            time.sleep(0.01)

    def close(self):
        self.process.stdin.close()
        code = self.process.wait(timeout=30)
        self.process.stdout.close()
        if code != 0:
            raise AssertionError("the server ended with %d" % code)


def unary(channel, method, request, response_type):
    call = channel.unary_unary(method, request_serializer=lambda m: m.SerializeToString(),
                               response_deserializer=response_type.FromString)
    return lambda **kwargs: call.with_call(request, **dict({"timeout": 20}, **kwargs))


def get_company(channel, name, **kwargs):
    request = v1.GetCompanyRequest(name=name)
    return unary(channel, COMPANY + "GetCompany", request, v1.Company)(
        **dict({"metadata": ALL}, **kwargs))


def raw(channel, method, data, **kwargs):
    call = channel.unary_unary(method)
    return call.with_call(data, **dict({"metadata": ALL, "timeout": 20}, **kwargs))


def watch(channel, name, **kwargs):
    call = channel.unary_stream("/docbridge.v1.SyncService/WatchSyncRun",
                                request_serializer=lambda m: m.SerializeToString(),
                                response_deserializer=v1.WatchSyncRunResponse.FromString)
    return call(v1.WatchSyncRunRequest(name=name), **dict({"metadata": ALL}, **kwargs))


def details(error):
    """The google.rpc.Status of an error and its details by type name."""
    trailing = dict(error.trailing_metadata())
    status = rpc.Status.FromString(trailing["grpc-status-details-bin"])
    found = {}
    for one in status.details:
        name = one.type_url.rsplit(".", 1)[1]
        found[name] = getattr(rpc, name).FromString(one.value)
    return status, found


class Case(unittest.TestCase):
    settings = ()

    def setUp(self):
        self.server = Server(*self.settings)
        self.channel = grpc.insecure_channel(self.server.target)

    def tearDown(self):
        self.channel.close()
        self.server.close()

    def fails(self, code, call, *args, reason=None, **kwargs):
        with self.assertRaises(grpc.RpcError) as caught:
            call(*args, **kwargs)
        error = caught.exception
        self.assertEqual(error.code(), code, error.details())
        if reason is not None:
            status, found = details(error)
            self.assertEqual(found["ErrorInfo"].reason, reason)
            self.assertEqual(found["ErrorInfo"].domain, "docbridge.internal")
            self.assertEqual(status.code, code.value[0])
            self.assertEqual(status.message, error.details())
            self.assertEqual(found["RequestInfo"].request_id,
                             dict(error.trailing_metadata())["x-request-id"])
            return error, found
        return error


class Unary(Case):
    def test_ok(self):
        company, call = get_company(self.channel, "companies/one",
                                    metadata=ALL + (("x-request-id", "my.id_1-2"),))
        self.assertEqual(company.name, "companies/one")
        self.assertEqual(company.display_name, "all")
        self.assertEqual(company.etag, "my.id_1-2")
        self.assertEqual(dict(call.trailing_metadata())["x-request-id"], "my.id_1-2")
        self.assertNotIn("grpc-status-details-bin", dict(call.trailing_metadata()))
        self.server.wait(observed=1)

    def test_request_id_is_generated(self):
        seen = set()
        for given in ("a" * 65, "with blank", "semi;colon", ""):
            _, call = get_company(self.channel, "companies/one",
                                  metadata=ALL + (("x-request-id", given),))
            self.assertRegex(dict(call.trailing_metadata())["x-request-id"], r"^[a-z2-7]{26}\.[0-9a-f]+$")
            seen.add(dict(call.trailing_metadata())["x-request-id"])
        self.assertEqual(len(seen), 4)

    def test_tokens(self):
        for metadata, reason in (
                ((), "TOKEN_MISSING"),
                ((("authorization", "Bearer wrong"),), "TOKEN_INVALID"),
                ((("authorization", "Basic all"),), "TOKEN_INVALID"),
                ((("authorization", "Bearer "),), "TOKEN_INVALID"),
                (ALL + ALL, "TOKEN_INVALID"),
                ((("authorization", "Bearer expired"),), "TOKEN_EXPIRED")):
            self.fails(grpc.StatusCode.UNAUTHENTICATED, get_company, self.channel, "companies/one",
                       metadata=metadata, reason=reason)
        get_company(self.channel, "companies/one", metadata=(("authorization", "bearer all"),))

    def test_permission(self):
        read = (("authorization", "Bearer read"),)
        get_company(self.channel, "companies/one", metadata=read)
        call = unary(self.channel, COMPANY + "BatchUpsertCompanies",
                     v1.BatchUpsertCompaniesRequest(), v1.BatchUpsertCompaniesResponse)
        _, found = self.fails(grpc.StatusCode.PERMISSION_DENIED, call, metadata=read,
                              reason="MISSING_PERMISSION")
        self.assertEqual(dict(found["ErrorInfo"].metadata),
                         {"permission": "manage_integrations",
                          "rpc": "docbridge.v1.CompanyService/BatchUpsertCompanies"})

    def test_refusals_are_recorded_first(self):
        read = (("authorization", "Bearer read"),)
        reveal = unary(self.channel, PASSWORD + "RevealPassword", v1.RevealPasswordRequest(name="x"),
                       v1.RevealPasswordResponse)
        before = self.server.stats()["denials"]
        self.fails(grpc.StatusCode.PERMISSION_DENIED, reveal, metadata=read,
                   reason="MISSING_PERMISSION")
        self.assertEqual(self.server.stats()["denials"], before + 1)
        unrecorded = unary(self.channel, PASSWORD + "RevealPassword",
                           v1.RevealPasswordRequest(name="unrecorded"), v1.RevealPasswordResponse)
        self.fails(grpc.StatusCode.UNAVAILABLE, unrecorded, metadata=read,
                   reason="AUDIT_UNAVAILABLE")

    def test_error_details(self):
        _, found = self.fails(grpc.StatusCode.NOT_FOUND, get_company, self.channel,
                              "companies/missing", reason="RESOURCE_NOT_FOUND")
        self.assertEqual(found["ResourceInfo"].resource_name, "companies/missing")
        _, found = self.fails(grpc.StatusCode.FAILED_PRECONDITION, get_company, self.channel,
                              "companies/precondition", reason="CONNECTION_NOT_ACTIVE")
        violation = found["PreconditionFailure"].violations[0]
        self.assertEqual((violation.type, violation.subject), ("CONNECTION_NOT_ACTIVE",
                                                              "connections/one"))
        _, found = self.fails(grpc.StatusCode.RESOURCE_EXHAUSTED, get_company, self.channel,
                              "companies/limited", reason="UPSTREAM_RATE_LIMITED")
        self.assertEqual(found["RetryInfo"].retry_delay.ToMilliseconds(), 1500)

    def test_internal_text_stays_inside(self):
        error, found = self.fails(grpc.StatusCode.INTERNAL, get_company, self.channel,
                                  "companies/internal", reason="INTERNAL")
        self.assertEqual(error.details(), "internal error, request id "
                         + dict(error.trailing_metadata())["x-request-id"])
        everything = repr(error.trailing_metadata()) + error.details()
        self.assertNotIn("hidden", everything)
        self.assertEqual(len(found["ErrorInfo"].metadata), 0)

    def test_bad_messages(self):
        for data, reason, field in (
                (b"\x0a\x03a\0b", "FIELD_INVALID", "name"),
                (b"\x0a\x02\xc3\x28", "FIELD_INVALID", "name"),
                (b"\x0a\x05ab", "MESSAGE_INVALID", "name"),
                (b"\x0b\x0c", "MESSAGE_INVALID", "name"),
                (b"\x08\x01", "MESSAGE_INVALID", "name"),
                (b"\xff", "MESSAGE_INVALID", None),
                (b"\x0a\x81\x08" + b"x" * 1025, "FIELD_INVALID", "name")):
            _, found = self.fails(grpc.StatusCode.INVALID_ARGUMENT, raw, self.channel,
                                  COMPANY + "GetCompany", data, reason=reason)
            if field is not None:
                self.assertEqual(found["BadRequest"].field_violations[0].field, field)
        raw(self.channel, COMPANY + "GetCompany", b"\x0a\x01a\xfa\x3e\x03abc")

    def test_no_message(self):
        call = self.channel.stream_unary(COMPANY + "GetCompany")
        self.fails(grpc.StatusCode.INVALID_ARGUMENT, call, iter([]), metadata=ALL, timeout=20,
                   reason="MESSAGE_INVALID")

    def test_nested_field_path(self):
        batch = v1.BatchUpsertCompaniesRequest()
        for i in range(4):
            batch.companies.add(name="companies/%d" % i).psa.external_id = "x" * (i * 512)
        _, found = self.fails(
            grpc.StatusCode.INVALID_ARGUMENT,
            unary(self.channel, COMPANY + "BatchUpsertCompanies", batch,
                  v1.BatchUpsertCompaniesResponse), metadata=ALL, reason="FIELD_INVALID")
        self.assertEqual(found["BadRequest"].field_violations[0].field,
                         "companies[3].psa.external_id")

    def test_size_limits(self):
        # More than 64 KiB of an unknown field: our limit. More than 1 MiB: gRPC's.
        self.fails(grpc.StatusCode.INVALID_ARGUMENT, raw, self.channel, COMPANY + "GetCompany",
                   b"\xfa\x3e\x80\x80\x04" + b"x" * 65536, reason="MESSAGE_INVALID")
        self.fails(grpc.StatusCode.RESOURCE_EXHAUSTED, raw, self.channel, COMPANY + "GetCompany",
                   b"x" * (1024 * 1024 + 1))
        batch = v1.BatchUpsertCompaniesRequest()
        for i in range(1000):
            batch.companies.add(name="companies/%d" % i, display_name="n" * 900)
        call = unary(self.channel, COMPANY + "BatchUpsertCompanies", batch,
                     v1.BatchUpsertCompaniesResponse)
        self.assertEqual(call(metadata=ALL)[0].created_count, 1000)
        batch.companies.add(name="companies/over")
        self.fails(grpc.StatusCode.INVALID_ARGUMENT, call, metadata=ALL, reason="FIELD_INVALID")

    def test_response_limit(self):
        company, _ = get_company(self.channel, "companies/big-3000000")
        self.assertEqual(len(company.display_name), 3000000)
        self.fails(grpc.StatusCode.INTERNAL, get_company, self.channel, "companies/big-4000000",
                   reason="INTERNAL")
        self.fails(grpc.StatusCode.INTERNAL, get_company, self.channel, "companies/big-99000000",
                   reason="INTERNAL")

    def test_large_metadata(self):
        # The connection may end with the call; others do not notice.
        with grpc.insecure_channel(self.server.target,
                                   [("grpc.use_local_subchannel_pool", 1)]) as channel:
            with self.assertRaises(grpc.RpcError):
                get_company(channel, "companies/one", metadata=ALL + (("x-big", "v" * 20000),))
        get_company(self.channel, "companies/one")

    def test_gzip_is_refused(self):
        self.fails(grpc.StatusCode.UNIMPLEMENTED, get_company, self.channel,
                   "companies/" + "a" * 900, compression=grpc.Compression.Gzip)
        get_company(self.channel, "companies/one")

    def test_unknown_method(self):
        for method in (COMPANY + "Nothing", "/nothing.at.All/Here",
                       "/grpc.health.v1.Health/Watch"):
            for metadata in (ALL, ()):
                self.fails(grpc.StatusCode.UNIMPLEMENTED, raw, self.channel, method, b"",
                           metadata=metadata, reason="METHOD_UNKNOWN")
        self.fails(grpc.StatusCode.UNIMPLEMENTED, raw, self.channel,
                   "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", b"",
                   reason="METHOD_UNKNOWN")

    def test_secret_method(self):
        request = v1.RevealPasswordRequest(name="companies/a/passwords/b")
        call = unary(self.channel, "/docbridge.v1.PasswordService/RevealPassword", request,
                     v1.RevealPasswordResponse)
        self.fails(grpc.StatusCode.INVALID_ARGUMENT, call, metadata=ALL, timeout=None,
                   reason="DEADLINE_REQUIRED")
        response, _ = call(metadata=ALL, timeout=600)
        self.assertEqual(response.plaintext, "value of companies/a/passwords/b")
        self.assertLessEqual(int(response.audit_event), 15000)

    def test_method_on_the_poller(self):
        call = unary(self.channel, "/docbridge.v1.PasswordService/ListPasswords",
                     v1.ListPasswordsRequest(), v1.ListPasswordsResponse)
        self.fails(grpc.StatusCode.NOT_FOUND, call, metadata=ALL, reason="RESOURCE_NOT_FOUND")
        self.fails(grpc.StatusCode.UNAUTHENTICATED, call, reason="TOKEN_MISSING")

    def test_health(self):
        def check(service):
            request = health.HealthCheckRequest(service=service)
            return unary(self.channel, "/grpc.health.v1.Health/Check", request,
                         health.HealthCheckResponse)()[0].status
        for service in ("", "docbridge.v1.CompanyService", "grpc.health.v1.Health"):
            self.assertEqual(check(service), 1)
        self.fails(grpc.StatusCode.NOT_FOUND, check, "nothing")
        self.server.ask("serving 0")
        self.assertEqual(check(""), 2)
        self.server.ask("serving 1")
        self.assertEqual(check(""), 1)


class Ends(Case):
    settings = ("deadline=1000",)

    def test_client_deadline(self):
        self.fails(grpc.StatusCode.DEADLINE_EXCEEDED, get_company, self.channel, "companies/slow",
                   timeout=0.2)
        stats = self.server.wait(waiting=0)
        self.assertEqual(stats["deadline"] + stats["cancel"], 1)

    def test_server_deadline(self):
        start = time.time()
        self.fails(grpc.StatusCode.DEADLINE_EXCEEDED, get_company, self.channel, "companies/slow",
                   reason="DEADLINE_EXCEEDED")
        self.assertLess(time.time() - start, 5)
        self.server.wait(waiting=0, deadline=1)

    def test_cancellation(self):
        call = self.channel.unary_unary(COMPANY + "GetCompany")
        request = v1.GetCompanyRequest(name="companies/slow").SerializeToString()
        future = call.future(request, metadata=ALL, timeout=20)
        self.server.wait(waiting=1)
        future.cancel()
        self.server.wait(waiting=0, cancel=1)

    def test_hang_up(self):
        channel = grpc.insecure_channel(self.server.target, [("grpc.use_local_subchannel_pool", 1)])
        request = v1.GetCompanyRequest(name="companies/slow").SerializeToString()
        future = channel.unary_unary(COMPANY + "GetCompany").future(request, metadata=ALL)
        stream = watch(channel, "idle")
        self.assertEqual(next(stream).sequence, 1)
        self.server.wait(waiting=1, opened=1)
        channel.close()
        self.assertEqual(future.code(), grpc.StatusCode.CANCELLED)
        self.server.wait(waiting=0, cancel=1, closed=1)


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
        time.sleep(0.5)
        before = self.server.stats()["messages"]
        time.sleep(0.5)
        self.assertEqual(self.server.stats()["messages"], before)
        get_company(self.channel, "companies/one")
        for expected in range(2, 200):
            self.assertEqual(next(stream).sequence, expected)
        self.assertGreater(self.server.stats()["messages"], 199)
        stream.cancel()
        self.server.wait(closed=1)

    def test_deadline(self):
        stream = watch(self.channel, "idle", timeout=0.3)
        next(stream)
        self.fails(grpc.StatusCode.DEADLINE_EXCEEDED, next, stream)
        self.server.wait(closed=1)


class Watchers(Case):
    settings = ("watchers=3",)

    def test_limit(self):
        streams = [watch(self.channel, "idle") for _ in range(3)]
        for stream in streams:
            next(stream)
        self.fails(grpc.StatusCode.RESOURCE_EXHAUSTED, next, watch(self.channel, "idle"),
                   reason="SERVER_BUSY")
        streams[0].cancel()
        self.server.wait(closed=1)
        self.assertEqual(next(watch(self.channel, "count-1")).sequence, 1)


class Load(Case):
    settings = ("workers=2", "queue=4", "streams=2000")

    def test_full_queue(self):
        call = self.channel.unary_unary(COMPANY + "GetCompany")
        request = v1.GetCompanyRequest(name="companies/sleep-400").SerializeToString()
        futures = [call.future(request, metadata=ALL, timeout=20) for _ in range(40)]
        codes = [future.code() for future in futures]
        self.assertGreaterEqual(codes.count(grpc.StatusCode.OK), 4)
        refused = [f for f in futures if f.code() == grpc.StatusCode.RESOURCE_EXHAUSTED]
        self.assertEqual(len(refused), len(codes) - codes.count(grpc.StatusCode.OK))
        self.assertGreater(len(refused), 20)
        _, found = details(refused[0])
        self.assertEqual(found["ErrorInfo"].reason, "SERVER_BUSY")
        self.assertGreater(found["RetryInfo"].retry_delay.ToMilliseconds(), 0)


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


def openssl(*arguments):
    subprocess.run(["/usr/bin/openssl"] + list(arguments), check=True, cwd=TMP,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_certificate(name, authority=None):
    extensions = os.path.join(TMP, name + ".ext")
    with open(extensions, "w") as file:
        file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n" if authority else
                   "basicConstraints=critical,CA:TRUE\n")
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", name + ".key")
    openssl("req", "-new", "-key", name + ".key", "-subj", "/CN=" + name, "-out", name + ".csr")
    sign = (["-CA", authority + ".pem", "-CAkey", authority + ".key", "-CAcreateserial"]
            if authority else ["-signkey", name + ".key"])
    openssl("x509", "-req", "-in", name + ".csr", "-days", "2", "-extfile", extensions, "-out",
            name + ".pem", *sign)


def pem(name):
    with open(os.path.join(TMP, name), "rb") as file:
        return file.read()


def path(name):
    return os.path.join(TMP, name)


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
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
