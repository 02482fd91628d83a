"""Times of tables: what is read, what is not guessed, what a lost time of day means."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.importing.times import SHANGHAI, Written, latest, read_time, span


def shanghai(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=SHANGHAI)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    "written",
    [
        "2019/4/24 16:03:40",
        "2019-04-24 16:03:40",
        "2019-04-24T16:03:40",
        "2019-04-24T16:03:40+08:00",
        "2019-04-24T08:03:40Z",
        "2019-04-24 08:03:40+0000",
        " 2019.4.24  16:03:40\t",
        "2019年4月24日 16时03分40秒",
        "2019年4月24日16:03:40",
        shanghai(2019, 4, 24, 16, 3, 40).replace(tzinfo=None),
    ],
)
def test_a_time_without_a_zone_is_shanghais(written: object) -> None:
    assert read_time(written) == Written(instant=datetime(2019, 4, 24, 8, 3, 40, tzinfo=UTC))


def test_seconds_may_be_missing() -> None:
    assert read_time("2019/4/24 16:03") == Written(instant=shanghai(2019, 4, 24, 16, 3).astimezone(UTC))


@pytest.mark.parametrize("written", ["2018/4/24", "2018-04-24", "2018年4月24日", date(2018, 4, 24)])
def test_a_date_alone_is_a_day_whose_time_is_lost(written: object) -> None:
    assert read_time(written) == Written(day=date(2018, 4, 24))


@pytest.mark.parametrize(
    "written",
    [
        "",
        "昨天",
        "04/05/2019",
        "19/4/24",
        "2019/13/1",
        "2019/2/29",
        "2019/4/24 25:00",
        "2019/4/24 16:60:00",
        "2019/4/24 16",
        "2019/4/24 16:03:40+99:00",
        "0000/1/1",
        "2019/4/24 及以后",
        "２０１９/4/24x",
        43579.67,
        43579,
        True,
        time(3, 4),
        timedelta(hours=3),
    ],
)
def test_what_is_no_clear_time_is_not_guessed(written: object) -> None:
    assert read_time(written) is None


def test_a_reply_with_only_its_day_counts_from_the_start_of_that_day() -> None:
    asked = Written(instant=shanghai(2018, 3, 19, 10, 5, 4))

    assert span(asked, Written(day=date(2018, 4, 24))) == (asked.instant, shanghai(2018, 4, 24))


def test_a_reply_on_the_day_of_its_message_is_not_before_it() -> None:
    asked = Written(instant=shanghai(2018, 3, 19, 10, 5, 4))

    assert span(asked, Written(day=date(2018, 3, 19))) == (asked.instant, asked.instant)


def test_a_message_with_only_its_day_counts_from_the_end_of_that_day_or_from_its_reply() -> None:
    day = Written(day=date(2018, 3, 19))
    replied = Written(instant=shanghai(2018, 3, 19, 9))

    assert latest(day) == shanghai(2018, 3, 19, 23, 59, 59)
    assert span(day, replied) == (replied.instant, replied.instant)


MOMENTS = st.integers(1_300_000_000, 1_577_000_000).map(
    lambda second: Written(instant=datetime.fromtimestamp(second, UTC))
)
DAYS = st.dates(date(2011, 1, 1), date(2020, 1, 1)).map(lambda day: Written(day=day))


def range_of(written: Written) -> tuple[datetime, datetime]:
    if written.instant:
        return written.instant, written.instant
    assert written.day is not None
    start = datetime.combine(written.day, time.min, SHANGHAI)
    return start, start + timedelta(hours=23, minutes=59, seconds=59)


@given(MOMENTS | DAYS, MOMENTS | DAYS)
def test_a_span_keeps_to_what_was_written_and_to_the_order_where_it_can(
    asked: Written, replied: Written
) -> None:
    registered_at, answered_at = span(asked, replied)
    first, last = range_of(asked)
    reply_first, reply_last = range_of(replied)

    assert first <= registered_at <= last
    assert reply_first <= answered_at <= reply_last
    assert (answered_at >= registered_at) == (reply_last >= first)
