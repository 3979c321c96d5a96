"""Syncs through storms: what upstream, the database and other servers do to them. Whatever happens, what is
stored in the end is the account row by row, and the limit of requests is kept.

Each is short here; DOCBRIDGE_E2E_KILLS makes them a campaign.
"""

import time

import docbridge_e2e as e2e
from sync_case import KILL_STEP, KILLS, SyncCase

LIMIT, WINDOW_MS = 200, 4000
PARTIAL = 6


class Storm(SyncCase):
    @classmethod
    def make(cls):
        stack = super().make()
        stack.stop_server()
        stack.settings.update(sync_request_limit=str(LIMIT), sync_request_window_ms=str(WINDOW_MS))
        # What was committed outlives the death of the database, and the run is there after it.
        stack.execute("ALTER DATABASE docbridge SET synchronous_commit = on")
        stack.serve()
        return stack

    def setUp(self):
        super().setUp()
        self.emulator.switch(limit=LIMIT, window_ms=WINDOW_MS, latency_ms=20)

    def run_through(self, disturb):
        """A run that is disturbed until it ends. A task that failed for good is mended by the next run."""
        name = self.start()
        disturb(name)
        self.finish(name, 90)
        run = self.api("SyncService.GetSyncRun", name=name)
        if run.state == PARTIAL:
            self.emulator.ask("DELETE", "/faults")
            self.finish(self.start(), 90)
            self.assertStored()
        else:
            self.assertComplete(name)
        peak = self.emulator.ask("GET", "/requests/peak", window_ms=WINDOW_MS)["peak"]
        self.assertLessEqual(peak, LIMIT)
        return run

    def faults(self, *choices):
        """About every third answer is one of these: five in a row would fail a task."""
        self.emulator.ask("POST", "/faults", [
            dict(self.random.choice(choices), path="", skip=3 * place + self.random.randint(0, 1))
            for place in range(40)])

    def test_the_database_is_killed(self):
        def disturb(name):
            live = 0
            for _ in range(KILLS):
                # The pages that were held come in while there is no database, and are stored after it.
                live += self.alive_midway(name, KILL_STEP // 2)
                self.stack.postgres("kill")
                self.emulator.let_go()
                time.sleep(self.random.uniform(0, 0.3))
                self.stack.postgres("start")
            self.assertMostHit(live)
        self.run_through(disturb)

    def test_one_of_two_servers_is_killed(self):
        def disturb(name):
            self.stack.replica()
            live = 0
            for turn in range(KILLS):
                live += self.alive_midway(name)
                if turn % 2 == 0:
                    self.stack.server.kill()
                    self.stack.server.wait()
                    self.serve()
                else:
                    other = self.stack.replicas.pop()
                    other.kill()
                    other.wait()
                    self.stack.replica()
                self.emulator.let_go()
            self.assertMostHit(live)
        self.run_through(disturb)

    def test_errors_and_refusals(self):
        self.faults({"action": "status:503"}, {"action": "status:500", "body": "html"}, {"action": "drop"})
        self.run_through(lambda name: None)

    def test_too_many_requests(self):
        self.emulator.ask("POST", "/faults", [{"path": "", "action": "status:429", "retry_after": 1, "skip": 15}
                                              for _ in range(3)])
        run = self.run_through(lambda name: None)
        self.assertGreater(run.request_count, 0)

    def test_answers_that_break_off(self):
        self.faults({"action": "truncate"}, {"action": "truncate", "framing": "chunked"},
                    {"action": "truncate", "framing": "close"}, {"action": "invalid_json"})
        self.run_through(lambda name: None)

    def test_answers_that_trickle(self):
        self.faults({"action": "trickle", "bytes": 4000, "ms": 5}, {"action": "delay", "ms": 200})
        self.run_through(lambda name: None)


if __name__ == "__main__":
    e2e.main()
