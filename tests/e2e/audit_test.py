"""The audit trail leaves the server, and proves itself to somebody who trusts nothing but a public key."""

import contextlib
import ctypes
import datetime
import hashlib
import json
import os
import subprocess
import tempfile

import grpc

import docbridge_e2e as e2e

FIELDS = ("tenant sequence event_time_us type phase outcome error_reason actor_subject actor_display_name actor_kind "
          "resource resource_display_name company_id company_display_name organization password_category_display_name "
          "reason ticket request_id peer upstream_status upstream_served policy_version intent_sequence changes").split()


def lp(value):
    data = value if isinstance(value, bytes) else str(value).encode()
    return len(data).to_bytes(8, "big") + data


def signed(line, key):
    """Whether a head or a statement of retention is signed by that key."""
    digest = hashlib.sha256(b"".join(map(lp, ["docbridge.audit.%s.v1" % line["line"], line["tenant"], line["sequence"],
                                              bytes.fromhex(line["hash"]), line["time_us"]]))).digest()
    return ctypes.CDLL("libsodium.so.23").crypto_sign_verify_detached(
        bytes.fromhex(line["signature"]), digest, ctypes.c_ulonglong(len(digest)), key) == 0


def verify(lines, key):
    """By server/audit/README.md alone: the first bad line, or None."""
    lines = [json.loads(line) for line in lines]
    head, before, sequence = lines[0], None, lines[0]["first"]
    if sequence == 1:
        before = "00" * 32
    for number, line in enumerate(lines[1:], 2):
        if line["line"] == "event":
            form = [bytes.fromhex(line["previous_hash"]), "docbridge.audit.v1"] + [line[field] for field in FIELDS]
            digest = hashlib.sha256(b"".join(map(lp, form))).hexdigest()
            if line["sequence"] != sequence or line["hash"] != digest or before not in (None, line["previous_hash"]):
                return number
            before, sequence = digest, sequence + 1
        elif line["line"] == "retained" and line["sequence"] == sequence - 1 and signed(line, key):
            before = line["hash"]
        elif (line["sequence"], line["hash"]) != (sequence - 1, before) or not signed(line, key):
            return number
    return None if sequence == head["last"] + 1 else len(lines)


class Trail(e2e.Case):
    @classmethod
    def make(cls):
        stack = e2e.Stack(serve=False, heard=[], audit_mark_seconds="1")
        with open(os.open(stack.path("audit-key"), os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(os.urandom(32))
        stack.settings["audit_signing_key_file"] = stack.path("audit-key")
        stack.serve()
        return stack

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = cls.stack.api()
        cls.connection = cls.stack.connect(cls.api)
        cls.stack.configure(cls.api, cls.connection)
        cls.stack.settle(cls.api, cls.connection)
        cls.mapping = cls.stack.mapping(cls.api, cls.connection)
        cls.password = next(one for company in sorted(cls.mapping.values()) for one in
                            cls.api.all("PasswordService.ListPasswords", "passwords", parent=company)
                            if one.revealable)
        cls.key = cls.stack.json("audit", "key")["publicKey"]

    def reveal(self):
        return self.api("PasswordService.RevealPassword", name=self.password.name, timeout=14)

    def export(self, name, *arguments):
        path = self.stack.path(name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.stack.cli("audit", "export", *arguments).out)
        return path

    def verify(self, path, *arguments, code=0):
        return self.stack.cli("audit", "verify", path, "--public-key", self.key, *arguments, code=code)

    def test_an_export_proves_itself(self):
        self.reveal()
        path = self.export("whole.jsonl")
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        done = self.stack.json("audit", "verify", path, "--public-key", self.key)
        self.assertEqual(done["eventsBehindTheLastHead"], "0")
        # Somebody else's thirty lines say the same.
        self.assertIsNone(verify(lines, bytes.fromhex(self.key)))
        self.assertEqual(sum('"line":"event"' in line for line in lines),
                         self.stack.sql("SELECT count(*) AS n FROM audit_event WHERE tenant = '%s'" % e2e.TENANT)[0]["n"])
        said = json.loads(self.stack.cli("audit", "verify", output="json").out)
        self.assertGreaterEqual(int(said["signedHeads"]), 1)
        # A later one contains it, and one that was cut short does not.
        self.reveal()
        later = self.export("later.jsonl")
        self.verify(later, "--after", path)
        self.assertIn("an earlier export holds event", self.verify(path, "--after", later, code=1).err)

    def test_a_stretch_goes_on_from_an_earlier_one(self):
        earlier = self.export("earlier.jsonl")
        with open(earlier, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        last = lines[0]["last"]
        self.reveal()
        self.verify(self.export("next.jsonl", "--from", str(last + 1)), "--after", earlier)
        self.assertIn("nothing shows that it goes on", self.verify(
            self.export("apart.jsonl", "--from", str(last + 2)), "--after", earlier, code=1).err)
        # Of a stretch without a head nothing is proven by a key. Heads come by the clock, also between two
        # events; behind an event that another one follows there will be none.
        alone = next(str(one["sequence"]) for one, after in zip(lines, lines[1:])
                     if one["line"] == after["line"] == "event")
        bare = self.export("bare.jsonl", "--from", alone, "--to", alone)
        self.assertIn("nothing of it is proven", self.verify(bare, code=1).err)
        self.stack.cli("audit", "verify", bare)
        # What says how a file is verified is nothing without one.
        for option in (("--after", earlier), ("--public-key", self.key)):
            self.assertIn("which is not given", self.stack.cli("audit", "verify", *option, code=2).err)

    def test_what_nothing_proves_is_said(self):
        earlier = self.export("proven.jsonl")
        self.assertEqual(self.verify(earlier).err, "")
        self.reveal()
        with open(self.export("more.jsonl"), encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        end, proven = lines[-1]["sequence"], max(
            line["sequence"] for line in lines if line["line"] == "head" and line["sequence"] < lines[-1]["sequence"])
        path = self.stack.path("unproven.jsonl")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n" for line in lines[:-1])
        self.assertIn("no signature covers events %d to %d:" % (proven + 1, end), self.verify(path).err)
        # What is not there from the beginning, unless it is known from elsewhere.
        next_one = self.export("next-one.jsonl", "--from", str(end + 1))
        self.assertIn("events 1 to %d are not in the file" % end, self.verify(next_one).err)
        later = self.export("later-one.jsonl", "--from", "3")
        self.assertEqual(self.verify(later, "--after", earlier).err, "")

    def test_an_earlier_one_of_another_tenant_is_told(self):
        other = self.stack.path("other.jsonl")
        with open(other, "w", encoding="utf-8") as file:
            file.write(self.stack.cli("audit", "export", token=self.stack.token(tenant="msp-two")).out)
        self.verify(other)
        self.assertIn("line 1: it is of another tenant than the earlier export", self.verify(
            self.export("mine.jsonl"), "--after", other, code=1).err)

    def test_an_empty_stretch_is_said(self):
        self.reveal()
        for stretch in (("--from", "999999999"), ("--from", "2", "--to", "1"), ("--until", "2001-01-01T00:00:00Z"),
                        ("--since", "2999-01-01T00:00:00Z")):
            done = self.stack.cli("audit", "export", *stretch, code=5)
            self.assertIn("no event in that stretch", done.err)
            self.assertNotIn("not whole", done.err)
            self.assertEqual(done.out, "")
        # Though nobody has done anything since, there is the export itself.
        since = datetime.datetime.now(datetime.timezone.utc).isoformat()
        self.verify(self.export("quiet.jsonl", "--since", since))

    def test_both_find_what_was_changed(self):
        self.reveal()
        with open(self.export("good.jsonl"), encoding="utf-8") as file:
            good = file.read().splitlines()
        key, at = bytes.fromhex(self.key), len(good) // 2
        while '"line":"event"' not in good[at]:
            at += 1
        for bad, number in (
                (good[:at] + [good[at].replace('"outcome":', '"outcome":1')] + good[at + 1:], at + 1),
                (good[:at] + good[at + 1:], at + 1),
                (good[:-1] + [good[-1].replace('"time_us":', '"time_us":1')], len(good)),
                (good[:-2], len(good) - 2)):
            path = self.stack.path("bad.jsonl")
            with open(path, "w", encoding="utf-8") as file:
                file.write("\n".join(bad) + "\n")
            self.assertEqual(verify(bad, key), number)
            self.assertIn("line %d:" % number, self.verify(path, code=1).err)

    def test_a_watcher_sees_all_servers(self):
        other = e2e.Api(self.stack.channel(self.stack.replica()), self.stack.token(), self.stack.heard)
        watching = subprocess.Popen(
            self.stack.cli_arguments("-o", "jsonl", "--limit", "2", "audit", "watch", "--filter",
                                     "type = PASSWORD_REVEAL"), stdout=subprocess.PIPE, text=True)
        try:
            streams = lambda: self.stack.sql("SELECT count(*) AS n FROM audit_event WHERE type = 1")[0]["n"]
            before = streams()
            # Until the watcher is there nothing is told to it.
            e2e.wait_for("the watcher", lambda: other(
                "PasswordService.RevealPassword", name=self.password.name, timeout=14) and
                watching.poll() is not None, 60)
            events = [json.loads(line) for line in watching.stdout]
        finally:
            watching.kill()
            watching.wait()
            watching.stdout.close()
        self.assertEqual([event["type"] for event in events], ["TYPE_PASSWORD_REVEAL"] * 2)
        self.assertGreater(int(events[0]["sequence"]), 0)
        self.assertGreater(streams(), before)

    @contextlib.contextmanager
    def broken(self, breaks, mends):
        self.stack.execute(breaks)
        try:
            yield
        finally:
            self.stack.execute(mends)

    def reads(self):
        try:
            return self.api("CompanyService.ListCompanies")
        except grpc.RpcError:
            return None

    def assertNothingServed(self):
        before = self.emulator.count()
        failure = self.api.fails("PasswordService.RevealPassword", name=self.password.name, timeout=14)
        self.assertFailure(failure, grpc.StatusCode.UNAVAILABLE, "AUDIT_UNAVAILABLE")
        self.assertEqual(self.emulator.count(), before)

    def test_a_full_disk_serves_nothing(self):
        with self.broken("CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
                         " $$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = '53100'; END $$;"
                         "CREATE TRIGGER full_disk BEFORE INSERT ON audit_event EXECUTE FUNCTION full_disk()",
                         "DROP TRIGGER full_disk ON audit_event; DROP FUNCTION full_disk"):
            self.assertNothingServed()
        self.reveal()

    def test_a_database_that_only_reads_serves_nothing(self):
        with self.broken("BEGIN; ALTER DATABASE docbridge SET default_transaction_read_only = on; COMMIT;"
                         "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE usename = 'docbridged'",
                         "BEGIN READ WRITE; ALTER DATABASE docbridge RESET default_transaction_read_only; COMMIT;"
                         "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE usename = 'docbridged'"):
            e2e.wait_for("a connection", self.reads, 30)
            self.assertNothingServed()
        e2e.wait_for("a connection", self.reads, 30)
        self.reveal()


class Standby(e2e.Case):
    """The primary has gone, and what is left is in recovery: until it is promoted, nothing is revealed."""

    @classmethod
    def make(cls):
        return e2e.Stack(("--organizations", "4", "--passwords", "30", "--documents", "4", "--flexible-assets", "4",
                          "--checklists", "2"))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        api = cls.stack.api()
        connection = cls.stack.connect(api)
        cls.stack.configure(api, connection)
        cls.stack.settle(api, connection)
        cls.password = next(
            one.name for company in sorted(set(cls.stack.mapping(api, connection).values()))
            for one in api.all("PasswordService.ListPasswords", "passwords", parent=company) if one.revealable)

    @contextlib.contextmanager
    def standby(self):
        with tempfile.TemporaryDirectory(prefix="docbridge-standby-", dir=e2e.place()) as folder:
            subprocess.run([e2e.POSTGRES, "standby", folder, self.stack.dir], check=True)
            try:
                yield folder
            finally:
                subprocess.run([e2e.POSTGRES, "stop", folder], check=True)

    def test_a_database_in_recovery_serves_nothing(self):
        with self.standby() as folder:
            self.drill(self.password, folder)

    def test_what_was_read_in_recovery_is_read_anew(self):
        """A standby's snapshot does not tell what is under way at the primary: such a change looks as if seen."""
        with self.standby() as folder:
            api = e2e.Api(self.stack.channel(self.stack.replica(
                database_url="host=%s user=docbridged dbname=docbridge" % folder)), self.stack.token())
            change = e2e.spawn([e2e.PSQL_BIN + "psql", "-h", self.stack.dir, "-U", "postgres", "-d", "docbridge",
                                "-XqAt"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            change.stdin.write("BEGIN; UPDATE company_password_access SET level = 1; SELECT pg_current_xact_id();\n")
            change.stdin.flush()
            number = change.stdout.readline().strip()
            self.stack.execute("CREATE TABLE later ()")
            e2e.wait_for("the later one", lambda: self.at(
                folder, "SELECT pg_snapshot_xmax(pg_current_snapshot()) > '%s'" % number) == "t")
            # Allowed, and remembered for the reveal that follows.
            gates = api("PasswordService.ExplainPasswordAccess", name=self.password)
            change.communicate("COMMIT;\n")
            e2e.wait_for("the change", lambda: self.at(
                folder, "SELECT DISTINCT level FROM company_password_access") == "1")
            self.stack.postgres("kill")
            try:
                subprocess.run([e2e.POSTGRES, "promote", folder], check=True)
                asked = self.emulator.count()
                failure = api.fails("PasswordService.RevealPassword", name=self.password, timeout=14)
                self.assertEqual((failure.reason, self.emulator.count()), ("COMPANY_NO_ACCESS", asked), gates)
            finally:
                self.stack.postgres("start")

    def drill(self, password, folder):
        both = e2e.Api(self.stack.channel(self.stack.replica(
            database_url="host=%s,%s user=docbridged dbname=docbridge" % (self.stack.dir, folder))),
            self.stack.token())

        def reveal():
            return both("PasswordService.RevealPassword", name=password, timeout=14)

        before = self.stack.sql("SELECT count(*) AS n FROM audit_event")[0]["n"]
        value = reveal().plaintext
        e2e.wait_for("the standby", lambda: self.events(folder) == before + 2)
        self.stack.postgres("kill")
        try:
            asked = self.emulator.count()
            for _ in range(5):
                failure = e2e.failure_of(reveal)
                self.assertEqual(failure.code, grpc.StatusCode.UNAVAILABLE, failure)
                self.assertIn(failure.reason, ("STORE_UNAVAILABLE", "AUDIT_UNAVAILABLE"))
            self.assertEqual(self.emulator.count(show_password=True), 1)
            self.assertEqual((self.emulator.count(), self.events(folder)), (asked, before + 2))
            subprocess.run([e2e.POSTGRES, "promote", folder], check=True)
            e2e.wait_for("the promoted one", lambda: self.revealed(reveal), 30)
            self.assertEqual(reveal().plaintext, value)
            self.assertEqual(self.events(folder), before + 6)
        finally:
            self.stack.postgres("start")

    @staticmethod
    def at(folder, query):
        return subprocess.run([e2e.PSQL_BIN + "psql", "-h", folder, "-U", "postgres", "-d", "docbridge", "-XqAt", "-c",
                               query], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def events(self, folder):
        return int(self.at(folder, "SELECT count(*) FROM audit_event"))

    @staticmethod
    def revealed(reveal):
        try:
            return reveal()
        except grpc.RpcError:
            return None


if __name__ == "__main__":
    e2e.main()
