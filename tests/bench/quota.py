"""One large account at the latency and the limit of the true upstream, with reveals meanwhile."""

import account
import beside
import sync
from measure import Broken

AT_ONCE = 4  # requests of a run, as docbridged's settings have it
PAUSE_S = 4  # between blocks of reveals, so that they stay within what is reserved for them


def floor():
    """An upstream that only says how long its own answer to a reveal takes."""
    return account.Upstream("floor", "--organizations", "2", "--documents", "0", "--passwords", "20",
                            "--flexible-assets", "0", "--checklists", "0", "--limit", "0")


def fastest(requests, setup, share, window_s):
    """When the last of some requests can be answered, from 0 on: so many at once, and no more than the share in any
    window, those of the setup (at times before 0) included."""
    step = account.LATENCY_MS / 1000 / AT_ONCE
    times = list(setup)
    for _ in range(requests):
        ready = max(0, times[-1] + step) if times else 0
        freed = times[-share] + window_s if len(times) >= share else 0
        times.append(max(ready, freed))
    return times[-1] + account.LATENCY_MS / 1000, longest_gap(times[len(setup):])


def longest_gap(times):
    return max(after - before for before, after in zip(times, times[1:]))


def sent(upstream, since=0):
    """Seconds, by the emulator's clock, of requests that were not reveals."""
    answer = upstream.ask("GET", f"/requests?since_seq={since}&limit=100000")
    requests = answer if isinstance(answer, list) else answer["requests"]
    return [(one["seq"], one["time_ms"] / 1000) for one in requests if not one["show_password"]]


def limited(report, plan):
    """As fast as the share of the limit lets it."""
    limit, window_s = plan.limit
    share = limit - limit // 5
    organizations = share * plan.limit_windows + share // 4
    none = ("--flexible-assets", "0", "--checklists", "0")
    upstream = account.Upstream("limited", "--organizations", str(organizations), "--documents", str(organizations),
                                "--passwords", "200", *none, "--limit", str(limit), "--window-seconds", str(window_s))
    beside_it = floor()
    program = account.server(upstream, "docbridged-limited", sync_request_limit=limit,
                             sync_request_window_ms=window_s * 1000)
    try:
        tenant = account.connect(upstream, program, "limited", upstream.companies())
        tenant.cli("sync", "run", "--task", "passwords", "--watch")
        password = beside.Password(tenant, program, beside_it)
        for one in (upstream, beside_it):
            one.switch(latency_ms=account.LATENCY_MS)
        setup = sent(upstream)
        with beside.Beside(password, PAUSE_S) as reveals:
            run = sync.run(tenant, program, window_s * (plan.limit_windows + 2) + 120)
        judge(report, plan, upstream, setup, run)
        blocks = reveals.blocks
        report.add("account", f"p99 that a reveal adds meanwhile ({len(blocks) * beside.BLOCK} reveals)",
                   [beside.added_ms(blocks, 0.99)], [], "ms", "<= 25", of="ours", inverse=True,
                   note="sealed reveals one at a time less the emulator's own answer of the same quantile")
    finally:
        program.stop()
        beside_it.stop()
        upstream.stop()


def judge(report, plan, upstream, setup, run):
    limit, window_s = plan.limit
    peak = upstream.ask("GET", f"/requests/peak?window_ms={window_s * 1000}")["peak"]
    if peak > limit:
        raise Broken(f"{peak} requests in a window of {limit}")
    if not run["whole"]:
        raise Broken("the run of the large account did not end in time")
    times = [time for _, time in sent(upstream, setup[-1][0])]
    bound, gap = fastest(len(times), [time - times[0] for _, time in setup], limit - limit // 5, window_s)
    report.add("account", f"{len(times):,} requests, limit {limit} in {window_s} s, {account.LATENCY_MS} ms each, vs the "
               "bound", [run["seconds"]], [bound], "s", "<= 1.1", inverse=True,
               note=f"the bound: {AT_ONCE} requests at a time, never more than the limit less the reserve in any window, "
               f"those of the setup included; the longest silence was {longest_gap(times):.1f} s, of the bound "
               f"{gap:.1f} s; at most {peak:,} requests in a window, reveals included")
