"""Who is let in: tokens that are ended before their time, on every server."""

import time
import uuid

import grpc

import docbridge_e2e as e2e
import samples

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
# What a server answers without its database.
FROM_MEMORY = {"ConnectionService.ListRegions"}


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
        gone = self.caller(sub="gone", permissions=list(e2e.EVERYTHING))
        self.revoke("gone")
        requests = self.emulator.count()
        sample = samples.Samples(e2e.protos, {"company": self.company.split("/")[1],
                                              "connection": self.connection.split("/")[1]}, self.emulator.api_key)
        for method in e2e.protos.methods():
            request = sample(method)
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


if __name__ == "__main__":
    e2e.main()
