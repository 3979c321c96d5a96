"""What syncs cost in requests, as upstream counts them: as estimated, and little when nothing changed."""

import docbridge_e2e as e2e

ORGANIZATIONS, DOCUMENTS, PASSWORDS, ASSETS, CHECKLISTS = range(1, 6)
QUICK, FULL, SUCCEEDED = 1, 2, 5
CONNECTWISE = 1


class Requests(e2e.Case):
    @classmethod
    def make(cls):
        return e2e.Stack(("--organizations", "10", "--passwords", "2500", "--documents", "40", "--flexible-assets",
                          "2400", "--flexible-asset-types", "3", "--checklists", "30"))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = cls.stack.api()
        cls.connection = cls.stack.connect(cls.api)
        cls.stack.configure(cls.api, cls.connection)
        cls.stack.settle(cls.api, cls.connection)

    def cost(self, mode, tasks):
        """What a run was said to cost, and what it did."""
        said = self.api("SyncService.EstimateSync", parent=self.connection, mode=mode, tasks=tasks)
        before = self.emulator.count()
        run = self.stack.run(self.api, self.connection, mode=mode, tasks=tasks)
        self.assertEqual(run.state, SUCCEEDED, run)
        took = self.emulator.count() - before
        self.assertEqual(run.request_count, took)
        return said, took

    def bound(self):
        """The fewest requests that lists of a thousand rows take, without documents and folders."""
        rows = self.emulator.ask("GET", "/account/summary")["collections"]
        on = [row["id"] for row in self.emulator.dump("flexible_asset_types") if row["attributes"]["enabled"]]
        of_type = [sum(1 for row in self.emulator.dump("flexible_assets")
                       if str(row["attributes"]["flexible-asset-type-id"]) == str(one)) for one in on]
        lists = [rows["organizations"], rows["passwords"], rows["checklists"], *of_type]
        # And what tells of all others: types, categories, templates.
        return sum(max(1, -(-count // 1000)) for count in lists) + 3

    def test_requests(self):
        tasks = [ORGANIZATIONS, PASSWORDS, ASSETS, CHECKLISTS]
        said, took = self.cost(FULL, tasks)
        folders = len({row["organization_id"] for row in self.emulator.dump("passwords")
                       if row["attributes"]["password-folder-id"] is not None and not row["attributes"]["personal"]})
        self.assertEqual(said.request_count, took)
        self.assertEqual(took, self.bound() + folders)
        self.assertEqual(said.window_count, 1)
        self.assertTrue(all(task.plan for task in said.tasks))
        self.assertEqual([task.kind for task in said.tasks], tasks)
        self.cost(QUICK, tasks)
        said, took = self.cost(QUICK, tasks)
        # A request a list; types, categories and templates again.
        types = sum(1 for row in self.emulator.dump("flexible_asset_types") if row["attributes"]["enabled"])
        self.assertEqual(took, 3 + types + 3)
        self.assertEqual(said.request_count, took)

    def test_the_kind_of_psa_is_learned_once(self):
        """By one organization, asked for under each of six kinds; which the estimate knows."""
        connection = self.api("ConnectionService.GetConnection", name=self.connection)
        self.assertEqual((connection.psa_type, connection.learned_psa_type), (CONNECTWISE, 0))
        connection.psa_type = 0
        self.api("ConnectionService.UpdateConnection", connection=connection, update_mask={"paths": ["psa_type"]})
        said, took = self.cost(FULL, [ORGANIZATIONS])
        self.assertEqual((said.request_count, took), (7, 7))
        connection = self.api("ConnectionService.GetConnection", name=self.connection)
        self.assertEqual((connection.psa_type, connection.learned_psa_type), (0, CONNECTWISE))
        said, took = self.cost(FULL, [ORGANIZATIONS])
        self.assertEqual((said.request_count, took), (1, 1))
        asked = [row for row in self.emulator.requests(path="/organizations") if "psa_id" in row["query"]]
        self.assertEqual(len(asked), 6)

    def test_windows(self):
        """What fits into the limit needs one window."""
        said = self.api("SyncService.EstimateSync", parent=self.connection, mode=FULL)
        self.assertEqual(said.window_count, 1)
        self.assertGreater(said.available_request_count, 0)
        self.assertEqual(said.request_count, sum(task.request_count for task in said.tasks))


if __name__ == "__main__":
    e2e.main()
