"""The program docbridge as its users run it, against a fake server: what it sends, prints, and ends
with; the terminal by a pty."""

import base64
import ctypes
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest

import grpc

from fake_server import Contract, FakeServer, Refusal

PROGRAM, DESCRIPTORS = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
CODE = grpc.StatusCode
SODIUM = ctypes.CDLL("libsodium.so.23")
SODIUM.sodium_init()


class Terminal:
    """The program on a terminal of its own."""

    def __init__(self, test, words, columns=80, term="xterm", rows=24):
        self.output = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.clear()
            os.environ.update(test.environment, TERM=term)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execv(PROGRAM, [PROGRAM] + test.words(words))

    def until(self, text, seconds=60):
        limit = time.time() + seconds
        while text.encode() not in self.output and time.time() < limit:
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    self.output += os.read(self.fd, 65536)
                except OSError:
                    break
        if text.encode() not in self.output:
            raise AssertionError("%r is not in %r" % (text, self.output))

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self, seconds=60, signalled=None):
        """How it ends; `signalled` sends once more what shall end it."""
        limit = time.time() + seconds
        again = time.time() + 3
        while time.time() < limit:
            # The thread sanitizer puts off a signal that a thread of gRPC's got, until that thread
            # calls something: sent again, it may come to another one.
            if signalled and "TSAN_OPTIONS" in os.environ and time.time() > again:
                signalled()
                again += 1
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    block = os.read(self.fd, 65536)
                except OSError:
                    break
                if not block:
                    break
                self.output += block
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.fd)
        return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


class CliTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.contract = Contract(DESCRIPTORS)

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.address = "unix:%s/server" % self.folder.name
        self.server = FakeServer(self.contract, self.address)
        self.token = self.file("token", "abc.def.ghi\n", 0o600)
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": self.folder.name, "LC_ALL": "C.UTF-8"}
        for key, value in os.environ.items():  # of sanitizers and of gcov
            if key.endswith("SAN_OPTIONS") or key.startswith("GCOV_PREFIX"):
                self.environment[key] = value
        self.answer("ListConnections", self.message("ListConnectionsResponse", connections=[
            dict(name="connections/main", state="STATE_ACTIVE")]))

    def tearDown(self):
        self.server.stop()
        self.folder.cleanup()

    def file(self, name, text, mode=0o600):
        path = os.path.join(self.folder.name, name)
        with open(path, "w") as stream:
            stream.write(text)
        os.chmod(path, mode)
        return path

    def message(self, name, /, **fields):
        return self.contract.type(name)(**fields)

    def answer(self, method, answer):
        self.server.answers[method] = answer

    def words(self, words):
        return ["--server", self.address, "--token-file", self.token] + words

    def run_cli(self, *words, stdin="", **more):
        done = subprocess.run([PROGRAM] + self.words(list(words)), input=stdin, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                              env=self.environment, start_new_session=True, **more)
        self.assertNotIn("Sanitizer", done.stderr)
        return done

    def expect(self, done, code, *errors):
        self.assertEqual(done.returncode, code, done.stderr)
        for error in errors:
            self.assertIn(error, done.stderr)

    # Lists and pages.

    def organizations(self):
        def page(request, context):
            first = int(request.page_token or 0)
            count = min(request.page_size, 1000, 2500 - first)
            response = self.message("ListOrganizationsResponse", total_size=2500, mapped_count=1,
                                    inventory_state="INVENTORY_STATE_FETCHED")
            for i in range(first, first + count):
                response.organizations.add(
                    name="connections/main/organizations/%d" % i,
                    display_name="Org\x1b[2J %d" % i, mapping_state="MAPPING_STATE_UNMAPPED")
            if first + count < 2500:
                response.next_page_token = str(first + count)
            return response
        self.answer("ListOrganizations", page)

    def test_all_pages_are_one_list(self):
        self.organizations()
        done = self.run_cli("org", "list", "--columns", "org,mapping_state", "--no-header")
        self.expect(done, 0, "2500 match", "inventory FETCHED")
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), 2500)
        self.assertEqual(lines[2499].split(), ["2499", "UNMAPPED"])
        requests = self.server.requests("ListOrganizations")
        self.assertEqual([r.page_token for r in requests], ["", "1000", "2000"])
        self.assertEqual(requests[0].parent, "connections/main")
        meta = self.server.calls[0][2]
        self.assertEqual(meta["authorization"], "Bearer abc.def.ghi")
        self.assertRegex(meta["x-request-id"], "^[a-z2-7]{26}$")

    def test_text_is_utf8_in_any_locale(self):
        subprocess.run(["localedef", "-i", "en_US", "-f", "ISO-8859-1",
                        os.path.join(self.folder.name, "latin1")], check=True)
        self.environment.update(LOCPATH=self.folder.name, LC_ALL="latin1")
        self.assertEqual(subprocess.check_output(["locale", "charmap"], env=self.environment),
                         b"ISO-8859-1\n")
        self.answer("ListOrganizations", self.message(
            "ListOrganizationsResponse",
            organizations=[dict(name="connections/main/organizations/1", display_name="Weiß ☕")]))
        for output in ("table", "json"):
            done = self.run_cli("org", "list", "-o", output)
            self.expect(done, 0)
            self.assertIn("Weiß ☕", done.stdout)

    def test_limit_and_json(self):
        self.organizations()
        done = self.run_cli("-o", "json", "org", "list", "--limit", "1002")
        self.expect(done, 0, "--page-token 1002")
        document = json.loads(done.stdout)
        self.assertEqual(len(document["organizations"]), 1002)
        self.assertEqual(document["inventoryState"], "INVENTORY_STATE_FETCHED")
        self.assertEqual(document["nextPageToken"], "1002")
        self.assertNotIn("\x1b", done.stdout)
        done = self.run_cli("-ojsonl", "org", "list", "--limit=2")
        self.assertEqual([json.loads(line)["name"][-1] for line in done.stdout.splitlines()],
                         ["0", "1"])

    def test_an_empty_list_says_so(self):
        self.answer("ListSyncIssues", self.message("ListSyncIssuesResponse"))
        self.assertEqual(self.run_cli("sync", "issues").stderr, "note: 0 found\n")
        self.assertEqual(self.run_cli("-ojson", "sync", "issues").stderr, "")
        self.answer("ListSyncIssues", self.message("ListSyncIssuesResponse", sync_issues=[
            dict(name="connections/main/syncIssues/1")]))
        self.assertEqual(self.run_cli("sync", "issues").stderr, "")
        self.answer("ListEmbeddedSecrets", self.message("ListEmbeddedSecretsResponse"))
        self.assertEqual(self.run_cli("secrets", "list", "acme").stderr,
                         "note: 0 in all; nothing was looked at yet\n")
        self.answer("ListEmbeddedSecrets", self.message("ListEmbeddedSecretsResponse",
                                                        scan_as_of_time=dict(seconds=86400)))
        self.assertEqual(self.run_cli("secrets", "list", "acme").stderr,
                         "note: 0 in all, as of 1970-01-02T00:00:00Z\n")

    def test_none_is_no_proof_that_there_is_none(self):
        self.answer("ListPasswords", self.message("ListPasswordsResponse"))
        self.assertIn("only passwords that are shared", self.run_cli("passwords", "list", "acme").stderr)
        self.answer("ListPasswords", self.message("ListPasswordsResponse", total_size=3))
        self.assertNotIn("only passwords", self.run_cli("passwords", "list", "acme").stderr)
        self.answer("ListExposures", self.message("ListExposuresResponse"))
        self.assertEqual(self.run_cli("exposures").stderr, "note: 0 found\n")
        self.assertEqual(self.run_cli("exposures", "--company", "acne").stderr,
                         "note: 0 found; a company or a password that does not exist has none either\n")

    def test_a_limit_is_1_or_more(self):
        self.organizations()
        for words in (["--limit", "0"], ["--limit=0", "--all"]):
            self.expect(self.run_cli("org", "list", *words), 2, "--limit takes 1 or more; without it")
        self.assertEqual(self.server.calls, [])

    URI = "https://msp.eu.itglue.com/1814700877216489/docs/2443034390564237"

    def documents(self):
        self.answer("ListDocuments", self.message("ListDocumentsResponse", documents=[
            dict(name="companies/acme/documents/2443034390564237", upstream_uri=self.URI,
                 display_name="Disaster recovery of the mail server in Bonn",
                 update_time=dict(seconds=86400))]))

    def test_lists_are_readable_on_a_terminal(self):
        self.documents()
        for columns, title, more in (
                (120, "Disaster recovery of the mail server in Bonn  ", "UPDATED\r\n"),
                (80, "Disaster recovery of the mail …  ", "UPDATED\r\n"),
                (60, "Disaster recovery of the mail se…", "no room for UPDATED: ")):
            terminal = Terminal(self, ["docs", "list", "acme"], columns)
            self.assertEqual(terminal.end(), 0)
            text = terminal.output.decode()
            self.assertIn(title, text)
            self.assertIn(more, text)
            self.assertNotIn("URI", text)
            for line in text.splitlines():
                if not line.startswith("\x1b[36mnote"):
                    self.assertLessEqual(len(line), columns, text)

    def on_terminal(self, columns, *words):
        terminal = Terminal(self, list(words), columns)
        self.assertEqual(terminal.end(), 0)
        return terminal.output.decode()

    def test_what_is_kept_on_a_narrow_terminal(self):
        self.documents()
        self.assertIn("  UPDATED\r\n", self.on_terminal(
            40, "docs", "list", "acme", "--columns", "document,title,folders,updated"))
        # A report is read as a whole.
        self.answer("GetSetupProgress", self.message("SetupProgress", steps=[
            dict(kind="KIND_MAP", state="STATE_BLOCKED",
                 blockers=["BLOCKER_NO_COMPANIES", "BLOCKER_ORGANIZATIONS_FETCHING"],
                 next_method="docbridge.v1.CompanyService/BatchUpsertCompanies")]))
        self.assertIn("_FETCHING  docbridge company push FILE\r\n",
                      self.on_terminal(50, "setup", "status"))
        # A subject is typed into the next command.
        subject = "auth0|5f7c8ec7c33c6c004bbafe82"
        self.answer("ListExposures", self.message("ListExposuresResponse", exposures=[
            dict(name="exposures/e1", state=1, viewer=dict(subject=subject),
                 password_display_name="Firewall of the office in Bonn")]))
        text = self.on_terminal(70, "exposures")
        self.assertIn(subject, text)
        self.assertIn("Firewall of the off", text)

    def test_addresses_are_shown_when_asked_for(self):
        self.documents()
        self.assertNotIn("URI", self.run_cli("docs", "list", "acme").stdout)
        self.assertIn(self.URI, self.run_cli("-ojson", "docs", "list", "acme").stdout)
        for name in ("uri", "upstream_uri"):
            self.assertIn(self.URI, self.run_cli("docs", "list", "acme", "--columns", name).stdout)

    # Search.

    def test_content_is_text_for_people_and_html_for_programs(self):
        html = '<h2>Re&amp;start</h2><ul><li>Switch off\x1b[2J</li></ul><a href="https://x.example/">Guide</a>'
        self.answer("GetDocument", self.message("Document", name="companies/c/documents/1", sections=[
            dict(kind="KIND_HEADING", level=1, sanitized_html="A &amp; B"),
            dict(kind="KIND_TEXT", sanitized_html=html)]))
        done = self.run_cli("docs", "show", "c/1")
        self.expect(done, 0)
        self.assertTrue(done.stdout.endswith(
            "\n\n# A & B\n\n## Re&start\n\n- Switch off\\u001b[2J\n\nGuide <https://x.example/>\n"), done.stdout)
        self.assertNotIn("TEXT", done.stdout)
        self.assertIn("Guide\r\n<https://x.example/>\r\n", self.on_terminal(24, "docs", "show", "c/1"))
        done = self.run_cli("-o", "json", "docs", "show", "c/1")
        self.assertEqual(json.loads(done.stdout)["sections"][1]["sanitizedHtml"], html)
        self.answer("GetDocument", self.message("Document", sections=[
            dict(kind="KIND_TEXT", raw_html="<p>raw</p>" + 300_000 * "x")]))
        done = self.run_cli("docs", "show", "c/1", "--raw")
        self.expect(done, 0)
        self.assertIn("sections           TEXT  <p>raw</p>xxx", done.stdout)
        self.answer("GetFlexibleAsset", self.message("FlexibleAsset", name="companies/c/flexibleAssets/1", traits=[
            dict(key="notes", display_name="Notes & more", kind="KIND_TEXTBOX", sanitized_html="<b>one</b><br>two")]))
        done = self.run_cli("assets", "show", "c/1")
        self.assertIn("notes  Notes & more  TEXTBOX  (below)\n", done.stdout)
        self.assertTrue(done.stdout.endswith("\n\n## Notes & more\n\none\ntwo\n"), done.stdout)
        self.answer("GetChecklist", self.message("Checklist", name="companies/c/checklists/1", sanitized_html="<p>all</p>",
                                                 items=[dict(display_name="First", sanitized_html="<p>it</p>"),
                                                        dict(display_name="Second")]))
        done = self.run_cli("checklists", "show", "c/1")
        self.assertTrue(done.stdout.endswith("\n\nall\n\n## First\n\nit\n"), done.stdout)

    def hits(self):
        def page(request, context):
            first = int(request.page_token or 0)
            count = min(request.page_size or 50, 100, 250 - first)
            response = self.message("SearchDocumentationResponse", total_size=250,
                                    search_as_of_time=dict(seconds=86400))
            for i in range(first, first + count):
                response.hits.add(resource="companies/acme/documents/%d" % i, display_name="Server",
                                  kind="DOCUMENTATION_KIND_DOCUMENT", snippet="a server")
            if first + count < 250:
                response.next_page_token = str(first + count)
            return response
        self.answer("SearchDocumentation", page)

    def test_search_finds_all_pages(self):
        self.hits()
        for words in ([], ["--all"], ["--limit", "1000"]):
            done = self.run_cli("search", "server", "--kind", "document", "--no-header", *words)
            self.assertEqual((done.returncode, done.stderr), (0, "note: 250 found\n"))
            lines = done.stdout.splitlines()
            self.assertEqual(len(lines), 250)
            self.assertEqual(lines[249].split(None, 2), ["acme/249", "DOCUMENT", "Server  a server"])
        requests = self.server.requests("SearchDocumentation")
        self.assertEqual([r.page_token for r in requests], 3 * ["", "100", "200"])
        self.assertEqual((requests[2].query, list(requests[2].kinds)), ("server", [1]))
        done = self.run_cli("search", "server", "--limit", "120", "--page-token", "100", "-ojson")
        self.expect(done, 0, "--page-token 220")
        self.assertEqual(len(json.loads(done.stdout)["hits"]), 120)
        self.expect(self.run_cli("search", "x", "--columns", "nothing"), 2, "no column or field")

    def test_search_of_nothing(self):
        self.answer("SearchDocumentation", self.message("SearchDocumentationResponse"))
        done = self.run_cli("search", "server", "--company", "acme")
        self.assertEqual(done.stderr, "note: 0 found\nnote: nothing is indexed yet\n")
        self.assertEqual(self.server.requests("SearchDocumentation")[0].parent, "companies/acme")

    def test_server_text_is_escaped(self):
        self.organizations()
        done = self.run_cli("org", "list", "--limit", "1")
        self.assertIn("Org\\u001b[2J 0", done.stdout)
        self.assertNotIn("\x1b", done.stdout + done.stderr)

    def test_filters(self):
        self.organizations()
        done = self.run_cli("org", "list", "--limit", "1", "--state", "mapped", "--search",
                            'a"b\\', "--company", "acme")
        self.expect(done, 0)
        self.assertEqual(
            self.server.requests("ListOrganizations")[0].filter,
            'mapping_state = MAPPED AND display_name : "a\\"b\\\\" AND '
            'mapping.company = "companies/acme"')
        self.expect(self.run_cli("org", "list", "--limit", "1", "--order-by", "upstream_id desc"), 0)
        self.assertEqual(self.server.requests("ListOrganizations")[1].order_by, "upstream_id desc")
        self.expect(self.run_cli("org", "list", "--columns", "nothing"), 2,
                    "no column or field nothing")

    # Mappings.

    def test_ignore_and_unignore(self):
        for verb, method in (("ignore", "IgnoreOrganization"), ("unignore", "UnignoreOrganization")):
            self.answer(method, self.message("Organization", name="connections/main/organizations/7"))
            self.expect(self.run_cli("map", verb, "7", "--etag", "r3"), 0)
            request, = self.server.requests(method)
            self.assertEqual((request.name, request.etag), ("connections/main/organizations/7", "r3"))

    def test_acknowledge(self):
        self.answer("AcknowledgeFindings", self.message("Organization", name="connections/main/organizations/7"))
        self.expect(self.run_cli("map", "acknowledge", "7", "--etag", "r3"), 0)
        request, = self.server.requests("AcknowledgeFindings")
        self.assertEqual((request.name, request.etag), ("connections/main/organizations/7", "r3"))
        self.assertEqual(list(request.kinds), [1, 2, 3, 4, 5])

    def test_suggest(self):
        self.answer("SuggestMatches", self.message("SuggestMatchesResponse", suggestions=[
            dict(organization="connections/main/organizations/7", candidates=[
                dict(company="companies/acme", company_display_name="Acme", source=3, confidence=95)])]))
        done = self.run_cli("map", "suggest", "--no-header")
        self.expect(done, 0)
        for word in ("7", "acme", "Acme", "NAME_WITHOUT_LEGAL_FORM", "95"):
            self.assertIn(word, done.stdout)

    def blast_radius(self):
        return self.message("BlastRadius", etag="b-1", unsynced_count=1, effects=[
            dict(company="companies/acme", hidden=dict(documents=3, passwords=2)),
            dict(company="companies/beta", shown=dict(checklists=1))])

    def test_a_move_is_looked_at_first(self):
        radius = self.blast_radius()
        self.answer("SetMapping", self.message("SetMappingResponse", blast_radius=radius))
        self.answer("ClearMapping", self.message("Organization", blast_radius=radius))
        for words, method in ((("map", "set", "7", "beta"), "SetMapping"),
                              (("map", "clear", "7"), "ClearMapping")):
            self.expect(self.run_cli(*words, "--dry-run"), 0,
                        "would hide 3 documents, 2 passwords from readers of companies/acme",
                        "would show 1 checklist to readers of companies/beta",
                        "nothing was changed", "--etag b-1")
            self.expect(self.run_cli(*words, "--etag", "b-1"), 0, "hides 3 documents")
            dry, wet = self.server.requests(method)
            self.assertEqual((dry.validate_only, dry.etag), (True, ""))
            self.assertEqual((wet.validate_only, wet.etag), (False, "b-1"))

    def test_swap(self):
        def organization(request, _context):
            company = {"7": "companies/acme", "8": "companies/beta", "9": ""}[request.name[-1]]
            answer = self.message("Organization", name=request.name)
            if company:
                answer.mapping.company = company
            return answer
        self.answer("GetOrganization", organization)
        self.answer("BatchUpdateMappings", self.message("BatchUpdateMappingsResponse",
                                                        blast_radius=self.blast_radius()))
        self.expect(self.run_cli("map", "swap", "7", "8", "--dry-run"), 0, "--etag b-1")
        request, = self.server.requests("BatchUpdateMappings")
        self.assertTrue(request.validate_only)
        self.assertEqual([(c.organization[-1], c.company) for c in request.changes],
                         [("7", "companies/beta"), ("8", "companies/acme")])
        self.expect(self.run_cli("map", "swap", "7", "9"), 2, "only what is mapped")

    # Connections.

    def test_several_connections_need_a_choice(self):
        self.answer("ListConnections", self.message("ListConnectionsResponse", connections=[
            dict(name="connections/a", state="STATE_ACTIVE"),
            dict(name="connections/b", state="STATE_ERROR")]))
        self.expect(self.run_cli("config", "passwords", "show"), 2, "--connection")
        self.answer("GetPasswordConfig", self.message("PasswordConfig", password_sharing_enabled=True))
        self.expect(self.run_cli("config", "passwords", "show", "--connection", "b"), 0)
        self.assertEqual(self.server.requests("GetPasswordConfig")[0].name,
                         "connections/b/passwordConfig")
        self.answer("ListConnections", self.message("ListConnectionsResponse"))
        self.expect(self.run_cli("sync", "list"), 5, "no connection yet")

    def test_a_reader_who_may_not_list_connections_is_told_to_name_one(self):
        self.answer("ListConnections", Refusal(CODE.PERMISSION_DENIED, "no", "MISSING_PERMISSION",
                                               {"permission": "read_integrations"}))
        self.expect(self.run_cli("templates", "list"), 3, "with --connection CONNECTION it is not needed")
        self.answer("ListChecklistTemplates", self.message("ListChecklistTemplatesResponse"))
        self.expect(self.run_cli("templates", "list", "--connection", "main"), 0)

    def test_create_reads_the_key_from_standard_input(self):
        self.answer("CreateConnection", self.message(
            "Connection", name="connections/x", latest_sync_run="connections/x/syncRuns/1"))
        done = self.run_cli("connection", "create", "--region", "eu", "--api-key-file", "-",
                            "--psa-type", "autotask", stdin="  ITG.key \n")
        self.expect(done, 0, "connected as connections/x")
        request = self.server.requests("CreateConnection")[0]
        self.assertEqual(request.candidate.api_key, "ITG.key")
        self.assertEqual(request.candidate.region, 2)
        self.assertEqual(request.connection.psa_type, 2)
        self.assertNotIn("ITG.key", done.stdout + done.stderr)

    def test_create_without_a_terminal_names_the_flag(self):
        self.expect(self.run_cli("connection", "create", "--region", "us"), 2, "--api-key-file")
        self.expect(self.run_cli("connection", "create", "--api-key-file", "-"), 2, "--region-uri")
        self.assertEqual(self.server.requests("CreateConnection"), [])

    def test_hudu_is_recorded_without_a_key(self):
        self.answer("CreateConnection", self.message("Connection", name="connections/x"))
        done = self.run_cli("connection", "create", "--provider", "hudu")
        self.expect(done, 0, "connected as connections/x")
        request = self.server.requests("CreateConnection")[0]
        self.assertEqual((request.candidate.provider, request.candidate.region, request.candidate.api_key), (2, 0, ""))
        self.assertEqual(request.connection.display_name, "Hudu")
        self.expect(self.run_cli("connection", "create", "--provider", "hudu", "--api-key-file", "-"), 2, "without a key")

    def test_connection_update(self):
        self.answer("UpdateConnection", self.message("Connection", name="connections/main"))
        self.expect(self.run_cli("connection", "update", "--display-name", "Ours", "--etag", "r3"), 0)
        request = self.server.requests("UpdateConnection")[0]
        self.assertEqual((request.connection.name, request.connection.display_name, request.connection.etag),
                         ("connections/main", "Ours", "r3"))
        self.assertEqual(list(request.update_mask.paths), ["display_name"])
        self.expect(self.run_cli("connection", "update", "other", "--psa-type", "halo"), 0)
        request = self.server.requests("UpdateConnection")[1]
        self.assertEqual((request.connection.name, list(request.update_mask.paths)),
                         ("connections/other", ["psa_type"]))
        self.expect(self.run_cli("connection", "update"), 2, "--display-name")

    def test_connection_pause_and_resume(self):
        self.answer("PauseConnection", self.message("Connection", name="connections/main", reveals_paused=True))
        done = self.run_cli("connection", "pause", "--scope", "reveals", "--reason", "key leaked")
        self.expect(done, 0, "reveals are refused from now on", "docbridge connection resume connections/main")
        request = self.server.requests("PauseConnection")[0]
        self.assertEqual((request.name, request.scope, request.reason), ("connections/main", 3, "key leaked"))
        self.answer("ResumeConnection", self.message("Connection", name="connections/main"))
        self.expect(self.run_cli("connection", "resume"), 0, "syncs go on, reveals go on")
        self.assertEqual(self.server.requests("ResumeConnection")[0].scope, 1)
        self.answer("PauseConnection", Refusal(
            CODE.FAILED_PRECONDITION, "no", "INVALID_STATE_TRANSITION", dict(state="DISCONNECTED", verb="PAUSE")))
        self.expect(self.run_cli("connection", "pause"), 4, "DISCONNECTED")

    def test_connection_disconnect(self):
        self.answer("DisconnectConnection", self.message("Connection", name="connections/main"))
        self.expect(self.run_cli("connection", "disconnect"), 2, "no terminal", "--force")
        for answer in ("no", "", "yes please"):
            terminal = Terminal(self, ["connection", "disconnect"])
            terminal.until("Destroy it?")
            terminal.type(answer + "\n")
            self.assertEqual(terminal.end(), 4)
            self.assertIn(b"connections/main: the stored key", terminal.output)
            self.assertIn(b"not confirmed: the key is as it was", terminal.output)
        self.assertEqual(self.server.requests("DisconnectConnection"), [])
        terminal = Terminal(self, ["connection", "disconnect"])
        terminal.until("Destroy it?")
        terminal.type("yes\n")
        self.assertEqual(terminal.end(), 0)
        self.assertEqual(len(self.server.requests("DisconnectConnection")), 1)
        done = self.run_cli("connection", "disconnect", "--reason", "moving", "--force")
        self.expect(done, 0, "the key is destroyed", "can be read")
        request = self.server.requests("DisconnectConnection")[1]
        self.assertEqual((request.name, request.reason, request.etag), ("connections/main", "moving", ""))

    def test_prompt_has_no_echo(self):
        self.answer("CreateConnection", self.message("Connection", name="connections/x"))
        terminal = Terminal(self, ["connection", "create", "--region", "us"])
        terminal.until("API key")
        terminal.type("ITG.hidden\n")
        self.assertEqual(terminal.end(), 0)
        self.assertNotIn(b"hidden", terminal.output)
        request = self.server.requests("CreateConnection")[0]
        self.assertEqual(request.candidate.api_key, "ITG.hidden")

    def test_interrupted_prompt(self):
        terminal = Terminal(self, ["connection", "create", "--region", "us"])
        terminal.until("API key")
        terminal.type("ITG\x03")
        self.assertEqual(terminal.end(signalled=lambda: terminal.type("\x03")), -signal.SIGINT)

    def test_connection_test(self):
        self.answer("TestConnection", self.message(
            "TestConnectionResponse", diagnosis="DIAGNOSIS_KEY_OR_REGION_REJECTED",
            http_status=401, tried_region="REGION_US", remedy="Check the region.",
            candidates=["The key is of another region.", "The key was revoked."],
            capabilities=[dict(kind="KIND_DOCUMENTS", grant="GRANT_DENIED", detail="403")]))
        done = self.run_cli("connection", "test")
        self.expect(done, 6)
        for text in ("KEY_OR_REGION_REJECTED", "The key was revoked.", "Check the region."):
            self.assertIn(text, done.stdout)
        self.assertRegex(done.stdout, r"DOCUMENTS +DENIED +403")
        self.answer("TestConnection", self.message("TestConnectionResponse",
                                                   diagnosis="DIAGNOSIS_OK"))
        self.expect(self.run_cli("connection", "test", "main"), 0)
        self.assertEqual(self.server.requests("TestConnection")[1].name, "connections/main")

    # Errors.

    def test_setup_status_says_what_to_type(self):
        self.answer("GetSetupProgress", self.message("SetupProgress", steps=[
            dict(kind="KIND_CONNECT", state="STATE_DONE"),
            dict(kind="KIND_MAP", state="STATE_BLOCKED", next_text="Hand over the companies.",
                 blockers=["BLOCKER_NO_COMPANIES", "BLOCKER_ORGANIZATIONS_FETCHING"],
                 next_method="docbridge.v1.CompanyService/BatchUpsertCompanies"),
            dict(kind="KIND_DOCUMENTATION", state="STATE_SKIPPED", skippable=True,
                 next_method="docbridge.v1.FutureService/Later", next_text="Later."),
            dict(kind="KIND_PASSWORDS", state="STATE_OPEN", skippable=True, next_text="Share.",
                 next_method="docbridge.v1.ConfigService/UpdatePasswordConfig")]))
        done = self.run_cli("setup", "status")
        self.expect(done, 0, "not complete yet",
                    "next: Hand over the companies. docbridge company push FILE")
        self.assertEqual(self.server.requests("GetSetupProgress")[0].name,
                         "connections/main/setupProgress")
        lines = done.stdout.splitlines()
        self.assertEqual(lines[1].split(), ["CONNECT", "DONE"])
        self.assertRegex(lines[2], "BLOCKED +NO_COMPANIES, ORGANIZATIONS_FETCHING"
                                   " +docbridge company push FILE$")
        self.assertRegex(lines[3], "SKIPPED +docbridge.v1.FutureService/Later$")
        self.assertRegex(lines[4], "OPEN +docbridge config passwords set --sharing on[|]off$")
        done = self.run_cli("setup", "status", "-o", "json")
        self.assertEqual(json.loads(done.stdout)["steps"][1]["nextMethod"],
                         "docbridge.v1.CompanyService/BatchUpsertCompanies")

    def test_rewrap_goes_on_until_all_is_done(self):
        self.answer("RewrapVault", [
            self.message("RewrapVaultResponse", master_key_id="00ff", rewrapped_count=7,
                         remaining_count=5, current_count=2),
            self.message("RewrapVaultResponse", master_key_id="00ff", rewrapped_count=5,
                         current_count=9)])
        done = self.run_cli("vault", "rewrap", "-o", "json")
        self.expect(done, 0, "every stored secret is of master key 00ff")
        told = json.loads(done.stdout)
        self.assertEqual((told["rewrappedCount"], told["currentCount"]), (12, 2))
        self.assertEqual(len(self.server.requests("RewrapVault")), 2)

    def test_rewrap_tells_what_is_left(self):
        self.answer("RewrapVault", self.message(
            "RewrapVaultResponse", master_key_id="00ff", current_count=3, remaining_count=1,
            unreadable=[dict(master_key_id="0bad", record_count=4)]))
        done = self.run_cli("vault", "rewrap")
        self.expect(done, 1, "4 stored secrets that name master key 0bad", "master_key_read_files",
                    "1 stored secrets were held", "run this again")
        self.assertNotIn("no other file", done.stderr)
        self.assertEqual(len(self.server.requests("RewrapVault")), 1)

    def test_errors_are_told_with_their_class(self):
        cases = [
            (Refusal(CODE.UNAUTHENTICATED, "expired", "TOKEN_EXPIRED"), 9, "new token"),
            (Refusal(CODE.PERMISSION_DENIED, "no", "MISSING_PERMISSION",
                     {"permission": "read_integrations"}), 3, "permission: read_integrations"),
            (Refusal(CODE.NOT_FOUND, "no such", "RESOURCE_NOT_FOUND",
                     resource="companies/\x1b[2Jx"), 5, "resource: companies/\\u001b[2Jx"),
            (Refusal(CODE.FAILED_PRECONDITION, "no", "CONNECTION_NOT_ACTIVE"), 4, "connection test"),
            (Refusal(CODE.INVALID_ARGUMENT, "bad", "FIELD_INVALID",
                     field=("name", "is \x07 odd")), 2, "field name: is \\u0007 odd"),
            (Refusal(CODE.INVALID_ARGUMENT, "short", "INTERVAL_TOO_SHORT", {"minimum": "900s"}), 2,
             "  minimum: 900s\n"),
            (Refusal(CODE.FAILED_PRECONDITION, "many", "HANDOFF_NOT_ALLOWED", {"limit": "20"}), 4,
             "  limit: 20\n"),
            (Refusal(CODE.FAILED_PRECONDITION, "taken", "DOCUMENTATION_PROVIDER_ACTIVE"), 4,
             "docbridge connection rotate"),
            (Refusal(CODE.RESOURCE_EXHAUSTED, "wait", "UPSTREAM_RATE_LIMITED", retry_s=9), 7,
             "retry: in 9 s"),
            (Refusal(CODE.UNAVAILABLE, "no audit", "AUDIT_UNAVAILABLE"), 8, "AUDIT_UNAVAILABLE"),
            (Refusal(CODE.UNAVAILABLE, "no itglue", "UPSTREAM_UNREACHABLE"), 6, "DNS"),
            (Refusal(CODE.INTERNAL, "x", "INTERNAL"), 1, "request: "),
            (Refusal(CODE.PERMISSION_DENIED, "x", "A_REASON_OF_TOMORROW"), 3, "A_REASON_OF_TOMORROW"),
        ]
        for refusal, code, text in cases:
            self.answer("GetCompany", refusal)
            done = self.run_cli("company", "show", "acme")
            self.expect(done, code, text, "remedy: ")
            self.assertEqual(done.stdout, "")
            self.assertNotIn("\x1b", done.stderr)

    def test_deadline(self):
        over = threading.Event()
        self.answer("GetCompany", lambda request, context: over.wait(120))
        done = self.run_cli("--timeout", "1", "company", "show", "acme")  # which is itself given a minute
        over.set()
        self.expect(done, 1, "--timeout")

    def test_a_slow_network_is_waited_for(self):
        path = os.path.join(self.folder.name, "slow")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()

        def pump(source, sink):
            for block in iter(lambda: source.recv(65536), b""):
                sink.sendall(block)
            sink.shutdown(socket.SHUT_RDWR)

        def relay():
            near, far = listener.accept()[0], socket.socket(socket.AF_UNIX)
            time.sleep(1.5)
            far.connect(self.address[len("unix:"):])
            threading.Thread(target=pump, args=(near, far), daemon=True).start()
            pump(far, near)
        threading.Thread(target=relay, daemon=True).start()
        self.expect(self.run_cli("connection", "list", "--server", "unix:" + path), 0)
        listener.close()

    def test_token_file_of_others_is_refused(self):
        loose = self.file("loose", "abc\n", 0o640)
        self.expect(self.run_cli("connection", "list", "--token-file", loose), 2, "chmod 600")
        self.expect(self.run_cli("connection", "list", "--token-file", self.file("two", "a b")), 2)
        self.assertEqual(self.server.calls, [])

    def test_contexts(self):
        config = os.path.join(self.folder.name, ".config", "docbridge")
        os.makedirs(config)

        def write(text):
            with open(os.path.join(config, "config.ini"), "w") as stream:
                stream.write(text)

        def run(*words):
            return subprocess.run([PROGRAM, *words], env=self.environment, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        write("context = near\n[near]\nserver = %s\ntoken_file = %s\noutput = jsonl\n"
              "[far]\nserver = nowhere.invalid:1\n" % (self.address, self.token))
        done = run("connection", "list")
        self.expect(done, 0)
        self.assertEqual(json.loads(done.stdout)["name"], "connections/main")
        self.expect(run("connection", "list", "--context", "none"), 2, "no context none")
        write("[near]\nserver = x\napi_key = y\n")
        self.expect(run("connection", "list", "--context", "near"), 2, "line 3", "unknown key")
        write("[near\nserver = x\n")
        self.expect(run("connection", "list"), 2, "line 1")
        # Which of two counts is not guessed, and an indented line is one of its own.
        write("[near]\nserver = x\n[far]\nserver = y\n[near]\n\nserver = x\n")
        self.expect(run("connection", "list", "--context", "near"), 2,
                    "config.ini, line 7: server stands in line 2 already")
        self.expect(run("connection", "list", "--context", "far", "--timeout", "1"), 2, "the server y")
        write("context = near\ncontext = far\n[near]\n[far]\n")
        self.expect(run("connection", "list"), 2, "line 2: context stands in line 1 already")
        write("context = near\n[near]\nserver = %s\n  token_file = %s\n" % (self.address, self.token))
        self.expect(run("connection", "list"), 0)
        os.remove(os.path.join(config, "config.ini"))
        os.mkdir(os.path.join(config, "config.ini"))
        self.expect(run("connection", "list"), 2, "config.ini: cannot be read")

    # Changes.

    def test_masks_name_what_was_given(self):
        self.answer("UpdateDocumentationConfig", self.message("DocumentationConfig"))
        self.expect(self.run_cli("config", "documentation", "set", "--checklists", "off"), 0)
        request = self.server.requests("UpdateDocumentationConfig")[0]
        self.assertEqual(list(request.update_mask.paths), ["checklists_enabled"])
        self.assertEqual(request.documentation_config.name, "connections/main/documentationConfig")
        self.expect(self.run_cli("config", "documentation", "set"), 2, "--documents")
        self.answer("UpdateCompanyPasswordAccess", self.message("CompanyPasswordAccess"))
        self.expect(self.run_cli("config", "access", "set", "acme", "--level", "selected",
                                 "--category", "4,5", "--category", "6", "--uncategorized", "on",
                                 "--etag", "e"), 0)
        request = self.server.requests("UpdateCompanyPasswordAccess")[0]
        self.assertEqual(list(request.update_mask.paths),
                         ["level", "password_categories", "include_uncategorized"])
        access = request.company_password_access
        self.assertEqual(list(access.password_categories),
                         ["connections/main/passwordCategories/%d" % i for i in (4, 5, 6)])
        self.assertEqual((access.name, access.level, access.etag, access.include_uncategorized),
                         ("companies/acme/passwordAccess", 2, "e", True))

    def test_push_in_batches(self):
        def upsert(request, context):
            return self.message("BatchUpsertCompaniesResponse", companies=request.companies,
                                created_count=len(request.companies))
        self.answer("BatchUpsertCompanies", upsert)
        rows = [dict(id="c%d" % i, name="Company %d" % i) for i in range(2100)]
        rows[0].update(psa_type="kaseya-bms", psa_id=77)
        path = self.file("rows.json", json.dumps(rows))
        done = self.run_cli("company", "push", path)
        self.expect(done, 0)
        self.assertRegex(done.stdout, r"pushed +2100\ncreated +2100\n")
        sent = self.server.requests("BatchUpsertCompanies")
        self.assertEqual([len(r.companies) for r in sent], [1000, 1000, 100])
        first = sent[0].companies[0]
        self.assertEqual((first.name, first.psa.type, first.psa.external_id),
                         ("companies/c0", 4, "77"))
        lines = "\n".join(json.dumps(row) for row in rows[:3])
        done = self.run_cli("-ojson", "company", "push", "-", stdin="\n" + lines + "\n")
        self.expect(done, 0)
        self.assertEqual(json.loads(done.stdout)["createdCount"], 3)

    def test_company_delete(self):
        self.answer("DeleteCompany", self.message("DeleteCompanyResponse"))
        self.expect(self.run_cli("company", "delete", "acme", "--etag", "r2"), 0,
                    "companies/acme is deleted")
        request = self.server.requests("DeleteCompany")[0]
        self.assertEqual((request.name, request.etag), ("companies/acme", "r2"))
        self.answer("DeleteCompany", Refusal(CODE.FAILED_PRECONDITION, "mapped", "COMPANY_MAPPED"))
        self.expect(self.run_cli("company", "delete", "acme"), 4, "docbridge map clear")

    def test_company_sets(self):
        self.answer("UpsertCompanySet", self.message("CompanySet", name="companySets/east", company_count=2))
        self.expect(self.run_cli("company", "set", "push", "east", "-", "--etag", "r1", stdin="acme\n\ncompanies/b\n"), 0,
                    "companySets/east has 2 companies")
        sent = self.server.requests("UpsertCompanySet")[0].company_set
        self.assertEqual((sent.name, list(sent.companies), sent.etag),
                         ("companySets/east", ["companies/acme", "companies/b"], "r1"))
        self.expect(self.run_cli("company", "set", "push", "east", "-", stdin="a b\n"), 2)
        self.expect(self.run_cli("company", "set", "push", "east", "/nowhere"), 2, "/nowhere")
        self.assertEqual(len(self.server.requests("UpsertCompanySet")), 1)
        self.answer("ListCompanySets", self.message("ListCompanySetsResponse", company_sets=[
            dict(name="companySets/east", company_count=2)]))
        self.assertRegex(self.run_cli("company", "set", "list").stdout, r"east +2")
        self.answer("GetCompanySet", self.message("CompanySet", name="companySets/east", companies=["companies/acme"]))
        self.assertIn("companies/acme", self.run_cli("company", "set", "show", "east").stdout)
        self.answer("DeleteCompanySet", self.message("DeleteCompanySetResponse"))
        self.expect(self.run_cli("company", "set", "delete", "east", "--etag", "r2"), 0, "companySets/east is deleted")
        request = self.server.requests("DeleteCompanySet")[0]
        self.assertEqual((request.name, request.etag), ("companySets/east", "r2"))

    def test_push_checks_before_it_sends(self):
        good = '{"id": "a", "name": "A"}\n'
        for bad, text in (("{", "line 2"), ('{"id": "b"}', "id and name"), ("7", "expected"), ("[]", "not an object"),
                          ('{"id": "b c", "name": "B"}', "no name like"),
                          ('{"id": "b", "name": "B", "psa_id": "1"}', "come together"),
                          ('{"id": "b", "name": "B", "psa_type": "x", "psa_id": "1"}', "connection update --help"),
                          ('{"id": "b", "name": "B", "email": ""}', "unknown member email")):
            self.expect(self.run_cli("company", "push", "-", stdin=good + bad), 2, text, "line 2")
        self.expect(self.run_cli("company", "push", "-", stdin=" "), 2, "no company")
        self.assertEqual(self.server.requests("BatchUpsertCompanies"), [])

    def test_quick_match(self):
        self.answer("QuickMatch", self.message("QuickMatchResponse", matched_count=1, results=[
            dict(organization="connections/main/organizations/7", outcome="OUTCOME_MATCHED_NAME",
                 company="companies/acme"),
            dict(organization="connections/main/organizations/8", outcome="OUTCOME_AMBIGUOUS_NAME",
                 candidates=["companies/a", "companies/b"])]))
        done = self.run_cli("map", "quick-match", "--dry-run")
        self.expect(done, 0, "1 of 2 would be mapped")
        self.assertRegex(done.stdout, r"8 +AMBIGUOUS_NAME +a, b")
        self.assertTrue(self.server.requests("QuickMatch")[0].validate_only)

    # Watching.

    RUN = "connections/main/syncRuns/r1"

    def event(self, sequence, **event):
        return self.message("WatchSyncRunResponse", sequence=sequence,
                            resume_token="t%d" % sequence, **event)

    def task(self, state, done):
        return dict(kind="SYNC_TASK_KIND_DOCUMENTS", state=state, done_count=done, total_count=400)

    def finish(self, state):
        return self.event(9, finished=dict(name=self.RUN, state=state, request_count=12,
                                           tasks=[self.task("STATE_SUCCEEDED", 400)]))

    def start(self):
        return self.event(1, snapshot=dict(name=self.RUN, state="STATE_RUNNING",
                                           tasks=[self.task("STATE_RUNNING", 100)]))

    def test_watch_resumes_a_lost_stream(self):
        self.answer("WatchSyncRun", [
            [self.start(), self.event(2, task=self.task("STATE_RUNNING", 200)),
             Refusal(CODE.UNAVAILABLE, "going down", "SHUTTING_DOWN")],
            [self.event(3, heartbeat={})],
            [self.event(4, task=self.task("STATE_RUNNING", 300)), self.finish("STATE_SUCCEEDED")]])
        done = self.run_cli("sync", "watch", "r1")
        self.expect(done, 0, "stream was lost")
        self.assertEqual([r.resume_token for r in self.server.requests("WatchSyncRun")],
                         ["", "t2", "t3"])
        self.assertEqual(self.server.requests("WatchSyncRun")[0].name, self.RUN)
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), 4)
        self.assertIn("2 task documents RUNNING 200/400", lines[1])
        self.assertIn("9 finished SUCCEEDED", lines[3])

    def test_watch_begins_again_when_its_token_is_refused(self):
        self.answer("WatchSyncRun", [
            [self.start()],
            Refusal(CODE.INVALID_ARGUMENT, "old", "PAGE_TOKEN_INVALID"),
            [self.start(), self.finish("STATE_FAILED")]])
        self.expect(self.run_cli("sync", "watch", self.RUN), 6)
        self.assertEqual([r.resume_token for r in self.server.requests("WatchSyncRun")],
                         ["", "t1", ""])

    def test_watches_go_on_with_the_new_token_of_the_file(self):
        expired = Refusal(CODE.UNAUTHENTICATED, "the token has expired", "TOKEN_EXPIRED")
        watches = (
            ("WatchSyncRun", ["sync", "watch", "r1"], [self.start()],
             [self.finish("STATE_SUCCEEDED")]),
            ("WatchAuditEvents", ["audit", "watch", "--limit", "1"],
             [self.message("WatchAuditEventsResponse", resume_token="t1")],
             [self.message("WatchAuditEventsResponse", audit_event=dict(sequence=7))]),
            ("WatchCompanyChanges", ["changes", "watch", "acme"],
             [self.message("WatchCompanyChangesResponse", resume_token="t1", heartbeat={})],
             [Refusal(CODE.PERMISSION_DENIED, "seen", "MISSING_PERMISSION")]))

        def renew(request, context):
            self.file("token", "new.new.new")
            yield from first
            yield expired

        for method, words, first, then in watches:
            self.file("token", "abc.def.ghi")
            self.answer(method, [renew, then])
            done = self.run_cli(*words)
            self.assertNotIn("TOKEN_EXPIRED", done.stderr)
            calls = [call for call in self.server.calls if call[0] == method]
            self.assertEqual([(call[1].resume_token, call[2]["authorization"]) for call in calls],
                             [("", "Bearer abc.def.ghi"), ("t1", "Bearer new.new.new")], method)
            # The same token is not tried again, nor is a file that others can read.
            self.answer(method, [first + [expired]])
            self.expect(self.run_cli(*words), 9, "the token has expired", "get a new token")
            self.answer(method, lambda *_: (os.chmod(self.token, 0o644), iter([expired]))[1])
            self.expect(self.run_cli(*words), 9, "chmod 600", "the token has expired")
            os.chmod(self.token, 0o600)

    def test_watch_ends_with_the_outcome(self):
        for state, code in (("STATE_PARTIAL", 6), ("STATE_CANCELLED", 1), ("STATE_SUCCEEDED", 0)):
            self.answer("WatchSyncRun", [[self.start(), self.finish(state)]])
            done = self.run_cli("-ojsonl", "sync", "watch", "r1")
            self.expect(done, code)
            self.assertEqual(json.loads(done.stdout.splitlines()[-1])["finished"]["state"], state)
        self.answer("WatchSyncRun", Refusal(CODE.NOT_FOUND, "no run", "RESOURCE_NOT_FOUND"))
        self.expect(self.run_cli("sync", "watch", "r9"), 5, "no run")

    def test_watch_ends_with_what_is_open(self):
        """Also what an earlier run opened, which is no event of this one."""
        self.answer("WatchSyncRun", lambda *_: iter([self.start(), self.finish("STATE_SUCCEEDED")]))
        self.answer("ListSyncIssues", self.message(
            "ListSyncIssuesResponse", next_page_token="more", sync_issues=[
                dict(kind="KIND_FOLDERS_UNKNOWN", message="3 are hidden\x1b[2J")]))
        done = self.run_cli("sync", "watch", "r1")
        self.expect(done, 0, "note: open issue FOLDERS_UNKNOWN: 3 are hidden\\u001b[2J\n",
                    "note: there are more; see docbridge sync issues --state open\n")
        asked = self.server.requests("ListSyncIssues")
        self.assertEqual([(one.parent, one.filter) for one in asked],
                         [("connections/main", 'state = OPEN AND sync_run = "%s"' % self.RUN)])
        # A program reads events alone.
        self.assertEqual(self.run_cli("-ojsonl", "sync", "watch", "r1").stderr, "")
        self.assertEqual(len(self.server.requests("ListSyncIssues")), 1)
        self.answer("ListSyncIssues", Refusal(CODE.UNAVAILABLE, "gone"))
        self.assertEqual(self.run_cli("sync", "watch", "r1").stderr, "")

    def test_what_is_not_mapped_cannot_be_synced(self):
        gone = Refusal(CODE.NOT_FOUND, "there is none", "RESOURCE_NOT_FOUND",
                       {"resource": "connections/main/organizations/7"})
        self.answer("RunSync", gone)
        self.answer("GetOrganization", gone)
        self.expect(self.run_cli("sync", "run", "--org", "7"), 5, "docbridge map set ORG COMPANY")
        done = self.run_cli("org", "show", "7")
        self.expect(done, 5, "remedy: check the name; ")
        self.assertNotIn("map set", done.stderr)

    def test_run_and_watch(self):
        self.answer("RunSync", self.message("SyncRun", name=self.RUN))
        self.answer("WatchSyncRun", [[self.start(), self.finish("STATE_SUCCEEDED")]])
        self.expect(self.run_cli("sync", "run", "--task", "documents", "--org", "7", "--mode", "full", "--watch"), 0)
        request = self.server.requests("RunSync")[0]
        self.assertEqual((list(request.tasks), request.mode), ([2], 2))
        self.assertEqual(list(request.organizations), ["connections/main/organizations/7"])
        self.assertRegex(request.request_id, "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]")

    def test_intervals_are_shown_as_they_are_typed(self):
        seconds = (90, 900, 5400, 7200, 86400, 0)
        self.answer("GetSyncSchedule", self.message("SyncSchedule", tasks=[
            dict(kind="SYNC_TASK_KIND_DOCUMENTS", interval=dict(seconds=s)) for s in seconds]))
        done = self.run_cli("config", "schedule", "show", "--columns", "INTERVAL")
        self.expect(done, 0)
        self.assertEqual(done.stdout.split(), ["INTERVAL", "90s", "15m", "90m", "2h", "1d", "0s"])
        shown = json.loads(self.run_cli("-ojson", "config", "schedule", "show").stdout)["tasks"]
        self.assertEqual([task["interval"] for task in shown], ["%ds" % s for s in seconds])
        self.answer("UpdateSyncSchedule", self.message("SyncSchedule", documents_interval=dict(
            seconds=7200)))
        done = self.run_cli("config", "schedule", "set", "--documents", "2h")
        self.assertRegex(done.stdout, r"(?m)^documents_interval +2h$")

    def test_estimate(self):
        self.answer("EstimateSync", self.message(
            "EstimateSyncResponse", request_count=240, window_count=3, counting_request_count=1,
            tasks=[dict(kind="SYNC_TASK_KIND_DOCUMENTS", request_count=240, record_count=900, plan="One by one")]))
        done = self.run_cli("sync", "estimate", "--task", "documents", "--task", "passwords", "--mode", "full")
        self.expect(done, 0)
        request = self.server.requests("EstimateSync")[0]
        self.assertEqual((request.parent, list(request.tasks), request.mode), ("connections/main", [2, 3], 2))
        self.assertRegex(done.stdout, r"(?m)^request_count +240$")
        self.assertRegex(done.stdout, r"(?m)^window_count +3$")
        # Numbers say what they count.
        self.assertRegex(done.stdout, r"(?m)^tasks +DOCUMENTS  request_count 240  record_count 900  One by one$")
        done = self.run_cli("-ojson", "sync", "estimate")
        self.assertEqual(json.loads(done.stdout)["windowCount"], 3)
        self.assertEqual(self.server.requests("EstimateSync")[1].mode, 0)
        self.expect(self.run_cli("sync", "estimate", "--task", "everything"), 2, "everything")

    def test_issues_are_resolved(self):
        issue = "connections/main/syncIssues/i1"
        self.answer("ResolveSyncIssue", Refusal(
            CODE.FAILED_PRECONDITION, "would delete 120 of 200 records", "DELETION_GUARD"))
        self.expect(self.run_cli("sync", "issues", "resolve", "i1", "--apply"), 4, "would delete 120 of 200 records")
        self.answer("ResolveSyncIssue", self.message("SyncIssue", name=issue, state="STATE_RESOLVED"))
        self.expect(self.run_cli("sync", "issues", "resolve", issue, "--apply", "--etag", "r4"), 0)
        self.answer("ResolveSyncIssue", self.message("SyncIssue", name=issue, state="STATE_DISMISSED"))
        done = self.run_cli("sync", "issues", "resolve", "i1", "--dismiss")
        self.expect(done, 0)
        self.assertRegex(done.stdout, r"(?m)^state +DISMISSED$")
        asked = [(r.name, r.decision, r.etag) for r in self.server.requests("ResolveSyncIssue")]
        self.assertEqual(asked, [(issue, 1, ""), (issue, 1, "r4"), (issue, 2, "")])
        for words in ([], ["--apply", "--dismiss"]):
            self.expect(self.run_cli("sync", "issues", "resolve", "i1", *words), 2, "either --apply or --dismiss")

    def test_watch_draws_on_a_terminal(self):
        seen = [threading.Event(), threading.Event()]

        def events(request, context):
            yield self.start()
            seen[0].wait(60)
            yield self.event(2, task=self.task("STATE_RUNNING", 200))
            seen[1].wait(60)
            yield self.finish("STATE_SUCCEEDED")
        self.answer("WatchSyncRun", lambda request, context: events(request, context))
        terminal = Terminal(self, ["sync", "watch", "r1"])
        terminal.until("100/400")
        seen[0].set()
        terminal.until("200/400")
        seen[1].set()
        self.assertEqual(terminal.end(), 0)
        text = terminal.output.decode()
        self.assertIn("\x1b[2A", text)
        self.assertIn("run r1  SUCCEEDED", text)
        for line in re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text).splitlines():
            self.assertLess(len(line), 80)

    def test_interrupted_watch(self):
        over = threading.Event()

        def events(request, context):
            yield self.start()
            number = 1
            while not over.wait(0.3):
                number += 1
                yield self.event(number, heartbeat={})
        self.answer("WatchSyncRun", lambda request, context: events(request, context))
        terminal = Terminal(self, ["sync", "watch", "r1"])
        terminal.until("100/400")
        terminal.type("\x03")
        self.assertEqual(terminal.end(signalled=lambda: terminal.type("\x03")), -signal.SIGINT)
        over.set()
        self.assertIn(b"the run goes on", terminal.output)

    # Reveals.

    NAME = "companies/acme/passwords/9"

    def revealed(self, value=b"s3cr\x1b[31met", seconds=1, **more):
        """An answer that is sealed to the key of the request, as the server does it."""
        def answer(request, context):
            self.assertEqual(len(request.recipient_public_key), 32)
            sealed = ctypes.create_string_buffer(len(value) + 48)
            self.assertEqual(SODIUM.crypto_box_seal(sealed, value, ctypes.c_ulonglong(len(value)),
                                                    request.recipient_public_key), 0)
            return self.message("RevealPasswordResponse", audit_event="auditEvents/5",
                                display_ttl=dict(seconds=seconds),
                                **(dict(sealed=sealed.raw, empty=not value) | more))
        return answer

    def asked_for(self, **needs):
        self.answer("ExplainPasswordAccess", self.message("ExplainPasswordAccessResponse",
                                                          allowed=True, **needs))

    def test_reveal_refuses_a_redirected_output(self):
        self.answer("RevealPassword", self.revealed())
        self.expect(self.run_cli("passwords", "reveal", self.NAME), 2, "--fd")
        self.expect(self.run_cli("passwords", "reveal", self.NAME, "--fd", "77"), 2, "not open")
        self.assertEqual(self.server.requests("RevealPassword"), [])

    def test_reveal_to_a_descriptor(self):
        self.answer("RevealPassword", self.revealed())
        with tempfile.TemporaryFile() as target:
            done = self.run_cli("-o", "json", "passwords", "reveal", "acme/9", "--reason", "r",
                                "--fd", str(target.fileno()), pass_fds=[target.fileno()])
            self.expect(done, 0, "auditEvents/5")
            target.seek(0)
            self.assertEqual(target.read(), b"s3cr\x1b[31met")
        self.assertEqual(json.loads(done.stdout)["auditEvent"], "auditEvents/5")
        self.assertNotIn("s3cr", done.stdout + done.stderr)
        self.assertNotIn("sealed", json.loads(done.stdout))
        request = self.server.requests("RevealPassword")[0]
        self.assertEqual((request.name, request.reason), (self.NAME, "r"))
        deadline = self.server.calls[-1][3]
        self.assertTrue(5 < deadline <= 10.5, deadline)

    def test_handing_on(self):
        handoff = self.NAME + "/handoffs/h-1"
        self.asked_for()
        self.answer("CreatePasswordHandoff", self.message("PasswordHandoff", name=handoff, recipient="tina"))
        self.expect(self.run_cli("passwords", "hand-off", "acme/9"), 2, "--to")
        self.expect(self.run_cli("passwords", "hand-off", "acme/9", "--to", "tina", "--for", "soon"), 2, "15m")
        done = self.run_cli("passwords", "hand-off", "acme/9", "--to", "tina", "--for", "30m", "--reason", "r",
                            "--ticket", "T1")
        self.expect(done, 0, "for tina alone: docbridge passwords reveal " + handoff)
        self.assertIn(handoff, done.stdout)
        request = self.server.requests("CreatePasswordHandoff")[0]
        self.assertEqual((request.parent, request.password_handoff.recipient, request.password_handoff.ttl.seconds,
                          request.reason, request.ticket), (self.NAME, "tina", 1800, "r", "T1"))
        self.expect(self.run_cli("passwords", "hand-off", "acme/9", "--to", "tina"), 0)
        self.assertFalse(self.server.requests("CreatePasswordHandoff")[1].password_handoff.HasField("ttl"))
        # Its name alone says of which password it is.
        self.answer("RevealPassword", self.revealed())
        with tempfile.TemporaryFile() as target:
            self.expect(self.run_cli("passwords", "reveal", handoff, "--fd", str(target.fileno()),
                                     pass_fds=[target.fileno()]), 0, "auditEvents/5")
        request = self.server.requests("RevealPassword")[0]
        self.assertEqual((request.name, request.handoff), (self.NAME, handoff))
        self.answer("DeletePasswordHandoff", self.message("DeletePasswordHandoffResponse"))
        self.expect(self.run_cli("passwords", "withdraw", self.NAME), 2)
        self.expect(self.run_cli("passwords", "withdraw", handoff), 0, "opens for nobody")
        self.assertEqual(self.server.requests("DeletePasswordHandoff")[0].name, handoff)
        self.answer("UpdateRevealPolicy", self.message("RevealPolicy", name="revealPolicy"))
        self.expect(self.run_cli("policy", "set", "--handoffs", "often"), 2, "15m")
        self.expect(self.run_cli("policy", "set", "--handoffs", "2h"), 0)
        self.expect(self.run_cli("policy", "set", "--handoffs", "none"), 0)
        set_, unset = self.server.requests("UpdateRevealPolicy")
        self.assertEqual((set_.reveal_policy.handoff_max_ttl.seconds, list(set_.update_mask.paths)),
                         (7200, ["handoff_max_ttl"]))
        self.assertFalse(unset.reveal_policy.HasField("handoff_max_ttl"))
        self.assertEqual(list(unset.update_mask.paths), ["handoff_max_ttl"])

    def test_reveal_takes_no_value_in_the_clear(self):
        for wrong in (dict(sealed=b"", plaintext="s3cr"), dict(sealed=b"x" * 60), dict(sealed=b"x")):
            if not wrong["sealed"]:
                del wrong["sealed"]
            answer = self.message("RevealPasswordResponse", audit_event="auditEvents/5", **wrong)
            self.answer("RevealPassword", answer)
            done = self.run_cli("-o", "json", "passwords", "reveal", self.NAME, "--fd", "1")
            self.expect(done, 1, "sealed for this call")
            self.assertNotIn("s3cr", done.stdout + done.stderr)
        keys = [one.recipient_public_key for one in self.server.requests("RevealPassword")]
        self.assertEqual(len(set(keys)), 3)

    def test_reveal_of_an_empty_value(self):
        self.answer("RevealPassword", self.revealed(b""))
        done = self.run_cli("passwords", "reveal", self.NAME, "--fd", "1")
        self.expect(done, 0, "the value is empty")
        self.assertEqual(done.stdout, "")

    def test_reveal_asks_for_what_the_policy_wants(self):
        self.answer("RevealPassword", self.revealed())
        self.asked_for(reason_required=True, ticket_required=True)
        terminal = Terminal(self, ["passwords", "reveal", self.NAME])
        terminal.until("Reason: ")
        terminal.type("router down\n")
        terminal.until("Ticket: ")
        terminal.type("T-5\n")
        terminal.until("s3cr")
        self.assertEqual(terminal.end(), 0)
        request = self.server.requests("RevealPassword")[0]
        self.assertEqual((request.reason, request.ticket), ("router down", "T-5"))
        # What is given is not asked for, nor is anything that is not wanted.
        self.asked_for(reason_required=True)
        terminal = Terminal(self, ["passwords", "reveal", self.NAME, "--reason", "r"])
        terminal.until("s3cr")
        self.assertEqual(terminal.end(), 0)
        self.assertNotIn(b"Ticket:", terminal.output)
        # Whoever gives no reason reveals nothing, and is told no word of another command.
        terminal = Terminal(self, ["passwords", "reveal", self.NAME])
        terminal.until("Reason: ")
        terminal.type("\x04")
        self.assertEqual(terminal.end(), 1)
        self.assertIn(b"nothing was revealed", terminal.output)
        self.assertNotIn(b"setup", terminal.output)
        # Without a terminal nothing is asked of anybody: the option is named.
        self.expect(self.run_cli("passwords", "reveal", self.NAME, "--fd", "1"), 2, "--reason TEXT")
        self.assertEqual(len(self.server.requests("RevealPassword")), 2)
        # Where the policy cannot be read the server's refusal says what to give.
        self.answer("ExplainPasswordAccess", Refusal(CODE.PERMISSION_DENIED, "no", "MISSING_PERMISSION"))
        self.answer("RevealPassword", Refusal(CODE.INVALID_ARGUMENT, "no", "REVEAL_REASON_REQUIRED",
                                              field=("reason", "no")))
        self.expect(self.run_cli("passwords", "reveal", self.NAME, "--fd", "1"), 2, "--reason TEXT")

    def test_policy_of_reveals(self):
        self.answer("UpdateRevealPolicy", self.message("RevealPolicy", name="revealPolicy"))
        self.expect(self.run_cli("policy", "set", "--restricted", "key-only", "--reason", "on",
                                 "--reason-min", "8", "--services", "like-agents", "--etag", "r3"), 0)
        request = self.server.requests("UpdateRevealPolicy")[0]
        self.assertEqual(set(request.update_mask.paths), {
            "restricted_records", "service_callers", "reason_min_length", "reason_required"})
        policy = request.reveal_policy
        self.assertEqual((policy.name, policy.restricted_records, policy.reason_required,
                          policy.reason_min_length, policy.service_callers, policy.etag),
                         ("revealPolicy", 2, True, 8, 2, "r3"))
        self.expect(self.run_cli("policy", "set", "--user-budget", "20/1h/freeze", "--company-budget",
                                 "100/2d", "--tenant-budget", "none"), 0)
        request = self.server.requests("UpdateRevealPolicy")[1]
        self.assertEqual(set(request.update_mask.paths),
                         {"user_budget", "company_budget", "tenant_budget"})
        user, company = request.reveal_policy.user_budget, request.reveal_policy.company_budget
        self.assertEqual((user.limit, user.window.seconds, user.freezes), (20, 3600, True))
        self.assertEqual((company.limit, company.window.seconds, company.freezes), (100, 172800, False))
        self.assertEqual(request.reveal_policy.tenant_budget.limit, 0)
        for wrong in ("", "20", "20/", "20/h", "0/1h", "20/1x", "20/1h/", "20/1h/thaw", "/1h", "2 0/1h",
                      "-1/1h", "20/-1h", "99999999999/1h", "20/99999999999h", "20/1"):
            self.expect(self.run_cli("policy", "set", "--user-budget=" + wrong), 2, "20/1h")
        self.expect(self.run_cli("policy", "set"), 2, "what to change")
        self.answer("UnfreezeReveals", self.message("UnfreezeRevealsResponse"))
        self.expect(self.run_cli("policy", "unfreeze", "f1"), 2, "--reason")
        self.expect(self.run_cli("policy", "unfreeze", "f1", "--reason", "ok"), 0, "begins anew")
        request = self.server.requests("UnfreezeReveals")[0]
        self.assertEqual((request.name, request.reason), ("revealFreezes/f1", "ok"))
        self.answer("GetRevealPolicy", self.message("RevealPolicy", ticket_required=True))
        self.expect(self.run_cli("policy", "show"), 0)
        self.assertEqual(self.server.requests("GetRevealPolicy")[0].name, "revealPolicy")

    def test_exposures_of_somebody_who_leaves(self):
        self.answer("ListExposures", self.message("ListExposuresResponse", exposures=[
            self.message("Exposure", name="exposures/e1", state=1, password_entry=self.NAME,
                         viewer=dict(subject="tom/1", display_name="Tom Leaver"),
                         password_display_name="Firewall", reveal_count=3)]))
        done = self.run_cli("exposures", "--user", "tom", "--open", "--company", "acme")
        self.expect(done, 0)
        self.assertRegex(done.stdout, "e1 +OPEN +tom/1 +Firewall +Tom Leaver +3 +acme/9")
        self.assertEqual(done.stderr, "")
        self.assertEqual(self.server.requests("ListExposures")[0].filter,
                         'viewer.subject = "tom" AND company = "companies/acme" AND open = true')
        self.expect(self.run_cli("exposures", "--password", "acme/9"), 0)
        self.assertEqual(self.server.requests("ListExposures")[1].filter,
                         'password_entry = "companies/acme/passwords/9"')
        self.expect(self.run_cli("exposures", "extra"), 2, "too many arguments")
        self.answer("ListExposures", self.message("ListExposuresResponse"))
        self.assertEqual(self.run_cli("exposures").stderr, "note: 0 found\n")
        self.assertEqual(self.run_cli("exposures", "--user", "Tom Leaver").stderr,
                         "note: 0 found; --user takes the subject of a token, not a name\n")
        self.answer("ResolveExposure", self.message("Exposure", name="exposures/e1", state=3))
        self.expect(self.run_cli("exposure", "resolve", "e1"), 2, "--note")
        self.expect(self.run_cli("exposure", "resolve", "e1", "--note", "gone", "--etag", "r3"), 0)
        request = self.server.requests("ResolveExposure")[0]
        self.assertEqual((request.name, request.note, request.etag), ("exposures/e1", "gone", "r3"))

    def test_reveal_is_not_repeated(self):
        self.answer("RevealPassword", Refusal(CODE.UNAVAILABLE, "audit", "AUDIT_UNAVAILABLE"))
        self.expect(self.run_cli("passwords", "reveal", "9", "--company", "acme", "--fd", "1"), 8)
        self.assertEqual(len(self.server.requests("RevealPassword")), 1)
        self.expect(self.run_cli("passwords", "reveal", "9", "--fd", "1"), 2, "COMPANY/ID")
        over = threading.Event()
        self.answer("RevealPassword", lambda request, context: over.wait(120))
        self.expect(self.run_cli("--timeout", "5", "passwords", "reveal", "acme/9", "--fd", "1"), 1,
                    "DEADLINE_EXCEEDED", "audit list")
        over.set()
        self.assertEqual(len(self.server.requests("RevealPassword")), 2)

    def test_reveal_on_a_terminal_is_cleared(self):
        self.answer("RevealPassword", self.revealed(seconds=3))
        terminal = Terminal(self, ["passwords", "reveal", self.NAME])
        # Reversed: the value may have a backslash of its own.
        terminal.until("s3cr\x1b[7m\\u001b\x1b[27m[31met")
        shown = time.time()
        self.assertEqual(terminal.end(), 0)
        self.assertGreater(time.time() - shown, 0.5)
        self.assertTrue(terminal.output.endswith(b"\x1b[2J\x1b[H\x1b[?1049l"), terminal.output)
        self.answer("RevealPassword", self.revealed(seconds=60))
        terminal = Terminal(self, ["passwords", "reveal", self.NAME])
        terminal.until("by a key")
        terminal.type("q")
        self.assertEqual(terminal.end(), 0)

    def test_no_row_of_a_value_scrolls_away(self):
        # What scrolls away is neither seen nor cleared. The last three rows are not the value's.
        value = ("".join("<%03d>" % i for i in range(600)) + "\n\u97f3").encode()
        self.answer("RevealPassword", self.revealed(value=value, seconds=60))
        terminal = Terminal(self, ["passwords", "reveal", self.NAME], columns=40)
        seen, parts = "", 0
        while not seen.endswith("\u97f3"):
            terminal.output = b""
            terminal.until(" by a key)")
            page = terminal.output.decode().split("\x1b[2J\x1b[H")[-1].split("\r\r\n\r\r\n(")[0]
            page = page.replace("\x1b[7m\\u000a\x1b[27m", "\n")
            self.assertLessEqual(len(page), 21 * 40)
            seen += page
            parts += 1
            self.assertIn(b"or by" if seen.endswith("\u97f3") else b"more by", terminal.output)
            terminal.type("\x1b[C")
        self.assertEqual(terminal.end(), 0)
        self.assertEqual(seen, value.decode())
        self.assertEqual(parts, 4)
        # Where there is no other screen, to clear the whole of it moves it into the history.
        self.assertIn(b"\x1b[H" + 24 * b"\x1b[2K\x1b[B" + b"\x1b[2J\x1b[H", terminal.output)
        # Where the line below would push the value away, there is none.
        self.answer("RevealPassword", self.revealed(value=b"a" * 9 + b"b" * 9, seconds=2))
        terminal = Terminal(self, ["passwords", "reveal", self.NAME], columns=10, rows=3)
        terminal.until("a" * 9)
        terminal.type(" ")
        terminal.until("b" * 9)
        self.assertEqual(terminal.end(), 0)
        self.assertNotIn(b"a key", terminal.output)

    def test_no_value_goes_where_it_cannot_be_cleared(self):
        for term in ("dumb", ""):
            terminal = Terminal(self, ["passwords", "reveal", self.NAME], term=term)
            self.assertEqual(terminal.end(), 2)
            self.assertIn(b"--fd N", terminal.output)
        self.assertEqual(self.server.requests("RevealPassword"), [])

    def test_reveal_is_cleared_by_a_signal(self):
        self.answer("RevealPassword", self.revealed(seconds=60))
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2):
            terminal = Terminal(self, ["passwords", "reveal", self.NAME])
            terminal.until("by a key")
            send = lambda: os.kill(terminal.pid, number)
            send()
            self.assertEqual(terminal.end(signalled=send), -number)
            self.assertTrue(terminal.output.endswith(b"\x1b[2J\x1b[H\x1b[?1049l"), terminal.output)

    def test_hides_documentation_of_a_company(self):
        self.answer("UpdateCompanyDocumentationAccess", self.message(
            "CompanyDocumentationAccess", name="companies/a/documentationAccess"))
        self.expect(self.run_cli("config", "hidden", "set", "a", "--documents", "on", "--type",
                                 "7,8"), 0)
        request = self.server.requests("UpdateCompanyDocumentationAccess")[0]
        self.assertEqual(list(request.update_mask.paths),
                         ["documents_hidden", "hidden_flexible_asset_types"])
        access = request.company_documentation_access
        self.assertTrue(access.documents_hidden)
        self.assertEqual(list(access.hidden_flexible_asset_types),
                         ["connections/main/flexibleAssetTypes/%d" % i for i in (7, 8)])
        self.expect(self.run_cli("config", "hidden", "set", "a"), 2, "--no-types")
        self.expect(self.run_cli("config", "hidden", "set", "a", "--type", "7", "--no-types"), 2,
                    "exclude")

    def test_types_say_their_age_and_what_changed(self):
        self.answer("ListFlexibleAssetTypes", self.message(
            "ListFlexibleAssetTypesResponse", flexible_asset_types=[
                dict(name="connections/main/flexibleAssetTypes/7", display_name="Backup",
                     state="STATE_NEW", field_changes=[
                         dict(key="job", display_name="Job", kind="KIND_REMOVED", breaking=True)])]))
        done = self.run_cli("config", "types", "list")
        self.expect(done, 0, "fetched never", "Backup: field Job: REMOVED, breaking")
        self.assertRegex(done.stdout, "7 +Backup +no +NEW")
        self.answer("RefreshDocumentationTypes", self.message(
            "RefreshDocumentationTypesResponse", held_removal_count=3))
        self.expect(self.run_cli("config", "types", "refresh"), 0, "3 types and categories stay")

    def test_a_setting_is_looked_at_first(self):
        self.answer("UpdateFlexibleAssetType", self.message("FlexibleAssetType", blast_radius=dict(
            hidden=dict(flexible_assets=12),
            effects=[dict(company="companies/c%d" % i, hidden=dict(flexible_assets=1)) for i in range(12)])))
        done = self.run_cli("config", "types", "disable", "7", "--dry-run")
        self.expect(done, 0, "would hide 12 flexible assets in all",
                    "would hide 1 flexible asset from readers of companies/c9", "for 2 more companies",
                    "note: nothing was changed\n")
        self.assertNotIn("companies/c10", done.stderr)
        self.assertNotIn("blast_radius", done.stdout)

    def test_access_of_many(self):
        self.answer("BatchUpdateCompanyPasswordAccess", self.message(
            "BatchUpdateCompanyPasswordAccessResponse", company_password_accesses=[
                dict(name="companies/a/passwordAccess", level="LEVEL_SELECTED_CATEGORIES")]))
        done = self.run_cli("config", "access", "set-many", "--company", "a", "--company", "b",
                            "--level", "selected", "--category", "7")
        self.expect(done, 0)
        self.assertRegex(done.stdout, "companies/a/passwordAccess +SELECTED_CATEGORIES")
        sent = self.server.requests("BatchUpdateCompanyPasswordAccess")[0].requests
        self.assertEqual([one.company_password_access.name for one in sent],
                         ["companies/a/passwordAccess", "companies/b/passwordAccess"])
        for one in sent:
            self.assertEqual(list(one.update_mask.paths), ["level", "password_categories"])
            self.assertEqual(list(one.company_password_access.password_categories),
                             ["connections/main/passwordCategories/7"])
        self.expect(self.run_cli("config", "access", "set-many", "--level", "all"), 2, "--company")

    def test_explain_names_gates_and_remedy(self):
        self.answer("ExplainPasswordAccess", self.message(
            "ExplainPasswordAccessResponse", basis="BASIS_ASSUMED",
            error_reason="PASSWORD_SHARING_DISABLED", gates=[
                dict(gate="ACCESS_GATE_PERMISSION", result="RESULT_PASS", detail="held"),
                dict(gate="ACCESS_GATE_SHARING_ENABLED", result="RESULT_FAIL", detail="it is off",
                     deciding_resource="connections/main/passwordConfig"),
                dict(gate="ACCESS_GATE_COMPANY_LEVEL", result="RESULT_NOT_REACHED")]))
        done = self.run_cli("passwords", "explain", "acme/9", "--assume-permission",
                            "read-documentation-passwords", "--assume-company", "acme")
        self.expect(done, 4, "the assumed subject", "config passwords set --sharing on")
        self.assertRegex(done.stdout,
                         "SHARING_ENABLED +FAIL +connections/main/passwordConfig +it is off")
        request = self.server.requests("ExplainPasswordAccess")[0]
        self.assertEqual(request.name, self.NAME)
        self.assertEqual(list(request.assumed_subject.permissions), [4])
        self.assertEqual(list(request.assumed_subject.companies), ["companies/acme"])
        self.answer("ExplainPasswordAccess", self.message(
            "ExplainPasswordAccessResponse", basis="BASIS_CALLER", allowed=True))
        self.expect(self.run_cli("passwords", "explain", "acme/9"), 0, "for you")
        self.assertFalse(self.server.requests("ExplainPasswordAccess")[1].HasField("assumed_subject"))

    # Transport.

    def openssl(self, *words):
        subprocess.run(["openssl", *words], check=True, cwd=self.folder.name,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def authority(self, name):
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-days", "2", "-subj", "/CN=" + name, "-keyout", name + ".key",
                     "-out", name + ".pem")
        return os.path.join(self.folder.name, name + ".pem")

    def certificate(self, name, authority):
        self.file("names", "subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", name + ".csr")
        self.openssl("x509", "-req", "-in", name + ".csr", "-CA", authority + ".pem", "-CAkey",
                     authority + ".key", "-CAcreateserial", "-days", "2", "-extfile", "names",
                     "-out", name + ".pem")
        return [os.path.join(self.folder.name, name + end) for end in (".pem", ".key")]

    def test_the_server_is_a_host_and_a_port_or_a_socket(self):
        for server in ("localhost", "localhost:", ":7443", "localhost:0", "localhost:65536", "localhost:grpc",
                       "https://localhost:7443"):
            done = self.run_cli("connection", "list", "--server", server)
            self.expect(done, 2, "the server %s is not host:port or unix:/path" % server)

    def test_a_file_without_an_end_is_refused(self):
        for words in (["connection", "list", "--ca", "/dev/zero"], ["company", "push", "/dev/zero"]):
            done = self.run_cli(*words)
            self.expect(done, 2, "/dev/zero")
            self.assertRegex(done.stderr, "is (too long|longer than)")

    def test_tls_with_client_certificates(self):
        authority, other = self.authority("ca"), self.authority("other")
        certificate, key = self.certificate("server", "ca")
        mine, my_key = self.certificate("client", "ca")

        def read(path):
            with open(path, "rb") as stream:
                return stream.read()
        credentials = grpc.ssl_server_credentials([(read(key), read(certificate))],
                                                  read(authority), True)
        server = FakeServer(self.contract, "127.0.0.1:0", credentials)
        self.addCleanup(server.stop)
        server.answers = self.server.answers
        near = ["--server", "127.0.0.1:%d" % server.port]
        mutual = near + ["--cert", mine, "--key", my_key]
        done = self.run_cli("connection", "list", *mutual, "--ca", authority)
        self.expect(done, 0)
        self.expect(self.run_cli("connection", "list", *mutual, "--ca", other), 1, "certificate")
        self.expect(self.run_cli("connection", "list", *near, "--ca", authority), 1)
        self.expect(self.run_cli("connection", "list", *near), 1)
        self.expect(self.run_cli("connection", "list", *near, "--cert", mine), 2, "together")
        self.expect(self.run_cli("connection", "list", "--ca", "/nowhere"), 2, "/nowhere")
        self.expect(self.run_cli("connection", "list", "--ca", self.token), 2, self.token + ": holds no certificate")
        # gRPC tells of none of these which file it is.
        with open(authority) as stream:
            broken = self.file("broken", stream.read().replace("MII", "AAA"))
        for words, fault in (
                (["--ca", broken], broken + ": holds no certificate"),
                (["--ca", authority, "--cert", broken, "--key", my_key], broken + ": holds no certificate"),
                (["--ca", authority, "--cert", mine, "--key", mine], mine + ": holds no private key"),
                (["--ca", authority, "--cert", mine, "--key", key], key + ": is not the key of the certificate")):
            self.expect(self.run_cli("connection", "list", *near, *words), 2, fault)
        self.assertEqual(len(server.requests("ListConnections")), 1)
        self.healthy()
        self.assertEqual(self.doctor(0, *mutual, "--ca", authority)["server"][0], "OK")
        found = self.doctor(1, *mutual, "--ca", other)
        self.assertEqual((found["server"][0], list(found)[-1]), ("FAIL", "server"))
        self.assertIn("certificate", found["server"][2])

    # The doctor.

    def healthy(self):
        """A server where all is well; the messages that a test may bend."""
        now = int(time.time())
        self.jwt(iat=now - 60, exp=now + 600)
        well = {
            "Check": self.message("grpc.health.v1.HealthCheckResponse", status="SERVING"),
            "ListConnections": self.message("ListConnectionsResponse", connections=[dict(
                name="connections/main", state="STATE_ACTIVE",
                latest_sync_run="connections/main/syncRuns/r1",
                credential=dict(last_success_time=dict(seconds=now - 3 * 3600)))]),
            "TestConnection": self.message(
                "TestConnectionResponse", diagnosis="DIAGNOSIS_OK", remedy="Nothing to do.",
                capabilities=[dict(kind="KIND_ORGANIZATIONS", grant="GRANT_GRANTED"),
                              dict(kind="KIND_PASSWORD_VALUES", grant="GRANT_UNKNOWN")]),
            "GetSetupProgress": self.message("SetupProgress", complete=True),
            "GetSyncRun": self.message("SyncRun", name="connections/main/syncRuns/r1",
                                       state="STATE_SUCCEEDED",
                                       end_time=dict(seconds=now - 2 * 86400 - 60)),
            "ListSyncIssues": self.message("ListSyncIssuesResponse"),
        }
        self.server.answers.update(well)
        return well

    def jwt(self, **claims):
        def part(value):
            return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
        claims = dict(dict(sub="ada", tenant="msp", permissions=["manage_integrations"]), **claims)
        self.file("token", ".".join((part({"alg": "EdDSA"}), part(claims), "sig")) + "\n")

    def doctor(self, code, *words):
        done = self.run_cli("doctor", "-o", "json", *words)
        self.expect(done, code)
        found = json.loads(done.stdout)
        return {one["check"]: (one["state"], one["found"], one["remedy"]) for one in found}

    def test_doctor_finds_all_well(self):
        self.healthy()
        found = self.doctor(0)
        self.assertEqual({one[0] for one in found.values()}, {"OK"})
        self.assertEqual({one[2] for one in found.values()}, {""})
        self.assertEqual(list(found), ["settings", "token", "permissions", "server", "serving",
                                       "clock", "caller", "connection", "key age", "upstream",
                                       "setup", "sync"])
        self.assertEqual(found["token"][1], "ada of msp, good for 9 minutes")
        self.assertEqual(found["permissions"][1], "manage_integrations")
        self.assertEqual(found["key age"][1], "last accepted 3 hours ago")
        self.assertEqual(found["sync"][1], "last run SUCCEEDED, 2 days ago")
        self.assertNotIn("upstream", self.doctor(0, "--no-test"))
        self.assertEqual(len(self.server.requests("TestConnection")), 1)
        done = self.run_cli("doctor")
        self.expect(done, 0)
        self.assertRegex(done.stdout, r"(?m)^connection +OK +connections/main: ACTIVE")
        lines = self.run_cli("doctor", "-o", "jsonl").stdout.splitlines()
        self.assertEqual(json.loads(lines[0])["check"], "settings")

    def test_doctor_finds_what_is_wrong_with_the_connection(self):
        well = self.healthy()
        connection = well["ListConnections"].connections[0]
        connection.state = 2
        connection.problem.reason = "UPSTREAM_KEY_REJECTED"
        connection.problem.message = "refused\x1b[2J"
        connection.sync_paused = connection.reveals_paused = True
        connection.warnings.append("The key is old.")
        well["TestConnection"].diagnosis = 3
        well["TestConnection"].remedy = "Ask for a new key."
        well["TestConnection"].capabilities[0].grant = 2
        well["GetSetupProgress"].complete = False
        well["GetSyncRun"].state = 6
        well["TestConnection"].capabilities.add(kind="KIND_DOCUMENT_FOLDERS", grant="GRANT_DENIED", detail="No.")
        well["ListSyncIssues"].sync_issues.add(kind="KIND_FOLDERS_UNKNOWN", message="3 are hidden")
        well["ListSyncIssues"].next_page_token = "more"
        found = self.doctor(6)
        self.assertEqual(found["connection"][0], "FAIL")
        self.assertIn("ERROR, UPSTREAM_KEY_REJECTED: refused\x1b", found["connection"][1])
        self.assertTrue(found["connection"][2])
        self.assertEqual(found["pause"][:2], ("WARN", "syncs and reveals are paused"))
        self.assertEqual(found["key age"][:2], ("WARN", "The key is old."))
        self.assertEqual(found["upstream"],
                         ("FAIL", "KEY_REVOKED_OR_EXPIRED", "Ask for a new key."))
        # The key is refused whole: what to do about it is said once.
        self.assertNotIn("capability", found)
        self.assertNotIn("widen", self.run_cli("doctor").stdout)
        # The last of two: what follows from it, and what is true of it.
        well["TestConnection"].diagnosis = 1
        found = self.doctor(6)
        self.assertEqual(found["capability"][0], "WARN")
        self.assertIn("DOCUMENT_FOLDERS: No. Documents in folders that it never listed are hidden",
                      found["capability"][1])
        self.assertIn("for every account yet", found["capability"][2])
        self.assertRegex(self.run_cli("doctor").stdout, "WARN +ORGANIZATIONS: .* widen the key")
        self.assertEqual(found["setup"], ("WARN", "not complete", "docbridge setup status"))
        self.assertEqual((found["sync"][0], found["sync"][2]), ("WARN", "docbridge sync issues"))
        issues = "docbridge sync issues --state open"
        self.assertEqual(found["issue"], ("WARN", "FOLDERS_UNKNOWN: 3 are hidden", issues))
        self.assertEqual(found["issues"], ("WARN", "there are more", issues))
        self.assertEqual(self.server.requests("ListSyncIssues")[0].filter, "state = OPEN")
        self.assertNotIn("\x1b", self.run_cli("doctor").stdout)
        # Who may only read gets all but the test.
        connection.state = 1
        self.answer("TestConnection", Refusal(CODE.PERMISSION_DENIED, "no", "MISSING_PERMISSION"))
        self.assertEqual(self.doctor(0)["upstream"][0], "WARN")
        self.answer("ListConnections", self.message("ListConnectionsResponse"))
        self.assertEqual(self.doctor(0)["connection"],
                         ("WARN", "there is none yet", "docbridge connection create"))
        # Who reads documentation alone has a good token all the same.
        self.answer("ListConnections", Refusal(CODE.PERMISSION_DENIED, "no", "MISSING_PERMISSION",
                                               {"permission": "read_integrations"}))
        found = self.doctor(0)
        self.assertEqual((found["clock"][0], found["caller"][0]), ("OK", "OK"))
        self.assertEqual(found["connection"][:2], ("WARN", "not looked at"))

    def test_doctor_finds_what_is_wrong_with_the_token(self):
        self.healthy()
        now = int(time.time())
        expired = Refusal(CODE.UNAUTHENTICATED, "expired", "TOKEN_EXPIRED")
        self.jwt(iat=now - 900, exp=now - 300, permissions=[])
        self.answer("ListConnections", expired)
        found = self.doctor(9)
        self.assertEqual(found["token"][:2], ("FAIL", "ada of msp, expired 5 minutes ago"))
        self.assertEqual((found["permissions"][0], found["clock"][0]), ("WARN", "OK"))
        self.assertEqual((found["caller"][0], list(found)[-1]), ("FAIL", "caller"))
        # Good here, expired there: that is the clocks.
        self.jwt(iat=now - 60, exp=now + 600)
        found = self.doctor(9)
        self.assertEqual((found["token"][0], found["clock"][0]), ("OK", "WARN"))
        self.assertIn("NTP", found["clock"][2])
        self.jwt(iat=now + 3600, exp=now + 4000)
        self.assertIn("issued 59 minutes from now", self.doctor(9)["clock"][1])
        self.file("token", "abc.def.ghi")
        self.assertEqual(self.doctor(9)["token"][0], "WARN")
        self.file("token", "abc.def.ghi", 0o644)
        found = self.doctor(2)
        self.assertEqual(list(found), ["settings"])
        self.assertIn("chmod 600", found["settings"][1])

    def test_doctor_finds_what_is_wrong_with_the_server(self):
        self.healthy()
        self.answer("Check", self.message("grpc.health.v1.HealthCheckResponse",
                                          status="NOT_SERVING"))
        # Health tells nothing of the database.
        self.assertEqual(self.doctor(1)["serving"][:2], ("FAIL", "no: the server is starting or stopping"))
        self.server.stop()
        found = self.doctor(1)
        self.assertEqual((found["server"][0], list(found)[-1]), ("FAIL", "server"))
        self.assertIn("--server", found["server"][2])

    # The trail.

    def test_audit_watch_takes_the_options_of_the_list(self):
        self.answer("WatchAuditEvents", lambda request, context: iter([
            self.message("WatchAuditEventsResponse", audit_event=dict(sequence=7))]))
        done = self.run_cli("audit", "watch", "--limit", "1", "--filter", "actor.subject = x", "--type",
                            "password-reveal", "--outcome", "denied", "--resource", "r", "--company", "acme")
        self.expect(done, 0)
        self.assertEqual(done.stdout, "7\n")
        self.assertEqual(self.server.requests("WatchAuditEvents")[0].filter,
                         'actor.subject = x AND type = PASSWORD_REVEAL AND outcome = DENIED '
                         'AND subject.resource = "r" AND subject.company = "companies/acme"')

    def test_what_is_put_together_here_has_names_of_json(self):
        self.answer("GetAuditSigningKey", self.message(
            "AuditSigningKey", name="auditSigningKey", key_id="ab", public_key=bytes(32)))
        told = json.loads(self.run_cli("audit", "key", "-o", "json").stdout)
        self.assertEqual(told, {"key": "ab", "publicKey": "00" * 32})
        self.assertIn("public key", self.run_cli("audit", "key").stdout)

    # The rest.

    def test_health(self):
        self.answer("Check", self.message("grpc.health.v1.HealthCheckResponse", status="SERVING"))
        self.expect(self.run_cli("health"), 0)
        self.answer("Check", self.message("grpc.health.v1.HealthCheckResponse",
                                          status="NOT_SERVING"))
        self.expect(self.run_cli("health", "docbridge.v1.SyncService"), 1)

    def test_tokens(self):
        private, public = (os.path.join(self.folder.name, n) for n in ("key.jwk", "jwks.json"))
        self.expect(self.run_cli("token", "keys", "--private-key", private, "--jwks", public), 0)
        self.assertEqual(os.stat(private).st_mode & 0o777, 0o600)
        claims = ["--issuer", "i", "--audience", "a", "--tenant", "t", "--subject", "s",
                  "--permission", "read_audit"]
        done = self.run_cli("token", "mint", "--private-key", private, *claims)
        self.expect(done, 0)
        self.assertEqual(len(done.stdout.strip().split(".")), 3)
        out = os.path.join(self.folder.name, "minted")
        self.expect(self.run_cli("token", "mint", "--private-key", private, *claims, "--out", out), 0)
        self.assertEqual(os.stat(out).st_mode & 0o777, 0o600)
        self.expect(self.run_cli("connection", "list", "--token-file", out), 0)

    def test_output_that_cannot_be_written(self):
        self.organizations()
        for words in (["--help"], ["org", "list"], ["-ojsonl", "org", "list"]):
            with open("/dev/full", "w") as full:
                done = subprocess.run([PROGRAM] + self.words(words), env=self.environment,
                                      stdout=full, stderr=subprocess.DEVNULL, timeout=60)
            self.assertEqual(done.returncode, 1)

    def test_a_watch_that_cannot_write_ends(self):
        """Before it passes over events that nobody gets."""
        self.answer("WatchAuditEvents", [
            [self.message("WatchAuditEventsResponse", resume_token="t1",
                          audit_event=dict(name="auditEvents/1", sequence=1))],
            Refusal(CODE.PERMISSION_DENIED, "no", "MISSING_PERMISSION")])
        change = dict(action="ACTION_UPDATED", resource="companies/acme/documents/1", display_name="VPN")
        self.answer("WatchCompanyChanges", [
            [self.message("WatchCompanyChangesResponse", resume_token="t2", change=change)],
            Refusal(CODE.PERMISSION_DENIED, "no", "MISSING_PERMISSION")])
        for method, words in (("WatchAuditEvents", ["audit", "watch"]),
                              ("WatchCompanyChanges", ["changes", "watch", "acme", "--resume-token", "t1"])):
            with open("/dev/full", "w") as full:
                done = subprocess.run([PROGRAM] + self.words(["-ojsonl"] + words),
                                      env=self.environment, stdout=full, stderr=subprocess.PIPE,
                                      text=True, timeout=60)
            self.expect(done, 1, "standard output cannot be written")
            self.assertEqual(len(self.server.requests(method)), 1)
        # The last that was written.
        self.assertIn("go on with --resume-token t1\n", done.stderr)

    def test_html_is_the_same_text_to_who_reads_the_file(self):
        """Marks of right-to-left text are common in it, and steer no terminal."""
        self.answer("ReadDocumentBody", [[
            self.message("ReadDocumentBodyResponse", content="<p>\u05d0\u200f (1)\r\n\tb\x1b\u202e&amp;\x9b"),
            self.message("ReadDocumentBodyResponse", content="\u00e9</p>", section_end=True)]])
        done = self.run_cli("docs", "read", "acme/1")
        self.expect(done, 0)
        self.assertEqual(
            done.stdout, "<p>\u05d0&#x200f; (1)&#xd;\n\tb&#x1b;&#x202e;&amp;\\u009b\u00e9</p>\n")

    def test_headings_of_a_body_are_headings(self):
        """Their content has no tags of its own."""
        def piece(content, **more):
            return self.message("ReadDocumentBodyResponse", content=content, **more)

        def body():
            return [piece("A &amp; ", kind="KIND_HEADING", level=2),
                    piece("B", kind="KIND_HEADING", level=2, section_end=True),
                    piece("<p>c", kind="KIND_TEXT"), piece("</p>", kind="KIND_TEXT", section_end=True),
                    piece("D", kind="KIND_HEADING", section_end=True)]

        self.answer("ReadDocumentBody", [body(), body()])
        self.assertEqual(self.run_cli("docs", "read", "acme/1").stdout,
                         "<h2>A &amp; B</h2>\n<p>c</p>\n<h1>D</h1>\n")
        self.assertEqual(self.run_cli("docs", "read", "acme/1", "--raw").stdout, "A &amp; B\n<p>c</p>\nD\n")

    def test_a_refused_token_is_not_recommended(self):
        self.answer("WatchCompanyChanges", Refusal(CODE.INVALID_ARGUMENT, "old", "PAGE_TOKEN_INVALID"))
        done = self.run_cli("changes", "watch", "acme", "--resume-token", "t1")
        self.expect(done, 2, "begin again without the token")
        self.assertNotIn("t1", done.stderr)
        self.answer("WatchCompanyChanges", Refusal(CODE.OUT_OF_RANGE, "old", "RESUME_TOKEN_EXPIRED"))
        done = self.run_cli("changes", "watch", "acme", "--resume-token", "t1")
        self.expect(done, 2, "list anew")
        self.assertNotIn("t1", done.stderr)

    def test_a_bound_of_an_export_is_given_in_one_way(self):
        for number, time in (("--from", "--since"), ("--to", "--until")):
            done = self.run_cli("audit", "export", number, "3", time, "2026-01-02T00:00:00Z")
            self.expect(done, 2, "give %s or %s, not both" % (number, time))
            self.expect(self.run_cli("audit", "export", time, "2026-11-30"), 2,
                        time + " 2026-11-30: not a time such as 2026-12-31T08:00:00Z")
        self.assertEqual(self.server.requests("ExportAuditEvents"), [])

    def test_usage_errors(self):
        for words, text in ((["conection"], "did you mean connection?"), (["sync"], "sync watch RUN"),
                            (["map", "set", "1"], "needs ORG COMPANY"), ([], "Exit codes"),
                            (["org", "show", "a b\x1b[2J"], "\\u001b[2J is no name")):
            done = self.run_cli(*words)
            self.expect(done, 2, text)
            self.assertEqual(done.stdout, "")
            self.assertNotIn("\x1b", done.stderr)

    def test_usage_errors_point_at_the_nearest_help(self):
        for words, help in ((["passwords", "reveal"], "passwords reveal --help"),
                            (["map", "swap", "1", "2", "3"], "map swap --help"),
                            (["org", "list", "--stat", "x"], "org list --help"),
                            (["org", "list", "--limit", "0"], "org list --help"),
                            (["org", "nothing"], "org --help"), (["nothing"], "--help")):
            self.assertIn("\nSee `docbridge %s`.\n" % help, self.run_cli(*words).stderr)

    def test_every_help(self):
        done = self.run_cli("--help")
        self.expect(done, 0)
        self.assertIn("Exit codes", done.stdout)
        for words in re.findall(r"^  ([a-z][a-z-]*(?: [a-z-]+)*)", done.stdout, re.M):
            if words.split()[0] not in ("done", "another"):
                self.expect(self.run_cli(*words.split(), "--help"), 0)

    def test_the_sentences_of_a_help_fit_a_terminal(self):
        long = [line for line in self.run_cli("passwords", "reveal", "--help").stdout.splitlines()
                if len(line) > 100]
        self.assertEqual(long, [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
