"""Booking: what is added to the ledger, in which month, and what then caps a unit's month.

Locks go on from where scoring left off: cases, then the months (shared), then the units' months that have a
cap, in order.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.assessment.domain.ledger import (
    Entry,
    Posting,
    active_entries,
    corrections,
    into_open_months,
)
from services.assessment.domain.pools import Pool, UnitMonth, cap_of, credit_of, pool_of
from services.assessment.domain.rulebook import UnitMonthCap
from services.assessment.domain.scoring import Charge, ChargeKey
from services.assessment.store import cases, ledger, months
from services.assessment.usecases.books import Books
from shared import outbox
from shared.clock import Clock
from shared.contracts.assessment import LedgerEntryPosted, MonthEntryPosted
from shared.contracts.envelope import Event, Origin
from shared.ids import uuid7
from shared.outbox import Outgoing

__all__ = ["book", "cap_months"]

Rounds = Sequence[tuple[Entry, int]]
"""Entries, each with its round."""


class _News(NamedTuple):
    """An event that tells of an entry, and what it inherits."""

    event: Event
    origin: Origin
    causation: UUID


async def book(
    session: AsyncSession, postings: Sequence[Posting], booked: Rounds, *, books: Books, clock: Clock
) -> None:
    """Add what corrects the ledger of cases, tell of each entry, and cap the months of units it is booked in.

    `booked` is what the ledger holds of these cases; the caller has locked them.
    """
    await months.share_months(session)
    frozen = await months.list_frozen(session)
    pools = await months.list_pools(session)
    added = _in_rounds(into_open_months(postings, frozen), booked)
    await ledger.add_entries(session, added)
    origins = await _tell_of_cases(session, [entry for entry, _ in added], clock)
    capped = {place: origin for place, origin in origins.items() if pool_of(place, pools) is not None}
    await cap_months(session, capped, pools, books=books, clock=clock)


async def cap_months(
    session: AsyncSession,
    places: Mapping[UnitMonth, Origin],
    pools: Sequence[Pool],
    *,
    books: Books,
    clock: Clock,
) -> None:
    """Bring the credits of these open months of units to what their entries and pools make of them.

    `places` are told of with the origin given; the caller keeps months and pools as they are.
    """
    if not places:
        return
    await months.lock_unit_months(session, places)
    known = await books.load(session)
    desired: dict[ChargeKey, Charge] = {}
    for place, charged in (await ledger.list_charged(session, places)).items():
        cap = cap_of(place, pools, known)
        if cap is not None:
            desired |= credit_of(place, charged.amount_fen, charged.newest, cap)
    booked = await ledger.list_month_entries(session, places, UnitMonthCap.code)
    postings = corrections(active_entries(entry for entry, _ in booked), desired)
    if postings:
        added = _in_rounds(postings, booked)
        await ledger.add_entries(session, added)
        await _tell_of_months(session, [entry for entry, _ in added], places, clock)


def _in_rounds(postings: Iterable[Posting], booked: Rounds) -> Rounds:
    """Make entries of postings: a key is booked again only after its last entry was reversed."""
    rounds: Counter[ChargeKey] = Counter()
    for entry, round_ in booked:
        rounds[entry.posting.key] = max(round_, rounds[entry.posting.key])
    entries: list[tuple[Entry, int]] = []
    for posting in postings:
        if posting.reverses is None:
            rounds[posting.key] += 1
        entries.append((Entry(uuid7(), posting), rounds[posting.key]))
    return entries


async def _tell_of_cases(
    session: AsyncSession, entries: Sequence[Entry], clock: Clock
) -> dict[UnitMonth, Origin]:
    """Tell of entries of cases; return the months of units they are booked in, live where one of them is."""
    of_cases = [(case_id, one) for one in entries if (case_id := one.posting.key.case_id) is not None]
    first = await cases.next_numbers(session, Counter(case_id for case_id, _ in of_cases))
    origins: dict[UnitMonth, Origin] = {}
    told: dict[UUID, list[_News]] = {}
    for case_id, entry in of_cases:
        posting, origin = entry.posting, Origin(first[case_id][1])
        event = LedgerEntryPosted(complaint_id=case_id, frozen_month=posting.frozen_month, **_facts_of(entry))
        told.setdefault(case_id, []).append(_News(event, origin, posting.evidence[0]))
        place = UnitMonth(posting.unit, posting.month)
        origins[place] = Origin.LIVE if origins.get(place) is Origin.LIVE else origin
    await _publish(session, ((first[case_id][0], news) for case_id, news in told.items()), clock)
    return origins


async def _tell_of_months(
    session: AsyncSession, entries: Sequence[Entry], origins: Mapping[UnitMonth, Origin], clock: Clock
) -> None:
    told: dict[UnitMonth, list[_News]] = {}
    for entry in entries:
        posting = entry.posting
        place = UnitMonth(posting.unit, posting.month)
        event = MonthEntryPosted(**_facts_of(entry))
        told.setdefault(place, []).append(_News(event, origins[place], posting.evidence[0]))
    first = await months.next_numbers(session, {place: len(news) for place, news in told.items()})
    await _publish(session, ((first[place], news) for place, news in told.items()), clock)


def _facts_of(entry: Entry) -> dict[str, Any]:
    """What is told of every entry, whatever it concerns."""
    posting = entry.posting
    return {
        "entry_id": entry.entry_id,
        "unit": posting.unit,
        "clause": posting.key.clause,
        "occurrence": posting.key.occurrence,
        "amount_fen": posting.amount_fen,
        "month": posting.month,
        "rule_book_version": posting.rule_book_version,
        "reverses": posting.reverses,
    }


async def _publish(session: AsyncSession, told: Iterable[tuple[int, Sequence[_News]]], clock: Clock) -> None:
    """Publish what is told of each key, numbered from its first number on."""
    at = clock.now()
    await outbox.add_all(
        session,
        [
            Outgoing(one.event, seq, at, "assessment", one.origin, one.causation)
            for first, news in told
            for seq, one in enumerate(news, first)
        ],
    )
