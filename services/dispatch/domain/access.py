"""Who may see a case, and who may work on it: role and unit decide, nothing else.

A unit's people (and its own systems, by service token) see and work on the cases of their unit. The office
and administrators see and work on all. Operators and company leaders see all and work on none.
"""

from typing import Final

__all__ = ["LOOKING_ONLY", "SEES_ALL", "may_see", "may_work_on", "units_seen"]

LOOKING_ONLY: Final = frozenset({"operator", "company_leader"})
SEES_ALL: Final = frozenset({"office", "administrator"}) | LOOKING_ONLY


def may_see(role: str, own_unit: str | None, unit: str) -> bool:
    """Whether cases of `unit` are theirs to see."""
    return role in SEES_ALL or own_unit == unit


def may_work_on(role: str, own_unit: str | None, unit: str) -> bool:
    """Whether they may accept, arrive, complete and answer for `unit`."""
    return role not in LOOKING_ONLY and may_see(role, own_unit, unit)


def units_seen(role: str, own_unit: str | None, units: tuple[str, ...]) -> tuple[str, ...]:
    """Those of `units` whose cases are theirs to see."""
    return tuple(unit for unit in units if may_see(role, own_unit, unit))
