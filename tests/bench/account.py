"""Large accounts and many of them, at the latency and the limit of the true upstream."""

import json
import os
import re
import statistics
import time
import urllib.request

import stack
import sync
from measure import Broken, Program

LATENCY_MS = 200
RUN_THREADS = 16


class Upstream:
    """An emulator with an account of its own, beside the benchmark's."""

    def __init__(self, name, *flags):
        self.name = name
        ready = stack.path(f"{name}.ready")
        self.program = Program([os.environ["EMULATOR"], "--ready-file", ready, "--tls-cert", stack.path("server.pem"),
                                "--tls-key", stack.path("server.key"), "--region", "eu", *flags],
                               stack.path(f"{name}.log"), "api-key: ", core=sync.BOTH_CORES)
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
    return stack.docbridged(name, core=sync.BOTH_CORES, itglue_eu_url=upstream.url, **settings)


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


def limited(report, plan):
    """One large account at 200 ms a request: as fast as the share of the limit lets it."""
    limit, window_s = plan.limit
    share = limit - limit // 5
    organizations = share + share // 4
    upstream = Upstream("limited", "--organizations", str(organizations), "--documents", str(organizations),
                        "--passwords", "0", "--flexible-assets", "0", "--checklists", "0", "--limit", str(limit),
                        "--window-seconds", str(window_s))
    program = server(upstream, "docbridged-limited", sync_request_limit=limit, sync_request_window_ms=window_s * 1000)
    try:
        tenant = connect(upstream, program, "limited", upstream.companies())
        upstream.ask("DELETE", "/requests")
        upstream.switch(latency_ms=LATENCY_MS)
        run = sync.run(tenant, program, window_s * 4 + 120)
        requests = upstream.ask("GET", "/requests/count")["count"]
        peak = upstream.ask("GET", f"/requests/peak?window_ms={window_s * 1000}")["peak"]
        if peak > limit:
            raise Broken(f"{peak} requests in a window of {limit}")
        # The first share may go out at once; each further one waits for a window. Within a share, four at a time.
        whole, rest = divmod(requests - 1, share)
        bound = whole * window_s + (rest + 1) * LATENCY_MS / 1000 / 4
        report.add("account", f"{requests:,} requests, limit {limit} in {window_s} s, {LATENCY_MS} ms each, vs the bound",
                   [run["seconds"]], [bound], "s", "<= 1.1", inverse=True,
                   note="the bound: a share of the limit (less the reserve) a window, the last one four at a time")
    finally:
        program.stop()
        upstream.stop()


def many(report, plan):
    """Many connections at once, more than there are threads for runs."""
    upstream = Upstream("many", "--organizations", "3", "--documents", "30", "--passwords", "60", "--flexible-assets",
                        "60", "--checklists", "9", "--limit", "0")
    program = server(upstream, "docbridged-many", sync_run_threads=RUN_THREADS)
    try:
        companies = upstream.companies()
        tenants = [connect(upstream, program, f"many-{index}", companies) for index in range(plan.accounts)]
        upstream.switch(latency_ms=LATENCY_MS)
        alone = statistics.median(sync.run(tenants[0], program, 60)["seconds"] for _ in range(3))
        idle, most = program.rss(), 0
        began = time.monotonic()
        for tenant in tenants:
            tenant.cli("sync", "run", "--mode", "full")
        live = list(tenants)
        while live:
            most = max(most, program.rss())
            live = [one for one in live if "endTime" not in one.jsonl("sync", "list", "--limit", "1")[0]]
        ideal = alone * -(-plan.accounts // RUN_THREADS)
        report.add("account", f"{plan.accounts} connections at once, {RUN_THREADS} runs at a time, vs the ideal",
                   [time.monotonic() - began], [ideal], "s", "<= 1.25", inverse=True,
                   note="the ideal: a run alone, as often as the runs need turns")
        report.add("account", "memory a running sync", [(most - idle) / 1024 / RUN_THREADS], [], "MiB", "<= 1",
                   of="ours", inverse=True)
    finally:
        program.stop()
        upstream.stop()


def account(report, plan):
    heavy(report)
    limited(report, plan)
    many(report, plan)
