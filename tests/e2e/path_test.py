"""The main job through the CLI over TLS: connect, map, configure, sync, read, reveal, audit.

One story in order: each method goes on where the one before it ended.
"""

import os
import re
import unicodedata

import docbridge_e2e as e2e


def name_key(name):
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).split())


def tail(name):
    return name.rsplit("/", 1)[1]


class Path(e2e.Case):
    connection = None

    @classmethod
    def make(cls):
        return e2e.Stack()

    def cli(self, *arguments, **options):
        return self.stack.cli(*arguments, **options)

    def json(self, *arguments, **options):
        return self.stack.json(*arguments, **options)

    def organizations(self):
        return {tail(one["name"]): one for one in self.json("org", "list")["organizations"]}

    def wait_for_runs(self):
        e2e.wait_for("the runs", lambda: all(
            run["state"] in ("STATE_SUCCEEDED", "STATE_PARTIAL") for run in self.json("sync", "list")["syncRuns"]))

    def watch(self, *arguments, code=0, mode=("--mode", "full")):
        """The lines of a watched run: of tasks by name, and the last. No task ends before it is watched."""
        self.emulator.hold()
        process = e2e.spawn(self.stack.cli_arguments("sync", "run", *mode, "--watch", *arguments),
                            stdin=e2e.subprocess.DEVNULL, stdout=e2e.subprocess.PIPE, text=True)
        try:
            lines = [process.stdout.readline().rstrip("\n")]
            self.emulator.let_go()
            lines += process.communicate(timeout=90 * e2e.PATIENCE)[0].splitlines()
        finally:
            process.kill()
        self.assertEqual(process.returncode, code, lines)
        tasks = {}
        for line in lines:
            self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \d+ (run|task|issue|finished) ")
            found = re.search(r" task ([a-z ]+) ([A-Z_]+) (\d+)(?:/(\d+))?", line)
            if found and " task " in line[:32]:
                tasks.setdefault(found.group(1), []).append(
                    (found.group(2), int(found.group(3)), int(found.group(4) or 0)))
        return tasks, lines[-1]

    def test_01_companies_are_pushed(self):
        companies = self.stack.companies()
        path = self.stack.path("companies.jsonl")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(e2e.json.dumps(company) + "\n" for company in companies)
        answer = self.json("company", "push", path)
        self.assertEqual(answer["createdCount"], len(companies))
        again = self.json("company", "push", path)
        self.assertEqual((again.get("createdCount", 0), again.get("updatedCount", 0)), (0, 0))
        listed = self.json("company", "list")
        self.assertEqual(listed["totalSize"], len(companies))
        self.assertEqual({tail(one["name"]): (one["displayName"], one.get("psa", {}).get("externalId"))
                          for one in listed["companies"]},
                         {one["id"]: (one["name"], one.get("psa_id")) for one in companies})

    def test_02_a_test_says_what_is_wrong(self):
        key = ("--api-key-file", self.stack.path("api-key"))
        wrong = self.json("connection", "test", "--region", "us", *key, code=6)
        self.assertEqual(wrong["diagnosis"], "DIAGNOSIS_KEY_OR_REGION_REJECTED")
        self.assertEqual((wrong["httpStatus"], wrong["triedRegion"]), (403, "REGION_US"))
        self.assertNotIn("suggestedRegion", wrong)
        self.assertGreaterEqual(len(wrong["candidates"]), 3)
        # The key went to the region named, and to no other host.
        self.assertGreater(self.emulator.count(region="us"), 0)
        self.assertEqual(self.emulator.count(region="eu") + self.emulator.count(region="au"), 0)
        proven = self.json("connection", "test", "--region", "us", "--probe-other-regions", *key, code=6)
        self.assertEqual((proven["diagnosis"], proven["suggestedRegion"]),
                         ("DIAGNOSIS_REGION_MISMATCH", "REGION_EU"))
        good = self.json("connection", "test", "--region-uri", "https://acme.eu.itglue.com/123", *key)
        self.assertEqual(good["diagnosis"], "DIAGNOSIS_OK")
        grants = {one["kind"]: one["grant"] for one in good["capabilities"]}
        for used in ("KIND_PASSWORD_VALUES", "KIND_DOCUMENT_IMAGES"):
            self.assertEqual(grants.pop(used), "GRANT_UNKNOWN")
        self.assertEqual(set(grants.values()), {"GRANT_GRANTED"})
        self.assertEqual(len(grants), 7)
        before = self.emulator.count()
        malformed = self.json("connection", "test", "--region", "eu", "--api-key-file", "-",
                              stdin=b"ITG.with blank", code=6)
        self.assertEqual(malformed["diagnosis"], "DIAGNOSIS_API_KEY_MALFORMED")
        self.assertEqual(self.emulator.count(), before)
        # A test keeps nothing, reads no value, and is no reveal.
        self.assertEqual(self.stack.sql("SELECT count(*) AS n FROM connection")[0]["n"], 0)
        self.assertEqual(self.stack.sql("SELECT count(*) AS n FROM vault_record")[0]["n"], 0)
        self.assertEqual(self.emulator.count(password_returned=True), 0)
        types = {event["type"] for event in self.json("audit", "list")["auditEvents"]}
        self.assertEqual(types, {"TYPE_COMPANY", "TYPE_CONNECTION_TEST"})
        unknown = self.cli("connection", "create", "--region-uri", "acme", *key, code=2)
        self.assertIn("UNKNOWN_REGION", unknown.err)

    def test_03_connect_fetches_organizations(self):
        # White space around a pasted key is dropped.
        done = self.cli("connection", "create", "--display-name", "IT Glue", "--region", "eu", "--id", "main",
                        "--psa-type", "connectwise_manage", "--api-key-file", "-", output="json",
                        stdin=b"  " + self.emulator.api_key.encode() + b" \n")
        self.assertNotIn(self.emulator.api_key, done.out + done.err)
        created = done.json
        self.assertEqual((created["name"], created["state"], created["region"]),
                         ("connections/main", "STATE_ACTIVE", "REGION_EU"))
        self.assertEqual(created["credential"]["last4"], self.emulator.api_key[-4:])
        self.wait_for_runs()
        runs = self.json("sync", "list")["syncRuns"]
        self.assertEqual([run["trigger"] for run in runs], ["TRIGGER_CONNECT"])
        listed = self.json("org", "list")
        truth = self.emulator.dump("organizations")
        self.assertEqual({tail(one["name"]): one.get("displayName", "") for one in listed["organizations"]},
                         {one["id"]: one["attributes"]["name"] or "" for one in truth})
        self.assertEqual((listed["totalSize"], listed["unmappedCount"], listed["inventoryState"]),
                         (len(truth), len(truth), "INVENTORY_STATE_FETCHED"))
        # One integration at a time.
        second = self.cli("connection", "create", "--region", "eu", "--api-key-file", self.stack.path("api-key"),
                          code=4)
        self.assertIn("DOCUMENTATION_PROVIDER_ACTIVE", second.err)
        # Nothing is on until it is chosen, and nobody has access.
        config = self.json("config", "documentation", "show")
        self.assertFalse({"documentsEnabled", "checklistsEnabled", "passwordSharingEnabled"} & set(config))
        self.assertTrue(all("enabled" not in one
                            for one in self.json("config", "types", "list")["flexibleAssetTypes"]))

    def expected_matches(self):
        """By PSA id, then by a name that only one on each side has."""
        psa = {str(one["parent_id"]): one["attributes"]["remote-id"]
               for one in self.emulator.dump("adapters_resources")}
        companies = self.stack.companies()
        by_psa = {one["psa_id"]: one["id"] for one in companies if "psa_id" in one}
        names = {one["id"]: one["attributes"]["name"] or "" for one in self.emulator.dump("organizations")}
        matches = {one: (by_psa[psa[one]], "PSA_ID") for one in names if psa.get(one) in by_psa}
        taken = {company for company, _ in matches.values()}
        by_name = {}
        for company in companies:
            by_name.setdefault(name_key(company["name"]), []).append(company)
        keys = [name_key(name) for name in names.values()]
        for one, name in names.items():
            namesakes = by_name.get(name_key(name), [])
            if one in matches or len(namesakes) != 1 or keys.count(name_key(name)) != 1:
                continue
            company = namesakes[0]
            # Two different ids of one kind of PSA are two customers.
            if company["id"] not in taken and not ("psa_id" in company and one in psa):
                matches[one] = (company["id"], "NAME")
        return matches

    def test_04_quick_match(self):
        expected = self.expected_matches()
        self.assertEqual({how for _, how in expected.values()}, {"PSA_ID", "NAME"})
        preview = self.json("map", "quick-match", "--dry-run")
        self.assertEqual({tail(one["organization"]): (tail(one["company"]), one["outcome"][len("OUTCOME_MATCHED_"):])
                          for one in preview["results"] if one["outcome"].startswith("OUTCOME_MATCHED_")}, expected)
        self.assertEqual(len(preview["results"]), len(self.organizations()))
        self.assertTrue(all("mapping" not in one for one in self.organizations().values()))
        self.assertEqual(len(self.json("sync", "list")["syncRuns"]), 1)
        done = self.json("map", "quick-match")
        self.assertEqual(done["results"], preview["results"])
        self.assertEqual(done["matchedCount"], len(expected))
        mapped = {key: (tail(one["mapping"]["company"]), one["mapping"]["source"][len("SOURCE_"):])
                  for key, one in self.organizations().items() if "mapping" in one}
        self.assertEqual(mapped, expected)
        again = self.json("map", "quick-match")
        self.assertEqual(again.get("matchedCount", 0), 0)
        self.assertEqual({tail(one["organization"]) for one in again["results"]
                          if one["outcome"] == "OUTCOME_ALREADY_MAPPED"}, set(expected))
        # Without a match, the reason.
        self.assertTrue(all(one["outcome"] != "OUTCOME_UNSPECIFIED" for one in again["results"]))
        self.wait_for_runs()

    def test_05_map_by_hand(self):
        organizations = self.organizations()
        unmapped = next(key for key, one in organizations.items() if "mapping" not in one)
        mapped = next(key for key, one in organizations.items() if "mapping" in one)
        taken = organizations[mapped]["mapping"]["company"]
        free = next(one["name"] for one in self.json("company", "list", "--mapped", "off")["companies"])
        self.assertIn("COMPANY_ALREADY_MAPPED", self.cli("map", "set", unmapped, taken, code=None).err)
        self.cli("map", "set", unmapped, "companies/nobody", code=5)
        answer = self.json("map", "set", unmapped, free)
        self.assertEqual(answer["organization"]["mapping"]["source"], "SOURCE_MANUAL")
        self.assertEqual(answer["organization"]["mapping"]["actor"]["subject"], "ada")
        run = self.json("sync", "show", answer["syncRun"])
        self.assertEqual(run["trigger"], "TRIGGER_MAPPING")
        self.assertEqual([tail(one) for one in run["organizations"]], [unmapped])
        self.assertEqual(set(self.organizations()) - {key for key, one in organizations.items()
                                                      if "mapping" not in one} | {unmapped},
                         {tail(one["name"]) for one in
                          self.json("org", "list", "--state", "mapped")["organizations"]})
        cleared = self.json("map", "clear", unmapped)
        self.assertEqual(cleared["mappingState"], "MAPPING_STATE_UNMAPPED")
        self.wait_for_runs()

    def test_06_configure(self):
        shown = self.json("config", "documentation", "set", "--documents", "on", "--checklists", "on")
        self.assertTrue(shown["documentsEnabled"] and shown["checklistsEnabled"])
        # A type that is made upstream later is there after a refresh, new and off.
        self.emulator.mutate("add_flexible_asset_type", name="Brand new")
        self.cli("config", "types", "refresh")
        types = {tail(one["name"]): one for one in self.json("config", "types", "list")["flexibleAssetTypes"]}
        self.assertEqual({key: one["displayName"] for key, one in types.items()},
                         {one["id"]: one["attributes"]["name"] for one in self.emulator.dump("flexible_asset_types")})
        new = next(one for one in types.values() if one["displayName"] == "Brand new")
        self.assertEqual(new["state"], "STATE_NEW")
        # Two stay off.
        self.__class__.enabled = sorted(key for key, one in types.items() if one is not new)[:-2]
        for key in self.enabled:
            self.assertTrue(self.json("config", "types", "enable", key)["enabled"])
        # One switch, shown in both places.
        self.cli("config", "passwords", "set", "--sharing", "on")
        self.assertTrue(self.json("config", "documentation", "show")["passwordSharingEnabled"])

        mapping = {one["mapping"]["company"]: key for key, one in self.organizations().items() if "mapping" in one}
        counts = {}
        for password in self.emulator.dump("passwords"):
            counts[str(password["organization_id"])] = counts.get(str(password["organization_id"]), 0) + 1
        richest = sorted(mapping, key=lambda company: -counts.get(mapping[company], 0))
        self.__class__.all_company, self.__class__.some_company = richest[0], richest[1]
        self.__class__.none_company = richest[2]
        self.__class__.mapping = mapping
        categories = self.json("config", "categories", "list")["passwordCategories"]
        self.assertEqual({tail(one["name"]) for one in categories},
                         {one["id"] for one in self.emulator.dump("password_categories")})
        self.__class__.selected = sorted(tail(one["name"]) for one in categories)[:3]
        self.cli("config", "access", "set", self.all_company, "--level", "all")
        chosen = [word for key in self.selected for word in ("--category", key)]
        shown = self.json("config", "access", "set", self.some_company, "--level", "selected", *chosen)
        self.assertEqual(sorted(tail(one) for one in shown["passwordCategories"]), self.selected)
        self.assertNotIn("includeUncategorized", shown)

    def test_07_sync(self):
        self.wait_for_runs()
        self.emulator.ask("DELETE", "/requests")
        # As the setup is documented: the first run that fetches content is a quick one.
        tasks, last = self.watch(mode=())
        self.assertRegex(last, " finished SUCCEEDED ")
        self.assertEqual(self.json("sync", "list")["syncRuns"][0]["mode"], "SYNC_MODE_QUICK")
        self.assertEqual(set(tasks), {"organizations", "documents", "passwords", "flexible assets", "checklists"})
        for name, steps in tasks.items():
            self.assertEqual(steps[-1][0], "SUCCEEDED", name)
            self.assertEqual(steps[-1][1], steps[-1][2], name)
            counts = [done for _, done, _ in steps]
            self.assertEqual(counts, sorted(counts), name)
        run = self.json("sync", "list")["syncRuns"][0]
        for task in run["tasks"]:
            number = lambda field, task=task: int(task.get(field, 0))
            self.assertEqual(number("doneCount"), number("createdCount") + number("updatedCount") +
                             number("unchangedCount") + number("failedCount"), task)
        # The server counts its requests as upstream does.
        self.assertEqual(run["requestCount"], self.emulator.count())
        # Unmapped organizations are listed and never asked for; disabled types neither.
        unmapped = [key for key in self.organizations() if key not in self.mapping.values()]
        self.assertTrue(unmapped)
        for key in unmapped:
            self.assertEqual(self.emulator.count(path=key), 0)
            self.assertEqual(self.emulator.count(query=key), 0)
        asked = {one for request in self.emulator.requests(exact_path="/flexible_assets")
                 for one in re.findall(r"filter\[flexible-asset-type-id\]=(\d+)",
                                       request["query"].replace("_", "-"))}
        self.assertEqual(asked, set(self.enabled))
        # A sync asks for no value and gets none; the key is a header.
        self.assertEqual(self.emulator.count(show_password=True), 0)
        self.assertEqual(self.emulator.count(password_returned=True), 0)
        self.assertEqual(self.emulator.count(key_in_query=True), 0)
        # Everything again finds nothing to change: what lies in folders was shown from the first run on.
        self.watch()
        for task in self.json("sync", "list")["syncRuns"][0]["tasks"]:
            self.assertFalse({"createdCount", "updatedCount", "deletedCount", "failedCount"} & set(task), task)

    def test_08_partial_run(self):
        self.emulator.switch(vintage="2026-01")
        try:
            last = self.watch(code=6)[1]
        finally:
            self.emulator.switch(vintage="2026-07")
        self.assertRegex(last, " finished PARTIAL ")
        self.assertEqual(dict(re.findall(r"task ([a-z ]+?) ([A-Z_]+)", last)),
                         {"organizations": "SUCCEEDED", "documents": "SUCCEEDED", "passwords": "SUCCEEDED",
                          "flexible assets": "SUCCEEDED", "checklists": "FAILED"})
        # What failed is not empty: the last good state stays.
        self.assertTrue(self.json("checklists", "list", self.all_company)["checklists"])
        self.assertRegex(self.watch("--task", "checklists")[1], " finished SUCCEEDED ")

    def folders_open(self, collection):
        """Ids of folders that are open with all above them."""
        folders = {one["id"]: one["attributes"] for one in self.emulator.dump(collection)}
        def is_open(key):
            one = folders.get(key)
            return one is not None and not one["restricted"] and all(
                str(above) in folders and not folders[str(above)]["restricted"] for above in one["ancestor-ids"] or [])
        return {key for key in folders if is_open(key)}

    def truth(self, collection, company, condition):
        rows = [dict(one["attributes"], id=one["id"], vaulted=one["vaulted"])
                for one in self.emulator.dump(collection, organization_id=self.mapping[company])]
        shown = [one for one in rows if not one["restricted"] and not one.get("archived") and condition(one)]
        return sorted(shown, key=lambda one: ((one["name"] or "")[:128], int(one["id"]))), len(rows)

    def compare(self, listed, total, expected, parent):
        self.assertEqual([(one["name"], one.get("displayName", ""), one.get("upstreamUri")) for one in listed],
                         [("%s/%s" % (parent, one["id"]), one["name"] or "", one["resource-url"])
                          for one in expected])
        self.assertEqual(total, len(expected))

    def test_09_lists_equal_upstream(self):
        # A title in which there could be a credential has no place until the indexer has looked at it.
        e2e.wait_for("the index", lambda: self.stack.sql(
            "SELECT FROM record r JOIN search_progress p USING (tenant, connection_id)"
            " WHERE r.kind IN (4, 5, 6) AND r.change_sequence > p.sequence") == [], seconds=60)
        hidden = dict.fromkeys(("documents", "flexible_assets", "checklists", "passwords"), 0)
        doc_folders, password_folders = (self.folders_open(one) for one in ("document_folders", "password_folders"))
        categories = {one["id"]: one["attributes"]["name"] for one in self.emulator.dump("password_categories")}
        for company in sorted(self.mapping)[:12] + [self.all_company, self.some_company, self.none_company]:
            expected, count = self.truth("documents", company, lambda one: one["published-at"] is not None and (
                one["document-folder-id"] is None or str(one["document-folder-id"]) in doc_folders))
            answer = self.json("docs", "list", company)
            self.compare(answer.get("documents", []), answer.get("totalSize", 0), expected, company + "/documents")
            self.assertIn("asOfTime", answer["freshness"])
            self.assertNotIn("stale", answer["freshness"])
            hidden["documents"] += count - len(expected)

            expected, count = self.truth("flexible_assets", company,
                                         lambda one: str(one["flexible-asset-type-id"]) in self.enabled)
            answer = self.json("assets", "list", company)
            self.compare(answer.get("flexibleAssets", []), answer.get("totalSize", 0), expected,
                         company + "/flexibleAssets")
            self.assertEqual([one["flexibleAssetTypeDisplayName"] for one in answer.get("flexibleAssets", [])],
                             [one["flexible-asset-type-name"] for one in expected])
            hidden["flexible_assets"] += count - len(expected)

            expected, count = self.truth("checklists", company, lambda one: True)
            answer = self.json("checklists", "list", company)
            self.compare(answer.get("checklists", []), answer.get("totalSize", 0), expected, company + "/checklists")
            tasks = {}
            for one in self.emulator.dump("checklist_tasks"):
                tasks.setdefault(str(one["parent_id"]), []).append(one["attributes"]["completed"])
            for listed, one in zip(answer.get("checklists", []), expected):
                done = tasks.get(one["id"], [])
                self.assertEqual((listed.get("itemCount", 0), listed.get("completedItemCount", 0),
                                  listed.get("completed", False)), (len(done), sum(done), bool(one["completed"])))
                due = listed.get("dueDate")
                self.assertEqual(due and "%04d-%02d-%02d" % (due["year"], due["month"], due["day"]), one["due-date"])
            hidden["checklists"] += count - len(expected)

            def allowed(one, company=company):
                if company == self.all_company:
                    return True
                return company == self.some_company and str(one["password-category-id"]) in self.selected
            expected, count = self.truth("passwords", company, lambda one: not one["personal"] and allowed(one) and (
                one["password-folder-id"] is None or str(one["password-folder-id"]) in password_folders))
            answer = self.json("passwords", "list", company)
            self.compare(answer.get("passwords", []), answer.get("totalSize", 0), expected, company + "/passwords")
            for listed, one in zip(answer.get("passwords", []), expected):
                self.assertEqual((listed.get("username", ""), listed.get("loginUri", ""),
                                  listed.get("passwordCategoryDisplayName", "")),
                                 (one["username"] or "", one["url"] or "",
                                  categories.get(str(one["password-category-id"]), "")))
                self.assertEqual("FLAG_VAULTED" in listed.get("flags", []), one["vaulted"])
                self.assertEqual((listed.get("revealable", False), listed.get("blockedReason", "")),
                                 (False, "PASSWORD_VAULTED_UPSTREAM") if one["vaulted"] else (True, ""))
            if company in (self.all_company, self.some_company):
                self.assertTrue(expected)
                hidden["passwords"] += count - len(expected)
        # The rules had something to hide in each list.
        self.assertEqual([kind for kind, count in hidden.items() if count == 0], [])

    def test_10_reveal(self):
        rows = {one["id"]: one for one in self.emulator.dump("passwords")}
        listed = self.json("passwords", "list", self.all_company)["passwords"]
        revealable = [one for one in listed if one.get("revealable")]
        self.emulator.ask("DELETE", "/requests")
        for one in revealable[:8]:
            value, _ = self.stack.reveal(one["name"], "--reason", "printer is down", "--ticket", "T-7")
            self.assertEqual(value, rows[tail(one["name"])]["secret"] or "")
            gets = self.emulator.requests(path=tail(one["name"]))
            self.assertEqual([(get["show_password"], get["status"]) for get in gets], [(True, 200)])
        # Once each, and never from a cache: the value of this moment.
        one = revealable[0]
        self.emulator.mutate("set_password_value", id=tail(one["name"]), value="rotated-Vålue-1")
        self.assertEqual(self.stack.reveal(one["name"])[0], "rotated-Vålue-1")
        self.assertEqual(self.emulator.count(show_password=True), len(revealable[:8]) + 1)
        self.assertEqual(self.emulator.count(), len(revealable[:8]) + 1)
        # An empty value is a value.
        self.emulator.mutate("set_password_value", id=tail(one["name"]), value="")
        self.assertEqual(self.stack.reveal(one["name"])[0], "")
        self.__class__.revealed = one
        self.reveal_by_reference({one["name"] for one in revealable})

    def reveal_by_reference(self, revealable):
        """A field of kind Password has the names of passwords, which pass the gates like any other."""
        truth = {one["id"]: one["attributes"]["traits"] for one in self.emulator.dump("flexible_assets")}
        met = set()
        for listed in self.json("assets", "list", self.all_company)["flexibleAssets"]:
            asset = self.json("assets", "show", listed["name"])
            for trait in asset["traits"]:
                if trait["kind"] == "KIND_PASSWORD":
                    value = truth[tail(asset["name"])].get(trait["key"]) or {"values": []}
                    names = [one["name"] for one in trait["passwords"].get("passwords", [])]
                    self.assertEqual([tail(one) for one in names], [str(one["id"]) for one in value["values"]])
                    met.update(names)
        name = sorted(met & revealable)[0]
        rows = {one["id"]: one["secret"] for one in self.emulator.dump("passwords")}
        self.assertEqual(self.stack.reveal(name)[0], rows[tail(name)] or "")

    def test_11_refused_reveals_never_reach_upstream(self):
        self.emulator.ask("DELETE", "/requests")
        rows = {company: [one["id"] for one in self.emulator.dump("passwords",
                                                                   organization_id=self.mapping[company])]
                for company in (self.all_company, self.none_company, self.some_company)}
        refused = [("%s/passwords/%s" % (self.none_company, rows[self.none_company][0]), 4, "COMPANY_NO_ACCESS"),
                   ("%s/passwords/%s" % (self.all_company, rows[self.none_company][0]), 5, "RESOURCE_NOT_FOUND"),
                   ("companies/nobody/passwords/%s" % rows[self.all_company][0], 5, "RESOURCE_NOT_FOUND")]
        attributes = {one["id"]: one for one in self.emulator.dump("passwords")}
        uncategorized = next(key for key in rows[self.some_company]
                             if attributes[key]["attributes"]["password-category-id"] is None
                             and not attributes[key]["attributes"]["personal"])
        refused.append(("%s/passwords/%s" % (self.some_company, uncategorized), 4, "CATEGORY_NOT_ALLOWED"))
        for name, code, reason in refused:
            value, done = self.stack.reveal(name, code=code)
            self.assertEqual(value, "")
            self.assertIn("reason: " + reason, done.err)
        reader = self.stack.token(permissions=("read_documentation",), subject="rita", name="Rita Reader")
        self.assertTrue(self.json("passwords", "list", self.all_company, token=reader)["passwords"])
        value, done = self.stack.reveal(self.revealed["name"], token=reader, code=3)
        self.assertIn("reason: MISSING_PERMISSION", done.err)
        self.assertIn("read_documentation_passwords", done.err)
        self.assertEqual(value, "")
        self.assertEqual(self.emulator.count(), 0)
        # Standard output is no place for a value.
        self.cli("passwords", "reveal", self.revealed["name"], code=2)
        self.assertEqual(self.emulator.count(), 0)

    def test_12_audit_tells_who_when_what(self):
        events = self.json("audit", "list", "--type", "password_reveal", "--resource",
                           self.revealed["name"])["auditEvents"]
        events.reverse()
        phases = [(one["phase"], one.get("outcome")) for one in events]
        story = [("PHASE_INTENT", None), ("PHASE_OUTCOME", "OUTCOME_SUCCEEDED")]
        self.assertEqual(phases, story * 3 + [("PHASE_SINGLE", "OUTCOME_DENIED")])
        intent, outcome = events[:2]
        self.assertEqual(outcome["relatedEvent"], intent["name"])
        for event in (intent, outcome):
            self.assertEqual(event["actor"], {"subject": "ada", "displayName": "Ada Admin", "kind": "KIND_HUMAN"})
            self.assertRegex(event["eventTime"], r"^\d{4}-\d\d-\d\dT")
            subject = event["subject"]
            self.assertEqual((subject["resource"], subject["displayName"], subject["company"]),
                             (self.revealed["name"], self.revealed["displayName"], self.all_company))
            self.assertEqual(tail(subject["organization"]), self.mapping[self.all_company])
            self.assertEqual((event["reason"], event["ticket"]), ("printer is down", "T-7"))
            self.assertTrue(event["requestId"] and event["peer"])
        self.assertEqual(outcome["upstreamStatus"], 200)
        denied = events[-1]
        self.assertEqual((denied["actor"]["subject"], denied["errorReason"]), ("rita", "MISSING_PERMISSION"))
        # Sequences have no gap, and what was done before is there too.
        everything = self.json("audit", "list")["auditEvents"]
        numbers = [int(one["sequence"]) for one in everything]
        self.assertEqual(numbers, list(range(len(numbers), 0, -1)))
        for event, before in zip(everything, everything[1:]):
            self.assertEqual(event["previousHash"], before["hash"])
        types = {one["type"] for one in everything}
        self.assertEqual(types, {"TYPE_" + one for one in (
            "PASSWORD_REVEAL", "CONNECTION_CREATE", "CONNECTION_TEST", "MAPPING", "QUICK_MATCH", "CONFIG", "SYNC",
            "COMPANY")})

    def test_13_changes_are_audited_with_both_values(self):
        config = self.json("audit", "list", "--type", "config")["auditEvents"]
        changes = {(change["field"], change.get("oldValue"), change.get("newValue"))
                   for event in config for change in event.get("changes", [])}
        self.assertIn(("password_sharing_enabled", "false", "true"), changes)
        # A value that there was none before is told all the same.
        runs = self.json("audit", "list", "--type", "sync")["auditEvents"]
        self.assertIn(("trigger", None, "MANUAL"), {
            (change["field"], change.get("oldValue"), change.get("newValue"))
            for event in runs for change in event["changes"]})

    def test_14_unmapping_hides_at_once(self):
        before = self.emulator.count(show_password=True)
        self.cli("map", "clear", self.mapping[self.all_company])
        self.assertEqual(self.json("passwords", "list", self.all_company).get("passwords", []), [])
        self.assertEqual(self.json("docs", "list", self.all_company).get("documents", []), [])
        _, done = self.stack.reveal(self.revealed["name"], code=5)
        self.assertIn("RESOURCE_NOT_FOUND", done.err)
        self.assertEqual(self.emulator.count(show_password=True), before)

    def test_15_history_keeps_names(self):
        """A rename upstream changes the list, not what was written."""
        key = self.mapping[self.some_company]
        old = self.organizations()[key]["displayName"]
        self.emulator.mutate("rename_organization", id=key, name="Renamed Ltd")
        self.cli("org", "refresh", "--watch")
        shown = self.json("org", "show", key)
        self.assertEqual((shown["displayName"], shown.get("previousDisplayName"), shown["mapping"]["company"]),
                         ("Renamed Ltd", old, self.some_company))

    def test_16_doctor_and_setup(self):
        found = {one["check"]: one for one in self.json("doctor")}
        for check in ("settings", "token", "server", "serving", "clock", "caller", "connection", "key age", "upstream",
                      "setup"):
            self.assertEqual(found[check]["state"], "OK", found[check])
        self.assertIn("ca.pem", found["server"]["found"])
        progress = self.json("setup", "status")
        self.assertTrue(progress["complete"])
        self.assertEqual([step["state"] for step in progress["steps"]], ["STATE_DONE"] * 4)
        table = self.cli("setup", "status")
        self.assertIn("the setup is complete", table.err)

    def key_file(self, key):
        path = self.stack.path("new-key")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(key + "\n")
        return "--api-key-file", path

    def test_17_the_key_is_replaced(self):
        before = self.json("connection", "show")["credential"]
        refused = self.cli("connection", "rotate", *self.key_file("ITG." + "0" * 64), code=None)
        self.assertIn("UPSTREAM_KEY_REJECTED", refused.err)
        new = self.emulator.mutate("add_key")[0]["key"]
        tried = self.cli("connection", "rotate", "--dry-run", *self.key_file(new))
        self.assertIn("was not changed", tried.err)
        self.assertEqual(self.json("connection", "show")["credential"]["fingerprint"], before["fingerprint"])
        done = self.cli("connection", "rotate", *self.key_file(new), output="json")
        self.assertEqual(done.json["credential"]["last4"], new[-4:])
        self.assertNotEqual(done.json["credential"]["fingerprint"], before["fingerprint"])
        self.assertNotIn(new, done.out + done.err + tried.out + tried.err)
        self.cli("connection", "test", done.json["name"])

    def test_18_the_connection_is_deleted(self):
        unasked = self.cli("connection", "delete", code=2)
        self.assertIn("--force", unasked.err)
        told = self.cli("connection", "delete", "--dry-run")
        self.assertRegex(told.err, r"has [1-9]\d* mappings, [1-9]\d* organizations and [1-9]\d* records")
        name = tail(self.json("connection", "show")["name"])
        receipt = self.json("connection", "delete", "--force", "--wait")
        self.assertTrue(receipt["endTime"], receipt)
        self.assertEqual(self.json("connection", "receipt", name), receipt)
        self.assertEqual(self.json("connection", "list").get("connections", []), [])
        self.assertEqual(self.json("docs", "list", self.some_company).get("documents", []), [])
        # The trail stays, and says who did it.
        self.assertTrue(self.json("audit", "list", "--type", "password_reveal")["auditEvents"])


if __name__ == "__main__":
    e2e.main()
