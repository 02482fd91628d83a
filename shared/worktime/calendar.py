"""The company calendar as data: hours, holidays and make-up workdays (调休), by version."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["CalendarData"]


@dataclass(frozen=True, slots=True)
class CalendarData:
    """A version of the company calendar, as plain values: what `WorkCalendar.compile` needs.

    `holidays` and `makeup` name each date's reason or notice, so a due time can be explained to the day.
    """

    version: int
    zone: str
    hours: str
    first_day: date
    last_day: date
    holidays: Mapping[date, str]
    makeup: Mapping[date, str]

    @property
    def tz(self) -> ZoneInfo:
        """The zone whose wall time the hours are written in."""
        return ZoneInfo(self.zone)

    @classmethod
    def parse(cls, raw: Mapping[str, object]) -> "CalendarData":
        """Read the calendar file's mapping (see `services/dispatch/data/calendar.yaml`).

        Raises ValueError naming the path: a missing key, a bad date, a date outside the years covered, or one
        that is both a holiday and a make-up workday.
        """
        version = raw.get("version")
        if not isinstance(version, int) or version < 1:
            raise ValueError("calendar.version: a number from 1 is required")
        holidays: dict[date, str] = {}
        makeup: dict[date, str] = {}
        for year, listed in _mapping(raw.get("years"), "calendar.years").items():
            path = f"calendar.years.{year}"
            entry = _mapping(listed, path)
            holidays |= _dated(entry, "holidays", path)
            makeup |= _dated(entry, "makeup", path)
        parsed = cls(
            version=version,
            zone=_zone(_text(raw, "zone")).key,
            hours=_text(raw, "hours"),
            first_day=_day(raw.get("first_day"), "calendar.first_day"),
            last_day=_day(raw.get("last_day"), "calendar.last_day"),
            holidays=holidays,
            makeup=makeup,
        )
        parsed._check()
        return parsed

    def _check(self) -> None:
        if self.last_day < self.first_day:
            raise ValueError("calendar.last_day: earlier than first_day")
        for day in (*self.holidays, *self.makeup):
            if not self.first_day <= day <= self.last_day:
                raise ValueError(f"calendar.years: {day} lies outside {self.first_day}..{self.last_day}")
        if both := sorted(set(self.holidays) & set(self.makeup)):
            raise ValueError(f"calendar.years: {both[0]} is both a holiday and a make-up workday")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"calendar.zone: no time zone is called {name!r}") from error


def _text(raw: Mapping[str, object], key: str) -> str:
    value = raw.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"calendar.{key}: a text is required")
    return value


def _day(value: object, path: str) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise ValueError(f"{path}: a date like 2026-10-01 is required, got {value!r}") from error


def _mapping(value: object, path: str) -> Mapping[object, object]:
    if isinstance(value, Mapping):
        return value
    raise ValueError(f"{path}: a mapping is required")


def _dated(entry: Mapping[object, object], key: str, path: str) -> dict[date, str]:
    listed = _mapping(entry.get(key, {}), f"{path}.{key}")
    return {_day(day, f"{path}.{key}"): str(reason) for day, reason in listed.items()}
