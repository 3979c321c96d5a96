"""More calls than the server has room for."""

import queue

import grpc

import harness
from harness import ALL, COMPANY, READ, Case, details, get_company, v1


class Load(Case):
    settings = ("workers=2", "queue=8", "streams=2000")

    def test_full_queue(self):
        call = self.channel.unary_unary(COMPANY + "GetCompany")
        request = v1.GetCompanyRequest(name="companies/held").SerializeToString()
        futures = [call.future(request, metadata=ALL, timeout=50)]
        self.server.wait(waiting=1)
        futures += [call.future(request, metadata=ALL, timeout=50) for _ in range(39)]
        ended = queue.Queue()
        for future in futures:
            future.add_done_callback(lambda one: ended.put(one.code()))
        # A refusal waits for nobody: all are there while the one that runs and those that wait are
        # held, for which one caller has half of the queue.
        for _ in range(len(futures) - 1 - 4):
            self.assertEqual(ended.get(timeout=40), grpc.StatusCode.RESOURCE_EXHAUSTED)
        # Nobody else waits for them.
        other, _ = get_company(self.channel, "companies/1", metadata=READ, timeout=40)
        self.assertEqual(other.display_name, "read")
        self.assertEqual(ended.qsize(), 0)
        self.server.ask("release")
        codes = [future.code() for future in futures]
        self.assertEqual(codes.count(grpc.StatusCode.OK), 5)
        refused = [f for f in futures if f.code() == grpc.StatusCode.RESOURCE_EXHAUSTED]
        self.assertEqual(len(refused), len(codes) - codes.count(grpc.StatusCode.OK))
        self.assertGreater(len(refused), 20)
        _, found = details(refused[0])
        self.assertEqual(found["ErrorInfo"].reason, "SERVER_BUSY")
        delay_ms = found["RetryInfo"].retry_delay.ToMilliseconds()
        self.assertGreater(delay_ms, 0)
        self.assertEqual(dict(refused[0].trailing_metadata())["grpc-retry-pushback-ms"],
                         str(delay_ms))


if __name__ == "__main__":
    harness.main()
