"""The names that codes have on pages: units from the directory, categories from the newest rule book."""

import time
from dataclasses import dataclass, field
from typing import Any

from services.dispatch.domain.assignment import ACTION_NAMES, STATE_NAMES, Action, State
from shared import state
from shared.contracts.assessment import RuleBookState
from shared.contracts.dispatch import UnitState
from shared.database import Sessions, run_unit

__all__ = ["CLOCK_NAMES", "Labels", "LabelsSource", "action_name", "state_name"]

CLOCK_NAMES = {"accept": "接单", "arrive": "到场", "complete": "办结", "answer": "答复"}
_FRESH_SECONDS = 5.0


def state_name(code: str) -> str:
    """Chinese name of a state of a case."""
    return STATE_NAMES[State(code)]


def action_name(action: Action) -> str:
    """Chinese name of an action."""
    return ACTION_NAMES[action]


@dataclass(frozen=True, slots=True)
class Labels:
    """Names by code, as they were when read; units in the company's order."""

    units: dict[str, str]
    categories: dict[str, str]

    def unit(self, code: str | None) -> str:
        """Name of a unit; people of no single unit belong to the company."""
        return "公司" if code is None else self.units.get(code, code)

    def category(self, code: str | None) -> str | None:
        """Name of a category, None where the case has none."""
        return None if code is None else self.categories.get(code, code)


@dataclass(slots=True)
class LabelsSource:
    """Reads the names, at most once in a few seconds."""

    sessions: Sessions
    _labels: Labels | None = field(default=None, init=False)
    _read_at: float = field(default=0.0, init=False)

    async def get(self) -> Labels:
        """Return the names as they are now, or were a few seconds ago."""
        if self._labels is None or time.monotonic() - self._read_at > _FRESH_SECONDS:
            self._labels = await run_unit(self.sessions, _load)
            self._read_at = time.monotonic()
        return self._labels


async def _load(session: Any) -> Labels:
    units = sorted(await state.load_all(session, UnitState), key=lambda unit: unit.position)
    books = await state.load_all(session, RuleBookState)
    newest = max(books, key=lambda book: book.version, default=None)
    listed = [] if newest is None else newest.body.get("categories", [])
    return Labels(
        units={unit.code: unit.name for unit in units},
        categories={one["code"]: one["name"] for one in listed},
    )
