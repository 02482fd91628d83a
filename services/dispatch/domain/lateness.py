"""What clocks read, and how a case that stays overdue is counted workday by workday."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from services.dispatch.domain.cases import Deadline, deadline_id
from services.dispatch.domain.standards import Basis, ClockKind
from shared.worktime import WORKDAY_MINUTES, NaturalClock, OutsideCalendarError, WorkCalendar

__all__ = ["elapsed_minutes", "further_workdays", "further_workdays_cap"]

_NATURAL = NaturalClock()


def elapsed_minutes(basis: Basis, start: datetime, end: datetime, calendar: WorkCalendar) -> int:
    """Return what a clock of this basis reads at `end`, in whole minutes."""
    clock = _NATURAL if basis is Basis.NATURAL else calendar
    return clock.elapsed(start, end)


def further_workdays_cap(body: Mapping[str, object]) -> int:
    """Return how many further workdays of a late completion a rule book counts.

    Read from its plain values: the clause for late completion takes so much for each further workday until
    the cap is reached. 0 where it takes nothing.
    """
    clauses = body.get("clauses")
    for clause in clauses if isinstance(clauses, list) else ():
        further = clause.get("further_workday")
        if clause.get("trigger") == {"deadline": "complete"} and further:
            return max(0, (int(further["cap_fen"]) - int(clause["base_fen"])) // int(further["fen"]))
    return 0


def further_workdays(last: Deadline, until: datetime, cap: int, calendar: WorkCalendar) -> Iterator[Deadline]:
    """Yield the further workdays after `last` (a late completion, or its last workday so far).

    Those over by `until`, and the next; at most up to level `cap`, none beyond the end of the calendar.
    """
    while last.level < cap and last.due_at <= until:
        try:
            ended_at = calendar.further_workday(last.due_at, 1)
        except OutsideCalendarError:
            return
        level = last.level + 1
        last = last._replace(
            deadline_id=deadline_id(last.complaint_id, ClockKind.COMPLETE, level),
            level=level,
            basis=Basis.WORKING,
            budget_minutes=level * WORKDAY_MINUTES,
            due_at=ended_at,
            at_close=False,
            fired_at=None,
            epoch=None,
        )
        yield last
