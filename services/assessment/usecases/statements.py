"""What a month cost each unit, entry by entry, with what proves it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.assessment.domain.ledger import Entry
from services.assessment.domain.months import (
    MonthError,
    MonthFormError,
    beginning,
    books_in_force,
    check_month,
)
from services.assessment.domain.pools import Cap, UnitMonth, cap_of
from services.assessment.domain.rulebook import RuleBook
from services.assessment.store import cases, facts, ledger, months
from services.assessment.store.ledger import Line, Total
from services.assessment.store.months import FrozenMonth
from services.assessment.tables import EvidenceRow
from services.assessment.usecases.books import Books
from services.assessment.usecases.evidence import name_of
from shared import state
from shared.auth import Principal
from shared.contracts.dispatch import UnitState
from shared.problems import Problem, field_problem

__all__ = [
    "CaseLedger",
    "Evidence",
    "Statement",
    "UnitTotal",
    "case_ledger",
    "clause_titles",
    "evidence_for",
    "evidence_names",
    "lines_for",
    "month_lines_for",
    "month_problem",
    "statement_for",
    "visible_unit",
    "visible_units",
]


@dataclass(frozen=True, slots=True)
class UnitTotal:
    """A unit's month in one line. Fen are signed: a deduction is negative.

    `pool_fen` and `cap_fen` tell what the month's deductions stop at; None where they have no cap.
    """

    unit: UnitState
    total_fen: int
    entry_count: int
    pool_fen: int | None
    cap_fen: int | None


@dataclass(frozen=True, slots=True)
class Statement:
    """A month of the units somebody may see, in the directory's order; `frozen` once it is final."""

    month: str
    rule_book_version: int
    units: tuple[UnitTotal, ...]
    frozen: FrozenMonth | None


@dataclass(frozen=True, slots=True)
class CaseLedger:
    """What a case has cost, entry by entry; `total_fen` is their sum."""

    complaint_id: UUID
    number: str
    total_fen: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """An event an entry names, and the number of its case."""

    row: EvidenceRow
    number: str


async def statement_for(
    session: AsyncSession, month: str, who: Principal, *, books: Books, now: datetime, unit: str | None = None
) -> Statement:
    """Return a month's statement. Problem 422 for what is no month, 404 for one that has no statement."""
    known = await books.load(session)
    book = _book_of(month, known, now)
    shown = [await visible_unit(session, unit, who)] if unit else await visible_units(session, who)
    totals = {one.unit: one for one in await ledger.list_totals(session, month, unit)}
    pools = await months.list_pools(session)
    return Statement(
        month,
        book.version,
        tuple(
            _total(one, totals.get(one.code), cap_of(UnitMonth(one.code, month), pools, known))
            for one in shown
        ),
        await months.find_frozen(session, month),
    )


def _total(unit: UnitState, found: Total | None, cap: Cap | None) -> UnitTotal:
    total_fen, count = (found.total_fen, found.entry_count) if found else (0, 0)
    return UnitTotal(
        unit, total_fen, count, pool_fen=cap.pool_fen if cap else None, cap_fen=cap.fen if cap else None
    )


async def lines_for(
    session: AsyncSession,
    month: str,
    unit: str | None,
    *,
    after: UUID | None = None,
    limit: int | None = None,
) -> list[Line]:
    """Return what a month's statement shows of cases, the earliest first; month and unit are checked.

    Problem 404 where there never was an entry `after`.
    """
    try:
        return await ledger.list_lines(session, month, unit, after=after, limit=limit)
    except LookupError:
        raise Problem(404, "没有这一页，请从第一页看起") from None


async def month_lines_for(session: AsyncSession, month: str, unit: str | None) -> list[Line]:
    """Return what a month's statement shows of the month as a whole; month and unit are checked."""
    return await ledger.list_month_lines(session, month, unit)


async def case_ledger(session: AsyncSession, complaint: str, who: Principal) -> CaseLedger:
    """Return every entry of a case, by its number or id. Problem 404 if none is theirs to see."""
    found = await cases.find_case(session, complaint)
    if found is None:
        raise Problem(404, "没有这件投诉")
    booked = [entry for entry, _ in await ledger.list_entries(session, [found.complaint_id])]
    seen = [entry for entry in booked if who.sees_unit(entry.posting.unit)]
    if not seen and not who.sees_unit(found.unit or ""):
        raise Problem(404, "没有这件投诉")
    return CaseLedger(
        found.complaint_id, found.number, sum(one.posting.amount_fen for one in seen), tuple(seen)
    )


async def evidence_names(session: AsyncSession, lines: Sequence[Line]) -> Mapping[tuple[UUID, UUID], str]:
    """Return what happened, in a few words, by entry and event that it names.

    With its number where it happened to another case: an earlier one that made this a repetition.
    """
    ids = {event_id for line in lines for event_id in line.evidence}
    rows = await facts.list_evidence(session, ids)
    numbers = await cases.list_numbers(session, {row.complaint_id for row in rows.values()})
    return {
        (line.entry_id, event_id): _evidence_name(rows[event_id], line, numbers)
        for line in lines
        for event_id in line.evidence
        if event_id in rows
    }


def _evidence_name(row: EvidenceRow, line: Line, numbers: Mapping[UUID, str]) -> str:
    name = name_of(row)
    elsewhere = row.complaint_id != line.complaint_id
    return f"{name}（{numbers.get(row.complaint_id, '另一件')}）" if elsewhere else name


async def visible_unit(session: AsyncSession, unit: str, who: Principal) -> UnitState:
    """Return a unit by code or name. Problem 422 naming the choices, 403 if it is not theirs to see."""
    units = await _units(session)
    found = next((one for one in units if unit in {one.code, one.name}), None)
    if found is None:
        names = "、".join(one.name for one in units)
        message = f"没有“{unit[:30]}”这个单位，可选：{names}"
        raise field_problem("unit", message)
    if not who.sees_unit(found.code):
        raise Problem(403, "您只能查看本单位的考核表")
    return found


async def evidence_for(session: AsyncSession, event_id: UUID, who: Principal) -> Evidence:
    """Return an event that was kept as evidence. Problem 404 if there is none that is theirs to see."""
    row = await facts.find_evidence(session, event_id)
    if row is None or not who.sees_unit(str(row.body.get("unit"))):
        raise Problem(404, "没有这条依据")
    numbers = await cases.list_numbers(session, [row.complaint_id])
    return Evidence(row, numbers.get(row.complaint_id, ""))


async def clause_titles(session: AsyncSession, books: Books) -> Mapping[str, str]:
    """Return the title of every clause, the newest rule book's where several name it."""
    titles: dict[str, str] = {}
    for _, book in sorted((await books.load(session)).items()):
        titles |= {clause.code: clause.title for clause in book.clauses.values()}
        titles[book.case_cap.code] = book.case_cap.title
        if book.unit_month_cap is not None:
            titles[book.unit_month_cap.code] = book.unit_month_cap.title
    return titles


async def visible_units(session: AsyncSession, who: Principal) -> list[UnitState]:
    """Return the units that are somebody's to see, in the directory's order."""
    return [one for one in await _units(session) if who.sees_unit(one.code)]


async def _units(session: AsyncSession) -> Sequence[UnitState]:
    return sorted(await state.load_all(session, UnitState), key=lambda one: one.position)


def month_problem(error: MonthError, *, field: str = "month", status: int = 404) -> Problem:
    """Say what is wrong with a month: 422 for what is none, `status` for one that will not do."""
    status = 422 if isinstance(error, MonthFormError) else status
    return field_problem(field, str(error), status)


def _book_of(month: str, books: Mapping[int, RuleBook], now: datetime) -> RuleBook:
    """Return the newest rule book in force in that month."""
    try:
        check_month(month, first=beginning(books), now=now)
    except MonthError as error:
        raise month_problem(error) from None
    return books_in_force(month, books)[0]
