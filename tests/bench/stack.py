"""docbridged and its surroundings as bench.sh left them: settings, tenants, tokens, calls, SQL."""

import json
import os
import re
import subprocess
import time

from measure import LOAD_CORE, Broken, Program, Target, free_port, output

ISSUER = "https://portal.example"
SEGMENTS = 64  # of 16 MiB: as many as Postgres keeps here (min_wal_size)
BOTH_CORES = "0,1"
POOL = 8  # threads of docbridged that use the database, and as many connections of every peer
NODE_DIR = os.environ["BENCH_NODE"]
ROOT = os.environ["BENCH_ROOT"]
STACK = os.environ["STACK"]
DSN = f"host={STACK}/postgres user=docbridged dbname=docbridge options='-c role=docbridge_server'"
# What docbridged says before the first statement of a call: the tenant, the time-out, and whether the caller's token is
# revoked.
OPENING = ("server/store/tx.c", "set_tenant_and_caller")
PERMISSIONS = ["manage_integrations", "read_documentation", "read_documentation_passwords", "read_audit"]


def path(name):
    return os.path.join(STACK, name)


def write(name, content):
    with open(path(name), "wb") as out:
        out.write(content)
    return path(name)


def docbridged(name, core="0", pollers=1, **settings):
    """Starts one on a free port of the loopback; plaintext unless the settings name a certificate."""
    port = free_port()
    lines = {"listen": f"127.0.0.1:{port}", "pollers": pollers, "store_workers": POOL, **settings}
    with open(path("docbridged.ini"), encoding="utf-8") as common:
        kept = [line for line in common if line.split("=")[0].strip() not in lines]
    text = "".join(kept) + "".join(f"{key} = {value}\n" for key, value in lines.items())
    config = write(f"{name}.ini", text.encode())
    program = Program([os.environ["DOCBRIDGED"], "--config", config], path(f"{name}.log"), '"message":"serving"', core)
    program.address = f"127.0.0.1:{port}"
    return program


def failures(program):
    """Calls that docbridged did not end with OK: it logs each of them, at info or louder. Who only watches may leave."""
    return [line for line in program.text().splitlines() if '"message":"call"' in line and "/WatchSyncRun" not in line]


def expect_no_failures(program):
    failed = failures(program)
    if failed:
        raise Broken(f"{len(failed)} calls failed, the last: {failed[-1]}")


class Tenant:
    """A tenant with its token and the CLI on one server."""

    def __init__(self, name, server):
        self.name, self.server, self.connection = name, server, None
        self.token_file = path(f"token-{name}")
        self.refresh()

    def refresh(self, subject="ada"):
        """A token lives for 15 minutes, the benchmark about as long."""
        argv = [os.environ["DOCBRIDGE"], "token", "mint", "--private-key", path("issuer.jwk"), "--issuer", ISSUER,
                "--audience", "docbridge", "--tenant", self.name, "--subject", subject, "--name", "Ada Admin", "--actor",
                "human"]
        for permission in PERMISSIONS:
            argv += ["--permission", permission]
        # Renamed into its place: a client may read it meanwhile.
        handle = os.open(self.token_file + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as out:
            out.write(output(argv))
        os.rename(self.token_file + ".new", self.token_file)

    def token(self):
        with open(self.token_file, encoding="ascii") as token:
            return token.read().strip()

    def argv(self, words):
        return [os.environ["DOCBRIDGE"], "--server", self.server.address, "--token-file", self.token_file, *words]

    def cli(self, *words, seconds=120):
        return output(self.argv(words), seconds=seconds).decode()

    def start_cli(self, *words):
        return subprocess.Popen(["taskset", "-c", LOAD_CORE] + self.argv(words), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def jsonl(self, *words):
        return [json.loads(line) for line in self.cli("-o", "jsonl", *words).splitlines()]

    def runs_ended(self, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            runs = self.jsonl("sync", "list")
            if runs and all("endTime" in run for run in runs):
                return runs
            time.sleep(0.1)
        raise Broken("a run of the setup did not end")

    def connect(self, companies=None, key_file=None):
        """Connected, mapped and configured; nothing but organizations is synced."""
        self.cli("company", "push", companies or path("companies.jsonl"))
        self.cli("connection", "create", "--display-name", "IT Glue", "--region", "eu", "--psa-type",
                 "connectwise_manage", "--api-key-file", key_file or path("api-key"))
        self.connection = self.jsonl("connection", "list")[0]["name"]
        self.runs_ended()
        self.cli("map", "quick-match")
        self.runs_ended()
        self.cli("config", "documentation", "set", "--documents", "on", "--checklists", "on")
        self.cli("config", "types", "refresh")
        for kind in self.jsonl("config", "types", "list"):
            self.cli("config", "types", "enable", kind["name"])
        self.cli("config", "passwords", "set", "--sharing", "on")


def text_field(number, text):
    """A protobuf field of a short text."""
    value = text.encode()
    if len(value) > 127:
        raise Broken("a text too long for one byte of length")
    return bytes([number << 3 | 2, len(value)]) + value


def call(address, method, request, token_file=None):
    """One call by grpc-js: a client that sees the status."""
    argv = ["node", os.path.join(ROOT, "tests/bench/node/call.js"), address, method, request.hex()]
    return output(argv + ([token_file] if token_file else []), cwd=NODE_DIR)


def target(program, method, request, tenant=None, scheme="http", preload=None, reply=None, headers=()):
    """A method of a server for h2load, after a call by a real client has shown what it answers."""
    if reply is None:
        reply = call(program.address, method, request, tenant.token_file if tenant else None)
    frame = b"\0" + len(request).to_bytes(4, "big") + request
    name = write(f"request-{method.replace('/', '-')}-{len(request)}", frame)
    if tenant:
        headers = (f"authorization: Bearer {tenant.token()}",) + tuple(headers)
    return Target(program, f"{scheme}://{program.address}{method}", name, len(reply), headers, preload)


def statement(source, name):
    """The SQL of a prepared statement, from the C source as the preprocessor leaves it."""
    text = output(["gcc", "-E", "-P", f"-I{ROOT}", "-I/usr/include/postgresql", os.path.join(ROOT, source)]).decode()
    found = re.search(rf'"{name}"\s*,\s*((?:"(?:[^"\\]|\\.)*"\s*)+)', text)
    if not found:
        raise Broken(f"{source} has no statement {name}")
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', found.group(1))).replace('\\"', '"')


def peer(kind, arguments):
    address = f"127.0.0.1:{free_port()}"
    common = ["--address", address] + arguments
    if kind == "node":
        argv = ["node", os.path.join(ROOT, "tests/bench/node/peer.js"), "--contracts", os.environ["BENCH_CONTRACTS"]]
    else:
        argv = [os.path.join(os.environ["BENCH_BIN"], "tests/bench", kind)]
    program = Program(argv + common, path(f"peer-{kind}.log"), r"(?m)^ready$", cwd=NODE_DIR)
    program.address = address
    return program


def psql(sql, user="postgres", core="1"):
    return output(["psql", "-X", "-q", "-At", "-h", path("postgres"), "-U", user, "-d", "docbridge", "-v",
                   "ON_ERROR_STOP=1", "-c", sql], core=core).decode()


def season():
    """Segments of the log are there and written over, as in a database that has run for a while: a new one is filled
    with zeroes first, and all commits wait for that."""
    psql("SELECT pg_logical_emit_message(false, '', ''); SELECT pg_switch_wal();" * SEGMENTS)
    psql("CHECKPOINT")


def settle(program, seconds=30):
    """Tables as autovacuum leaves them within minutes; waits until what earlier sections left behind is done."""
    psql("VACUUM (ANALYZE)")
    psql("CHECKPOINT")
    end = time.monotonic() + seconds
    busy = True
    while busy and time.monotonic() < end:
        before = program.cpu()
        time.sleep(1)
        workers = psql("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()")
        busy = program.cpu() - before > 0.05 or int(workers) > 0
