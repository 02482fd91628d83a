"""JSON routes of assessment."""

from collections import defaultdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request

from services.assessment.domain.ledger import Entry
from services.assessment.domain.pools import Pool
from services.assessment.schemas import (
    CaseEntry,
    CaseLedgerModel,
    EvidenceModel,
    FrozenMonthModel,
    ImportProgressModel,
    PoolModel,
    PoolNew,
    StatementEntry,
    StatementModel,
    StatementUnit,
)
from services.assessment.store.ledger import Line
from services.assessment.store.progress import count_history
from services.assessment.usecases import months, statements
from shared.auth import Principal, require, signed_in
from shared.contracts.registry import EVENT_TYPES
from shared.database import SessionDep

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["assessment"])

SignedIn = Annotated[Principal, Depends(signed_in)]
Office = Annotated[Principal, Depends(require(*months.KEEPERS))]


@router.get("/statements/{month}")
async def get_statement(
    month: str,
    request: Request,
    session: SessionDep,
    who: SignedIn,
    unit: Annotated[str | None, Query(max_length=50)] = None,
) -> StatementModel:
    """A month's statement: per unit the total and each entry it shows, with evidence and arithmetic."""
    books, now = request.app.state.books, request.app.state.clock.now()
    if unit is not None:
        unit = (await statements.visible_unit(session, unit, who)).code
    found = await statements.statement_for(session, month, who, books=books, now=now, unit=unit)
    titles = await statements.clause_titles(session, books)
    by_unit: dict[str, list[Line]] = defaultdict(list)
    for line in (
        *await statements.lines_for(session, month, unit),
        *await statements.month_lines_for(session, month, unit),
    ):
        by_unit[line.unit].append(line)
    return StatementModel(
        month=found.month,
        rule_book_version=found.rule_book_version,
        frozen_at=found.frozen and found.frozen.frozen_at,
        units=[
            StatementUnit(
                unit=one.unit.name,
                unit_code=one.unit.code,
                total_fen=one.total_fen,
                pool_fen=one.pool_fen,
                cap_fen=one.cap_fen,
                entries=[_entry(line, titles.get(line.clause, "")) for line in by_unit[one.unit.code]],
            )
            for one in found.units
        ],
    )


@router.post("/months/{month}/freeze")
async def post_freeze(month: str, request: Request, session: SessionDep, who: Office) -> FrozenMonthModel:
    """Make the statement of a month that is over final; what comes later goes to the next open month."""
    books, clock = request.app.state.books, request.app.state.clock
    frozen = await months.freeze(session, month, who, books=books, clock=clock)
    return FrozenMonthModel(month=frozen.month, frozen_at=frozen.frozen_at, frozen_by=frozen.frozen_by)


@router.get("/pools")
async def get_pools(request: Request, session: SessionDep, who: SignedIn) -> list[PoolModel]:
    """The performance pools as they were entered, the newest first."""
    return [
        PoolModel(
            unit=one.unit.name,
            unit_code=one.unit.code,
            from_month=one.pool.from_month,
            amount_fen=one.pool.amount_fen,
            cap_fen=one.cap_fen,
            entered_at=one.entered_at,
            entered_by=one.entered_by,
        )
        for one in await months.list_pool_entries(session, who, request.app.state.books)
    ]


@router.post("/pools", status_code=204)
async def post_pool(new: PoolNew, request: Request, session: SessionDep, who: Office) -> None:
    """Enter a unit's pool from a month on; the caps of its months follow at once."""
    books, clock = request.app.state.books, request.app.state.clock
    pool = Pool(new.unit, new.from_month, new.amount_fen)
    await months.enter_pool(session, pool, who, books=books, clock=clock)


@router.get("/imports/progress")
async def get_import_progress(session: SessionDep, _who: SignedIn) -> ImportProgressModel:
    """How far the cases of imported history have come here."""
    assigned, answered = await count_history(session)
    return ImportProgressModel(assigned=assigned, answered=answered)


@router.get("/evidence/{event_id}")
async def get_evidence(event_id: UUID, session: SessionDep, who: SignedIn) -> EvidenceModel:
    """The event that an entry names, whole."""
    found = await statements.evidence_for(session, event_id, who)
    return EvidenceModel(
        event_id=found.row.event_id,
        type=found.row.type,
        topic=EVENT_TYPES[found.row.type].topic,
        case=found.number,
        complaint_id=found.row.complaint_id,
        occurred_at=found.row.occurred_at,
        body=found.row.body,
    )


@router.get("/ledger/{complaint}")
async def get_ledger(
    complaint: Annotated[str, Path(max_length=50)], session: SessionDep, who: SignedIn
) -> CaseLedgerModel:
    """Everything booked for a case, named by its number or its id, reversals too."""
    found = await statements.case_ledger(session, complaint, who)
    return CaseLedgerModel(
        case=found.number,
        complaint_id=found.complaint_id,
        total_fen=found.total_fen,
        entries=[_booked(one) for one in found.entries],
    )


def _booked(entry: Entry) -> CaseEntry:
    posting = entry.posting
    return CaseEntry(
        entry_id=entry.entry_id,
        unit_code=posting.unit,
        clause=posting.key.clause,
        occurrence=posting.key.occurrence,
        amount_fen=posting.amount_fen,
        month=posting.month,
        evidence=list(posting.evidence),
        explanation=posting.explanation,
        rule_book_version=posting.rule_book_version,
        reverses=posting.reverses,
        frozen_month=posting.frozen_month,
    )


def _entry(line: Line, title: str) -> StatementEntry:
    return StatementEntry(
        case=line.number,
        complaint_id=line.complaint_id,
        clause=line.clause,
        clause_title=title,
        occurrence=line.occurrence,
        amount_fen=line.amount_fen,
        occurred_at=line.occurred_at,
        evidence=list(line.evidence),
        explanation=line.explanation,
        entry_id=line.entry_id,
        rule_book_version=line.rule_book_version,
        reverses=line.reverses,
        frozen_month=line.frozen_month,
    )
