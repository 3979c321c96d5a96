"""The gate as tables: each method of the contract, each kind of caller, and what is answered.

gate.golden has a line a method, and gate_states.golden one for each state of the connection. A new
method fails here until its lines are written: read the difference that the test prints, then

    GATE_GOLDEN=$PWD/tests/e2e/gate.golden GATE_STATES_GOLDEN=$PWD/tests/e2e/gate_states.golden \\
        bazel-bin/tests/e2e/gate_test tests/e2e/gate_test.py

Requests are right in form, and name what there is not, so that who is let in changes nothing of
what other lines need. What there is, and is another's, is asked for in Hidden.
"""

import os
import time
import uuid

import grpc

import docbridge_e2e as e2e
import samples

POLICY, IDEMPOTENCY_LEVEL = 52301, 34
GOLDEN = os.path.join(e2e.ROOT, "tests/e2e/gate.golden")
STATES_GOLDEN = os.path.join(e2e.ROOT, "tests/e2e/gate_states.golden")
STATES = {"ACTIVE": 1, "ERROR": 2, "DISCONNECTED": 3, "DELETING": 4}
PERMISSIONS = ("read_integrations", "manage_integrations", "read_documentation", "read_documentation_passwords",
               "read_audit", "operate_service")
ALL = list(PERMISSIONS)
# In the table a refusal of the gate is a letter, and who is let in has the reason in words, or OK.
LETTERS = {"TOKEN_MISSING": "m", "TOKEN_INVALID": "i", "TOKEN_EXPIRED": "e", "MISSING_PERMISSION": "p",
           "ALL_COMPANIES_REQUIRED": "c"}


def claims(**changes):
    now = int(time.time())
    made = dict({"iss": e2e.ISSUER, "aud": "docbridge", "iat": now, "exp": now + 600, "tenant": e2e.TENANT,
                 "sub": "ada", "actor": "human", "permissions": ALL, "companies": "*", "jti": str(uuid.uuid4())},
                **changes)
    return {key: value for key, value in made.items() if value is not None}


def policy(method):
    """The permission's word, and whether it reaches the tenant: read from the descriptors."""
    service, name = method.split(".")
    found = e2e.protos.pool.FindServiceByName("docbridge.v1." + service).FindMethodByName(name)
    declared = samples.option(found, POLICY)[0]
    permission, reach = (samples.values(declared, number) for number in (1, 4))
    read_only = samples.option(found, IDEMPOTENCY_LEVEL) == [1]
    return PERMISSIONS[permission[0] - 1], reach[0] == 1 if reach else not read_only


class Table(e2e.Case):
    def compare(self, lines, variable, golden):
        """With the table that is kept; writes it where the environment says."""
        if variable in os.environ:
            with open(os.environ[variable], "w", encoding="ascii") as file:
                file.write("\n".join(lines) + "\n")
            return
        with open(golden, encoding="ascii") as file:
            self.assertEqual(lines, file.read().splitlines())


class Matrix(Table):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = cls.stack.api()
        cls.connection = cls.stack.connect(cls.api)
        cls.absent = samples.Samples(e2e.protos)
        # What is pushed is there from then on.
        cls.pushed = samples.Samples(e2e.protos, {"company": "pushed"})

    def sample(self, method):
        return (self.pushed if "Upsert" in method else self.absent)(method)

    def sign(self, **changes):
        return e2e.sign(self.stack, claims(**changes))

    def callers(self):
        """Columns of the table: those who are no one, one right each, then kinds and scopes with all rights."""
        now = int(time.time())
        yield "none", None
        yield "forged", self.sign()[:-8] + "AAAAAAAA"
        yield "expired", self.sign(iat=now - 800, exp=now - 100)
        yield "audience", self.sign(aud="another")
        yield "nothing", self.sign(permissions=[])
        yield "role", self.sign(permissions=["administrator"], role="administrator", roles=["admin"])
        for permission in PERMISSIONS:
            yield permission, self.sign(permissions=[permission])
        for kind in ("human", "service", "agent"):
            yield kind, self.sign(actor=kind)
        yield "no_companies", self.sign(companies=None)
        yield "list", self.sign(companies=["acme"])
        yield "set", self.sign(companies=None, company_scope="no-such-set")
        yield "other_tenant", self.sign(tenant="msp-two")

    def answer(self, caller, method):
        try:
            caller.whole(method, self.sample(method))
        except grpc.RpcError as error:
            reason = e2e.Failure(error).reason
            return LETTERS.get(reason, reason)
        return "OK"

    def line(self, method, callers):
        """A letter or "+" a caller, in the order of the head; then what those with "+" are answered."""
        answers = {name: self.answer(caller, method) for name, caller in callers.items()}
        marks = "".join(answer if answer in LETTERS.values() else "+" for answer in answers.values())
        let_in = {answer for answer in answers.values() if answer not in LETTERS.values()}
        return "%-28s %-30s %s %s" % (*method.split("."), marks, ",".join(sorted(let_in)))

    def test_the_table(self):
        callers = {name: self.api.with_token(token) for name, token in self.callers()}
        lines = ["# " + ", ".join(callers),
                 "# " + ", ".join("%s %s" % (letter, reason) for reason, letter in LETTERS.items()) + ", + let in"]
        lines += [self.line(method, callers) for method in e2e.protos.methods()]
        self.compare(lines, "GATE_GOLDEN", GOLDEN)

    def test_the_table_agrees_with_the_contract(self):
        """What a right or a scope opens, as the policies say; so the table cannot be wrong on both sides."""
        with open(GOLDEN, encoding="ascii") as file:
            head, _, *lines = file.read().splitlines()
        names = head[2:].split(", ")
        contained = {"read_integrations": {"read_integrations", "manage_integrations"}}
        for line in lines:
            service, method, marks = line.split()[:3]
            mark = dict(zip(names, marks))
            permission, tenant = policy(service + "." + method)
            opens = {name for name in PERMISSIONS if mark[name] == "+"}
            self.assertEqual(opens, contained.get(permission, {permission}), line)
            for name in ("no_companies", "list", "set"):
                self.assertEqual(mark[name], "c" if tenant else "+", line)
            for name in ("human", "service", "agent", "other_tenant"):
                self.assertEqual(mark[name], "+", line)
            self.assertEqual(marks[:6], "mieipp", line)


class Hidden(Table):
    """What is another's answers like what there is not: the same bytes but for the name."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = cls.stack.api()
        cls.connection = cls.stack.connect(cls.api)
        cls.stack.configure(cls.api, cls.connection)
        cls.stack.settle(cls.api, cls.connection)
        mapping = cls.stack.mapping(cls.api, cls.connection)
        for cls.organization, company in mapping.items():
            cls.passwords = cls.api.all("PasswordService.ListPasswords", "passwords", parent=company)
            cls.documents = cls.api.all("DocumentationService.ListDocuments", "documents", parent=company)
            cls.assets = cls.api.all("DocumentationService.ListFlexibleAssets", "flexible_assets", parent=company)
            cls.checklists = cls.api.all("DocumentationService.ListChecklists", "checklists", parent=company)
            if cls.passwords and cls.documents and cls.assets and cls.checklists:
                break
        cls.company = company
        cls.elsewhere = next(one for one in mapping.values() if one != company).split("/")[1]
        v1 = e2e.protos.v1
        cls.api("CompanySetService.UpsertCompanySet",
                company_set=v1.CompanySet(name="companySets/others", companies=["companies/" + cls.elsewhere]))
        cls.ids = cls.known_ids()
        cls.known = samples.Samples(e2e.protos, cls.ids)

    def setUp(self):
        # Runs that a test before this one began ask upstream too.
        self.stack.settle(self.api, self.connection)

    @classmethod
    def known_ids(cls):
        """An id of something that there is, for each variable of a name. None: the server never tells one."""
        last = lambda name: name.rsplit("/", 1)[1]
        first = lambda method, items, parent=cls.connection: last(cls.api.all(method, items, parent=parent)[0].name)
        event = cls.api("AuditService.ListAuditEvents", page_size=1).audit_events[0]
        cls.stack.execute("INSERT INTO deletion_receipt VALUES ('%s', 'bygone', 'IT Glue', 1, 'ada', 'Ada', 1, 0, now())"
                          % e2e.TENANT)
        return {
            "company": last(cls.company), "connection": last(cls.connection), "organization": cls.organization,
            "flexible_asset_type": first("ConfigService.ListFlexibleAssetTypes", "flexible_asset_types"),
            "password_category": first("ConfigService.ListPasswordCategories", "password_categories"),
            "sync_run": last(cls.api("SyncService.ListSyncRuns", parent=cls.connection).sync_runs[0].name),
            "password": last(cls.passwords[0].name), "document": last(cls.documents[0].name),
            "flexible_asset": last(cls.assets[0].name), "checklist": last(cls.checklists[0].name),
            "checklist_template": first("DocumentationService.ListChecklistTemplates", "checklist_templates"),
            "audit_event": last(event.name), "company_set": "others", "deletion_receipt": "bygone"}

    def answer(self, caller, method, request):
        """Everything of an answer that is not its own: code, text and details, with ids as blanks."""
        metadata = (("x-request-id", "the-same"),)
        path, _, output_type, streams = e2e.protos.method(method)
        make = caller.channel.unary_stream if streams else caller.channel.unary_unary
        call = make(path, request_serializer=lambda m: m.SerializeToString(),
                    response_deserializer=output_type.FromString)
        try:
            response = call(request, timeout=10, metadata=caller.metadata() + metadata)
            if not streams:
                return "OK", response
            # Some never end: the first message shows that the way is open.
            first = next(iter(response))
            response.cancel()
            return "OK", [first]
        except grpc.RpcError as error:
            failure = e2e.Failure(error)
            return failure.code, failure.reason, failure.message, failure.raw

    def blank(self, answer, ids):
        code, reason, text, raw = answer
        for value in sorted(set(ids.values()), key=len, reverse=True):
            text, raw = text.replace(value, "$"), raw.replace(value.encode(), b"$")
        return code, reason, text, raw

    def same_length(self, ids):
        """Ids of what there is not, as long as those that there are: lengths stand in the bytes."""
        return {name: (value[:-3] + "qqq" if not value.isdigit() else "9" * len(value)) for name, value in ids.items()}

    def assertHidden(self, caller, method, variables, limited=False):
        """`variables` are those of the ids that are hidden from the caller; one with a limit does not get far."""
        hidden = {name: value for name, value in self.ids.items() if name in variables}
        absent = dict(self.ids, **self.same_length(hidden))
        found = self.blank(self.answer(caller, method, self.known(method)), hidden)
        missing = self.blank(self.answer(caller, method, samples.Samples(e2e.protos, absent)(method)),
                             {name: absent[name] for name in hidden})
        refused = limited and policy(method)[1]
        expected = (grpc.StatusCode.PERMISSION_DENIED, "ALL_COMPANIES_REQUIRED") if refused else (
            grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND")
        self.assertEqual(found[:2], expected, (method, found))
        self.assertEqual(found, missing, method)

    def methods(self, wanted):
        for method in e2e.protos.methods():
            variables = {name for pattern in self.known.names(method)
                         for name in samples.variables(pattern)}
            # What is pushed is the caller's own, whoever else has something of that id.
            if variables & wanted and "Upsert" not in method:
                yield method, variables

    def test_what_another_tenant_has(self):
        eve = self.api.with_token(e2e.sign(self.stack, claims(tenant="msp-two", sub="eve")))
        requests = self.emulator.count()
        asked = 0
        for method, variables in self.methods(set(self.ids)):
            with self.subTest(method=method):
                # All of it is the other's.
                self.assertHidden(eve, method, variables)
                asked += 1
        self.assertGreater(asked, 25)
        self.assertEqual(self.emulator.count(), requests)

    def test_companies_out_of_sight(self):
        for scope in ({"companies": [self.elsewhere]}, {"companies": []}, {"companies": None},
                      {"companies": None, "company_scope": "others"},
                      {"companies": None, "company_scope": "no-such-set"}):
            caller = self.api.with_token(e2e.sign(self.stack, claims(sub="carl", **scope)))
            for method, variables in self.methods({"company", "organization"}):
                with self.subTest(method=method, scope=scope):
                    # Of a connection, which is in sight, the organization is what is hidden.
                    self.assertHidden(caller, method, variables - {"connection"}, limited=True)
            self.assertNotIn(self.company, str(caller("CompanyService.ListCompanies", page_size=1000)))

    def test_states(self):
        """What a state of the connection leaves open, of what there is. Verbs that end a state are
        judged by connection_state_test."""
        methods = [method for method in e2e.protos.methods() if self.asks_connection(method)]
        # ACTIVE comes last: it has runs, and one that succeeds ends ERROR.
        answers = {state: [self.in_state(STATES[state], method) for method in methods]
                   for state in reversed(STATES)}
        lines = ["# " + ", ".join(STATES)]
        lines += ["%-22s %-28s %s" % (*method.split("."), " ".join(answers[state][i] for state in STATES))
                  for i, method in enumerate(methods)]
        self.compare(lines, "GATE_STATES_GOLDEN", STATES_GOLDEN)

    def asks_connection(self, method):
        """Names one, or reads what came from it; but for the verbs that end a state."""
        variables = {name for pattern in self.known.names(method) for name in samples.variables(pattern)}
        service, name = method.split(".")
        return ("connection" in variables or service in ("DocumentationService", "PasswordService")) and name not in (
            "DisconnectConnection", "RotateCredential", "DeleteConnection")

    def in_state(self, state, method):
        self.stack.execute("UPDATE connection SET state = %d WHERE tenant = '%s'" % (state, e2e.TENANT))
        code, reason = self.answer(self.api, method, self.known(method))[:2]
        return "OK" if code == "OK" else reason


if __name__ == "__main__":
    e2e.main()
