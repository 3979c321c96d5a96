"""Killed at each step: what creates, rotates and deletes a connection is done whole or not at all.

Between docbridged and Postgres stands a wire that counts what the server asks for: each execution
of a statement and each end of a flight. docbridged dies (SIGKILL) right after the n-th has reached
Postgres, for n = 1, 2, 3 ... until a call is over before its n-th.
"""

import os
import socket
import threading

import docbridge_e2e as e2e
from sync_case import KILLS

ACTIVE, DELETING = 1, 4
CREATED, ROTATED, DELETED = 2, 16, 17
# Kinds of a receipt's counts and how many rows there are of each: more than two batches of documents.
SETTINGS, DOCUMENTS, FLEXIBLE_ASSETS, CHECKLISTS, PASSWORDS, FOLDERS = 3, 4, 5, 6, 7, 8
CONTENT = {DOCUMENTS: 2100, FLEXIBLE_ASSETS: 3, CHECKLISTS: 6, PASSWORDS: 3, FOLDERS: 6}
# Of what the remover does by itself after the call, each so many-th step: each one in a long campaign.
STRIDE = max(1, 29 * 3 // KILLS)


class Wire:
    """Carries connections to a Unix socket, and kills when told to."""

    STEPS = b"ESQ"  # Execute, Sync, Query

    def __init__(self, directory, target):
        os.mkdir(directory, 0o755)
        self.target, self.lock = target, threading.Lock()
        self.left = self.kill = None
        self.count = 0
        self.cut = False
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(os.path.join(directory, ".s.PGSQL.5432"))
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def arm(self, steps, kill):
        """Calls kill() after so many steps, counted from now; None: never."""
        with self.lock:
            self.left, self.kill, self.count, self.cut = steps, kill, 0, False

    def disarm(self):
        """Whether it killed, and the steps that it saw."""
        with self.lock:
            killed, self.left, self.cut = self.cut, None, False
            return killed, self.count

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.target)
            threading.Thread(target=self.ask, args=(client, server), daemon=True).start()
            threading.Thread(target=self.answer, args=(server, client), daemon=True).start()

    def step(self, message, server):
        """Sends a message of the server's on, unless it is dead already. False: it is, now."""
        with self.lock:
            if self.cut:
                return False
            server.sendall(message)
            if message[:1] not in [bytes([step]) for step in self.STEPS]:
                return True
            self.count += 1
            if self.left is None or self.count < self.left:
                return True
            self.cut = True
            self.kill()
            return False

    def ask(self, client, server):
        try:
            # The first message has no type.
            data, head = b"", 0
            while True:
                more = client.recv(65536)
                if not more:
                    break
                data += more
                while len(data) >= head + 4:
                    size = head + int.from_bytes(data[head:head + 4], "big")
                    if len(data) < size:
                        break
                    if not self.step(data[:size], server):
                        return
                    data, head = data[size:], 1
        except OSError:
            pass
        finally:
            self.hang_up(client, server)

    def answer(self, server, client):
        try:
            while True:
                data = server.recv(65536)
                if not data:
                    break
                client.sendall(data)
        except OSError:
            pass
        finally:
            self.hang_up(client, server)

    @staticmethod
    def hang_up(*sockets):
        for one in sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Crash(e2e.Case):
    @classmethod
    def make(cls):
        # Without a limit, which the first runs of all the connections of a long campaign would come to.
        stack = e2e.Stack(("--organizations", "6", "--documents", "1", "--passwords", "1", "--limit", "0"),
                          serve=False, sync_lease_ms="1000")
        cls.wire = Wire(stack.path("wire"), stack.path(".s.PGSQL.5432"))
        stack.settings["database_url"] = stack.settings["database_url"].replace(
            "host=" + stack.dir, "host=" + stack.path("wire"))
        stack.serve()
        return stack

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = cls.stack.api()
        cls.second_key = cls.emulator.mutate("add_key")[0]["key"]
        cls.number = 0

    # One call

    def candidate(self, key):
        return e2e.protos.v1.ConnectionCandidate(provider=1, region=2, api_key=key)

    def create(self, name):
        return self.api("ConnectionService.CreateConnection", connection_id=name,
                        connection=e2e.protos.v1.Connection(display_name="IT Glue"),
                        candidate=self.candidate(self.emulator.api_key))

    def crash(self, steps, call):
        """Makes a call during which docbridged dies after so many steps. Whether it did."""
        server = self.stack.server
        self.api("ConnectionService.ListRegions")
        self.api.waits = False
        self.wire.arm(steps, server.kill)
        try:
            call()
        except e2e.grpc.RpcError as error:
            self.assertEqual(error.code(), e2e.grpc.StatusCode.UNAVAILABLE, error)
        killed, count = self.wire.disarm()
        self.hits += killed
        self.api.waits = True
        if killed:
            server.wait(timeout=30)
            # Whatever was under way at the server has ended before anything is looked at.
            e2e.wait_for("the end of all sessions", lambda: self.number_of(
                "SELECT count(*) AS n FROM pg_stat_activity WHERE usename = 'docbridged'") == 0)
        return killed, count

    def next_steps(self, steps, killed, was_after_commit):
        """How many next, 0: no more. What the server does by itself is counted too, now more and now less: a
        call that was over sooner than the one before is gone through again from a few steps before."""
        self.most = steps
        if killed:
            return steps + 1
        self.sooner += 1
        return 0 if was_after_commit or self.sooner > 10 else max(steps - 2, 1)

    def setUp(self):
        self.sooner = self.hits = 0

    def number_of(self, query):
        return self.stack.sql(query)[0]["n"]

    def row_of(self, query):
        return self.stack.sql(query)[0]

    def assertTrail(self):
        """The trail has no gap, and each event hangs on the one before."""
        self.assertEqual(self.row_of(
            "SELECT count(*) FILTER (WHERE place <> sequence) AS gaps,"
            " count(*) FILTER (WHERE previous_hash <> before) AS torn, (SELECT h.hash FROM audit_head h)"
            " IS NOT DISTINCT FROM (SELECT e.hash FROM audit_event e ORDER BY sequence DESC LIMIT 1) AS headed FROM ("
            "  SELECT sequence, previous_hash, row_number() OVER w AS place, lag(hash) OVER w AS before"
            "  FROM audit_event WINDOW w AS (ORDER BY sequence)) q"),
            {"gaps": 0, "torn": 0, "headed": True})

    def events(self, name, kind):
        return self.number_of("SELECT count(*) AS n FROM audit_event WHERE type = %d"
                              " AND resource = 'connections/%s'" % (kind, name))

    def assertOpens(self, name):
        """The stored key is the one in use: upstream takes it."""
        answer = self.api("ConnectionService.TestConnection", name="connections/" + name)
        self.assertEqual(answer.diagnosis, 1, answer)

    def forget(self, name):
        """As if the connection had never been, so that the slot is free; between runs of a server."""
        self.stack.execute("DELETE FROM connection WHERE id = '%s'" % name)

    def serve(self):
        """Again, over a channel that knows nothing of the server before."""
        self.stack.serve()
        self.api.channel.close()
        type(self).api = self.stack.api()

    def next_name(self, word):
        type(self).number += 1
        return "%s-%d" % (word, self.number)

    # The three

    def test_create(self):
        steps, seen = 1, set()
        while True:
            name = self.next_name("create")
            killed, _ = self.crash(steps, lambda name=name: self.create(name))
            rows = self.row_of(
                "SELECT (SELECT count(*) FROM connection WHERE id = '{0}' AND state = 1) AS connections,"
                " (SELECT count(*) FROM connection_config WHERE connection_id = '{0}') AS configs,"
                " (SELECT count(*) FROM vault_record WHERE connection_id = '{0}') AS keys,"
                " (SELECT count(*) FROM sync_run WHERE connection_id = '{0}' AND trigger = 3) AS runs".format(name))
            rows["events"] = self.events(name, CREATED)
            with self.subTest(steps=steps):
                self.assertIn(set(rows.values()), ({0}, {1}), rows)
                self.assertTrail()
            if killed:
                self.serve()
            seen.add((killed, rows["connections"]))
            steps = self.next_steps(steps, killed, (True, 1) in seen)
            if rows["connections"]:
                self.assertOpens(name)
                self.stack.stop_server()
                self.forget(name)
                self.serve()
            if not steps:
                break
        print("create: %d steps, %d kills" % (self.most, self.hits))
        self.assertGreater(self.hits, 0)
        # Killed before the commit, killed after it, and not killed.
        self.assertEqual(seen, {(True, 0), (True, 1), (False, 1)})

    def test_rotate(self):
        name = self.next_name("rotate")
        self.create(name)
        self.stack.settle(self.api, "connections/" + name)
        steps, seen, keys = 1, set(), [self.emulator.api_key, self.second_key]
        while True:
            before = self.credential(name)
            key = keys[before["version"] % 2]
            killed, _ = self.crash(steps, lambda key=key: self.api(
                "ConnectionService.RotateCredential", name="connections/" + name, candidate=self.candidate(key)))
            after = self.credential(name)
            swapped = after != before
            with self.subTest(steps=steps):
                # One key, sealed as the version in use, as often told as it was changed.
                self.assertEqual((after["records"], after["sealed"]), (1, after["version"]))
                self.assertEqual(after["version"], before["version"] + swapped)
                self.assertEqual(after["key_fingerprint"] != before["key_fingerprint"], swapped)
                self.assertEqual(after["state"], ACTIVE)
                self.assertEqual(self.events(name, ROTATED), after["version"] - 1)
                self.assertTrail()
            if killed:
                self.serve()
            self.assertOpens(name)
            seen.add((killed, swapped))
            steps = self.next_steps(steps, killed, (True, True) in seen)
            if not steps:
                break
        print("rotate: %d steps, %d kills" % (self.most, self.hits))
        self.assertGreater(self.hits, 0)
        self.assertEqual(seen, {(True, False), (True, True), (False, True)})
        self.stack.stop_server()
        self.forget(name)
        self.serve()

    def credential(self, name):
        return self.row_of(
            "SELECT c.state, c.credential_version AS version, c.key_fingerprint,"
            " (SELECT count(*) FROM vault_record v WHERE v.connection_id = c.id) AS records,"
            " (SELECT max(v.version) FROM vault_record v WHERE v.connection_id = c.id) AS sealed"
            " FROM connection c WHERE c.id = '%s'" % name)

    def seed(self, name):
        """Content as if synced, for a connection whose organizations have come."""
        self.stack.execute("".join(
            "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, body, content_hash)"
            " SELECT '%s', '%s', %d, n, 1000, 'x', '{}', '' FROM generate_series(1, %d) n;"
            % (e2e.TENANT, name, kind, 2100 if kind == 4 else 3) for kind in range(3, 10)))

    def finish(self, name):
        """Waits until the deletion is over: its receipt."""
        def ended():
            receipt = self.api("ConnectionService.GetDeletionReceipt", name="deletionReceipts/" + name)
            return receipt if receipt.HasField("end_time") else None
        return e2e.wait_for("the end of the deletion", ended)

    def rows_left(self, name):
        tables = [row["table_name"] for row in self.stack.sql(
            "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public'"
            " AND column_name = 'connection_id' AND table_name NOT LIKE 'deletion%'")]
        self.assertIn("mapping", tables)
        return self.number_of("SELECT %s AS n" % " + ".join(
            "(SELECT count(*) FROM %s WHERE connection_id = '%s')" % (table, name) for table in tables))

    def assertDeletedOnce(self, name):
        receipt = self.finish(name)
        counts = {count.kind: count.count for count in receipt.counts}
        self.assertEqual({kind: counts.get(kind) for kind in CONTENT}, CONTENT)
        self.assertEqual(self.rows_left(name), 0)
        self.assertEqual(self.api.fails("ConnectionService.GetConnection", name="connections/" + name).reason,
                         "RESOURCE_NOT_FOUND")
        # The act, and its end.
        self.assertEqual(self.events(name, DELETED), 2)
        self.assertTrail()

    def test_delete(self):
        steps, seen, call_is_over = 1, set(), False
        while True:
            name = self.next_name("delete")
            self.create(name)
            self.stack.settle(self.api, "connections/" + name)
            self.seed(name)
            answered = []

            def delete(name=name, answered=answered):
                answered.append(self.api("ConnectionService.DeleteConnection", name="connections/" + name, force=True))
                self.finish(name)

            killed, _ = self.crash(steps, delete)
            found = self.stack.sql(
                "SELECT c.state, (SELECT count(*) FROM vault_record v WHERE v.connection_id = c.id) AS keys,"
                " (SELECT count(*) FROM removal r WHERE r.connection_id = c.id) AS removals,"
                " (SELECT count(*) FROM deletion_receipt d WHERE d.connection_id = c.id) AS receipts"
                " FROM connection c WHERE c.id = '%s'" % name)
            state = found[0]["state"] if found else 0
            with self.subTest(steps=steps):
                self.assertIn(found, ([{"state": ACTIVE, "keys": 1, "removals": 0, "receipts": 0}],
                                      [{"state": DELETING, "keys": 0, "removals": 1, "receipts": 1}], []))
                self.assertTrue(not answered or state != ACTIVE)
                self.assertEqual(self.events(name, DELETED), {ACTIVE: 0, DELETING: 1, 0: 2}[state])
                self.assertTrail()
            if killed:
                self.serve()
            if state == ACTIVE:
                self.assertOpens(name)
                self.api("ConnectionService.DeleteConnection", name="connections/" + name, force=True)
            with self.subTest(steps=steps):
                self.assertDeletedOnce(name)
            seen.add((killed, state))
            call_is_over = call_is_over or bool(answered)
            if not killed:
                break
            steps += STRIDE if call_is_over else 1
        print("delete: about %d steps, %d kills" % (steps, self.hits))
        self.assertGreater(self.hits, 0)
        # Before the commit, in the midst of the batches, and not at all; by chance also after the last.
        self.assertEqual(seen - {(True, 0)}, {(True, ACTIVE), (True, DELETING), (False, 0)})


if __name__ == "__main__":
    e2e.main()
