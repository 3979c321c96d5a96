"""Runs that are cut off, and go on: by kill -9, by SIGTERM, by CancelSyncRun."""

import re
import signal
import subprocess
import threading
import time

import docbridge_e2e as e2e
from sync_case import CANCELLED, DOCUMENTS, KILLS, SUCCEEDED, UNSTORED, WINDOW, SyncCase


# Short windows: who is killed has used all of the block of requests that it drew, and a campaign would wait for the
# next one of five minutes.
LIMIT, WINDOW_MS = 3000, 30000


class Resume(SyncCase):
    @classmethod
    def make(cls):
        stack = super().make()
        stack.stop_server()
        stack.settings.update(sync_request_limit=str(LIMIT), sync_request_window_ms=str(WINDOW_MS))
        stack.serve()
        return stack

    def setUp(self):
        super().setUp()
        self.emulator.switch(limit=LIMIT, window_ms=WINDOW_MS)

    def kill(self):
        self.stack.server.kill()
        self.stack.server.wait()
        # What was sent before is in the emulator's records soon.
        time.sleep(0.2)
        self.emulator.let_go()

    def test_killed_at_random_moments(self):
        """kill -9, again and again: nothing lost, nothing twice, nothing fetched again that was stored."""
        midway = total = 0
        for turn in range(3):
            with self.subTest(turn=turn, seed=self.seed):
                self.stack.execute("TRUNCATE record, sync_freshness CASCADE")
                self.emulator.ask("DELETE", "/requests")
                # Early; then, as its length is known, somewhere in the middle, beyond which it does not get.
                answered = self.random.randint(total // 4, total * 3 // 4)
                if total:
                    self.emulator.hold(skip=answered)
                name = self.start()
                e2e.wait_for("requests", lambda: self.emulator.count() > answered)
                time.sleep(self.random.uniform(0, 0.3))
                self.kill()
                before, mark = self.pages(), self.last()
                stored = len(self.stored())
                midway += 0 < stored < len(self.truth)
                self.serve()
                self.finish(name)
                self.assertComplete(name)
                after = self.pages(mark)
                again = set(before[:-UNSTORED]) & set(after)
                self.assertEqual(again, set())
                total = len(set(before) | set(after))
        self.assertGreater(midway, 0)

    def test_killed_often_in_one_run(self):
        """As often as DOCBRIDGE_E2E_KILLS says; the limit of requests is kept over all of it."""
        self.emulator.switch(latency_ms=60)
        name, live = self.start(), 0
        for _ in range(KILLS):
            live += self.alive_midway(name)
            self.kill()
            self.serve()
        self.finish(name)
        self.assertMostHit(live)
        self.assertComplete(name)
        self.assertLessEqual(self.emulator.ask("GET", "/requests/peak", window_ms=WINDOW_MS)["peak"], LIMIT)

    def test_walk_of_many_pages(self):
        """In the midst of one list, the next request is for the page that was due, not the first."""
        biggest = max({row[2] for row in self.truth}, key=lambda owner: sum(
            row[0] == DOCUMENTS and row[2] == owner for row in self.truth))
        # So slow that upstream gives up on large pages: more pages of the same list.
        self.emulator.switch(timeout_page_size={"documents": 12}, latency_ms=30)
        path = "/organizations/%s/relationships/documents" % biggest
        # However late the kill comes, the list is not at its end.
        self.emulator.hold(path, skip=12)
        name = self.start()
        number = lambda request: int(re.search(r"page\[number\]=(\d+)", request["query"]).group(1))
        walk = lambda after=0: [request for request in self.emulator.requests(exact_path=path, since_seq=after)
                                if request["status"] == 200 and "page[size]=1&" not in request["query"] + "&"]
        e2e.wait_for("the third page", lambda: [one for one in walk() if number(one) >= 3], 40)
        self.kill()
        mark, last = self.last(), number(walk()[-1])
        self.serve()
        self.finish(name)
        rest = walk(mark)
        self.assertTrue(rest)
        self.assertIn(number(rest[0]), range(last - UNSTORED + 1, last + 2))
        self.assertComplete(name)

    def watch(self, name, events):
        """Follows a run over the ends of servers, as the contract says: with the last token."""
        token = ""
        while True:
            try:
                for event in self.api.stream("SyncService.WatchSyncRun", name=name, resume_token=token, timeout=60):
                    events.append(event)
                    token = event.resume_token
                return
            except e2e.grpc.RpcError as error:
                # CANCELLED: gRPC's own word for a call that comes while a server stops.
                if error.code() not in (e2e.grpc.StatusCode.UNAVAILABLE, e2e.grpc.StatusCode.CANCELLED):
                    raise
                time.sleep(0.1)

    def test_terminated(self):
        """SIGTERM: the run is given back at once, and who comes next does not wait for a lease to end."""
        self.assertEqual(self.stack.stop_server(), 0)
        self.stack.settings["sync_lease_ms"] = "60000"
        self.serve()
        # Whatever the drain of connections takes, the run does not end meanwhile.
        self.emulator.hold(skip=30)
        try:
            name, events = self.start(), []
            watcher = threading.Thread(target=self.watch, args=(name, events), daemon=True)
            watcher.start()
            e2e.wait_for("the first pages", lambda: len(self.stored()) > 0)
            self.assertEqual(self.stack.stop_server(signal.SIGTERM), 0)
            before, mark = self.pages(), self.last()
            lease = self.stack.sql("SELECT owner, expire_time <= now() AS due FROM sync_lease")
            self.assertEqual([(one["owner"], one["due"]) for one in lease], [("", True)])
            self.assertLess(len(self.stored()), len(self.truth))
            self.emulator.let_go()
            self.emulator.switch(latency_ms=10)
            self.serve()
            self.finish(name, 40)
            self.assertComplete(name)
            self.assertEqual(set(before[:-UNSTORED]) & set(self.pages(mark)), set())
            # Who watched it went on watching, and was told nothing twice: a snapshot stands where
            # the event after which it was taken stands.
            watcher.join(60)
            self.assertFalse(watcher.is_alive())
            self.assertEqual(events[-1].finished.state, SUCCEEDED)
            numbers = [event.sequence for event in events if event.WhichOneof("event") not in ("snapshot", "heartbeat")]
            self.assertEqual(numbers, sorted(set(numbers)))
        finally:
            self.stack.settings["sync_lease_ms"] = str(self.LEASE_MS)
            self.stack.stop_server()
            self.serve()

    def cli_watches(self, number, away_s=0):
        self.emulator.switch(latency_ms=60)
        name = self.start()
        watcher = e2e.spawn(self.stack.cli_arguments("sync", "watch", name), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
        e2e.wait_for("the first pages", lambda: len(self.stored()) > 0)
        self.stack.stop_server(number)
        time.sleep(away_s)
        self.serve()
        self.finish(name)
        out, err = watcher.communicate(timeout=90)
        self.assertEqual(watcher.returncode, 0, out[-500:] + err)
        self.assertRegex(out.splitlines()[-1], " finished SUCCEEDED ")

    def test_cli_watches_over_a_crash(self):
        self.cli_watches(signal.SIGKILL)

    def test_cli_watches_over_a_restart(self):
        """Away for longer than an attempt to connect: the CLI finds the server that comes back."""
        self.cli_watches(signal.SIGTERM, away_s=4)

    def test_cancelled(self):
        """Stops within a page, keeps its checkpoint and what it stored."""
        self.emulator.switch(latency_ms=150)
        # However late it is cancelled, there is something left.
        self.emulator.hold("/relationships/documents?", skip=16)
        name = self.start()
        e2e.wait_for("documents", lambda: self.stack.sql(
            "SELECT count(*) AS n FROM record WHERE kind = %d" % DOCUMENTS)[0]["n"] > 20, 60)
        answer = self.api("SyncService.CancelSyncRun", name=name)
        mark = self.last()
        self.emulator.let_go()
        self.assertIn(answer.state, (4, CANCELLED))
        self.finish(name)
        run = self.api("SyncService.GetSyncRun", name=name)
        self.assertEqual(run.state, CANCELLED)
        self.assertEqual({task.state for task in run.tasks} - {5}, {8})
        # What was under way in that moment, and may come in a little later.
        self.assertLessEqual(len(self.emulator.requests(since_seq=mark)), WINDOW)
        stored = self.stored()
        self.assertLess(len(stored), len(self.truth))
        self.assertLessEqual(stored, self.truth)
        checkpoint = self.stack.sql("SELECT checkpoint FROM sync_task WHERE run_id = '%s' AND kind = 2"
                                    % name.rsplit("/", 1)[1])
        self.assertNotEqual(checkpoint[0]["checkpoint"], "")
        # Cancelled is cancelled: nobody takes it up again.
        self.stack.stop_server()
        self.serve()
        time.sleep(self.LEASE_MS / 1000)
        self.assertEqual(self.api("SyncService.GetSyncRun", name=name).state, CANCELLED)
        self.emulator.switch(latency_ms=0)
        run = self.stack.run(self.api, self.connection)
        self.assertEqual(run.state, SUCCEEDED)
        self.assertEqual(self.stored(), self.truth)

    def test_second_trigger_joins(self):
        self.emulator.hold()
        names = {self.start() for _ in range(3)}
        self.assertEqual(len(names), 1)
        self.emulator.let_go()
        self.finish(names.pop())


if __name__ == "__main__":
    e2e.main()
