"""What syncs cost in requests, as upstream counts them, beside the fewest that its account takes."""

import collections
import re

import account
import sync
from measure import Broken

PAGE, DOCUMENT_PAGE = 1000, 100
ROWS = {"passwords": 95000, "flexible_assets": 95000, "checklists": 8000, "documents": 2000}
ORGANIZATIONS = 40
# Apart: they have no documented sort, and an interval of their own.
DOCUMENTS = ("documents", "document_folders", "documents: the form of the folder filter")


def pages(rows, size=PAGE):
    """An empty list takes a request, too."""
    return max(1, -(-rows // size))


def collection_of(request):
    """What a request was for: a collection, or one of the probes by its name."""
    name = request["path"].strip("/").rsplit("/", 1)[-1]
    query = request["query"]
    if name == "documents" and re.search(r"page\[size\]=1(&|$)", query):
        return "documents: the form of the folder filter"
    if "psa_id" in query:
        return "organizations: the kind of PSA"
    return name


class Account:
    """The emulator's own account, of the mapped organizations: rows and the fewest requests, by collection."""

    def __init__(self, upstream, mapped):
        summary = upstream.ask("GET", "/account/summary")
        everywhere, owners = summary["collections"], [summary["organizations"][one] for one in mapped]
        types = [row["id"] for row in upstream.ask("GET", "/account/dump?collection=flexible_asset_types")
                 if row["attributes"]["enabled"]]
        by_type = collections.Counter(str(row["attributes"]["flexible-asset-type-id"])
                                      for row in upstream.ask("GET", "/account/dump?collection=flexible_assets"))
        passwords = [row for row in upstream.ask("GET", "/account/dump?collection=passwords")
                     if not row["attributes"]["personal"]]
        self.types = len(types)
        self.rows = {"organizations": everywhere["organizations"], "passwords": len(passwords),
                     "flexible_assets": sum(by_type[one] for one in types), "checklists": everywhere["checklists"],
                     "checklist_templates": everywhere["checklist_templates"],
                     "documents": sum(owner["documents"] for owner in owners),
                     "flexible_asset_types": everywhere["flexible_asset_types"],
                     "password_categories": everywhere["password_categories"]}
        self.bound = {name: pages(self.rows[name]) for name in
                      ("organizations", "passwords", "checklists", "checklist_templates", "password_categories")}
        self.bound["flexible_asset_types"] = pages(self.rows["flexible_asset_types"], 100)
        # Upstream lists assets by type only, documents and folders by organization only.
        self.bound["flexible_assets"] = sum(pages(by_type[one]) for one in types)
        self.bound["documents"] = sum(pages(owner["documents"], DOCUMENT_PAGE) for owner in owners)
        documents = upstream.ask("GET", "/account/dump?collection=documents")
        for name, rows, key in (("password_folders", passwords, "password-folder-id"),
                                ("document_folders", documents, "document-folder-id")):
            foldered = {str(row["organization_id"]) for row in rows if row["attributes"][key] is not None}
            listed = [summary["organizations"][one][name] for one in mapped if one in foldered]
            self.rows[name] = sum(listed)
            self.bound[name] = sum(map(pages, listed))


def cost(upstream, tenant, program, mode):
    """Requests of a run by collection, and what EstimateSync said before it."""
    said = tenant.jsonl("sync", "estimate", "--mode", mode)[0]
    upstream.ask("DELETE", "/requests")
    run = sync.run(tenant, program, 300, mode=mode)
    answer = upstream.ask("GET", "/requests?limit=100000")
    requests = answer if isinstance(answer, list) else answer["requests"]
    if run["requests"] != len(requests) or not run["whole"]:
        raise Broken(f"the run says {run['requests']} requests, upstream counted {len(requests)}")
    return collections.Counter(collection_of(one) for one in requests), int(said["requestCount"])


def without_documents(counts):
    return sum(count for name, count in counts.items() if name not in DOCUMENTS)


def change(upstream, one_in):
    """One row in so many is changed, in each collection."""
    changed = 0
    for name in ROWS:
        rows = upstream.ask("GET", f"/account/dump?collection={name}")[::one_in]
        changed += len(rows)
        for begin in range(0, len(rows), 500):
            upstream.ask("POST", "/account/mutate", [
                {"op": "set_attribute", "collection": name, "id": row["id"], "key": "name", "value": f"changed {row['id']}"}
                for row in rows[begin:begin + 500]])
    return changed


def tell(report, line, requests, bound=None, goal=None, of="ratio", note=""):
    report.add("requests", line, [requests], [bound] if bound is not None else [], "requests", goal, of=of, note=note,
               inverse=True)


def compare_first(report, upstream, mapped, first, said):
    """A first full run beside the bound, collection by collection."""
    truth = Account(upstream, mapped)
    probes = {name: count for name, count in first.items() if ":" in name}
    for name, fewest in truth.bound.items():
        tell(report, f"first, {name}: {truth.rows[name]:,} rows", first[name], fewest)
    for name, count in probes.items():
        tell(report, f"first, probe of {name}", count)
    whole = sum(truth.bound.values()) + sum(probes.values())
    tell(report, f"first full run: {sum(truth.rows.values()):,} rows of {len(mapped)} organizations vs the bound",
         sum(first.values()), whole, "<= 1",
         note="the bound: for each list that upstream has the pages of its rows by the emulator's own account (1,000 a "
              "page, documents 100), and the probes")
    tell(report, "EstimateSync of it vs made", said, sum(first.values()),
         note="before the first run it counts documents, and says the most, since nobody knows whose records lie in "
              "folders (measured: false)")
    return truth


def requests(report):
    flags = [word for name, rows in ROWS.items() for word in (f"--{name.replace('_', '-')}", str(rows))]
    upstream = account.Upstream("requests", "--organizations", str(ORGANIZATIONS), "--document-bytes", "200", "--limit",
                                "0", *flags)
    program = account.server(upstream, "docbridged-requests")
    try:
        tenant = account.connect(upstream, program, "requests", upstream.companies())
        tenant.runs_ended()
        mapped = [one["upstreamId"] for one in tenant.jsonl("org", "list", "--state", "mapped")]
        first, said = cost(upstream, tenant, program, "full")
        compare_first(report, upstream, mapped, first, said)
        again, said = cost(upstream, tenant, program, "full")
        tell(report, "EstimateSync of a second full run vs made", said, sum(again.values()), "<= 1")
        base = without_documents(first)
        # After a full run a cursor is where that one's first page was, and a little more is read once.
        for line, goal in (("unchanged, the first after a full one", None), ("unchanged", "<= 0.05"), (None, None)):
            line = line or f"{change(upstream, 100):,} rows changed"
            counts, said = cost(upstream, tenant, program, "quick")
            tell(report, f"quick run, {line}, vs the first, both without documents", without_documents(counts), base, goal,
                 note="quick run, " + line + ": " + ", ".join(f"{name} {count}" for name, count in counts.most_common()))
            tell(report, f"quick run, {line}, documents", sum(counts.values()) - without_documents(counts))
            tell(report, f"EstimateSync of it vs made, {line}", said, sum(counts.values()))
    finally:
        program.stop()
        upstream.stop()
