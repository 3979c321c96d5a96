"""Clients as they are used: grpcio with retries, grpc-js, buf curl through reflection."""

import base64
import json
import os
import re
import subprocess
import time

import grpc

import harness
from harness import ALL, COMPANY, Case, get_company, rpc

HERE = os.path.dirname(os.path.realpath(__file__))
NODE = os.path.join(HERE, "..", "..", "..", ".docbridge", "node")
BUF = os.path.join(NODE, "node_modules", "@bufbuild", "buf-linux-x64", "bin", "buf")


ALONE = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]


def retrying(code, attempts=4, backoff="0.01s"):
    return [("grpc.use_local_subchannel_pool", 1), ("grpc.service_config", json.dumps(
        {"methodConfig": [{"name": [{"service": "docbridge.v1.CompanyService"}],
                           "retryPolicy": {"maxAttempts": attempts, "initialBackoff": backoff,
                                           "maxBackoff": backoff, "backoffMultiplier": 1,
                                           "retryableStatusCodes": [code]}}]}))]


class Retries(Case):
    def get(self, name, options, **kwargs):
        with grpc.insecure_channel(self.server.target, options) as channel:
            return get_company(channel, name, **kwargs)

    def test_pushback_sets_the_pace(self):
        start = time.time()
        company, _ = self.get("companies/flaky-2-400", retrying("UNAVAILABLE"))
        self.assertEqual(company.name, "companies/flaky-2-400")
        # Twice what the server said, not twice the policy's 10 ms.
        self.assertGreater(time.time() - start, 0.75)
        self.assertEqual(self.server.wait(observed=3)["observed"], 3)

    def test_backoff_without_pushback(self):
        error, _ = self.fails(grpc.StatusCode.UNAVAILABLE, self.get, "companies/flaky-3-0", ALONE,
                              reason="STORE_UNAVAILABLE")
        self.assertNotIn("grpc-retry-pushback-ms", dict(error.trailing_metadata()))
        self.get("companies/flaky-3-0", retrying("UNAVAILABLE"))
        self.assertEqual(self.server.wait(observed=4)["observed"], 4)

    def test_attempts_end(self):
        self.fails(grpc.StatusCode.UNAVAILABLE, self.get, "companies/flaky-9-1",
                   retrying("UNAVAILABLE", attempts=3), reason="STORE_UNAVAILABLE")
        self.assertEqual(self.server.wait(observed=3)["observed"], 3)

    def test_other_codes_are_not_retried(self):
        self.fails(grpc.StatusCode.UNAVAILABLE, self.get, "companies/flaky-9-1",
                   retrying("ABORTED"), reason="STORE_UNAVAILABLE")
        self.assertEqual(self.server.wait(observed=1)["observed"], 1)

    def test_deadline_bounds_retries(self):
        start = time.time()
        self.fails(grpc.StatusCode.DEADLINE_EXCEEDED, self.get, "companies/flaky-9-60000",
                   retrying("UNAVAILABLE"), timeout=0.5)
        self.assertLess(time.time() - start, 50)

    def test_deadline_reaches_the_handler(self):
        for seconds in (25, 50):
            company, _ = get_company(self.channel, "companies/deadline", timeout=seconds)
            # grpcio rounds up what it sends.
            self.assertLessEqual(int(company.display_name), seconds * 1010)
            self.assertGreater(int(company.display_name), seconds * 1000 - 20000)
        # The server's own maximum.
        company, _ = get_company(self.channel, "companies/deadline", timeout=3600)
        self.assertLessEqual(int(company.display_name), 60000)


class Node(Case):
    def test_grpc_js(self):
        seen = json.loads(subprocess.run(
            ["node", os.path.join(HERE, "client_test.js"), NODE, self.server.target,
             harness.DESCRIPTORS], check=True, stdout=subprocess.PIPE, timeout=60).stdout)
        self.assertEqual((seen["ok"]["code"], seen["ok"]["text"]), (0, "all"))
        self.assertEqual(seen["missing"]["code"], grpc.StatusCode.NOT_FOUND.value[0])
        status = rpc.Status.FromString(base64.b64decode(seen["missing"]["details"][0]))
        self.assertEqual(status.message, seen["missing"]["text"])
        names = [one.type_url.rsplit(".", 1)[1] for one in status.details]
        self.assertEqual(names, ["ErrorInfo", "ResourceInfo", "RequestInfo"])
        self.assertEqual(seen["late"]["code"], grpc.StatusCode.DEADLINE_EXCEEDED.value[0])
        # It tries again if it is told to, and when the server says; of three failures two are left.
        self.assertEqual(seen["refused"]["code"], grpc.StatusCode.UNAVAILABLE.value[0])
        self.assertEqual(seen["retried"]["code"], 0)
        self.assertGreater(seen["retried"]["ms"], 750)
        self.assertEqual(seen["stream"], {"code": 0, "count": 5})
        self.server.wait(waiting=0)


class Buf(Case):
    settings = ("reflection=1",)

    def buf(self, protocol, path, *arguments):
        return subprocess.run(
            [BUF, "curl", "--protocol", "grpc", "--http2-prior-knowledge", "--reflect-protocol",
             protocol] + list(arguments) + ["http://" + self.server.target + path],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False)

    def test_list(self):
        for protocol in ("grpc-v1", "grpc-v1alpha"):
            got = self.buf(protocol, "", "--list-services")
            self.assertEqual(got.returncode, 0, got.stderr)
            self.assertIn("docbridge.v1.CompanyService", got.stdout.split())
            got = self.buf(protocol, "", "--list-methods")
            self.assertIn("docbridge.v1.CompanyService/GetCompany", got.stdout.split())

    def test_call(self):
        for protocol in ("grpc-v1", "grpc-v1alpha"):
            def call(name):
                return self.buf(protocol, COMPANY + "GetCompany", "-H", ": ".join(ALL[0]), "-d",
                                json.dumps({"name": name}))
            got = call("companies/one")
            self.assertEqual(json.loads(got.stdout)["displayName"], "all", got.stderr)
            got = call("companies/missing")
            self.assertNotEqual(got.returncode, 0)
            error = json.loads(got.stderr)
            self.assertEqual(error["code"], "not_found")
            found = {one["type"]: one for one in error["details"]}
            value = {name: base64.b64decode(one["value"] + "==") for name, one in found.items()}
            info = rpc.ResourceInfo.FromString(value["google.rpc.ResourceInfo"])
            self.assertEqual(info.resource_type, "docbridge.internal/Company")
            info = rpc.ErrorInfo.FromString(value["google.rpc.ErrorInfo"])
            self.assertEqual(info.reason, "RESOURCE_NOT_FOUND")

    def test_retry_and_deadline(self):
        # It asks once, and shows when to ask again.
        got = self.buf("grpc-v1", COMPANY + "GetCompany", "-H", ": ".join(ALL[0]), "-d",
                       '{"name": "companies/limited"}')
        error = json.loads(got.stderr)
        self.assertEqual(error["code"], "resource_exhausted")
        found = {one["type"]: one["value"] + "==" for one in error["details"]}
        retry = rpc.RetryInfo.FromString(base64.b64decode(found["google.rpc.RetryInfo"]))
        self.assertEqual(retry.retry_delay.ToMilliseconds(), 1500)
        # When it gives up, so does the server.
        got = self.buf("grpc-v1", COMPANY + "GetCompany", "-H", ": ".join(ALL[0]), "--timeout", "9s",
                       "-d", '{"name": "companies/slow"}')
        self.assertNotEqual(got.returncode, 0)
        stats = self.server.wait(waiting=0)
        self.assertEqual(stats["deadline"] + stats["cancel"], 1)


class ResourceTypes(Case):
    def test_every_resource_of_the_contract(self):
        seen = {}
        for name, pattern in harness.resources().items():
            _, found = self.fails(grpc.StatusCode.NOT_FOUND, get_company, self.channel,
                                  "missing:" + re.sub(r"{\w+}", "x", pattern),
                                  reason="RESOURCE_NOT_FOUND")
            seen[name] = found["ResourceInfo"].resource_type
        self.assertGreater(len(seen), 10)
        for name, resource_type in seen.items():
            self.assertEqual(resource_type, name)


if __name__ == "__main__":
    harness.main()
