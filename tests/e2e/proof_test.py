"""Proof that secrets are not stored: ./dev proof.

Plants marked secrets in the emulator's account wherever none may ever be kept from: API keys, password values,
notes of passwords, traits of kind Password, images and the links to them. Connects, syncs, lists, searches, fetches
images, reveals, fails, rotates and deletes; then looks for every mark in every place, in every form. Images are
content, which passes through like a document's text: theirs is a mark of its own, looked for wherever something is
kept, and not in memory. A harmless control that was put into each place must be found there: without it, to find
nothing means nothing. Ends with 1 if a mark is found or a control is not.
"""

import base64
import contextlib
import glob
import os
import re
import secrets
import ssl
import subprocess
import sys
import time
import urllib.request

import docbridge_e2e as e2e
import leak_test

# All secrets of a run begin with it, so that one search finds any of them.
MARK = "Kn" + secrets.token_hex(9)
IMAGE_MARK = "Im" + secrets.token_hex(9)
CONTROL = "control-" + secrets.token_hex(12)


def marked(kind):
    # With something to escape in it, and not all ASCII.
    return "%s-%s-%s/%%&+\u00fc" % (MARK, kind, secrets.token_hex(6))


def encodings(text):
    """A text in the midst of others, in every encoding that is searched for, made without the search's own code."""
    whole = ("before " + text + " after").encode()
    yield from (whole, whole.hex().encode(), whole.hex().upper().encode(), whole.decode().encode("utf-16-le"),
                whole.decode().encode("utf-16-be"))
    for shift in range(3):
        yield base64.b64encode(b"x" * shift + whole)
        yield base64.urlsafe_b64encode(b"x" * shift + whole)


class Proof(leak_test.Leak):
    """What the test of leaks does, step by step, with secrets that carry the mark."""

    def runTest(self):
        """Not a test by itself."""

    @classmethod
    def make(cls):
        leak_test.canary = marked
        cls.key, cls.control = "ITG.%s%s" % (MARK, secrets.token_hex(22)), CONTROL
        stack = e2e.Stack(("--organizations", "6", "--passwords", "100", "--documents", "30", "--flexible-assets",
                           "60", "--checklists", "10", "--password-trait", "value", "--api-key", cls.key),
                          serve=False, log_level="debug")
        stack.environment["CONTROL"] = CONTROL
        stack.serve()
        return stack

    def say(self, text):
        print(text, file=sys.stderr, flush=True)

    def cli(self, name, *arguments, **options):
        """Keeps what a command prints in a file."""
        done = self.stack.cli(*arguments, code=None, **options)
        with open(self.stack.path("cli/%s" % name), "ab") as file:
            file.write(done.out if isinstance(done.out, bytes) else done.out.encode())
            file.write(done.err if isinstance(done.err, bytes) else done.err.encode())
        return done

    def plant(self):
        super().plant()
        tls = ssl.create_default_context(cafile=self.stack.path("ca.pem"))
        for i, row in enumerate(self.emulator.dump("document_images")):
            request = urllib.request.Request("%s/document_images/%s" % (self.emulator.url("eu"), row["id"]),
                                             headers={"x-api-key": self.key})
            with urllib.request.urlopen(request, timeout=20, context=tls) as answer:
                link = e2e.json.load(answer)["data"]["attributes"]["original-src"]
            mark = "%s-%d" % (IMAGE_MARK, i)
            self.emulator.mutate("set_attribute", collection="document_images", id=row["id"], key="original-src",
                                 value="%s&tail=%s" % (link, mark))
        self.emulator.switch(image_link="elsewhere")

    def images(self):
        """Fetches every image, also when its link fails: each has its mark."""
        names = set()
        for company in set(self.stack.mapping(self.api, self.connection).values()):
            for one in self.api.all("DocumentationService.ListDocuments", "documents", parent=company):
                for section in self.api("DocumentationService.GetDocument", name=one.name).sections:
                    names.update(re.findall(r'<img data-image="([^"]*)"', section.sanitized_html))
        self.assertGreater(len(names), 2)
        for name in sorted(names):
            pieces = list(self.api.stream("DocumentationService.GetDocumentImage", name=name))
            self.assertIn(IMAGE_MARK.encode(), b"".join(piece.content for piece in pieces))
        for action in ("status:404", "status:403", "redirect", "truncate"):
            self.emulator.fault("/stored_images/", action)
            self.failing(lambda: list(self.api.stream("DocumentationService.GetDocumentImage", name=min(names))))

    def use(self):
        os.mkdir(self.stack.path("cli"))
        self.passwords = []
        self.say("connecting, with a wrong key first")
        wrong = self.keep("wrong key", "ITG.%s%s" % (MARK, secrets.token_hex(22)))
        self.cli("test", "connection", "test", "--region", "eu", "--api-key-file", "-", stdin=wrong.encode())
        self.connection = self.stack.connect(self.api)
        self.control_values()
        self.say("planting secrets")
        self.plant()
        self.say("syncing, also what carries secrets and what is malformed")
        self.sync()
        self.read()
        for words in (("docs", "list"), ("assets", "list"), ("checklists", "list"), ("passwords", "list")):
            for company in sorted(set(self.stack.mapping(self.api, self.connection).values()))[:3]:
                self.cli("lists", *words, company, output="json")
        e2e.wait_for("the index of the search", lambda: self.stack.sql(
            "SELECT FROM search_progress WHERE level_time IS NULL") == [], seconds=60)
        self.cli("search", "search", CONTROL, output="json")
        self.cli("search", "search", "e", output="json")
        self.say("fetching images, also when their links fail")
        self.images()
        self.say("revealing, also when upstream or the database fails")
        self.reveal()
        self.misbehave()
        self.cli("audit", "audit", "list", output="json")
        self.cli("companies", "company", "list", output="json")
        self.say("rotating the key")
        rotated = self.keep("rotated key", "ITG.%s%s" % (MARK, secrets.token_hex(22)))
        self.emulator.mutate("add_key", key=rotated)
        done = self.cli("rotate", "connection", "rotate", "--api-key-file", "-", stdin=rotated.encode())
        self.assertEqual(done.code, 0, done.err)
        self.stack.run(self.api, self.connection)

    def delete(self):
        self.say("deleting the connection")
        done = self.cli("delete", "connection", "delete", "--force", "--wait")
        self.assertEqual(done.code, 0, done.err)
        # Buffers of the transport hold what was last sent until something else is.
        for _ in range(50):
            self.api("CompanyService.ListCompanies")

    def files(self, *patterns):
        """The bytes of files of the stack; what is no longer there when it is read was only temporary."""
        data = []
        for pattern in patterns:
            for path in sorted(glob.glob(self.stack.path(pattern), recursive=True)):
                try:
                    with open(path, "rb") as file:
                        data.append(file.read())
                except (IsADirectoryError, FileNotFoundError, OSError):
                    continue
        return b"\n".join(data)

    def memory(self):
        """Everything of the process that can be read, as a core would have it, and what a core leaves out."""
        data, pid = [], self.stack.server.pid
        with open("/proc/%d/maps" % pid, encoding="utf-8") as maps, \
                open("/proc/%d/mem" % pid, "rb", buffering=0) as memory:
            for line in maps:
                span, rights = line.split()[:2]
                if rights.startswith("r") and "[v" not in line:
                    begin, end = (int(part, 16) for part in span.split("-"))
                    memory.seek(begin)
                    # The stack of a thread may have gone since; that much is read at all, the control shows.
                    with contextlib.suppress(OSError):
                        data.append(memory.read(end - begin))
        return b"".join(data)

    def process(self, name):
        with open("/proc/%d/%s" % (self.stack.server.pid, name), "rb") as file:
            return file.read()

    def places(self):
        """Each place with its control and how its bytes are had."""
        yield "tables, by pg_dump", CONTROL, lambda: subprocess.run(
            [e2e.PSQL_BIN + "pg_dump", "-h", self.stack.dir, "-U", "postgres", "--inserts", "docbridge"], check=True,
            stdout=subprocess.PIPE).stdout
        # Buffers into files, then the files.
        self.stack.execute("CHECKPOINT")
        yield "files of the tables", CONTROL, lambda: self.files("data/base/**", "data/global/**")
        yield "write-ahead log", CONTROL, lambda: self.files("data/pg_wal/*")
        yield "log of docbridged", CONTROL, lambda: self.files("docbridged*log")
        yield "log of Postgres", "database system is ready", lambda: self.files("log")
        yield "output of the CLI", CONTROL, lambda: self.files("cli/*")
        yield "environment of docbridged", CONTROL, lambda: self.process("environ")
        yield "arguments of docbridged", "--config", lambda: self.process("cmdline")
        if os.geteuid() == 0 and e2e.PATIENCE == 1:
            yield "memory of docbridged", CONTROL, self.memory

    def judge(self):
        """Prints the table. True: nothing found, every control found."""
        needles = leak_test.forms(MARK)
        of_images = {"image %s" % form: needle for form, needle in leak_test.forms(IMAGE_MARK).items()}
        print("\nmark     %s (all %d secrets begin with it or have it after \"ITG.\")" % (MARK, len(self.secrets)))
        print("images   %s (in each image and in the link to it)" % IMAGE_MARK)
        print("control  %s" % CONTROL)
        print("forms    %s\n" % " ".join(needles))
        print("%-28s %13s %8s %6s" % ("PLACE", "BYTES", "CONTROL", "HITS"))
        good = True
        for place, control, read in self.places():
            data = read()
            wanted = needles if place.startswith("memory") else {**needles, **of_images}
            hits = {form: data.count(needle) for form, needle in wanted.items() if needle in data}
            found = data.count(control.encode())
            print("%-28s %13d %8d %6d%s" % (place, len(data), found, sum(hits.values()),
                                            "".join("  %s: %d" % hit for hit in hits.items())))
            good = good and not hits and found > 0
        if os.geteuid() != 0:
            print("memory of docbridged: not looked at, only root may")
        unproven = [form for form, needle in needles.items() if not any(needle in text for text in encodings(MARK))]
        print("forms that a search would not find: %s" % (" ".join(unproven) or "none"))
        return good and not unproven


def main():
    began = time.monotonic()
    Proof.setUpClass()
    proof = Proof()
    try:
        proof.use()
        proof.delete()
        good = proof.judge()
    finally:
        Proof.doClassCleanups()
    print("\n%s (%d s)" % ("No secret was found in any place." if good else
                           "FAILED: a secret was found, or a control was not.", time.monotonic() - began))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
