"""What dispatch decides by, read from its database once and again when any of it changed."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.dispatch.domain.lateness import further_workdays_cap
from services.dispatch.domain.routing import RoutingTable, read_routing
from services.dispatch.domain.rulebook import read_rule_book
from services.dispatch.domain.standards import Category, StandardBook, book_in_force
from services.dispatch.store import reference as store
from shared import state
from shared.contracts.assessment import RuleBookState
from shared.contracts.dispatch import UnitState
from shared.problems import Problem
from shared.worktime import CalendarData, WorkCalendar

__all__ = ["Knowledge", "Reference", "is_prepared"]

_FRESH_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Reference:
    """Rule books, calendars, routing rules and units as they stood at one moment."""

    books: tuple[StandardBook, ...]
    further_workdays: Mapping[int, int]
    """How many further workdays of a late completion count, by rule-book version."""
    calendars: Mapping[int, WorkCalendar]
    routing: RoutingTable
    units: Mapping[str, str]
    """Names by code, in the company's order."""
    office: str

    def book_at(self, at: datetime) -> StandardBook:
        """Return the rule book in force at `at`. LookupError where there was none."""
        return book_in_force(self.books, at)

    @property
    def calendar(self) -> WorkCalendar:
        """The newest calendar, for new cases; a case keeps the version it began with."""
        return self.calendars[max(self.calendars)]

    def calendar_at(self, version: int, instant: datetime) -> WorkCalendar:
        """Return the calendar that a case of this version is timed by at `instant`.

        Its own; the newest where its own has ended by then, for a case that outlives a calendar goes on.
        """
        own = self.calendars[version]
        return own if own.covers(instant) else self.calendar

    def category(self, code: str | None) -> Category | None:
        """Return a category by the newest rule book that lists it."""
        listed = (book.categories.get(code or "") for book in reversed(self.books))
        return next((category for category in listed if category is not None), None)


@dataclass(slots=True)
class Knowledge:
    """Keeps the reference at hand; one per process."""

    _fingerprint: tuple[object, ...] | None = field(default=None, init=False)
    _reference: Reference | None = field(default=None, init=False)
    _compared_at: float = field(default=0.0, init=False)

    async def get(self, session: AsyncSession) -> Reference:
        """Return the reference as the database had it a moment ago: what changes takes longer to get here.

        Problem 503 before the service is prepared.
        """
        now = time.monotonic()
        if self._reference is not None and now - self._compared_at < _FRESH_SECONDS:
            return self._reference
        fingerprint = await store.get_fingerprint(session)
        if self._reference is None or fingerprint != self._fingerprint:
            if not all(fingerprint):
                raise Problem(503, "系统还在准备(考核细则或单位目录未到),请稍后再试")
            books = [book.body for book in await state.load_all(session, RuleBookState)]
            units = await state.load_all(session, UnitState)
            calendars = await store.list_calendars(session)
            routing = await store.list_routing_rules(session)
            self._reference = await asyncio.to_thread(_read, books, units, calendars, routing)
            self._fingerprint = fingerprint
        self._compared_at = now
        return self._reference


async def is_prepared(session: AsyncSession) -> bool:
    """Whether everything dispatch decides by is here."""
    return all(await store.get_fingerprint(session))


def _read(
    bodies: Sequence[Mapping[str, Any]],
    units: Sequence[UnitState],
    calendars: Sequence[Mapping[str, Any]],
    routing: Mapping[str, Any],
) -> Reference:
    compiled = [WorkCalendar.compile(CalendarData.parse(body)) for body in calendars]
    return Reference(
        books=tuple(sorted((read_rule_book(body) for body in bodies), key=lambda book: book.version)),
        further_workdays={int(body["version"]): further_workdays_cap(body) for body in bodies},
        calendars={calendar.version: calendar for calendar in compiled},
        routing=read_routing(routing),
        units={unit.code: unit.name for unit in sorted(units, key=lambda one: one.position)},
        office=next(unit.code for unit in units if unit.office),
    )
