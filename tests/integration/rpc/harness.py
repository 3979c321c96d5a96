"""What the tests of this folder share: an rpc_test_server, and grpcio as an independent client.

Arguments of every test: the server, the descriptor set, then unittest's own.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVER = os.path.abspath(sys.argv[1])
DESCRIPTORS = os.path.abspath(sys.argv[2])
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


v1, rpc, health, reflection = load(DESCRIPTORS)


def resources():
    """The pattern of each resource that the contract declares, by type."""
    with open(DESCRIPTORS, "rb") as file:
        files = descriptor_pb2.FileDescriptorSet.FromString(file.read())
    # google.api.resource is an extension that this program has no code for: field 1053, in which
    # field 1 is the type and field 2 the pattern.
    found = {}
    for file in files.file:
        for message in file.message_type:
            for one in message.options.UnknownFields():
                if one.field_number == 1053:
                    text = one.data
                    type_len = text[1]
                    found[text[2:2 + type_len].decode()] = text[4 + type_len:][
                        :text[3 + type_len]].decode()
    return found
ALL = (("authorization", "Bearer all"),)
READ = (("authorization", "Bearer read"),)  # of another caller
OTHER = (("authorization", "Bearer other"),)  # as good as ALL, of a third
COMPANY = "/docbridge.v1.CompanyService/"
PASSWORD = "/docbridge.v1.PasswordService/"


class Server:
    """One rpc_test_server, which may be run by another command, as one that limits what it has."""

    def __init__(self, *settings, listeners=(("127.0.0.1:0",),), by=(), **options):
        arguments = list(by) + [SERVER] + list(settings)
        for listener in listeners:
            arguments += ["listen"] + list(listener)
        # To append: the server writes by the place at which log() reads.
        self.log_file = tempfile.TemporaryFile("a+", dir=TMP)
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log_file, text=True, **options)
        self.first = self.process.stdout.readline().strip()
        if self.first.startswith("ports"):
            self.ports = [int(port) for port in self.first.split()[1:]]
            self.target = "127.0.0.1:%d" % self.ports[0]

    def log(self, message=None):
        """The lines of its log that parse, with that message."""
        self.log_file.seek(0)
        lines = [json.loads(line) for line in self.log_file.read().splitlines()]
        return [line for line in lines if message in (None, line["message"])]

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def wait_for_descriptors(self, most, seconds=60):
        end = time.time() + seconds
        while self.descriptors() > most:
            if time.time() > end:
                raise AssertionError("%d descriptors are open, not %d" % (self.descriptors(), most))
            time.sleep(0.01)

    def threads(self):
        with open("/proc/%d/status" % self.process.pid) as file:
            return int(re.search(r"Threads:\s+(\d+)", file.read()).group(1))

    def policies(self):
        """How the threads of each name are scheduled."""
        found, tasks = {}, "/proc/%d/task" % self.process.pid
        for task in os.listdir(tasks):
            with open("%s/%s/comm" % (tasks, task)) as name:
                found.setdefault(name.read().strip(), set()).add(os.sched_getscheduler(int(task)))
        return found

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def stats(self):
        return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", self.ask("stats"))}

    def wait(self, seconds=60, **wanted):
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
            self.log_file.seek(0)
            raise AssertionError("the server ended with %d\n%s" % (code, self.log_file.read()))
        self.log_file.close()


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


def main():
    unittest.main(module="__main__", argv=sys.argv[:1] + sys.argv[3:])
