"""Lists of 50 rows and a document against pgbench running the same statements on as many connections."""

import dataclasses
import json
import re

import stack
from measure import Broken, output
from stack import POOL, expect_no_failures, statement, target, text_field

ROWS = 50
SIGHT = ("server/store/sight.c", "sight_get", ("tenant", "company", "kind"))
CALLER = ("tenant", "'61000'", "'ada'", "'2026-01-01'")
LISTED = ("tenant", "company", "''", "zero", "many", "zero")
LISTED_PASSWORDS = ("tenant", "company", "connection", "NULL", "''", "zero", "many", "zero", "'ada'", "zero")

# The tenant has documents and checklists of all companies: here the company has many, with bodies as they are stored.
COPY = """
INSERT INTO record SELECT (jsonb_populate_record(s.stored, jsonb_build_object('id', 1000000000 + n,
    'organization_id', o.id, 'restricted', false, 'archived', false, 'folder_id', 0, 'publish_time', now(),
    'display_name', s.display_name || ' ' || n))).*
  FROM (SELECT organization_id AS id FROM mapping WHERE tenant = '{tenant}' AND company_id = '{company}' LIMIT 1) o
  CROSS JOIN (SELECT display_name, row_number() OVER (PARTITION BY kind ORDER BY id) AS place, r AS stored
    FROM record r WHERE tenant = '{tenant}' AND kind IN (4, 6) AND octet_length(body::text) > 200) s
  CROSS JOIN LATERAL generate_series(s.place, 400, 100) n WHERE s.place <= 100;
"""


@dataclasses.dataclass
class Case:
    """A method, its request, and the statement behind that of the company's sight."""

    title: str
    method: str
    request: bytes
    source: str
    name: str
    arguments: tuple
    rows: int  # that the statement finds: of a list one more than is asked for, of a document its sections


def open_company(tenant):
    """A mapped company with more than a page of entries, all of which may be seen."""
    found = stack.psql(
        "SELECT m.company_id FROM record r JOIN mapping m ON m.tenant = r.tenant AND m.connection_id = r.connection_id"
        f" AND m.organization_id = r.organization_id WHERE r.tenant = '{tenant.name}' AND r.kind = 9"
        " GROUP BY 1 HAVING count(*) > 80 ORDER BY count(*), 1 LIMIT 1").strip()
    if not found:
        raise Broken("no company has enough passwords")
    tenant.cli("config", "access", "set", found, "--level", "all")
    return found


def cases(company, document, sections):
    parent = text_field(1, f"companies/{company}") + bytes([2 << 3, ROWS])
    service, source = "/docbridge.v1.DocumentationService/", "server/store/documentation.c"
    listed = {
        "ListDocuments": "documentation_list_documents",
        "ListFlexibleAssets": "documentation_list_flexible_assets",
        "ListChecklists": "documentation_list_checklists",
    }
    return [
        Case("ListPasswords, 50 rows", "/docbridge.v1.PasswordService/ListPasswords", parent,
             "server/store/password.c", "password_list", LISTED_PASSWORDS, ROWS + 1),
        *(Case(f"{method}, 50 rows", service + method, parent, source, name, LISTED, ROWS + 1)
          for method, name in listed.items()),
        Case("GetDocument", service + "GetDocument", text_field(1, f"companies/{company}/documents/{document}"), source,
             "documentation_get_document", ("tenant", "company", "document"), sections),
    ]


def filled(source, name, arguments, values):
    """A statement with `values` in place of $1, $2, ...: what docbridged passes for a first page."""
    # pgbench has no parameter that is NULL or empty: those stand in the text.
    return re.sub(r"\$(\d+)", lambda match: values.get(arguments[int(match.group(1)) - 1],
                                                      arguments[int(match.group(1)) - 1]), statement(source, name))


def parameters(tenant, company, document):
    return {"tenant": tenant.name, "company": company, "connection": tenant.connection.split("/")[1], "kind": "3",
            "zero": "0", "many": str(ROWS + 1), "document": document}


def check(case, values):
    """The statement as the benchmark fills it finds what docbridged answers, of a list also what tells of more."""
    literal = {name: f"'{value}'" for name, value in values.items()}
    found = stack.psql("SET ROLE docbridge_server; SET docbridge.tenant = " + literal["tenant"] +
                       "; SET docbridge.connection = " + literal["connection"] +
                       f"; SELECT count(*) FROM ({filled(case.source, case.name, case.arguments, literal)}) page",
                       user="docbridged").strip()
    if found != str(case.rows):
        raise Broken(f"{case.title}: the statement finds {found} rows")


def script(case, values):
    """One call as a pgbench script: one pipeline, its parameters as docbridged has them."""
    named = {name: f":{name}" for name in values}
    return "\n".join([
        "\\startpipeline", "BEGIN;",
        filled(*stack.OPENING, CALLER, named) + ";",
        filled(*SIGHT, named) + ";",
        filled(case.source, case.name, case.arguments, named) + ";",
        "COMMIT;", "\\endpipeline", ""])


def pgbench(case, values, seconds):
    stack.write("reading.pgbench", script(case, values).encode())
    argv = ["env", "PGOPTIONS=-c role=docbridge_server", "pgbench", "-n", "-M", "prepared", "-h",
            stack.path("postgres"), "-U", "docbridged", "-c", str(POOL), "-j", "1", "-T", str(max(1, round(seconds))), "-f",
            stack.path("reading.pgbench")]
    for name, value in values.items():
        argv += ["-D", f"{name}={value}"]
    text = output(argv + ["docbridge"]).decode()
    if not re.search(r"number of failed transactions: 0 ", text):
        raise Broken(f"pgbench: {text}")
    return float(re.search(r"tps = ([\d.]+) \(without", text).group(1))


def measure(report, server, tenant, case, values, plan):
    check(case, values)
    ours = target(server, case.method, case.request, tenant)
    ours.load(POOL, 10, 400)
    rate = ours.load(POOL, 10, 400)["rate"]
    seconds = max(1.0, plan.seconds)
    pgbench(case, values, 1)
    results, floor = [], []
    for _ in range(plan.rounds):
        results.append(ours.load(POOL, 10, max(200, int(rate * seconds))))
        floor.append(pgbench(case, values, seconds))
    report.add("reading", f"{case.title}, vs pgbench -c {POOL}", [r["rate"] for r in results], floor, "req/s", ">= 0.7",
               note="the same statements, prepared, in one pipeline a transaction; statistics are fresh")
    report.add("reading", f"{case.title}, CPU of docbridged", [r["cpu_us"] for r in results], [], "us/req")


def reading(report, server, tenant, plan):
    company = open_company(tenant)
    organization = stack.psql("SELECT organization_id FROM mapping WHERE"
                              f" tenant = '{tenant.name}' AND company_id = '{company}' LIMIT 1").strip()
    tenant.cli("sync", "run", "--task", "documents", "--task", "checklists", "--watch", seconds=600)
    # Those of one organization: the words of all would still be indexed beside what is measured.
    tenant.cli("sync", "run", "--task", "flexible-assets", "--org", f"{tenant.connection}/organizations/{organization}",
               "--watch", seconds=600)
    stack.psql(COPY.format(tenant=tenant.name, company=company))
    stack.settle(server)
    listed = json.loads(tenant.cli("-o", "json", "passwords", "list", f"companies/{company}", "--limit", str(ROWS)))
    if len(listed.get("passwords", [])) != ROWS:
        raise Broken(f"{company} lists {len(listed.get('passwords', []))} passwords")
    # The one of middle size.
    document = stack.psql("SELECT (percentile_disc(0.5) WITHIN GROUP (ORDER BY ARRAY[octet_length(body::text), id]))[2]"
                          f" FROM record WHERE tenant = '{tenant.name}' AND kind = 4 AND id > 1000000000").strip()
    values = parameters(tenant, company, document)
    sections = int(stack.psql(f"SELECT jsonb_array_length(body->'sections') FROM record WHERE tenant = '{tenant.name}'"
                              f" AND kind = 4 AND id = {document}"))
    for case in cases(company, document, sections):
        measure(report, server, tenant, case, values, plan)
    expect_no_failures(server)
