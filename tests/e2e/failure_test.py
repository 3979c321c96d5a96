"""What happens when the database dies or upstream misbehaves: the documented class, nothing more."""

import collections
import signal
import ssl
import threading
import time
import urllib.error
import urllib.request

import grpc

import docbridge_e2e as e2e

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
DEADLINE = grpc.StatusCode.DEADLINE_EXCEEDED
NOT_FOUND = grpc.StatusCode.NOT_FOUND
SUCCEEDED, PARTIAL, FAILED = 5, 6, 7
ORGANIZATIONS, DOCUMENTS, PASSWORDS, ASSETS, CHECKLISTS = 1, 2, 3, 4, 5
# Longer than a busy machine keeps an answer back, shorter than a reveal may take, and than what hangs.
UPSTREAM_MS = "6000"
# What an error's raw body would bring with it.
RAW = ("<html", "<!doctype", '"errors"', "unprocessable", "itglue-emulator")


class Synced(e2e.Case):
    """A stack whose account is synced and whose companies see all of their passwords."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = cls.stack.api()
        cls.connection = cls.stack.connect(cls.api)
        cls.stack.configure(cls.api, cls.connection)
        cls.stack.settle(cls.api, cls.connection)
        cls.mapping = cls.stack.mapping(cls.api, cls.connection)
        cls.passwords = [one for company in sorted(cls.mapping.values()) for one in
                         cls.api.all("PasswordService.ListPasswords", "passwords", parent=company) if one.revealable]
        cls.secrets = {one["id"]: one["secret"] for one in cls.emulator.dump("passwords") if one["secret"]}

    def last_reveal(self):
        """The intent and the outcome of the last reveal."""
        events = self.api("AuditService.ListAuditEvents", page_size=2, filter="type = PASSWORD_REVEAL").audit_events
        outcome, intent = events
        self.assertEqual((intent.phase, outcome.phase, outcome.related_event), (1, 2, intent.name))
        return intent, outcome

    def tasks(self, run):
        return {task.kind: task for task in run.tasks}

    def assertNothingLeaked(self):
        """No value, no key and no raw body in what was answered and logged."""
        said = "\n".join(one.decode("utf-8", "replace") for one in self.stack.heard) + self.stack.log_text()
        for secret in list(self.secrets.values()) + [self.emulator.api_key]:
            self.assertNotIn(secret, said)
        for word in RAW:
            self.assertNotIn(word, said.lower())


class RevealFaults(Synced):
    @classmethod
    def make(cls):
        return e2e.Stack(("--organizations", "8", "--passwords", "80", "--documents", "20", "--flexible-assets", "20",
                          "--checklists", "8"), heard=[], upstream_timeout_ms=UPSTREAM_MS)

    def setUp(self):
        self.emulator.calm()
        self.password = next(one for one in self.passwords if one.name.rsplit("/", 1)[1] in self.secrets)
        self.id = self.password.name.rsplit("/", 1)[1]

    def tearDown(self):
        super().tearDown()
        self.emulator.calm()
        # The next reveal is served as if nothing had been.
        answer = self.api("PasswordService.RevealPassword", name=self.password.name, timeout=10)
        self.assertEqual(answer.plaintext, self.secrets[self.id])
        self.assertNothingLeaked()

    # fault, its fields, code, reason, audited outcome
    FAULTS = (
        ("status:401", {}, PRECONDITION, "UPSTREAM_PASSWORD_ACCESS_DISABLED", 3),
        ("status:403", {}, PRECONDITION, "UPSTREAM_KEY_REJECTED", 3),
        ("status:403", {"body": "html"}, PRECONDITION, "UPSTREAM_KEY_REJECTED", 3),
        ("status:404", {}, NOT_FOUND, "UPSTREAM_RECORD_GONE", 3),
        ("status:404", {"body": "html"}, NOT_FOUND, "UPSTREAM_RECORD_GONE", 3),
        ("status:422", {}, UNAVAILABLE, "UPSTREAM_ERROR", 3),
        ("status:429", {}, EXHAUSTED, "UPSTREAM_RATE_LIMITED", 3),
        ("status:429", {"retry_after": 7}, EXHAUSTED, "UPSTREAM_RATE_LIMITED", 3),
        ("status:500", {"body": "html"}, UNAVAILABLE, "UPSTREAM_ERROR", 3),
        ("status:502", {"body": "html"}, UNAVAILABLE, "UPSTREAM_ERROR", 3),
        ("status:503", {"body": "html"}, UNAVAILABLE, "UPSTREAM_ERROR", 3),
        ("status:504", {"body": "html"}, DEADLINE, "UPSTREAM_TIMEOUT", 4),
        ("hang", {"ms": 9000}, DEADLINE, "UPSTREAM_TIMEOUT", 4),
        ("truncate", {"framing": "length"}, UNAVAILABLE, None, 4),
        ("truncate", {"framing": "chunked"}, UNAVAILABLE, None, 4),
        ("truncate", {"framing": "close"}, UNAVAILABLE, None, 4),
        ("drop", {}, UNAVAILABLE, "UPSTREAM_UNREACHABLE", 4),
        ("invalid_json", {}, UNAVAILABLE, "UPSTREAM_ANSWER_INVALID", 4),
        ("html_200", {}, UNAVAILABLE, "UPSTREAM_ANSWER_INVALID", 4),
        ("redirect", {}, UNAVAILABLE, "UPSTREAM_UNEXPECTED_REDIRECT", 3),
        ("wrong_org", {}, NOT_FOUND, "RESOURCE_NOT_FOUND", 2),
    )

    def refuse(self, action, fields, code, reason, outcome):
        self.emulator.fault("/passwords/" + self.id, action, **fields)
        before = self.emulator.count(path=self.id)
        failure = self.api.fails("PasswordService.RevealPassword", name=self.password.name, timeout=12)
        self.assertFailure(failure, code, reason or failure.reason)
        self.assertIn(failure.reason, (reason,) if reason else ("UPSTREAM_UNREACHABLE", "UPSTREAM_ANSWER_INVALID"))
        # Once, whatever came: upstream may have served it.
        self.assertEqual(self.emulator.count(path=self.id), before + 1)
        intent, event = self.last_reveal()
        self.assertEqual((event.outcome, event.error_reason, event.subject.resource),
                         (outcome, failure.reason, self.password.name))
        self.assertEqual(intent.actor.subject, "ada")
        return failure, event

    def test_faults(self):
        for action, fields, code, reason, outcome in self.FAULTS:
            with self.subTest(action=action, fields=fields):
                failure, event = self.refuse(action, fields, code, reason, outcome)
                status = int(action[7:]) if action.startswith("status:") else {
                    "invalid_json": 200, "html_200": 200, "redirect": 302, "wrong_org": 200}.get(action)
                if status is not None:
                    self.assertEqual(event.upstream_status, status)
                if reason == "UPSTREAM_ERROR":
                    self.assertEqual(failure.metadata["http_status"], str(status))
                if "retry_after" in fields:
                    self.assertEqual(failure.details["RetryInfo"].retry_delay.seconds, fields["retry_after"])
                if code == DEADLINE:
                    self.assertEqual(failure.metadata["audit_event"], event.name)
                self.assertEqual(event.upstream_served, action == "wrong_org")
        # The key went to no other host.
        redirected = self.emulator.requests(region="redirect-target")
        self.assertEqual([one for one in redirected if one["had_key"]], [])
        self.assertEqual(redirected, [])

    def test_when_to_retry(self):
        """The contract promises it whether or not upstream said when."""
        for action, code, reason in (("status:429", EXHAUSTED, "UPSTREAM_RATE_LIMITED"),
                                     ("status:503", UNAVAILABLE, "UPSTREAM_ERROR"),
                                     ("drop", UNAVAILABLE, "UPSTREAM_UNREACHABLE")):
            with self.subTest(action=action):
                failure, _ = self.refuse(action, {}, code, reason, 4 if action == "drop" else 3)
                self.assertGreater(failure.details["RetryInfo"].retry_delay.ToMilliseconds(), 0)

    def test_bodies_with_secrets(self):
        self.emulator.switch(echo_secret_in_errors=True)
        # The emulator does what it is asked for, else what follows proves nothing.
        self.emulator.fault("/passwords/" + self.id, "status:422")
        request = urllib.request.Request(
            "%s/passwords/%s?show_password=true" % (self.emulator.url("eu"), self.id),
            headers={"x-api-key": self.emulator.api_key})
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, context=ssl.create_default_context(cafile=self.stack.path("ca.pem")))
        self.assertIn(self.secrets[self.id], e2e.json.loads(caught.exception.read())["errors"][0]["detail"])
        for action, fields, code, reason, outcome in self.FAULTS:
            if action.startswith("status:"):
                self.refuse(action, fields, code, reason, outcome)
        self.assertNothingLeaked()

    def test_password_access_off(self):
        self.emulator.switch(echo_secret_in_errors=True)
        self.emulator.mutate("password_access", on=False)
        try:
            failure = self.api.fails("PasswordService.RevealPassword", name=self.password.name, timeout=10)
            self.assertFailure(failure, PRECONDITION, "UPSTREAM_PASSWORD_ACCESS_DISABLED")
        finally:
            self.emulator.mutate("password_access", on=True)

    def test_live_record_decides(self):
        """Changed upstream since the sync: the value comes, is judged, and is not handed out."""
        company = self.password.name.rsplit("/passwords/", 1)[0]
        v1 = e2e.protos.v1
        row = next(one for one in self.emulator.dump("passwords") if one["id"] == self.id)
        other = next(key for key in self.mapping if key != str(row["organization_id"]))
        categories = [one.name for one in self.api("ConfigService.ListPasswordCategories",
                                                   parent=self.connection).password_categories]
        own = [one for one in categories if one.endswith("/%s" % row["attributes"]["password-category-id"])]
        foreign = next(one for one in categories if one not in own)

        def denied(code, reason):
            failure = self.api.fails("PasswordService.RevealPassword", name=self.password.name, timeout=10)
            self.assertFailure(failure, code, reason)
            _, event = self.last_reveal()
            self.assertEqual((event.outcome, event.upstream_served, event.upstream_status), (2, True, 200))

        def level(number, chosen=()):
            access = v1.CompanyPasswordAccess(name=company + "/passwordAccess", level=number,
                                              password_categories=chosen, include_uncategorized=not own)
            self.api("ConfigService.UpdateCompanyPasswordAccess", company_password_access=access,
                     update_mask={"paths": ["*"]})

        for key in ("restricted", "archived"):
            self.emulator.mutate("set_attribute", collection="passwords", id=self.id, key=key, value=True)
            denied(*{"restricted": (grpc.StatusCode.PERMISSION_DENIED, "UPSTREAM_RECORD_RESTRICTED"),
                     "archived": (PRECONDITION, "PASSWORD_ARCHIVED_UPSTREAM")}[key])
            self.emulator.mutate("set_attribute", collection="passwords", id=self.id, key=key, value=False)
        level(2, own)
        self.emulator.mutate("set_password_category", id=self.id, category_id=int(foreign.rsplit("/", 1)[1]))
        self.assertIn(self.password.name, [one.name for one in self.api.all(
            "PasswordService.ListPasswords", "passwords", parent=company)])
        denied(PRECONDITION, "CATEGORY_NOT_ALLOWED")
        self.emulator.mutate("set_password_category", id=self.id,
                             category_id=row["attributes"]["password-category-id"])
        level(3)
        self.emulator.mutate("move_password", id=self.id, organization_id=int(other))
        denied(NOT_FOUND, "RESOURCE_NOT_FOUND")
        self.emulator.mutate("move_password", id=self.id, organization_id=row["organization_id"])

    def test_no_audit_no_value(self):
        self.stack.execute("REVOKE INSERT ON audit_event FROM docbridge_server")
        try:
            before = self.emulator.count()
            failure = self.api.fails("PasswordService.RevealPassword", name=self.password.name, timeout=10)
            self.assertFailure(failure, UNAVAILABLE, "AUDIT_UNAVAILABLE")
            self.assertIn("RetryInfo", failure.details)
            self.assertEqual(self.emulator.count(), before)
        finally:
            self.stack.execute("GRANT INSERT ON audit_event TO docbridge_server")

    def test_no_outcome_no_value(self):
        """The audit trail takes the intent and nothing after it: what came is not handed out."""
        self.stack.execute(
            "CREATE FUNCTION goes() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'permission denied' USING ERRCODE = '42501'; END $$;"
            "CREATE TRIGGER goes BEFORE INSERT ON audit_event FOR EACH ROW WHEN (NEW.phase = 2) EXECUTE FUNCTION goes()")
        try:
            failure = self.api.fails("PasswordService.RevealPassword", name=self.password.name, timeout=14)
        finally:
            self.stack.execute("DROP TRIGGER goes ON audit_event; DROP FUNCTION goes")
        self.assertFailure(failure, UNAVAILABLE, "AUDIT_UNAVAILABLE")
        self.assertEqual(self.emulator.count(path=self.id), 1)
        # The intent stands alone, and says so after a minute.
        intent = self.api("AuditService.ListAuditEvents", page_size=1, filter="type = PASSWORD_REVEAL").audit_events[0]
        self.assertEqual(intent.phase, 1)
        self.stack.execute("UPDATE audit_event SET event_time = event_time - interval '2 minutes' "
                           "WHERE sequence = %d" % intent.sequence)
        self.assertEqual(self.api("AuditService.GetAuditEvent", name=intent.name).outcome, 5)


class SyncFaults(Synced):
    @classmethod
    def make(cls):
        return e2e.Stack(("--organizations", "8", "--passwords", "80", "--documents", "60", "--flexible-assets", "60",
                          "--checklists", "12"), heard=[], upstream_timeout_ms=UPSTREAM_MS)

    def tearDown(self):
        super().tearDown()
        self.emulator.calm()
        run = self.stack.run(self.api, self.connection)
        self.assertEqual(run.state, SUCCEEDED, run)
        self.assertEqual(self.content(), self.before)
        self.assertNothingLeaked()

    def setUp(self):
        self.emulator.calm()
        self.before = self.content()

    def content(self):
        return self.stack.sql("SELECT kind, id::text, organization_id::text, display_name, encode(content_hash, 'hex')"
                              " AS hash FROM record ORDER BY kind, id")

    def test_passing_faults(self):
        """One of each, on different requests of one run: none is seen at its end."""
        actions = (("status:500", {"body": "html"}), ("status:502", {"body": "html"}),
                   ("status:503", {"body": "html"}), ("truncate", {"framing": "length"}),
                   ("truncate", {"framing": "chunked"}), ("invalid_json", {}), ("html_200", {}), ("drop", {}),
                   ("hang", {"ms": 9000}))
        paths = ("/organizations?", "/flexible_asset_types?", "/passwords?", "/flexible_assets?",
                 "/checklists?", "/checklist_templates?", "/relationships/documents?", "/password_folders?",
                 "/document_folders?")
        for path, (action, fields) in zip(paths, actions):
            # Types and categories are read once in a run, without another try.
            if path != "/flexible_asset_types?":
                self.emulator.fault(path, action, **fields)
        self.emulator.fault("/relationships/documents?", "truncate", framing="close", skip=2)
        run = self.stack.run(self.api, self.connection, seconds=90)
        self.assertEqual(run.state, SUCCEEDED, run)
        self.assertGreaterEqual(len([one for one in self.emulator.requests() if one["fault"]]), 5)
        self.assertEqual(self.content(), self.before)

    def fail_task(self, path, action, reason, kind, **fields):
        self.emulator.fault(path, action, count=1000, **fields)
        run = self.stack.run(self.api, self.connection, seconds=90)
        self.assertEqual(run.state, PARTIAL, run)
        tasks = self.tasks(run)
        self.assertEqual((tasks[kind].state, tasks[kind].error_reason), (7, reason), run)
        self.assertTrue(tasks[kind].error_message)
        self.assertEqual([one.state for number, one in tasks.items() if number != kind], [5] * 4)
        # A task that failed deletes nothing.
        self.assertEqual(self.content(), self.before)
        # One task's refusal is not the key's.
        self.assertEqual(self.api("ConnectionService.GetConnection", name=self.connection).state, 1)
        self.emulator.ask("DELETE", "/faults")

    def test_lasting_faults_fail_one_task(self):
        self.fail_task("/checklists?", "status:401", "UPSTREAM_ACCESS_DENIED", CHECKLISTS)
        self.fail_task("/flexible_assets?", "status:403", "UPSTREAM_KEY_REJECTED", ASSETS)
        self.fail_task("/flexible_assets?", "status:422", "UPSTREAM_ERROR", ASSETS)
        self.fail_task("/passwords?", "redirect", "UPSTREAM_UNEXPECTED_REDIRECT", PASSWORDS)
        self.assertEqual(self.emulator.count(region="redirect-target"), 0)

    def test_rows_of_another_organization(self):
        """A row out of scope is never stored as somebody else's."""
        self.emulator.fault("/relationships/documents?", "wrong_org", count=1000)
        run = self.stack.run(self.api, self.connection, seconds=90)
        self.assertNotEqual(self.tasks(run)[DOCUMENTS].state, 5)
        owners = {(row["kind"], row["id"]): row["organization_id"] for row in self.before}
        for row in self.content():
            self.assertEqual(row["organization_id"], owners[row["kind"], row["id"]])
        issues = self.api.all("SyncService.ListSyncIssues", "sync_issues", parent=self.connection)
        self.assertIn(3, {issue.kind for issue in issues})

    def test_revoked_key(self):
        """The connection says so; lists go on, marked stale; nothing is lost; it heals."""
        self.emulator.mutate("revoke_key")
        try:
            run = self.stack.run(self.api, self.connection)
            self.assertEqual(run.state, FAILED)
            connection = self.api("ConnectionService.GetConnection", name=self.connection)
            self.assertEqual((connection.state, connection.problem.reason), (2, "UPSTREAM_KEY_REJECTED"))
            self.assertEqual(self.content(), self.before)
            company = self.passwords[0].name.rsplit("/passwords/", 1)[0]
            listed = self.api("PasswordService.ListPasswords", parent=company)
            self.assertTrue(listed.passwords and listed.freshness.stale)
            requests = self.emulator.count()
            failure = self.api.fails("PasswordService.RevealPassword", name=self.passwords[0].name, timeout=10)
            self.assertFailure(failure, PRECONDITION, "CONNECTION_NOT_ACTIVE")
            self.assertEqual(self.emulator.count(), requests)
            answer = self.api("ConnectionService.TestConnection", name=self.connection)
            self.assertEqual((answer.diagnosis, answer.http_status), (3, 403))
        finally:
            self.emulator.mutate("restore_key")
        # Nothing is synced by a key that was refused, until a test says that it works again.
        failure = self.api.fails("SyncService.RunSync", parent=self.connection)
        self.assertFailure(failure, PRECONDITION, "CONNECTION_NOT_ACTIVE")
        self.assertEqual(failure.metadata["state"], "ERROR")
        self.assertIn("since", failure.metadata)
        self.api("ConnectionService.TestConnection", name=self.connection)
        self.assertEqual(self.api("ConnectionService.GetConnection", name=self.connection).state, 1)
        self.assertEqual(self.stack.run(self.api, self.connection).state, SUCCEEDED)
        # Broken and mended: told once each, however many calls failed meanwhile.
        moves = self.api("AuditService.ListAuditEvents", filter="type = CONNECTION_STATE").audit_events
        self.assertEqual([[change.new_value for change in event.changes if change.field == "state"]
                          for event in moves], [["ACTIVE"], ["ERROR"]])
        self.assertEqual(self.stack.mapping(self.api, self.connection), self.mapping)

    def test_deletions(self):
        """One that is gone upstream goes; a third of a list gone at once is held back."""
        passwords = [row for row in self.before if row["kind"] == 9]
        self.emulator.mutate("delete_password", id=passwords[0]["id"])
        run = self.stack.run(self.api, self.connection)
        self.assertEqual((run.state, self.tasks(run)[PASSWORDS].deleted_count), (SUCCEEDED, 1))
        self.before.remove(passwords[0])
        self.assertEqual(self.content(), self.before)
        gone = [row["id"] for row in passwords[1:1 + len(passwords) // 3]]
        for one in gone:
            self.emulator.mutate("set_attribute", collection="passwords", id=one, key="personal", value=True,
                                 touch=False)
        run = self.stack.run(self.api, self.connection)
        self.assertEqual(self.tasks(run)[PASSWORDS].deleted_count, 0)
        self.assertEqual(self.content(), self.before)
        issue = next(one for one in self.api.all("SyncService.ListSyncIssues", "sync_issues", parent=self.connection)
                     if one.kind == 2)
        self.assertEqual((issue.state, issue.task, issue.held_deletion_count), (1, PASSWORDS, len(gone)))
        for one in gone:
            self.emulator.mutate("set_attribute", collection="passwords", id=one, key="personal", value=False,
                                 touch=False)


class RateLimit(Synced):
    """A limit so low that a run needs several windows of it."""
    LIMIT, WINDOW_MS = 40, 3000

    @classmethod
    def make(cls):
        return e2e.Stack(("--organizations", "24", "--limit", "100000", "--documents", "120", "--passwords", "100",
                          "--flexible-assets", "40", "--checklists", "12"), heard=[],
                         sync_request_limit=str(cls.LIMIT), sync_request_window_ms=str(cls.WINDOW_MS),
                         sync_lease_ms="1000")

    def setUp(self):
        self.emulator.calm()

    def peak(self):
        return self.emulator.ask("GET", "/requests/peak", window_ms=self.WINDOW_MS)["peak"]

    def watched_run(self):
        """A run, and the states it was seen in."""
        name = self.api("SyncService.RunSync", parent=self.connection, mode=2).name
        events = list(self.api.stream("SyncService.WatchSyncRun", name=name))
        kinds = collections.Counter(event.WhichOneof("event") for event in events)
        return events[-1].finished, kinds

    def test_limit_is_kept(self):
        """Never exceeded as upstream counts, and what a run leaves is there for a technician."""
        time.sleep(self.WINDOW_MS / 1000)
        self.emulator.switch(limit=self.LIMIT, window_ms=self.WINDOW_MS)
        name = self.api("SyncService.RunSync", parent=self.connection, mode=2).name
        get = lambda: self.api("SyncService.GetSyncRun", name=name)
        waiting = e2e.wait_for("a wait for quota", lambda: get().state == 3 and get(), 30)
        self.assertTrue(waiting.quota.HasField("resume_time"))
        self.assertEqual(waiting.quota.limit, self.LIMIT)
        for password in self.passwords[:4]:
            self.api("PasswordService.RevealPassword", name=password.name, timeout=10)
        e2e.wait_for("the run", lambda: get().state > 4, 60)
        run = get()
        self.assertEqual(run.state, SUCCEEDED, run)
        self.assertGreater(self.emulator.count(), self.LIMIT)
        self.assertEqual(self.emulator.count(status=429), 0)
        self.assertLessEqual(self.peak(), self.LIMIT)
        self.assertEqual(run.request_count + 4, self.emulator.count())

    def test_limit_is_kept_by_all_servers(self):
        """One of two servers is killed in the middle of a window: the other goes on with the count."""
        time.sleep(self.WINDOW_MS / 1000)
        self.emulator.switch(limit=self.LIMIT, window_ms=self.WINDOW_MS)
        other = e2e.Api(self.stack.channel(self.stack.replica()), self.stack.token())
        name = self.api("SyncService.RunSync", parent=self.connection, mode=2).name
        e2e.wait_for("requests", lambda: self.emulator.count() > self.LIMIT / 3, 30)
        self.stack.stop_server(signal.SIGKILL)
        for password in self.passwords[:4]:
            other("PasswordService.RevealPassword", name=password.name, timeout=10)
        get = lambda: other("SyncService.GetSyncRun", name=name)
        e2e.wait_for("the run", lambda: get().state > 4, 90)
        self.stack.serve()
        self.assertEqual(get().state, SUCCEEDED)
        self.assertGreater(self.emulator.count(), self.LIMIT)
        self.assertEqual(self.emulator.count(status=429), 0)
        self.assertLessEqual(self.peak(), self.LIMIT)

    def test_storm_of_429(self):
        """Somebody else uses the quota too: the run waits as told, or as it thinks right, and ends well."""
        for skip, fields in ((1, {"count": 2}), (6, {"retry_after": 2})):
            self.emulator.fault("", "status:429", skip=skip, body="html", **fields)
        run, kinds = self.watched_run()
        self.assertEqual(run.state, SUCCEEDED, run)
        self.assertGreaterEqual(self.emulator.count(status=429), 3)
        self.assertGreater(kinds["quota_wait"], 0)
        self.assertTrue(0 < run.quota.foreign_count <= self.LIMIT and run.quota.HasField("foreign_time"), run.quota)
        self.assertLessEqual(self.peak(), self.LIMIT)


class Database(Synced):
    @classmethod
    def make(cls):
        return e2e.Stack(("--organizations", "12", "--passwords", "100", "--documents", "60", "--flexible-assets",
                          "60", "--checklists", "12"), heard=[], durable=True, sync_lease_ms="2000")

    def test_killed_in_the_middle(self):
        """As if the power went, under calls, reveals and a run; nothing but the database is started again."""
        company = self.passwords[0].name.rsplit("/passwords/", 1)[0]
        stop, failures, served, lock = threading.Event(), [], [], threading.Lock()

        def loop(method, fields):
            api = e2e.Api(self.stack.channel(), self.stack.token())
            while not stop.is_set():
                try:
                    answer = api(method, timeout=20, **fields)
                    if method.endswith("RevealPassword"):
                        with lock:
                            served.append(answer.audit_event)
                except grpc.RpcError as error:
                    with lock:
                        failures.append((method, e2e.Failure(error)))
                    time.sleep(0.05)

        before = self.stack.sql("SELECT kind, id, encode(content_hash, 'hex') AS h FROM record ORDER BY kind, id")
        self.emulator.switch(latency_ms=40)
        run = self.api("SyncService.RunSync", parent=self.connection)
        threads = [threading.Thread(target=loop, args=arguments) for arguments in (
            ("DocumentationService.ListDocuments", {"parent": company}),
            ("CompanyService.ListCompanies", {}),
            ("PasswordService.RevealPassword", {"name": self.passwords[0].name}),
            ("PasswordService.RevealPassword", {"name": self.passwords[1].name}))]
        for thread in threads:
            thread.start()
        try:
            e2e.wait_for("the first values", lambda: len(served) > 4)
            self.stack.postgres("kill")
            e2e.wait_for("failures of each", lambda: len({method for method, _ in failures}) == 3, 30)
            time.sleep(1)
            self.stack.postgres("start")
            count = len(served)
            e2e.wait_for("values again", lambda: len(served) > count + 3, 30)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertGreater(len(failures), 5)
        for method, failure in failures:
            self.assertEqual(failure.code, UNAVAILABLE, "%s: %s" % (method, failure))
            self.assertIn(failure.reason, ("STORE_UNAVAILABLE", "AUDIT_UNAVAILABLE"))
            self.assertIn("RetryInfo", failure.details)
            # Not what the database is called and where it lies.
            self.assertNotIn(self.stack.dir, failure.message)
        # No value without its outcome in the trail.
        kept = {"auditEvents/%d" % row["sequence"] for row in self.stack.sql(
            "SELECT sequence FROM audit_event WHERE phase = 2 AND outcome = 1")}
        self.assertLessEqual(set(served), kept)
        self.assertEqual(len(served), len(set(served)))
        # The run goes on by itself.
        e2e.wait_for("the run", lambda: self.api("SyncService.GetSyncRun", name=run.name).state > 4, 60)
        self.assertEqual(self.api("SyncService.GetSyncRun", name=run.name).state, SUCCEEDED)
        self.assertEqual(self.stack.sql(
            "SELECT kind, id, encode(content_hash, 'hex') AS h FROM record ORDER BY kind, id"), before)

    def test_backends_killed(self):
        """The database ends all connections: new ones are made at once."""
        for _ in range(5):
            self.stack.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'docbridged'")
            try:
                self.api("CompanyService.ListCompanies", timeout=10)
            except grpc.RpcError as error:
                self.assertFailure(e2e.Failure(error), UNAVAILABLE, "STORE_UNAVAILABLE")
            e2e.wait_for("an answer", self.recovered)

    def test_calls_with_the_database_down(self):
        self.stack.postgres("halt")
        try:
            started = time.monotonic()
            before = self.emulator.count()
            for method, fields in (("CompanyService.ListCompanies", {}),
                                   ("AuditService.ListAuditEvents", {}),
                                   ("PasswordService.RevealPassword", {"name": self.passwords[0].name})):
                failure = self.api.fails(method, timeout=12, **fields)
                self.assertEqual(failure.code, UNAVAILABLE, str(failure))
                self.assertIn(failure.reason, ("STORE_UNAVAILABLE", "AUDIT_UNAVAILABLE"))
            self.assertLess(time.monotonic() - started, 30 * e2e.PATIENCE)
            self.assertEqual(self.emulator.count(), before)
        finally:
            self.stack.postgres("start")
        e2e.wait_for("answers again", self.recovered, 30)

    def recovered(self):
        try:
            return self.api("CompanyService.ListCompanies", timeout=5)
        except grpc.RpcError:
            return None


if __name__ == "__main__":
    e2e.main()
