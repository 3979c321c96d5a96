"""No secret stays: canaries go through everything, then are searched for wherever something is kept.

Canaries are the API key, a wrong key, values of passwords and their notes. They are looked for in a dump of
the database, in every file of its cluster, in the log, in every answer but the reveals' own, in what
the CLI printed, and in the server's environment and command line: as they are and in common disguises.
"""

import base64
import os
import secrets
import subprocess
import urllib.parse

import docbridge_e2e as e2e

REVEALS = 50


def disguises(secret):
    """The secret as bytes in the forms in which one leaks."""
    raw = secret.encode()
    forms = {raw, raw.hex().encode(), raw.hex().upper().encode(), secret.encode("utf-16-le"),
             secret.encode("utf-16-be"), urllib.parse.quote(secret, safe="").encode(), raw[::-1]}
    # Inside a longer text base64 has three alignments; the ends depend on the neighbours.
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        forms.add(encoded[4 if shift else 0:len(encoded) // 4 * 4 - 4])
    forms |= {form.replace(b"+", b"-").replace(b"/", b"_") for form in forms}
    return forms


class Search:
    """Looks for canaries in bytes and files."""

    def __init__(self, canaries):
        self.forms = [(name, form) for name, secret in canaries.items() for form in disguises(secret)]

    def found(self, where, data):
        return ["%s in %s" % (name, where) for name, form in self.forms if form in data]

    def found_in_file(self, path):
        with open(path, "rb") as file:
            return self.found(path, file.read())

    def found_in_tree(self, root):
        return [hit for directory, _, files in os.walk(root) for file in files
                if not os.path.islink(os.path.join(directory, file))
                for hit in self.found_in_file(os.path.join(directory, file))]


class Leak(e2e.Case):

    @classmethod
    def make(cls):
        return e2e.Stack(durable=True, heard=[], log_level="debug")

    def plant(self):
        """A value and a note in every password of the account; their beginnings occur nowhere else."""
        canaries = {"the API key": self.emulator.api_key, "a wrong key": "ITG." + secrets.token_hex(24),
                    "a value": "V%s/+" % secrets.token_hex(8), "a note": "N" + secrets.token_hex(8)}
        self.values, changes = {}, []
        for number, row in enumerate(self.emulator.dump("passwords")):
            self.values[row["id"]] = "%sé%d" % (canaries["a value"], number)
            changes += [{"op": "set_password_value", "id": row["id"], "value": self.values[row["id"]], "touch": False},
                        {"op": "set_attribute", "collection": "passwords", "id": row["id"], "key": "notes",
                         "value": "the note is %s" % canaries["a note"]}]
        self.emulator.ask("POST", "/account/mutate", changes)
        return canaries

    def fail_in_many_ways(self, api, password):
        for action, body in (("status:401", "json"), ("status:403", "html"), ("status:404", "json"),
                             ("status:422", "json"), ("status:429", "json"), ("status:500", "html"),
                             ("truncate", None), ("invalid_json", None), ("html_200", None), ("redirect", None)):
            self.emulator.fault("/passwords/", action, **({"body": body} if body else {}))
            self.assertTrue(api.fails("PasswordService.RevealPassword", name=password, timeout=10).reason)

    def reveal_many(self, api):
        names = []
        for company in api.all("CompanyService.ListCompanies", "companies"):
            names += [one.name for one in api.all("PasswordService.ListPasswords", "passwords", parent=company.name)
                      if one.revealable]
        self.assertGreaterEqual(len(names), REVEALS)
        for name in names[:REVEALS]:
            answer = api("PasswordService.RevealPassword", name=name, timeout=10, reason="control-reason-4711")
            self.assertEqual(answer.plaintext, self.values[name.rsplit("/", 1)[1]])
        value, _ = self.stack.reveal(names[0])
        self.assertEqual(value, self.values[names[0].rsplit("/", 1)[1]])
        return names

    def run_everything(self, canaries):
        api = self.stack.api()
        self.emulator.switch(list_has_password_attribute="value", echo_secret_in_errors=True)
        candidate = e2e.protos.v1.ConnectionCandidate(provider=1, region=2, api_key=canaries["a wrong key"])
        api("ConnectionService.TestConnection", candidate=candidate)
        api.fails("ConnectionService.CreateConnection", candidate=candidate,
                  connection=e2e.protos.v1.Connection(display_name="x"))
        connection = self.stack.connect(api)
        self.stack.configure(api, connection)
        self.stack.settle(api, connection)
        self.stack.run(api, connection)
        names = self.reveal_many(api)
        self.fail_in_many_ways(api, names[0])
        self.emulator.switch(password_access=False)
        api.fails("PasswordService.RevealPassword", name=names[0], timeout=10)
        for command in (("connection", "show"), ("audit", "list", "--all"), ("sync", "list"), ("sync", "issues"),
                        ("org", "list"), ("passwords", "list", names[0].split("/")[1])):
            self.stack.cli(*command, output="json")

    def test_nothing_is_found(self):
        canaries = self.plant()
        self.run_everything(canaries)
        self.stack.execute("CHECKPOINT")
        search, control = Search(canaries), Search({"reason": "control-reason-4711"})
        dump = subprocess.run([e2e.PSQL_BIN + "pg_dump", "-h", self.stack.dir, "-U", "postgres", "docbridge"],
                              check=True, stdout=subprocess.PIPE).stdout
        # The search finds what is kept, so that finding nothing means something.
        self.assertTrue(control.found("the dump", dump))
        self.assertTrue(control.found_in_tree(self.stack.path("data")))
        self.assertTrue(any(control.found("an answer", answer) for answer in self.stack.heard))
        self.assertTrue(Search({"log": '"message":"serving"'}).found_in_file(self.stack.log_path))

        hits = search.found("the dump", dump)
        hits += search.found_in_tree(self.stack.path("data"))
        hits += search.found_in_file(self.stack.log_path)
        for answer in self.stack.heard:
            hits += search.found("an answer: %.200r" % answer, answer)
        for name in ("environ", "cmdline"):
            hits += search.found_in_file("/proc/%d/%s" % (self.stack.server.pid, name))
        self.assertEqual(sorted(set(hits))[:20], [])


if __name__ == "__main__":
    e2e.main()
