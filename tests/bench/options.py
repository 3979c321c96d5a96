"""What to measure, and how long and how often. Run by itself it only looks at the arguments."""

import argparse
import dataclasses


@dataclasses.dataclass
class Plan:
    """How long and how often."""

    rounds: int
    seconds: float  # of one load
    turns: int  # of servers that are loaded one after the other; many and short, since the machine's speed changes
    turn_seconds: float
    stall_requests: int
    stall_rounds: int
    connections: int  # idle ones, plaintext; a quarter with mTLS
    wave: int
    sync_rounds: int
    sync_seconds: int  # a run of the sync that takes longer is cut off
    reveals: int
    tokens: int
    audit_events: int  # of an export
    search_companies: int
    limit: tuple  # requests in a window of so many seconds, of one large account
    limit_windows: int  # that account's requests are so many of its shares and a quarter
    accounts: int  # synced at once
    budget: float  # seconds for all sections; what is not begun by then is not measured
    until: float = 0  # when the section must have come to an end


# Shares of the budget, by what each section takes on an idle machine.
SHARES = {"unary": 0.19, "mtls": 0.025, "reading": 0.07, "mapping": 0.025, "memory": 0.035, "start": 0.015,
          "token": 0.025, "parse": 0.02, "sync": 0.115, "reveal": 0.04, "audit": 0.04, "account": 0.25, "requests": 0.03, "search": 0.12}

FULL = Plan(rounds=5, seconds=1.2, turns=13, turn_seconds=0.45, stall_requests=200000, stall_rounds=3,
            connections=2000, wave=5000, sync_rounds=3, sync_seconds=60, reveals=1000, tokens=2000,
            audit_events=1000000, search_companies=200, limit=(3000, 300), limit_windows=1, accounts=200, budget=1650)
QUICK = Plan(rounds=3, seconds=0.4, turns=3, turn_seconds=0.4, stall_requests=60000, stall_rounds=1, connections=400,
             wave=1500, sync_rounds=1, sync_seconds=60, reveals=200, tokens=400, audit_events=100000,
             search_companies=20, limit=(300, 30), limit_windows=1, accounts=24, budget=340)
SECTIONS = list(SHARES)


def options():
    parser = argparse.ArgumentParser(prog="./dev bench")
    parser.add_argument("--quick", action="store_true", help="three short rounds: for a look, not for a claim")
    parser.add_argument("--only", default=",".join(SECTIONS), metavar="SECTION,...",
                        help="some of " + ", ".join(SECTIONS))
    chosen = parser.parse_args()
    chosen.only = chosen.only.split(",")
    unknown = set(chosen.only) - set(SECTIONS)
    if unknown:
        parser.error(f"no section is called {', '.join(sorted(unknown))}")
    return chosen


if __name__ == "__main__":
    options()
