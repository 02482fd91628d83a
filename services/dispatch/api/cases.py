"""JSON routes of one case: read it, act on it, see who complained."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from services.dispatch.schemas import ActionCreate, CasePublic, ComplainantPublic, RevealCreate
from services.dispatch.usecases.act import UnitAction, act
from services.dispatch.usecases.view import reveal_complainant, view_case
from shared.auth import Principal, signed_in
from shared.database import SessionDep

__all__ = ["router"]

router = APIRouter(prefix="/api/cases", tags=["cases"])

SignedInPerson = Annotated[Principal, Depends(signed_in)]


@router.get("/{complaint_id}")
async def get_case(
    complaint_id: UUID, request: Request, session: SessionDep, who: SignedInPerson
) -> CasePublic:
    """Return a case of one's own unit, or any for those who see all."""
    return CasePublic.of(await view_case(session, complaint_id, who, knowledge=request.app.state.knowledge))


@router.post("/{complaint_id}/actions")
async def act_on_case(
    complaint_id: UUID, body: ActionCreate, request: Request, session: SessionDep, who: SignedInPerson
) -> CasePublic:
    """Accept, arrive, complete or answer; 409 for a step that does not follow from the case's state."""
    knowledge, clock = request.app.state.knowledge, request.app.state.clock
    command = UnitAction(complaint_id, body.action, body.text)
    await act(session, command, who, knowledge=knowledge, clock=clock)
    return CasePublic.of(await view_case(session, complaint_id, who, knowledge=knowledge))


@router.post("/{complaint_id}/reveal")
async def reveal(
    complaint_id: UUID, body: RevealCreate, request: Request, session: SessionDep, who: SignedInPerson
) -> ComplainantPublic:
    """Return name, phone and place in full; who looked, when and why is kept."""
    clock = request.app.state.clock
    return ComplainantPublic.of(
        await reveal_complainant(session, complaint_id, who, body.reason, clock=clock)
    )
