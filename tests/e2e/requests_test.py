"""What syncs cost in requests, as upstream counts them: as estimated, and little when nothing changed."""

import collections
import datetime
import json
import ssl
import urllib.parse
import urllib.request

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
        # Mapped before anything is on, so that nothing is fetched meanwhile.
        cls.api("MappingService.QuickMatch", parent=cls.connection)
        cls.stack.settle(cls.api, cls.connection)
        cls.stack.configure(cls.api, cls.connection)
        cls.stack.settle(cls.api, cls.connection)
        cls.first = cls.cost(FULL)

    @classmethod
    def cost(cls, mode, tasks=()):
        """What a run was said to cost, and what it did."""
        said = cls.api("SyncService.EstimateSync", parent=cls.connection, mode=mode, tasks=tasks)
        before = cls.emulator.count()
        run = cls.stack.run(cls.api, cls.connection, mode=mode, tasks=tasks)
        took = cls.emulator.count() - before
        assert run.state == SUCCEEDED and run.request_count == took, (took, run)
        return said, took

    def folders(self, collection, key):
        """Organizations whose folders of a collection are listed."""
        mapped = self.stack.mapping(self.api, self.connection)
        return len({row["organization_id"] for row in self.emulator.dump(collection)
                    if row["attributes"][key] is not None and not row["attributes"].get("personal")
                    and str(row["organization_id"]) in mapped})

    def bound(self):
        """The fewest requests that lists of a thousand rows take, without documents and folders."""
        rows = self.emulator.ask("GET", "/account/summary")["collections"]
        on = [row["id"] for row in self.emulator.dump("flexible_asset_types") if row["attributes"]["enabled"]]
        of_type = [sum(1 for row in self.emulator.dump("flexible_assets")
                       if str(row["attributes"]["flexible-asset-type-id"]) == str(one)) for one in on]
        lists = [rows["organizations"], rows["passwords"], rows["checklists"], *of_type]
        # And what tells of all others: types, categories, templates.
        return sum(max(1, -(-count // 1000)) for count in lists) + 3

    def test_the_first_run_takes_no_request_too_many(self):
        """Pages of each list, and what has to be found out; which nobody can know of documents before."""
        said, took = self.first
        owners = self.emulator.ask("GET", "/account/summary")["organizations"]
        documents = sum(max(1, -(-owners[one]["documents"] // 100))
                        for one in self.stack.mapping(self.api, self.connection))
        probes = 2  # the form of the folder filter
        folders = (self.folders("passwords", "password-folder-id"), self.folders("documents", "document-folder-id"))
        self.assertEqual(took, self.bound() + documents + sum(folders) + probes)
        unmeasured = {task.kind for task in said.tasks if not task.measured}
        self.assertEqual(unmeasured, {DOCUMENTS, PASSWORDS})
        # Whose records lie in folders is not known yet: the most that they may take is said, not less than they did.
        mapped = self.stack.mapping(self.api, self.connection)
        most = len(mapped) + sum(owners[one]["documents"] > 0 for one in mapped)
        self.assertEqual(said.request_count, took - sum(folders) + most)
        self.assertGreaterEqual(said.request_count, took)
        self.assertTrue(all("at most" in task.plan for task in said.tasks if not task.measured))
        said, took = self.cost(FULL)
        self.assertEqual((said.request_count, took), (self.first[1] - probes, self.first[1] - probes))

    def test_requests(self):
        tasks = [ORGANIZATIONS, PASSWORDS, ASSETS, CHECKLISTS]
        said, took = self.cost(FULL, tasks)
        folders = self.folders("passwords", "password-folder-id")
        self.assertEqual(said.request_count, took)
        self.assertEqual(took, self.bound() + folders)
        self.assertEqual(said.window_count, 1)
        self.assertTrue(all(task.plan for task in said.tasks))
        self.assertEqual([task.kind for task in said.tasks], tasks)
        self.cost(QUICK, tasks)
        said, took = self.cost(QUICK, tasks)
        # A request a list, one for all assets; types and templates again.
        self.assertEqual(took, 3 + 1 + 2)
        self.assertEqual(said.request_count, took)
        # Where upstream looks at the first of several types alone, that is found out, and each is asked for.
        types = sum(1 for row in self.emulator.dump("flexible_asset_types") if row["attributes"]["enabled"])
        for refusal in ("first", "422"):
            self.stack.execute("UPDATE sync_cursor SET distrust_time = NULL")
            self.emulator.switch(type_filter_list=refusal)
            said, took = self.cost(QUICK, tasks)
            self.assertEqual((said.request_count, took), (6 + types, 6 + types))
            said, took = self.cost(QUICK, tasks)
            self.assertEqual((said.request_count, took), (5 + types, 5 + types))
        self.emulator.calm()

    def change(self, collection, rows):
        for begin in range(0, len(rows), 500):
            self.emulator.ask("POST", "/account/mutate", [
                {"op": "set_attribute", "collection": collection, "id": row["id"], "key": "name", "value": "New " + row["id"]}
                for row in rows[begin:begin + 500]])

    def test_what_changed_is_estimated_at_the_most(self):
        """Which types changed is not looked up, nor where exactly a list of changes ends: never less is said."""
        tasks = [ORGANIZATIONS, PASSWORDS, ASSETS]
        self.stack.execute("UPDATE sync_cursor SET distrust_time = NULL")
        self.cost(QUICK, tasks)
        said, took = self.cost(QUICK, tasks)
        self.assertEqual((said.request_count, [task.measured for task in said.tasks]), (took, [True] * 3))
        on = [row["id"] for row in self.emulator.dump("flexible_asset_types") if row["attributes"]["enabled"]]
        self.assertGreater(len(on), 1)
        one_each = {str(row["attributes"]["flexible-asset-type-id"]): row for row in self.emulator.dump("flexible_assets")}
        passwords = self.emulator.dump("passwords")
        # Two pages of passwords and all types; then three pages and one type.
        for rows, pages, most, types in ((1100, 2, 2, on), (2100, 3, 4, on[:1])):
            self.change("passwords", passwords[:rows])
            self.change("flexible_assets", [one_each[one] for one in types])
            said, took = self.cost(QUICK, tasks)
            self.assertEqual([task.request_count for task in said.tasks], [1, most, 2 + len(on)])
            self.assertEqual(took, 1 + pages + 2 + len(types))
            self.assertEqual([task.measured for task in said.tasks], [True, False, False])
            self.assertTrue(all("at most" in task.plan for task in said.tasks[1:]))

    def test_folders_are_asked_for_one_by_one(self):
        """Where upstream shows foldered documents by no form of the filter, each folder that has some is asked for."""
        before = self.documents()
        self.emulator.switch(folder_filter_null="root", folder_filter_ne="ignored")
        self.stack.execute("UPDATE connection SET folder_filter = 0")
        self.cost(FULL, [DOCUMENTS])
        self.assertEqual([row["folder_filter"] for row in self.stack.sql("SELECT folder_filter FROM connection")], [3])
        self.assertEqual(self.documents(), before)
        self.assertTrue(any(folder for _, folder in before))
        mapped = self.stack.mapping(self.api, self.connection)
        filled = {row["id"] for row in self.emulator.dump("document_folders")
                  if str(row["organization_id"]) in mapped and row["attributes"]["documents-count"]}
        asked = len(self.emulator.requests())
        said, took = self.cost(FULL, [DOCUMENTS])
        queries = [urllib.parse.parse_qs(row["query"]) for row in self.emulator.requests()[asked:]]
        folders = [one["filter[document_folder_id]"][0] for one in queries if "filter[document_folder_id]" in one]
        self.assertEqual(sorted(folders), sorted(filled))
        self.assertEqual(said.request_count, took)
        self.assertEqual(self.documents(), before)
        self.emulator.calm()
        self.stack.execute("UPDATE connection SET folder_filter = 1")

    def documents(self):
        return sorted((row["id"], row["folder_id"])
                      for row in self.stack.sql("SELECT id, folder_id FROM record WHERE kind = 4"))

    def by_filter(self, since):
        """Organizations that changed since then, by filter[updated_at] a week at a time: ids, and requests."""
        context = ssl.create_default_context(cafile=self.stack.path("ca.pem"))
        found, requests, end = set(), 0, datetime.datetime.now(datetime.timezone.utc)
        while since < end:
            until = since + datetime.timedelta(days=7)
            window = ",".join(one.strftime("%Y-%m-%dT%H:%M:%SZ") for one in (since, until))
            url = "%s/organizations?page[size]=1000&filter[updated_at]=%s" % (self.emulator.url("eu"), window)
            asked = urllib.request.Request(url, headers={"x-api-key": self.emulator.api_key})
            with urllib.request.urlopen(asked, timeout=20, context=context) as answer:
                found |= {row["id"] for row in json.load(answer)["data"]}
            since, requests = until, requests + 1
        return found, requests

    def test_organizations_take_less_by_order_than_by_weeks(self):
        """A page by order tells what changed; upstream filters a week by the time of change, and months went by."""
        self.cost(QUICK, [ORGANIZATIONS])
        rows = self.emulator.dump("organizations")
        latest = max(row["attributes"]["updated-at"] for row in rows)
        since = datetime.datetime.strptime(latest, "%Y-%m-%dT%H:%M:%S.%f%z") + datetime.timedelta(seconds=1)
        for row in rows[:3]:
            self.emulator.mutate("rename_organization", id=row["id"], name="Renamed " + row["id"])
        said, took = self.cost(QUICK, [ORGANIZATIONS])
        self.assertEqual((said.request_count, took), (1, 1))
        stored = self.stack.sql("SELECT id::text FROM organization WHERE display_name LIKE 'Renamed %'")
        changed, requests = self.by_filter(since)
        self.assertEqual({row["id"] for row in stored}, changed)
        self.assertEqual(len(changed), 3)
        self.assertGreater(requests, took)

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


class LongLists(e2e.Case):
    """Organizations with pages of documents, which quick runs look at where upstream keeps to their order."""

    @classmethod
    def make(cls):
        return e2e.Stack(("--organizations", "3", "--documents", "900", "--document-bytes", "100", "--passwords", "1",
                          "--flexible-assets", "1", "--checklists", "1"))

    def test_documents_that_did_not_change_cost_a_look(self):
        """Each list that did not; and as many as estimated."""
        api = self.stack.api()
        connection = self.stack.connect(api)
        self.stack.configure(api, connection)
        self.stack.settle(api, connection)
        self.stack.run(api, connection, tasks=[DOCUMENTS], mode=FULL)
        counts = collections.Counter(row["organization_id"] for row in self.emulator.dump("documents"))
        mapped = sorted(self.stack.mapping(api, connection), key=int)
        pages = [max(1, -(-counts[int(one)] // 100)) for one in mapped]
        whole, left_alone = sum(pages), len(pages)
        self.assertGreater(min(pages), 1)
        self.assertGreater(left_alone, 1)

        def took():
            said = api("SyncService.EstimateSync", parent=connection, tasks=[DOCUMENTS], mode=QUICK)
            run = self.stack.run(api, connection, tasks=[DOCUMENTS], mode=QUICK)
            self.assertEqual(said.request_count, run.request_count)
            self.assertEqual("left alone" in said.tasks[0].plan, run.request_count < whole)
            return run.request_count

        # As upstream is by default: its order is no proof, and is not asked for again.
        self.assertIn(took(), (whole + 1, whole + 2))
        self.assertEqual(took(), whole)
        self.emulator.switch(documents_sort="honoured")
        self.stack.execute("UPDATE sync_cursor SET distrust_time = NULL")
        # The first list is the proof, and the others are left alone by it.
        self.assertEqual(took(), pages[0] + 2 + left_alone - 1)
        self.assertEqual(took(), left_alone)
        row = next(row for row in self.emulator.dump("documents") if str(row["organization_id"]) == mapped[1])
        self.emulator.mutate("set_attribute", collection="documents", id=row["id"], key="name", value="Edited")
        self.assertEqual(took(), left_alone + pages[1])
        stored = self.stack.sql("SELECT id::text FROM record WHERE kind = 4 AND display_name = 'Edited'")
        self.assertEqual([found["id"] for found in stored], [row["id"]])
        self.assertEqual(took(), left_alone)
        self.emulator.switch(documents_sort="ignored")
        self.assertEqual([took(), took()], [1 + whole, whole])
        self.stack.execute("UPDATE sync_cursor SET distrust_time = now() - interval '8 days'")
        self.assertIn(took(), (whole + 1, whole + 2))


class Windows(e2e.Case):
    """An account that takes several windows of the quota, with small ones."""
    LIMIT, WINDOW_MS = 50, 2000

    @classmethod
    def make(cls):
        return e2e.Stack(("--organizations", "60", "--documents", "60", "--document-bytes", "100", "--passwords", "10",
                          "--flexible-assets", "10", "--checklists", "10", "--limit", str(cls.LIMIT),
                          "--window-seconds", str(cls.WINDOW_MS // 1000)),
                         sync_request_limit=str(cls.LIMIT), sync_request_window_ms=str(cls.WINDOW_MS))

    def test_as_many_windows_as_estimated(self):
        api = self.stack.api()
        connection = self.stack.connect(api)
        self.stack.configure(api, connection)
        self.stack.settle(api, connection)
        self.stack.run(api, connection)
        share = self.LIMIT * 80 // 100
        said = api("SyncService.EstimateSync", parent=connection, mode=FULL)
        left = said.available_request_count
        self.assertLessEqual(left, share)
        self.assertEqual(said.window_count, 1 + -(-(said.request_count - left) // share))
        self.assertGreater(said.window_count, 2)
        self.assertGreaterEqual(said.duration.seconds, (said.window_count - 1) * self.WINDOW_MS // 1000)
        name = api("SyncService.RunSync", parent=connection, mode=FULL).name
        events = list(api.stream("SyncService.WatchSyncRun", name=name))
        run = events[-1].finished
        self.assertEqual(run.state, SUCCEEDED)
        self.assertEqual(run.request_count, said.request_count)
        # What is expected grows with what is known, up to what it took.
        seen = [event.quota.expected_window_count for event in events if event.HasField("task")]
        took = -(-run.request_count // share)
        self.assertEqual(run.quota.expected_window_count, took)
        self.assertIn(max(seen), (took, took + 1))
        self.assertGreaterEqual(min(seen), 1)
        self.assertLessEqual(self.emulator.ask("GET", "/requests/peak", window_ms=self.WINDOW_MS)["peak"], self.LIMIT)


if __name__ == "__main__":
    e2e.main()
