"""Working time: hand-checked days, and properties against a slow minute-by-minute oracle."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.worktime import (
    WORKDAY_MINUTES,
    CalendarData,
    Clock,
    HoursError,
    NaturalClock,
    OutsideCalendarError,
)
from tests.support.properties import heart
from tests.support.shipped import raw_calendar
from tests.support.shipped import work_calendar as working

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY_RANGES = ((8 * 60, 12 * 60), (13 * 60 + 30, 17 * 60 + 30))


@cache
def company() -> CalendarData:
    return CalendarData.parse(raw_calendar())


def at(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=SHANGHAI)


def local(instant: datetime) -> str:
    return instant.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("start", "minutes", "due"),
    [
        ("2026-09-30 16:00", 240, "2026-10-08 10:30"),  # National Day lies between
        ("2026-10-09 16:00", 240, "2026-10-10 10:30"),  # a make-up Saturday
        ("2026-02-13 17:00", 240, "2026-02-14 11:30"),  # a make-up Saturday before Spring Festival
        ("2026-02-14 17:00", 60, "2026-02-24 08:30"),  # the whole Spring Festival of 2026
        ("2011-02-01 17:00", 60, "2011-02-09 08:30"),  # Spring Festival of 2011
        ("2011-01-29 09:00", 60, "2011-01-30 09:00"),  # Saturday off, make-up Sunday
        ("2011-09-30 17:00", 60, "2011-10-08 08:30"),  # National Day of 2011, make-up Saturday
        ("2011-10-09 17:00", 60, "2011-10-10 08:30"),  # make-up Sunday, then Monday
        ("2013-02-08 17:30", 1, "2013-02-16 08:01"),
        ("2014-10-10 17:00", 60, "2014-10-11 08:30"),
        ("2015-09-02 17:00", 60, "2015-09-06 08:30"),  # the parade of 3 September 2015
        ("2018-12-28 17:00", 60, "2018-12-29 08:30"),
        ("2018-12-29 17:00", 60, "2019-01-02 08:30"),
        ("2019-04-01 09:12", 2400, "2019-04-09 09:12"),  # five workdays, Qingming between
        ("2019-04-30 17:00", 60, "2019-05-05 08:30"),  # the extended May Day of 2019
        ("2020-01-23 17:00", 60, "2020-02-03 08:30"),  # the extended Spring Festival of 2020
        ("2025-09-28 17:00", 480, "2025-09-29 17:00"),
        ("2025-09-30 17:30", 60, "2025-10-09 09:00"),
        ("2026-03-02 08:00", 240, "2026-03-02 12:00"),  # lands on the closing instant, not after lunch
        ("2026-03-02 12:00", 1, "2026-03-02 13:31"),
        ("2026-03-07 10:00", 0, "2026-03-09 08:00"),  # nothing to do, but never due in closed time
    ],
)
def test_budget_runs_out_at_the_hand_checked_instant(start: str, minutes: int, due: str) -> None:
    assert local(working().add(at(start), minutes)) == due


@pytest.mark.parametrize(
    ("day", "is_open"),
    [
        ("2012-12-29", False),
        ("2013-01-05", True),
        ("2013-09-29", True),
        ("2016-10-08", True),
        ("2016-10-09", True),
        ("2017-09-30", True),
        ("2020-10-08", False),
        ("2021-10-09", True),
        ("2022-10-08", True),
        ("2022-10-07", False),
        ("2023-10-07", True),
        ("2024-10-12", True),
        ("2024-02-18", True),
        ("2024-02-09", True),  # the eve of 2024 was only a recommendation
        ("2025-01-28", False),  # the eve has been a holiday since 2025
        ("2026-10-06", False),
        ("2026-10-10", True),
    ],
)
def test_day_is_worked_as_the_notice_says(day: str, is_open: bool) -> None:
    assert working().is_open(at(f"{day} 10:00")) is is_open


def test_calendar_file_is_what_the_generator_writes() -> None:
    from deploy.calendar_file import calendar_file

    assert raw_calendar() == calendar_file()


def test_every_year_has_about_250_working_days() -> None:
    for year in range(2011, 2027):
        minutes = working().elapsed(at(f"{year}-01-01 00:00"), at(f"{year + 1}-01-01 00:00"))
        assert minutes % WORKDAY_MINUTES == 0
        assert 248 <= minutes // WORKDAY_MINUTES <= 252, year


def test_further_workdays_are_counted_from_the_due_time() -> None:
    due = at("2026-09-30 16:00")
    second = working().further_workday(due, 2)

    assert local(second) == "2026-10-09 16:00"
    assert working().workdays_late(due, second) == 2
    assert working().workdays_late(due, second - timedelta(seconds=1)) == 1
    assert working().workdays_late(due, due - timedelta(days=1)) == 0


def test_makeup_day_takes_the_hours_of_the_weekday_beside_it() -> None:
    short_friday = working("Mo-Th 08:00-17:00; Fr 08:00-15:00")

    assert local(short_friday.add(at("2026-10-10 08:00"), 7 * 60)) == "2026-10-10 15:00"  # Saturday as Friday
    assert local(short_friday.add(at("2026-01-04 08:00"), 9 * 60)) == "2026-01-04 17:00"  # Sunday as Monday


def test_makeup_day_follows_summer_hours() -> None:
    seasonal = working("Jun-Sep Mo-Fr 08:00-12:00,15:00-19:00; Jan-May,Oct-Dec Mo-Fr 08:00-12:00,13:00-17:00")

    assert local(seasonal.add(at("2026-09-20 12:00"), 60)) == "2026-09-20 16:00"
    assert local(seasonal.add(at("2026-05-09 12:00"), 60)) == "2026-05-09 14:00"


def test_night_shift_runs_through_midnight() -> None:
    night = working("Mo-Fr 22:00-06:00")

    assert local(night.add(at("2026-03-02 23:00"), 180)) == "2026-03-03 02:00"
    assert night.elapsed(at("2026-03-02 12:00"), at("2026-03-03 12:00")) == WORKDAY_MINUTES


def test_round_the_clock_knows_no_holiday() -> None:
    always = working("24/7")

    assert local(always.add(at("2026-10-01 03:00"), 60)) == "2026-10-01 04:00"


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("Mo-Fr 8-12", 7),
        ("Mo-Fri 08:00-12:00", 6),
        ("周一 08:00-12:00", 1),
        ("", 1),
        ("off", 1),
        ("Mo-Fr 08:00-12:00; PH off", 20),
        ("Mo-Fr 08:00-12:00 unknown", 19),
    ],
)
def test_bad_hours_name_the_position(text: str, position: int) -> None:
    with pytest.raises(HoursError, match=f"第 {position} 个字符") as caught:
        working(text)

    assert caught.value.position == position


def test_naive_times_are_refused() -> None:
    naive = datetime(2026, 3, 2, 10)  # noqa: DTZ001
    clocks: tuple[Clock, ...] = (working(), NaturalClock())
    for clock in clocks:
        with pytest.raises(ValueError, match="aware"):
            clock.add(naive, 1)
        with pytest.raises(ValueError, match="aware"):
            clock.elapsed(naive, naive)
        with pytest.raises(ValueError, match="aware"):
            clock.is_open(naive)


def test_negative_budget_is_refused() -> None:
    for clock in (working(), NaturalClock()):
        with pytest.raises(ValueError, match="negative"):
            clock.add(at("2026-03-02 10:00"), -1)


def test_instants_outside_the_calendar_are_refused_clearly() -> None:
    first, last = working().window

    assert (local(first), local(last)) == ("2011-01-01 00:00", "2028-01-01 00:00")
    with pytest.raises(OutsideCalendarError, match="calendar version 1"):
        working().add(first - timedelta(seconds=1), 1)
    with pytest.raises(OutsideCalendarError, match="outlast"):
        working().add(at("2027-12-31 16:00"), 1000)
    with pytest.raises(OutsideCalendarError, match="no opening"):
        working().add(at("2027-12-31 20:00"), 0)


def test_natural_clock_counts_every_minute() -> None:
    clock, start = NaturalClock(), at("2026-10-01 03:00")

    assert clock.add(start, 90) == datetime(2026, 9, 30, 20, 30, tzinfo=UTC)
    assert clock.elapsed(start, start + timedelta(seconds=119)) == 1
    assert clock.elapsed(start, start - timedelta(days=1)) == 0
    assert clock.is_open(start)
    assert clock.window[0] < start < clock.window[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 0}, "calendar.version"),
        ({"zone": "Asia/Nowhere"}, "calendar.zone"),
        ({"hours": ""}, "calendar.hours"),
        ({"first_day": "soon"}, "calendar.first_day"),
        ({"last_day": "2010-01-01"}, "calendar.last_day"),
        ({"years": []}, "calendar.years"),
        ({"years": {"2026": []}}, "calendar.years.2026"),
        ({"years": {"2026": {"holidays": ["2026-01-01"]}}}, "calendar.years.2026.holidays"),
        ({"years": {"2026": {"holidays": {"2026-13-01": "?"}}}}, "calendar.years.2026.holidays"),
        ({"years": {"2026": {"makeup": {"2009-01-01": "?"}}}}, "outside"),
        ({"years": {"2026": {"holidays": {"2026-01-01": "a"}, "makeup": {"2026-01-01": "b"}}}}, "both"),
    ],
)
def test_bad_calendar_names_the_path(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CalendarData.parse(raw_calendar() | change)


@cache
def oracle_worked(day: date) -> bool:
    return day in company().makeup or (day.weekday() < 5 and day not in company().holidays)


def oracle_open(moment: datetime) -> bool:
    here = moment.astimezone(SHANGHAI)
    minute = here.hour * 60 + here.minute
    return oracle_worked(here.date()) and any(start <= minute < end for start, end in DAY_RANGES)


def oracle_minutes(start: datetime, end: datetime) -> int:
    minutes = int((end - start) / timedelta(minutes=1))
    return sum(oracle_open(start + timedelta(minutes=n)) for n in range(minutes))


def changes_of_day() -> Iterator[date]:
    yield from company().makeup
    yield from company().holidays


moments = st.datetimes(datetime(2011, 1, 2), datetime(2027, 6, 1)).map(lambda t: t.replace(tzinfo=SHANGHAI))  # noqa: DTZ001
near_holidays = st.builds(
    lambda day, minutes: datetime.combine(day, datetime.min.time(), SHANGHAI) + timedelta(minutes=minutes),
    st.sampled_from(sorted(day for day in changes_of_day() if date(2011, 1, 5) < day < date(2027, 6, 1))),
    st.integers(-4000, 4000),
)
starts = moments | near_holidays
budgets = st.integers(0, 20_000)


@heart()
@given(near_holidays, st.integers(0, 6000))
def test_elapsed_agrees_with_counting_each_minute(start: datetime, minutes: int) -> None:
    end = start + timedelta(minutes=minutes)
    assert working().elapsed(start, end) == oracle_minutes(start, end)


@heart()
@given(starts, budgets)
def test_elapsed_to_the_due_time_is_the_budget(start: datetime, minutes: int) -> None:
    assert working().elapsed(start, working().add(start, minutes)) == minutes


@heart()
@given(starts, budgets)
def test_due_time_never_lies_in_closed_time(start: datetime, minutes: int) -> None:
    due = working().add(start, minutes)
    assert due >= start
    assert oracle_open(due) or oracle_open(due - timedelta(microseconds=1))


@heart()
@given(starts, budgets, budgets)
def test_budgets_add_up(start: datetime, first: int, second: int) -> None:
    calendar = working()
    assert calendar.add(calendar.add(start, first), second) == calendar.add(start, first + second)


@heart()
@given(starts, starts, budgets, budgets)
def test_later_start_or_larger_budget_is_never_due_earlier(
    one: datetime, other: datetime, small: int, large: int
) -> None:
    calendar = working()
    assert calendar.add(min(one, other), min(small, large)) <= calendar.add(
        max(one, other), max(small, large)
    )


@heart()
@given(starts, st.integers(0, 400_000), st.integers(0, 400_000))
def test_elapsed_never_shrinks(start: datetime, one: int, other: int) -> None:
    near, far = sorted((one, other))
    calendar = working()
    assert calendar.elapsed(start, start + timedelta(seconds=near)) <= calendar.elapsed(
        start, start + timedelta(seconds=far)
    )


@given(starts, budgets)
def test_both_clocks_answer_in_utc(start: datetime, minutes: int) -> None:
    assert working().add(start, minutes).tzinfo is UTC
    assert NaturalClock().add(start, minutes).tzinfo is UTC
