"""Verification of tokens: by algorithm, seen before or not, and its share of a call."""

import json
import os

import stack
from measure import median, output

REGIONS = "/docbridge.v1.ConnectionService/ListRegions"


def tokens(report, server, tenant, plan):
    folder = stack.path("bench-tokens")
    os.makedirs(folder, exist_ok=True)
    program = os.path.join(os.environ["BENCH_BIN"], "tests/bench/token")
    lines = output([program, folder, str(plan.tokens // plan.rounds), str(plan.rounds)], core="0").decode().splitlines()
    figures = [json.loads(line) for line in lines]
    warm_us = None
    for algorithm in dict.fromkeys(one["algorithm"] for one in figures):
        own = [one for one in figures if one["algorithm"] == algorithm]
        bare = [one["bare"] for one in own]
        report.add("token", f"{algorithm}, never seen, vs the bare signature", [one["fresh"] for one in own], bare,
                   "1/s", note="the bare signature: libsodium for EdDSA, OpenSSL for the others")
        report.add("token", f"{algorithm}, seen before, vs the bare signature", [one["warm"] for one in own], bare,
                   "1/s")
        if algorithm == "EdDSA":
            warm_us = [1e6 / one["warm"] for one in own]
    target = stack.target(server, REGIONS, b"", tenant)
    target.load(8, 10, 2000)
    calls = [target.load(8, 10, 20000)["cpu_us"] for _ in range(plan.rounds)]
    report.add("token", "share of a call, seen before", warm_us, [call - warm for call, warm in zip(calls, warm_us)],
               "us", "< 0.10", inverse=True,
               note=f"the verification over all other CPU of a call from memory ({median(calls):.1f} us)")
