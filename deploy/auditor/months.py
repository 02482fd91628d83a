"""What each unit's month must give back, and where an entry may be booked, worked out again by hand.

Written from the published rules, not from the product's code:

- an entry belongs to the month of its evidence; where that is frozen, it is booked in the next month that is
  not, and names its own;
- a unit's pool in a month is the one entered for the latest month up to then, and of several for that month
  the one entered last; where it has no amount, or there is none, the month has no cap;
- the cap is a percentage of the pool, half a fen rounded up, by the newest rule-book version that is in force
  in that month, from whatever day on; a version that names no such cap sets none;
- what the entries of cases booked in a unit's month, reversals included, charge beyond its cap is given back
  to that month by one line of its own, which is never carried elsewhere.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from deploy.auditor.charges import month_of, percent_of
from deploy.auditor.rows import Assessment, Entry, EntryKey, Pool

__all__ = ["CREDIT_CODE", "Credit", "expected_credits", "misplacement"]

CREDIT_CODE = "C-MONTH-CAP"
"""The clause by which a unit's month gets something back; rule books name only its percentage."""

_DECEMBER = 12


class Credit(NamedTuple):
    """What a unit's month gets back, in positive fen."""

    unit: str
    month: str
    fen: int


def expected_credits(facts: Assessment) -> dict[EntryKey, Credit]:
    """Return every credit of a unit's month that must be in force, given the entries of cases."""
    charged: dict[tuple[str, str], int] = defaultdict(int)
    for entry in facts.entries:
        if entry.case_id is not None:
            charged[entry.unit, entry.month] -= entry.amount_fen
    expected: dict[EntryKey, Credit] = {}
    for (unit, month), fen in charged.items():
        rule, pool_fen = _cap_rule(month, facts.books), _pool_fen(unit, month, facts.pools)
        if rule is None or pool_fen is None:
            continue
        over = fen - percent_of(pool_fen, int(rule["percent"]))
        if over > 0:
            expected[None, CREDIT_CODE, f"{unit}:{month}"] = Credit(unit, month, over)
    return expected


def misplacement(entry: Entry, frozen: Mapping[str, datetime]) -> str | None:
    """Say (Chinese) what is wrong with the month an entry is booked in; None where nothing is."""
    frozen_at = frozen.get(entry.month)
    if frozen_at is not None and entry.posted_at > frozen_at:
        return f"{entry.month} 冻结以后又记入分录"
    if entry.frozen_month is None:
        return None
    if entry.case_id is None:
        return f"{entry.frozen_month} 的整月分录记入了 {entry.month}"
    if entry.month <= entry.frozen_month:
        return f"{entry.frozen_month} 的分录没有记入之后的月份，而是记入 {entry.month}"
    due = _next_open(entry.frozen_month, frozen)
    return None if entry.month <= due else f"{entry.frozen_month} 的分录越过未冻结的 {due} 记入 {entry.month}"


def _next_open(month: str, frozen: Container[str]) -> str:
    while month in frozen:
        year, number = int(month[:4]), int(month[5:])
        month = f"{year + 1:04d}-01" if number == _DECEMBER else f"{year:04d}-{number + 1:02d}"
    return month


def _cap_rule(month: str, books: Mapping[int, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The cap of a unit's month by the rule book that rules the month, if it has one."""
    in_force = [
        version
        for version, body in books.items()
        if month_of(datetime.fromisoformat(str(body["in_force_from"]))) <= month
    ]
    return books[max(in_force)]["caps"].get("unit_month_percent_of_pool") if in_force else None


def _pool_fen(unit: str, month: str, pools: Iterable[Pool]) -> int | None:
    held = [one for one in pools if one.unit == unit and one.from_month <= month]
    return max(held, key=lambda one: (one.from_month, one.entered_at)).amount_fen if held else None
