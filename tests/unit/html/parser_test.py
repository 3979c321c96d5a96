"""What is left of hostile HTML, seen by Python's own parser."""

import html.parser
import subprocess
import unittest

TAGS = set("""p div h1 h2 h3 h4 h5 h6 ul ol li dl dt dd blockquote pre hr br table caption thead tbody
tfoot tr td th a b strong i em u s strike del ins sub sup small code kbd samp var q cite abbr mark
span img""".split())
ATTRIBUTES = {"href", "rel", "alt", "dir", "colspan", "rowspan", "start", "value", "width", "height",
              "data-image"}


class Checker(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.wrong = []
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in TAGS:
            self.wrong.append(tag)
        if tag not in ("br", "hr", "img"):
            self.open.append(tag)
        for name, value in attrs:
            if name not in ATTRIBUTES:
                self.wrong.append(name)
            if name == "href" and not value.lower().startswith(("http://", "https://", "mailto:", "tel:")):
                self.wrong.append(value)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append("/" + tag)

    def handle_comment(self, data):
        self.wrong.append("<!--" + data)

    def handle_decl(self, decl):
        self.wrong.append("<!" + decl)

    def handle_pi(self, data):
        self.wrong.append("<?" + data)

    def unknown_decl(self, data):
        self.wrong.append("<![" + data)


class ParserTest(unittest.TestCase):
    def test_vectors_hold_nothing_but_the_list(self):
        with open("tests/unit/html/hostile.txt", encoding="utf-8") as file:
            vectors = file.read().split("\n%%\n")
        self.assertGreater(len(vectors), 100)
        done = subprocess.run(["tests/unit/html/sanitize"], input="".join(v + "\0" for v in vectors).encode(),
                              stdout=subprocess.PIPE, check=True)
        safe = done.stdout.decode().split("\0")[:-1]
        self.assertEqual(len(safe), len(vectors))
        for vector, result in zip(vectors, safe):
            checker = Checker()
            checker.feed(result)
            checker.close()
            self.assertEqual(([], []), (checker.wrong, checker.open), (vector, result))
            for canary in ("Tr0ub4dor", "Sup3r", "Geheim", "MIIEow", "hunter2"):
                self.assertNotIn(canary, result)


if __name__ == "__main__":
    unittest.main()
