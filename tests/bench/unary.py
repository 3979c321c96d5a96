"""Unary calls: docbridged against a bare C core loop, C++ and Node, one core each; and what the layers cost."""

import time

from measure import latencies_ms, median, quantile, rounds
import stack
from stack import POOL, call, expect_no_failures, path, peer, statement, target, text_field

CHECK = "/grpc.health.v1.Health/Check"
REGIONS = "/docbridge.v1.ConnectionService/ListRegions"
CONNECTION = "/docbridge.v1.ConnectionService/GetConnection"
SHAPES = [(8, 10), (50, 1), (100, 10)]
GOALS = {"core": ">= 0.85", "async": ">= 1.10", "callback": ">= 1.30", "node": ">= 3.5"}
TITLES = {"core": "bare C core", "async": "C++ async", "callback": "C++ callback", "node": "grpc-js"}


def start_peers(server, tenant):
    request = text_field(1, tenant.connection)
    arguments = ["--regions", stack.write("regions.bin", call(server.address, REGIONS, b"", tenant.token_file)),
                 "--connection",
                 stack.write("connection.bin", call(server.address, CONNECTION, request, tenant.token_file)),
                 "--dsn", stack.DSN, "--opening", stack.write("opening.sql", statement(*stack.OPENING).encode()), "--sql",
                 stack.write("connection.sql", statement("server/store/connection.c", "connection_get").encode()),
                 "--tenant", tenant.name, "--workers", str(POOL)]
    return {kind: peer(kind, arguments) for kind in GOALS}


def compare(report, server, tenant, peers, method, request, shapes, plan, note=""):
    # The same bytes for all: only docbridged reads the token, but each server must take it off the wire.
    targets = {kind: target(program, method, request, None if method == CHECK else tenant)
               for kind, program in {"ours": server, **peers}.items()}
    name = method.rsplit("/", 1)[1]
    for clients, streams in shapes:
        if time.monotonic() > plan.until:
            report.missing(f"{name} c{clients} m{streams}", "all peers", "the section's time was over")
            continue
        results = rounds(targets, clients, streams, plan)
        expect_no_failures(server)
        rates = {kind: [r["rate"] for r in rounds_of] for kind, rounds_of in results.items()}
        for kind in peers:
            reached = median([floor / rate for floor, rate in zip(rates["core"], rates[kind])])
            report.add(f"{name} c{clients} m{streams}", f"vs {TITLES[kind]}", rates["ours"], rates[kind], "req/s",
                       GOALS[kind], note=note if kind == "core" else
                       f"c{clients} m{streams}: the bare C core itself reaches {reached:.2f} of {TITLES[kind]}")
        for kind in peers:
            report.add(f"{name} c{clients} m{streams}", f"CPU vs {TITLES[kind]}",
                       [r["cpu_us"] for r in results["ours"]], [r["cpu_us"] for r in results[kind]], "us/req",
                       inverse=True)


def unary(report, server, tenant, plan):
    peers = start_peers(server, tenant)
    try:
        compare(report, server, tenant, peers, CHECK, b"", SHAPES, plan)
        compare(report, server, tenant, peers, REGIONS, b"", SHAPES[:1], plan,
                note="answered from memory; the peers are sent the token too, and do not look at it")
        compare(report, server, tenant, peers, CONNECTION, text_field(1, tenant.connection), SHAPES, plan,
                note="real Postgres on both cores; the peers run the same statements on as many connections, C and C++ "
                     "as one pipeline, pg one after the other; they are sent the token too, and do not look at it")
        stalls(report, server, peers["core"], plan)
    finally:
        for program in peers.values():
            program.stop()


def stalls(report, server, core, plan):
    """The slowest of many requests, and the latency at half of what the server can do."""
    ours, floor = target(server, CHECK, b""), target(core, CHECK, b"")
    results = {"ours": [], "floor": []}
    for _ in range(plan.stall_rounds):
        results["ours"].append(ours.load(100, 10, plan.stall_requests))
        results["floor"].append(floor.load(100, 10, plan.stall_requests))
    report.add("stalls c100 m10", f"slowest of {plan.stall_requests:,}", [max(r["max_ms"] for r in results["ours"])],
               [max(r["max_ms"] for r in results["floor"])], "ms", "<= 60", of="ours", inverse=True,
               note="the floor is the bare C core")
    half = min(r["rate"] for r in results["ours"]) / 2
    p99 = {"ours": [], "floor": []}
    for _ in range(plan.stall_rounds):
        for name, one in (("ours", ours), ("floor", floor)):
            log = path("latency.log")
            one.load(100, 10, int(half * plan.seconds), log=log, rate=half / 100)
            p99[name].append(quantile(latencies_ms(log), 0.99))
    report.add("stalls c100 m10", "p99 at half of saturation", p99["ours"], p99["floor"], "ms", "<= 2", of="ours",
               inverse=True)


def mutual_tls(report, server, plan, preload):
    files = {"tls_certificate_file": path("server.pem"), "tls_key_file": path("server.key"),
             "tls_client_ca_file": path("ca.pem")}
    secured = stack.docbridged("docbridged-mtls", **files)
    try:
        targets = {"ours": target(secured, CHECK, b"", scheme="https", preload=preload, reply=b"\x08\x01"),
                   "plain": target(server, CHECK, b"")}
        results = rounds(targets, 8, 10, plan)
        expect_no_failures(secured)
        report.add("mTLS c8 m10", "Check vs own plaintext", [r["rate"] for r in results["ours"]],
                   [r["rate"] for r in results["plain"]], "req/s", ">= 0.60")
        report.add("mTLS c8 m10", "CPU vs own plaintext", [r["cpu_us"] for r in results["ours"]],
                   [r["cpu_us"] for r in results["plain"]], "us/req", inverse=True)
    finally:
        secured.stop()
