"""Pages of a month's statement: all units, one unit entry by entry, the evidence; and freezing the month."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query
from fastapi.responses import RedirectResponse, Response

from services.assessment.domain.months import is_over
from services.assessment.domain.wording import month_of
from services.assessment.pages.reader import Here
from services.assessment.store.ledger import Line
from services.assessment.usecases import months, statements
from services.assessment.usecases.evidence import describe, name_of
from services.assessment.usecases.statements import UnitTotal
from shared import state
from shared.auth import require
from shared.contracts.dispatch import UnitState
from shared.problems import Problem

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_PAGE = 100


@router.get("")
async def get_home(month: Annotated[str, Query(max_length=20)] = "") -> RedirectResponse:
    """Lead to the statements, of `month` where one is named."""
    query = f"?month={quote(month, safe='')}" if month else ""
    return RedirectResponse(f"/assessment/statements{query}", 303)


@router.get("/statements")
async def get_statements(here: Here, month: Annotated[str, Query(max_length=20)] = "") -> Response:
    """Show a month's totals; the current month's where none is named."""
    now = here.clock.now()
    found = await statements.statement_for(
        here.session, month or month_of(now), here.reader, books=here.books, now=now
    )
    frozen = found.frozen
    return await here.page(
        "statements.html",
        month=found.month,
        rule_book_version=found.rule_book_version,
        units=[_total(one) for one in found.units],
        total_fen=sum(one.total_fen for one in found.units),
        entry_count=sum(one.entry_count for one in found.units),
        capped=any(one.cap_fen is not None for one in found.units),
        frozen_at=frozen and frozen.frozen_at,
        frozen_by=frozen and await months.person_name(here.session, frozen.frozen_by),
        may_freeze=here.may_decide and frozen is None and is_over(found.month, now),
    )


@router.post("/statements/{month}/freeze", dependencies=[Depends(require(*months.KEEPERS))])
async def post_freeze(month: str, here: Here, checked: Annotated[bool, Form()] = False) -> Response:
    """Make a month's statement final once somebody says it was checked, and show it."""
    if not checked:
        raise Problem(422, "请先勾选“各单位已经核对”，再冻结")
    await months.freeze(here.session, month, here.reader, books=here.books, clock=here.clock)
    return RedirectResponse(f"/assessment/statements?month={month}", 303)


@router.get("/statements/{month}/{unit}")
async def get_unit_statement(month: str, unit: str, here: Here, after: UUID | None = None) -> Response:
    """Show a unit's month entry by entry, what concerns the month as a whole after the last."""
    session, books = here.session, here.books
    shown = await statements.visible_unit(session, unit, here.reader)
    found = await statements.statement_for(
        session, month, here.reader, books=books, now=here.clock.now(), unit=shown.code
    )
    lines = await statements.lines_for(session, month, shown.code, after=after, limit=_PAGE + 1)
    last = lines[_PAGE - 1].entry_id if len(lines) > _PAGE else None
    entries = lines[:_PAGE]
    if last is None:
        entries += await statements.month_lines_for(session, month, shown.code)
    titles = await statements.clause_titles(session, books)
    names = await statements.evidence_names(session, entries)
    return await here.page(
        "statement_unit.html",
        month=month,
        total=_total(found.units[0]),
        frozen_at=found.frozen and found.frozen.frozen_at,
        entries=[_row(line, titles.get(line.clause, ""), names) for line in entries],
        more_url=last and f"/assessment/statements/{month}/{shown.code}?after={last}",
    )


@router.get("/evidence/{event_id}")
async def get_evidence(
    event_id: UUID, here: Here, month: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """Show the event that an entry names, and lead back to the statement of `month` where it was named."""
    found = await statements.evidence_for(here.session, event_id, here.reader)
    row = found.row
    unit = await state.find(here.session, UnitState, f"unit:{row.body['unit']}")
    back_to = month or month_of(row.occurred_at)
    return await here.page(
        "evidence.html",
        event={
            "event_id": row.event_id,
            "name": name_of(row),
            "occurred_at": row.occurred_at,
            "complaint_id": row.complaint_id,
            "case_number": found.number,
            "facts": describe(row, unit.name if unit else str(row.body["unit"])),
        },
        back_url=f"/assessment/statements/{quote(back_to, safe='')}/{row.body['unit']}",
    )


def _total(one: UnitTotal) -> dict[str, Any]:
    return {
        "unit": one.unit.code,
        "unit_name": one.unit.name,
        "total_fen": one.total_fen,
        "entry_count": one.entry_count,
        "pool_fen": one.pool_fen,
        "cap_fen": one.cap_fen,
    }


def _row(line: Line, title: str, names: Mapping[tuple[UUID, UUID], str]) -> dict[str, Any]:
    return {
        "complaint_id": line.complaint_id,
        "case_number": line.number,
        "clause_code": line.clause,
        "clause_title": title,
        "amount_fen": line.amount_fen,
        "explanation": line.explanation,
        "frozen_month": line.frozen_month,
        "is_reversal": line.reverses is not None,
        "evidence": [
            {"event_id": event_id, "name": names.get((line.entry_id, event_id), "查看依据")}
            for event_id in line.evidence
        ],
    }
