"""The first data of an installation: units, calendar, routing rules. What is there is never changed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy.ext.asyncio import AsyncSession

from services.dispatch.domain.routing import read_routing
from services.dispatch.store import reference as store
from services.dispatch.usecases.changes import SOURCE
from shared import state
from shared.clock import Clock
from shared.contracts.dispatch import UnitState
from shared.worktime import CalendarData

__all__ = ["seed"]

DATA = Path(__file__).parent / "data"


async def seed(session: AsyncSession, clock: Clock) -> None:
    """Put in the nine units, the company calendar and the routing rules; repeatable.

    A unit that was edited since keeps its edits. ValueError names what is wrong in a data file.
    """
    for position, entry in enumerate(_load("directory.yaml")["units"], start=1):
        unit = UnitState.model_validate({**entry, "position": position})
        if await state.find(session, UnitState, unit.key) is None:
            await state.publish(session, unit, source=SOURCE, at=clock.now())
    calendar = _load("calendar.yaml")
    await store.add_calendar(session, CalendarData.parse(calendar).version, calendar)
    routing = _load("routing.yaml")
    await store.add_routing(session, read_routing(routing).version, routing["rules"])


def _load(name: str) -> Mapping[str, Any]:
    text = (DATA / name).read_text(encoding="utf-8")
    loaded: Mapping[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    return loaded
