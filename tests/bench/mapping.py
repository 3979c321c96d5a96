"""Mapping of 10,000 organizations to 10,000 companies: Quick Match and pages of 100, against their own SQL in psql."""

import re
import statistics

import stack
from measure import Broken, latencies_ms, output
from stack import call, expect_no_failures, path, statement, target, text_field

SERVICE = "/docbridge.v1.MappingService/"
COMPANIES = "/docbridge.v1.CompanyService/ListCompanies"
SIZE, PAGE = 10000, 100

# A quarter of the organizations has a PSA id that a company has; of the rest the names fit, but for every tenth.
SEED = """
INSERT INTO connection (tenant, id, display_name, provider, region, state, sync_paused, psa_type, credential_version,
  inventory_time, create_time, update_time)
  VALUES ('{tenant}', '{connection}', 'IT Glue', 1, 1, 1, true, 1, 1, now(), now(), now());
INSERT INTO connection_config (tenant, connection_id, update_time) VALUES ('{tenant}', '{connection}', now());
INSERT INTO company (tenant, id, display_name, name_key, psa_type, psa_external_id, create_time, update_time)
  SELECT '{tenant}', 'c' || n, initcap(k), k, (n % 2 = 0)::int, CASE WHEN n % 2 = 0 THEN 'P' || n ELSE '' END, now(),
  now() FROM (SELECT n, md5(n::text) || ' company ' || n AS k FROM generate_series(1, {size}) n) g;
INSERT INTO organization (tenant, connection_id, id, display_name, name_key, psa_ids, body, content_hash,
  discover_time, update_time)
  SELECT '{tenant}', '{connection}', n, initcap(k), k, CASE WHEN n % 4 = 0 THEN ARRAY['P' || n] ELSE '{{}}' END, '{{}}',
  '', now(), now() FROM (SELECT n, md5(n::text) || CASE WHEN n % 10 = 3 THEN ' other' ELSE ' company ' || n END AS k
  FROM generate_series(1, {size}) n) g;
ANALYZE company, organization, connection;
"""


class Case:
    """A method with its request, and the statements that docbridged runs for it, ready for psql."""

    def __init__(self, method, request, statements):
        self.method, self.request, self.statements = method, request, statements

    def ours_ms(self, server, tenant, count):
        log = path("mapping.log")
        target(server, self.method, self.request, tenant).load(1, 1, count, log=log)
        return statistics.median(latencies_ms(log))

    def psql_ms(self, tenant, count):
        """Each statement's median by psql's own clock, one after the other on one connection; in sum."""
        lines = ["SET ROLE docbridge_server;", f"SET docbridge.tenant = '{tenant.name}';"]
        for number, sql in enumerate(self.statements):
            lines.append(f"PREPARE s{number} AS {sql};")
        lines.append("\\timing on")
        for number in range(len(self.statements)):
            lines += [f"EXECUTE s{number};"] * count
        script = stack.write("mapping.sql", "\n".join(lines).encode() + b"\n")
        text = output(["psql", "-X", "-q", "-At", "-h", path("postgres"), "-U", "docbridged", "-d", "docbridge", "-v",
                       "ON_ERROR_STOP=1", "-f", script]).decode()
        times = [float(time) for time in re.findall(r"(?m)^Time: ([\d.]+) ms", text)]
        if len(times) != count * len(self.statements):
            raise Broken(f"psql gave {len(times)} times")
        return sum(statistics.median(times[i * count:(i + 1) * count]) for i in range(len(self.statements)))


def filled(source, name, *arguments):
    sql = statement(source, name)
    return re.sub(r"\$(\d+)", lambda match: arguments[int(match.group(1)) - 1], sql)


def varint_field(number, value):
    if value > 127:
        raise Broken("a number too large for one byte")
    return bytes([number << 3, value])


def next_token(server, tenant, method, request, field):
    """The page token in an answer: the text of a field, by its number."""
    reply = call(server.address, method, request, tenant.token_file)
    at = 0
    while at < len(reply):
        tag, at = varint(reply, at)
        if tag & 7 == 0:
            _, at = varint(reply, at)
            continue
        size, at = varint(reply, at)
        if tag >> 3 == field:
            return reply[at:at + size]
        at += size
    raise Broken(f"{method} has no further page")


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def bytes_field(number, value):
    size = len(value)
    head = [size] if size < 128 else [size & 127 | 128, size >> 7]
    return bytes([number << 3 | 2, *head]) + value


def cases(server, tenant):
    name, connection = f"'{tenant.name}'", f"'{tenant.connection.split('/')[1]}'"
    parent, page = text_field(1, tenant.connection), varint_field(2, PAGE)
    listed = [name, connection, "true", "'{}'", "0", "NULL", "NULL", "-1", "''", "0", str(PAGE + 1)]
    count = filled("server/store/organization.c", "organization_count", *listed)
    middle = stack.psql(f"SELECT sort_name || ' ' || id FROM organization WHERE tenant = {name} ORDER BY sort_name, id"
                        f" LIMIT 1 OFFSET {PAGE - 1}").strip().rsplit(" ", 1)
    after = listed[:8] + [f"'{middle[0]}'", middle[1], listed[10]]
    token = next_token(server, tenant, SERVICE + "ListOrganizations", parent + page, 2)
    companies = [name, "true", "'{}'", "NULL", "NULL", "-1", "0", "''", "''", str(PAGE + 1)]
    return {
        "QuickMatch, preview": Case(
            SERVICE + "QuickMatch", parent + varint_field(2, 1) + varint_field(3, 1),
            [filled("server/store/mapping.c", "mapping_judge", name, connection, "1")]),
        "ListOrganizations, first page": Case(
            SERVICE + "ListOrganizations", parent + page,
            [count, filled("server/store/organization.c", "organization_list", *listed)]),
        "ListOrganizations, next page": Case(
            SERVICE + "ListOrganizations", parent + page + bytes_field(3, token),
            [count, filled("server/store/organization.c", "organization_list_after", *after)]),
        "ListCompanies, first page": Case(
            COMPANIES, varint_field(1, PAGE),
            [filled("server/store/company.c", "company_count", *companies),
             filled("server/store/company.c", "company_list", *companies)]),
    }


def mapping(report, server, plan):
    tenant = stack.Tenant("mapping", server)
    tenant.connection = "connections/mapping"
    stack.psql(SEED.format(tenant=tenant.name, connection="mapping", size=SIZE))
    for title, case in cases(server, tenant).items():
        quick = title.startswith("QuickMatch")
        count = 10 if quick else 100
        ours, floor = [], []
        for _ in range(plan.rounds):
            ours.append(case.ours_ms(server, tenant, count))
            floor.append(case.psql_ms(tenant, count))
        report.add(f"{title} of {SIZE:,}", "median vs psql", ours, floor, "ms", "< 1000" if quick else "< 10", of="ours",
                   inverse=True, note="the same statements, prepared, by psql's own clock; one call at a time")
    expect_no_failures(server)
