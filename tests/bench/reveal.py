"""What a reveal adds to the emulator's own answer, plain and sealed; and how many a tenant gets at once."""

import itertools
import json
import os
import re
import resource
import socket
import struct
import sys
import time

sys.path.append(os.path.join(os.environ["BENCH_ROOT"], "tests/integration/rpc"))

import audit
import http2
import reading
import stack
import sync
from measure import Broken, cpu_of, latencies_ms, output, quantile

FLOOR = os.path.join(os.environ["BENCH_BIN"], "tests/bench/floor")
METHOD = "/docbridge.v1.PasswordService/RevealPassword"
EXPLAIN = "/docbridge.v1.PasswordService/ExplainPasswordAccess"
LIST = "/docbridge.v1.PasswordService/ListPasswords"
# Of a sync, by IT Glue's limit; and reveals beside it, which are so few that the other nine tenths of the settings'
# limit are never used up.
PAGES_A_SECOND, PACE = 10, 40
WINDOW_UPDATE = 8
# Of whom nobody has the other half: X25519's base point.
RECIPIENT = bytes([4 << 3 | 2, 32, 9]) + bytes(31)


def upstream_ms(url, count, key_file=None):
    """The emulator's own answer over a connection that is kept, as docbridged keeps its own."""
    with open(key_file or stack.path("api-key"), encoding="ascii") as key:
        header = stack.write("reveal.header", f"x-api-key: {key.read().strip()}\n".encode())
    config = "\n".join(f'url = "{url}"\noutput = /dev/null' for _ in range(count + 1)) + "\n"
    argv = ["curl", "-sg", "--fail", "--cacert", stack.path("ca.pem"), "-H", f"@{header}", "-w", "%{time_total}\n",
            "--config", "-"]
    # The first one has the connection to make.
    return sorted(float(line) * 1000 for line in output(argv, stdin=config.encode()).split()[1:])


class Reveals:
    """Of one password, as h2load asks for them."""

    def __init__(self, server, tenant, name, sealed):
        request = stack.text_field(1, name) + (RECIPIENT if sealed else b"")
        self.frame = stack.write(f"request-reveal-{sealed}", b"\0" + len(request).to_bytes(4, "big") + request)
        self.server, self.tenant = server, tenant

    def load(self, callers, count, pace=None):
        """Reveals a second, and their milliseconds. `pace`: not more than so many a second."""
        log = stack.path("reveal.log")
        failed = len(stack.failures(self.server))  # a watch of the setup that was left is one
        said = output(["h2load", "-t", "1", "-c", str(callers), "-m", "1", "-n", str(count), "-d", self.frame, "-H",
                       "content-type: application/grpc", "-H", "te: trailers", "-H", "grpc-timeout: 10S", "-H",
                       f"authorization: Bearer {self.tenant.token()}", f"--log-file={log}",
                       *([f"--rps={pace}"] if pace else []), f"http://{self.server.address}{METHOD}"]).decode()
        if len(stack.failures(self.server)) != failed:
            stack.expect_no_failures(self.server)
        done = re.search(r"finished in [^,]+, ([\d.]+) req/s", said)
        if not re.search(rf"\b{count} succeeded", said):
            raise Broken(f"reveals: {said[-500:]}")
        return float(done.group(1)), latencies_ms(log)


class Others:
    """Of many entries, each in its turn, one at a time over one connection, as h2load cannot ask for them."""

    def __init__(self, server, tenant, names):
        self.names = itertools.cycle(names)
        window = http2.frame(WINDOW_UPDATE, payload=struct.pack(">I", 1 << 30))
        self.link = http2.Connection(int(server.address.rsplit(":", 1)[1]),
                                     http2.PREFACE + http2.frame(http2.SETTINGS) + window)
        self.link.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.headers = [(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"localhost"),
                        (b"content-type", b"application/grpc"), (b"te", b"trailers"), (b"grpc-timeout", b"10S"),
                        (b"authorization", b"Bearer " + tenant.token().encode())]
        self.table, self.stream = [], -1

    def block(self, headers):
        """What was said before by its place in the table, as clients do."""
        out = b""
        for header in headers:
            if header in self.table:
                out += bytes([0x80 | 61 + len(self.table) - self.table.index(header)])
            else:
                out += b"\x40" + http2.block([header])[1:]
                self.table.append(header)
        return out

    def ms(self, method, name):
        self.stream += 2
        message = stack.text_field(1, name)
        headers = self.block([(b":path", method.encode()), *self.headers])
        call = (http2.frame(http2.HEADERS, http2.END_HEADERS, self.stream, headers) +
                http2.frame(http2.DATA, http2.END_STREAM, self.stream,
                            b"\0" + struct.pack(">I", len(message)) + message))
        began, answered = time.perf_counter(), False
        self.link.send(call)
        while True:
            kind, flags, stream, payload = self.link.next()
            if kind in (http2.SETTINGS, http2.PING) and not flags & http2.ACK:
                self.link.send(http2.frame(kind, http2.ACK, payload=payload if kind == http2.PING else b""))
            answered |= kind == http2.DATA and len(payload) > 5
            if stream == self.stream and kind in (http2.HEADERS, http2.DATA) and flags & http2.END_STREAM:
                break
        if not answered:
            raise Broken(f"{method} of {name} was refused")
        return (time.perf_counter() - began) * 1000

    def reveals(self, count, explained):
        """Milliseconds of reveals, without the explanation's."""
        times = []
        for name in itertools.islice(self.names, count):
            if explained:
                self.ms(EXPLAIN, name)
            times.append(self.ms(METHOD, name))
        return sorted(times)


class Firsts:
    """Of an entry of each of some companies, by somebody who was at none of them but lists its passwords."""

    def __init__(self, server, tenant, names):
        self.server, self.tenant, self.names, self.people = server, tenant, names, 0

    def reveals(self, count):
        times = []
        while len(times) < count:
            self.people += 1
            self.tenant.refresh(f"person-{self.people}")
            person = Others(self.server, self.tenant, self.names)
            for name in self.names:
                person.ms(LIST, name.rsplit("/passwords/", 1)[0])
                times.append(person.ms(METHOD, name))
        self.tenant.refresh()
        return sorted(times[:count])


def least(url, callers, seconds):
    """As many callers that do only what no reveal can do without: the two commits, and the GET between them."""
    with open(stack.path("api-key"), encoding="ascii") as key:
        header = f"x-api-key: {key.read().strip()}"
    argv = [FLOOR, stack.DSN, audit.statement(1, 0), audit.statement(2, 1), url, stack.path("ca.pem"), header,
            str(callers), str(seconds)]
    return float(output(argv))


def serial(report, plain, sealed, others, firsts, url, plan):
    """`plain` and `sealed` again and again; `others`: of one company's entries not revealed before, half of them
    explained first; `firsts`: each of a company that its caller was not at."""
    ways = {
        "reveal": lambda count: plain.load(1, count)[1],
        "sealed reveal": lambda count: sealed.load(1, count)[1],
        "reveal after its explanation": lambda count: others.reveals(count // 2, explained=True),
        "reveal of another entry": lambda count: others.reveals(count // 2, explained=False),
        "first reveal of a company": lambda count: firsts.reveals(count // 2),
    }
    rounds = max(3, plan.rounds)
    count = max(50, plan.reveals // rounds)
    shares = (("p50", 0.5, "<= 2"), ("p99", 0.99, "<= 6"))
    ours = {(way, label): [] for way in ways for label, _, _ in shares}
    floor = {label: [] for label, _, _ in shares}
    bare = []
    for _ in range(rounds):
        bare.append(1000 / least(url, 1, max(1, round(plan.seconds))))
        there = upstream_ms(url, count)
        for label, share, _ in shares:
            floor[label].append(quantile(there, share))
        for way, load in ways.items():
            here = load(count)
            for label, share, _ in shares:
                ours[way, label].append(quantile(here, share))
    for way in ways:
        for label, _, limit in shares:
            added = [here - there for here, there in zip(ours[way, label], floor[label])]
            report.add("reveal", f"{way}: {label} vs the emulator alone", ours[way, label], floor[label], "ms",
                       inverse=True)
            report.add("reveal", f"{way}: {label} added", added, [], "ms", limit, of="ours", inverse=True,
                       note=f"fsync on, one at a time, {rounds * count:,} reveals of one entry, {rounds * count // 2:,} "
                       "after its explanation, as many of entries of that company that nobody had asked about, and "
                       "after the list of a company that the caller had not been at; all keep their TLS connection")
    report.add("reveal", "reveal: p50 vs the two commits and the GET alone", ours["reveal", "p50"], bare, "ms",
               inverse=True, note="floor.c with one caller: its mean; without gates, vault and gRPC")


def pid_of(name):
    with open(stack.path(name), encoding="ascii") as pid:
        return int(pid.readline())


class Shares:
    """Who takes the CPU, in microseconds a reveal."""

    def __init__(self, server):
        self.pids = {"docbridged": server.child.pid, "Postgres": pid_of("postgres/data/postmaster.pid"),
                     "the emulator": pid_of("emulator.pid")}
        self.before, self.spent, self.count = {}, {}, 0

    def now(self):
        client = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {**{name: cpu_of(pid) for name, pid in self.pids.items()},
                "h2load": client.ru_utime + client.ru_stime}

    def start(self):
        self.before = self.now()

    def stop(self, count):
        for name, seconds in self.now().items():
            self.spent[name] = self.spent.get(name, 0) + seconds - self.before[name]
        self.count += count

    def text(self):
        return ", ".join(f"{name} {seconds / self.count * 1e6:.0f}" for name, seconds in self.spent.items())


def at_once(report, plain, url, plan):
    """All callers of one tenant: its chain of events is one."""
    count = max(320, plan.reveals)
    plain.load(audit.CALLERS, count // 4)
    ours, floor, pairs = [], [], []
    shares = Shares(plain.server)
    for _ in range(plan.rounds):
        shares.start()
        ours.append(plain.load(audit.CALLERS, count)[0])
        shares.stop(count)
        pairs.append(audit.pgbench(max(1, round(plan.seconds))))
        floor.append(least(url, audit.CALLERS, max(1, round(plan.seconds))))
    what = f"whole reveals of one tenant, {audit.CALLERS} callers, vs"
    report.add("reveal", f"{what} pgbench -c {audit.CALLERS}", ours, pairs, "1/s", ">= 0.6",
               note="pgbench commits the rows of an intent and of an outcome; a reveal has gates, vault, "
               "the record and a request to IT Glue besides; the emulator that answers it shares the cores")
    report.add("reveal", f"{what} the two commits and the GET alone", ours, floor, "1/s",
               note=f"floor.c: libpq and curl, {audit.CALLERS} threads; CPU of a reveal in us: {shares.text()}")


def entries_of(tenant, count):
    """The names of some of one company that may be revealed."""
    company = reading.open_company(tenant)
    entries = json.loads(tenant.cli("-o", "json", "passwords", "list", f"companies/{company}", "--limit", str(count)))
    return [entry["name"] for entry in entries["passwords"] if entry.get("revealable")]


def first_of_companies(tenant):
    """An entry of each company but that of entries_of(), all of which may be revealed."""
    stack.psql(f"INSERT INTO company_password_access SELECT DISTINCT m.tenant, m.company_id, 3, true, 1, now()"
               f" FROM mapping m WHERE m.tenant = '{tenant.name}' ON CONFLICT DO NOTHING")
    return stack.psql(
        "SELECT DISTINCT ON (m.company_id) 'companies/' || m.company_id || '/passwords/' || r.id FROM record r"
        "  JOIN mapping m ON m.tenant = r.tenant AND m.connection_id = r.connection_id"
        "   AND m.organization_id = r.organization_id"
        f" WHERE r.tenant = '{tenant.name}' AND r.kind = 9 AND r.folder_id = 0 AND m.company_id <>"
        f"  '{reading.open_company(tenant)}' AND NOT (r.archived OR r.vaulted OR r.personal OR r.restricted)").split()


def loads_beside(run, reveals):
    """Milliseconds of reveals at their pace that began and ended while the run was going."""
    times = []
    while run.poll() is None:
        _, taken = reveals.load(1, PACE, pace=PACE)
        if run.poll() is None:
            times += taken
    if run.wait() != 0 or not times:
        raise Broken(f"the sync beside the reveals ended with {run.returncode}, after {len(times)} reveals")
    return sorted(times)


def beside_a_sync(report):
    """Reveals while the first sync of an account takes all that upstream's limit allows it."""
    server = stack.docbridged("beside", core=stack.BOTH_CORES, sync_request_limit=10 * PAGES_A_SECOND,
                              sync_request_window_ms=1000, sync_reserve_percent=90)
    tenant = stack.Tenant("beside", server)
    tenant.connect()
    sync.passwords_only(tenant)
    reveals = Reveals(server, tenant, entries_of(tenant, 50)[0], False)
    stack.settle(server)
    reveals.load(1, PACE, pace=PACE)
    before, began = sync.last_seq(), time.monotonic()
    times = loads_beside(tenant.start_cli("sync", "run", "--watch"), reveals)
    seconds = time.monotonic() - began
    pages = sum(1 for one in sync.requests_since(before) if "show_password" not in one.get("query", ""))
    server.stop()
    for label, share, limit in (("p50", 0.5, None), ("p99", 0.99, "<= 25")):
        report.add("reveal", f"reveal while a sync runs at the limit: {label}", [quantile(times, share)], [], "ms",
                   limit, of="ours", inverse=True,
                   note=f"{len(times)} reveals, {PACE} a second; beside them a first sync: {pages} requests in "
                   f"{seconds:.0f} s, at most {PAGES_A_SECOND} a second, which is IT Glue's limit")


def reveal(report, plan):
    server = stack.docbridged("docbridged-reveal", core=stack.BOTH_CORES)
    tenant = stack.Tenant("bench", server)
    stack.settle(server)
    name, *names = entries_of(tenant, 1001)
    url = f"{os.environ['EU']}/passwords/{name.rsplit('/', 1)[1]}?show_password=true"
    plain, sealed = (Reveals(server, tenant, name, way) for way in (False, True))
    serial(report, plain, sealed, Others(server, tenant, names), Firsts(server, tenant, first_of_companies(tenant)), url,
           plan)
    at_once(report, plain, url, plan)
    server.stop()
    beside_a_sync(report)
