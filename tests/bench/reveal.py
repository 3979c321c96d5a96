"""What a reveal adds to the emulator's own answer: gates, vault, two durable audit events."""

import json
import os

import lists
import stack
from measure import latencies_ms, output, quantile

METHOD = "/docbridge.v1.PasswordService/RevealPassword"


def upstream_ms(url, count):
    """The emulator's own answer, each over a connection of its own, as docbridged asks."""
    with open(stack.path("api-key"), encoding="ascii") as key:
        header = stack.write("reveal.header", f"x-api-key: {key.read().strip()}\n".encode())
    config = "\n".join(f'url = "{url}"\noutput = /dev/null' for _ in range(count)) + "\n"
    argv = ["curl", "-sg", "--fail", "--no-sessionid", "--cacert", stack.path("ca.pem"), "-H", f"@{header}", "-H",
            "connection: close", "-w", "%{time_total}\n", "--config", "-"]
    return sorted(float(line) * 1000 for line in output(argv, stdin=config.encode()).split())


def reveal(report, server, tenant, plan):
    company = lists.open_company(tenant)
    entries = json.loads(tenant.cli("-o", "json", "passwords", "list", f"companies/{company}", "--limit", "50"))
    name = next(entry["name"] for entry in entries["passwords"] if entry.get("revealable"))
    record = name.rsplit("/", 1)[1]
    url = f"{os.environ['EU']}/passwords/{record}?show_password=true"
    ours, floor = {"p50": [], "p99": []}, {"p50": [], "p99": []}
    added = {"p50": [], "p99": []}
    rounds = max(3, plan.rounds)
    count = max(50, plan.reveals // rounds)
    request = stack.text_field(1, name)
    frame_file = stack.write("request-reveal", b"\0" + len(request).to_bytes(4, "big") + request)
    for _ in range(rounds):
        log = stack.path("reveal.log")
        failed = len(stack.failures(server))
        argv = ["h2load", "-t", "1", "-c", "1", "-m", "1", "-n", str(count), "-d", frame_file, "-H",
                "content-type: application/grpc", "-H", "te: trailers", "-H", "grpc-timeout: 10S", "-H",
                f"authorization: Bearer {tenant.token()}", f"--log-file={log}", f"http://{server.address}{METHOD}"]
        output(argv)
        if len(stack.failures(server)) != failed:
            stack.expect_no_failures(server)
        here, there = latencies_ms(log), upstream_ms(url, count)
        for label, share in (("p50", 0.5), ("p99", 0.99)):
            ours[label].append(quantile(here, share))
            floor[label].append(quantile(there, share))
            added[label].append(ours[label][-1] - floor[label][-1])
    for label, limit in (("p50", "<= 2"), ("p99", "<= 6")):
        report.add("reveal", f"{label} vs the emulator alone", ours[label], floor[label], "ms", inverse=True)
        report.add("reveal", f"{label} added", added[label], [], "ms", limit, of="ours", inverse=True,
                   note=f"fsync on, one at a time, {rounds * count:,} reveals; both sides open a TLS connection a request")
