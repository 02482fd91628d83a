"""Who is signed in, as every service's pages show it."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from shared import state
from shared.auth import Principal
from shared.contracts.dispatch import Role, UnitState
from shared.pages import Viewer

__all__ = ["COMPANY", "viewer_among", "viewer_of"]

COMPANY: Final = "公司"
"""Where people of no single unit belong."""


def viewer_among(who: Principal, units: Mapping[str, str], office: str | None) -> Viewer:
    """Return the viewer; `units` are names by code, `office` is the code of 生产管理室 once it is known."""
    unit = office if who.role is Role.OFFICE else who.unit
    return Viewer(who.name, who.role.value, COMPANY if unit is None else units.get(unit, unit))


async def viewer_of(session: AsyncSession, who: Principal) -> Viewer:
    """Return the viewer, by the directory as this service has read it."""
    units = await state.load_all(session, UnitState)
    office = next((unit.code for unit in units if unit.office), None)
    return viewer_among(who, {unit.code: unit.name for unit in units}, office)
