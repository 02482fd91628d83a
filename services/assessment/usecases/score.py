"""Scoring the cases that a batch touched, and booking what changed.

A miss decides for itself, and for the chargeable miss of the same unit and clock that follows it, whether it
is a repeat. So the cases to score are those touched and those of the misses that follow theirs; to judge
these, the misses that precede theirs are enough. The set does not grow with the ledger.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.assessment.domain.ledger import Entry, Posting, active_entries, corrections
from services.assessment.domain.scoring import ChargeKey, desired_charges
from services.assessment.store import cases as case_store
from services.assessment.store import facts, ledger
from services.assessment.usecases.books import Books
from shared import outbox
from shared.clock import Clock
from shared.contracts.assessment import LedgerEntryPosted
from shared.contracts.envelope import Origin
from shared.ids import uuid7
from shared.outbox import Outgoing

__all__ = ["find_scope", "score"]


async def find_scope(session: AsyncSession, touched: Collection[UUID]) -> set[UUID]:
    """Return the cases to score when these were touched: themselves, and those whose misses follow theirs."""
    changed = await facts.list_misses(session, touched) if touched else []
    return set(touched) | await facts.list_following_cases(session, [one.deadline_id for one in changed])


async def score(session: AsyncSession, scope: Collection[UUID], *, books: Books, clock: Clock) -> None:
    """Bring the ledger to what the stored facts of these cases deserve. The caller has locked them."""
    own = await facts.list_misses(session, scope)
    given = [*own, *await facts.list_preceding_misses(session, [one.deadline_id for one in own])]
    desired = desired_charges(
        await case_store.list_cases(session, {one.case_id for one in given}),
        given,
        await facts.list_overdue_workdays(session, scope),
        await books.having(session, {one.rule_book_version for one in given}),
        scope,
    )
    booked = await ledger.list_entries(session, scope)
    postings = corrections(active_entries(entry for entry, _ in booked), desired)
    await _book(session, postings, booked, clock)


async def _book(
    session: AsyncSession, postings: Sequence[Posting], booked: Sequence[tuple[Entry, int]], clock: Clock
) -> None:
    """Add the postings to the ledger and tell of each."""
    if not postings:
        return
    rounds: Counter[ChargeKey] = Counter()
    for entry, round_ in booked:
        rounds[entry.posting.key] = max(round_, rounds[entry.posting.key])
    entries: list[tuple[Entry, int]] = []
    for posting in postings:
        if posting.reverses is None:
            rounds[posting.key] += 1
        entries.append((Entry(uuid7(), posting), rounds[posting.key]))
    await ledger.add_entries(session, entries)
    await _tell(session, [entry for entry, _ in entries], clock)


async def _tell(session: AsyncSession, entries: Sequence[Entry], clock: Clock) -> None:
    first = await case_store.next_numbers(session, Counter(one.posting.key.case_id for one in entries))
    told: Counter[UUID] = Counter()
    outgoing = []
    for entry in entries:
        posting, case_id = entry.posting, entry.posting.key.case_id
        seq, origin = first[case_id]
        event = LedgerEntryPosted(
            complaint_id=case_id,
            entry_id=entry.entry_id,
            unit=posting.unit,
            clause=posting.key.clause,
            occurrence=posting.key.occurrence,
            amount_fen=posting.amount_fen,
            month=posting.month,
            rule_book_version=posting.rule_book_version,
            reverses=posting.reverses,
        )
        outgoing.append(
            Outgoing(
                event, seq + told[case_id], clock.now(), "assessment", Origin(origin), posting.evidence[0]
            )
        )
        told[case_id] += 1
    await outbox.add_all(session, outgoing)
