"""Reveals against a whole upstream: who may see what, how much of it, and what stays behind."""

import concurrent.futures
import threading
import time

import grpc

import docbridge_e2e as e2e

DENIED, EXHAUSTED = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.RESOURCE_EXHAUSTED
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
PASSWORDS = 3
REVEAL = "PasswordService.RevealPassword"


class Reveals(e2e.Case):
    @classmethod
    def make(cls):
        return e2e.Stack(("--organizations", "8", "--passwords", "120", "--documents", "10", "--flexible-assets", "10",
                          "--checklists", "4"), heard=[])

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = cls.stack.api()
        cls.connection = cls.stack.connect(cls.api)
        cls.stack.configure(cls.api, cls.connection)
        cls.stack.settle(cls.api, cls.connection)
        cls.mapping = cls.stack.mapping(cls.api, cls.connection)
        cls.truth = {int(one["id"]): one for one in cls.emulator.dump("passwords")}
        cls.names = {}
        for company in sorted(set(cls.mapping.values())):
            for one in cls.api.all("PasswordService.ListPasswords", "passwords", parent=company):
                if one.revealable and cls.truth[cls.number(one.name)]["secret"]:
                    cls.names[cls.number(one.name)] = one.name

    @staticmethod
    def number(name):
        return int(name.rsplit("/", 1)[1])

    def tearDown(self):
        super().tearDown()
        self.emulator.calm()
        self.policy()

    def policy(self, **fields):
        """Everything but `fields` becomes the default."""
        policy = e2e.protos.v1.RevealPolicy(name="revealPolicy", **fields)
        return self.api("RevealPolicyService.UpdateRevealPolicy", reveal_policy=policy, update_mask={"paths": ["*"]})

    def person(self, email=None, **changes):
        """An API of somebody whose token says this e-mail."""
        now = int(time.time())
        claims = {"iss": e2e.ISSUER, "aud": "docbridge", "iat": now, "exp": now + 600, "tenant": e2e.TENANT,
                  "sub": "tom", "actor": "human", "companies": "*",
                  "permissions": ["read_documentation", "read_documentation_passwords"]}
        if email:
            claims.update(email=email, email_verified=True)
        return self.api.with_token(e2e.sign(self.stack, dict(claims, **changes)))

    def last_event(self, kind="PASSWORD_REVEAL"):
        return self.api("AuditService.ListAuditEvents", page_size=1, filter="type = " + kind).audit_events[0]

    def last_sequence(self):
        return self.stack.sql("SELECT max(sequence) AS n FROM audit_event")[0]["n"]

    def restricted(self):
        """A restricted entry in no restricted folder, its name, and the e-mails of its authorized users."""
        users = {int(one["id"]): one["attributes"]["email"] for one in self.emulator.dump("users")}
        closed = {int(one["id"]) for one in self.emulator.dump("password_folders")
                  if one["attributes"].get("restricted")}
        for number, row in sorted(self.truth.items()):
            company = self.mapping.get(str(row["organization_id"]))
            said = row["attributes"]
            if (company and said["restricted"] and row["secret"] and not said["archived"] and not said.get("vault-id")
                    and said.get("password-folder-id") not in closed and not said.get("personal")):
                allowed = [users[one["attributes"]["user-id"]] for one in
                           self.emulator.dump("user_resource_accesses")
                           if one["attributes"]["resource-id"] == number]
                if allowed:
                    return row, "%s/passwords/%d" % (company, number), allowed
        raise AssertionError("the account has no restricted password")

    def test_restricted_records_are_for_their_authorized_users(self):
        row, name, allowed = self.restricted()
        path = "/passwords/%d" % self.number(name)
        before = self.emulator.count(path=path)
        self.assertFailure(self.person().fails(REVEAL, name=name, timeout=10), DENIED, "UPSTREAM_RECORD_RESTRICTED")
        # An e-mail that nobody has verified is none.
        unverified = self.person(allowed[0], email_verified=False)
        self.assertFailure(unverified.fails(REVEAL, name=name, timeout=10), DENIED, "UPSTREAM_RECORD_RESTRICTED")
        self.assertEqual(self.emulator.count(path=path), before)
        stranger = self.person("nobody@msp.example")
        failure = stranger.fails(REVEAL, name=name, timeout=10)
        self.assertFailure(failure, DENIED, "UPSTREAM_RECORD_RESTRICTED")
        self.assertEqual(failure.metadata["mode"], "PER_USER")
        self.assertTrue(self.last_event().upstream_served)
        for email in (allowed[0], allowed[0].upper()):
            self.assertEqual(self.person(email)(REVEAL, name=name, timeout=10).plaintext, row["secret"])
        # Who may see it is asked for where that decides; an old version (version_id) never is.
        asked = self.emulator.requests(path=path)[-1]
        self.assertEqual(asked["query"], "show_password=true&include=authorized_users")
        self.assertEqual(self.emulator.count(path=path), before + 3)
        # Without a list nobody is authorized; without links the users are those that came.
        self.emulator.switch(authorized_users="absent")
        self.assertFailure(self.person(allowed[0]).fails(REVEAL, name=name, timeout=10), DENIED,
                           "UPSTREAM_RECORD_RESTRICTED")
        self.emulator.switch(authorized_users="unlinked")
        self.assertEqual(self.person(allowed[0])(REVEAL, name=name, timeout=10).plaintext, row["secret"])
        self.policy(restricted_records=2)
        self.assertEqual(self.person()(REVEAL, name=name, timeout=10).plaintext, row["secret"])
        self.assertEqual(self.emulator.requests(path=path)[-1]["query"], "show_password=true")

    def test_a_budget_holds_over_all_servers(self):
        limit, names = 5, list(self.names.values())[:16]
        self.policy(user_budget=e2e.protos.v1.RevealBudget(limit=limit, freezes=True))
        other = self.person(sub="harvester")
        apis = [other, e2e.Api(self.stack.channel(self.stack.replica()), other.token)]

        def reveal(i):
            try:
                apis[i % 2](REVEAL, name=names[i], timeout=15)
                return "OK"
            except grpc.RpcError as error:
                return e2e.Failure(error).reason

        # Those that are under way when somebody is frozen get nothing any more: there may be none but the first.
        self.assertEqual(reveal(0), "OK")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(reveal, range(1, len(names))))
        self.assertLessEqual(1 + answers.count("OK"), limit)
        self.assertIn("REVEAL_BUDGET_EXCEEDED", answers)
        self.assertEqual(set(answers), {"OK", "REVEAL_BUDGET_EXCEEDED", "REVEALS_FROZEN"} & set(answers))
        freezes = self.api("RevealPolicyService.ListRevealFreezes").reveal_freezes
        self.assertEqual([one.subject for one in freezes], ["harvester"])
        frozen = apis[1].fails(REVEAL, name=names[0], timeout=10)
        self.assertFailure(frozen, PRECONDITION, "REVEALS_FROZEN")
        # Characters are counted, whatever bytes they take.
        self.stack.cli("policy", "unfreeze", freezes[0].name, "--reason", "\u8a66" * 500)
        apis[1](REVEAL, name=names[0], timeout=10)

    def test_a_handoff_opens_once_over_all_servers(self):
        number, name = next(iter(self.names.items()))
        path = "/passwords/%d" % number
        tina = self.person(sub="tina", companies=["no-company"])
        apis = [tina, e2e.Api(self.stack.channel(self.stack.replica()), tina.token)]
        refused = self.stack.cli("passwords", "hand-off", name, "--to", "tina", code=None)
        self.assertIn("HANDOFF_NOT_ALLOWED", refused.err)
        self.stack.cli("policy", "set", "--handoffs", "1h")
        handoff = self.stack.json("passwords", "hand-off", name, "--to", "tina", "--reason", "on call")["name"]
        before = self.emulator.count(path=path)

        def reveal(i):
            try:
                return apis[i % 2](REVEAL, name=name, handoff=handoff, timeout=15).plaintext
            except grpc.RpcError as error:
                return e2e.Failure(error).reason

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(reveal, range(16)))
        self.assertEqual(sorted(answers), sorted([self.truth[number]["secret"]] + ["HANDOFF_NOT_OPEN"] * 15))
        self.assertEqual(self.emulator.count(path=path), before + 1)
        self.assertFailure(tina.fails(REVEAL, name=name, timeout=10), grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND")
        event = self.last_event("PASSWORD_HANDOFF")
        self.assertEqual((event.actor.subject, event.reason), ("ada", "on call"))

    def test_a_handoff_without_the_permission_is_told(self):
        name = next(iter(self.names.values()))
        rita = self.person(sub="rita", permissions=["read_documentation"])
        failure = rita.fails("PasswordService.CreatePasswordHandoff", parent=name, reason="for a friend",
                             password_handoff={"recipient": "tina"})
        self.assertFailure(failure, DENIED, "MISSING_PERMISSION")
        event = self.last_event("PASSWORD_HANDOFF")
        self.assertEqual((event.actor.subject, event.outcome, event.error_reason, event.subject.resource, event.reason),
                         ("rita", 2, "MISSING_PERMISSION", name, "for a friend"))
        self.assertEqual([(one.field, one.new_value) for one in event.changes], [("recipient", "tina")])

    def test_a_handoff_with_the_cli(self):
        number, name = next(iter(self.names.items()))
        tina = self.person(sub="tina", companies=["no-company"])
        self.stack.cli("policy", "set", "--handoffs", "1h")
        handoff = self.stack.json("passwords", "hand-off", name, "--to", "tina")["name"]
        value, _ = self.stack.reveal(handoff, token=tina.token)
        self.assertEqual(value, self.truth[number]["secret"])
        handoff = self.stack.json("passwords", "hand-off", name, "--to", "tina")["name"]
        self.stack.cli("passwords", "withdraw", handoff)
        self.assertFailure(tina.fails(REVEAL, name=name, handoff=handoff, timeout=10), PRECONDITION,
                           "HANDOFF_NOT_OPEN")

    def test_a_budget_says_when_there_is_room(self):
        self.policy(tenant_budget=e2e.protos.v1.RevealBudget(limit=1))
        first, second = list(self.names.values())[:2]
        self.api(REVEAL, name=first, timeout=10)
        failure = self.api.fails(REVEAL, name=second, timeout=10)
        self.assertFailure(failure, EXHAUSTED, "REVEAL_BUDGET_EXCEEDED")
        self.assertEqual((failure.metadata["scope"], failure.metadata["limit"], failure.metadata["window"]),
                         ("TENANT", "1", "3600s"))
        self.assertEqual(failure.details["QuotaFailure"].violations[0].subject, "TENANT")
        self.assertGreater(failure.details["RetryInfo"].retry_delay.seconds, 3000)

    def test_a_key_is_replaced_meanwhile(self):
        """Each reveal takes the old key or the new one, whole: none fails for the change."""
        keys = [self.emulator.api_key, self.emulator.mutate("add_key", key="ITG.the.other.key.of.this.account",
                                                            password_access=True)[0]["key"]]
        done, failures, count, rotations = threading.Event(), [], 0, []

        def rotate():
            turn = 0
            while not done.is_set():
                turn += 1
                candidate = e2e.protos.v1.ConnectionCandidate(provider=1, region=2, api_key=keys[turn % 2])
                self.api("ConnectionService.RotateCredential", name=self.connection, candidate=candidate)
                rotations.append(turn)

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            rotating = pool.submit(rotate)
            name = next(iter(self.names.values()))
            limit = time.time() + 60
            while (len(rotations) < 8 or count < 60) and time.time() < limit and not rotating.done():
                for answer in [pool.submit(self.api, REVEAL, name=name, timeout=10) for _ in range(3)]:
                    count += 1
                    if answer.exception() is not None:
                        failures.append(e2e.Failure(answer.exception()).reason)
            done.set()
            rotating.result()
        row = self.stack.sql("SELECT credential_version FROM connection WHERE state = 1")[0]
        self.assertGreater(int(row["credential_version"]), 2)
        self.assertEqual(failures, [])
        self.assertGreater(count, 3)

    def test_settings_that_never_rest_keep_no_outcome_back(self):
        """Each change of a setting has the gates read again, and waits for the end of the chain as outcomes do."""
        first = int(self.last_sequence())
        stop = threading.Event()

        def push(number):
            api = self.stack.api()
            while not stop.is_set():
                api("CompanyService.BatchUpsertCompanies", companies=[
                    {"name": "companies/unrelated-%d" % number, "display_name": "Nobody %d" % number}])

        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            pushing = [pool.submit(push, number) for number in range(6)]
            try:
                names = [name for _, name in sorted(self.names.items())][:30] * 2
                for name in names:
                    self.assertTrue(self.api(REVEAL, name=name, reason="a test").plaintext)
            finally:
                stop.set()
            for one in pushing:
                one.result()
        rows = self.stack.sql("SELECT phase, count(*) AS n FROM audit_event WHERE type = 1 AND sequence > %d"
                              " GROUP BY phase ORDER BY phase" % first)
        self.assertEqual([(row["phase"], row["n"]) for row in rows], [(1, len(names)), (2, len(names))])

    def test_what_is_changed_upstream_is_no_exposure_any_more(self):
        number, name = list(self.names.items())[-1]
        self.api(REVEAL, name=name, timeout=10)
        found = {"filter": 'viewer.subject = "ada" AND password_entry = "%s"' % name}
        before = self.api("ExposureService.ListExposures", **found).exposures
        self.assertEqual([(one.state, one.password_display_name) for one in before],
                         [(1, self.truth[number]["attributes"]["name"])])
        self.emulator.mutate("set_password_value", id=str(number), value="another value")
        self.stack.run(self.api, self.connection, tasks=[PASSWORDS])
        after = self.api("ExposureService.ListExposures", **found).exposures
        self.assertEqual([one.state for one in after], [2])
        shown = self.stack.cli("exposures", "--user", "ada", "--open", output="json").json
        self.assertNotIn(name, [one["passwordEntry"] for one in shown.get("exposures", [])])

    def test_a_caller_goes_while_upstream_is_asked(self):
        """What upstream did is not known, and that is what the trail says."""
        number, name = next(iter(self.names.items()))
        self.emulator.hold("/passwords/%d" % number)
        before = self.emulator.count(path="/passwords/%d" % number)
        request, call = self.api.prepare(REVEAL, None, {"name": name})
        going = call.future(request, timeout=10, metadata=self.api.metadata())
        e2e.wait_for("upstream to be asked",
                     lambda: self.emulator.count(path="/passwords/%d" % number) > before)
        going.cancel()
        ended = e2e.wait_for("the outcome", lambda: self.last_event() if self.last_event().phase == 2 else None)
        self.assertEqual((ended.outcome, ended.error_reason), (4, "CANCELLED"))


if __name__ == "__main__":
    e2e.main()
