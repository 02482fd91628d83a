"""Working time: budgets counted in open hours, and the instants at which they run out.

Two clocks share one interface (`Clock`): `NaturalClock` counts every minute (N, 24x7), `WorkCalendar` counts
only open ones (W). Budgets are whole minutes, instants are aware datetimes, results are UTC.

A `WorkCalendar` is compiled once: opening-hours text (OSM syntax) -> open spans per local date -> holidays
closed, make-up workdays (调休) opened -> sorted arrays of UTC microseconds with the time worked so far. After
that every question is a bisection, so a deadline costs microseconds and no calendar is ever walked.

How days are overlaid:
- a holiday closes its whole local date, whatever the hours say;
- a make-up workday keeps the hours its date already has; a date that has none gets those of the ordinary
  weekday beside it (a Saturday works like the Friday before, a Sunday like the Monday after), so summer hours
  and short Fridays are followed;
- `24/7` means around the clock: it knows no holiday.
"""

from shared.worktime.calendar import CalendarData
from shared.worktime.clocks import WORKDAY_MINUTES, Clock, NaturalClock, OutsideCalendarError, WorkCalendar
from shared.worktime.hours import ALWAYS_OPEN, HoursError

__all__ = [
    "ALWAYS_OPEN",
    "WORKDAY_MINUTES",
    "CalendarData",
    "Clock",
    "HoursError",
    "NaturalClock",
    "OutsideCalendarError",
    "WorkCalendar",
]
