"""Unary calls: the gate, errors and their details, limits, deadlines."""

import os

import grpc

import harness
from harness import (ALL, COMPANY, PASSWORD, READ, Case, Server, details, get_company, raw, unary, v1,
                     watch)
from http2 import (ACK, DATA, END_HEADERS, END_STREAM, HEADERS, PING, Connection, frame,
                   grpc_headers)


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
        get_company(self.channel, "companies/one", metadata=READ)
        call = unary(self.channel, COMPANY + "BatchUpsertCompanies",
                     v1.BatchUpsertCompaniesRequest(), v1.BatchUpsertCompaniesResponse)
        _, found = self.fails(grpc.StatusCode.PERMISSION_DENIED, call, metadata=READ,
                              reason="MISSING_PERMISSION")
        self.assertEqual(dict(found["ErrorInfo"].metadata),
                         {"permission": "manage_integrations",
                          "rpc": "docbridge.v1.CompanyService/BatchUpsertCompanies"})

    def test_refusals_are_recorded_first(self):
        reveal = unary(self.channel, PASSWORD + "RevealPassword", v1.RevealPasswordRequest(name="x"),
                       v1.RevealPasswordResponse)
        before = self.server.stats()["denials"]
        self.fails(grpc.StatusCode.PERMISSION_DENIED, reveal, metadata=READ,
                   reason="MISSING_PERMISSION")
        self.assertEqual(self.server.stats()["denials"], before + 1)
        unrecorded = unary(self.channel, PASSWORD + "RevealPassword",
                           v1.RevealPasswordRequest(name="unrecorded"), v1.RevealPasswordResponse)
        self.fails(grpc.StatusCode.UNAVAILABLE, unrecorded, metadata=READ,
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
        for method in ("GetCompany", "BatchUpsertCompanies"):
            call = self.channel.stream_unary(COMPANY + method)
            self.fails(grpc.StatusCode.INVALID_ARGUMENT, call, iter([]), metadata=ALL, timeout=20,
                       reason="MESSAGE_INVALID")

    def test_late_message(self):
        # Reads and writes arrive in different ways; nothing is done before the request is there.
        for method in ("GetCompany", "BatchUpsertCompanies"):
            headers = grpc_headers((COMPANY + method).encode(),
                                   (b"authorization", ALL[0][1].encode()))
            server = Server()  # which has observed no other call, nor will once more
            self.addCleanup(server.close)
            connection = Connection(server.ports[0])
            connection.send(frame(HEADERS, END_HEADERS, 1, headers), frame(PING, payload=bytes(8)))
            connection.until(PING)
            with grpc.insecure_channel(server.target) as channel:
                get_company(channel, "companies/one")
            server.wait(observed=1)
            connection.send(frame(DATA, END_STREAM, 1, bytes(5)))
            connection.until(HEADERS)
            server.wait(observed=2)
            # One that never comes: the client leaves.
            connection.send(frame(HEADERS, END_HEADERS, 3, headers),
                            frame(PING, payload=bytes(8)))
            connection.until(PING)
            connection.close()
            with grpc.insecure_channel(server.target) as channel:
                get_company(channel, "companies/one")

    def test_answers_come_without_probes(self):
        headers = grpc_headers((COMPANY + "GetCompany").encode(),
                               (b"authorization", ALL[0][1].encode()))
        connection = Connection(self.server.ports[0])
        self.addCleanup(connection.close)
        connection.send(frame(HEADERS, END_HEADERS, 1, headers),
                        frame(DATA, END_STREAM, 1, bytes(5)), frame(PING, payload=bytes(8)))
        pings = []
        while True:
            kind, flags, stream, _ = connection.next()
            if kind == PING:
                pings.append(flags)
            if kind == HEADERS and flags & END_STREAM:
                break
        self.assertEqual(pings, [ACK])  # of ours

    def test_reads_let_a_poller_finish(self):
        policies = self.server.policies()
        self.assertEqual(policies["rpc-store"], {os.SCHED_BATCH})
        self.assertEqual(policies["rpc-upstream"], {os.SCHED_OTHER})
        self.assertEqual(policies["rpc-poller"], {os.SCHED_OTHER})

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
        for method in (COMPANY + "Nothing", "/nothing.at.All/Here", "/grpc.health.v1.Health/List"):
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


class ServerDeadline(Case):
    settings = ("deadline=1000",)

    def test_server_deadline(self):
        # Said by the server, with its reason: the client would wait longer.
        self.fails(grpc.StatusCode.DEADLINE_EXCEEDED, get_company, self.channel, "companies/slow",
                   reason="DEADLINE_EXCEEDED", timeout=50)
        self.server.wait(waiting=0, deadline=1)


class Ends(Case):
    def test_client_deadline(self):
        get_company(self.channel, "companies/one")  # the deadline is not spent on connecting
        self.fails(grpc.StatusCode.DEADLINE_EXCEEDED, get_company, self.channel, "companies/slow",
                   timeout=5)
        stats = self.server.wait(waiting=0, observed=2)
        self.assertEqual(stats["deadline"] + stats["cancel"], 1)

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


if __name__ == "__main__":
    harness.main()
