"""The data files that an installation starts with, read once a run. Nobody changes what is returned."""

from functools import cache
from typing import Any

import yaml

from services.dispatch.domain.rulebook import read_rule_book
from services.dispatch.domain.standards import StandardBook
from shared.worktime import CalendarData, WorkCalendar
from tests.support.root import ROOT

__all__ = [
    "raw_calendar",
    "raw_directory",
    "raw_routing",
    "raw_rule_book",
    "standards",
    "work_calendar",
]

SERVICES = ROOT / "services"


@cache
def _raw(path: str) -> dict[str, Any]:
    """The plain values of a data file, named by its path below `services`."""
    text = (SERVICES / path).read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    return loaded


def raw_rule_book() -> dict[str, Any]:
    """The plain values of rule book 1."""
    return _raw("assessment/data/rulebook-1.yaml")


def raw_calendar() -> dict[str, Any]:
    """The plain values of the company calendar."""
    return _raw("dispatch/data/calendar.yaml")


def raw_directory() -> dict[str, Any]:
    """The plain values of the directory of units."""
    return _raw("dispatch/data/directory.yaml")


def raw_routing() -> dict[str, Any]:
    """The plain values of the routing rules."""
    return _raw("dispatch/data/routing.yaml")


@cache
def standards() -> StandardBook:
    """Rule book 1 as dispatch reads it."""
    return read_rule_book(raw_rule_book())


@cache
def work_calendar(hours: str | None = None) -> WorkCalendar:
    """The company calendar, or that of a unit with hours of its own."""
    return WorkCalendar.compile(CalendarData.parse(raw_calendar()), hours)
