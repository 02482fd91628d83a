"""The rule books in use, parsed once per version: a version never changes."""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from services.assessment.domain.rulebook import RuleBook, read_rule_book
from shared import state
from shared.contracts.assessment import RuleBookState
from shared.contracts.dispatch import UnitState
from shared.wire import Poison

__all__ = ["Books", "is_prepared"]


class Books:
    """Parsed rule books, read again when an unknown version is asked for."""

    def __init__(self) -> None:
        self._books: dict[int, RuleBook] = {}

    async def having(self, session: AsyncSession, versions: set[int]) -> Mapping[int, RuleBook]:
        """Return the books, among them `versions`. Poison for a version that does not exist."""
        if versions - self._books.keys():
            await self.load(session)
        unknown = versions - self._books.keys()
        if unknown:
            raise Poison("rulebook", f"no rule book of version {sorted(unknown)}")
        return self._books

    async def load(self, session: AsyncSession) -> Mapping[int, RuleBook]:
        """Return every rule book there is by now; what was read before is not read again."""
        if len(await state.list_keys(session, RuleBookState)) > len(self._books):
            for entry in await state.load_all(session, RuleBookState):
                if entry.version not in self._books:
                    self._books[entry.version] = read_rule_book(entry.body)
        return self._books


async def is_prepared(session: AsyncSession) -> bool:
    """Whether a rule book and the units are held: nothing is scored before."""
    return bool(await state.load_all(session, RuleBookState)) and bool(
        await state.load_all(session, UnitState)
    )
