"""Times as people write them in tables, read without guessing."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from deploy.importing.reading import Cell

__all__ = ["SHANGHAI", "Written", "latest", "read_time", "span"]

SHANGHAI = ZoneInfo("Asia/Shanghai")

_WRITTEN = re.compile(
    r"(?P<year>\d{4})(?:[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})|年(?P<m>\d{1,2})月(?P<d>\d{1,2})日)"
    r"(?:[T ]?\s*(?P<hour>\d{1,2})[:时点](?P<minute>\d{1,2})(?:[:分](?P<second>\d{1,2})(?:\.\d+)?秒?|分)?"
    r"\s*(?P<zone>Z|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
_LAST_SECOND = time(23, 59, 59)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Written:
    """A time as it was written: an instant, or a day (in Asia/Shanghai) whose time of day is lost."""

    instant: datetime | None = None
    day: date | None = None


def read_time(cell: Cell) -> Written | None:
    """Return the time in a cell, None for what is none. A time without a zone is Asia/Shanghai's.

    Understood: date cells, `2019/4/24 16:03:40`, `2019-04-24T16:03:40+08:00`, `2019年4月24日 16时03分`,
    and all of them without the time of day. Year first always: 04/05/2019 could be two days.
    """
    if isinstance(cell, datetime):
        return Written(instant=_utc(cell))
    if isinstance(cell, date):
        return Written(day=cell)
    found = _WRITTEN.fullmatch(cell.strip()) if isinstance(cell, str) else None
    if found is None:
        return None
    try:
        day = date(int(found["year"]), int(found["month"] or found["m"]), int(found["day"] or found["d"]))
        if found["hour"] is None:
            return Written(day=day)
        at = time(int(found["hour"]), int(found["minute"]), int(found["second"] or 0))
        return Written(instant=_utc(_in_zone(datetime.combine(day, at), found["zone"])))
    except ValueError:
        return None


def latest(written: Written) -> datetime:
    """The last instant (to the second) it can mean, in UTC."""
    return written.instant or _on(written, _LAST_SECOND)


def span(asked: Written, replied: Written) -> tuple[datetime, datetime]:
    """Instants, in UTC, of a message and its reply.

    A lost time of day is read in favour of who had to answer, because nothing may be charged that the record
    does not show: the message as late on its day, the reply as early on its day as their order allows. If the
    reply cannot have come after the message, it is returned before it.
    """
    registered_at = max(_earliest(asked), min(latest(asked), latest(replied)))
    return registered_at, min(latest(replied), max(_earliest(replied), registered_at))


def _earliest(written: Written) -> datetime:
    return written.instant or _on(written, time.min)


def _on(written: Written, at: time) -> datetime:
    if written.day is None:
        raise ValueError("neither an instant nor a day")
    return _utc(datetime.combine(written.day, at))


def _in_zone(moment: datetime, zone: str | None) -> datetime:
    if zone is None:
        return moment
    return datetime.fromisoformat(f"{moment.isoformat()}{zone}")


def _utc(moment: datetime) -> datetime:
    """The instant in UTC; the first or last one there is for what lies before or after all of UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)
    try:
        return aware.astimezone(UTC)
    except OverflowError:
        return _FIRST if moment.year == date.min.year else _LAST
