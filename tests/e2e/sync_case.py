"""What tests of the sync engine share: an account with its truth, and runs compared with it."""

import os
import random
import time

import docbridge_e2e as e2e

SUCCEEDED, CANCELLED = 5, 8
# Requests of a run in flight at once.
WINDOW = 4
# Pages that were answered and may not be stored yet: the window, and the one that is being stored.
UNSTORED = WINDOW + 1
# How often something is killed in one run: more for a long campaign.
KILLS = int(os.environ.get("DOCBRIDGE_E2E_KILLS", 3))
# Requests that a run makes before it is killed next, at most.
KILL_STEP = 8
# Records of a kind (enum source_kind) and the collection that they come from.
FOLDERS, DOCUMENTS, ASSETS, CHECKLISTS, TEMPLATES, PASSWORD_FOLDERS, PASSWORDS = range(3, 10)


class SyncCase(e2e.Case):
    """One stack, mapped and configured, and nothing synced at the beginning of each test."""
    LEASE_MS = 1500

    @classmethod
    def make(cls):
        # Enough requests for all kills of a long campaign.
        return e2e.Stack(("--organizations", str(24 + 4 * max(0, KILLS - 3)), "--documents", "800", "--document-bytes", "200", "--passwords",
                          "150", "--flexible-assets", "150", "--checklists", "40"), sync_lease_ms=str(cls.LEASE_MS))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = cls.stack.api()
        cls.connection = cls.stack.connect(cls.api)
        cls.stack.configure(cls.api, cls.connection)
        cls.stack.settle(cls.api, cls.connection)
        cls.truth = cls.expected(cls.stack.mapping(cls.api, cls.connection))
        cls.seed = int(os.environ.get("DOCBRIDGE_E2E_SEED", time.time()))
        cls.random = random.Random(cls.seed)
        print("DOCBRIDGE_E2E_SEED=%d" % cls.seed)

    @classmethod
    def expected(cls, mapping):
        """What must be stored, from the emulator's own account."""
        rows = set()

        def add(kind, collection, condition=lambda row: True):
            for row in cls.emulator.dump(collection):
                owner = str(row["organization_id"])
                if (owner in mapping or (kind == TEMPLATES and owner == "0")) and condition(row):
                    attributes = row["attributes"]
                    rows.add((kind, row["id"], owner, attributes["name"] or "",
                              bool(attributes.get("restricted")), bool(attributes.get("archived"))))

        add(DOCUMENTS, "documents")
        # A type that is off upstream is not asked for.
        on = {int(row["id"]) for row in cls.emulator.dump("flexible_asset_types") if row["attributes"]["enabled"]}
        add(ASSETS, "flexible_assets", lambda row: row["attributes"]["flexible-asset-type-id"] in on)
        add(CHECKLISTS, "checklists")
        add(TEMPLATES, "checklist_templates")
        add(PASSWORDS, "passwords", lambda row: not row["attributes"]["personal"])
        # Folders are asked for where something lies in one.
        for kind, collection, of, key in ((FOLDERS, "document_folders", "documents", "document-folder-id"),
                                          (PASSWORD_FOLDERS, "password_folders", "passwords", "password-folder-id")):
            foldered = {row["organization_id"] for row in cls.emulator.dump(of)
                        if row["attributes"][key] is not None and not row["attributes"].get("personal")}
            add(kind, collection, lambda row, foldered=foldered: row["organization_id"] in foldered)
        return rows

    def stored(self):
        rows = self.stack.sql("SELECT kind, id::text, organization_id::text AS owner, display_name AS name, restricted,"
                              " archived FROM record")
        found = [(row["kind"], row["id"], row["owner"], row["name"], row["restricted"], row["archived"])
                 for row in rows]
        self.assertEqual(len(found), len(set(found)))
        return set(found)

    def setUp(self):
        if self.stack.server.poll() is not None:
            self.serve()
        self.emulator.calm()
        # What a test that failed left is not joined by this one.
        self.stack.settle(self.api, self.connection)
        self.emulator.switch(latency_ms=50)
        # As if nothing had been synced yet.
        self.stack.execute("TRUNCATE record, sync_freshness CASCADE")

    def assertStored(self):
        """The account, row by row."""
        stored = self.stored()
        self.assertEqual(sorted(self.truth - stored)[:5], [], "lost")
        self.assertEqual(sorted(stored - self.truth)[:5], [], "too many")

    def assertComplete(self, name):
        run = self.api("SyncService.GetSyncRun", name=name)
        self.assertEqual(run.state, SUCCEEDED, run)
        self.assertStored()
        # Each row was counted once, whichever process stored it.
        self.assertEqual(sum(task.created_count for task in run.tasks), len(self.truth), run)
        self.assertEqual(sum(task.failed_count + task.deleted_count for task in run.tasks), 0, run)
        return run

    def answers(self):
        try:
            self.api("ConnectionService.ListConnections")
            return True
        except e2e.grpc.RpcError:
            return False

    def serve(self):
        self.stack.serve()
        # The channel may still hold a connection that ended with the last server.
        e2e.wait_for("an answer", self.answers)

    def start(self):
        return self.api("SyncService.RunSync", parent=self.connection, mode=2).name

    def alive(self, name):
        try:
            return self.api("SyncService.GetSyncRun", name=name, timeout=5).state <= 4
        except e2e.grpc.RpcError as error:
            # A run that was begun is never lost; nobody may be there to say so.
            self.assertNotEqual(error.code(), e2e.grpc.StatusCode.NOT_FOUND, error.details())
            return True

    def finish(self, name, seconds=60):
        e2e.wait_for("the end of the run by itself", lambda: not self.alive(name), seconds)

    def alive_midway(self, name, step=KILL_STEP):
        """Lets a run make up to `step` requests more, and holds its next ones until let_go(): whether it is alive
        then."""
        before, more = self.emulator.count(), self.random.randint(1, step)
        self.emulator.hold(skip=more)
        try:
            e2e.wait_for("more requests", lambda: self.emulator.count() > before + more or not self.alive(name), 60)
        except AssertionError as error:
            raise AssertionError("%s: %s" % (error, self.api("SyncService.GetSyncRun", name=name))) from error
        time.sleep(self.random.uniform(0, 0.1))
        return self.alive(name)

    def assertMostHit(self, live):
        """Of the kills of a campaign at least half hit a run that was alive."""
        print("%d kills, %d of them in the midst of the run" % (KILLS, live))
        self.assertGreaterEqual(2 * live, KILLS)

    def pages(self, after=0):
        """Requests for pages of content, as path and query; without looks at how an account answers."""
        return [request["path"] + "?" + request["query"] for request in self.emulator.requests(since_seq=after)
                if request["status"] == 200 and "page[size]=1&" not in request["query"] + "&"
                and request["path"] not in ("/flexible_asset_types", "/password_categories")]

    def last(self):
        requests = self.emulator.requests()
        return requests[-1]["seq"] if requests else 0
