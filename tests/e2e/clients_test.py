"""Clients that nobody here wrote, grpcio and buf, over TLS, mutual TLS and a Unix socket."""

import base64
import json
import os
import subprocess

import grpc

import docbridge_e2e as e2e

BUF = os.path.join(e2e.CHECKOUT, ".docbridge/node/node_modules/@bufbuild/buf-linux-x64/bin/buf")
SERVICES = {"AccessService", "AuditService", "CompanyService", "CompanySetService", "ConfigService",
            "ConnectionService", "DocumentationService", "ExposureService", "MappingService", "PasswordService",
            "RevealPolicyService", "SyncService"}


class Clients:
    """What every kind of connection must give; the subclasses say how to connect."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = e2e.Api(cls.connect_channel(), cls.stack.token())
        cls.stack.connect(cls.api)

    def buf(self, path, *arguments, data=None, code=0, token=True):
        command = [BUF, "curl"] + self.buf_arguments() + list(arguments)
        if token:
            command += ["-H", "authorization: Bearer " + self.stack.token()]
        if data is not None:
            command += ["-d", json.dumps(data)]
        done = subprocess.run(command + [self.url() + path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=60, env=dict(os.environ, HOME=self.stack.dir))
        self.assertEqual(done.returncode, code, "%s\n%s\n%s" % (command, done.stdout, done.stderr))
        return done

    def test_health(self):
        check = self.api.channel.unary_unary(
            "/grpc.health.v1.Health/Check", request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=e2e.protos.health.HealthCheckResponse.FromString)
        for service in ["", "docbridge.v1.PasswordService"]:
            self.assertEqual(check(e2e.protos.health.HealthCheckRequest(service=service), timeout=20).status, 1)
        failure = e2e.failure_of(lambda: check(e2e.protos.health.HealthCheckRequest(service="no.Such"), timeout=20))
        self.assertEqual(failure.code, grpc.StatusCode.NOT_FOUND)

    def test_unary_with_token(self):
        listed = self.api("CompanyService.ListCompanies", page_size=1000)
        self.assertEqual(listed.total_size, len(self.stack.companies()))
        self.assertEqual(len(listed.companies), listed.total_size)
        failure = self.api.with_token(None).fails("CompanyService.ListCompanies")
        self.assertFailure(failure, grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")

    def test_error_details(self):
        failure = self.api.fails("CompanyService.GetCompany", name="companies/nobody",
                                 metadata=(("x-request-id", "my-request-1"),))
        self.assertFailure(failure, grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND")
        self.assertEqual(failure.metadata["resource"], "companies/nobody")
        self.assertEqual(failure.details["ResourceInfo"].resource_name, "companies/nobody")
        self.assertEqual(failure.details["RequestInfo"].request_id, "my-request-1")
        self.assertEqual(failure.trailing["x-request-id"], "my-request-1")
        failure = self.api.fails("CompanyService.GetCompany", name="no/name")
        self.assertFailure(failure, grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
        self.assertEqual([one.field for one in failure.details["BadRequest"].field_violations], ["name"])

    def test_watch_stream(self):
        connection = self.api("ConnectionService.ListConnections").connections[0].name
        run = self.api("SyncService.RunSync", parent=connection)
        events = list(self.api.stream("SyncService.WatchSyncRun", name=run.name))
        self.assertEqual(events[0].WhichOneof("event"), "snapshot")
        self.assertEqual(events[-1].WhichOneof("event"), "finished")
        self.assertEqual(events[-1].finished.state, 5)
        # A snapshot stands where the event after which it was taken stands.
        numbers = [event.sequence for event in events if event.WhichOneof("event") not in ("snapshot", "heartbeat")]
        self.assertEqual(numbers, sorted(set(numbers)))
        # Late: the end alone. From a place in the middle: what came after it.
        late = list(self.api.stream("SyncService.WatchSyncRun", name=run.name))
        self.assertEqual(late[-1].WhichOneof("event"), "finished")
        self.assertEqual(late[-1].finished.tasks, events[-1].finished.tasks)
        rest = list(self.api.stream("SyncService.WatchSyncRun", name=run.name, resume_token=events[0].resume_token))
        self.assertEqual(rest[-1].finished.state, 5)
        self.assertTrue(all(event.sequence > events[0].sequence for event in rest))
        failure = e2e.failure_of(lambda: list(self.api.stream(
            "SyncService.WatchSyncRun", name=connection + "/syncRuns/nosuchrun")))
        self.assertFailure(failure, grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND")

    def test_reflection(self):
        ask = e2e.protos.reflection.ServerReflectionRequest
        call = self.api.channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=e2e.protos.reflection.ServerReflectionResponse.FromString)
        answers = list(call(iter([ask(list_services=""), ask(file_containing_symbol="docbridge.v1.PasswordService"),
                                  ask(file_containing_symbol="no.Such")]), timeout=20))
        names = {service.name for service in answers[0].list_services_response.service}
        self.assertLessEqual({"docbridge.v1." + name for name in SERVICES}, names)
        self.assertIn("grpc.health.v1.Health", names)
        self.assertTrue(answers[1].file_descriptor_response.file_descriptor_proto)
        self.assertEqual(answers[2].error_response.error_code, 5)

    def test_buf_describes_and_calls(self):
        listed = self.buf("", "--list-services", token=False).stdout.split()
        self.assertLessEqual({"docbridge.v1." + name for name in SERVICES}, set(listed))
        methods = self.buf("", "--list-methods", token=False).stdout.split()
        self.assertIn("docbridge.v1.PasswordService/RevealPassword", methods)
        answer = json.loads(self.buf("/docbridge.v1.CompanyService/ListCompanies", data={"page_size": 2}).stdout)
        self.assertEqual(len(answer["companies"]), 2)
        self.assertTrue(answer["nextPageToken"])
        health = self.buf("/grpc.health.v1.Health/Check", data={}, token=False)
        self.assertEqual(json.loads(health.stdout), {"status": "SERVING"})

    def test_buf_streams(self):
        connection = self.api("ConnectionService.ListConnections").connections[0].name
        run = json.loads(self.buf("/docbridge.v1.SyncService/RunSync", data={"parent": connection}).stdout)
        out = self.buf("/docbridge.v1.SyncService/WatchSyncRun", data={"name": run["name"]}).stdout
        events, decoder, at = [], json.JSONDecoder(), 0
        while out[at:].strip():
            at += len(out[at:]) - len(out[at:].lstrip())
            event, at = decoder.raw_decode(out, at)
            events.append(event)
        self.assertIn("snapshot", events[0])
        self.assertEqual(events[-1]["finished"]["state"], "STATE_SUCCEEDED")

    def test_buf_reads_error_details(self):
        # buf ends with eight times the gRPC code.
        done = self.buf("/docbridge.v1.CompanyService/GetCompany", data={"name": "companies/nobody"}, code=5 * 8)
        error = json.loads(done.stderr)
        self.assertEqual(error["code"], "not_found")
        details = {one["type"]: base64.b64decode(one["value"] + "==") for one in error["details"]}
        info = e2e.protos.rpc.ErrorInfo.FromString(details["google.rpc.ErrorInfo"])
        self.assertEqual((info.domain, info.reason), ("docbridge.internal", "RESOURCE_NOT_FOUND"))
        self.assertEqual(e2e.protos.rpc.ResourceInfo.FromString(details["google.rpc.ResourceInfo"]).resource_name,
                         "companies/nobody")


class Tls(Clients, e2e.Case):
    @classmethod
    def connect_channel(cls):
        return cls.stack.channel()

    def url(self):
        return "https://" + self.stack.address

    def buf_arguments(self):
        return ["--protocol", "grpc", "--cacert", self.stack.path("ca.pem")]

    def assertNotAnswered(self, channel):
        api = e2e.Api(channel, self.stack.token())
        api.waits = False
        self.assertEqual(api.fails("CompanyService.ListCompanies").code, grpc.StatusCode.UNAVAILABLE)

    def test_untrusted_server(self):
        """A client with other authorities does not speak to it."""
        with grpc.secure_channel(self.stack.address, grpc.ssl_channel_credentials()) as channel:
            self.assertNotAnswered(channel)

    def test_plaintext_is_not_answered(self):
        with grpc.insecure_channel(self.stack.address) as channel:
            self.assertNotAnswered(channel)


class MutualTls(Clients, e2e.Case):
    @classmethod
    def make(cls):
        stack = e2e.Stack(serve=False)
        stack.settings["tls_client_ca_file"] = stack.path("ca.pem")
        stack.serve()
        return stack

    @classmethod
    def read(cls, name):
        with open(cls.stack.path(name), "rb") as file:
            return file.read()

    @classmethod
    def connect_channel(cls):
        return cls.stack.channel(key=cls.read("client.key"), chain=cls.read("client.pem"))

    def url(self):
        return "https://" + self.stack.address

    def buf_arguments(self):
        return ["--protocol", "grpc", "--cacert", self.stack.path("ca.pem"), "--cert",
                self.stack.path("client.pem"), "--key", self.stack.path("client.key")]

    def test_no_certificate_no_answer(self):
        """Not even health answers a stranger."""
        subprocess.run(["bash", "-c", '. "$1"; mkdir "$2"; stack_certificates "$2"', "bash", e2e.STACK_SH,
                        self.stack.path("strangers")], check=True)
        for key, chain in ((None, None), (self.read("strangers/client.key"), self.read("strangers/client.pem"))):
            with self.stack.channel(key=key, chain=chain) as channel:
                call = channel.unary_unary("/grpc.health.v1.Health/Check")
                with self.assertRaises(grpc.RpcError) as caught:
                    call(b"", timeout=20)
                self.assertIn(caught.exception.code(),
                              (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED))

    def test_cli(self):
        base = [e2e.CLI, "--server", self.stack.address, "--ca", self.stack.path("ca.pem")]
        pair = ["--cert", self.stack.path("client.pem"), "--key", self.stack.path("client.key")]
        self.assertEqual(subprocess.run(base + pair + ["health"], stdout=subprocess.DEVNULL).returncode, 0)
        self.assertNotEqual(subprocess.run(base + ["--timeout", "3", "health"], stdout=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL).returncode, 0)


class UnixSocket(Clients, e2e.Case):
    """The second address of one server: plaintext, for whoever may open the socket."""

    @classmethod
    def make(cls):
        stack = e2e.Stack(serve=False)
        stack.settings["listen"] = "127.0.0.1:0,unix:" + stack.path("docbridged.sock")
        stack.serve()
        return stack

    @classmethod
    def connect_channel(cls):
        return grpc.insecure_channel("unix:" + cls.stack.path("docbridged.sock"),
                                     (("grpc.default_authority", "localhost"),))

    def url(self):
        return "http://localhost"

    def buf_arguments(self):
        return ["--protocol", "grpc", "--http2-prior-knowledge", "--unix-socket", self.stack.path("docbridged.sock")]

    def test_both_addresses_serve(self):
        self.assertEqual(self.stack.api()("CompanyService.ListCompanies").total_size,
                         self.api("CompanyService.ListCompanies").total_size)

    def test_socket_is_not_for_everybody(self):
        """To connect is to write."""
        self.assertEqual(os.stat(self.stack.path("docbridged.sock")).st_mode & 0o022, 0)

    def test_cli(self):
        done = subprocess.run([e2e.CLI, "--server", "unix:" + self.stack.path("docbridged.sock"), "--token-file",
                               self.stack.token_file(self.stack.token()), "-o", "json", "company", "list"],
                              stdout=subprocess.PIPE, check=True)
        self.assertEqual(json.loads(done.stdout)["totalSize"], len(self.stack.companies()))


if __name__ == "__main__":
    e2e.main()
