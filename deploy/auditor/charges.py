"""What each case must cost, worked out again from the rule book's own words, slowly and by hand.

Written from the published way of counting, not from the product's code:

- a missed clock breaks the clause whose trigger names its kind; the base amount may depend on the urgency;
- where the same unit broke the same clause within the clause's days before, by event time, it pays the repeat
  amount;
- linked shares are lines of their own on top, a percentage of the base line as charged, or a fixed amount;
- each further workday of a late completion is a line of its own until base and days reach the clause's cap;
- what the lines of a case, in the order of their events, exceed the case cap by is given back to the unit and
  month of the line that exceeds it;
- a case that fell back to a unit for lack of a rule counts for it only once it took the case.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from deploy.auditor.rows import Miss, OverdueWorkday

__all__ = ["Key", "Line", "expected_lines", "month_of", "percent_of"]

Key = tuple[str, str, str]
"""Case, clause and occurrence."""

_SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a case: fen are positive for a deduction, negative for what is given back."""

    key: Key
    unit: str
    month: str
    fen: int
    at: datetime
    version: int


def month_of(at: datetime) -> str:
    """The month of an instant in Asia/Shanghai, such as 2019-04."""
    local = at.astimezone(_SHANGHAI)
    return f"{local.year:04d}-{local.month:02d}"


def percent_of(fen: int, percent: int) -> int:
    """A percentage of an amount, half a fen rounded up."""
    whole, rest = divmod(fen * percent, 100)
    return whole + (1 if rest >= 50 else 0)  # noqa: PLR2004 - half of a hundred


def expected_lines(
    misses: Iterable[Miss],
    overdue: Iterable[OverdueWorkday],
    books: Mapping[int, Mapping[str, Any]],
    not_taken: Mapping[str, str],
) -> dict[Key, Line]:
    """Return every line that must be in force.

    `not_taken` names, by case, the unit it fell back to and that left it alone.
    """
    days: dict[str, dict[int, OverdueWorkday]] = defaultdict(dict)
    for day in overdue:
        days[day.deadline_id][day.workday] = day
    counted = {miss.deadline_id: miss for miss in misses if not_taken.get(miss.case_id) != miss.unit}
    lines: dict[str, list[Line]] = defaultdict(list)
    for miss, clause, repeated in _breaches(counted.values(), books):
        base = _base_fen(miss, clause, repeated=repeated)
        lines[miss.case_id] += [
            _line(miss, clause, miss.deadline_id, base),
            *_linked(miss, clause, base),
            *_further(miss, clause, base, days[miss.deadline_id]),
        ]
    everything = [line for one in lines.values() for line in (*one, *_given_back(one, books))]
    return {line.key: line for line in everything}


def _breaches(
    misses: Iterable[Miss], books: Mapping[int, Mapping[str, Any]]
) -> Iterable[tuple[Miss, Mapping[str, Any], bool]]:
    """Yield each miss that a clause speaks of, and whether it repeats an earlier one."""
    by_clause: dict[tuple[str, str], list[tuple[Miss, Mapping[str, Any]]]] = defaultdict(list)
    for miss in misses:
        for clause in books[miss.rule_book_version]["clauses"]:
            if clause["trigger"] == {"deadline": miss.kind}:
                by_clause[miss.unit, clause["code"]].append((miss, clause))
    for broken in by_clause.values():
        broken.sort(key=lambda each: (each[0].occurred_at, each[0].case_id, each[0].deadline_id))
        for place, (miss, clause) in enumerate(broken):
            repeat = clause.get("repeat")
            before = broken[place - 1][0].occurred_at if place else None
            near = (
                before is not None and repeat and miss.occurred_at - before <= timedelta(days=repeat["days"])
            )
            yield miss, clause, bool(near)


def _base_fen(miss: Miss, clause: Mapping[str, Any], *, repeated: bool) -> int:
    base = int(clause.get("base_fen_by_urgency", {}).get(miss.urgency, clause["base_fen"]))
    if not repeated:
        return base
    repeat = clause["repeat"]
    return int(repeat["fen"]) if "fen" in repeat else base * int(repeat["multiplier"])


def _linked(miss: Miss, clause: Mapping[str, Any], base: int) -> Iterable[Line]:
    for share in clause.get("linked", ()):
        fen = int(share["fen"]) if "fen" in share else percent_of(base, int(share["percent"]))
        yield _line(miss, clause, f"{miss.deadline_id}:{share['post']}", fen)


def _further(
    miss: Miss, clause: Mapping[str, Any], base: int, days: Mapping[int, OverdueWorkday]
) -> Iterable[Line]:
    rule = clause.get("further_workday")
    total = base
    if rule is None:
        return
    for number in sorted(days):
        fen = min(int(rule["fen"]), int(rule["cap_fen"]) - total)
        if fen > 0:
            total += fen
            day = days[number]
            key = (miss.case_id, clause["code"], f"{miss.deadline_id}:w{number}")
            at = day.occurred_at
            yield Line(key, day.unit, month_of(at), fen, at, miss.rule_book_version)


def _line(miss: Miss, clause: Mapping[str, Any], occurrence: str, fen: int) -> Line:
    key = (miss.case_id, clause["code"], occurrence)
    return Line(key, miss.unit, month_of(miss.occurred_at), fen, miss.occurred_at, miss.rule_book_version)


def _given_back(lines: Sequence[Line], books: Mapping[int, Mapping[str, Any]]) -> Iterable[Line]:
    """Yield, per unit and month, what brings one case back to its cap."""
    in_order = sorted(lines, key=lambda line: (line.at, line.key))
    cap = books[in_order[0].version]["caps"]["case"]
    room = int(cap["fen"])
    back: dict[tuple[str, str], int] = defaultdict(int)
    latest: dict[tuple[str, str], Line] = {}
    for line in in_order:
        over = max(0, line.fen - room)
        room = max(0, room - line.fen)
        if over:
            back[line.unit, line.month] += over
            latest[line.unit, line.month] = line
    for (unit, month), fen in back.items():
        line = latest[unit, month]
        key = (line.key[0], str(cap["code"]), f"{unit}:{month}")
        yield Line(key, unit, month, -fen, line.at, line.version)
