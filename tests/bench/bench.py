"""./dev bench: the lines in their order, the table, the JSON file. Started by bench.sh."""

import os
import signal
import subprocess
import sys
import time

import account
import audit
import mapping
import memory
import reading
import requests
import reveal
import search
import stack
import sync
import tokens
import unary
from measure import Broken, pulse, stop_all
from options import FULL, QUICK, SECTIONS, SHARES, options
from report import Report


def interrupted(_signal, _frame):
    raise KeyboardInterrupt


def without(server, section):
    """Servers over one database share its runs: this one would take some of the section's own, and ask its upstream."""
    server.stop()
    section()
    server.start()


def measure(report, chosen, plan):
    preload = {"LD_PRELOAD": os.path.join(os.environ["BENCH_BIN"], "tests/bench/client_certificate.so"),
               "BENCH_CERTIFICATE": stack.path("client.pem"), "BENCH_KEY": stack.path("client.key")}
    stack.season()
    server = stack.docbridged("docbridged")
    tenant = stack.Tenant("bench", server)
    tenant.connect()
    needs_records = {"reading", "reveal", "parse"} & set(chosen.only)
    sections = {
        "unary": lambda: unary.unary(report, server, tenant, plan),
        "mtls": lambda: unary.mutual_tls(report, server, plan, preload),
        "reading": lambda: reading.reading(report, server, tenant, plan),
        "mapping": lambda: mapping.mapping(report, server, plan),
        "memory": lambda: memory.memory(report, tenant, plan),
        "start": lambda: memory.start(report, plan),
        "token": lambda: tokens.tokens(report, server, tenant, plan),
        "parse": lambda: sync.parse(report, plan),
        "sync": lambda: without(server, lambda: sync.sync(report, plan)),
        "reveal": lambda: without(server, lambda: reveal.reveal(report, plan)),
        "audit": lambda: audit.audit(report, plan),
        "account": lambda: without(server, lambda: account.account(report, plan)),
        "requests": lambda: without(server, lambda: requests.requests(report)),
        "search": lambda: search.search(report, server, plan),
    }
    over = time.monotonic() + plan.budget
    if needs_records:
        sync.passwords_only(tenant)
    for name in SECTIONS:
        if name not in chosen.only:
            continue
        began = time.monotonic()
        if began > over:
            report.missing(name, "all of it", "the time was over: this machine is too busy")
            continue
        report.pulses.append(pulse())
        plan.until = began + SHARES[name] * plan.budget
        print(f"{name}:", flush=True)
        tenant.refresh()
        sections[name]()
        print(f"  ({time.monotonic() - began:.0f} s)", flush=True)


def main():
    chosen = options()
    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, interrupted)
    root = os.environ["BENCH_ROOT"]
    commit = subprocess.run(["git", "-C", root, "describe", "--always", "--dirty", "--abbrev=12"], capture_output=True,
                            text=True, check=False).stdout.strip()
    report = Report(commit, chosen.quick)
    status = 0
    try:
        measure(report, chosen, QUICK if chosen.quick else FULL)
    except Broken as broken:
        print(f"the run is broken: {broken}", file=sys.stderr)
        report.facts["broken"] = str(broken)
        status = 1
    except KeyboardInterrupt:
        report.facts["broken"] = "interrupted"
        status = 130
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        stop_all()
    print()
    report.table()
    report.tell_pulses()
    folder = os.path.join(root, ".docbridge/bench")
    os.makedirs(folder, exist_ok=True)
    name = os.path.join(folder, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + ".json")
    report.write(name)
    load = report.facts["load_average_at_start"][0]
    if load > 0.5:
        print(f"! other work was running (load average {load:.1f} at the start): these figures are noisy")
    print(f"all rounds: {os.path.relpath(name, root)}")
    return status


if __name__ == "__main__":
    sys.exit(main())
