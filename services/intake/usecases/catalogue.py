"""What a report may be about and who serves it: this service's copy of rule book and directory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from shared import state
from shared.clock import Clock
from shared.contracts.assessment import RuleBookState
from shared.contracts.dispatch import UnitState
from shared.database import Sessions
from shared.fresh import Fresh

__all__ = ["Catalogue", "CatalogueCache", "Category"]


@dataclass(frozen=True, slots=True)
class Category:
    """One category of the rule book; `unit` is a code, None where any unit may be concerned."""

    code: str
    name: str
    unit: str | None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Categories of the rule book in force, names of all there ever were, and the units."""

    categories: Mapping[str, Category]
    names: Mapping[str, str]
    units: Mapping[str, UnitState]

    @property
    def office(self) -> UnitState | None:
        """The production management office, None before the directory is read."""
        return next((unit for unit in self.units.values() if unit.office), None)


class CatalogueCache:
    """The catalogue, at hand for every report."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._clock = clock
        self._catalogue = Fresh(sessions, self._load)

    async def current(self) -> Catalogue:
        """Return the catalogue as it was a moment ago."""
        return await self._catalogue.get()

    async def _load(self, session: AsyncSession) -> Catalogue:
        books = sorted(await state.load_all(session, RuleBookState), key=lambda book: book.version)
        in_force = [book for book in books if book.in_force_from <= self._clock.now()]
        known = {category.code: category for book in books for category in _categories(book)}
        units = sorted(await state.load_all(session, UnitState), key=lambda unit: unit.position)
        return Catalogue(
            categories={category.code: category for book in in_force[-1:] for category in _categories(book)},
            names={code: category.name for code, category in known.items()},
            units={unit.code: unit for unit in units},
        )


def _categories(book: RuleBookState) -> Sequence[Category]:
    return [Category(entry["code"], entry["name"], entry.get("unit")) for entry in book.body["categories"]]
