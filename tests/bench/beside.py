"""What reveals take while docbridged does something else: one at a time, beside the upstream's own answer."""

import json
import threading

import reveal
import stack
from measure import Broken, quantile

BLOCK = 8  # reveals, and as many requests straight to upstream, in turns


class Password:
    """A password that a tenant may reveal, and an upstream of the same latency to compare with."""

    def __init__(self, tenant, server, floor):
        self.tenant, self.floor = tenant, floor
        company = stack.psql(
            "SELECT m.company_id FROM record r JOIN mapping m ON m.tenant = r.tenant AND m.connection_id = r.connection_id"
            f" AND m.organization_id = r.organization_id WHERE r.tenant = '{tenant.name}' AND r.kind = 9"
            " GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1").strip()
        tenant.cli("config", "access", "set", company, "--level", "all")
        entries = json.loads(tenant.cli("-o", "json", "passwords", "list", f"companies/{company}", "--limit", "50"))
        name = next(entry["name"] for entry in entries["passwords"] if entry.get("revealable"))
        self.reveals = reveal.Reveals(server, tenant, name, True)
        there = floor.ask("GET", "/account/dump?collection=passwords")[0]["id"]
        self.url = f"{floor.url}/passwords/{there}?show_password=true"

    def block(self):
        """Milliseconds: of some reveals, and of some answers of upstream alone."""
        return self.reveals.load(1, BLOCK)[1], reveal.upstream_ms(self.url, BLOCK, self.floor.key_file)


def added_ms(blocks, share):
    """A quantile of the reveals less the same one of upstream alone."""
    ours, floor = (sorted(one for block in blocks for one in block[side]) for side in (0, 1))
    return quantile(ours, share) - quantile(floor, share)


class Beside(threading.Thread):
    """Reveals until it is stopped, with a pause after each block."""

    def __init__(self, password, pause_s):
        super().__init__()
        self.password, self.pause_s, self.blocks, self.broken = password, pause_s, [], None
        self.over = threading.Event()

    def run(self):
        try:
            while not self.over.is_set():
                self.password.tenant.refresh()
                self.blocks.append(self.password.block())
                self.over.wait(self.pause_s)
        except Broken as broken:
            self.broken = broken

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_error):
        self.over.set()
        self.join()
        if self.broken:
            raise self.broken
