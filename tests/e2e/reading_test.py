"""Documentation against a whole upstream: links, images, and what is read raw."""

import re

import grpc

import docbridge_e2e as e2e

PRECONDITION, NOT_FOUND = grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
SUCCEEDED, PARTIAL = 5, 6
IMAGE = "DocumentationService.GetDocumentImage"
PNG = b"\x89PNG\r\n\x1a\n"


class Reading(e2e.Case):
    @classmethod
    def make(cls):
        return e2e.Stack(("--organizations", "4", "--passwords", "20", "--documents", "80", "--flexible-assets", "20",
                          "--checklists", "8", "--document-bytes", "6000"))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = cls.stack.api()
        cls.connection = cls.stack.connect(cls.api)
        cls.stack.configure(cls.api, cls.connection)
        cls.stack.settle(cls.api, cls.connection)
        cls.companies = sorted(set(cls.stack.mapping(cls.api, cls.connection).values()))
        cls.documents = [one for company in cls.companies
                         for one in cls.api.all("DocumentationService.ListDocuments", "documents", parent=company)]
        cls.images = [name for one in cls.documents for name in re.findall(
            r'<img data-image="([^"]*)"', "".join(section.sanitized_html for section in cls.read(one.name).sections))]

    @classmethod
    def read(cls, name, **fields):
        return cls.api("DocumentationService.GetDocument", name=name, **fields)

    def tearDown(self):
        super().tearDown()
        self.emulator.calm()

    def image(self, name):
        """What it is, and its bytes."""
        pieces = list(self.api.stream(IMAGE, name=name))
        return pieces[0].image, b"".join(piece.content for piece in pieces)

    def refused(self, name, code, reason):
        failure = e2e.failure_of(lambda: list(self.api.stream(IMAGE, name=name)))
        self.assertFailure(failure, code, reason)
        return failure

    def keys_at_links(self):
        """Whether the key came along, of each request to a link."""
        return [one["had_key"] for path in ("/stored_images/", "/developer/images/")
                for one in self.emulator.requests(path=path)]

    def test_images_come_from_upstream_each_time(self):
        self.assertGreater(len(self.images), 3)
        for name in self.images[:3]:
            for content, media in (("png", "image/png"), ("gif", "image/gif"), ("jpeg", "image/jpeg"),
                                   ("webp", "image/webp")):
                self.emulator.switch(image_content=content)
                what, data = self.image(name)
                self.assertEqual((what.name, what.media_type, what.size_bytes), (name, media, len(data)))
        self.assertTrue(data.startswith(b"RIFF"))
        self.assertEqual(self.emulator.count(path="/document_images/"), 12)
        self.assertEqual(self.keys_at_links(), [False] * 12)
        # A large one comes whole; one that is too large not at all.
        self.emulator.switch(image_content="png", image_bytes=9 << 20)
        self.assertEqual(len(self.image(name)[1]), 9 << 20)
        self.emulator.switch(image_bytes=11 << 20)
        self.assertEqual(self.refused(name, PRECONDITION, "UPSTREAM_IMAGE_UNAVAILABLE").metadata["cause"],
                         "TOO_LARGE")

    def test_links_that_do_not_open(self):
        name = self.images[0]
        for link, cause in (("session", "LINK_NOT_ALLOWED"), ("elsewhere", "LINK_NOT_ALLOWED"),
                            ("absent", "NO_LINK")):
            self.emulator.switch(image_link=link)
            if link == "session":
                cause = "NOT_AN_IMAGE"  # its host is the one that may be, and asks to sign in
            self.assertEqual(self.refused(name, PRECONDITION, "UPSTREAM_IMAGE_UNAVAILABLE").metadata["cause"], cause)
        self.emulator.switch(image_link="signed")
        for content in ("svg", "html"):
            self.emulator.switch(image_content=content)
            self.assertEqual(self.refused(name, PRECONDITION, "UPSTREAM_IMAGE_UNAVAILABLE").metadata["cause"],
                             "NOT_AN_IMAGE")
        self.emulator.switch(image_content="png")
        for action, code, reason in (("status:404", NOT_FOUND, "UPSTREAM_RECORD_GONE"),
                                     ("redirect", UNAVAILABLE, "UPSTREAM_UNEXPECTED_REDIRECT"),
                                     ("truncate", UNAVAILABLE, "UPSTREAM_UNREACHABLE"),
                                     ("status:403", PRECONDITION, "UPSTREAM_IMAGE_UNAVAILABLE")):
            self.emulator.fault("/stored_images/", action)
            self.refused(name, code, reason)
        self.emulator.switch(vintage="2025")
        self.refused(name, PRECONDITION, "UPSTREAM_ACCESS_DENIED")
        grants = {one.kind: one.grant
                  for one in self.api("ConnectionService.GetConnection", name=self.connection).capabilities}
        self.assertEqual(grants[9], 2)
        self.emulator.switch(vintage="2026-07")
        self.image(name)
        self.assertNotIn(True, self.keys_at_links())
        self.assertEqual(self.emulator.count(region="redirect-target"), 0)

    def test_the_key_opens_links_of_its_host_where_the_settings_say_so(self):
        name = self.images[0]
        self.emulator.switch(image_link="key")
        other = e2e.Api(self.stack.channel(self.stack.replica(upstream_image_key="true", upstream_image_hosts="")),
                        self.api.token)
        pieces = list(other.stream(IMAGE, name=name))
        self.assertTrue(pieces[0].content.startswith(PNG))
        self.assertEqual(self.keys_at_links()[-1], True)
        self.emulator.switch(image_link="signed")
        self.emulator.fault("/stored_images/", "redirect")
        failure = e2e.failure_of(lambda: list(other.stream(IMAGE, name=name)))
        self.assertFailure(failure, UNAVAILABLE, "UPSTREAM_UNEXPECTED_REDIRECT")
        self.assertEqual(self.emulator.count(region="redirect-target"), 0)

    def test_images_of_others_are_not_found(self):
        name = self.images[0]
        number = name.rsplit("/", 1)[1]
        plain = next(one.name for one in self.documents if not name.startswith(one.name + "/"))
        before = self.emulator.count(path="/document_images/")
        for wrong in (plain + "/images/" + number, name + "9"):
            self.refused(wrong, NOT_FOUND, "RESOURCE_NOT_FOUND")
        mine = name.split("/documents/")[0].split("/")[1]
        stranger = self.api.with_token(self.stack.token(companies=[one.split("/")[1] for one in self.companies
                                                                   if one.split("/")[1] != mine]))
        failure = e2e.failure_of(lambda: list(stranger.stream(IMAGE, name=name)))
        self.assertFailure(failure, NOT_FOUND, "RESOURCE_NOT_FOUND")
        self.assertEqual(self.emulator.count(path="/document_images/"), before)

    def test_the_client_writes_an_image(self):
        done = self.stack.cli("docs", "image", self.images[0])
        short = "/".join(self.images[0].split("/")[1::2])
        self.assertEqual(self.stack.cli("docs", "image", short).bytes, done.bytes)
        self.assertTrue(done.bytes.startswith(PNG))

    def test_every_record_links_to_its_page(self):
        for collection, method, items in (("documents", "ListDocuments", "documents"),
                                          ("flexible_assets", "ListFlexibleAssets", "flexible_assets"),
                                          ("checklists", "ListChecklists", "checklists")):
            truth = {one["id"]: one["attributes"].get("resource-url") for one in self.emulator.dump(collection)}
            shown = [one for company in self.companies
                     for one in self.api.all("DocumentationService." + method, items, parent=company)]
            self.assertGreater(len(shown), 0)
            for one in shown:
                self.assertEqual(one.upstream_uri, truth[one.name.rsplit("/", 1)[1]])
        truth = {one["id"]: one["attributes"]["resource-url"] for one in self.emulator.dump("passwords")}
        for company in self.companies:
            for one in self.api.all("PasswordService.ListPasswords", "passwords", parent=company):
                self.assertEqual(one.upstream_uri, truth[one.name.rsplit("/", 1)[1]])

    def test_a_raw_read_is_in_the_trail(self):
        name = self.documents[0].name
        self.read(name)
        self.assertEqual(self.stack.json("audit", "list", "--type", "raw-read").get("auditEvents", []), [])
        self.read(name, view=2)
        events = self.stack.json("audit", "list", "--type", "raw-read")["auditEvents"]
        self.assertEqual([(one["type"], one["actor"]["subject"], one["subject"]["resource"]) for one in events],
                         [("TYPE_RAW_READ", "ada", name)])

    def body(self, name, **fields):
        return "".join(piece.content for piece in self.api.stream("DocumentationService.ReadDocumentBody", name=name,
                                                                  **fields))

    def test_z_a_large_document_comes_whole(self):
        """Last, since it changes what is stored."""
        line = "<p>lorem ipsum dolor sit amet, consetetur sadipscing elitr</p>"
        whole = line * -(-(20 << 20) // len(line))
        large = self.emulator.dump("documents")[0]["id"]
        name = next(one.name for one in self.documents if one.name.endswith("/" + large))
        self.emulator.switch(big_body_document_bytes=20 << 20)
        self.assertEqual(self.stack.run(self.api, self.connection, mode=2).state, SUCCEEDED)
        self.assertTrue(self.body(name, view=2) == whole)
        self.assertTrue(self.body(name) == whole)
        self.assertTrue(self.read(name).content_truncated)
        # There is an end, which is said.
        self.emulator.switch(big_body_document_bytes=50 << 20)
        self.assertEqual(self.stack.run(self.api, self.connection, mode=2).state, PARTIAL)
        issues = self.api.all("SyncService.ListSyncIssues", "sync_issues", parent=self.connection)
        self.assertEqual([(one.message, one.subject.rsplit("/", 1)[1]) for one in issues],
                         [("The record could not be read (RECORD_TOO_LARGE): the record is larger than 48 MiB, the most "
                           "that is taken of one", large)])
        self.assertTrue(self.body(name) == whole)
        self.emulator.calm()
        self.assertEqual(self.stack.run(self.api, self.connection, mode=2).state, SUCCEEDED)


if __name__ == "__main__":
    e2e.main()
