"""A whole stack on loopback for one test: Postgres, the IT Glue emulator, docbridged, tokens.

Programs are those of the runfiles, in whose root a test runs. Everything of a stack
lives in one folder (a Unix socket's path must be short), which a guard removes even if the test is
killed; the programs end with the test.
"""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

ROOT = os.getcwd()
# Where the sources are: what ./dev installs lies beside them.
CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
DOCBRIDGED = os.path.join(ROOT, "server/docbridged")
CLI = os.path.join(ROOT, "client/docbridge")
EMULATOR = os.path.join(ROOT, "tests/itglue_emulator/itglue_emulator")
POSTGRES = os.path.join(ROOT, "tests/support/postgres.sh")
STACK_SH = os.path.join(ROOT, "tests/e2e/stack.sh")
PSQL_BIN = "/usr/lib/postgresql/15/bin/"
ISSUER = "https://portal.example"
TENANT = "msp-one"
EVERYTHING = ("manage_integrations", "read_documentation", "read_documentation_passwords", "read_audit")
# Sanitizers make everything slower.
PATIENCE = 4 if any(name.endswith("SAN_OPTIONS") for name in os.environ) else 1


def place():
    """Where stacks lie: in memory if there is room, as on a disk the many files of Postgres take far longer.
    Programs are started from there too."""
    try:
        room = os.statvfs("/dev/shm")
    except OSError:
        return "/tmp"
    fits = room.f_bavail * room.f_frsize >= 3 << 30 and not room.f_flag & os.ST_NOEXEC
    return "/dev/shm" if fits and os.access("/dev/shm", os.W_OK) else "/tmp"


def spawn(arguments, **options):
    """A process that dies with this one. Not by preexec_fn: that takes a real fork(), after which what
    gRPC's threads held in this process aborts the child now and then."""
    return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--"] + list(arguments), **options)


def wait_for(what, condition, seconds=20, step=0.02):
    """The first true value of condition()."""
    end = time.monotonic() + seconds * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("%s did not happen within %d s" % (what, seconds * PATIENCE))
        time.sleep(step)


def http(method, url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20 * PATIENCE) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        raise AssertionError("%s %s: %d %s" % (method, url, error.code, error.read()[:300])) from error
    return json.loads(text) if text else None


class Emulator:
    """The admin port."""

    def __init__(self, directory, arguments):
        self.log = os.path.join(directory, "emulator.log")
        ready = os.path.join(directory, "emulator.ready")
        with open(self.log, "wb") as log:
            self.process = spawn(
                [EMULATOR, "--ready-file", ready, "--tls-cert", directory + "/server.pem", "--tls-key",
                 directory + "/server.key", "--region", "eu"] + list(arguments),
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_for("the emulator", lambda: os.path.exists(ready) or self.process.poll() is not None)
        with open(ready, encoding="ascii") as file:
            self.ports = dict(line.strip().split("=") for line in file)
        with open(self.log, encoding="ascii") as file:
            self.api_key = re.search(r"^api-key: (\S+)", file.read(), re.M).group(1)
        self.admin = "http://127.0.0.1:" + self.ports["admin"]

    def url(self, region):
        return "https://127.0.0.1:" + self.ports[region]

    def ask(self, method, route, body=None, /, **query):
        words = {key: str(value).lower() if isinstance(value, bool) else value
                 for key, value in query.items()}
        return http(method, self.admin + route + ("?" + urllib.parse.urlencode(words) if words else ""), body)

    def dump(self, collection, **query):
        return self.ask("GET", "/account/dump", collection=collection, **query)

    def mutate(self, op, **fields):
        return self.ask("POST", "/account/mutate", dict(fields, op=op))

    def switch(self, **switches):
        self.ask("PATCH", "/switches", switches)

    def fault(self, path, action, **fields):
        self.ask("POST", "/faults", dict(fields, path=path, action=action))

    def hold(self, path="", **fields):
        """Holds answers to requests with this in path and query, until let_go() or calm()."""
        self.fault(path, "hold", **{"count": 1000000, **fields})

    def let_go(self):
        self.ask("DELETE", "/faults")

    def calm(self):
        """No faults, default switches, empty windows, nothing recorded."""
        for path in ("/faults", "/switches", "/budget", "/requests"):
            self.ask("DELETE", path)

    def count(self, **query):
        return self.ask("GET", "/requests/count", **query)["count"]

    def requests(self, **query):
        answer = self.ask("GET", "/requests", limit=100000, **query)
        return answer["requests"] if isinstance(answer, dict) else answer


class Package:
    """The messages of one proto package."""

    def __init__(self, pool, name):
        self.pool, self.name = pool, name

    def __getattr__(self, message):
        return message_factory.MessageFactory(self.pool).GetPrototype(
            self.pool.FindMessageTypeByName(self.name + "." + message))


class Protos:
    """The contract, as protoc compiled it."""

    def __init__(self):
        with open(os.path.join(ROOT, "proto/contracts_set.pb"), "rb") as file:
            files = descriptor_pb2.FileDescriptorSet.FromString(file.read())
        self.files = [file.name for file in files.file]
        self.pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            self.pool.Add(file)
        self.v1, self.rpc, self.health, self.reflection = (
            Package(self.pool, name) for name in ("docbridge.v1", "google.rpc", "grpc.health.v1",
                                                  "grpc.reflection.v1"))

    def method(self, name):
        """Path, request, response and whether the response is a stream, of "Service.Method"."""
        service, method = name.split(".")
        found = self.pool.FindServiceByName("docbridge.v1." + service).FindMethodByName(method)
        as_proto = descriptor_pb2.MethodDescriptorProto()
        found.CopyToProto(as_proto)
        make = message_factory.MessageFactory(self.pool).GetPrototype
        return ("/docbridge.v1.%s/%s" % (service, method), make(found.input_type),
                make(found.output_type), as_proto.server_streaming)

    def methods(self):
        """All of them as "Service.Method"."""
        for name in self.files:
            if name.startswith("docbridge/"):
                for service in self.pool.FindFileByName(name).services_by_name.values():
                    for method in service.methods:
                        yield "%s.%s" % (service.name, method.name)


protos = None


def load_protos():
    global protos
    if protos is None:
        protos = Protos()
    return protos


class Failure:
    """What an error of a call says, down to its details."""

    def __init__(self, error):
        self.code = error.code()
        self.message = error.details()
        self.trailing = dict(error.trailing_metadata() or ())
        self.raw = self.trailing.get("grpc-status-details-bin", b"")
        self.status = load_protos().rpc.Status.FromString(self.raw)
        self.details = {}
        for one in self.status.details:
            name = one.type_url.rsplit(".", 1)[1]
            self.details[name] = getattr(protos.rpc, name).FromString(one.value)
        info = self.details.get("ErrorInfo")
        self.reason = info.reason if info else ""
        self.domain = info.domain if info else ""
        self.metadata = dict(info.metadata) if info else {}

    def __str__(self):
        return "%s %s %s %s" % (self.code, self.reason, self.metadata, self.message)


def failure_of(call):
    try:
        response = call()
    except grpc.RpcError as error:
        return Failure(error)
    raise AssertionError("the call succeeded: %.300s" % (response,))


class Api:
    """Calls over one channel with one token. Everything received is kept in `heard` if it is a list.

    Calls wait for the channel: gRPC connects only while a call is there to poll, so of calls that
    fail at once none lives long enough for a handshake with a slow server. One that must not outlive
    the server turns `waits` off, over a channel that stands.
    """
    waits = True

    def __init__(self, channel, token, heard=None):
        self.channel, self.token, self.heard = channel, token, heard
        load_protos()

    def with_token(self, token):
        return Api(self.channel, token, self.heard)

    def metadata(self):
        return (("authorization", "Bearer " + self.token),) if self.token is not None else ()

    def prepare(self, method, request, fields):
        path, input_type, output_type, streams = protos.method(method)
        if request is None:
            request = input_type(**fields)
        make = self.channel.unary_stream if streams else self.channel.unary_unary
        return request, make(path, request_serializer=lambda m: m.SerializeToString(),
                             response_deserializer=output_type.FromString)

    def __call__(self, method, request=None, timeout=20, metadata=(), **fields):
        request, call = self.prepare(method, request, fields)
        try:
            response, self.call = call.with_call(request, timeout=timeout * PATIENCE if timeout else None,
                                                 metadata=self.metadata() + tuple(metadata),
                                                 wait_for_ready=self.waits)
        except grpc.RpcError as error:
            if self.heard is not None:
                self.heard += [error.details().encode(), repr(error.trailing_metadata()).encode(),
                               Failure(error).raw]
            raise
        if self.heard is not None and method != "PasswordService.RevealPassword":
            self.heard.append(response.SerializeToString())
        return response

    def stream(self, method, request=None, timeout=120, **fields):
        request, call = self.prepare(method, request, fields)
        return call(request, timeout=timeout, metadata=self.metadata(), wait_for_ready=True)

    def whole(self, method, request, timeout=10):
        """One response, or all of a stream's."""
        if protos.method(method)[3]:
            return list(self.stream(method, request, timeout=timeout * PATIENCE))
        return self(method, request, timeout=timeout)

    def raw(self, method, data, metadata=None, timeout=20, **options):
        """Bytes as they are for a request."""
        service, name = method.split(".")
        call = self.channel.unary_unary("/docbridge.v1.%s/%s" % (service, name))
        return call.with_call(data, timeout=timeout, metadata=self.metadata() if metadata is None else metadata,
                              **options)

    def fails(self, method, request=None, **fields):
        """The Failure of a call that must fail."""
        return failure_of(lambda: self(method, request, **fields))

    def all(self, method, items, **fields):
        """All pages of a list."""
        found, page_token = [], ""
        while True:
            response = self(method, page_token=page_token, page_size=1000, **fields)
            found += getattr(response, items)
            page_token = response.next_page_token
            if not page_token:
                return found


class Done:
    """A run of the CLI."""

    def __init__(self, code, out, err):
        self.code, self.bytes, self.out, self.err = code, out, out.decode(errors="replace"), err.decode()

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]


class Stack:
    """Starts at once unless told `serve=False`; ends with close()."""

    def __init__(self, emulator=(), durable=False, serve=True, heard=None, **settings):
        self.dir = tempfile.mkdtemp(prefix="docbridge-e2e-", dir=place())
        self.server = self.emulator = self.address = self.master_key = None
        self.durable, self.heard, self.tokens, self.replicas, self.holders = durable, heard, {}, [], []
        self.token_number = 0
        self.environment = dict(os.environ)  # of docbridged
        self.pooler = os.environ.get("STACK_POOLER")
        self.lock = threading.Lock()
        os.chmod(self.dir, 0o755)
        self.guard = subprocess.Popen([POSTGRES, "guard", self.dir], stdin=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            self._start(emulator, settings, serve)
        except BaseException:
            self.close()
            raise

    def _start(self, emulator, settings, serve):
        self.postgres("start")
        os.chmod(self.dir, 0o755)
        if self.pooler:
            self.postgres("pooler")
        self.migrate()
        subprocess.run(["bash", "-c", '. "$1"; stack_certificates "$2"', "bash", STACK_SH, self.dir],
                       check=True)
        with open(os.open(self.path("master-key"), os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            self.master_key = os.urandom(32)
            file.write(self.master_key)
        subprocess.run([CLI, "token", "keys", "--private-key", self.path("issuer.jwk"), "--jwks",
                        self.path("jwks.json")], check=True, stdout=subprocess.DEVNULL)
        self.emulator = Emulator(self.dir, emulator)
        with open(os.open(self.path("api-key"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(self.emulator.api_key + "\n")
        self.settings = {
            "listen": "127.0.0.1:0",
            "tls_certificate_file": self.path("server.pem"),
            "tls_key_file": self.path("server.key"),
            "token_jwks_file": self.path("jwks.json"),
            "token_issuer": ISSUER,
            "database_url": "host=%s user=docbridged dbname=docbridge" % (
                self.path("pooler") if self.pooler else self.dir),
            "pooler": self.pooler or "session",
            "master_key_file": self.path("master-key"),
            "reflection": "true",
            "development": "true",
            "itglue_us_url": self.emulator.url("us"),
            "itglue_eu_url": self.emulator.url("eu"),
            "itglue_au_url": self.emulator.url("au"),
            "itglue_ca_file": self.path("ca.pem"),
            "upstream_image_hosts": "127.0.0.1",
        }
        self.settings.update(settings)
        if serve:
            self.serve()

    def path(self, name):
        return os.path.join(self.dir, name)

    # Postgres

    def postgres(self, verb):
        extra = ["durable"] if verb == "start" and self.durable else []
        subprocess.run([POSTGRES, verb, self.dir] + extra, check=True)

    def migrate(self):
        subprocess.run([DOCBRIDGED, "migrate", "--owner-database-url",
                        "host=%s user=docbridge_owner dbname=docbridge" % self.dir],
                       check=True, stdout=subprocess.DEVNULL)

    def execute(self, text):
        """SQL of the superuser."""
        return subprocess.run([PSQL_BIN + "psql", "-h", self.dir, "-U", "postgres", "-d", "docbridge", "-X",
                               "-qAt", "-v", "ON_ERROR_STOP=1", "-c", text],
                              check=True, stdout=subprocess.PIPE, text=True).stdout

    def sql(self, query):
        """Rows of a query as dicts."""
        return json.loads(self.execute("SELECT coalesce(json_agg(q), '[]') FROM (%s) q" % query))

    # docbridged

    def write_settings(self, path, **changes):
        settings = dict(self.settings, **changes)
        with open(path, "w", encoding="utf-8") as file:
            file.writelines("%s = %s\n" % item for item in settings.items() if item[1] is not None)

    @property
    def log_path(self):
        return self.path("docbridged.log")

    def log_text(self):
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def reserved(self, address):
        """An address with a port that nobody else is given while docbridged is away: it is bound by a socket that
        does not listen."""
        if not address.endswith(":0"):
            return address
        holder = socket.socket()
        self.holders.append(holder)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((address[:-2], 0))
        return "%s:%d" % holder.getsockname()

    def serve(self):
        addresses = [self.reserved(address) for address in self.settings["listen"].split(",")]
        self.settings["listen"] = ",".join(addresses)
        self.server, self.ports = self.start_server("docbridged", len(addresses))
        # Not a name: what looks names up for gRPC leaks a few bytes.
        self.address = "127.0.0.1:%d" % self.ports[0]

    def start_server(self, name, addresses=1, **changes):
        """Starts a docbridged with settings and a log of that name; the process and its ports."""
        config, log_path = self.path(name + ".ini"), self.path(name + ".log")
        self.write_settings(config, **changes)
        with open(log_path, "ab") as log:
            start = log.tell()
            process = spawn([DOCBRIDGED, "--config", config], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                            env=self.environment)

        def listening():
            with open(log_path, "rb") as file:
                file.seek(start)
                text = file.read()
            if process.poll() is not None:
                raise AssertionError("docbridged ended: " + text.decode()[-2000:])
            ports = re.findall(rb'"message":"serving".*"port":(-?\d+)[,}]', text)
            return [int(port) for port in ports] if len(ports) == addresses else None

        return process, wait_for("docbridged", listening)

    def replica(self, **changes):
        """Another docbridged on the same database, until the stack ends: its address."""
        process, ports = self.start_server("replica-%d" % len(self.replicas), **dict({"listen": "127.0.0.1:0"}, **changes))
        self.replicas.append(process)
        return "127.0.0.1:%d" % ports[0]

    def stop_server(self, number=signal.SIGTERM):
        """Ends docbridged and answers its exit code."""
        self.server.send_signal(number)
        try:
            return self.server.wait(timeout=30 * PATIENCE)
        except subprocess.TimeoutExpired:
            self.server.kill()
            raise

    def close(self):
        for process in [self.server] + self.replicas + [self.emulator and self.emulator.process]:
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        for holder in self.holders:
            holder.close()
        self.guard.stdin.close()
        self.guard.wait(timeout=60)

    # Callers

    def token(self, permissions=EVERYTHING, tenant=TENANT, subject="ada", name="Ada Admin", companies=(),
              actor="human"):
        """A token made by `docbridge token mint`."""
        known = (tuple(permissions), tenant, subject, name, tuple(companies), actor)
        with self.lock:
            if known not in self.tokens:
                arguments = [CLI, "token", "mint", "--private-key", self.path("issuer.jwk"), "--issuer", ISSUER,
                             "--audience", "docbridge", "--tenant", tenant, "--subject", subject, "--name", name,
                             "--actor", actor]
                for permission in permissions:
                    arguments += ["--permission", permission]
                for company in companies:
                    arguments += ["--company", company]
                self.tokens[known] = subprocess.run(arguments, check=True, stdout=subprocess.PIPE,
                                                    text=True).stdout.strip()
            return self.tokens[known]

    def token_file(self, token):
        self.token_number += 1
        path = self.path("token-%d" % self.token_number)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(token)
        return path

    def cli_arguments(self, *arguments, token=None):
        path = self.token_file(token or self.token())
        return [CLI, "--server", self.address, "--ca", self.path("ca.pem"), "--token-file", path] + list(arguments)

    def cli(self, *arguments, output=None, token=None, code=0, stdin=b"", pass_fds=()):
        """Runs the CLI; its exit code must be `code` unless that is None."""
        format_arguments = ["-o", output] if output else []
        done = subprocess.run(self.cli_arguments(*format_arguments, *arguments, token=token), input=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=pass_fds,
                              timeout=90 * PATIENCE)
        if self.heard is not None:
            self.heard += [done.stdout, done.stderr]
        if code is not None and done.returncode != code:
            raise AssertionError("docbridge %s ended with %d, not %d:\n%s%s" % (
                " ".join(arguments), done.returncode, code, done.stdout.decode()[-2000:],
                done.stderr.decode()[-2000:]))
        return Done(done.returncode, done.stdout, done.stderr)

    def json(self, *arguments, **options):
        return self.cli(*arguments, output="json", **options).json

    def reveal(self, password, *arguments, token=None, code=0):
        """Reveals through the CLI: the value and the run."""
        reader, writer = os.pipe()
        try:
            done = self.cli("passwords", "reveal", password, "--fd", str(writer), *arguments, token=token,
                            code=code, pass_fds=(writer,))
            os.close(writer)
            writer = -1
            with os.fdopen(reader, "rb", closefd=False) as file:
                return file.read().decode(), done
        finally:
            os.close(reader)
            if writer >= 0:
                os.close(writer)

    def channel(self, address=None, key=None, chain=None):
        with open(self.path("ca.pem"), "rb") as file:
            authorities = file.read()
        credentials = grpc.ssl_channel_credentials(authorities, key, chain)
        return grpc.secure_channel(address or self.address, credentials, CHANNEL_OPTIONS)

    def api(self, **token):
        return Api(self.channel(), self.token(**token), self.heard)

    # The way to a synced account

    def companies(self):
        """What a portal would push: as stack.sh has it."""
        return [json.loads(line) for line in subprocess.run(
            ["bash", "-c", '. "$1"; STACK=$2; ADMIN=$3; stack_companies', "bash", STACK_SH, self.dir,
             self.emulator.admin], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()]

    def connect(self, api, display_name="IT Glue"):
        """Companies and a connection whose organizations have come."""
        v1 = protos.v1
        batch = v1.BatchUpsertCompaniesRequest()
        for company in self.companies():
            one = batch.companies.add(name="companies/" + company["id"], display_name=company["name"])
            if "psa_id" in company:
                one.psa.type, one.psa.external_id = 1, company["psa_id"]
        api("CompanyService.BatchUpsertCompanies", batch)
        connection = api(
            "ConnectionService.CreateConnection",
            connection=v1.Connection(display_name=display_name, psa_type=1),
            candidate=v1.ConnectionCandidate(provider=1, region=2, api_key=self.emulator.api_key))
        self.settle(api, connection.name)
        return connection.name

    def settle(self, api, connection, seconds=60):
        """Waits until no run is live, and answers the latest."""
        def ended():
            runs = api("SyncService.ListSyncRuns", parent=connection).sync_runs
            return runs if runs and all(run.state > 4 for run in runs) else None
        return wait_for("the end of the runs", ended, seconds)[0]

    def configure(self, api, connection, level=3):
        """Everything mapped, on, and visible."""
        v1 = protos.v1
        on = v1.DocumentationConfig(name=connection + "/documentationConfig", documents_enabled=True,
                                    checklists_enabled=True)
        mask = {"paths": ["documents_enabled", "checklists_enabled"]}
        api("ConfigService.UpdateDocumentationConfig", documentation_config=on, update_mask=mask)
        for kind in api.all("ConfigService.ListFlexibleAssetTypes", "flexible_asset_types", parent=connection):
            kind.enabled = True
            api("ConfigService.UpdateFlexibleAssetType", flexible_asset_type=kind,
                update_mask={"paths": ["enabled"]})
        sharing = v1.PasswordConfig(name=connection + "/passwordConfig", password_sharing_enabled=True)
        api("ConfigService.UpdatePasswordConfig", password_config=sharing,
            update_mask={"paths": ["password_sharing_enabled"]})
        # The last step starts a run of its own.
        api("MappingService.QuickMatch", parent=connection)
        for company in self.mapping(api, connection).values():
            access = v1.CompanyPasswordAccess(name=company + "/passwordAccess", level=level)
            api("ConfigService.UpdateCompanyPasswordAccess", company_password_access=access,
                update_mask={"paths": ["level"]})

    def mapping(self, api, connection):
        """Upstream id of each mapped organization: its company."""
        return {organization.upstream_id: organization.mapping.company
                for organization in api.all("MappingService.ListOrganizations", "organizations",
                                            parent=connection, filter="mapping_state = MAPPED")}

    def run(self, api, connection, seconds=60, **fields):
        """A full run; its end."""
        name = api("SyncService.RunSync", parent=connection, **{"mode": 2, **fields}).name
        wait_for("the run", lambda: api("SyncService.GetSyncRun", name=name).state > 4, seconds)
        return api("SyncService.GetSyncRun", name=name)


# A restarted server is found again at once.
CHANNEL_OPTIONS = (("grpc.initial_reconnect_backoff_ms", 50), ("grpc.min_reconnect_backoff_ms", 50),
                   ("grpc.max_reconnect_backoff_ms", 200))


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(stack, claims, header=None, key_file=None):
    """A token signed by openssl, not by our code: for tokens that `token mint` would not make."""
    with open(key_file or stack.path("issuer.jwk"), encoding="utf-8") as file:
        jwk = json.load(file)
    seed = base64.urlsafe_b64decode(jwk["d"] + "=" * (-len(jwk["d"]) % 4))
    der = bytes.fromhex("302e020100300506032b657004220420") + seed
    text = "%s.%s" % tuple(b64url(json.dumps(part).encode()) for part in (
        dict({"alg": "EdDSA", "kid": jwk["kid"]}, **(header or {})), claims))
    with tempfile.TemporaryDirectory(dir=stack.dir) as directory:
        key, data = os.path.join(directory, "key.der"), os.path.join(directory, "data")
        with open(key, "wb") as file:
            file.write(der)
        with open(data, "w", encoding="ascii") as file:
            file.write(text)
        signature = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-keyform", "DER", "-inkey", key,
                                    "-in", data], check=True, stdout=subprocess.PIPE).stdout
    return text + "." + b64url(signature)


class Case(unittest.TestCase):
    """A test with one stack for its class; `make` says which."""
    maxDiff = 4000

    @classmethod
    def make(cls):
        return Stack()

    @classmethod
    def setUpClass(cls):
        load_protos()
        cls.stack = cls.make()
        cls.addClassCleanup(cls.stack.close)
        cls.emulator = cls.stack.emulator

    def tearDown(self):
        # Whatever was asked of it, the server lives.
        server = self.stack.server
        if server is not None and server.poll() is not None:
            self.fail("docbridged has ended with %d: %s" % (server.returncode, self.stack.log_text()[-3000:]))

    def assertFailure(self, failure, code, reason):
        self.assertEqual((failure.code, failure.reason), (code, reason), str(failure))
        self.assertEqual(failure.domain, "docbridge.internal")
        self.assertEqual(failure.status.code, code.value[0])
        self.assertEqual(failure.status.message, failure.message)


class Result(unittest.TextTestResult):
    """Says how long each test took."""

    def startTest(self, test):
        self.begun = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self.stream.writeln("ok, %.1f s" % (time.monotonic() - self.begun))


def main():
    unittest.main(testRunner=unittest.TextTestRunner(verbosity=2, resultclass=Result))
