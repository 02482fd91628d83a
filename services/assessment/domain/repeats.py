"""Which misses count, and which of them repeat an earlier breach."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.assessment.domain.facts import Case, ClockKind, Miss
from services.assessment.domain.rulebook import Clause, RuleBook

__all__ = ["Breach", "Window", "breaches", "chargeable", "windows_after", "windows_before"]


class Breach(NamedTuple):
    """A chargeable miss, the clause it breaks, and the earlier miss that makes it a repeat, if any."""

    miss: Miss
    clause: Clause
    previous: Miss | None


@dataclass(frozen=True, slots=True)
class Window:
    """The misses of one unit and kind of clock with `since <= occurred_at <= until`."""

    unit: str
    kind: ClockKind
    since: datetime
    until: datetime


def chargeable(cases: Mapping[UUID, Case], misses: Iterable[Miss]) -> list[Miss]:
    """Return each deadline's miss once, without those that do not count for their unit."""
    once = {miss.deadline_id: miss for miss in sorted(misses, key=_order, reverse=True)}
    return [miss for miss in once.values() if cases[miss.case_id].counts_for(miss.unit)]


def breaches(misses: Iterable[Miss], books: Mapping[int, RuleBook]) -> Iterator[Breach]:
    """Yield what chargeable misses break, in event order within each unit and clause."""
    groups: dict[tuple[str, str], list[tuple[Miss, Clause]]] = defaultdict(list)
    for miss, clause in _with_clause(misses, books):
        groups[miss.unit, clause.code].append((miss, clause))
    for group in groups.values():
        earlier: Miss | None = None
        for miss, clause in sorted(group, key=lambda pair: _place(pair[0])):
            yield Breach(miss, clause, earlier if _repeats(miss, clause, earlier) else None)
            earlier = miss


def windows_before(misses: Iterable[Miss], books: Mapping[int, RuleBook]) -> tuple[Window, ...]:
    """Return where the misses lie that decide whether these are repeats."""
    return _joined(
        Window(miss.unit, miss.kind, miss.occurred_at - clause.repeat.within, miss.occurred_at)
        for miss, clause in _with_clause(misses, books)
        if clause.repeat is not None
    )


def windows_after(misses: Iterable[Miss], books: Mapping[int, RuleBook]) -> tuple[Window, ...]:
    """Return where the misses lie that these make repeats: their cases must be scored again."""
    return _joined(
        Window(miss.unit, miss.kind, miss.occurred_at, miss.occurred_at + clause.repeat.within)
        for miss, clause in _with_clause(misses, books)
        if clause.repeat is not None
    )


def _with_clause(misses: Iterable[Miss], books: Mapping[int, RuleBook]) -> Iterator[tuple[Miss, Clause]]:
    for miss in misses:
        clause = books[miss.rule_book_version].clause_for(miss.kind)
        if clause is not None:
            yield miss, clause


def _repeats(miss: Miss, clause: Clause, earlier: Miss | None) -> bool:
    if earlier is None or clause.repeat is None:
        return False
    return miss.occurred_at - earlier.occurred_at <= clause.repeat.within


def _joined(windows: Iterable[Window]) -> tuple[Window, ...]:
    """Join windows of one unit and kind that overlap, so that each miss is read once."""
    joined: list[Window] = []
    for window in sorted(windows, key=lambda w: (w.unit, w.kind, w.since, w.until)):
        last = joined[-1] if joined else None
        if last and (last.unit, last.kind) == (window.unit, window.kind) and window.since <= last.until:
            joined[-1] = Window(last.unit, last.kind, last.since, max(last.until, window.until))
        else:
            joined.append(window)
    return tuple(joined)


def _order(miss: Miss) -> tuple[datetime, UUID]:
    return miss.occurred_at, miss.event_id


def _place(miss: Miss) -> tuple[datetime, UUID, UUID]:
    return miss.occurred_at, miss.case_id, miss.deadline_id
