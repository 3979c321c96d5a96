"""Search within one company, and over all, of very many records: how long a caller waits."""

import os
import random
import re
import statistics

import stack
from measure import Broken, latencies_ms, output, quantile

METHOD = "/docbridge.v1.DocumentationService/SearchDocumentation"
RECORDS = 2500  # of a company
HIT = 100  # an answer with a hit has more bytes
RARE = "word 15,000"  # not every company has it

# What is typed, by how common it is: the n-th most common word, each of two words, both in a row, a piece of a name.
# Of 40 searches two are for words that every text has.
ASKED = ([(f"word {n:,}", 1) for n in (1, 3)] + [(f"word {n:,}", 2) for n in (20, 50, 100)] +
         [(f"word {n:,}", 3) for n in (300, 1000, 3000, 15000)] +
         [("two words", 5), ("phrase", 2), ("name", 5), ("piece", 8)])


def word(number):
    return stack.psql(f"SELECT left(translate(md5('{number}'), '0123456789', 'ghijklmnop'), 4 + {number} % 6)").strip()


def titles(company, count):
    """Of a company's records: `two words srv-1234.example.net`."""
    found = stack.psql("SELECT display_name FROM record WHERE tenant = 'search' AND kind IN (4, 5, 6) AND"
                       f" organization_id = {company} ORDER BY md5(id::text) LIMIT {count}").splitlines()
    if len(found) < count:
        raise Broken(f"company {company} has no records")
    return [title.split(" ") for title in found]


def query(kind, company, words):
    first, second, host = titles(company, 1)[0]
    if kind == "two words":
        return f"{first} {second}"
    if kind == "phrase":
        return f'"{first} {second}"'
    if kind == "name":
        return host
    if kind == "piece":
        return host.split(".")[0][1:]  # rv-1234: of no word the beginning
    if kind not in words:
        words[kind] = word(int(kind.split(" ")[1].replace(",", "")))
    return words[kind]


def search_ms(server, tenant, parent, kind, text, count):
    request = stack.text_field(1, parent) + stack.text_field(2, text)
    frame = stack.write("request-search", b"\0" + len(request).to_bytes(4, "big") + request)
    log = stack.path("search.log")
    said = output(["h2load", "-t", "1", "-c", "1", "-m", "1", "-n", str(count), "-d", frame, "-H",
                   "content-type: application/grpc", "-H", "te: trailers", "-H",
                   f"authorization: Bearer {tenant.token()}", f"--log-file={log}",
                   f"http://{server.address}{METHOD}"]).decode()
    stack.expect_no_failures(server)
    data = int(re.search(r"headers \(space savings [^)]*\), [^ ]+ \((\d+)\) data", said).group(1))
    if data < count * HIT and kind != RARE:
        raise Broken(f"a search for {text} in {parent} found nothing")
    return latencies_ms(log)


def asked(companies):
    """What is asked in a round, of companies drawn anew: not what was asked just before."""
    draw = random.Random(companies)
    kinds = [kind for kind, times in ASKED for _ in range(times)]
    while True:
        draw.shuffle(kinds)
        yield [(kind, draw.randint(1, companies)) for kind in kinds]


def search(report, server, plan):
    tenant = stack.Tenant("search", server)
    companies = plan.search_companies
    output(["psql", "-X", "-q", "-h", stack.path("postgres"), "-U", "postgres", "-d", "docbridge", "-v",
            "ON_ERROR_STOP=1", "-v", f"companies={companies}", "-v", f"records={companies * RECORDS}", "-o",
            "/dev/null", "-f", os.path.join(stack.ROOT, "tests/bench/search.sql")], core="0,1", seconds=900)
    stack.settle(server)
    tenant.refresh()
    words, by_kind = {}, {}
    figures = {"p50": [], "p95": []}
    rounds = asked(companies)
    # A connection's first calls of a statement are planned each time.
    for kind, company in next(rounds):
        search_ms(server, tenant, f"companies/c{company}", kind, query(kind, company, words), 1)
    for _ in range(plan.rounds):
        times = []
        for kind, company in next(rounds):
            took = search_ms(server, tenant, f"companies/c{company}", kind, query(kind, company, words), 3)
            by_kind.setdefault(kind, []).extend(took)
            times += took
        for label, share in (("p50", 0.5), ("p95", 0.95)):
            figures[label].append(quantile(sorted(times), share))
    title = f"search in a company, {companies * RECORDS:,} records of {companies}"
    for label, goal in (("p50", None), ("p95", "< 50")):
        report.add("search", f"{title}, {label}", figures[label], [], "ms", goal, of="ours", inverse=True,
                   note="40 searches, each three times, in companies drawn anew; " +
                   ", ".join(f"{kind}: {statistics.median(took):.1f} ms" for kind, took in by_kind.items()))
    tenant_wide(report, server, tenant, plan, words)


def tenant_wide(report, server, tenant, plan, words):
    for kind in ("word 50", "word 3,000", "piece"):
        times = [statistics.median(search_ms(server, tenant, "companies/-", kind, query(kind, 7, words), 3))
                 for _ in range(plan.rounds)]
        report.add("search", f"search in all companies, {kind}, median", times, [], "ms", of="ours", inverse=True)
