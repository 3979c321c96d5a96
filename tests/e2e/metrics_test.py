"""What SREs watch: the metrics of docbridged, as a scraper reads them."""

import http.client
import re
import socket

import grpc

import docbridge_e2e as e2e

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="[^"\\\n]*",?)+)\})? ([0-9.e+]+|\+Inf)')
HISTOGRAM = ("_bucket", "_sum", "_count")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Metrics(e2e.Case):
    @classmethod
    def make(cls):
        cls.port = free_port()
        return e2e.Stack(("--organizations", "4", "--passwords", "20", "--documents", "8"), metrics_port=cls.port)

    def ask(self, method="GET", path="/metrics"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20 * e2e.PATIENCE)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type"), answer.read().decode()
        finally:
            connection.close()

    def scrape(self):
        """Sample by family and labels. Each line must be one, behind the help and the type of its family."""
        status, kind, text = self.ask()
        self.assertEqual((status, kind), (200, "text/plain; version=0.0.4; charset=utf-8"))
        self.assertTrue(text.endswith("\n"))
        samples, family, types = {}, None, {}
        for line in text.splitlines():
            if line.startswith("# HELP "):
                family = line.split()[2]
                self.assertNotIn(family, types, "a family stands in two places")
            elif line.startswith("# TYPE "):
                self.assertEqual(line.split()[2], family)
                types[family] = line.split()[3]
            else:
                match = SAMPLE.fullmatch(line)
                self.assertTrue(match, line)
                name, labels, value = match.groups()
                ends = HISTOGRAM if types[family] == "histogram" else ("",)
                self.assertIn(name, [family + end for end in ends])
                self.assertNotIn((name, labels), samples)
                samples[name, labels] = float(value)
        self.assertEqual(set(types.values()), {"counter", "gauge", "histogram"})
        return samples

    def total(self, samples, family, **labels):
        wanted = ['%s="%s"' % item for item in labels.items()]
        return sum(value for (name, has), value in samples.items()
                   if name == family and all(one in (has or "").split(",") for one in wanted))

    def test_tells_of_calls_syncs_and_connections(self):
        api = self.stack.api()
        connection = self.stack.connect(api)
        self.stack.configure(api, connection)
        self.stack.settle(api, connection)
        before = self.scrape()
        reveal = {"grpc_service": "docbridge.v1.PasswordService", "grpc_method": "RevealPassword"}
        failure = api.fails("PasswordService.RevealPassword", name="companies/nowhere/passwords/1", timeout=10)
        self.assertFailure(failure, grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND")
        self.emulator.fault("", "status:403", count=1000)
        self.assertEqual(self.stack.run(api, connection).state, 7)
        self.emulator.calm()
        api("ConnectionService.TestConnection", name=connection)
        self.assertIn(self.stack.run(api, connection).state, (5, 6))
        after = self.scrape()

        def grew(family, **labels):
            return self.total(after, family, **labels) - self.total(before, family, **labels)

        self.assertEqual(grew("grpc_server_handled_total", grpc_code="NotFound", **reveal), 1)
        self.assertEqual(grew("docbridge_errors_total", reason="RESOURCE_NOT_FOUND"), 1)
        self.assertEqual(grew("grpc_server_handling_seconds_count", **reveal), 1)
        self.assertEqual(grew("grpc_server_handling_seconds_bucket", le="+Inf", **reveal), 1)
        self.assertGreater(grew("grpc_server_handling_seconds_sum", **reveal), 0)
        self.assertEqual(grew("docbridge_sync_run_moves_total", state="FAILED"), 1)
        self.assertEqual(grew("docbridge_sync_run_moves_total"), 2)
        self.assertEqual(grew("docbridge_connection_moves_total", state="ERROR"), 1)
        self.assertEqual(grew("docbridge_connection_moves_total", state="ACTIVE"), 1)
        self.assertGreater(grew("docbridge_upstream_requests_total", status="4xx"), 0)
        self.assertGreater(grew("docbridge_upstream_requests_total", status="200"), 0)
        # Of whom and what it was is not told.
        text = self.ask()[2]
        for word in ("nowhere", "ada", "Ada", connection.rsplit("/", 1)[1], e2e.TENANT):
            self.assertIsNone(re.search(r'[="/]%s["/]' % re.escape(word), text), word)

    def test_tells_how_it_stands(self):
        with self.stack.channel() as channel:
            api = e2e.Api(channel, self.stack.token())
            api("CompanyService.ListCompanies")
            samples = self.scrape()
        self.assertGreaterEqual(samples["docbridge_rpc_connections", None], 1)
        self.assertEqual(samples["docbridge_rpc_workers", 'lane="store"'], 8)
        self.assertEqual(samples["docbridge_rpc_workers", 'lane="upstream"'], 32)
        self.assertEqual(samples["docbridge_rpc_calls", 'lane="store",state="waiting"'], 0)
        self.assertGreaterEqual(
            self.total(samples, "docbridge_database_connections", pool="serving", state="idle"), 1)
        # A series that began with the first failures would hide them from rate().
        self.assertEqual(samples["docbridge_errors_total", 'reason="SERVER_BUSY"'], 0)
        self.assertGreater(samples["process_resident_memory_bytes", None], 1 << 20)
        self.assertGreater(samples["process_start_time_seconds", None], 1.7e9)

    def test_tells_methods_of_one_name_apart(self):
        labels = 'grpc_service="grpc.reflection.%s.ServerReflection",grpc_method="ServerReflectionInfo",grpc_code="OK"'
        with self.stack.channel() as channel:
            for version in ("v1", "v1alpha", "v1alpha"):
                list(channel.stream_stream("/grpc.reflection.%s.ServerReflection/ServerReflectionInfo" % version)(
                    iter([b""]), timeout=20))
        samples = self.scrape()
        self.assertEqual([samples.get(("grpc_server_handled_total", labels % version)) for version in ("v1", "v1alpha")],
                         [1, 2])

    def test_answers_who_asks_for_the_head(self):
        self.assertEqual(self.ask(method="HEAD"), (200, self.ask()[1], ""))

    def test_serves_nothing_else(self):
        self.assertEqual(self.ask(path="/")[0], 404)
        self.assertEqual(self.ask(path="/metrics/")[0], 404)
        self.assertEqual(self.ask(method="POST")[0], 405)
        with socket.socket() as one:
            # Not on any other address of this machine.
            self.assertNotEqual(one.connect_ex(("127.0.0.2", self.port)), 0)


if __name__ == "__main__":
    e2e.main()
