"""Another master key, as deploy/README.md says it: the new one seals, all is wrapped anew, the old one goes.

Nobody who reveals meanwhile notices, and a server that is killed in the midst leaves nothing between.
"""

import os
import subprocess
import threading

import docbridge_e2e as e2e

REWRAP = 31  # TYPE_VAULT_REWRAP
TENANTS = ["tenant-%d" % i for i in range(6)]
MIDDLE = 3  # whose record is held in the test that kills


class MasterKey(e2e.Case):
    @classmethod
    def make(cls):
        cls.number = 0
        return e2e.Stack(("--organizations", "4", "--documents", "5", "--passwords", "40", "--flexible-assets", "5",
                          "--checklists", "2"))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.call()
        cls.names = {tenant: cls.stack.connect(api) for tenant, api in cls.apis.items()}
        cls.connection = cls.names[TENANTS[0]]
        cls.stack.configure(cls.api, cls.connection)
        cls.stack.settle(cls.api, cls.connection)
        cls.stack.run(cls.api, cls.connection)
        cls.passwords = [one.name for company in cls.stack.mapping(cls.api, cls.connection).values()
                         for one in cls.api.all("PasswordService.ListPasswords", "passwords", parent=company)
                         if one.revealable]
        cls.operator = cls.stack.token(("operate_service",), tenant="operators", subject="olga")

    @classmethod
    def call(cls):
        """Channels that never knew another process: a call on one that breaks is not repeated."""
        cls.apis = {tenant: cls.stack.api(tenant=tenant) for tenant in TENANTS}
        cls.api = cls.apis[TENANTS[0]]

    def serve(self):
        self.stack.serve()
        self.call()

    def restart(self, **settings):
        """As after an edit of the file."""
        if self.stack.server.poll() is None:
            self.assertEqual(self.stack.stop_server(), 0)
        self.stack.settings.update(settings)
        self.serve()

    def new_key(self):
        MasterKey.number += 1
        path = self.stack.path("master-key-%d" % self.number)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(os.urandom(32))
        return path

    def change_key(self):
        """Steps 1 to 3: the new key seals, the old one opens."""
        self.restart(master_key_read_files=self.stack.settings["master_key_file"], master_key_file=self.new_key())

    def rewrap(self, code=0):
        return self.stack.json("vault", "rewrap", token=self.operator, code=code)

    def key_ids(self):
        return [row["id"] for row in self.stack.sql(
            "SELECT DISTINCT master_key_id AS id FROM vault_record ORDER BY 1")]

    def events(self):
        return self.stack.sql("SELECT count(*) AS n FROM audit_event WHERE type = %d" % REWRAP)[0]["n"]

    def assertAllOpen(self):
        """Every tenant's key still opens its account."""
        for tenant, api in self.apis.items():
            answer = api("ConnectionService.TestConnection", name=self.names[tenant])
            self.assertEqual(answer.diagnosis, 1, answer)

    def reveal_on(self, counts, failures, i):
        """Reveals without a pause until `failures` is closed by None."""
        api = self.stack.api(tenant=TENANTS[0])
        while None not in failures:
            try:
                name = self.passwords[(counts[i] * 7 + i) % len(self.passwords)]
                api("PasswordService.RevealPassword", name=name, timeout=10)
                counts[i] += 1
            except e2e.grpc.RpcError as error:
                failures.append(str(e2e.Failure(error)))
                return

    def test_change_under_load(self):
        first = self.api("AuditService.ListAuditEvents", page_size=1)
        old, before = self.stack.settings["master_key_file"], self.key_ids()
        self.assertEqual(len(before), 1)
        self.change_key()
        # A list goes on where it was.
        self.api("AuditService.ListAuditEvents", page_size=1, page_token=first.next_page_token)

        events, counts, failures = self.events(), [0, 0], []
        threads = [threading.Thread(target=self.reveal_on, args=(counts, failures, i), daemon=True)
                   for i in range(len(counts))]
        for thread in threads:
            thread.start()
        more = lambda least: failures or all(count >= least for count in counts)
        e2e.wait_for("reveals", lambda: more(3), 60)
        done = self.rewrap()
        after = max(counts)
        e2e.wait_for("reveals afterwards", lambda: more(after + 3), 60)
        found = list(failures)
        failures.append(None)
        for thread in threads:
            thread.join(60)
        self.assertEqual(found, [])

        self.assertEqual(done["rewrappedCount"], len(TENANTS))
        self.assertNotIn("remainingCount", done)
        self.assertNotIn("unreadable", done)
        self.assertEqual(self.key_ids(), [done["masterKeyId"]])
        self.assertNotEqual(self.key_ids(), before)
        self.assertEqual(self.events(), events + len(TENANTS))
        for tenant, api in self.apis.items():
            event = api("AuditService.ListAuditEvents", filter="type = VAULT_REWRAP").audit_events[0]
            self.assertEqual((event.actor.subject, event.subject.resource), ("olga", self.names[tenant]))
            self.assertEqual((event.changes[0].old_value, event.changes[0].new_value),
                             (before[0], done["masterKeyId"]))
        again = self.rewrap()
        self.assertEqual((again.get("rewrappedCount", 0), again["currentCount"]), (0, len(TENANTS)))

        # The old key goes; that the server starts says that nobody needs it.
        self.restart(master_key_read_files="")
        self.assertAllOpen()
        self.api("PasswordService.RevealPassword", name=self.passwords[0], timeout=10)
        refused = self.api.fails("AuditService.ListAuditEvents", page_size=1, page_token=first.next_page_token)
        self.assertEqual(refused.reason, "PAGE_TOKEN_INVALID")
        # With the old one alone it does not start, and says which is missing.
        new = self.stack.settings["master_key_file"]
        with self.assertRaisesRegex(AssertionError, "%d stored secrets.*%s" % (len(TENANTS), done["masterKeyId"])):
            self.restart(master_key_file=old)
        self.restart(master_key_file=new)

    def test_operators_alone(self):
        done = self.stack.cli("vault", "rewrap", token=self.stack.token(tenant=TENANTS[0]), code=3)
        self.assertIn("operate_service", done.err)
        # An operator of the service is nobody in a tenant.
        self.assertEqual(self.stack.cli("connection", "list", token=self.operator, code=None).code, 3)

    def test_killed_in_the_midst(self):
        """kill -9 while a record waits: those before it are done, the others as they were, all open."""
        self.change_key()
        events = self.events()
        # Hold one tenant's connection, so that there is a midst.
        holder = e2e.spawn(
            [e2e.PSQL_BIN + "psql", "-h", self.stack.dir, "-U", "postgres", "-d", "docbridge", "-X", "-qAt"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        holder.stdin.write("BEGIN; SELECT 'held' FROM connection WHERE tenant = '%s' FOR UPDATE;\n" % TENANTS[MIDDLE])
        holder.stdin.flush()
        self.assertEqual(holder.stdout.readline(), "held\n")
        caller = e2e.spawn(self.stack.cli_arguments("vault", "rewrap", token=self.operator),
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        e2e.wait_for("the records before", lambda: self.events() >= events + MIDDLE, 60, step=0.001)
        self.stack.server.kill()
        self.stack.server.wait()
        self.assertNotEqual(caller.wait(60), 0)
        caller.stderr.close()
        holder.communicate("ROLLBACK;\n", timeout=60)

        done = self.events() - events
        self.assertGreaterEqual(done, MIDDLE)
        self.assertLess(done, len(TENANTS))
        self.assertEqual(len(self.key_ids()), 2)
        self.serve()
        self.assertAllOpen()
        rest = self.rewrap()
        self.assertEqual((rest["currentCount"], rest["rewrappedCount"]), (done, len(TENANTS) - done))
        self.assertEqual(self.events(), events + len(TENANTS))
        self.restart(master_key_read_files="")
        self.assertAllOpen()


if __name__ == "__main__":
    e2e.main()
