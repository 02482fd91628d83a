"""Scoring the cases that a batch touched, and booking what changed.

A miss decides for itself, and for the chargeable miss of the same unit and clock that follows it, whether it
is a repeat. So the cases to score are those touched and those of the misses that follow theirs; to judge
these, the misses that precede theirs are enough. The set does not grow with the ledger.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.assessment.domain.ledger import active_entries, corrections
from services.assessment.domain.scoring import desired_charges
from services.assessment.store import cases as case_store
from services.assessment.store import facts, ledger
from services.assessment.usecases.booking import book
from services.assessment.usecases.books import Books
from shared.clock import Clock

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
    if postings:
        await book(session, postings, booked, books=books, clock=clock)
