"""The audit trail: what one tenant's chain costs its reveals, and how fast an export is verified."""

import os
import re
import time

import stack
from measure import Broken, output

CALLERS = 32
PROGRAM = os.path.join(os.environ["BENCH_BIN"], "tests/bench/audit")

# The rows of an intent and of an outcome, each in a commit of its own, chained to nothing: no two stand in each
# other's way.
ROW = ("INSERT INTO audit_event (tenant, sequence, event_time, type, phase, outcome, error_reason, actor_subject,"
       " actor_display_name, actor_kind, resource, resource_display_name, company_id, company_display_name, request_id,"
       " peer, previous_hash, hash) VALUES ('peer', :sequence, now(), 1, {phase}, {outcome}, '', 'auth0|42', 'Ada', 1,"
       " 'companies/acme/passwords/9001', 'Core switch', 'acme', 'Acme GmbH', 'b7c9e1a2-0f4d', 'ipv4:127.0.0.1:4711',"
       " decode(repeat('00', 32), 'hex'), decode(repeat('11', 32), 'hex'));")


def script():
    lines = []
    for phase, outcome in ((1, 0), (2, 1)):
        lines += ["\\set sequence random(1, 9000000000000000000)", "\\startpipeline", "BEGIN;",
                  "SELECT set_config('docbridge.tenant', 'peer', true);", ROW.format(phase=phase, outcome=outcome),
                  "COMMIT;", "\\endpipeline"]
    return "\n".join(lines + [""])


def statement(phase, outcome):
    """The row of an intent or an outcome, its sequence as $1."""
    return ROW.format(phase=phase, outcome=outcome).replace(":sequence", "$1")


def pgbench(seconds):
    stack.write("audit.pgbench", script().encode())
    text = output(["env", "PGOPTIONS=-c role=docbridge_server", "pgbench", "-n", "-M", "prepared", "-h",
                   stack.path("postgres"), "-U", "docbridged", "-c", str(CALLERS), "-j", "1", "-T", str(seconds), "-f",
                   stack.path("audit.pgbench"), "docbridge"]).decode()
    if not re.search(r"number of failed transactions: 0 ", text):
        raise Broken(f"pgbench: {text}")
    return float(re.search(r"tps = ([\d.]+) \(without", text).group(1))


def writes(report, plan):
    seconds = max(1, round(plan.seconds))
    ours, floor = [], []
    for _ in range(plan.rounds):
        ours.append(float(output([PROGRAM, "write", stack.DSN, "chained", str(CALLERS), str(seconds)])))
        floor.append(pgbench(seconds))
    report.add("audit", f"intent and outcome durable, one tenant, vs pgbench -c {CALLERS}", ours, floor, "pairs/s",
               ">= 0.6", note="pgbench commits the same two rows twice, unchained; the trail chains them, by the "
               "commits that its callers share; without gates, vault and IT Glue")


def verification(report, plan):
    path = stack.path("audit.jsonl")
    key = output([PROGRAM, "lines", path, str(plan.audit_events)]).decode().strip()
    rates = []
    for _ in range(plan.rounds):
        began = time.monotonic()
        output([os.environ["DOCBRIDGE"], "audit", "verify", path, "--public-key", key])
        rates.append(plan.audit_events / (time.monotonic() - began))
    os.remove(path)
    report.add("audit", "events of an export verified", rates, [], "1/s", ">= 100000", of="ours",
               note=f"{plan.audit_events:,} events with a signed head behind each thousandth: hashes, links, signatures")


def audit(report, plan):
    writes(report, plan)
    verification(report, plan)
