"""What a report may be about and who serves it: this service's copy of rule book and directory."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from shared import state
from shared.clock import Clock
from shared.contracts.assessment import RuleBookState
from shared.contracts.dispatch import UnitState
from shared.database import Sessions, run_unit

__all__ = ["Catalogue", "CatalogueCache", "Category"]

_FRESH_SECONDS = 1.0


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
    """The catalogue, read again when it is older than a second; who reads it anew holds up nobody else."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock
        self._read_at = 0.0
        self._catalogue: Catalogue | None = None

    async def current(self) -> Catalogue:
        """Return the catalogue as it was at most a second ago, or a little longer while it is read anew."""
        before, now = self._read_at, time.monotonic()
        if self._catalogue is None or now - before >= _FRESH_SECONDS:
            self._read_at = now
            try:
                self._catalogue = await run_unit(self._sessions, self._load)
            except BaseException:
                self._read_at = before
                raise
        return self._catalogue

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
