"""Which misses count, and which of them repeat an earlier breach."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.assessment.domain.facts import Case, Miss
from services.assessment.domain.rulebook import Clause, RuleBook

__all__ = ["Breach", "breaches", "chargeable", "place"]


class Breach(NamedTuple):
    """A chargeable miss, the clause it breaks, and the earlier miss that makes it a repeat, if any."""

    miss: Miss
    clause: Clause
    previous: Miss | None


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
        for miss, clause in sorted(group, key=lambda pair: place(pair[0])):
            yield Breach(miss, clause, earlier if _repeats(miss, clause, earlier) else None)
            earlier = miss


def _with_clause(misses: Iterable[Miss], books: Mapping[int, RuleBook]) -> Iterator[tuple[Miss, Clause]]:
    for miss in misses:
        clause = books[miss.rule_book_version].clause_for(miss.kind)
        if clause is not None:
            yield miss, clause


def _repeats(miss: Miss, clause: Clause, earlier: Miss | None) -> bool:
    if earlier is None or clause.repeat is None:
        return False
    return miss.occurred_at - earlier.occurred_at <= clause.repeat.within


def _order(miss: Miss) -> tuple[datetime, UUID]:
    return miss.occurred_at, miss.event_id


def place(miss: Miss) -> tuple[datetime, UUID, UUID]:
    """Return where a miss stands among those of its unit and kind of clock."""
    return miss.occurred_at, miss.case_id, miss.deadline_id
