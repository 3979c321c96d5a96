"""The lines of the benchmark: a ratio a round, its goal, the table and the JSON file."""

import json
import operator
import os
import platform
import subprocess
import time

from measure import median

_OPERATORS = {">=": operator.ge, "<=": operator.le, "<": operator.lt}


class Report:
    def __init__(self, commit, quick):
        self.lines = []
        self.pulses = []  # of the machine, before each section
        self.facts = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "commit": commit, "quick": quick,
                      "load_average_at_start": os.getloadavg(), **machine()}

    def add(self, section, line, ours, peer, unit, goal=None, of="ratio", note="", inverse=False):
        """`ours` and `peer` hold a figure a round. `goal` is like ">= 0.85" and judges the median of the ratio, or of
        ours where `of` is "ours". `inverse`: the smaller the better, and the ratio is still ours over peer."""
        ratios = [a / b for a, b in zip(ours, peer) if b] if peer else []
        judged = ratios if of == "ratio" else ours
        verdict = ""
        if goal and judged:
            sign, limit = goal.split()
            verdict = "PASS" if _OPERATORS[sign](median(judged), float(limit)) else "MISS"
        self.lines.append({"section": section, "line": line, "unit": unit, "ours": ours, "peer": peer or [],
                           "ratios": ratios, "goal": goal, "goal_of": of, "verdict": verdict, "note": note,
                           "smaller_is_better": inverse})
        print("  " + "  ".join(cell for cell in self._cells(self.lines[-1]) if cell), flush=True)

    def missing(self, section, line, why):
        self.lines.append({"section": section, "line": line, "unit": "", "ours": [], "peer": [], "ratios": [],
                           "goal": None, "goal_of": "", "verdict": "NOT MEASURED", "note": why})
        print(f"  {section}: {line}: not measured: {why}", flush=True)

    @staticmethod
    def _cells(line):
        goal = line["goal"] or ""
        if goal and line["goal_of"] == "ours":
            goal += f" {line['unit']}"
        ratio = ""
        if line["ratios"]:
            ratios = line["ratios"]
            ratio = f"{median(ratios):.2f} [{min(ratios):.2f}..{max(ratios):.2f}]"
        return [line["section"], line["line"], figure(line["ours"], line["unit"]), figure(line["peer"], line["unit"]),
                ratio, goal, line["verdict"]]

    def table(self):
        rows = [["", "line", "ours", "peer or floor", "ratio [min..max]", "goal", ""]]
        rows += [self._cells(line) for line in self.lines]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        section = None
        for row in rows:
            cells = [row[0] if row[0] != section else ""] + row[1:]
            section = row[0]
            aligned = [cell.rjust(width) if 2 <= i <= 4 else cell.ljust(width)
                       for i, (cell, width) in enumerate(zip(cells, widths))]
            print("  ".join(aligned).rstrip())
        notes = [f"{line['section']}: {line['note']}" for line in self.lines if line["note"]]
        for note in dict.fromkeys(notes):
            print(f"* {note}")

    def tell_pulses(self):
        if not self.pulses:
            return
        ranges = []
        for name, unit in (("loop_ms", "ms"), ("wake_us", "us")):
            values = [one[name] for one in self.pulses]
            ranges.append(f"{min(values):.1f} to {max(values):.1f} {unit}")
        print(f"the machine itself, before each section: a fixed loop {ranges[0]}, waking the other core {ranges[1]}")

    def write(self, path):
        self.facts["load_average_at_end"] = os.getloadavg()
        with open(path, "w", encoding="utf-8") as out:
            json.dump({**self.facts, "pulses": self.pulses, "lines": self.lines}, out, indent=1)
            out.write("\n")


def figure(values, unit):
    if not values:
        return ""
    value = median(values)
    digits = 0 if value >= 1000 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def machine():
    with open("/proc/cpuinfo", encoding="ascii") as cpuinfo:
        models = [line.split(":", 1)[1].strip() for line in cpuinfo if line.startswith("model name")]
    packages = ["libgrpc29", "libgrpc++1.51", "libprotobuf-c1", "libpq5", "postgresql-15", "nghttp2-client", "libyajl2",
                "libjansson4", "gcc"]
    versions = {}
    for package in packages:
        query = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], capture_output=True, text=True,
                               check=False)
        if query.returncode == 0:
            versions[package] = query.stdout
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    versions["node"] = node.stdout.strip()
    return {"cpu": models[0] if models else platform.machine(), "cores": os.cpu_count(), "kernel": platform.release(),
            "versions": versions}
