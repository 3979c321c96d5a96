"""ListPasswords of 50 rows against pgbench running the same statements on as many connections."""

import json
import re

import stack
from measure import Broken, output
from stack import POOL, expect_no_failures, statement, target, text_field

METHOD = "/docbridge.v1.PasswordService/ListPasswords"
ROWS = 50


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


def statements(values):
    """SQL of one call with `values` in place of $1, $2, ...: what docbridged passes for a first page."""
    def filled(source, name, arguments):
        sql = statement(source, name)
        return re.sub(r"\$(\d+)", lambda match: values.get(arguments[int(match.group(1)) - 1],
                                                          arguments[int(match.group(1)) - 1]), sql)

    # pgbench has no parameter that is NULL or empty: those stand in the text.
    return [filled("server/store/sight.c", "sight_get", ["tenant", "company", "kind"]),
            filled("server/store/password.c", "password_list",
                   ["tenant", "company", "connection", "NULL", "''", "zero", "many", "zero", "'ada'", "zero"])]


def parameters(tenant, company):
    return {"tenant": tenant.name, "company": company, "connection": tenant.connection.split("/")[1], "kind": "3",
            "zero": "0", "many": str(ROWS + 1)}


def check(tenant, company):
    """The statement as the benchmark fills it finds what docbridged lists: a page, and the row that tells of more."""
    literal = {name: f"'{value}'" for name, value in parameters(tenant, company).items()}
    found = stack.psql("SET ROLE docbridge_server; SET docbridge.tenant = " + literal["tenant"] +
                       f"; SELECT count(*) FROM ({statements(literal)[1]}) page", user="docbridged").strip()
    if found != str(ROWS + 1):
        raise Broken(f"the statement of the list finds {found} rows")


def script(tenant, company):
    """One call as a pgbench script: one pipeline, its parameters as docbridged has them."""
    sight, listing = statements({name: f":{name}" for name in parameters(tenant, company)})
    return "\n".join([
        "\\startpipeline", "BEGIN;",
        "SELECT set_config('docbridge.tenant', :tenant, true), set_config('statement_timeout', '61000', true);",
        sight + ";", listing + ";", "COMMIT;", "\\endpipeline", ""])


def pgbench(tenant, company, seconds):
    stack.write("list.pgbench", script(tenant, company).encode())
    argv = ["env", "PGOPTIONS=-c role=docbridge_server", "pgbench", "-n", "-M", "prepared", "-h", stack.path("postgres"),
            "-U", "docbridged", "-c", str(POOL), "-j", "1", "-T", str(max(1, round(seconds))), "-f",
            stack.path("list.pgbench")]
    for name, value in parameters(tenant, company).items():
        argv += ["-D", f"{name}={value}"]
    text = output(argv + ["docbridge"]).decode()
    if not re.search(r"number of failed transactions: 0 ", text):
        raise Broken(f"pgbench: {text}")
    return float(re.search(r"tps = ([\d.]+) \(without", text).group(1))


def lists(report, server, tenant, plan):
    company = open_company(tenant)
    stack.psql("ANALYZE", user="docbridge_owner")
    listed = json.loads(tenant.cli("-o", "json", "passwords", "list", f"companies/{company}", "--limit", str(ROWS)))
    if len(listed.get("passwords", [])) != ROWS:
        raise Broken(f"{company} lists {len(listed.get('passwords', []))} passwords")
    check(tenant, company)
    ours = target(server, METHOD, text_field(1, f"companies/{company}") + bytes([2 << 3, ROWS]), tenant)
    ours.load(POOL, 10, 400)
    rate = ours.load(POOL, 10, 400)["rate"]
    seconds = max(1.0, plan.seconds)
    pgbench(tenant, company, 1)
    results, floor = [], []
    for _ in range(plan.rounds):
        results.append(ours.load(POOL, 10, max(200, int(rate * seconds))))
        floor.append(pgbench(tenant, company, seconds))
    expect_no_failures(server)
    report.add("ListPasswords, 50 rows", f"vs pgbench -c {POOL}", [r["rate"] for r in results], floor, "req/s", ">= 0.7",
               note="the same statements, prepared, in one pipeline a transaction; statistics are fresh")
    report.add("ListPasswords, 50 rows", "CPU of docbridged", [r["cpu_us"] for r in results], [], "us/req")
