"""Who reads a page, and what of assessment's parts every page needs."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Response

from services.assessment.usecases import months
from services.assessment.usecases.books import Books
from shared.auth import Principal, signed_in
from shared.clock import Clock
from shared.database import SessionDep
from shared.pages import Pages
from shared.viewer import viewer_of

__all__ = ["Here", "Reader", "Visit"]

Reader = Annotated[Principal, Depends(signed_in)]


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of somebody who is signed in, with its transaction."""

    request: Request
    session: SessionDep
    reader: Reader

    @property
    def books(self) -> Books:
        """The rule books."""
        books: Books = self.request.app.state.books
        return books

    @property
    def clock(self) -> Clock:
        """The service's clock."""
        clock: Clock = self.request.app.state.clock
        return clock

    @property
    def may_decide(self) -> bool:
        """Whether the reader may freeze months and enter pools."""
        return self.reader.role in months.KEEPERS

    async def page(self, name: str, status: int = 200, **context: Any) -> Response:
        """Answer with a template, the reader in its header."""
        pages: Pages = self.request.app.state.pages
        user = await viewer_of(self.session, self.reader)
        return pages.page(self.request, name, status, user=user, **context)


Here = Annotated[Visit, Depends()]
