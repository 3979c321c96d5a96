"""docbridged does not start when something is not as it must be: one line that says what, exit code 1."""

import os
import socket
import subprocess

import docbridge_e2e as e2e


class Refusal(e2e.Case):
    @classmethod
    def make(cls):
        # Nobody serves: each test tries to start one.
        return e2e.Stack(serve=False)

    def setUp(self):
        self.number = 0

    def write(self, name, data, mode=0o600):
        path = self.stack.path(name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(data)
        os.chmod(path, mode)
        return path

    def start(self, *arguments, env=(), **changes):
        """Exit code, standard output and standard error of a start."""
        config = self.stack.path("refused.ini")
        self.stack.write_settings(config, **changes)
        environment = dict(os.environ, **dict(env))
        process = e2e.spawn([e2e.DOCBRIDGED, "--config", config] + list(arguments), env=environment,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            out, err = process.communicate(timeout=25 * e2e.PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError("it started: " + err) from None
        return process.returncode, out, err

    def refused(self, *words, arguments=(), env=(), secret=None, **changes):
        """It must end with 1 and one line that has all these words."""
        code, out, err = self.start(*arguments, env=env, **changes)
        self.assertEqual((code, out), (1, ""), err)
        lines = err.splitlines()
        self.assertEqual(len(lines), 1, err)
        self.assertTrue(lines[0].startswith("docbridged: "), lines[0])
        for word in words:
            self.assertIn(word, lines[0])
        if secret is not None:
            self.assertNotIn(secret, lines[0])
        return lines[0]

    def test_good_settings_start(self):
        """So that every refusal here is for its own reason."""
        self.stack.serve()
        self.assertEqual(self.stack.stop_server(), 0)
        self.stack.server = None

    def test_master_key(self):
        good = self.stack.master_key
        self.refused("master_key_file", master_key_file=None)
        self.refused("no-such-key", master_key_file=self.stack.path("no-such-key"))
        self.refused(master_key_file=self.write("short", good[:31]))
        self.refused(master_key_file=self.write("long", good + b"x"))
        self.refused(master_key_file=self.write("empty", b""))
        self.refused(master_key_file=self.write("zero", bytes(32)))
        self.refused(master_key_file=self.write("group", good, 0o640))
        self.refused(master_key_file=self.write("others", good, 0o604))
        self.refused(master_key_file=self.stack.dir)

    def test_read_keys(self):
        """Further keys are held to the same rules."""
        good = self.write("read", os.urandom(32))
        self.refused("no-such-key", master_key_read_files=good + ", " + self.stack.path("no-such-key"))
        self.refused(master_key_read_files=self.write("short", good.encode()[:31]))
        self.refused("master_key_read_files", master_key_read_files=good + ",")
        self.refused("at most 8", master_key_read_files=",".join(
            self.write("read%d" % i, os.urandom(32)) for i in range(8)))

    def test_keys_of_records(self):
        """A record of any tenant whose key no file has: told at the start, not when somebody needs it."""
        record = ("INSERT INTO connection (tenant, id, display_name, provider, region, state, create_time, update_time)"
                  " VALUES ('%s', 'c', '', 1, 1, 1, now(), now());"
                  "INSERT INTO vault_record VALUES ('%s', 'c', 'api-key', 1, 'xchacha20poly1305-v1', '%s', '', '')")
        ids = "0123456789abcdef", "fedcba9876543210"
        try:
            for tenant, key in zip(("red", "blue"), ids):
                self.stack.execute(record % (tenant, tenant, key))
            self.refused("master_key_file", "master_key_read_files", "2 stored secrets", *ids)
            self.stack.execute("DELETE FROM connection WHERE tenant = 'red'")
            self.assertNotIn(ids[0], self.refused("1 stored secret", ids[1]))
        finally:
            self.stack.execute("DELETE FROM connection")

    def test_settings(self):
        self.refused("no_such_setting", no_such_setting="1")
        self.refused("store_workers", store_workers="many")
        self.refused("store_workers", "1 to 256", store_workers="0")
        self.refused("store_workers", store_workers="8x")
        self.refused("store_workers", store_workers="99999999999999999999999")
        self.refused("reflection", reflection="yes")
        self.refused("log_level", log_level="loud")
        self.refused("no-such-option", arguments=("--no-such-option=hush-hush",), secret="hush-hush")
        self.refused("DOCBRIDGE_STORE_WORKERS", env={"DOCBRIDGE_STORE_WORKERS": "none"})
        self.refused("nonsense", arguments=("nonsense",))
        self.refused("no-such.ini", arguments=("--config", self.stack.path("no-such.ini")))
        self.refused("listen", listen="")
        self.refused("upstream_proxy", upstream_proxy="http://me:hush-hush@proxy:3128", secret="hush-hush")

    def test_database_url(self):
        self.refused("database_url", database_url=None)
        for url in (self.stack.settings["database_url"] + " password=hush-hush",
                    "postgres://docbridged:hush-hush@localhost/docbridge"):
            self.refused("database_url", "passfile", database_url=url, secret="hush-hush")

    def test_database_is_not_there(self):
        self.refused("%s/nowhere, port 5432" % self.stack.dir,
                     database_url="host=%s/nowhere user=docbridged dbname=docbridge" % self.stack.dir)
        if self.stack.pooler:
            self.skipTest("PgBouncer has its own words for what follows")
        # What of it is written wrongly; the codes are for those who look them up.
        good = self.stack.settings["database_url"]
        self.refused("3D000: no such database", database_url=good.replace("dbname=docbridge", "dbname=nowhere"))
        self.refused("28000: no such login", database_url=good.replace("user=docbridged", "user=nobody"))
        self.refused("22023: no such role", database_server_role="nobody")
        self.refused("42501: the login is no member of the role", database_server_role="postgres")

    def test_certificates(self):
        self.refused("no-such.pem", tls_certificate_file=self.stack.path("no-such.pem"))
        self.refused(tls_certificate_file=self.write("garbage.pem", b"not a certificate\n"))
        # The key of another certificate.
        self.refused(tls_key_file=self.stack.path("client.key"))
        self.refused("key", tls_key_file=None)

    def test_addresses(self):
        plain = {"tls_certificate_file": None, "tls_key_file": None}
        self.refused("0.0.0.0:0", "not a loopback address", listen="0.0.0.0:0", **plain)
        self.refused("[::]:0", "not a loopback address", listen="[::]:0", **plain)
        # TLS alone does not open it either: certificates of clients must be required.
        self.refused("0.0.0.0:0", "client", listen="0.0.0.0:0")
        # One bad address among good ones is enough.
        self.refused("0.0.0.0:0", listen="127.0.0.1:0,0.0.0.0:0")
        self.refused("nonsense", listen="nonsense")
        self.refused("no-such.pem", tls_client_ca_file=self.stack.path("no-such.pem"))

    def test_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            self.refused(address, listen=address)

    def test_tokens(self):
        self.refused("token_jwks_file", token_jwks_file=None)
        self.refused("token_issuer", token_issuer=None)
        self.refused("no-such.json", token_jwks_file=self.stack.path("no-such.json"))
        for text in (b"", b"{}", b'{"keys":[]}', b'{"keys":[{"kty":"oct","kid":"a","k":"c2VjcmV0"}]}'):
            self.refused(token_jwks_file=self.write("bad.json", text))
        # The private key is no key to verify with.
        with open(self.stack.path("issuer.jwk"), "rb") as file:
            self.refused(token_jwks_file=self.write("private.json", b'{"keys":[' + file.read() + b"]}"))

    def test_development(self):
        self.refused("itglue_us_url", "development", development="false")
        self.refused("itglue_ca_file", "development", development="false", itglue_us_url=None, itglue_eu_url=None,
                     itglue_au_url=None)

    def test_tracing(self):
        self.refused("GRPC_TRACE", env={"GRPC_TRACE": "all"})
        self.refused("GRPC_TRACE", env={"GRPC_TRACE": "http"})
        self.refused("SSLKEYLOGFILE", env={"SSLKEYLOGFILE": self.stack.path("keys")})

    def test_schema(self):
        versions = self.stack.sql("SELECT * FROM schema_migrations ORDER BY version")
        last = versions[-1]["version"]
        columns = ", ".join(versions[-1])
        values = ", ".join(str(last + 1) if name == "version" else name for name in versions[-1])
        try:
            self.stack.execute("INSERT INTO schema_migrations (%s) SELECT %s FROM schema_migrations "
                               "WHERE version = %d" % (columns, values, last))
            self.refused("schema is newer")
        finally:
            self.stack.execute("DELETE FROM schema_migrations WHERE version > %d" % last)
        backup = "CREATE TABLE kept AS SELECT * FROM schema_migrations"
        self.stack.execute(backup)
        try:
            self.stack.execute("UPDATE schema_migrations SET sha256 = reverse(sha256) WHERE version = 1")
            self.refused("migration 0001", "changed")
            self.stack.execute("UPDATE schema_migrations m SET sha256 = k.sha256 FROM kept k "
                               "WHERE k.version = m.version")
            self.stack.execute("DELETE FROM schema_migrations WHERE version = %d" % last)
            self.refused("schema")
        finally:
            self.stack.execute("DELETE FROM schema_migrations; INSERT INTO schema_migrations SELECT * FROM kept; "
                               "DROP TABLE kept")

    def test_database_role(self):
        """Who owns the tables is above the wall between tenants, and may not serve."""
        self.refused(database_url="host=%s user=docbridge_owner dbname=docbridge" % self.stack.dir)

    def test_check_and_print(self):
        """What needs no start tells no secret."""
        code, out, err = self.start("--check-config")
        self.assertEqual((code, err), (0, ""))
        for name, value in (("token_issuer", None), ("token_jwks_file", None), ("token_audience", ""),
                            ("database_url", None), ("listen", "")):
            line = self.refused(name + ": must", **{name: value})
            self.assertEqual(self.refused(arguments=("--check-config",), **{name: value}), line)
        # What would be refused at a start for its form alone.
        for name, value in (("listen", "0.0.0.0:0"), ("listen", "nonsense"), ("listen", "127.0.0.1:65536"),
                            ("tls_key_file", None), ("upstream_proxy", "no url"), ("upstream_image_hosts", "*")):
            line = self.refused(**{name: value})
            self.assertEqual(self.refused(arguments=("--check-config",), **{name: value}), line)
        # systemd may have it for the service alone.
        code, out, err = self.start("--check-config", master_key_file=None)
        self.assertEqual((code, err), (0, ""))
        self.assertIn("master_key_file", out)
        code, out, err = self.start("--print-config")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("master_key_file = " + self.stack.path("master-key"), out)


if __name__ == "__main__":
    e2e.main()
