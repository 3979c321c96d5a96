"""`docbridge connection test` against upstreams with something wrong: one fixture for each cause
that can be told, and the key in no wrong hands."""

import http.server
import socket
import ssl
import subprocess
import threading

import docbridge_e2e as e2e


class Upstream:
    """A TLS server of a few lines, which answers every request with `status` and `body`."""

    def __init__(self, certificate, key, status=200, body=lambda headers: b"{}"):
        upstream = self
        self.heard = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                upstream.heard.append(self.path)
                answer = body(self.headers)
                self.send_response(status)
                self.send_header("Content-Type", "application/vnd.api+json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *arguments):  # a client that hangs up is what is wanted
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return "https://127.0.0.1:%d" % self.server.server_address[1]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Diagnosis(e2e.Case):
    """The emulator is in eu; us is a server that repeats the key, au one that is not there."""

    @classmethod
    def make(cls):
        stack = e2e.Stack(("--organizations", "4", "--documents", "40", "--passwords", "20"), serve=False,
                          upstream_timeout_ms="6000")
        cls.echo = Upstream(stack.path("server.pem"), stack.path("server.key"), 500,
                            lambda headers: b'{"errors": [{"title": "' + headers["x-api-key"].encode() + b'"}]}')
        cls.addClassCleanup(cls.echo.close)
        # Bound by a socket that does not listen, so that nobody else gets the port.
        gone = socket.socket()
        cls.addClassCleanup(gone.close)
        gone.bind(("127.0.0.1", 0))
        stack.settings.update(itglue_us_url=cls.echo.url,
                              itglue_au_url="https://127.0.0.1:%d" % gone.getsockname()[1])
        stack.serve()
        return stack

    def setUp(self):
        self.emulator.calm()

    def ask(self, region="eu", code=0, key=None, more=()):
        stdin = (self.emulator.api_key if key is None else key).encode()
        done = self.stack.cli("connection", "test", "--region", region, "--api-key-file", "-", *more, output="json",
                              stdin=stdin, code=code)
        self.assertNotIn(self.emulator.api_key, done.out + done.err)
        return done.json

    def grants(self, answer):
        return {one["kind"][len("KIND_"):]: one["grant"][len("GRANT_"):] for one in answer["capabilities"]}

    def detail(self, answer, kind):
        return next(one["detail"] for one in answer["capabilities"] if one["kind"] == "KIND_" + kind)

    def diagnose(self, diagnosis, **arguments):
        answer = self.ask(code=0 if diagnosis == "OK" else 6, **arguments)
        self.assertEqual(answer["diagnosis"], "DIAGNOSIS_" + diagnosis)
        self.assertTrue(answer["remedy"])
        return answer

    def test_api_not_enabled(self):
        self.emulator.switch(api_not_enabled=True)
        answer = self.diagnose("API_NOT_ENABLED_SUSPECTED")
        self.assertEqual(answer["httpStatus"], 401)
        self.assertIn("Enterprise", answer["remedy"])
        self.assertNotIn("GRANTED", self.grants(answer).values())
        # The same is said to who saves it, and nothing is saved.
        refused = self.stack.cli("connection", "create", "--region", "eu", "--api-key-file",
                                 self.stack.path("api-key"), code=None)
        self.assertIn("UPSTREAM_API_NOT_ENABLED", refused.err)
        self.assertIn("Enterprise", refused.err)
        self.assertEqual(self.stack.sql("SELECT count(*) AS n FROM connection")[0]["n"], 0)

    def test_organizations_denied(self):
        self.emulator.switch(organizations_denied=True)
        answer = self.diagnose("OK")
        grants = self.grants(answer)
        self.assertEqual((grants["ORGANIZATIONS"], grants["PASSWORDS"], grants["DOCUMENTS"]),
                         ("DENIED", "GRANTED", "UNKNOWN"))
        self.assertTrue(any("organizations" in one for one in answer["warnings"]))

    def test_each_capability(self):
        self.emulator.switch(vintage="2025")
        grants = self.grants(self.diagnose("OK"))
        self.assertEqual((grants["ORGANIZATIONS"], grants["FLEXIBLE_ASSET_TYPES"], grants["PASSWORDS"]),
                         ("GRANTED",) * 3)
        self.assertEqual((grants["DOCUMENTS"], grants["CHECKLISTS"]), ("DENIED", "DENIED"))
        self.emulator.switch(vintage="2026-07", checklist_templates="401")
        grants = self.grants(self.diagnose("OK"))
        self.assertEqual(grants.pop("CHECKLIST_TEMPLATES"), "DENIED")
        self.assertEqual(grants.pop("PASSWORD_VALUES"), "UNKNOWN")
        self.assertEqual(grants.pop("DOCUMENT_IMAGES"), "UNKNOWN")
        self.assertEqual(set(grants.values()), {"GRANTED"})
        self.assertEqual(self.emulator.count(password_returned=True), 0)
        self.assertEqual(self.emulator.count(show_password=True), 0)

    def test_folder_filter(self):
        for form, said in (("all", "document_folder_id=null shows"), ("422", "a request of their own"),
                           ("root", "a request of their own")):
            self.emulator.switch(folder_filter_null=form)
            answer = self.diagnose("OK")
            self.assertEqual(self.grants(answer)["DOCUMENTS"], "GRANTED", form)
            self.assertIn(said, self.detail(answer, "DOCUMENTS"), form)

    def test_filters_that_are_ignored(self):
        # As the live service does, the emulator answers a filter it does not know with everything.
        self.assertTrue(any("filters" in one for one in self.diagnose("OK")["warnings"]))

    def test_faults(self):
        for action, fields, diagnosis, status, failure in (
                ("status:429", {}, "RATE_LIMITED", 429, None),
                ("status:500", {"body": "html"}, "UPSTREAM_ERROR", 500, None),
                ("invalid_json", {}, "UPSTREAM_ERROR", 200, None),
                ("html_200", {}, "UPSTREAM_ERROR", 200, None),
                ("redirect", {}, "UPSTREAM_ERROR", 302, None),
                ("drop", {}, "UPSTREAM_UNREACHABLE", None, "cut"),
                ("hang", {"ms": 9000}, "UPSTREAM_UNREACHABLE", None, "timeout")):
            self.emulator.calm()
            self.emulator.fault("/organizations", action, **fields)
            answer = self.diagnose(diagnosis)
            self.assertEqual((answer.get("httpStatus"), answer.get("networkFailure")), (status, failure), action)
            self.assertEqual(len(answer.get("candidates", [])), 1 if failure else 0, action)
            # Nothing went where a redirect points.
            self.assertEqual(self.emulator.count(region="redirect-target"), 0)

    def test_nobody_there(self):
        answer = self.diagnose("UPSTREAM_UNREACHABLE", region="au")
        self.assertEqual(answer["networkFailure"], "connect")

    def test_a_key_that_is_repeated(self):
        answer = self.diagnose("UPSTREAM_ERROR", region="us")
        self.assertEqual(answer["httpStatus"], 500)
        self.assertTrue(self.echo.heard)
        self.assertNotIn(self.emulator.api_key, self.stack.log_text())
        self.assertNotIn(self.emulator.api_key, self.stack.execute("SELECT * FROM audit_event"))

    def test_keys_that_are_none(self):
        api = self.stack.api()
        v1 = e2e.protos.v1

        def answer(key):
            return api("ConnectionService.TestConnection", candidate=v1.ConnectionCandidate(
                provider="PROVIDER_IT_GLUE", region="REGION_EU", api_key=key))

        for key in ("", "   ", "ITG.a b", "ITG.a\tb", "ITG.\x7f"):
            self.assertEqual(answer(key).diagnosis, v1.TestConnectionResponse.DIAGNOSIS_API_KEY_MALFORMED, repr(key))
        long = e2e.failure_of(lambda: answer("ITG." + "x" * 509))
        self.assertFailure(long, e2e.grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
        longer = e2e.failure_of(lambda: answer("ITG." + "x" * (1 << 19)))
        self.assertFailure(longer, e2e.grpc.StatusCode.INVALID_ARGUMENT, "MESSAGE_INVALID")
        huge = e2e.failure_of(lambda: answer("ITG." + "x" * (1 << 20)))
        self.assertEqual(huge.code, e2e.grpc.StatusCode.RESOURCE_EXHAUSTED)
        with open(self.stack.path("huge-key"), "w", encoding="ascii") as file:
            file.write("ITG." + "x" * (1 << 20))
        self.stack.cli("connection", "test", "--region", "eu", "--api-key-file", self.stack.path("huge-key"), code=2)
        self.assertEqual(self.emulator.count(), 0)


class Certificates(e2e.Case):
    """Every region answers with a certificate that must not be believed."""

    @classmethod
    def make(cls):
        stack = e2e.Stack(serve=False)

        def openssl(*arguments):
            subprocess.run(("openssl",) + arguments, check=True, cwd=stack.dir, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)

        def write(name, text):
            with open(stack.path(name), "w", encoding="ascii") as file:
                file.write(text)

        # Of the authority, for another name.
        write("other.cnf", "subjectAltName=DNS:api.other.example\n")
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", "other.cnf", "-out", "other.pem")
        # Of the authority and the name, of long ago.
        write("index.txt", "")
        write("expired.cnf", "[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\nnew_certs_dir=.\nrand_serial=yes\n"
              "default_md=sha256\npolicy=p\nx509_extensions=e\n[p]\ncommonName=supplied\n"
              "[e]\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("ca", "-batch", "-config", "expired.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-in", "server.csr",
                "-startdate", "20200101000000Z", "-enddate", "20200201000000Z", "-notext", "-out", "expired.pem")
        # Of nobody but itself.
        openssl("req", "-x509", "-key", "server.key", "-days", "2", "-subj", "/CN=localhost", "-addext",
                "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", "self.pem")
        cls.upstreams = {region: Upstream(stack.path(name), stack.path("server.key"))
                         for region, name in (("us", "other.pem"), ("eu", "expired.pem"), ("au", "self.pem"))}
        for region, upstream in cls.upstreams.items():
            cls.addClassCleanup(upstream.close)
            stack.settings["itglue_%s_url" % region] = upstream.url
        stack.serve()
        return stack

    def test_certificates(self):
        for region, upstream in self.upstreams.items():
            answer = self.stack.json("connection", "test", "--region", region, "--api-key-file",
                                     self.stack.path("api-key"), code=6)
            self.assertEqual((answer["diagnosis"], answer["networkFailure"]),
                             ("DIAGNOSIS_UPSTREAM_UNREACHABLE", "tls"), region)
            self.assertIn("certificate", answer["candidates"][0])
            # Nothing was said to who could not prove who it is.
            self.assertEqual(upstream.heard, [], region)



class IdleKey(e2e.Case):
    """A key that nobody used for two days, with syncs held."""

    @classmethod
    def make(cls):
        return e2e.Stack(("--organizations", "4"))

    def test_is_used_by_one_request(self):
        self.stack.connect(self.stack.api())
        self.stack.stop_server()
        self.emulator.calm()
        self.stack.execute("UPDATE connection SET sync_paused = true,"
                           " key_last_success_time = now() - interval '2 days';"
                           " UPDATE keep_alive SET due_time = now()")
        self.stack.serve()
        e2e.wait_for("the keeper", lambda: self.stack.sql(
            "SELECT key_last_success_time > now() - interval '1 hour' AS fresh FROM connection")[0]["fresh"])
        self.stack.stop_server()
        asked = self.emulator.requests()
        self.assertEqual([(one["path"], one["status"]) for one in asked], [("/organizations", 200)])
        self.assertIn("page[size]=1", asked[0]["query"].replace("%5B", "[").replace("%5D", "]"))
        self.stack.serve()

if __name__ == "__main__":
    e2e.main()
