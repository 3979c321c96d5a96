"""What an administrator decides of a connection, on one replica and as seen from another."""

import grpc

import docbridge_e2e as e2e

PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
ACTIVE, DISCONNECTED = 1, 3
ALL, SYNC, REVEALS = 1, 2, 3
QUEUED, SUCCEEDED = 1, 5


class States(e2e.Case):
    @classmethod
    def make(cls):
        return e2e.Stack(("--organizations", "8", "--passwords", "40", "--documents", "60", "--flexible-assets", "8",
                          "--checklists", "8"))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = cls.stack.api()
        cls.connection = cls.stack.connect(cls.api)
        cls.stack.configure(cls.api, cls.connection)
        cls.stack.settle(cls.api, cls.connection)
        cls.mapping = cls.stack.mapping(cls.api, cls.connection)
        secrets = {one["id"]: one["secret"] for one in cls.emulator.dump("passwords") if one["secret"]}
        cls.company, cls.password = next(
            (company, one) for company in sorted(cls.mapping.values()) for one in
            cls.api.all("PasswordService.ListPasswords", "passwords", parent=company)
            if one.revealable and one.name.rsplit("/", 1)[1] in secrets)
        cls.secret = secrets[cls.password.name.rsplit("/", 1)[1]]
        cls.other = e2e.Api(cls.stack.channel(cls.stack.replica()), cls.stack.token())

    def reveal(self, api):
        return api("PasswordService.RevealPassword", name=self.password.name, timeout=10).plaintext

    def refused(self, api, reason):
        """A reveal that is refused, before upstream is asked."""
        asked = self.emulator.count()
        failure = api.fails("PasswordService.RevealPassword", name=self.password.name, timeout=10)
        self.assertFailure(failure, PRECONDITION, reason)
        self.assertEqual(self.emulator.count(), asked)
        return failure

    def test_1_a_pause_of_reveals_counts_at_once_on_every_replica(self):
        for _ in range(5):
            self.assertEqual(self.reveal(self.api), self.secret)
            self.assertEqual(self.reveal(self.other), self.secret)
            self.api("ConnectionService.PauseConnection", name=self.connection, scope=REVEALS, reason="key leaked")
            self.refused(self.other, "REVEALS_PAUSED")
            self.refused(self.api, "REVEALS_PAUSED")
            self.other("ConnectionService.ResumeConnection", name=self.connection, scope=REVEALS)
        pauses = self.api("AuditService.ListAuditEvents", filter="type = CONNECTION_PAUSE").audit_events
        self.assertEqual([event.reason for event in pauses], ["key leaked"] * 5)

    def test_2_a_pause_of_syncs_stops_runs_and_no_reveal(self):
        # The run is in the midst of its work, on either replica.
        self.emulator.hold("/passwords?")
        try:
            run = self.api("SyncService.RunSync", parent=self.connection).name
            e2e.wait_for("a page", lambda: any(
                task.done_count for task in self.api("SyncService.GetSyncRun", name=run).tasks))
            self.other("ConnectionService.PauseConnection", name=self.connection, scope=SYNC)
        finally:
            self.emulator.let_go()
        self.assertEqual(self.api("SyncService.GetSyncRun", name=run).state, QUEUED)
        for api in (self.api, self.other):
            failure = api.fails("SyncService.RunSync", parent=self.connection)
            self.assertFailure(failure, PRECONDITION, "SYNCS_PAUSED")
            self.assertEqual(self.reveal(api), self.secret)
        held = self.api("SyncService.GetSyncRun", name=run)
        self.assertEqual(held.state, QUEUED)
        self.api("ConnectionService.ResumeConnection", name=self.connection)
        e2e.wait_for("the run", lambda: self.api("SyncService.GetSyncRun", name=run).state == SUCCEEDED)

    def test_3_the_command_line_does_the_same(self):
        done = self.stack.cli("connection", "pause", "--scope", "reveals")
        self.assertIn("reveals are refused", done.err)
        self.assertTrue(self.refused(self.api, "REVEALS_PAUSED"))
        _, done = self.stack.reveal(self.password.name, code=4)
        self.assertIn("docbridge connection resume --scope reveals", done.err)
        self.stack.cli("connection", "resume")
        self.stack.cli("connection", "update", "--display-name", "Ours")
        self.assertEqual(self.api("ConnectionService.GetConnection", name=self.connection).display_name, "Ours")

    def test_4_disconnected_all_stays_but_the_key(self):
        answer = self.other("ConnectionService.DisconnectConnection", name=self.connection)
        self.assertEqual(answer.state, DISCONNECTED)
        for api in (self.api, self.other):
            failure = self.refused(api, "CONNECTION_NOT_ACTIVE")
            self.assertEqual(failure.metadata["state"], "DISCONNECTED")
            self.assertIn("since", failure.metadata)
            listed = api("PasswordService.ListPasswords", parent=self.company)
            self.assertTrue(listed.passwords and listed.freshness.stale)
            self.assertEqual(self.stack.mapping(api, self.connection), self.mapping)
        self.assertEqual(self.stack.sql("SELECT count(*) FROM vault_record"), [{"count": 0}])
        # The slot is free, for Hudu too, of which nothing is asked.
        self.stack.cli("connection", "create", "--provider", "hudu", "--id", "hudu")
        failure = self.api.fails("SyncService.RunSync", parent="connections/hudu")
        self.assertFailure(failure, PRECONDITION, "PROVIDER_NOT_SUPPORTED")


if __name__ == "__main__":
    e2e.main()
