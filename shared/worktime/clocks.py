"""The two clocks: every minute, and open minutes only."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from shared.worktime.calendar import CalendarData
from shared.worktime.hours import open_spans

__all__ = ["WORKDAY_MINUTES", "Clock", "NaturalClock", "OutsideCalendarError", "WorkCalendar"]

WORKDAY_MINUTES = 480
"""One working day in a time standard: eight working hours, in whatever spans a unit's calendar opens them.

"5 个工作日" is therefore 2400 working minutes: a report registered at 10:00 is due at 10:00, five open days
later, and not at some day's end, which would give early reports more time than late ones.
"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MINUTE = 60_000_000


class OutsideCalendarError(ValueError):
    """An instant that the compiled calendar does not cover, or a budget that outlasts it."""


class Clock(Protocol):
    """Counts a budget of minutes from an instant."""

    @property
    def window(self) -> tuple[datetime, datetime]:
        """First and last instant this clock can answer for."""

    def add(self, start: datetime, minutes: int) -> datetime:
        """Return the first instant at which `minutes` have been counted since `start`."""

    def elapsed(self, start: datetime, end: datetime) -> int:
        """Return the whole minutes counted from `start` to `end`, rounded down; 0 when `end` is not later."""

    def is_open(self, instant: datetime) -> bool:
        """Say whether this clock is counting at `instant`."""


@dataclass(frozen=True, slots=True)
class NaturalClock:
    """Counts every minute of day and night: holidays do not defer what it measures."""

    @property
    def window(self) -> tuple[datetime, datetime]:
        """All instants a datetime can hold."""
        return datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

    def add(self, start: datetime, minutes: int) -> datetime:
        """Return the instant `minutes` after `start`."""
        return _aware(start) + timedelta(minutes=_budget(minutes))

    def elapsed(self, start: datetime, end: datetime) -> int:
        """Return the whole minutes from `start` to `end`, rounded down; 0 when `end` is not later."""
        return max(0, (_aware(end) - _aware(start)) // timedelta(minutes=1))

    def is_open(self, instant: datetime) -> bool:
        """Say True: this clock never stops."""
        _aware(instant)
        return True


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WorkCalendar:
    """Counts open minutes only. Made by `compile`; immutable, so it can be shared by all requests."""

    version: int
    hours: str
    window: tuple[datetime, datetime]
    _opens: tuple[int, ...]
    _closes: tuple[int, ...]
    _before: tuple[int, ...]
    _after: tuple[int, ...]

    @classmethod
    def compile(cls, calendar: CalendarData, hours: str | None = None) -> "WorkCalendar":
        """Compile a unit's hours (default: the company's) with the company calendar.

        Raises HoursError for a text that is not opening hours, is uncertain (`unknown`), names public
        holidays itself (`PH`, `SH`: they are the calendar's business) or never opens; ValueError for a zone
        that does not exist.
        """
        text = (calendar.hours if hours is None else hours).strip()
        zone = calendar.tz
        spans = [
            (_micros(_utc(start, zone)), _micros(_utc(end, zone)))
            for start, end in open_spans(calendar, text)
        ]
        before, after, worked = [], [], 0
        for start, end in spans:
            before.append(worked)
            worked += end - start
            after.append(worked)
        window = (
            _utc(datetime.combine(calendar.first_day, time()), zone),
            _utc(datetime.combine(calendar.last_day + timedelta(days=1), time()), zone),
        )
        opens, closes = tuple(start for start, _ in spans), tuple(end for _, end in spans)
        return cls(calendar.version, text, window, opens, closes, tuple(before), tuple(after))

    def add(self, start: datetime, minutes: int) -> datetime:
        """Return the first instant at which `minutes` of open time have passed since `start`.

        Lands in open time or on its closing instant (17:30 sharp is still today), never in closed time: with
        0 minutes a start in closed time moves to the next opening. Raises OutsideCalendarError when `start`
        or the result lies outside `window`.
        """
        budget, begin = _budget(minutes) * _MINUTE, self._inside(start)
        if budget == 0:
            return _instant(self._rest(begin))
        target = self._worked(begin) + budget
        span = bisect_left(self._after, target)
        if span == len(self._after):
            raise OutsideCalendarError(f"{minutes} working minutes from {start} outlast {self._covers()}")
        return _instant(self._opens[span] + target - self._before[span])

    def elapsed(self, start: datetime, end: datetime) -> int:
        """Return the whole open minutes from `start` to `end`, rounded down; 0 when `end` is not later."""
        return max(0, (self._worked(self._inside(end)) - self._worked(self._inside(start))) // _MINUTE)

    def is_open(self, instant: datetime) -> bool:
        """Say whether `instant` is working time; the closing instant itself is not."""
        moment = self._inside(instant)
        span = bisect_right(self._opens, moment) - 1
        return span >= 0 and moment < self._closes[span]

    def covers(self, instant: datetime) -> bool:
        """Say whether `instant` lies in the days this calendar knows."""
        first, last = self.window
        return first <= _aware(instant) <= last

    def workdays_late(self, due_at: datetime, now: datetime) -> int:
        """Return how many further whole working days have passed since `due_at`: 0 within the first one."""
        return self.elapsed(due_at, now) // WORKDAY_MINUTES

    def further_workday(self, due_at: datetime, number: int) -> datetime:
        """Return the instant at which the `number`-th further working day after `due_at` is over."""
        return self.add(due_at, number * WORKDAY_MINUTES)

    def _worked(self, moment: int) -> int:
        span = bisect_right(self._opens, moment) - 1
        if span < 0:
            return 0
        return self._before[span] + min(moment, self._closes[span]) - self._opens[span]

    def _rest(self, moment: int) -> int:
        span = bisect_left(self._closes, moment)
        if span == len(self._closes):
            raise OutsideCalendarError(f"no opening after {_instant(moment)} within {self._covers()}")
        return max(moment, self._opens[span])

    def _inside(self, instant: datetime) -> int:
        if not self.covers(instant):
            raise OutsideCalendarError(f"{instant} lies outside {self._covers()}")
        return _micros(instant)

    def _covers(self) -> str:
        first, last = self.window
        return f"calendar version {self.version}, which covers {first.isoformat()} to {last.isoformat()}"


def _aware(instant: datetime) -> datetime:
    if instant.utcoffset() is None:
        raise ValueError(f"an aware datetime is required, got {instant.isoformat()} without a zone")
    return instant.astimezone(UTC)


def _budget(minutes: int) -> int:
    if minutes < 0:
        raise ValueError(f"a budget cannot be negative, got {minutes} minutes")
    return minutes


def _utc(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(UTC)


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
