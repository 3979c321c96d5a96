#!/usr/bin/env python3
"""Runs the emulator and checks each behaviour that other tests lean on.

Usage: emulator_test.py PATH_OF_THE_BINARY. Python's standard library only.
"""
import concurrent.futures
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

BINARY = "./itglue_emulator"


class Emulator:
    """One running process with its ports and its key."""

    def __init__(self, *flags, region="us"):
        self.folder = tempfile.TemporaryDirectory()
        ready = os.path.join(self.folder.name, "ready")
        self.process = subprocess.Popen(
            [BINARY, "--ready-file", ready, "--region", region, *flags],
            stdout=subprocess.PIPE, text=True)
        deadline = time.time() + 30
        while not os.path.exists(ready):
            if self.process.poll() is not None or time.time() > deadline:
                raise RuntimeError("the emulator did not start")
            time.sleep(0.02)
        with open(ready) as file:
            self.ports = {name: int(port) for name, port in
                          (line.strip().split("=") for line in file)}
        self.key = self.process.stdout.readline().strip().removeprefix("api-key: ")
        self.region = region

    def stop(self):
        started = time.time()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=60)
        self.process.stdout.close()
        self.folder.cleanup()
        if status != 0:
            raise AssertionError(f"the emulator ended with status {status}")
        return status, time.time() - started

    def raw(self, path, region=None, key="", method="GET"):
        """Status, headers and body of an API request; key None sends none."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports[region or self.region]}{path}", method=method)
        if key is not None:
            request.add_header("x-api-key", key or self.key)
        opener = urllib.request.build_opener(NoRedirect)
        try:
            with opener.open(request, timeout=20) as reply:
                return reply.status, reply.headers, reply.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def get(self, path, **parameters):
        """The JSON of a request that must succeed."""
        status, _, body = self.raw(with_parameters(path, parameters))
        if status != 200:
            raise AssertionError(f"{path}: {status} {body[:200]}")
        return json.loads(body)

    def status(self, path, **parameters):
        return self.raw(with_parameters(path, parameters))[0]

    def error(self, path, **parameters):
        status, _, body = self.raw(with_parameters(path, parameters))
        return status, json.loads(body)["errors"][0]

    def walk(self, path, size=100, **parameters):
        rows, number = [], 1
        while number:
            page = self.get(path, **{"page[size]": size, "page[number]": number}, **parameters)
            rows += page["data"]
            number = page["meta"]["next-page"]
        return rows

    def admin(self, method, path, body=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['admin']}{path}", method=method,
            data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.loads(reply.read())

    def switch(self, **values):
        return self.admin("PATCH", "/switches", values)

    def fault(self, **fault):
        return self.admin("POST", "/faults", fault)

    def mutate(self, op, **values):
        return self.admin("POST", "/account/mutate", {"op": op, **values})[0]

    def dump(self, collection):
        return self.admin("GET", f"/account/dump?collection={collection}")

    def count(self, **filters):
        return self.admin("GET", with_parameters("/requests/count", filters))["count"]


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def with_parameters(path, parameters):
    return path + ("?" + urllib.parse.urlencode(parameters) if parameters else "")


def ids(rows):
    return [row["id"] for row in rows]


class EmulatorTest(unittest.TestCase):
    """Shares one small account; each test starts from the default switches."""

    @classmethod
    def setUpClass(cls):
        cls.it = Emulator()

    @classmethod
    def tearDownClass(cls):
        status, seconds = cls.it.stop()
        assert status == 0, f"exit status {status}"
        # A bound that only a wait for something would exceed.
        assert seconds < 20, f"took {seconds} s to stop"

    def setUp(self):
        self.it.admin("DELETE", "/switches")
        self.it.admin("DELETE", "/faults")
        self.it.admin("DELETE", "/requests")
        self.it.admin("DELETE", "/budget")
        self.it.switch(limit=0)

    def first_password(self, wanted=lambda row: True):
        for row in self.it.dump("passwords"):
            plain = not row["vaulted"] and not row["attributes"]["personal"] and row["secret"]
            if plain and wanted(row):
                return row
        raise AssertionError("no such password in the account")

    # Keys and regions

    def test_keys_and_regions(self):
        self.assertEqual(self.it.status("/organizations"), 200)
        for region in ("eu", "au"):
            status, _, body = self.it.raw("/organizations", region=region)
            self.assertEqual((status, json.loads(body)), (403, {"message": "Forbidden"}))
        self.assertEqual(self.it.raw("/organizations", key="ITG.wrong")[0], 403)
        self.assertEqual(self.it.raw("/organizations", key=None)[0], 403)
        self.it.switch(no_key_status=401)
        self.assertEqual(self.it.raw("/organizations", key=None)[0], 401)

    def test_forbidden_bodies(self):
        self.it.switch(forbidden_body="html")
        _, headers, body = self.it.raw("/organizations", key="x")
        self.assertIn("text/html", headers["Content-Type"])
        self.assertIn(b"<html>", body)
        self.it.switch(forbidden_body="empty")
        self.assertEqual(self.it.raw("/organizations", key="x")[2], b"")

    def test_revoked_and_restored_key(self):
        self.it.mutate("revoke_key")
        self.assertEqual(self.it.status("/organizations"), 403)
        self.it.mutate("restore_key")
        self.assertEqual(self.it.status("/organizations"), 200)

    def test_key_of_another_account(self):
        other = self.it.mutate("add_key", account="second")["key"]
        _, _, body = self.it.raw("/organizations", key=other)
        shown = [row["attributes"]["updated-at"] for row in json.loads(body)["data"]]
        self.assertEqual(len(shown), 40)
        self.assertNotEqual(shown, [row["attributes"]["updated-at"]
                                    for row in self.it.walk("/organizations")])
        theirs = self.it.admin("GET", "/account/summary?account=second")
        self.assertNotEqual(theirs["seed"], self.it.admin("GET", "/account/summary")["seed"])

    def test_api_not_enabled(self):
        self.it.switch(api_not_enabled=True)
        status, error = self.it.error("/organizations")
        self.assertEqual((status, error["status"]), (401, 401))
        self.assertEqual(error["detail"], "Unauthorized resource access")
        self.it.switch(api_not_enabled=False, organizations_denied=True)
        self.assertEqual(self.it.status("/organizations"), 401)
        self.assertEqual(self.it.status("/passwords"), 200)

    # Paging, sorts, filters

    def test_default_page_and_meta(self):
        page = self.it.get("/passwords")
        self.assertEqual(len(page["data"]), 50)
        meta = page["meta"]
        self.assertEqual((meta["current-page"], meta["next-page"], meta["prev-page"]), (1, 2, None))
        self.assertEqual(meta["total-pages"], -(-meta["total-count"] // 50))
        self.assertIn("page%5Bnumber%5D=2", page["links"]["next"])
        self.assertIsNone(page["links"]["prev"])
        following = json.loads(urllib.request.urlopen(urllib.request.Request(
            page["links"]["next"], headers={"x-api-key": self.it.key})).read())
        self.assertEqual(following["meta"]["current-page"], 2)

    def test_single_page_has_empty_links(self):
        page = self.it.get("/organization_types")
        self.assertEqual(page["links"], {})
        self.assertEqual(page["meta"]["total-pages"], 1)

    def test_encoded_and_plain_brackets(self):
        plain = self.it.raw("/passwords?page[size]=3")[2]
        coded = self.it.raw("/passwords?page%5Bsize%5D=3")[2]
        self.assertEqual(len(json.loads(plain)["data"]), 3)
        self.assertEqual(ids(json.loads(plain)["data"]), ids(json.loads(coded)["data"]))

    def test_walk_sees_every_row_once(self):
        rows = ids(self.it.walk("/passwords", size=37))
        truth = [row["id"] for row in self.it.dump("passwords")
                 if not row["attributes"]["personal"]]
        self.assertEqual(rows, truth)

    def test_past_the_end(self):
        page = self.it.get("/organizations", **{"page[number]": 99})
        self.assertEqual(page["data"], [])

    def test_logs_end_after_five_pages(self):
        page = self.it.get("/logs", **{"page[size]": 10, "page[number]": 5})
        self.assertEqual(len(page["data"]), 10)
        page = self.it.get("/logs", **{"page[size]": 10, "page[number]": 6})
        self.assertEqual(page["data"], [])

    def test_page_size_over_maximum(self):
        self.assertEqual(self.it.status("/organizations", **{"page[size]": 1001}), 200)
        self.it.switch(page_size_over_max="400")
        self.assertEqual(self.it.status("/organizations", **{"page[size]": 1001}), 400)
        self.assertEqual(self.it.status("/organizations", **{"page[size]": 1000}), 200)

    def test_timeout_above_a_page_size(self):
        self.it.switch(timeout_page_size={"documents": 100})
        status, error = self.it.error("/documents", **{"page[size]": 101})
        self.assertEqual(status, 504)
        self.assertEqual(error["detail"], "The request took too long to process and timed out.")
        self.assertEqual(self.it.status("/documents", **{"page[size]": 100}), 200)
        self.assertEqual(self.it.status("/passwords", **{"page[size]": 101}), 200)
        self.it.switch(timeout_status=500)
        self.assertEqual(self.it.status("/documents", **{"page[size]": 101}), 500)

    def test_sort(self):
        dates = [row["attributes"]["updated-at"]
                 for row in self.it.walk("/passwords", sort="-updated_at")]
        self.assertEqual(dates, sorted(dates, reverse=True))
        users = [row["attributes"]["username"] or ""
                 for row in self.it.walk("/passwords", sort="username,id")]
        self.assertEqual(users, sorted(users))
        self.assertEqual(ids(self.it.walk("/documents", sort="-updated_at")),
                         ids(self.it.walk("/documents")), "documents have no documented sort")
        self.it.switch(documents_sort="honoured")
        for order in ("updated_at", "-updated_at"):
            dates = [row["attributes"]["updated-at"] for row in self.it.walk("/documents", sort=order)]
            self.assertEqual(dates, sorted(dates, reverse=order[0] == "-"))
        self.it.switch(default_order="name")
        names = [row["attributes"]["name"].encode() for row in self.it.walk("/organizations")]
        self.assertEqual(names, sorted(names))

    def test_filters(self):
        organization = self.it.dump("passwords")[0]["organization_id"]
        rows = self.it.walk("/passwords", **{"filter[organization_id]": organization})
        self.assertTrue(rows)
        self.assertEqual({row["attributes"]["organization-id"] for row in rows}, {organization})
        nested = self.it.walk(f"/organizations/{organization}/relationships/passwords")
        self.assertEqual(ids(rows), ids(nested))
        kebab = self.it.walk("/passwords", **{"filter[organization-id]": organization})
        self.assertEqual(ids(rows), ids(kebab))
        page = self.it.get("/passwords", **{"filter[organization_id]": organization})
        self.assertEqual(page["meta"]["filters"], {"organization_id": str(organization)})

    def test_unknown_filter_is_ignored(self):
        total = self.it.get("/passwords")["meta"]["total-count"]
        page = self.it.get("/passwords", **{"filter[organisation_id]": 5})
        self.assertEqual(page["meta"]["total-count"], total)
        self.assertEqual(page["meta"]["filters"], {})

    def test_name_filter_is_exact(self):
        twins = self.it.get("/organizations", **{"filter[name]": "Harbor Dental"})
        self.assertEqual(len(twins["data"]), 2)
        self.assertEqual(self.it.get("/organizations", **{"filter[name]": "Harbor"})["data"], [])
        comma = self.it.get("/organizations", **{"filter[name]": "Müller\\, Maier & Co."})
        self.assertEqual(len(comma["data"]), 1)
        some = ids(self.it.get("/organizations")["data"])[:3]
        listed = self.it.get("/organizations", **{"filter[id]": ",".join(some)})
        self.assertEqual(ids(listed["data"]), some)
        without = self.it.walk("/organizations", **{"filter[exclude][id]": some[0]})
        self.assertEqual(len(without), 39)

    def test_boolean_and_attribute_filters(self):
        archived = self.it.walk("/passwords", **{"filter[archived]": "1"})
        self.assertTrue(archived and all(row["attributes"]["archived"] for row in archived))
        primary = self.it.walk("/organizations", **{"filter[primary]": "true"})
        self.assertEqual(len(primary), 1)

    def test_date_ranges(self):
        def asked(value):
            return self.it.status("/organizations", **{"filter[updated_at]": value})
        self.assertEqual(asked("2025-01-01,2025-01-08"), 200)
        self.assertEqual(asked("2025-01-01,2025-01-09"), 422)
        self.assertEqual(asked("*,2025-01-09"), 422)
        self.assertEqual(asked("2020-01-01T00:00:00Z,*"), 200)
        self.assertEqual(asked("*,*"), 200)
        self.it.switch(date_range_rules="no_open_end")
        self.assertEqual(asked("2020-01-01,*"), 422)
        self.it.switch(date_range_rules="none")
        self.assertEqual(asked("2020-01-01,2025-01-09"), 200)
        rows = self.it.walk("/organizations", **{"filter[updated_at]": "2025-06-01,*"})
        self.assertTrue(rows)
        self.assertTrue(all(row["attributes"]["updated-at"] >= "2025-06-01" for row in rows))
        self.assertLess(len(rows), 40)

    def test_psa_filter(self):
        linked = self.it.dump("adapters_resources")[3]
        remote = linked["attributes"]["remote-id"]
        def asked(kind):
            return self.it.get("/organizations", **{
                "filter[psa_id]": remote, "filter[psa_integration_type]": kind})["data"]
        self.assertEqual(ids(asked("manage")), [str(linked["organization_id"])])
        self.assertEqual(asked("autotask"), [])
        self.assertEqual(len(self.it.walk("/organizations", **{"filter[psa_id]": remote})), 40)
        self.it.switch(psa_filter_alone="400", psa_filter_foreign="ignored")
        self.assertEqual(self.it.status("/organizations", **{"filter[psa_id]": remote}), 400)
        self.assertEqual(len(asked("autotask")), 40)
        self.assertEqual(ids(asked("manage")), [str(linked["organization_id"])])
        self.it.switch(psa_filter_foreign="422")
        self.assertEqual(self.it.status("/organizations", **{
            "filter[psa_id]": remote, "filter[psa_integration_type]": "vorex"}), 422)

    def test_nested_filters_switch(self):
        organization = self.it.dump("passwords")[0]["organization_id"]
        path = f"/organizations/{organization}/relationships/passwords"
        self.assertEqual(self.it.walk(path, **{"filter[name]": "nobody"}), [])
        self.it.switch(nested_filters="ignored")
        self.assertTrue(self.it.walk(path, **{"filter[name]": "nobody"}))

    def test_paging_drifts(self):
        straight = ids(self.it.walk("/passwords"))
        self.it.switch(duplicate_rows=2)
        doubled = ids(self.it.walk("/passwords"))
        self.assertEqual(sorted(set(doubled)), sorted(straight))
        self.assertEqual(len(doubled), len(straight) + 2 * ((len(straight) - 1) // 100))
        self.it.switch(duplicate_rows=0, shift_rows=1)
        self.assertLess(len(set(ids(self.it.walk("/passwords")))), len(straight))
        self.it.switch(shift_rows=0, empty_page_before_end=2)
        page = self.it.get("/passwords", **{"page[number]": 2})
        self.assertEqual(page["data"], [])
        self.assertEqual(page["meta"]["next-page"], 3)
        self.it.switch(empty_page_before_end=0, next_page_loop=3)
        page = self.it.get("/passwords", **{"page[number]": 3})
        self.assertEqual(page["meta"]["next-page"], 3)
        self.it.switch(next_page_loop=0, total_count_lies=-7)
        page = self.it.get("/passwords")
        self.assertEqual(page["meta"]["total-count"], len(straight) - 7)
        self.it.switch(omit_meta=True)
        self.assertEqual(set(self.it.get("/passwords")), {"data"})

    # Includes

    def test_psa_links_are_included(self):
        for spelling in ("adapters_resources", "adapters-resources"):
            page = self.it.get("/organizations", include=spelling, **{"page[size]": 1000})
            remote = {row["id"]: row["attributes"]["remote-id"] for row in page["included"]}
            linked = [row for row in page["data"]
                      if row["relationships"]["adapters-resources"]["data"]]
            self.assertGreater(len(linked), 30)
            self.assertLess(len(linked), 40)
            for row in linked:
                self.assertIn(row["relationships"]["adapters-resources"]["data"][0]["id"], remote)
        self.assertNotIn("included", self.it.get("/organizations"))

    def test_unknown_include_and_integer_ids(self):
        self.assertEqual(self.it.status("/organizations", include="nonsense"), 200)
        self.it.switch(unknown_include="400", included_id="integer")
        self.assertEqual(self.it.status("/organizations", include="nonsense"), 400)
        page = self.it.get("/organizations", include="adapters_resources")
        self.assertIsInstance(page["included"][0]["id"], int)

    def test_checklist_tasks(self):
        page = self.it.get("/checklists", include="checklist_tasks", **{"page[size]": 1000})
        tasks = {row["id"]: row["attributes"] for row in page["included"]}
        self.assertEqual(len(tasks), len(self.it.dump("checklist_tasks")))
        for row in page["data"]:
            own = [tasks[link["id"]] for link in row["relationships"]["checklist-tasks"]["data"]]
            self.assertTrue(all(task["checklist-id"] == int(row["id"]) for task in own))
            if row["attributes"]["completed"]:
                self.assertTrue(all(task["completed"] for task in own))
        status, error = self.it.error("/checklist_tasks")
        self.assertEqual((status, error["title"]), (401, "Only supported for JWT requests"))

    # Flexible assets

    def test_flexible_assets_want_a_type(self):
        self.assertEqual(self.it.status("/flexible_assets"), 422)
        self.it.switch(missing_type_filter_status=400)
        self.assertEqual(self.it.status("/flexible_assets"), 400)
        seen = 0
        for kind in self.it.walk("/flexible_asset_types"):
            rows = self.it.walk("/flexible_assets", **{"filter[flexible-asset-type-id]": kind["id"]})
            seen += len(rows)
            for row in rows:
                self.assertEqual(row["attributes"]["flexible-asset-type-id"], int(kind["id"]))
        self.assertEqual(seen, 900)

    def test_types_bring_their_fields(self):
        page = self.it.get("/flexible_asset_types", include="flexible_asset_fields")
        kinds = {row["attributes"]["kind"] for row in page["included"]}
        self.assertEqual(kinds, {"Checkbox", "Date", "Header", "Number", "Select", "Text",
                                 "Textbox", "Upload", "Tag", "Percent", "Password"})
        first = page["data"][0]
        nested = self.it.walk(
            f"/flexible_asset_types/{first['id']}/relationships/flexible_asset_fields")
        linked = first["relationships"]["flexible-asset-fields"]["data"]
        self.assertEqual(ids(nested), ids(linked))
        plain = self.it.get("/flexible_asset_types")["data"][0]
        self.assertEqual(plain["relationships"]["flexible-asset-fields"]["data"], linked)
        self.assertFalse(page["data"][-1]["attributes"]["enabled"])

    def test_trait_shapes(self):
        traits = [row["attributes"]["traits"] for row in self.it.dump("flexible_assets")]
        tags = [trait["servers"] for trait in traits if trait.get("servers")]
        self.assertTrue(any(value["id"] for tag in tags for value in tag["values"]))
        self.assertTrue(any("notes" not in trait for trait in traits))
        self.assertTrue(any(trait.get("notes", 1) is None for trait in traits))
        self.assertTrue(all("details" not in trait or trait["details"] is None
                            for trait in traits))
        linked = [trait["admin-password"]["values"][0]["id"] for trait in traits
                  if trait.get("admin-password")]
        passwords = {int(row["id"]): row for row in self.it.dump("passwords")}
        self.assertTrue(linked)
        for number in linked:
            self.assertIn("flexible-asset-trait",
                          passwords[number]["attributes"]["resource-type"])

    # Documents

    def test_folder_filter(self):
        for organization in {row["organization_id"] for row in self.it.dump("documents")}:
            truth = [row for row in self.it.dump("documents")
                     if row["organization_id"] == organization]
            if any(row["parent_id"] for row in truth) and any(
                    not row["parent_id"] for row in truth):
                break
        path = f"/organizations/{organization}/relationships/documents"
        folder = next(row["parent_id"] for row in truth if row["parent_id"])
        def asked(**parameters):
            return set(ids(self.it.walk(path, **parameters)))
        everything = {row["id"] for row in truth}
        root = {row["id"] for row in truth if not row["parent_id"]}
        self.assertEqual(asked(), root)
        self.assertEqual(asked(**{"filter[document_folder_id]": "0"}), root)
        self.assertEqual(asked(**{"filter[document_folder_id]": "null"}), everything)
        self.assertEqual(asked(**{"filter[document_folder_id][ne]": ""}), everything - root)
        self.assertEqual(asked(**{"filter[document_folder_id][ne]": "null"}), everything - root)
        self.assertEqual(asked(**{"filter[document_folder_id]": folder}),
                         {row["id"] for row in truth if row["parent_id"] == folder})
        self.it.switch(folder_filter_null="root")
        self.assertEqual(asked(**{"filter[document_folder_id]": "null"}), root)
        self.it.switch(folder_filter_null="422")
        self.assertEqual(self.it.status(path, **{"filter[document_folder_id]": "null"}), 422)

    def test_folder_counts(self):
        inside = {}
        for row in self.it.dump("documents"):
            inside[row["parent_id"]] = inside.get(row["parent_id"], 0) + 1
        for folder in self.it.dump("document_folders"):
            self.assertEqual(folder["attributes"]["documents-count"],
                             inside.get(int(folder["id"]), 0))
            self.assertEqual(len(folder["attributes"]["ancestor-ids"]) > 0,
                             folder["attributes"]["parent-id"] is not None)

    def test_document_forms(self):
        row = next(row for row in self.it.dump("documents")
                   if len(row["attributes"]["content"]) > 1)
        path = f"/documents/{row['id']}"
        shown = self.it.get(path)["data"]["attributes"]
        self.assertEqual(shown["content"], row["attributes"]["content"])
        self.assertEqual(shown["content"][0]["document_id"], int(row["id"]))
        sections = self.it.walk(path + "/relationships/sections", sort="sort")
        self.assertEqual([section["attributes"]["content"] for section in sections],
                         [part["resource"]["content"] for part in shown["content"]])
        one = self.it.get(f"{path}/relationships/sections/{sections[0]['id']}")["data"]
        self.assertEqual(one["type"], "document-sections")
        self.it.switch(document_show="sections")
        moved = self.it.get(path)["data"]["attributes"]
        self.assertIsNone(moved["content"])
        self.assertEqual(moved["sections"], shown["content"])
        self.it.switch(document_show="included")
        answer = self.it.get(path)
        self.assertEqual(len(answer["included"]), len(sections))
        self.it.switch(document_show="null")
        answer = self.it.get(path)
        self.assertIsNone(answer["data"]["attributes"]["content"])
        self.assertNotIn("included", answer)
        organization = row["organization_id"]
        nested = f"/organizations/{organization}/relationships{path}"
        self.assertEqual(self.it.get(nested)["data"]["id"], row["id"])

    def test_document_kinds(self):
        rows = [row["attributes"] for row in self.it.dump("documents")]
        for key in ("restricted", "archived", "is-uploaded"):
            self.assertTrue(any(row[key] for row in rows), key)
        self.assertTrue(any(row["published-at"] is None for row in rows))
        html = json.dumps(rows)
        self.assertIn("<script>", html)
        self.assertIn("/developer/images/", html)
        image = self.it.dump("document_images")[0]
        shown = self.it.get(f"/document_images/{image['id']}")["data"]["attributes"]
        self.assertIn("original-src", shown)

    def test_big_body(self):
        self.it.switch(big_body_document_bytes=3000000)
        row = self.it.dump("documents")[0]
        body = self.it.raw(f"/documents/{row['id']}")[2]
        self.assertGreater(len(body), 3000000)
        self.assertEqual(len(json.loads(body)["data"]["attributes"]["content"]), 1)

    def test_vintages(self):
        organization = self.it.dump("organizations")[0]["id"]
        routes = {"documents": f"/organizations/{organization}/relationships/documents",
                  "checklists": "/checklists", "folders": "/document_folders"}
        opened = {"2025": [], "2026-01": ["documents"], "2026-02": ["documents", "checklists"],
                  "2026-07": ["documents", "checklists", "folders"]}
        for vintage, names in opened.items():
            self.it.switch(vintage=vintage)
            for name, path in routes.items():
                self.assertEqual(self.it.status(path), 200 if name in names else 401,
                                 f"{vintage} {name}")
        self.it.switch(vintage="2025")
        self.assertEqual(self.it.error("/checklists")[1]["title"],
                         "Only supported for JWT requests")
        self.assertEqual(self.it.status("/passwords"), 200)

    def test_optional_routes(self):
        self.it.switch(documents_index="404", checklist_templates="401")
        self.assertEqual(self.it.status("/documents"), 404)
        self.assertEqual(self.it.status("/checklist_templates"), 401)
        self.it.switch(checklist_templates="404")
        self.assertEqual(self.it.status("/checklist_templates"), 404)

    # Passwords

    def test_lists_never_show_a_secret(self):
        for parameters in ({}, {"show_password": "true"}):
            rows = self.it.walk("/passwords", **parameters)
            self.assertTrue(all("password" not in row["attributes"] for row in rows))
        self.it.switch(list_show_password="400")
        self.assertEqual(self.it.status("/passwords", show_password="true"), 400)

    def test_stray_password_attribute(self):
        self.it.switch(list_has_password_attribute="value")
        truth = self.first_password()
        row = self.it.get("/passwords", **{"filter[id]": truth["id"]})["data"][0]
        self.assertEqual(row["attributes"]["password"], truth["secret"])
        self.it.switch(list_has_password_attribute="null")
        row = self.it.get("/passwords", **{"filter[id]": truth["id"]})["data"][0]
        self.assertIsNone(row["attributes"]["password"])

    def test_show_password(self):
        truth = self.first_password()
        path = f"/passwords/{truth['id']}"
        self.assertEqual(self.it.get(path)["data"]["attributes"]["password"], truth["secret"])
        shown = self.it.get(path, show_password="true")["data"]["attributes"]
        self.assertEqual(shown["password"], truth["secret"])
        self.assertTrue(shown["is-live"])
        self.assertNotIn("password", self.it.get(path, show_password="false")["data"]["attributes"])
        self.it.switch(hidden_value="null", show_password_default=False)
        for parameters in ({"show_password": "false"}, {}):
            hidden = self.it.get(path, **parameters)["data"]["attributes"]
            self.assertIsNone(hidden["password"])
        nested = f"/organizations/{truth['organization_id']}/relationships{path}"
        self.assertEqual(self.it.get(nested, show_password="true")["data"]["id"], truth["id"])
        other = next(row["id"] for row in self.it.dump("organizations")
                     if int(row["id"]) != truth["organization_id"])
        self.assertEqual(self.it.status(f"/organizations/{other}/relationships{path}"), 404)

    def test_key_without_password_access(self):
        path = f"/passwords/{self.first_password()['id']}"
        self.it.switch(password_access=False)
        self.assertEqual(self.it.status(path, show_password="true"), 401)
        self.assertEqual(self.it.status(path), 401)
        self.assertEqual(self.it.status(path, show_password="false"), 200)
        self.assertEqual(self.it.status("/passwords"), 200)
        self.it.switch(omitted_without_access="absent")
        self.assertNotIn("password", self.it.get(path)["data"]["attributes"])
        self.it.switch(password_access=True)
        self.it.mutate("password_access", on=False)
        self.assertEqual(self.it.status(path, show_password="true"), 401)
        self.it.mutate("password_access", on=True)
        self.assertEqual(self.it.status(path, show_password="true"), 200)

    def test_special_entries(self):
        rows = self.it.dump("passwords")
        vaulted = next(row for row in rows if row["vaulted"])
        path = f"/passwords/{vaulted['id']}"
        for choice, value in (("null", None), ("absent", "none"), ("ciphertext", "U2Fsd")):
            self.it.switch(vaulted_value=choice)
            shown = self.it.get(path)["data"]["attributes"].get("password", "none")
            self.assertEqual((shown or "")[:5], (value or "")[:5])
        self.assertTrue(vaulted["attributes"]["vault-id"])
        never = next(row for row in rows if row["secret"] is None and not row["vaulted"])
        self.assertIsNone(self.it.get(f"/passwords/{never['id']}")["data"]["attributes"]["password"])
        self.it.switch(empty_value="absent")
        self.assertNotIn("password",
                         self.it.get(f"/passwords/{never['id']}")["data"]["attributes"])
        empty = next(row for row in rows if row["secret"] == "" and not row["vaulted"])
        self.assertEqual(self.it.get(f"/passwords/{empty['id']}")["data"]["attributes"]["password"],
                         "")
        attributes = [row["attributes"] for row in rows]
        self.assertTrue(any(row["password-category-id"] is None for row in attributes))
        self.assertTrue(any(row["otp-enabled"] for row in attributes))
        self.assertTrue(any("Recovery code" in (row["notes"] or "") for row in attributes))

    def test_personal_entries(self):
        personal = next(row for row in self.it.dump("passwords") if row["attributes"]["personal"])
        path = f"/passwords/{personal['id']}"
        self.assertEqual(self.it.status(path), 404)
        self.assertNotIn(personal["id"], ids(self.it.walk("/passwords")))
        self.it.switch(personal_passwords="shown")
        self.assertEqual(self.it.status(path), 200)
        self.assertIn(personal["id"], ids(self.it.walk("/passwords")))

    def test_authorized_users(self):
        restricted = self.first_password(lambda row: row["attributes"]["restricted"])
        path = f"/passwords/{restricted['id']}"
        answer = self.it.get(path, include="authorized_users,user_resource_accesses")
        users = {row["id"]: row["attributes"]["email"] for row in answer["included"]
                 if row["type"] == "users"}
        accesses = [row["attributes"]["user-id"] for row in answer["included"]
                    if row["type"] == "user-resource-accesses"]
        self.assertTrue(users)
        self.assertEqual({int(number) for number in users}, set(accesses))
        self.assertTrue(all(email.endswith("@msp.example") for email in users.values()))
        linked = answer["data"]["relationships"]["authorized-users"]["data"]
        self.assertEqual({link["id"] for link in linked}, set(users))
        self.it.switch(authorized_users="unlinked")
        answer = self.it.get(path, include="authorized_users")
        self.assertEqual({row["id"] for row in answer["included"]}, set(users))
        self.assertNotIn("authorized-users", answer["data"].get("relationships", {}))
        self.it.switch(authorized_users="absent")
        self.assertFalse(self.it.get(path, include="authorized_users").get("included"))

    def test_category_counts(self):
        for row in self.it.walk("/password_categories"):
            inside = [entry for entry in self.it.dump("passwords")
                      if entry["parent_id"] == int(row["id"])]
            self.assertEqual(row["attributes"]["passwords-count"], len(inside))

    def test_secret_in_errors(self):
        truth = self.first_password()
        self.it.switch(echo_secret_in_errors=True)
        self.it.fault(path=f"/passwords/{truth['id']}", action="status:422")
        status, _, body = self.it.raw(f"/passwords/{truth['id']}")
        self.assertEqual(status, 422)
        self.assertIn(json.dumps(truth["secret"]).encode(), body)

    # Errors and dirt

    def test_missing_records_and_routes(self):
        status, error = self.it.error("/passwords/999999999")
        self.assertEqual((status, error["title"]), (404, "Record not found"))
        self.it.switch(missing_record_status=401)
        self.assertEqual(self.it.status("/passwords/999999999"), 401)
        status, headers, _ = self.it.raw("/companies")
        self.assertEqual(status, 404)
        self.assertIn("text/html", headers["Content-Type"])
        self.it.switch(html_404=False)
        self.assertEqual(self.it.error("/companies")[0], 404)
        self.assertEqual(self.it.raw("/passwords", method="DELETE")[0], 501)

    def test_bent_names_and_rows(self):
        self.it.switch(null_names=3)
        names = [row["attributes"]["name"] for row in self.it.walk("/checklists")]
        self.assertIn(None, names)
        self.it.switch(null_names=0, nul_in_names=3)
        names = [row["attributes"]["name"] for row in self.it.walk("/checklists")]
        self.assertTrue(any("\0" in name for name in names))
        self.it.switch(nul_in_names=0, malformed_rows=3)
        self.assertTrue(any(row["id"] == {} for row in self.it.walk("/checklists")))

    def test_quick_notes_are_cut_in_lists(self):
        long = next(row for row in self.it.dump("organizations")
                    if len(row["attributes"]["quick-notes"] or "") > 250)
        listed = self.it.get("/organizations", **{"filter[id]": long["id"]})["data"][0]
        self.assertEqual(listed["attributes"]["quick-notes"],
                         long["attributes"]["quick-notes"][:250])
        shown = self.it.get(f"/organizations/{long['id']}")["data"]
        self.assertEqual(shown["attributes"]["quick-notes"], long["attributes"]["quick-notes"])

    def test_switches_refuse_nonsense(self):
        for values in ({"vintage": "1999"}, {"limit": "many"}, {"no_such_switch": 1},
                       {"timeout_page_size": {"documents": "x"}}, {"no_key_status": 200}):
            with self.assertRaises(urllib.error.HTTPError) as caught:
                self.it.switch(**values)
            self.assertEqual(caught.exception.code, 400)
            caught.exception.close()
        described = self.it.admin("GET", "/switches?describe=1")
        self.assertEqual(len(described), len(self.it.admin("GET", "/switches")))

    # Budget

    def in_time(self, steps):
        """Statuses of requests at these seconds from the first. All is done again if this machine
        was late for one by 0.9 s: then another window may be what it met."""
        for _ in range(20):
            self.it.admin("DELETE", "/budget")
            self.it.admin("DELETE", "/requests")
            statuses, late, started = [], 0, time.monotonic()
            for second in steps:
                time.sleep(max(0, started + second - time.monotonic()))
                statuses.append(self.it.status("/organizations"))
                late = max(late, time.monotonic() - started - second)
            if late < 0.9:
                return statuses
        raise AssertionError("this machine is too slow to tell")

    def test_sliding_window(self):
        self.it.switch(limit=5, window_ms=3000)
        statuses = self.in_time([0] * 6 + [1.5] + [4] * 6)
        self.assertEqual(statuses, [200] * 5 + [429] * 2 + [200] * 5 + [429])
        peak = self.it.admin("GET", "/requests/peak?window_ms=3000&status=200")["peak"]
        self.assertEqual(peak, 5)

    def test_window_slides(self):
        self.it.switch(limit=4, window_ms=3000)
        # The first two have left the window, the later two have not: a fixed window would differ.
        self.assertEqual(self.in_time([0, 0, 2, 2, 4, 4, 4]), [200] * 6 + [429])

    def test_rejected_requests_may_count(self):
        self.it.switch(limit=2, window_ms=3000, rate_counts_rejected=True)
        self.assertEqual(self.in_time([0, 0, 0, 2, 4, 4]), [200, 200, 429, 429, 200, 429])

    def test_limit_scope(self):
        other = self.it.mutate("add_key")["key"]
        self.it.switch(limit=1, window_ms=60000)
        self.it.status("/organizations")
        self.assertEqual(self.it.status("/organizations"), 429)
        self.assertEqual(self.it.raw("/organizations", key=other)[0], 200)
        self.it.switch(limit=2, rate_scope="account")
        answers = [self.it.status("/organizations"), self.it.raw("/organizations", key=other)[0],
                   self.it.raw("/organizations", key=other)[0]]
        self.assertEqual(answers, [200, 200, 429])

    def test_retry_after_and_rate_bodies(self):
        self.it.switch(limit=1, window_ms=60000)
        self.it.status("/organizations")
        _, headers, _ = self.it.raw("/organizations")
        self.assertIsNone(headers["Retry-After"])
        self.it.switch(retry_after="seconds")
        self.assertIn(int(self.it.raw("/organizations")[1]["Retry-After"]), range(50, 61))
        self.it.switch(retry_after_seconds=7, rate_body="empty")
        _, headers, body = self.it.raw("/organizations")
        self.assertEqual((headers["Retry-After"], body), ("7", b""))
        self.it.switch(retry_after="date", rate_body="html")
        _, headers, body = self.it.raw("/organizations")
        self.assertTrue(headers["Retry-After"].endswith("GMT"))
        self.assertIn(b"<html>", body)

    # Faults

    def test_status_faults(self):
        self.it.fault(path="/passwords", action="status:503", body="html", retry_after=3, count=2)
        for _ in range(2):
            status, headers, body = self.it.raw("/passwords")
            self.assertEqual((status, headers["Retry-After"]), (503, "3"))
            self.assertIn(b"<html>", body)
        self.assertEqual(self.it.status("/passwords"), 200)

    def test_faults_match_query_skip_and_region(self):
        self.it.fault(path="page[number]=2", action="status:500", skip=1)
        second = {"page[number]": 2}
        answers = [self.it.status("/passwords", **second) for _ in range(3)]
        self.assertEqual(answers, [200, 500, 200])
        self.it.fault(action="status:500", region="eu")
        self.assertEqual(self.it.status("/passwords"), 200)
        self.assertEqual(self.it.raw("/passwords", region="eu")[0], 500)

    def test_torn_bodies(self):
        for framing in ("length", "chunked"):
            self.it.fault(path="/passwords", action="truncate", framing=framing)
            with self.assertRaises(http.client.IncompleteRead):
                self.it.raw("/passwords")
        self.it.fault(path="/passwords", action="truncate", framing="close")
        status, headers, body = self.it.raw("/passwords")
        self.assertEqual((status, headers["Content-Length"]), (200, None))
        with self.assertRaises(ValueError):
            json.loads(body)
        self.it.fault(path="/passwords", action="invalid_json")
        status, _, body = self.it.raw("/passwords")
        self.assertEqual(status, 200)
        with self.assertRaises(ValueError):
            json.loads(body)

    def test_slow_answers(self):
        self.it.fault(path="/groups", action="trickle", bytes=200, ms=50)
        started = time.time()
        self.assertEqual(len(self.it.get("/groups")["data"]), 4)
        # Three pauses; clocks need not agree to the millisecond.
        self.assertGreater(time.time() - started, 0.12)
        self.it.fault(path="/groups", action="delay", ms=300)
        started = time.time()
        self.it.get("/groups")
        self.assertGreater(time.time() - started, 0.25)
        self.it.switch(latency_ms=200)
        started = time.time()
        self.it.get("/groups")
        self.assertGreater(time.time() - started, 0.15)
        self.it.switch(latency_ms=0, latency_jitter_ms=200)
        started = time.time()
        for _ in range(8):
            self.it.get("/groups")
        self.assertGreater(time.time() - started, 0.1)

    def test_latency_holds_no_thread(self):
        self.it.switch(latency_ms=1500)
        sockets = []
        started = time.time()
        for _ in range(20):
            one = socket.create_connection(("127.0.0.1", self.it.ports["us"]))
            one.sendall(f"GET /groups HTTP/1.1\r\nHost: x\r\nx-api-key: {self.it.key}\r\n"
                        "Connection: close\r\n\r\n".encode())
            sockets.append(one)
        for one in sockets:
            one.settimeout(20)
            self.assertIn(b"200 OK", one.recv(100))
            one.close()
        # One after the other on its two threads they would take as long as the ten of one of them.
        self.assertLess(time.time() - started, 10 * 1.5)

    def test_held_until_faults_are_cleared(self):
        self.it.fault(path="/groups", action="hold")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            held = pool.submit(self.it.status, "/groups")
            # It has come, and others are answered meanwhile.
            while self.it.count(path="/groups") == 0:
                time.sleep(0.01)
            self.assertEqual(self.it.status("/groups"), 200)
            self.assertFalse(held.done())
            self.it.admin("DELETE", "/faults")
            self.assertEqual(held.result(), 200)
        self.assertEqual(self.it.status("/groups"), 200)

    def test_lost_connections(self):
        self.it.fault(path="/groups", action="drop")
        with self.assertRaises((urllib.error.URLError, ConnectionError, http.client.HTTPException)):
            self.it.raw("/groups")
        self.it.fault(path="/groups", action="hang", ms=300)
        started = time.time()
        with self.assertRaises((urllib.error.URLError, ConnectionError, http.client.HTTPException)):
            self.it.raw("/groups")
        self.assertGreater(time.time() - started, 0.25)

    def test_redirect_names_a_trap(self):
        self.it.fault(path="/groups", action="redirect")
        status, headers, _ = self.it.raw("/groups")
        self.assertEqual(status, 302)
        self.assertEqual(self.it.count(region="redirect-target"), 0)
        request = urllib.request.Request(headers["Location"], headers={"x-api-key": self.it.key})
        urllib.request.urlopen(request).close()
        self.assertEqual(self.it.count(region="redirect-target", had_key="true"), 1)

    def test_sign_in_page(self):
        self.it.fault(path="/groups", action="html_200")
        status, headers, _ = self.it.raw("/groups")
        self.assertEqual(status, 200)
        self.assertIn("text/html", headers["Content-Type"])

    def test_wrong_organization(self):
        truth = self.first_password()
        path = f"/passwords/{truth['id']}"
        self.it.fault(path=path, action="wrong_org")
        shown = self.it.get(path)["data"]
        self.assertEqual(shown["id"], truth["id"])
        self.assertNotEqual(shown["attributes"]["organization-id"], truth["organization_id"])
        nested = f"/organizations/{truth['organization_id']}/relationships/passwords"
        self.it.fault(path=nested, action="wrong_org")
        rows = self.it.get(nested)["data"]
        self.assertNotEqual(rows[0]["attributes"]["organization-id"], truth["organization_id"])

    # Recorder

    def test_recorder(self):
        truth = self.first_password()
        self.it.get("/passwords", **{"page[size]": 7})
        self.it.get(f"/passwords/{truth['id']}", show_password="true")
        self.it.get(f"/passwords/{truth['id']}", show_password="false")
        self.it.raw(f"/groups?api_key={self.it.key}", key=None)
        self.it.raw("/groups", region="au")
        log = self.it.admin("GET", "/requests")
        self.assertEqual([entry["path"] for entry in log][-2:], ["/groups", "/groups"])
        self.assertEqual(log[0]["query"], "page[size]=7")
        self.assertEqual([entry["show_password"] for entry in log[:3]], [False, True, False])
        self.assertEqual([entry["password_returned"] for entry in log[:3]], [False, True, False])
        self.assertEqual((log[3]["had_key"], log[3]["key_in_query"]), (False, True))
        self.assertEqual((log[4]["region"], log[4]["status"]), ("au", 403))
        self.assertNotIn(self.it.key, json.dumps(log))
        self.assertEqual(self.it.count(path="/passwords"), 3)
        self.assertEqual(self.it.count(exact_path="/passwords"), 1)
        self.assertEqual(self.it.count(password_returned="true"), 1)
        self.it.admin("DELETE", "/requests")
        self.assertEqual(self.it.admin("GET", "/requests"), [])


class MutationTest(unittest.TestCase):
    """Changes of the account, each on a process of its own: the account is not shared."""

    def setUp(self):
        self.it = Emulator("--limit", "0", region="eu")

    def tearDown(self):
        self.it.stop()

    def test_organizations(self):
        first = self.it.dump("organizations")[1]["id"]
        self.it.mutate("rename_organization", id=first, name="Neuer Name ß")
        renamed = self.it.get(f"/organizations/{first}")["data"]["attributes"]
        self.assertEqual(renamed["name"], "Neuer Name ß")
        newest = self.it.get("/organizations", sort="-updated_at")["data"][0]
        self.assertEqual(newest["id"], first)
        rows = self.it.walk(f"/organizations/{first}/relationships/passwords")
        self.assertTrue(all(row["attributes"]["organization-name"] == "Neuer Name ß"
                            for row in rows))
        added = self.it.mutate("insert_organization", name="Neu", remote_id="777")["id"]
        found = self.it.get("/organizations", **{"filter[psa_id]": "777",
                                                 "filter[psa_integration_type]": "manage"})
        self.assertEqual(ids(found["data"]), [added])
        self.it.mutate("delete_organization", id=first)
        self.assertEqual(self.it.status(f"/organizations/{first}"), 404)
        self.assertFalse([row for row in self.it.dump("passwords")
                          if str(row["organization_id"]) == first])

    def test_passwords(self):
        truth = next(row for row in self.it.dump("passwords")
                     if row["secret"] and not row["vaulted"] and
                     not row["attributes"]["personal"])
        path = f"/passwords/{truth['id']}"
        self.it.mutate("set_password_value", id=truth["id"], value="rotated \"ü\"")
        shown = self.it.get(path)["data"]["attributes"]
        self.assertEqual(shown["password"], "rotated \"ü\"")
        self.assertGreater(shown["password-updated-at"],
                           truth["attributes"]["password-updated-at"])
        category = self.it.dump("password_categories")[3]
        self.it.mutate("set_password_category", id=truth["id"], category_id=category["id"])
        shown = self.it.get(path)["data"]["attributes"]
        self.assertEqual(shown["password-category-id"], int(category["id"]))
        self.assertEqual(shown["password-category-name"], category["attributes"]["name"])
        target = next(row for row in self.it.dump("organizations")
                      if int(row["id"]) != truth["organization_id"])
        self.it.mutate("move_password", id=truth["id"], organization_id=target["id"])
        nested = f"/organizations/{target['id']}/relationships{path}"
        self.assertEqual(self.it.get(nested)["data"]["attributes"]["organization-name"],
                         target["attributes"]["name"])
        added = self.it.mutate("add_password", organization_id=target["id"], value="s3cret",
                               name="Neu")["id"]
        self.assertEqual(self.it.get(f"/passwords/{added}")["data"]["attributes"]["password"],
                         "s3cret")
        self.it.mutate("delete_password", id=added)
        self.assertEqual(self.it.status(f"/passwords/{added}"), 404)

    def test_documents(self):
        truth = next(row for row in self.it.dump("documents")
                     if row["attributes"]["content"] and row["parent_id"])
        self.it.mutate("update_document", id=truth["id"], name="Neu", html="<p>neu</p>")
        shown = self.it.get(f"/documents/{truth['id']}")["data"]["attributes"]
        self.assertEqual((shown["name"], shown["content"][0]["resource"]["content"]),
                         ("Neu", "<p>neu</p>"))
        self.assertGreater(shown["updated-at"], truth["attributes"]["updated-at"])
        twin = self.it.mutate("copy_row", collection="documents", id=truth["id"],
                              attributes={"name": "Twin"})["id"]
        self.assertEqual(self.it.get(f"/documents/{twin}")["data"]["attributes"]["name"], "Twin")
        self.it.mutate("delete_document", id=truth["id"])
        self.assertEqual(self.it.status(f"/documents/{truth['id']}"), 404)

    def test_types_and_tasks(self):
        added = self.it.mutate("add_flexible_asset_type", name="Neuer Typ")["id"]
        self.assertIn(added, ids(self.it.walk("/flexible_asset_types")))
        self.it.mutate("disable_flexible_asset_type", id=added)
        row = self.it.get(f"/flexible_asset_types/{added}")["data"]["attributes"]
        self.assertFalse(row["enabled"])
        self.it.mutate("enable_flexible_asset_type", id=added)
        row = self.it.get(f"/flexible_asset_types/{added}")["data"]["attributes"]
        self.assertTrue(row["enabled"])
        first = self.it.dump("flexible_asset_types")[0]["id"]
        self.it.mutate("delete_flexible_asset_type", id=first)
        self.assertFalse([row for row in self.it.dump("flexible_assets")
                          if str(row["parent_id"]) == first])
        task = next(row for row in self.it.dump("checklist_tasks")
                    if not row["attributes"]["completed"])
        before = self.it.get(f"/checklists/{task['parent_id']}")["data"]["attributes"]
        self.it.mutate("complete_checklist_task", id=task["id"])
        after = self.it.get(f"/checklists/{task['parent_id']}")["data"]["attributes"]
        self.assertEqual(after["updated-at"], before["updated-at"])
        self.it.mutate("set_attribute", collection="checklists", id=task["parent_id"],
                       key="archived", value=True)
        after = self.it.get(f"/checklists/{task['parent_id']}")["data"]["attributes"]
        self.assertTrue(after["archived"])
        self.it.mutate("delete_row", collection="checklists", id=task["parent_id"])
        self.assertEqual(self.it.status(f"/checklists/{task['parent_id']}"), 404)
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.it.mutate("no_such_op")
        caught.exception.close()


class ProcessTest(unittest.TestCase):
    """Flags, scenario, determinism, sizes of ids, TLS."""

    COLLECTIONS = ("organizations", "adapters_resources", "flexible_asset_types",
                   "flexible_asset_fields", "flexible_assets", "documents", "document_folders",
                   "checklists", "checklist_tasks", "passwords", "users", "logs")

    def dumps(self, *flags, region="us"):
        it = Emulator(*flags, region=region)
        texts = {name: json.dumps(it.dump(name)) for name in self.COLLECTIONS}
        key = it.key
        it.stop()
        return key, texts

    def test_same_seed_same_bytes(self):
        one, two, other = self.dumps(), self.dumps(), self.dumps("--seed", "2")
        self.assertEqual(one, two)
        self.assertRegex(one[0], r"^ITG\.[0-9a-f]{64}$")
        self.assertNotEqual(one[0], other[0])
        for name in self.COLLECTIONS:
            self.assertNotEqual(one[1][name], other[1][name], name)

    def test_counts_are_independent(self):
        plain, more = self.dumps(), self.dumps("--documents", "700")
        self.assertEqual(plain[1]["passwords"], more[1]["passwords"])
        self.assertNotEqual(plain[1]["documents"], more[1]["documents"])

    def test_big_ids(self):
        it = Emulator(region="eu")
        for name in ("organizations", "passwords", "documents"):
            numbers = [int(row["id"]) for row in it.dump(name)]
            self.assertEqual(len(numbers), len(set(numbers)))
            self.assertGreaterEqual(min(numbers), 1.6e15)
            self.assertTrue(any(number > 2 ** 53 for number in numbers), name)
        row = it.walk("/passwords")[-1]
        self.assertIsInstance(row["id"], str)
        self.assertEqual(it.get(f"/passwords/{row['id']}")["data"]["id"], row["id"])
        self.assertEqual(it.raw("/organizations", region="us")[0], 403)
        it.stop()

    def test_odd_names(self):
        it = Emulator("--long-names", "1")
        names = [row["attributes"]["name"] for row in it.walk("/organizations")]
        for piece in ("☕", "\u00a0", "Ａ", "ß", "א", "ı", "<b>"):
            self.assertTrue(any(piece in name for name in names), piece)
        self.assertTrue(any(len(name.encode()) >= 4096 for name in names))
        it.stop()

    def test_scenario(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"generator": {"seed": 7, "organizations": 25, "psa_type": "autotask",
                                     "api_key": "ITG.scenario", "password_trait": "value"},
                       "switches": {"vintage": "2025", "limit": 9},
                       "faults": [{"path": "/groups", "action": "status:500"}],
                       "mutations": [{"op": "rename_organization", "index": 0, "name": "Neu"}]},
                      file)
            file.flush()
            it = Emulator("--scenario", file.name, "--limit", "0")
        self.assertEqual(it.key, "ITG.scenario")
        switches = it.admin("GET", "/switches")
        self.assertEqual((switches["vintage"], switches["limit"]), ("2025", 0))
        self.assertEqual(it.status("/groups"), 500)
        names = [row["attributes"]["name"] for row in it.walk("/organizations")]
        self.assertEqual((len(names), names[0]), (25, "Neu"))
        traits = [row["attributes"]["traits"].get("admin-password")
                  for row in it.dump("flexible_assets")]
        self.assertTrue(any(isinstance(value, str) for value in traits))
        it.stop()

    def test_empty_account(self):
        it = Emulator(*[flag for name in ("organizations", "documents", "flexible-assets",
                                          "flexible-asset-types", "checklists", "passwords")
                        for flag in (f"--{name}", "0")])
        page = it.get("/organizations")
        self.assertEqual((page["data"], page["meta"]["total-count"]), ([], 0))
        self.assertEqual(it.get("/passwords")["data"], [])
        it.stop()

    def test_bad_flags(self):
        for flags in (["--region", "mars"], ["--nonsense", "1"], ["--seed"],
                      ["--tls-cert", "x"], ["--listen-us", "99999"]):
            done = subprocess.run([BINARY, *flags], stderr=subprocess.PIPE, timeout=20)
            self.assertEqual(done.returncode, 2, flags)
            self.assertTrue(done.stderr)
        done = subprocess.run([BINARY, "--help"], stdout=subprocess.PIPE, timeout=20)
        self.assertIn(b"--ready-file", done.stdout)

    def test_guide_has_the_table_of_switches(self):
        table = subprocess.run([BINARY, "--list-switches"], stdout=subprocess.PIPE, text=True,
                               timeout=20, check=True).stdout
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "README.md")) as file:
            self.assertTrue(file.read().endswith(table), "README.md: paste --list-switches again")

    def test_stops_while_requests_wait(self):
        it = Emulator("--latency-ms", "60000")
        one = socket.create_connection(("127.0.0.1", it.ports["us"]))
        one.sendall(f"GET /groups HTTP/1.1\r\nHost: x\r\nx-api-key: {it.key}\r\n\r\n".encode())
        time.sleep(0.2)
        status, seconds = it.stop()
        one.close()
        self.assertEqual(status, 0)
        self.assertLess(seconds, 20)

    def test_tls(self):
        with tempfile.TemporaryDirectory() as folder:
            key, certificate = os.path.join(folder, "key"), os.path.join(folder, "cert")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days",
                            "2", "-subj", "/CN=localhost", "-addext",
                            "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                           check=True, stderr=subprocess.DEVNULL)
            it = Emulator("--tls-cert", certificate, "--tls-key", key)
            import ssl
            context = ssl.create_default_context(cafile=certificate)
            request = urllib.request.Request(
                f"https://127.0.0.1:{it.ports['us']}/organizations?page[size]=5",
                headers={"x-api-key": it.key})
            with urllib.request.urlopen(request, context=context) as reply:
                page = json.loads(reply.read())
            self.assertTrue(page["links"]["next"].startswith("https://127.0.0.1"))
            self.assertTrue(it.admin("GET", "/ready")["ready"])
            it.stop()


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        BINARY = os.path.abspath(sys.argv.pop(1))
    unittest.main()
