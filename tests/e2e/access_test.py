"""Who is let in: tokens that are ended before their time, on every server."""

import subprocess
import time
import uuid

import grpc

import docbridge_e2e as e2e
import samples

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
# What a server answers without its database.
FROM_MEMORY = {"ConnectionService.ListRegions", "AuditService.GetAuditSigningKey"}


def claims(**changes):
    now = int(time.time())
    return dict({"iss": e2e.ISSUER, "aud": "docbridge", "iat": now, "exp": now + 600, "tenant": e2e.TENANT,
                 "sub": "ada", "actor": "human", "permissions": list(e2e.EVERYTHING), "companies": "*",
                 "jti": str(uuid.uuid4())}, **changes)


class Revocation(e2e.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = cls.stack.api()
        cls.connection = cls.stack.connect(cls.api)
        cls.stack.configure(cls.api, cls.connection)
        cls.stack.settle(cls.api, cls.connection)
        cls.company = next(iter(cls.stack.mapping(cls.api, cls.connection).values()))
        cls.other_server = cls.stack.channel(cls.stack.replica())

    def caller(self, **changes):
        return self.api.with_token(e2e.sign(self.stack, claims(**changes)))

    def on_replica(self, api):
        return e2e.Api(self.other_server, api.token)

    def revoke(self, subject):
        return self.api("AccessService.RevokeSubject", subject=subject).revoke_time

    def ask(self, api):
        api("CompanyService.GetCompany", name=self.company)

    def assertRevoked(self, failure):
        self.assertFailure(failure, UNAUTHENTICATED, "TOKEN_REVOKED")

    def refused(self, api):
        self.assertRevoked(api.fails("CompanyService.GetCompany", name=self.company))

    def test_next_call_on_all_servers(self):
        now = int(time.time())
        old, fresh = self.caller(sub="mallory", iat=now - 5), self.caller(sub="mallory", iat=now + 30)
        bystander, namesake = self.caller(sub="mallor"), self.caller(sub="mallory", tenant="msp-two")
        for api in (old, self.on_replica(old), fresh, bystander):
            # Known to the caches of both servers.
            self.ask(api)
        revoked = self.revoke("mallory")
        for api in (old, self.on_replica(old)):
            self.refused(api)
        # One of the second of the revocation is old, one of the next is not.
        self.refused(self.caller(sub="mallory", iat=revoked.seconds))
        self.ask(self.caller(sub="mallory", iat=revoked.seconds + 1))
        for api in (fresh, self.on_replica(fresh), bystander, self.on_replica(bystander)):
            self.ask(api)
        self.assertEqual(len(namesake("CompanyService.ListCompanies").companies), 0)
        # Said again it moves on, and ends what was fresh; never back.
        self.stack.execute("UPDATE subject_revocation SET revoke_time = now() + interval '40 s'"
                           " WHERE subject = 'mallory'")
        later = self.revoke("mallory")
        self.assertGreater(later.seconds, now + 30)
        self.refused(fresh)

    def test_every_method_that_looks_into_the_database(self):
        """Whatever else is wrong or missing, a revoked caller is told so, and nothing is done."""
        gone = self.caller(sub="gone", permissions=list(e2e.EVERYTHING) + ["operate_service"])
        self.revoke("gone")
        requests = self.emulator.count()
        sample = samples.Samples(e2e.protos, {"company": self.company.split("/")[1],
                                              "connection": self.connection.split("/")[1]}, self.emulator.api_key)
        for method in e2e.protos.methods():
            request = sample(method)
            # Only a good token, or none, gets as far as the database.
            if method == "AuditService.WatchAuditEvents":
                request.ClearField("resume_token")
            with self.subTest(method=method):
                if method in FROM_MEMORY:
                    gone.whole(method, request)
                else:
                    self.assertRevoked(e2e.failure_of(lambda method=method, request=request:
                                                      gone.whole(method, request)))
        self.assertEqual(self.emulator.count(), requests)
        self.assertEqual(self.stack.sql("SELECT count(*) FROM audit_event WHERE actor_subject = 'gone'"),
                         [{"count": 0}])

    def test_refused_reveals(self):
        """Their refusal would be recorded first; not so that of a revoked caller."""
        for changes in ({"permissions": []}, {"companies": ["elsewhere"]}, {"companies": "*"}):
            gone = self.caller(sub="gone-too", **changes)
            self.revoke("gone-too")
            self.assertRevoked(gone.fails("PasswordService.RevealPassword", name=self.company + "/passwords/1",
                                          timeout=10))

    def test_streams_end(self):
        watcher = self.caller(sub="watcher")
        self.emulator.switch(latency_ms=2000)
        try:
            run = self.api("SyncService.RunSync", parent=self.connection).name
            stream = watcher.stream("SyncService.WatchSyncRun", name=run)
            next(stream)
            self.revoke("watcher")
            with self.assertRaises(grpc.RpcError) as failed:
                for _ in stream:
                    pass
            self.assertRevoked(e2e.Failure(failed.exception))
            self.assertRevoked(e2e.failure_of(lambda: list(watcher.stream("SyncService.WatchSyncRun", name=run))))
        finally:
            self.emulator.calm()
            self.api("SyncService.CancelSyncRun", name=run)
            self.stack.settle(self.api, self.connection)

    def test_is_audited_and_pruned(self):
        self.stack.execute("INSERT INTO subject_revocation VALUES"
                           " ('%s', 'ancient', now() - interval '31 min'),"
                           " ('%s', 'recent', now() - interval '29 min'),"
                           " ('msp-two', 'ancient', now() - interval '31 min')" % (e2e.TENANT, e2e.TENANT))
        self.revoke("zoe")
        kept = self.stack.sql("SELECT tenant, subject FROM subject_revocation"
                              " WHERE subject IN ('ancient', 'recent', 'zoe') ORDER BY subject")
        self.assertEqual(kept, [{"tenant": "msp-two", "subject": "ancient"},
                                {"tenant": e2e.TENANT, "subject": "recent"},
                                {"tenant": e2e.TENANT, "subject": "zoe"}])
        event = self.api("AuditService.ListAuditEvents", page_size=1).audit_events[0]
        self.assertEqual((event.actor.subject, event.changes[0].field, event.changes[0].new_value),
                         ("ada", "subject", "zoe"))
        for subject in ("", " ", "x" * 129):
            self.assertFailure(self.api.fails("AccessService.RevokeSubject", subject=subject),
                               grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")

    def test_the_callers_clock_counts_if_it_is_ahead(self):
        ahead = int(time.time()) + 40
        manager, victim = self.caller(sub="boss", iat=ahead), self.caller(sub="victim", iat=ahead)
        self.assertEqual(manager("AccessService.RevokeSubject", subject="victim").revoke_time.seconds, ahead)
        self.refused(victim)

    def test_cli(self):
        token = e2e.sign(self.stack, claims(sub="tim"))
        self.stack.cli("company", "list", token=token)
        self.assertIn("revokeTime", self.stack.json("access", "revoke", "tim"))
        done = self.stack.cli("company", "list", token=token, code=9)
        self.assertIn("sign in to your portal again", done.err)


class CompanySets(e2e.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = cls.stack.api()
        cls.connection = cls.stack.connect(cls.api)
        cls.stack.configure(cls.api, cls.connection)
        cls.stack.settle(cls.api, cls.connection)
        mapping = cls.stack.mapping(cls.api, cls.connection)
        for cls.organization, cls.company in mapping.items():
            cls.passwords = cls.api.all("PasswordService.ListPasswords", "passwords", parent=cls.company)
            if cls.passwords:
                break
        cls.other = next(one for one in mapping.values() if one != cls.company)
        cls.samples = samples.Samples(e2e.protos, {
            "company": cls.company.split("/")[1], "connection": cls.connection.split("/")[1],
            "organization": cls.organization, "password": cls.passwords[0].name.rsplit("/", 1)[1]})

    def put(self, name, *companies, api=None, **fields):
        made = e2e.protos.v1.CompanySet(name="companySets/" + name, companies=companies, **fields)
        return (api or self.api)("CompanySetService.UpsertCompanySet", company_set=made)

    def caller(self, **changes):
        made = claims(sub="tess", **changes)
        return self.api.with_token(e2e.sign(self.stack, {key: value for key, value in made.items()
                                                         if value is not None}))

    def by_set(self, name, **changes):
        return self.caller(companies=None, company_scope=name, **changes)

    def answer(self, caller, method):
        try:
            answer = caller.whole(method, self.samples(method))
            if e2e.protos.method(method)[3]:
                return [one.SerializeToString() for one in answer]
            if method.endswith(".ListEmbeddedSecrets"):
                answer.ClearField("scan_as_of_time")  # now, once all is looked at
            return answer.SerializeToString()
        except grpc.RpcError as error:
            failure = e2e.Failure(error)
            return failure.code, failure.reason, failure.message

    def test_a_set_shows_what_a_list_shows(self):
        """Each method that changes nothing, of a company in sight and of one that is not."""
        self.put("mine", self.company)
        shown = 0
        for company in (self.company, self.other):
            by_list, by_set = self.caller(companies=[company.split("/")[1]]), self.by_set("mine")
            self.put("mine", company)
            for method in e2e.protos.methods():
                if not method.split(".")[1].startswith(("Get", "List", "Explain")):
                    continue
                with self.subTest(method=method, company=company):
                    expected = self.answer(by_list, method)
                    self.assertEqual(self.answer(by_set, method), expected)
                    shown += isinstance(expected, bytes)
        self.assertGreater(shown, 20)

    def test_changes_count_on_the_next_call(self):
        caller = self.by_set("moving")
        hidden = caller.fails("CompanyService.GetCompany", name=self.company)
        self.assertFailure(hidden, grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND")
        reveal = {"name": self.passwords[0].name, "reason": "test", "timeout": 10}
        self.put("moving", self.company, "companies/not-pushed-yet")
        caller("CompanyService.GetCompany", name=self.company)
        caller("PasswordService.RevealPassword", **reveal)
        self.assertEqual([one.name for one in caller("CompanyService.ListCompanies").companies], [self.company])
        v1 = e2e.protos.v1
        mine = v1.Company(name=self.company, display_name="Renamed")
        other = v1.Company(name=self.other, display_name="Not mine")
        caller("CompanyService.BatchUpsertCompanies", companies=[mine])
        failure = caller.fails("CompanyService.BatchUpsertCompanies", companies=[mine, other])
        self.assertFailure(failure, grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND")
        self.assertEqual(failure.metadata["resource"], self.other)
        organization = "%s/organizations/%s" % (self.connection, self.organization)
        run = caller("SyncService.RunSync", parent=self.connection, organizations=[organization])
        self.stack.settle(self.api, self.connection)
        self.assertTrue(run.name)
        self.put("moving", self.other)
        for method, fields in (("CompanyService.GetCompany", {"name": self.company}),
                               ("PasswordService.RevealPassword", reveal),
                               ("SyncService.RunSync", {"parent": self.connection, "organizations": [organization]})):
            self.assertFailure(caller.fails(method, **fields), grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND")
        self.put("moving", self.company)
        caller("CompanyService.GetCompany", name=self.company)
        self.api("CompanySetService.DeleteCompanySet", name="companySets/moving")
        self.assertFailure(caller.fails("CompanyService.GetCompany", name=self.company),
                           grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND")

    def test_a_set_is_its_tenants(self):
        eve = self.api.with_token(e2e.sign(self.stack, claims(sub="eve", tenant="msp-two")))
        self.put("shared-name", self.company, api=eve)
        self.assertEqual(len(self.by_set("shared-name")("CompanyService.ListCompanies").companies), 0)
        self.put("shared-name", self.company)
        self.assertEqual(len(self.by_set("shared-name", tenant="msp-two")("CompanyService.ListCompanies").companies), 0)
        self.assertEqual(len(self.by_set("shared-name")("CompanyService.ListCompanies").companies), 1)

    def test_a_token_says_one_or_the_other(self):
        both = self.caller(companies="*", company_scope="mine")
        self.assertFailure(both.fails("CompanyService.ListCompanies"), UNAUTHENTICATED, "TOKEN_INVALID")
        self.assertEqual(len(self.caller(companies=None)("CompanyService.ListCompanies").companies), 0)

    def test_sets_are_kept(self):
        many = ["companies/m%05d" % number for number in range(10000)]
        made = self.put("many", *many)
        self.assertEqual((made.company_count, len(made.companies), made.etag), (10000, 10000, "r1"))
        self.assertEqual(self.put("many", *many).etag, "r1")
        self.assertEqual(list(self.api("CompanySetService.GetCompanySet", name=made.name).companies), many)
        self.assertEqual(self.put("many", *many[:5], etag="r1").etag, "r2")
        event = self.api("AuditService.ListAuditEvents", page_size=1).audit_events[0]
        self.assertEqual((event.subject.resource, event.changes[0].old_value, event.changes[0].new_value),
                         ("companySets/many", "10000", "5"))
        stale = e2e.protos.v1.CompanySet(name="companySets/many", etag="r1")
        self.assertFailure(self.api.fails("CompanySetService.UpsertCompanySet", company_set=stale),
                           grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
        over = e2e.protos.v1.CompanySet(name="companySets/over", companies=["c"] * 10001)
        self.assertFailure(self.api.fails("CompanySetService.UpsertCompanySet", company_set=over),
                           grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
        self.assertEqual(self.put("empty").company_count, 0)
        self.assertEqual(self.put("one", "companies/x", "companies/x").company_count, 1)
        names = [one.name for one in self.api.all("CompanySetService.ListCompanySets", "company_sets")]
        self.assertEqual(sorted(names), names)
        self.assertTrue({"companySets/empty", "companySets/many"} <= set(names))
        self.assertNotIn("companySets/over", names)


class PeerNames(e2e.Case):
    """Which machines may call, beside the token."""

    @classmethod
    def make(cls):
        stack = e2e.Stack(serve=False)
        stack.settings.update(
            listen="127.0.0.1:0,unix:" + stack.path("docbridged.sock"), tls_client_ca_file=stack.path("ca.pem"),
            tls_client_names="client, spiffe://example/portal,tool.internal", proxy_client_name_header="x-client-name")
        stack.serve()
        return stack

    def certificate(self, name, names):
        """A certificate of our authority: its key and chain."""
        path = self.stack.path(name)
        subprocess.run(["bash", "-c", """
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -keyout "$1.key" -out "$1.csr"
            openssl x509 -req -in "$1.csr" -CA "$3/ca.pem" -CAkey "$3/ca.key" -CAcreateserial -days 2 \\
              -extfile <(echo "subjectAltName=$4") -out "$1.pem" """, "bash", path, name, self.stack.dir, names],
                       check=True, stderr=subprocess.DEVNULL)
        parts = []
        for end in (".key", ".pem"):
            with open(path + end, "rb") as file:
                parts.append(file.read())
        return parts

    def over_tls(self, name, names="DNS:elsewhere.internal"):
        key, chain = self.certificate(name, names)
        return e2e.Api(self.stack.channel(key=key, chain=chain), self.stack.token())

    def over_socket(self):
        channel = grpc.insecure_channel("unix:" + self.stack.path("docbridged.sock"),
                                        (("grpc.default_authority", "localhost"),))
        return e2e.Api(channel, self.stack.token())

    def assertAllowed(self, api, *metadata):
        api("CompanyService.ListCompanies", metadata=metadata)

    def assertNotAllowed(self, api, *metadata):
        # Whether the token is good plays no part yet.
        for one in (api, api.with_token("x"), api.with_token(None)):
            self.assertFailure(one.fails("CompanyService.ListCompanies", metadata=metadata),
                               grpc.StatusCode.PERMISSION_DENIED, "PEER_NOT_ALLOWED")

    def test_certificates(self):
        self.assertAllowed(self.over_tls("client"))
        self.assertAllowed(self.over_tls("other1", "DNS:tool.internal"))
        self.assertAllowed(self.over_tls("other2", "DNS:a.internal,URI:spiffe://example/portal"))
        for name, names in (("other3", "DNS:elsewhere.internal"), ("other4", "DNS:client.internal,DNS:xclient"),
                            ("other5", "URI:spiffe://example/portal/x"), ("clien", "DNS:tool.interna")):
            with self.subTest(name=name):
                self.assertNotAllowed(self.over_tls(name, names))

    def test_nobody_believes_the_header_over_tcp(self):
        self.assertNotAllowed(self.over_tls("stranger"), ("x-client-name", "client"))
        # Nor does it take anything away.
        self.assertAllowed(self.over_tls("client"), ("x-client-name", "stranger"))

    def test_the_proxys_word_on_a_socket(self):
        api = self.over_socket()
        for name in ("client", "tool.internal", "spiffe://example/portal"):
            self.assertAllowed(api, ("x-client-name", name))
        self.assertNotAllowed(api)
        for names in (("stranger",), ("",), ("client,tool.internal",), ("client", "stranger"), ("client", "client"),
                      ("client, spiffe://example/portal,tool.internal",), (",",), ("CLIENT",)):
            with self.subTest(names=names):
                self.assertNotAllowed(api, *(("x-client-name", name) for name in names))

    def test_settings_that_cannot_be_kept(self):
        for changes, words in (({"proxy_client_name_header": None}, "set proxy_client_name_header too"),
                               ({"tls_client_ca_file": None}, "set tls_client_ca_file too"),
                               ({"tls_client_names": " , "}, "must name a client"),
                               ({"tls_client_names": None}, "set tls_client_names"),
                               ({"proxy_client_name_header": "X-Client-Name"}, "lower-case")):
            changes = dict({"listen": "127.0.0.1:0,unix:" + self.stack.path("second.sock")}, **changes)
            with self.assertRaises(AssertionError) as refused:
                self.stack.start_server("refused", 2, **changes)
            self.assertIn(words, str(refused.exception))


if __name__ == "__main__":
    e2e.main()
