"""Who reads a page, and what of dispatch's parts every page needs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request, Response

from services.dispatch.usecases.reference import Knowledge, Reference
from shared.auth import Principal, signed_in
from shared.clock import Clock
from shared.database import SessionDep
from shared.pages import Pages
from shared.viewer import COMPANY, viewer_among

__all__ = ["Here", "Known", "Reader", "Visit", "pages_of"]

Reader = Annotated[Principal, Depends(signed_in)]


async def _known(request: Request, session: SessionDep) -> Reference:
    knowledge: Knowledge = request.app.state.knowledge
    return await knowledge.get(session)


Known = Annotated[Reference, Depends(_known)]
"""Names, rule books and calendars as they are now."""


def pages_of(request: Request) -> Pages:
    """The service's templates."""
    pages: Pages = request.app.state.pages
    return pages


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of somebody who is signed in, with its transaction."""

    request: Request
    session: SessionDep
    reader: Reader
    known: Known

    @property
    def clock(self) -> Clock:
        """The service's clock."""
        clock: Clock = self.request.app.state.clock
        return clock

    @property
    def now(self) -> datetime:
        """The present instant."""
        return self.clock.now()

    @property
    def knowledge(self) -> Knowledge:
        """Where `known` came from."""
        knowledge: Knowledge = self.request.app.state.knowledge
        return knowledge

    def unit_name(self, unit: str | None) -> str:
        """Name of a unit; people of no single unit belong to the company."""
        return COMPANY if unit is None else self.known.units.get(unit, unit)

    def page(self, name: str, status: int = 200, **context: Any) -> Response:
        """Answer with a template, the reader in its header."""
        user = viewer_among(self.reader, self.known.units, self.known.office)
        return pages_of(self.request).page(self.request, name, status, user=user, **context)


Here = Annotated[Visit, Depends()]
