"""HTML routes of assessment."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from services.assessment.domain.wording import month_of
from services.assessment.store.ledger import Line
from services.assessment.usecases import statements
from services.assessment.usecases.evidence import describe, name_of
from shared import state
from shared.auth import Principal, signed_in
from shared.contracts.dispatch import UnitState
from shared.database import SessionDep
from shared.pages import Pages
from shared.viewer import viewer_of

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

SignedIn = Annotated[Principal, Depends(signed_in)]
_PAGE = 100


@router.get("")
async def get_home() -> RedirectResponse:
    """Lead to the statements."""
    return RedirectResponse("/assessment/statements", 303)


@router.get("/statements")
async def get_statements(
    request: Request, session: SessionDep, who: SignedIn, month: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """Show a month's totals; the current month's where none is named."""
    now = request.app.state.clock.now()
    found = await statements.statement_for(
        session, month or month_of(now), who, books=request.app.state.books, now=now
    )
    return _pages(request).page(
        request,
        "statements.html",
        month=found.month,
        rule_book_version=found.rule_book_version,
        units=[
            {
                "unit": one.unit.code,
                "unit_name": one.unit.name,
                "total_fen": one.total_fen,
                "entry_count": one.entry_count,
            }
            for one in found.units
        ],
        user=await viewer_of(session, who),
    )


@router.get("/statements/{month}/{unit}")
async def get_unit_statement(
    month: str,
    unit: str,
    request: Request,
    session: SessionDep,
    who: SignedIn,
    after: UUID | None = None,
) -> Response:
    """Show a unit's month entry by entry."""
    books, now = request.app.state.books, request.app.state.clock.now()
    shown = await statements.visible_unit(session, unit, who)
    found = await statements.statement_for(session, month, who, books=books, now=now, unit=shown.code)
    lines = await statements.lines_for(session, month, shown.code, after=after, limit=_PAGE + 1)
    titles = await statements.clause_titles(session, books)
    names = await statements.evidence_names(session, lines)
    total = found.units[0]
    last = lines[_PAGE - 1].entry_id if len(lines) > _PAGE else None
    return _pages(request).page(
        request,
        "statement_unit.html",
        month=month,
        unit_name=shown.name,
        total_fen=total.total_fen,
        entry_count=total.entry_count,
        entries=[_row(line, titles.get(line.clause, ""), names) for line in lines[:_PAGE]],
        more_url=last and f"/assessment/statements/{month}/{shown.code}?after={last}",
        user=await viewer_of(session, who),
    )


@router.get("/evidence/{event_id}")
async def get_evidence(event_id: UUID, request: Request, session: SessionDep, who: SignedIn) -> Response:
    """Show the event that an entry names."""
    found = await statements.evidence_for(session, event_id, who)
    row = found.row
    unit = await state.find(session, UnitState, f"unit:{row.body['unit']}")
    month = month_of(row.occurred_at)
    return _pages(request).page(
        request,
        "evidence.html",
        event={
            "event_id": row.event_id,
            "type": row.type,
            "name": name_of(row),
            "occurred_at": row.occurred_at,
            "complaint_id": row.complaint_id,
            "case_number": found.number,
            "facts": describe(row, unit.name if unit else str(row.body["unit"])),
        },
        back_url=f"/assessment/statements/{month}/{row.body['unit']}",
        user=await viewer_of(session, who),
    )


def _row(line: Line, title: str, names: Mapping[UUID, str]) -> dict[str, Any]:
    return {
        "complaint_id": line.complaint_id,
        "case_number": line.number,
        "clause_code": line.clause,
        "clause_title": title,
        "amount_fen": line.amount_fen,
        "explanation": line.explanation,
        "evidence": [
            {"event_id": event_id, "name": names.get(event_id, "查看依据")} for event_id in line.evidence
        ],
    }


def _pages(request: Request) -> Pages:
    pages: Pages = request.app.state.pages
    return pages
