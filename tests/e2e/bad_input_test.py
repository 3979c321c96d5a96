"""Requests that are wrong in every documented way: the documented answer, and the server serves on."""

import base64
import json
import time
import uuid

import grpc

import docbridge_e2e as e2e

INVALID = grpc.StatusCode.INVALID_ARGUMENT
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
NOT_FOUND = grpc.StatusCode.NOT_FOUND
OTHER = "msp-two"


class BadInput(e2e.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = cls.stack.api()
        cls.connection = cls.stack.connect(cls.api)
        cls.stack.configure(cls.api, cls.connection)
        cls.stack.settle(cls.api, cls.connection)
        cls.mapping = cls.stack.mapping(cls.api, cls.connection)
        for cls.company in cls.mapping.values():
            cls.passwords = cls.api.all("PasswordService.ListPasswords", "passwords", parent=cls.company)
            if len(cls.passwords) >= 3:
                break
        cls.other = cls.api.with_token(cls.stack.token(tenant=OTHER, subject="eve", name="Eve"))

    def tearDown(self):
        super().tearDown()
        self.assertEqual(self.api("CompanyService.GetCompany", name=self.company).name, self.company)

    def raw_failure(self, method, data, **options):
        return e2e.failure_of(lambda: self.api.raw(method, data, **options))

    def assertField(self, failure, reason, *fields):
        self.assertFailure(failure, INVALID, reason)
        self.assertEqual([one.field for one in failure.details["BadRequest"].field_violations], list(fields))

    # Messages

    def test_malformed_message(self):
        for data in (b"\xff", b"\x0a\x05ab", b"\x0b\x0c", b"\x08\x01", b"\x0a" + b"\xff" * 11):
            self.assertFailure(self.raw_failure("CompanyService.GetCompany", data), INVALID, "MESSAGE_INVALID")

    def test_invalid_utf8_and_nul(self):
        for data in (b"\x0a\x02\xc3\x28", b"\x0a\x03\xed\xa0\x80", b"\x0a\x05\xf4\x90\x80\x80x", b"\x0a\x03a\0b"):
            self.assertField(self.raw_failure("CompanyService.GetCompany", data), "FIELD_INVALID", "name")
        # In an inner message, with its path; before the token's owner learns anything.
        v1 = e2e.protos.v1
        batch = v1.BatchUpsertCompaniesRequest(companies=[
            v1.Company(name="companies/x", display_name="fine"), v1.Company(name="companies/y", display_name="QQ")])
        data = batch.SerializeToString().replace(b"QQ", b"Q\0")
        self.assertField(self.raw_failure("CompanyService.BatchUpsertCompanies", data), "FIELD_INVALID",
                         "companies[1].display_name")
        self.assertFailure(self.api.fails("CompanyService.GetCompany", name="companies/x"), NOT_FOUND,
                           "RESOURCE_NOT_FOUND")

    def test_too_long_field(self):
        failure = self.api.fails("CompanyService.GetCompany", name="companies/" + "x" * 1100)
        self.assertField(failure, "FIELD_INVALID", "name")
        self.assertEqual(failure.metadata["allowed"], "1024")

    def test_oversize_message(self):
        # An unknown field, so that nothing but the size is wrong.
        for size in (70 * 1024, 500 * 1024):
            data = b"\xfa\x3e" + bytes([0x80 | size & 0x7f, 0x80 | size >> 7 & 0x7f, size >> 14]) + b"x" * size
            failure = self.raw_failure("CompanyService.GetCompany", data)
            self.assertFailure(failure, INVALID, "MESSAGE_INVALID")
            self.assertEqual(failure.metadata["allowed"], "65536")
        failure = self.raw_failure("CompanyService.GetCompany", b"x" * (20 << 20))
        self.assertEqual(failure.code, grpc.StatusCode.RESOURCE_EXHAUSTED)

    def test_too_many_items(self):
        v1 = e2e.protos.v1
        batch = v1.BatchUpsertCompaniesRequest(companies=[
            v1.Company(name="companies/many%d" % i, display_name="x") for i in range(1001)])
        failure = self.api.fails("CompanyService.BatchUpsertCompanies", batch)
        self.assertField(failure, "FIELD_INVALID", "companies")
        self.assertEqual(failure.metadata["allowed"], "1000")
        # All or none.
        self.assertFailure(self.api.fails("CompanyService.GetCompany", name="companies/many0"), NOT_FOUND,
                           "RESOURCE_NOT_FOUND")

    def test_packed_items_and_numbers_are_named(self):
        self.assertField(self.api.fails("DocumentationService.SearchDocumentation", parent="companies/-", query="x",
                                        kinds=[1, 1, 1, 1, 1]), "FIELD_INVALID", "kinds")
        for field in ("start_sequence", "max_event_count"):
            self.assertField(self.api.fails("AuditService.VerifyAuditChain", **{field: -1}), "FIELD_INVALID", field)

    def test_unknown_enum(self):
        v1 = e2e.protos.v1
        key = self.emulator.api_key
        for candidate, field in ((v1.ConnectionCandidate(provider=99, region=2, api_key=key), "candidate.provider"),
                                 (v1.ConnectionCandidate(provider=0, region=2, api_key=key), "candidate.provider")):
            self.assertField(self.api.fails("ConnectionService.TestConnection", candidate=candidate),
                             "FIELD_INVALID", field)
        failure = self.api.fails("ConnectionService.TestConnection",
                                 candidate=v1.ConnectionCandidate(provider=1, region=99, api_key=key))
        self.assertFailure(failure, INVALID, "UNKNOWN_REGION")
        self.assertEqual(failure.metadata["allowed"], "US,EU,AU")
        for level in (0, 99):
            access = v1.CompanyPasswordAccess(name=self.company + "/passwordAccess", level=level)
            failure = self.api.fails("ConfigService.UpdateCompanyPasswordAccess", company_password_access=access,
                                     update_mask={"paths": ["level"]})
            self.assertFailure(failure, INVALID, "FIELD_INVALID")
        self.assertFailure(self.api.fails("SyncService.RunSync", parent=self.connection, tasks=[77]), INVALID,
                           "FIELD_INVALID")
        batch = v1.BatchUpsertCompaniesRequest(companies=[v1.Company(
            name="companies/x", display_name="x", psa=v1.PsaIdentity(type=99, external_id="1"))])
        self.assertFailure(self.api.fails("CompanyService.BatchUpsertCompanies", batch), INVALID, "FIELD_INVALID")

    def test_bad_masks_filters_and_names(self):
        v1 = e2e.protos.v1
        config = v1.PasswordConfig(name=self.connection + "/passwordConfig", password_sharing_enabled=True)
        for paths in ([], ["nonsense"], ["update_time"]):
            failure = self.api.fails("ConfigService.UpdatePasswordConfig", password_config=config,
                                     update_mask={"paths": paths})
            self.assertFailure(failure, INVALID, "FIELD_INVALID")
        for text in ("nonsense", 'display_name : "x" OR mapped = true', "mapped = maybe", 'display_name = "x',
                     "mapped = true mapped = false", "(" * 500):
            failure = self.api.fails("CompanyService.ListCompanies", filter=text)
            self.assertField(failure, "FIELD_INVALID", "filter")
        self.assertField(self.api.fails("CompanyService.ListCompanies", page_size=-1), "FIELD_INVALID", "page_size")
        for name in ("", "companies/", "companies/a/b", "connections/x", "companies/a b", "companies/../x"):
            self.assertFailure(self.api.fails("CompanyService.GetCompany", name=name), INVALID, "FIELD_INVALID")
        stale = v1.PasswordConfig(name=self.connection + "/passwordConfig", password_sharing_enabled=True, etag="old")
        failure = self.api.fails("ConfigService.UpdatePasswordConfig", password_config=stale,
                                 update_mask={"paths": ["password_sharing_enabled"]})
        self.assertFailure(failure, grpc.StatusCode.ABORTED, "ETAG_MISMATCH")

    def test_compressed_request(self):
        v1 = e2e.protos.v1
        batch = v1.BatchUpsertCompaniesRequest(companies=[
            v1.Company(name="companies/zip%d" % i, display_name="x" * 200) for i in range(900)])
        failure = self.raw_failure("CompanyService.BatchUpsertCompanies", batch.SerializeToString(),
                                   compression=grpc.Compression.Gzip)
        self.assertEqual(failure.code, grpc.StatusCode.UNIMPLEMENTED)
        self.assertFailure(self.api.fails("CompanyService.GetCompany", name="companies/zip0"), NOT_FOUND,
                           "RESOURCE_NOT_FOUND")

    def test_unknown_method(self):
        for path in ("/docbridge.v1.CompanyService/Nothing", "/no.such.Service/Method"):
            failure = e2e.failure_of(lambda path=path: self.api.channel.unary_unary(path)(b"", timeout=20))
            self.assertFailure(failure, grpc.StatusCode.UNIMPLEMENTED, "METHOD_UNKNOWN")

    def test_many_requests_are_judged_alone(self):
        """Wrong ones in between do not disturb right ones under way."""
        calls = []
        for i in range(200):
            make = self.api.channel.unary_unary("/docbridge.v1.CompanyService/GetCompany")
            data = b"\xff" if i % 2 else b"\x0a" + bytes([len(self.company)]) + self.company.encode()
            calls.append(make.future(data, timeout=30 * e2e.PATIENCE, metadata=self.api.metadata()))
        codes = [call.code() for call in calls]
        self.assertEqual(codes, [grpc.StatusCode.OK, INVALID] * 100)

    # Tokens

    def claims(self, **changes):
        now = int(time.time())
        claims = {"iss": e2e.ISSUER, "aud": "docbridge", "iat": now, "exp": now + 600, "tenant": e2e.TENANT,
                  "sub": "ada", "actor": "human", "permissions": list(e2e.EVERYTHING), "companies": "*",
                  "jti": str(uuid.uuid4())}
        claims.update(changes)
        return {key: value for key, value in claims.items() if value is not None}

    def answer(self, token):
        """None if the token is good, else the Failure."""
        try:
            self.api.with_token(token)("CompanyService.GetCompany", name=self.company)
        except grpc.RpcError as error:
            return e2e.Failure(error)
        return None

    def test_tokens(self):
        now = int(time.time())
        sign = lambda header=None, **changes: e2e.sign(self.stack, self.claims(**changes), header)
        # The signer of this test makes good ones, so that what follows is refused for its own fault.
        self.assertIsNone(self.answer(sign()))
        self.assertIsNone(self.answer(sign(aud=["other", "docbridge"])))
        bad = [
            sign(aud="another"), sign(aud=["another"]), sign(iss="https://evil.example"), sign(tenant=None),
            sign(tenant="../x"), sign(sub=None), sign(actor="root"), sign(exp=None), sign(iat=None),
            sign(exp=now + 3600), sign(iat=now + 900, exp=now + 1200), sign(nbf=now + 900), sign(permissions="all"),
            sign({"alg": "none"}), sign({"kid": "stranger"}), sign({"alg": "HS256"}), sign({"crit": ["b64"]}),
            sign({"typ": "secret+jwt"}), "x", "a.b.c",
        ]
        good = sign()
        header, payload, signature = good.split(".")
        forged = e2e.b64url(json.dumps(self.claims(sub="root")).encode())
        flipped = bytearray(base64.urlsafe_b64decode(signature + "=="))
        flipped[5] ^= 1
        bad += [".".join((header, forged, signature)), ".".join((header, payload, "")),
                ".".join((header, payload, e2e.b64url(bytes(flipped)))), good + "=", good + "." + signature,
                ".".join((e2e.b64url(b'{"alg":"none"}'), payload, ""))]
        answers = set()
        for token in bad:
            failure = self.answer(token)
            self.assertIsNotNone(failure, token)
            self.assertFailure(failure, UNAUTHENTICATED, "TOKEN_INVALID")
            answers.add((failure.message, str(failure.metadata)))
        # One answer for all of them.
        self.assertEqual(len(answers), 1, answers)
        for token in ("", "x" * 7000):
            self.assertFailure(self.answer(token), UNAUTHENTICATED, "TOKEN_INVALID")
        # Above the bound of all metadata nothing reads it; the connection may end with it.
        with self.stack.channel() as channel:
            failure = e2e.Api(channel, "x" * 20000).fails("CompanyService.GetCompany", name=self.company)
            self.assertEqual(failure.code, grpc.StatusCode.RESOURCE_EXHAUSTED)
        expired = self.answer(sign(iat=now - 800, exp=now - 100))
        self.assertFailure(expired, UNAUTHENTICATED, "TOKEN_EXPIRED")
        self.assertFailure(self.answer(None), UNAUTHENTICATED, "TOKEN_MISSING")

    def test_forged_key(self):
        """A key of the same name that is not the server's."""
        jwk, jwks = self.stack.path("forger.jwk"), self.stack.path("forger.json")
        e2e.subprocess.run([e2e.CLI, "token", "keys", "--private-key", jwk, "--jwks", jwks], check=True,
                           stderr=e2e.subprocess.DEVNULL)
        with open(self.stack.path("issuer.jwk"), encoding="utf-8") as file:
            kid = json.load(file)["kid"]
        self.assertFailure(self.answer(e2e.sign(self.stack, self.claims(), {"kid": kid}, jwk)), UNAUTHENTICATED,
                           "TOKEN_INVALID")

    def test_role_alone_grants_nothing(self):
        token = e2e.sign(self.stack, self.claims(permissions=[], role="administrator", roles=["admin"]))
        self.assertFailure(self.answer(token), grpc.StatusCode.PERMISSION_DENIED, "MISSING_PERMISSION")

    def test_every_method_needs_its_permission(self):
        nobody = self.api.with_token(self.stack.token(permissions=(), subject="nobody"))
        needed = {}
        for method in e2e.protos.methods():
            _, request, _, streams = e2e.protos.method(method)
            # A message that decodes: the denial of a reveal is recorded with its name.
            fields = {"name": self.company + "/passwords/1"} if method.endswith("RevealPassword") else {}
            if streams:
                failure = e2e.failure_of(lambda method=method, request=request: list(
                    nobody.stream(method, request())))
            else:
                failure = nobody.fails(method, timeout=10, **fields)
            self.assertFailure(failure, grpc.StatusCode.PERMISSION_DENIED, "MISSING_PERMISSION")
            self.assertEqual(failure.metadata["rpc"], "docbridge.v1." + method.replace(".", "/"))
            needed.setdefault(failure.metadata["permission"], []).append(method)
        self.assertEqual(set(needed), {"read_integrations", "manage_integrations", "read_documentation",
                                       "read_documentation_passwords", "read_audit", "operate_service"})
        self.assertEqual(set(needed["read_documentation_passwords"]),
                         {"PasswordService.RevealPassword", "PasswordService.CreatePasswordHandoff",
                          "PasswordService.DeletePasswordHandoff"})
        # manage contains read, and nothing else does.
        manager = self.api.with_token(self.stack.token(permissions=("manage_integrations",), subject="max"))
        manager("CompanyService.GetCompany", name=self.company)
        self.assertFailure(manager.fails("PasswordService.ListPasswords", parent=self.company),
                           grpc.StatusCode.PERMISSION_DENIED, "MISSING_PERMISSION")

    # Other tenants and companies

    def twins(self, caller, method, known, fields, absent=None, **changes):
        """The failure for what another has, and for what nobody has: alike but for the name."""
        absent = absent or known[:-3] + "qqq"
        found = []
        for one in (known, absent):
            filled = json.loads(json.dumps(fields).replace("$", one))
            failure = caller.fails(method, timeout=10, metadata=(("x-request-id", "the-same"),), **filled, **changes)
            found.append((failure.code, failure.message.replace(one, "$"),
                          failure.raw.replace(one.encode(), b"$" * len(one))))
            self.assertFailure(failure, NOT_FOUND, "RESOURCE_NOT_FOUND")
        self.assertEqual(found[0], found[1], method)

    def test_other_tenants_look_absent(self):
        connection = self.connection.split("/")[1]
        organization = next(iter(self.mapping))
        company = self.company.split("/")[1]
        run = self.api("SyncService.ListSyncRuns", parent=self.connection).sync_runs[0].name.rsplit("/", 1)[1]
        kind = self.api("ConfigService.ListFlexibleAssetTypes", parent=self.connection).flexible_asset_types[0].name
        password = self.passwords[0].name
        of = "connections/$"
        mask = lambda *paths: {"update_mask": {"paths": list(paths)}}
        for method, fields, changes in (
                ("ConnectionService.GetConnection", {"name": of}, {}),
                ("ConnectionService.TestConnection", {"name": of}, {}),
                ("MappingService.ListOrganizations", {"parent": of}, {}),
                ("MappingService.GetOrganization", {"name": of + "/organizations/" + organization}, {}),
                ("MappingService.RefreshOrganizations", {"parent": of}, {}),
                ("MappingService.SetMapping", {"name": of + "/organizations/" + organization,
                                               "company": "companies/x"}, {}),
                ("MappingService.ClearMapping", {"name": of + "/organizations/" + organization}, {}),
                ("MappingService.QuickMatch", {"parent": of}, {}),
                ("MappingService.SuggestMatches", {"parent": of}, {}),
                ("MappingService.IgnoreOrganization", {"name": of + "/organizations/" + organization}, {}),
                ("MappingService.AcknowledgeFindings", {"name": of + "/organizations/" + organization, "kinds": [1]},
                 {}),
                ("MappingService.UnignoreOrganization", {"name": of + "/organizations/" + organization}, {}),
                ("MappingService.BatchUpdateMappings",
                 {"parent": of, "changes": [{"organization": of + "/organizations/" + organization}]}, {}),
                ("ConfigService.GetDocumentationConfig", {"name": of + "/documentationConfig"}, {}),
                ("ConfigService.UpdateDocumentationConfig",
                 {"documentation_config": {"name": of + "/documentationConfig"}}, mask("documents_enabled")),
                ("ConfigService.ListFlexibleAssetTypes", {"parent": of}, {}),
                ("ConfigService.UpdateFlexibleAssetType",
                 {"flexible_asset_type": {"name": of + "/flexibleAssetTypes/" + kind.rsplit("/", 1)[1]}},
                 mask("enabled")),
                ("ConfigService.RefreshDocumentationTypes", {"parent": of}, {}),
                ("ConfigService.GetPasswordConfig", {"name": of + "/passwordConfig"}, {}),
                ("ConfigService.UpdatePasswordConfig", {"password_config": {"name": of + "/passwordConfig"}},
                 mask("password_sharing_enabled")),
                ("ConfigService.ListPasswordCategories", {"parent": of}, {}),
                ("SyncService.RunSync", {"parent": of}, {}),
                ("SyncService.GetSyncRun", {"name": of + "/syncRuns/" + run}, {}),
                ("SyncService.ListSyncRuns", {"parent": of}, {}),
                ("SyncService.CancelSyncRun", {"name": of + "/syncRuns/" + run}, {}),
                ("SyncService.ListSyncIssues", {"parent": of}, {})):
            self.twins(self.other, method, connection, fields, **changes)
        requests = self.emulator.count()
        for caller in (self.other, self.api.with_token(self.stack.token(companies=("elsewhere",), subject="carl"))):
            for method, fields in (("CompanyService.GetCompany", {"name": "companies/$"}),
                                   ("ConfigService.GetCompanyPasswordAccess", {"name": "companies/$/passwordAccess"}),
                                   ("DocumentationService.ListDocuments", {"parent": "companies/$"}),
                                   ("DocumentationService.ListFlexibleAssets", {"parent": "companies/$"}),
                                   ("DocumentationService.ListChecklists", {"parent": "companies/$"}),
                                   ("DocumentationService.SearchDocumentation",
                                    {"parent": "companies/$", "query": "words"}),
                                   ("PasswordService.ListPasswords", {"parent": "companies/$"}),
                                   ("PasswordService.GetPassword",
                                    {"name": "companies/$/passwords/" + password.rsplit("/", 1)[1]}),
                                   ("PasswordService.RevealPassword",
                                    {"name": "companies/$/passwords/" + password.rsplit("/", 1)[1]})):
                with self.subTest(method=method, caller=caller is self.other):
                    self.twins(caller, method, company, fields)
        # Lists of one's own are empty rather than another's.
        self.assertEqual(len(self.other("CompanyService.ListCompanies").companies), 0)
        self.assertEqual(len(self.other("ConnectionService.ListConnections").connections), 0)
        self.assertEqual({event.actor.subject for event in self.other.all(
            "AuditService.ListAuditEvents", "audit_events")} - {"eve"}, set())
        last = self.api("AuditService.ListAuditEvents", page_size=1).audit_events[0].sequence
        self.twins(self.other, "AuditService.GetAuditEvent", str(last), {"name": "auditEvents/$"},
                   absent=str(10 ** len(str(last)) - 1))
        self.assertEqual(self.emulator.count(), requests)

    def test_restricted_caller_sees_own_company_only(self):
        caller = self.api.with_token(self.stack.token(companies=(self.company.split("/")[1],), subject="carla"))
        self.assertTrue(caller("PasswordService.ListPasswords", parent=self.company).passwords)
        self.assertEqual([one.name for one in caller("CompanyService.ListCompanies").companies], [self.company])
        other = next(one for one in self.mapping.values() if one != self.company)
        self.assertFailure(caller.fails("DocumentationService.ListDocuments", parent=other), NOT_FOUND,
                           "RESOURCE_NOT_FOUND")

    # Page tokens

    def test_page_tokens_are_of_one_caller_and_list(self):
        first = self.api("CompanyService.ListCompanies", page_size=2)
        token = first.next_page_token
        second = self.api("CompanyService.ListCompanies", page_size=2, page_token=token)
        self.assertFalse({one.name for one in first.companies} & {one.name for one in second.companies})
        colleague = self.api.with_token(self.stack.token(subject="bob", name="Bob"))
        for caller, fields in ((colleague, {}), (self.other, {}), (self.api, {"filter": "mapped = true"})):
            self.assertField(caller.fails("CompanyService.ListCompanies", page_token=token, **fields),
                             "PAGE_TOKEN_INVALID", "page_token")
        self.assertField(self.api.fails("MappingService.ListOrganizations", parent=self.connection, page_token=token),
                         "PAGE_TOKEN_INVALID", "page_token")
        for changed in ("A" + token[1:] if token[0] != "A" else "B" + token[1:], token[:-1], token + "A", "x", "=",
                        token + "=", "\u00e9"):
            self.assertField(self.api.fails("CompanyService.ListCompanies", page_token=changed),
                             "PAGE_TOKEN_INVALID", "page_token")

    # Deadlines

    def test_reveal_needs_a_deadline(self):
        before = self.emulator.count()
        name = self.passwords[0].name
        failure = self.api.fails("PasswordService.RevealPassword", name=name, timeout=None)
        self.assertFailure(failure, INVALID, "DEADLINE_REQUIRED")
        self.assertEqual(self.emulator.count(), before)
        # A longer one is cut, not refused.
        self.api("PasswordService.RevealPassword", name=name, timeout=600)
        self.assertEqual(self.emulator.count(), before + 1)


if __name__ == "__main__":
    e2e.main()
