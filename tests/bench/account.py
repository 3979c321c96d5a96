"""Large accounts and many of them, at the latency and the limit of the true upstream."""

import concurrent.futures
import json
import os
import re
import statistics
import time
import urllib.request

import beside
import quota
import stack
import sync
from measure import Broken, Program

LATENCY_MS = 200
RUN_THREADS = 16
SUCCEEDED = 5  # SyncRun.State
ALONE = 3  # accounts that are synced by themselves first


class Upstream:
    """An emulator with an account of its own, beside the benchmark's."""

    def __init__(self, name, *flags):
        self.name = name
        ready = stack.path(f"{name}.ready")
        self.program = Program([os.environ["EMULATOR"], "--ready-file", ready, "--tls-cert", stack.path("server.pem"),
                                "--tls-key", stack.path("server.key"), "--region", "eu", *flags],
                               stack.path(f"{name}.log"), "api-key: ", core=stack.BOTH_CORES)
        while not os.path.exists(ready):
            time.sleep(0.01)
        with open(ready, encoding="ascii") as file:
            ports = dict(line.strip().split("=") for line in file)
        self.admin = f"http://127.0.0.1:{ports['admin']}"
        self.url = f"https://127.0.0.1:{ports['eu']}"
        key = re.search(r"api-key: (\S+)", self.program.text()).group(1)
        self.key_file = stack.path(f"{name}.key")
        with os.fdopen(os.open(self.key_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(key + "\n")

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.admin + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def switch(self, **switches):
        self.ask("PATCH", "/switches", switches)

    def companies(self):
        """One company an organization, of the same name, for Quick Match."""
        found = self.ask("GET", "/account/dump?collection=organizations")
        lines = "".join(json.dumps({"id": f"c{row['id']}", "name": row["attributes"]["name"]}) + "\n"
                        for row in found if row["attributes"]["name"])
        return stack.write(f"{self.name}.companies", lines.encode())

    def stop(self):
        self.program.stop()


def server(upstream, name, **settings):
    return stack.docbridged(name, core=stack.BOTH_CORES, itglue_eu_url=upstream.url, **settings)


def connect(upstream, program, name, companies):
    tenant = stack.Tenant(name, program)
    tenant.connect(companies=companies, key_file=upstream.key_file)
    return tenant


def heavy(report):
    """A page of 100 documents of half a megabyte each."""
    upstream = Upstream("heavy", "--organizations", "1", "--documents", "120", "--document-bytes", "500000", "--limit", "0")
    program = server(upstream, "docbridged-heavy")
    try:
        tenant = connect(upstream, program, "heavy", upstream.companies())
        idle = program.rss()
        run = sync.run(tenant, program, 120)
        report.add("account", f"memory above idle, documents of 50 MB a page ({run['rows']} rows)",
                   [(run["rss"] - idle) / 1024], [], "MiB", "<= 64", of="ours", inverse=True)
    finally:
        program.stop()
        upstream.stop()


def many(report, plan):
    """Many connections at once, more than there are threads for runs, and one who reveals meanwhile."""
    upstream = Upstream("many", "--organizations", "3", "--documents", "30", "--passwords", "60", "--flexible-assets",
                        "60", "--checklists", "9", "--limit", "0")
    program = server(upstream, "docbridged-many", sync_run_threads=RUN_THREADS)
    try:
        companies = upstream.companies()
        make = lambda index: connect(upstream, program, f"many-{index}", companies)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            tenants = list(pool.map(make, range(plan.accounts + ALONE + 1)))
        own, *first = tenants[:ALONE + 1]
        sync.run(own, program, 60)
        upstream.switch(latency_ms=LATENCY_MS)
        alone = [sync.run(tenant, program, 60) for tenant in first]
        # Upstream's own answer comes from the same one: it has the pages of 16 runs to answer meanwhile, too.
        password = beside.Password(own, program, upstream)
        idle_reveals = [password.block() for _ in range(12)]
        crowd(report, program, tenants[ALONE + 1:], alone, password, idle_reveals)
    finally:
        program.stop()
        upstream.stop()


def latest(tenants):
    """The latest run of each: state, requests, rows done, begin and end in seconds."""
    names = ",".join(f"'{tenant.name}'" for tenant in tenants)
    return json.loads(stack.psql(
        "SELECT json_agg(one) FROM (SELECT DISTINCT ON (tenant) state, request_count AS requests,"
        " extract(epoch FROM start_time) AS began, extract(epoch FROM end_time) AS ended,"
        " (SELECT sum(done_count) FROM sync_task t WHERE (t.tenant, t.run_id) = (r.tenant, r.id)) AS rows"
        f" FROM sync_run r WHERE tenant IN ({names}) ORDER BY tenant, create_time DESC) one"))


def seconds_of(runs, count, alone):
    """From the first begin to the last end, if each run did what one alone did."""
    whole = [run for run in runs if run["state"] == SUCCEEDED and run["rows"] == alone[0]["rows"]
             and run["requests"] >= min(one["requests"] for one in alone)]
    if len(whole) != count:
        raise Broken(f"of {count} runs at once {len(whole)} were whole ({alone[0]['rows']} rows); one that was not: "
                     f"{next((run for run in runs if run not in whole), None)}")
    return max(run["ended"] for run in runs) - min(run["began"] for run in runs)


def crowd(report, program, tenants, alone, password, idle_reveals):
    idle, most = program.rss(), 0
    names = ",".join(f"'{tenant.name}'" for tenant in tenants)
    with beside.Beside(password, 0) as reveals:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda tenant: tenant.cli("sync", "run", "--mode", "full"), tenants))
        live = True
        while live:
            for _ in range(10):
                most = max(most, program.rss())
                time.sleep(0.1)
            live = stack.psql(f"SELECT 1 FROM sync_run WHERE tenant IN ({names}) AND end_time IS NULL LIMIT 1")
    seconds = seconds_of(latest(tenants), len(tenants), alone)
    ideal = statistics.median(run["seconds"] for run in alone)
    turns = -(-len(tenants) // RUN_THREADS)
    report.add("account", f"{len(tenants)} connections at once, {RUN_THREADS} runs at a time, vs the ideal",
               [seconds], [ideal * turns], "s", "<= 1.25", inverse=True,
               note=f"the ideal: a first run alone ({ideal:.1f} s), as often as the runs need turns ({turns})")
    report.add("account", "memory a running sync", [(most - idle) / 1024 / RUN_THREADS], [], "MiB", "<= 1",
               of="ours", inverse=True)
    report.add("account", f"p95 that a reveal adds, meanwhile vs idle ({len(reveals.blocks) * beside.BLOCK} reveals)",
               [beside.added_ms(reveals.blocks, 0.95)], [beside.added_ms(idle_reveals, 0.95)], "ms", "<= 2",
               inverse=True, note="sealed reveals one at a time less the emulator's own answer of the same quantile")


def account(report, plan):
    heavy(report)
    quota.limited(report, plan)
    many(report, plan)
