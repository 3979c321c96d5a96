"""Two tenants at a time, each with its own account in its own region: nothing of one serves the other."""

import os
import shutil
from concurrent import futures

import docbridge_e2e as e2e

US, EU = 1, 2


class Tenant:
    """One with its own IT Glue: what it has there, and how it asks."""

    def __init__(self, stack, emulator, name, region):
        self.stack, self.emulator = stack, emulator
        self.api = stack.api(tenant=name, subject="of-" + name)
        v1 = e2e.protos.v1
        batch = v1.BatchUpsertCompaniesRequest()
        # The ids of companies are the same for both tenants.
        for number, row in enumerate(emulator.dump("organizations")):
            if row["attributes"]["name"]:
                batch.companies.add(name="companies/c%d" % number, display_name=row["attributes"]["name"])
        self.api("CompanyService.BatchUpsertCompanies", batch)
        self.connection = self.api(
            "ConnectionService.CreateConnection", connection=v1.Connection(display_name=name, psa_type=1),
            candidate=v1.ConnectionCandidate(provider=1, region=region, api_key=emulator.api_key)).name
        stack.settle(self.api, self.connection)
        stack.configure(self.api, self.connection)
        stack.settle(self.api, self.connection)
        truth = {str(row["id"]): row["secret"] for row in emulator.dump("passwords")}
        self.values = {}
        for company in stack.mapping(self.api, self.connection).values():
            for entry in self.api.all("PasswordService.ListPasswords", "passwords", parent=company):
                value = truth.get(entry.name.rsplit("/", 1)[1])
                if entry.revealable and value:
                    self.values[entry.name] = value

    def reveal(self, name, timeout=14):
        return self.api("PasswordService.RevealPassword", name=name, reason="test", timeout=timeout).plaintext

    def test(self):
        return self.api("ConnectionService.TestConnection", name=self.connection, timeout=60).diagnosis


class Tenants(e2e.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        directory = cls.stack.path("second")
        os.mkdir(directory)
        for name in ("server.pem", "server.key"):
            shutil.copy(cls.stack.path(name), directory)
        cls.second = e2e.Emulator(directory, ["--region", "us", "--seed", "4711"])
        cls.addClassCleanup(cls.second.process.wait)
        cls.addClassCleanup(cls.second.process.terminate)
        cls.stack.settings["itglue_us_url"] = cls.second.url("us")
        cls.stack.serve()
        cls.one = Tenant(cls.stack, cls.emulator, "msp-one", EU)
        cls.two = Tenant(cls.stack, cls.second, "msp-two", US)

    @classmethod
    def make(cls):
        return e2e.Stack(serve=False)

    def tearDown(self):
        super().tearDown()
        for emulator in (self.emulator, self.second):
            emulator.calm()

    def assertOwn(self):
        """Each account heard its own key alone: another's is refused there."""
        for emulator, region in ((self.emulator, "eu"), (self.second, "us")):
            heard = emulator.requests()
            self.assertTrue(heard)
            self.assertEqual({(one["region"], one["status"], one["had_key"]) for one in heard}, {(region, 200, True)})

    def test_one_is_held_upstream_while_the_other_runs(self):
        self.assertFalse(set(self.one.values.values()) & set(self.two.values.values()))
        for emulator in (self.emulator, self.second):
            emulator.calm()
        name, value = next(iter(self.one.values.items()))
        other, other_value = next(iter(self.two.values.items()))
        with futures.ThreadPoolExecutor(1) as pool:
            # The first tenant waits for its answer; what goes on meanwhile is the second's alone.
            self.emulator.hold()
            revealed = pool.submit(self.one.reveal, name)
            e2e.wait_for("the reveal", lambda: self.emulator.count() == 1)
            self.assertEqual(self.two.reveal(other), other_value)
            self.assertEqual(self.two.test(), 1)
            self.assertFalse(revealed.done())
            self.emulator.let_go()
            self.assertEqual(revealed.result(), value)
            self.emulator.hold()
            tested = pool.submit(self.one.test)
            e2e.wait_for("the test", lambda: self.emulator.count() == 2)
            run = self.stack.run(self.two.api, self.two.connection)
            self.assertEqual(run.state, 5)
            self.assertFalse(tested.done())
            self.emulator.let_go()
            self.assertEqual(tested.result(), 1)
        self.assertOwn()

    def test_reveals_of_both_at_once(self):
        for emulator in (self.emulator, self.second):
            emulator.calm()
            emulator.switch(latency_ms=20, latency_jitter_ms=60)
        asked = [(tenant, name, value) for pair in zip(self.one.values.items(), self.two.values.items())
                 for tenant, (name, value) in zip((self.one, self.two), pair)][:60]
        self.assertGreater(len(asked), 20)
        with futures.ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda one: one[0].reveal(one[1]), asked))
        self.assertEqual(answers, [value for _, _, value in asked])
        self.assertOwn()


if __name__ == "__main__":
    e2e.main()
