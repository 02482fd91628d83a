"""JSON routes of answers recorded in other systems."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from services.dispatch.domain.answers import Imported
from services.dispatch.schemas import AnswerImport, AnswerImportResult, ImportedAnswerPublic
from services.dispatch.store.answers import list_imported
from services.dispatch.usecases.answers import import_answers
from shared.auth import Principal, require
from shared.contracts.dispatch import Role
from shared.database import SessionDep

__all__ = ["router"]

router = APIRouter(prefix="/api/answers", tags=["answers"])

Importer = Annotated[Principal, Depends(require(Role.OPERATOR, Role.OFFICE, Role.ADMINISTRATOR))]


@router.post("/import")
async def import_recorded(
    body: AnswerImport, request: Request, session: SessionDep, who: Importer
) -> AnswerImportResult:
    """Take in up to 500 recorded answers; each row is accepted, already there, or refused with a reason."""
    results = await import_answers(
        session,
        body.recorded(),
        str(who.person_id),
        knowledge=request.app.state.knowledge,
        clock=request.app.state.clock,
    )
    return AnswerImportResult.of(body, results)


@router.get("/imported")
async def list_imported_answers(
    session: SessionDep,
    _who: Importer,
    state: Imported,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[ImportedAnswerPublic]:
    """Return imported answers that wait for their complaint, were applied or refused; the latest first."""
    return [ImportedAnswerPublic.of(one) for one in await list_imported(session, state, limit=limit)]
