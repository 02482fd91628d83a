"""JSON routes of assessment."""

from collections import defaultdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from services.assessment.schemas import (
    EvidenceModel,
    ImportProgressModel,
    StatementEntry,
    StatementModel,
    StatementUnit,
)
from services.assessment.store.ledger import Line
from services.assessment.store.progress import count_history
from services.assessment.usecases import statements
from shared.auth import Principal, signed_in
from shared.database import SessionDep

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["assessment"])

SignedIn = Annotated[Principal, Depends(signed_in)]


@router.get("/statements/{month}")
async def get_statement(
    month: str,
    request: Request,
    session: SessionDep,
    who: SignedIn,
    unit: Annotated[str | None, Query(max_length=50)] = None,
) -> StatementModel:
    """A month's statement: per unit the total and each entry in force, with evidence and arithmetic."""
    books, now = request.app.state.books, request.app.state.clock.now()
    if unit is not None:
        unit = (await statements.visible_unit(session, unit, who)).code
    found = await statements.statement_for(session, month, who, books=books, now=now, unit=unit)
    titles = await statements.clause_titles(session, books)
    by_unit: dict[str, list[Line]] = defaultdict(list)
    for line in await statements.lines_for(session, month, unit):
        by_unit[line.unit].append(line)
    return StatementModel(
        month=found.month,
        rule_book_version=found.rule_book_version,
        units=[
            StatementUnit(
                unit=one.unit.name,
                unit_code=one.unit.code,
                total_fen=one.total_fen,
                entries=[_entry(line, titles.get(line.clause, "")) for line in by_unit[one.unit.code]],
            )
            for one in found.units
        ],
    )


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
        case=found.number,
        complaint_id=found.row.complaint_id,
        occurred_at=found.row.occurred_at,
        body=found.row.body,
    )


def _entry(line: Line, title: str) -> StatementEntry:
    return StatementEntry(
        case=line.number,
        complaint_id=line.complaint_id,
        clause=line.clause,
        clause_title=title,
        occurrence=line.occurrence,
        amount_fen=line.amount_fen,
        evidence=list(line.evidence),
        explanation=line.explanation,
        entry_id=line.entry_id,
        rule_book_version=line.rule_book_version,
    )
