"""The guided setup on a terminal of tmux, as an administrator meets it; and without one, by its options.

One story in order: each method goes on where the one before it ended.
"""

import shlex
import subprocess

import docbridge_e2e as e2e


class Screen:
    """A command in a tmux of its own."""
    count = 0

    def __init__(self, stack, arguments, width=110):
        Screen.count += 1
        self.socket = stack.path("tmux-%d" % Screen.count)
        words = " ".join(map(shlex.quote, arguments))
        self.tmux("-f", "/dev/null", "new-session", "-d", "-s", "wizard", "-x", str(width), "-y", "200",
                  "%s; echo \"ended with $?\"; sleep 600" % words)

    def tmux(self, *words):
        return subprocess.run(["tmux", "-S", self.socket, *words], check=True, stdout=subprocess.PIPE,
                              text=True).stdout

    def text(self):
        return self.tmux("capture-pane", "-t", "wizard", "-p", "-J")

    def until(self, wanted):
        """Waits until the last line that is there begins with or holds `wanted`."""
        def there():
            lines = self.text().rstrip().splitlines()
            return lines and wanted in lines[-1]
        try:
            e2e.wait_for(wanted, there, seconds=30)
        except AssertionError as error:
            raise AssertionError("%s; the screen: %s" % (error, self.text().rstrip())) from error

    def answer(self, question, text):
        """Answers, and waits until something came of it: the next question may be the same."""
        self.until(question)
        lines = len(self.text().rstrip().splitlines())
        self.tmux("send-keys", "-t", "wizard", "-l", text)
        self.tmux("send-keys", "-t", "wizard", "Enter")
        e2e.wait_for("an answer to " + text, lambda: len(self.text().rstrip().splitlines()) > lines)

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], check=False, stderr=subprocess.DEVNULL)


class Wizard(e2e.Case):
    @classmethod
    def make(cls):
        return e2e.Stack(emulator=("--organizations", "25"))

    def screen(self, *arguments):
        screen = Screen(self.stack, self.stack.cli_arguments("setup", *arguments))
        self.addCleanup(screen.close)
        return screen

    def companies(self):
        path = self.stack.path("companies.jsonl")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(e2e.json.dumps(company) + "\n" for company in self.stack.companies())
        self.stack.cli("company", "push", path)

    def organizations(self, state):
        return self.stack.json("org", "list", "--state", state)["organizations"]

    def test_01_without_a_terminal_it_names_the_options(self):
        # A session of its own has no terminal.
        for given, missing in (((), "--region us|eu|au"), (("--region", "eu"), "--api-key-file")):
            done = subprocess.run(self.stack.cli_arguments("setup", *given), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
                                  check=False)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("there is no terminal", done.stderr)
            self.assertIn(missing, done.stderr)
        self.assertEqual(self.stack.cli("-o", "json", "setup", code=2).out, "")

    def test_02_a_bad_key_is_explained_and_asked_for_again(self):
        screen = self.screen()
        screen.answer("Region (us, eu, au)", self.stack.emulator.url("us").replace("https://127.0.0.1", "nowhere"))
        screen.answer("API key", self.emulator.api_key)
        screen.answer("Region (us, eu, au)", "eu")
        screen.answer("API key", "ITG.wrong")
        screen.answer("Region (us, eu, au)", "eu")
        self.assertIn("KEY_OR_REGION_REJECTED", screen.text())
        self.assertIn("- The key was revoked", screen.text())
        screen.answer("API key", self.emulator.api_key)
        screen.answer("A name for this connection", "")
        screen.answer("The PSA that IT Glue", "connectwise")
        screen.answer("The PSA that IT Glue", "connectwise-manage")
        # No company has been pushed: it says so, and what to do.
        screen.until("ended with 4")
        self.assertIn("docbridge company push FILE", screen.text())
        self.assertNotIn(self.emulator.api_key, screen.text())
        found = self.stack.json("connection", "list")["connections"]
        self.assertEqual([(one["displayName"], one["psaType"]) for one in found],
                         [("IT Glue", "PSA_TYPE_CONNECTWISE_MANAGE")])

    def test_03_it_goes_on_where_it_was_left(self):
        self.companies()
        screen = self.screen()
        screen.answer("Map the 22 that match?", "")
        screen.until("left by hand?")
        text = screen.text()
        self.assertIn("Done: connections/", text)
        self.assertRegex(text, r"14 MATCHED_PSA_ID\n +8 MATCHED_NAME")
        self.assertIn("AMBIGUOUS_NAME", text)
        # Whoever leaves now finds the mappings made.
        screen.tmux("send-keys", "-t", "wizard", "C-d")
        screen.until("ended with 1")
        self.assertIn("`docbridge setup` goes on", screen.text())
        self.assertEqual(len(self.organizations("mapped")), 22)

    def test_04_a_search_that_finds_nothing_keeps_what_was_offered(self):
        mapped = self.organizations("mapped")[0]["name"]
        self.stack.cli("map", "clear", mapped)
        screen = self.screen("--quick-match", "off")
        screen.answer("left by hand?", "y")
        picker = "number, text to search for"
        for one in self.organizations("unmapped"):
            if one["name"] == mapped:
                break
            screen.answer(picker, "")
        screen.answer(picker, "no such company")
        screen.answer(picker, "1")
        self.assertIn(mapped, [one["name"] for one in self.organizations("mapped")])
        screen.tmux("send-keys", "-t", "wizard", "C-d")
        screen.until("ended with 1")

    def test_04_the_rest_is_mapped_by_hand(self):
        self.stack.cli("map", "clear", self.organizations("mapped")[0]["name"])
        screen = self.screen("--quick-match", "off")
        screen.answer("left by hand?", "y")
        picker = "number, text to search for"
        left = [one["displayName"] for one in self.organizations("unmapped")]
        self.assertEqual(len(left), 4)
        # A name that no company has; then what is suggested first; the others ignored and passed over.
        screen.answer(picker, "no such company")
        screen.answer(picker, "i")
        self.assertIn("no company has that in its name", screen.text())
        screen.answer(picker, "")
        screen.answer(picker, "q")
        screen.until("Documents?")
        self.assertEqual(len(self.organizations("ignored")), 1)
        screen.tmux("send-keys", "-t", "wizard", "C-d")
        screen.until("ended with 1")

    def test_05_types_passwords_and_the_first_sync(self):
        screen = self.screen("--by-hand", "off")
        self.assertEqual(self.stack.json("config", "documentation", "show").get("documentsEnabled", False), False)
        screen.answer("Documents?", "y")
        screen.answer("Checklists and their templates?", "perhaps")
        screen.answer("Checklists and their templates?", "y")
        screen.answer("Which to sync", "99")
        screen.answer("Which to sync", "1,3-4")
        screen.answer("Share passwords?", "y")
        screen.answer("Passwords of the", "some")
        screen.answer("Passwords of the", "selected")
        screen.answer("Categories that may be seen", "1-2")
        screen.answer("And those without a category?", "y")
        screen.answer("Fetch what was chosen now?", "")
        screen.until("ended with 0")
        self.assertIn("The setup is done", screen.text())
        types = self.stack.json("config", "types", "list")["flexibleAssetTypes"]
        self.assertEqual([number for number, one in enumerate(types, 1) if one.get("enabled")], [1, 3, 4])
        company = self.organizations("mapped")[0]["mapping"]["company"]
        access = self.stack.json("config", "access", "show", company)
        self.assertEqual(access["level"], "LEVEL_SELECTED_CATEGORIES")
        self.assertEqual(len(access["passwordCategories"]), 2)
        self.assertTrue(access["includeUncategorized"])
        self.assertTrue(self.stack.json("setup", "status")["complete"])

    def test_06_every_answer_is_an_option_too(self):
        unmapped = self.organizations("unmapped")
        self.assertTrue(unmapped)
        name = unmapped[0]["name"]
        options = ["--quick-match", "off", "--ignore", name, "--documents", "off", "--checklists", "on", "--types",
                   "all", "--sharing", "on", "--level", "all", "--sync", "off"]
        done = subprocess.run(self.stack.cli_arguments("setup", *options), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(name, [one["name"] for one in self.organizations("ignored")])
        self.assertFalse(self.stack.json("config", "documentation", "show").get("documentsEnabled", False))
        types = self.stack.json("config", "types", "list")["flexibleAssetTypes"]
        self.assertTrue(all(one.get("enabled") for one in types))
        company = self.organizations("mapped")[0]["mapping"]["company"]
        self.assertEqual(self.stack.json("config", "access", "show", company)["level"], "LEVEL_ALL_CATEGORIES")

    def test_07_a_refused_key_is_replaced(self):
        self.emulator.mutate("revoke_key")
        self.stack.cli("connection", "test", code=6)
        self.emulator.mutate("restore_key")
        screen = self.screen("--sync", "off")
        screen.until("Region (us, eu, au)")
        self.assertIn("is ERROR", screen.text())
        screen.answer("Region (us, eu, au)", "eu")
        screen.answer("API key", self.emulator.api_key)
        screen.until("Map more?")
        self.assertIn("works again", screen.text())


if __name__ == "__main__":
    e2e.main()
