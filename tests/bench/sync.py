"""The sync of the emulator's account: rows a second and CPU a row, against moving the same bytes by curl and COPY;
and the speed of the parser of pages against jansson and bare yajl."""

import json
import os
import subprocess
import time
import urllib.request

import stack
from measure import Broken, output

COPY = "COPY bench_page FROM STDIN (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')"


def passwords_only(tenant):
    """Syncs what reveals and pages need."""
    tenant.cli("sync", "run", "--task", "passwords", "--watch", seconds=300)


def admin(path):
    with urllib.request.urlopen(os.environ["ADMIN"] + path, timeout=30) as answer:
        return json.load(answer)


def requests_since(seq):
    answer = admin(f"/requests?since_seq={seq}&limit=100000")
    return answer if isinstance(answer, list) else answer["requests"]


def last_seq():
    found = requests_since(0)
    return max((one["seq"] for one in found), default=0)


def url_of(one):
    return f"{os.environ['EU']}{one['path']}" + (f"?{one['query']}" if one.get("query") else "")


def key_header():
    with open(stack.path("api-key"), encoding="ascii") as key:
        return stack.write("sync.header", f"x-api-key: {key.read().strip()}\n".encode())


def run(tenant, server, seconds, mode="full"):
    """One run, cut off after `seconds`: rows, seconds, CPU and most memory of docbridged, whether it ended."""
    cpu, began, most = server.cpu(), time.monotonic(), server.rss()
    tenant.cli("sync", "run", "--mode", mode)
    while True:
        for _ in range(10):
            time.sleep(0.1)
            most = max(most, server.rss())
        # Seldom: each look is a process of its own, which takes CPU from those that are measured.
        latest = tenant.jsonl("sync", "list", "--limit", "1")[0]
        elapsed = time.monotonic() - began
        if "endTime" in latest or elapsed > seconds:
            break
    rows = sum(int(task.get("doneCount", 0)) for task in latest["tasks"])
    used = server.cpu() - cpu
    if "endTime" in latest:
        if latest["state"] != "STATE_SUCCEEDED":
            raise Broken(f"the sync ended as {latest['state']}")
        elapsed = moment(latest["endTime"]) - moment(latest["startTime"])
    else:
        tenant.cli("sync", "cancel", latest["name"])
    return {"rows": rows, "seconds": elapsed, "cpu": used, "rss": most, "whole": "endTime" in latest,
            "requests": int(latest.get("requestCount", 0))}


def moment(text):
    whole, _, part = text.rstrip("Z").partition(".")
    return time.mktime(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("0." + (part or "0"))


def floor(urls, rows):
    """The same pages by one curl, straight into a table without an index."""
    stack.psql("DROP TABLE IF EXISTS bench_page; CREATE TABLE bench_page (page jsonb)")
    config = "".join(f'url = "{url}"\n' for url in urls)
    curl = ["curl", "-sg", "--fail", "--compressed", "--cacert", stack.path("ca.pem"), "-H",
            f"@{key_header()}", "-w", "\\n", "--config", stack.write("sync.curl", config.encode())]
    before = os.times()
    began = time.monotonic()
    fetch = subprocess.Popen(curl, stdout=subprocess.PIPE)
    copy = subprocess.run(["psql", "-X", "-q", "-h", stack.path("postgres"), "-U", "postgres", "-d", "docbridge", "-c",
                           COPY], stdin=fetch.stdout, capture_output=True, check=False)
    fetch.stdout.close()
    if fetch.wait() != 0 or copy.returncode != 0:
        raise Broken(f"the floor of the sync: {copy.stderr.decode()}")
    seconds, after = time.monotonic() - began, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    copied = int(stack.psql("SELECT coalesce(sum(jsonb_array_length(page->'data')), 0) FROM bench_page"
                            " WHERE jsonb_typeof(page->'data') = 'array'"))
    if copied < rows:
        raise Broken(f"the floor of the sync moved {copied} rows instead of {rows}")
    return {"rows": copied, "seconds": seconds, "cpu": cpu}


def tap():
    """The same lists by a small program in Node, on both cores as docbridged."""
    found = json.loads(output(["curl", "-sg", "--fail", "--cacert", stack.path("ca.pem"), "-H", f"@{key_header()}",
                               f"{os.environ['EU']}/organizations?page[size]=1000"]))
    ids = ",".join(one["id"] for one in found["data"])
    argv = ["env", f"NODE_EXTRA_CA_CERTS={stack.path('ca.pem')}", "node",
            os.path.join(stack.ROOT, "tests/bench/node/tap.js"), os.environ["EU"], stack.path("api-key"),
            stack.path("postgres"), ids]
    return json.loads(output(argv, core=stack.BOTH_CORES, seconds=300, cwd=stack.NODE_DIR))


def sync(report, plan):
    server = stack.docbridged("docbridged-sync", core=stack.BOTH_CORES)
    try:
        compare(report, server, plan)
    finally:
        server.stop()


def compare(report, server, plan):
    new, unchanged, base, node, note = [], [], [], [], ""
    idle = server.rss()
    for index in range(plan.sync_rounds):
        tenant = stack.Tenant(f"sync-{index}", server)
        tenant.connect()
        seq = last_seq()
        new.append(run(tenant, server, plan.sync_seconds))
        urls = [url_of(one) for one in requests_since(seq) if one["status"] == 200]
        tenant.runs_ended()
        if new[-1]["whole"]:
            unchanged.append(run(tenant, server, plan.sync_seconds))
            tenant.runs_ended()
        else:
            note = f"cut off after {plan.sync_seconds} s: rows of that time"
        base.append(floor(urls, 1))
        node.append(tap())
    per_second = lambda runs: [one["rows"] / one["seconds"] for one in runs]
    per_row = lambda runs: [one["cpu"] / max(1, one["rows"]) * 1e6 for one in runs]
    sizes = f"{new[0]['rows']:,} rows"
    on_both = "docbridged, emulator and Postgres share two cores"
    report.add("sync", f"{sizes}, new", per_second(new), [], "rows/s", ">= 20000", of="ours", note=note or on_both)
    report.add("sync", f"{sizes}, new, vs curl | COPY", per_second(new), per_second(base), "rows/s", ">= 0.5",
               note="the floor moves the same pages into one table without an index, and parses nothing else")
    if unchanged:
        report.add("sync", f"{sizes}, unchanged", per_second(unchanged), [], "rows/s", ">= 30000", of="ours")
    else:
        report.missing("sync", "unchanged", "the run that stores the rows did not end in time")
    report.add("sync", "CPU a new row", per_row(new), [], "us/row", "<= 10", of="ours", inverse=True)
    report.add("sync", "CPU a new row, Node's tap vs ours", per_row(node), per_row(new), "us/row", ">= 2.5")
    report.add("sync", f"{sizes}, new, vs Node's tap", per_second(new), per_second(node), "rows/s")
    report.add("sync", "memory above idle", [(one["rss"] - idle) / 1024 for one in new + unchanged], [], "MiB", "<= 64",
               of="ours", inverse=True)


def parse(report, plan):
    """A page of 1,000 flexible assets and one of passwords, parsed over and over in one process."""
    types = [one for one in json.loads(output(["curl", "-sg", "--fail", "--cacert", stack.path("ca.pem"), "-H",
                                               f"@{key_header()}", f"{os.environ['EU']}/flexible_asset_types"]))["data"]]
    for kind, query in (("flexible assets", f"/flexible_assets?filter[flexible-asset-type-id]={types[0]['id']}"),
                        ("passwords", "/passwords?")):
        page = output(["curl", "-sg", "--fail", "--cacert", stack.path("ca.pem"), "-H", f"@{key_header()}",
                       f"{os.environ['EU']}{query}&page[size]=1000"])
        name = stack.write("page.json", page)
        text = output([os.path.join(os.environ["BENCH_BIN"], "tests/bench/parse"), name,
                       "assets" if kind.startswith("flexible") else "passwords", str(plan.rounds),
                       str(max(20, int(plan.seconds * 50)))], core="0").decode()
        figures = [json.loads(line) for line in text.splitlines()]
        ours = [one["ours"] for one in figures]
        size = f"{len(page) / 1e6:.1f} MB"
        report.add("parse", f"{kind}, {size}, vs jansson", ours, [one["jansson"] for one in figures], "MB/s", ">= 5")
        report.add("parse", f"{kind}, {size}, vs bare yajl", ours, [one["yajl"] for one in figures], "MB/s")
        report.add("parse", f"{kind}, {size}", ours, [], "MB/s", ">= 250", of="ours")
