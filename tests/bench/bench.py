"""./dev bench: the lines in their order, the table, the JSON file. Started by bench.sh."""

import argparse
import dataclasses
import os
import signal
import subprocess
import sys
import time

import lists
import memory
import reveal
import stack
import sync
import tokens
import unary
from measure import Broken, stop_all
from report import Report


@dataclasses.dataclass
class Plan:
    """How long and how often."""

    rounds: int
    seconds: float  # of one load
    stall_requests: int
    stall_rounds: int
    connections: int  # idle ones, plaintext; a quarter with mTLS
    wave: int
    sync_rounds: int
    sync_seconds: int  # a run of the sync that takes longer is cut off
    reveals: int
    tokens: int
    budget: float  # seconds for all sections; what is not begun by then is not measured
    until: float = 0  # when the section must have come to an end


# Shares of the budget, by what each section takes on an idle machine.
SHARES = {"unary": 0.45, "mtls": 0.05, "lists": 0.08, "memory": 0.08, "start": 0.03, "token": 0.05, "parse": 0.04,
          "sync": 0.17, "reveal": 0.05}

FULL = Plan(rounds=5, seconds=1.2, stall_requests=200000, stall_rounds=3, connections=2000, wave=5000, sync_rounds=3,
            sync_seconds=60, reveals=1000, tokens=2000, budget=780)
QUICK = Plan(rounds=3, seconds=0.4, stall_requests=60000, stall_rounds=1, connections=400, wave=1500, sync_rounds=1,
             sync_seconds=20, reveals=200, tokens=400, budget=170)
SECTIONS = list(SHARES)


def options():
    parser = argparse.ArgumentParser(prog="./dev bench")
    parser.add_argument("--quick", action="store_true", help="three short rounds: for a look, not for a claim")
    parser.add_argument("--only", default=",".join(SECTIONS), metavar="SECTION,...",
                        help="some of " + ", ".join(SECTIONS))
    chosen = parser.parse_args()
    chosen.only = chosen.only.split(",")
    unknown = set(chosen.only) - set(SECTIONS)
    if unknown:
        parser.error(f"no section is called {', '.join(sorted(unknown))}")
    return chosen


def interrupted(_signal, _frame):
    raise KeyboardInterrupt


def measure(report, chosen, plan):
    preload = {"LD_PRELOAD": os.path.join(os.environ["BENCH_BIN"], "tests/bench/client_certificate.so"),
               "BENCH_CERTIFICATE": stack.path("client.pem"), "BENCH_KEY": stack.path("client.key")}
    server = stack.docbridged("docbridged")
    tenant = stack.Tenant("bench", server)
    tenant.connect()
    needs_records = {"lists", "reveal", "parse"} & set(chosen.only)
    sections = {
        "unary": lambda: unary.unary(report, server, tenant, plan),
        "mtls": lambda: unary.mutual_tls(report, server, plan, preload),
        "lists": lambda: lists.lists(report, server, tenant, plan),
        "memory": lambda: memory.memory(report, tenant, plan),
        "start": lambda: memory.start(report, plan),
        "token": lambda: tokens.tokens(report, server, tenant, plan),
        "parse": lambda: sync.parse(report, plan),
        "sync": lambda: sync.sync(report, server, plan),
        "reveal": lambda: reveal.reveal(report, server, tenant, plan),
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
