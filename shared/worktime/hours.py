"""From opening-hours text and calendar to open spans in local wall time."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta

from opening_hours import OpeningHours, ParserError, State  # type: ignore[attr-defined]  # not in its stub

from shared.worktime.calendar import CalendarData

__all__ = ["ALWAYS_OPEN", "HoursError", "Span", "open_spans"]

ALWAYS_OPEN = "24/7"

Span = tuple[datetime, datetime]

_DAY = timedelta(days=1)
_SATURDAY, _SUNDAY = 5, 6


class HoursError(ValueError):
    """An opening-hours text that cannot be used; `position` is the 1-based character where it goes wrong."""

    def __init__(self, text: str, position: int, reason: str) -> None:
        super().__init__(f"工作时间“{text}”第 {position} 个字符起有误：{reason}")
        self.position = position


def open_spans(calendar: CalendarData, text: str) -> list[Span]:
    """Return the open spans in local wall time, after holidays and make-up days, joined where they touch."""
    parsed = _parse_hours(text)
    by_day: dict[date, list[Span]] = {}
    for start, end in _base_spans(parsed, calendar, text):
        by_day.setdefault(start.date(), []).append((start, end))
    days = dict(by_day)
    if text != ALWAYS_OPEN:
        for day in calendar.makeup:
            if day not in by_day:
                days[day] = _like_neighbour(by_day, day)
        for day in calendar.holidays:
            days.pop(day, None)
    first = datetime.combine(calendar.first_day, time())
    last = datetime.combine(calendar.last_day + _DAY, time())
    spans = list(_joined(span for day in sorted(days) for span in days[day] if first <= span[0] < last))
    if not spans:
        raise HoursError(text, 1, "按此写法从不上班")
    return spans


def _parse_hours(text: str) -> OpeningHours:
    if named := re.search(r"\b[PS]H\b", text):
        raise HoursError(text, named.start() + 1, "节假日由公司日历决定，请去掉 PH、SH")
    try:
        return OpeningHours(text, auto_country=False, auto_timezone=False)
    except ParserError as error:
        found = re.search(r"--> \d+:(\d+)", str(error))
        raise HoursError(
            text, int(found[1]) if found else 1, "看不懂，写法如 Mo-Fr 08:00-12:00,13:30-17:30"
        ) from error


def _base_spans(parsed: OpeningHours, calendar: CalendarData, text: str) -> Iterator[Span]:
    """Yield open spans cut at midnights, some days beyond both ends: an edge day finds its neighbour."""
    start = datetime.combine(calendar.first_day, time()) - 3 * _DAY
    for begin, end, state, _ in parsed.intervals(
        start, datetime.combine(calendar.last_day, time()) + 4 * _DAY
    ):
        if state == State.UNKNOWN:
            raise HoursError(text, max(text.find("unknown"), 0) + 1, "工作时间必须确定，不能写 unknown")
        cut = begin
        while state == State.OPEN and cut < end:
            midnight = datetime.combine(cut.date() + _DAY, time())
            yield cut, min(end, midnight)
            cut = midnight


def _like_neighbour(by_day: Mapping[date, list[Span]], day: date) -> list[Span]:
    """Return the hours of the ordinary weekday beside a make-up day, moved to that day."""
    shift = {_SATURDAY: _DAY, _SUNDAY: -_DAY}.get(day.weekday(), timedelta())
    return [(start + shift, end + shift) for start, end in by_day.get(day - shift, [])]


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    current: Span | None = None
    for start, end in spans:
        if current is None:
            current = (start, end)
        elif start == current[1]:
            current = (current[0], end)
        else:
            yield current
            current = (start, end)
    if current is not None:
        yield current
