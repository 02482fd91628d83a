from datetime import UTC, datetime, timedelta

import pytest

from shared.pages import filters

NOW = datetime(2026, 11, 22, 6, 5, tzinfo=UTC)


def test_times_are_shown_in_shanghai_whatever_zone_they_come_in() -> None:
    assert filters.local_time(NOW) == "2026-11-22 14:05"
    assert filters.local_time(NOW.astimezone(filters.SHANGHAI)) == "2026-11-22 14:05"
    assert filters.local_time(datetime(2026, 11, 22, 16, 30, tzinfo=UTC)) == "2026-11-23 00:30"
    assert filters.local_time(None) == "—"


def test_a_time_without_a_zone_is_refused() -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(ValueError, match="without a zone"):
        filters.local_time(naive)
    with pytest.raises(ValueError, match="without a zone"):
        filters.relative_time(naive, NOW)


def test_the_machine_readable_time_is_utc() -> None:
    assert filters.utc_iso(NOW.astimezone(filters.SHANGHAI)) == "2026-11-22T06:05:00Z"


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0, "不到 1 分"),
        (1, "1 分"),
        (45, "45 分"),
        (60, "1 小时"),
        (200, "3 小时 20 分"),
        (1440, "1 天"),
        (1500, "1 天 1 小时"),
        (1441, "1 天"),
        (-200, "3 小时 20 分"),
    ],
)
def test_durations_use_the_two_largest_units(minutes: int, words: str) -> None:
    assert filters.duration_zh(minutes) == words


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        (timedelta(seconds=-30), "刚刚"),
        (timedelta(seconds=30), "刚刚"),
        (timedelta(minutes=-20), "20 分钟前"),
        (timedelta(minutes=20), "20 分钟后"),
        (timedelta(hours=-3, minutes=-50), "3 小时前"),
        (timedelta(days=2), "2 天后"),
    ],
)
def test_relative_times(offset: timedelta, words: str) -> None:
    assert filters.relative_time(NOW + offset, NOW) == words


@pytest.mark.parametrize(
    ("fen", "words"),
    [(-5000, "-50.00 元"), (0, "0.00 元"), (5, "0.05 元"), (-1, "-0.01 元"), (123456789, "1,234,567.89 元")],
)
def test_money_is_written_from_integer_fen(fen: int, words: str) -> None:
    assert filters.yuan(fen) == words


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("13812345678", "138****5678"),
        ("+8613812345678", "138****5678"),
        ("138 1234 5678", "138****5678"),
        ("0538-8123456", "053****3456"),
        ("8123", "****"),
        ("", "—"),
        (None, "—"),
    ],
)
def test_phone_numbers_show_their_ends_only(phone: str | None, masked: str) -> None:
    assert filters.phone_masked(phone) == masked


@pytest.mark.parametrize(
    ("place", "masked"),
    [
        ("东区 12 号楼 3 单元 501", "东区 ***"),
        ("胜利路二十号院", "胜利路***"),
        ("机关食堂", "机关食堂"),
        ("12 号楼", "***"),
        ("", ""),
    ],
)
def test_a_place_shows_the_quarter_but_not_the_house(place: str, masked: str) -> None:
    assert filters.place_masked(place) == masked
