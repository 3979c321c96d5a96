"""Everything is done once, with secrets that nothing else looks like; then they are searched for.

In the database and its files, in logs, in all that was answered, in what the process shows of itself:
as they are, in base64, in hex, as in a URL, in UTF-16.
"""

import base64
import contextlib
import glob
import os
import secrets
import shutil
import subprocess
import urllib.parse

import docbridge_e2e as e2e


def forms(text):
    """A text as it could lie somewhere."""
    raw = text.encode()
    found = {"raw": raw, "hex": raw.hex().encode(), "HEX": raw.hex().upper().encode(),
             "URL": urllib.parse.quote(text, safe="").encode(), "JSON": e2e.json.dumps(text)[1:-1].encode(),
             "UTF-16": text.encode("utf-16-le"), "UTF-16BE": text.encode("utf-16-be")}
    for name, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
        # Wherever it begins in what was encoded; the ends depend on the neighbours.
        for shift in range(3):
            whole = encode(b"\0" * shift + raw)
            found["%s+%d" % (name, shift)] = whole[4 if shift else 0: len(whole) // 4 * 4 - 4]
    return found


def search(haystacks, texts):
    """Which texts are where in which form."""
    needles = [(text, form, needle) for text in texts for form, needle in forms(text).items()]
    return [(text, form, place) for place, data in haystacks.items() for text, form, needle in needles
            if needle in data]


# All secrets of a run have it, so that one search finds any of them.
MARK = "Kn" + secrets.token_hex(9)


def canary(kind):
    # With something to escape in it, and not all ASCII.
    return "%s-%s-%s/%%&+\u00fc" % (MARK, kind, secrets.token_hex(6))


def api_key():
    return "ITG.%s%s" % (MARK, secrets.token_hex(22))


class Leak(e2e.Case):
    @classmethod
    def make(cls):
        cls.key = api_key()
        cls.control = "control-" + secrets.token_hex(12)
        stack = e2e.Stack(("--organizations", "8", "--passwords", "120", "--documents", "40", "--flexible-assets",
                           "60", "--checklists", "10", "--password-trait", "value", "--api-key", cls.key),
                          heard=[], serve=False, log_level="debug")
        stack.environment["CONTROL"] = cls.control
        stack.serve()
        return stack

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.secrets = {"key": cls.key}
        cls.api = cls.stack.api()

    def keep(self, name, value):
        self.secrets[name] = value
        return value

    def failing(self, call, *arguments, **options):
        e2e.failure_of(lambda: call(*arguments, **options))

    def connect(self):
        v1 = e2e.protos.v1
        self.connection = self.stack.connect(self.api)
        for name, key in (("wrong key", api_key()), ("broken key", "ITG.%s %s" % (MARK, secrets.token_hex(16)))):
            self.keep(name, key)
            answer = self.api("ConnectionService.TestConnection", candidate=v1.ConnectionCandidate(
                provider=1, region=2, api_key=key))
            self.assertNotEqual(answer.diagnosis, 1)
            self.failing(self.api, "ConnectionService.CreateConnection", connection=v1.Connection(display_name="x"),
                         candidate=v1.ConnectionCandidate(provider=1, region=2, api_key=key))
            self.stack.cli("connection", "test", "--region", "eu", "--api-key-file", "-", stdin=key.encode(),
                           code=None)
        # A key where a name belongs, and one in a message that cannot be decoded.
        self.failing(self.api, "ConnectionService.CreateConnection", connection=v1.Connection(display_name="x" * 300),
                     candidate=v1.ConnectionCandidate(provider=1, region=2, api_key=self.key))
        request = v1.TestConnectionRequest(candidate=v1.ConnectionCandidate(provider=1, region=2, api_key=self.key))
        self.failing(self.api.raw, "ConnectionService.TestConnection", request.SerializeToString() + b"\xff")
        self.api("ConnectionService.TestConnection", name=self.connection)

    def plant(self):
        """Secrets upstream: values, notes, traits."""
        rows = [row for row in self.emulator.dump("passwords")
                if not row["vaulted"] and not row["attributes"]["personal"]]
        for i, row in enumerate(rows):
            self.emulator.mutate("set_password_value", id=row["id"], value=self.keep("value %d" % i, canary("value")))
        organization = rows[0]["organization_id"]
        self.emulator.mutate("add_password", organization_id=organization, name="With notes", category_id=None,
                             value=self.keep("added value", canary("added")), username="root", url="https://x.example",
                             notes=self.keep("notes", canary("notes")))
        kinds = {(row["attributes"]["flexible-asset-type-id"], row["attributes"]["name-key"])
                 for row in self.emulator.dump("flexible_asset_fields") if row["attributes"]["kind"] == "Password"}
        traits = 0
        for row in self.emulator.dump("flexible_assets"):
            changed = dict(row["attributes"]["traits"])
            for key in changed:
                if (row["attributes"]["flexible-asset-type-id"], key) in kinds:
                    changed[key] = self.keep("trait %d" % traits, canary("trait"))
                    traits += 1
            self.emulator.mutate("set_attribute", collection="flexible_assets", id=row["id"], key="traits",
                                 value=changed)
        self.assertGreater(traits, 10)

    def sync(self):
        self.stack.configure(self.api, self.connection)
        self.stack.settle(self.api, self.connection)
        self.assertEqual(self.stack.run(self.api, self.connection).state, 5)
        self.emulator.switch(list_has_password_attribute="value")
        self.assertEqual(self.stack.run(self.api, self.connection).state, 5)
        self.emulator.switch(list_has_password_attribute="absent", malformed_rows=7, nul_in_names=5)
        self.stack.run(self.api, self.connection)
        self.emulator.switch(malformed_rows=0, nul_in_names=0)
        self.stack.run(self.api, self.connection)

    def read(self):
        for company in set(self.stack.mapping(self.api, self.connection).values()):
            for method, items in (("DocumentationService.ListDocuments", "documents"),
                                  ("DocumentationService.ListFlexibleAssets", "flexible_assets"),
                                  ("DocumentationService.ListChecklists", "checklists")):
                self.api.all(method, items, parent=company)
            self.passwords += [one for one in self.api.all("PasswordService.ListPasswords", "passwords",
                                                           parent=company) if one.revealable]

    def reveal(self):
        values = set(self.secrets.values())
        for one in self.passwords[:45]:
            answer = self.api("PasswordService.RevealPassword", name=one.name, timeout=10, reason="needed")
            self.assertIn(answer.plaintext, values)
        for one in self.passwords[:5]:
            value, _ = self.stack.reveal(one.name, "--reason", "needed", "--ticket", "T-1")
            self.assertIn(value, values)
        # Handed on, and opened by somebody else.
        self.stack.cli("policy", "set", "--handoffs", "1h")
        handoffs = [self.stack.json("passwords", "hand-off", one.name, "--to", "tina")["name"]
                    for one in self.passwords[:3]]
        tina = self.stack.token(subject="tina", companies=("elsewhere",))
        for handoff in handoffs[:2]:
            value, _ = self.stack.reveal(handoff, token=tina)
            self.assertIn(value, values)
        # Refused by the CLI, and cut off at a closed pipe.
        self.stack.cli("passwords", "reveal", self.passwords[0].name, code=2)

    def misbehave(self):
        self.emulator.switch(echo_secret_in_errors=True)
        for one, action in zip(self.passwords, ("status:401", "status:403", "status:404", "status:422", "status:429",
                                                "status:500", "status:504", "truncate", "invalid_json", "html_200",
                                                "redirect", "wrong_org", "drop")):
            self.emulator.fault("/passwords/" + one.name.rsplit("/", 1)[1], action)
            self.failing(self.api, "PasswordService.RevealPassword", name=one.name, timeout=10)
        self.emulator.switch(list_show_password="400")
        self.emulator.fault("/passwords?", "status:422", count=2)
        self.stack.run(self.api, self.connection)
        # The database goes while values are under way.
        self.stack.execute("REVOKE INSERT ON audit_event FROM docbridge_server")
        self.failing(self.api, "PasswordService.RevealPassword", name=self.passwords[0].name, timeout=10)
        self.stack.execute("GRANT INSERT ON audit_event TO docbridge_server")
        self.emulator.mutate("revoke_key")
        self.stack.run(self.api, self.connection)
        self.failing(self.api, "PasswordService.RevealPassword", name=self.passwords[0].name, timeout=10)
        self.emulator.mutate("restore_key")

    def control_values(self):
        """Something to be found in each place, so that to find nothing means something."""
        v1 = e2e.protos.v1
        name = "%s %s %s" % (self.control, base64.b64encode(b"x" + self.control.encode()).decode(),
                             self.control.encode().hex())
        self.api("CompanyService.BatchUpsertCompanies", companies=[v1.Company(name="companies/control",
                                                                             display_name=name)])
        self.failing(self.api, "CompanyService.GetCompany", name="companies/nobody",
                     metadata=(("x-request-id", self.control),))
        e2e.failure_of(lambda: self.api("CompanyService.GetCompany", name="companies/" + self.control))

    def haystacks(self):
        self.api.all("AuditService.ListAuditEvents", "audit_events")
        self.api.all("SyncService.ListSyncIssues", "sync_issues", parent=self.connection)
        self.api("ConnectionService.ListConnections")
        self.stack.cli("audit", "list", output="json")
        self.stack.cli("connection", "list", output="json")
        # Buffers into files, then the files.
        self.stack.execute("CHECKPOINT")
        found = {"answers": b"\n".join(self.stack.heard), "database": subprocess.run(
            [e2e.PSQL_BIN + "pg_dump", "-h", self.stack.dir, "-U", "postgres", "--inserts", "docbridge"], check=True,
            stdout=subprocess.PIPE).stdout}
        for path in glob.glob(self.stack.path("data/**"), recursive=True) + glob.glob(self.stack.path("*log")):
            # What the emulator writes of itself is not ours.
            if os.path.isfile(path) and not path.endswith("emulator.log"):
                # Postgres removes what was only temporary, and old segments of its log.
                with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
                    found["file " + os.path.relpath(path, self.stack.dir)] = file.read()
        for name in ("environ", "cmdline"):
            with open("/proc/%d/%s" % (self.stack.server.pid, name), "rb") as file:
                found[name] = file.read()
        return found

    def test_nothing_is_left_anywhere(self):
        self.passwords = []
        self.connect()
        self.plant()
        self.sync()
        self.read()
        self.assertGreater(len(self.passwords), 45)
        self.reveal()
        self.misbehave()
        self.control_values()
        haystacks = self.haystacks()

        # The search works: each kind of place has the control value in it.
        controls = search(haystacks, [self.control])
        places = {place for _, _, place in controls}
        self.assertLessEqual({"answers", "database", "environ", "file docbridged.log"}, places)
        self.assertTrue(any(place.startswith("file data/base/") for place in places), places)
        self.assertTrue(any(place.startswith("file data/pg_wal/") for place in places), places)
        self.assertLessEqual({"raw", "hex", "base64+1"}, {form for _, form, place in controls if place == "database"})
        for form, needle in forms(self.secrets["notes"]).items():
            self.assertEqual(search({"planted": b"..." + needle + b"..."}, [MARK])[0][2], "planted", form)

        for name, value in self.secrets.items():
            self.assertIn(MARK, value, name)
        self.assertEqual([(form, place) for _, form, place in search(haystacks, [MARK])], [])

    def test_process_shows_nothing(self):
        """No core dump, and nobody else may look into it."""
        with open("/proc/%d/limits" % self.stack.server.pid, encoding="ascii") as file:
            core = next(line for line in file if line.startswith("Max core file size"))
        self.assertEqual(core.split()[4:6], ["0", "0"])
        self.assertEqual(self.owner_of_memory(), 0)

    def owner_of_memory(self):
        """Of a docbridged of an ordinary user: what cannot be dumped belongs to root."""
        fifo, program = self.stack.path("config-pipe"), self.stack.path("docbridged")
        os.mkfifo(fifo)
        os.chmod(fifo, 0o666)
        # Where who is not root can reach it.
        shutil.copy(e2e.DOCBRIDGED, program)
        ordinary = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        process = e2e.spawn(ordinary + [program, "--check-config", "--config", fifo], cwd=self.stack.dir,
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=self.stack.environment)
        try:
            # Opens when the other end is read: settings are read after everything else is forbidden.
            with open(fifo, "w", encoding="ascii") as file:
                owner = os.stat("/proc/%d/mem" % process.pid).st_uid
                file.write("token_jwks_file = /nowhere\ntoken_issuer = x\ndatabase_url = dbname=x\n")
                return owner
        finally:
            self.assertEqual(process.wait(60), 0)

    def test_the_store_has_no_place_for_a_value(self):
        columns = self.stack.sql("SELECT table_name, column_name FROM information_schema.columns "
                                 "WHERE table_schema = 'public' AND column_name ~ 'value|secret|notes|plaintext'")
        found = {(row["table_name"], row["column_name"]) for row in columns}
        # How many secrets a budget allows, what kind of secret a text holds, and names of organizations.
        self.assertEqual(found, {("reveal_freeze", "secret_limit"), ("embedded_secret", "secret_kind"),
                                 ("organization_finding", "old_value"), ("organization_finding", "new_value")})


if __name__ == "__main__":
    e2e.main()
