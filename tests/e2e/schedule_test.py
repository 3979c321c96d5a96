"""Runs that begin by themselves, and data that is said to be too old."""

import docbridge_e2e as e2e

SCHEDULE, FULL, FRESH, STALE = 2, 2, "FRESH", "STALE"
ROWS = ["ORGANIZATIONS", "DOCUMENTS", "PASSWORDS", "FLEXIBLE_ASSETS", "CHECKLISTS"]


class Schedule(e2e.Case):
    @classmethod
    def make(cls):
        return e2e.Stack(("--organizations", "6", "--documents", "12", "--passwords", "12", "--flexible-assets", "6",
                          "--checklists", "4"), heard=[], sync_interval_min_ms="1000")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = cls.stack.api()
        cls.connection = cls.stack.connect(cls.api)
        cls.stack.configure(cls.api, cls.connection)
        cls.stack.settle(cls.api, cls.connection)

    def runs(self):
        return self.api("SyncService.ListSyncRuns", parent=self.connection).sync_runs

    def scheduled(self, **fields):
        return [run for run in self.runs() if run.trigger == SCHEDULE and run.state > 4 and
                all(getattr(run, name) == value for name, value in fields.items())]

    def tasks(self):
        return {task["kind"][len("SYNC_TASK_KIND_"):]: task
                for task in self.stack.json("config", "schedule", "show")["tasks"]}

    def test_runs_by_itself(self):
        """On two servers: as often as it was chosen, of what was chosen; a pause holds it."""
        self.stack.replica()
        self.assertEqual(self.scheduled(), [])
        shown = self.stack.cli("config", "schedule", "show").out.splitlines()
        self.assertEqual([line.split()[:3] for line in shown[1:]], [[row, "DONE", FRESH] for row in ROWS])
        self.stack.cli("config", "schedule", "set", "--checklists", "1s", "--checklists-objective", "1h")
        e2e.wait_for("two runs", lambda: len(self.scheduled()) >= 2, 30)
        for run in self.scheduled():
            self.assertEqual([task.kind for task in run.tasks if task.state == 5], [5], run)
            self.assertEqual(run.actor.subject, "scheduler")
        self.assertLessEqual(sum(run.state <= 4 for run in self.runs()), 1)
        self.stack.cli("connection", "pause", "--scope", "sync")
        self.assertEqual({task["state"] for task in self.tasks().values()}, {"STATE_PAUSED"})
        self.stack.cli("connection", "resume")
        self.stack.cli("config", "schedule", "set", "--checklists", "default", "--full", "1s")
        e2e.wait_for("a run of everything", lambda: self.scheduled(mode=FULL), 90)
        self.stack.cli("config", "schedule", "set", "--full", "default")
        self.stack.settle(self.api, self.connection)

    def test_too_short(self):
        done = self.stack.cli("config", "schedule", "set", "--documents", "0s", code=2)
        self.assertIn("INTERVAL_TOO_SHORT", done.err)
        self.stack.cli("config", "schedule", "set", "--documents", "soon", code=2)
        self.stack.cli("config", "schedule", "set", code=2)

    def test_too_old(self):
        """Said once, by the system, and unsaid when a run has come."""
        # First the pause: a run that is due at once would mend it once more.
        self.stack.cli("connection", "pause", "--scope", "sync")
        self.stack.cli("config", "schedule", "set", "--documents", "1s", "--documents-objective", "2s")
        company = next(iter(self.stack.mapping(self.api, self.connection).values()))
        e2e.wait_for("a breach", lambda: self.tasks()["DOCUMENTS"]["freshness"].endswith(STALE), 90)
        self.assertTrue(self.api("DocumentationService.ListDocuments", parent=company).freshness.stale)
        self.stack.cli("config", "schedule", "set", "--documents-objective", "1h")
        e2e.wait_for("its end", lambda: self.tasks()["DOCUMENTS"]["freshness"].endswith(FRESH), 90)
        self.stack.cli("connection", "resume")
        self.stack.cli("config", "schedule", "set", "--documents", "default", "--documents-objective", "default")
        events = self.api("AuditService.ListAuditEvents", filter="type = SYNC").audit_events
        told = [(change.field, change.new_value, event.actor.subject) for event in events for change in event.changes
                if change.field.endswith(".freshness")]
        self.assertEqual(told, [("documents.freshness", FRESH, "docbridge:scheduler"),
                                ("documents.freshness", STALE, "docbridge:scheduler")])


if __name__ == "__main__":
    e2e.main()
