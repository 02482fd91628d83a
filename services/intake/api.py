"""JSON routes of intake; registering itself is `hotpath`."""

import json
from collections import Counter
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.desk import DeskDep
from services.intake.domain.numbers import parse_number
from services.intake.schemas import (
    IMPORT_ROWS_LIMIT,
    ImportAnswer,
    ImportProgress,
    ImportRequest,
    ImportRow,
    StaffComplaint,
    TrackedComplaint,
)
from services.intake.store.reading import Record, count_states, find_record
from services.intake.usecases.imports import import_complaints
from services.intake.usecases.tracking import staff_view, tracking_view
from shared.auth import ForbiddenError, Principal, require, signed_in
from shared.contracts.dispatch import Role
from shared.database import SessionDep
from shared.problems import FieldProblem, Problem, validation_fields
from shared.texts import clean_line

__all__ = ["build_router"]

Staff = Annotated[Principal, Depends(signed_in)]
Importer = Annotated[Principal, Depends(require(Role.OPERATOR, Role.OFFICE, Role.ADMINISTRATOR))]

_COMPANY_WIDE = frozenset({Role.OPERATOR, Role.OFFICE, Role.COMPANY_LEADER, Role.ADMINISTRATOR})
_IMPORT_SCHEMA = {
    "type": "object",
    "required": ["rows"],
    "properties": {
        "rows": {"type": "array", "maxItems": IMPORT_ROWS_LIMIT, "items": ImportRow.model_json_schema()}
    },
}
_IMPORT_BODY = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": _IMPORT_SCHEMA}}}
}


def build_router() -> APIRouter:
    """The routes under /api."""
    router = APIRouter(prefix="/api")

    @router.post("/imports", openapi_extra=_IMPORT_BODY)
    async def import_rows(
        request: Request, session: SessionDep, desk: DeskDep, who: Importer
    ) -> ImportAnswer:
        """Import complaints that were registered elsewhere; each row is accepted or refused on its own."""
        rows = _import_rows(await request.body())
        outcomes = await import_complaints(
            session,
            rows,
            catalogue=await desk.catalogue.current(),
            actor=str(who.person_id),
            now=desk.clock.now(),
        )
        counts = Counter(one.outcome for one in outcomes)
        return ImportAnswer(
            rows=outcomes,
            accepted=counts["accepted"],
            already_there=counts["already_there"],
            refused=counts["refused"],
        )

    @router.get("/imports/progress")
    async def import_progress(
        session: SessionDep, _who: Importer, source: str | None = None
    ) -> ImportProgress:
        """How far the imported complaints have come, of one source or of all."""
        return ImportProgress(source=source, states=await count_states(session, source))

    @router.get("/complaints/{reference}")
    async def get_complaint(reference: str, session: SessionDep, who: Staff) -> StaffComplaint:
        """Show a complaint by number or id to the staff whose unit it concerns."""
        record = await _find(session, reference)
        if record is None:
            raise Problem(404, "没有这个编号")
        unit = record.progress.unit
        if who.role not in _COMPANY_WIDE and (unit is None or not who.sees_unit(unit)):
            raise ForbiddenError("这件事不归您的单位负责")
        return staff_view(record)

    @router.get("/track/{token}")
    async def track(token: str, session: SessionDep, desk: DeskDep) -> TrackedComplaint:
        """Show a complaint to whoever has its secret token."""
        record = await find_record(session, token=token)
        if record is None:
            raise Problem(404, "没有这个链接对应的记录")
        return tracking_view(record, await desk.catalogue.current())

    return router


def _import_rows(raw: bytes) -> list[Any]:
    """The rows of a body. Problem if it is no list of rows at all."""
    try:
        return ImportRequest.model_validate(json.loads(raw)).rows
    except ValidationError as error:
        fields = validation_fields(error.errors())
    except (ValueError, RecursionError):
        fields = [FieldProblem("内容", "不是有效的 JSON")]
    detail = "；".join(f"{one['field']}：{one['message']}" for one in fields)
    raise Problem(422, clean_line(detail), fields=fields)


async def _find(session: AsyncSession, reference: str) -> Record | None:
    """The complaint a number (however typed) or an id means."""
    number = parse_number(reference)
    if number is not None:
        return await find_record(session, number=number)
    try:
        return await find_record(session, complaint_id=UUID(reference))
    except ValueError:
        return None
