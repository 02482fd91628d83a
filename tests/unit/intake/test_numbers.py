"""Complaint numbers: one form, every typing of it, and typos found."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.numbers import format_number, parse_number
from tests.support.properties import heart

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*"
NOW = datetime(2026, 11, 22, 6, 5, tzinfo=UTC)

numbers = st.builds(
    format_number,
    st.integers(0, 36_500).map(lambda day: datetime(2000, 1, 2, tzinfo=UTC) + timedelta(days=day)),
    st.integers(1, 10**9),
)


def body(number: str) -> str:
    """The characters that the check character guards, and itself."""
    return number.replace("-", "").removeprefix("HY")


def alike(character: str) -> str:
    """The characters that look like this one, itself first."""
    return character + next(
        (group for group in ("0OoＯ０〇", "1IilL|１ｌ", "*＊×") if character in group), ""
    )


def test_month_is_that_of_shanghai() -> None:
    assert format_number(datetime(2026, 10, 31, 16, 0, tzinfo=UTC), 123).startswith("HY-2611-000123-")
    assert format_number(datetime(2026, 10, 31, 15, 59, tzinfo=UTC), 123).startswith("HY-2610-000123-")


def test_a_time_without_zone_has_no_month() -> None:
    with pytest.raises(ValueError, match="zone"):
        format_number(datetime(2026, 11, 1), 1)  # noqa: DTZ001


@given(numbers)
def test_a_number_reads_back(number: str) -> None:
    assert parse_number(number) == number


@pytest.mark.parametrize("shape", ["{}", " {} ", "{}\n"])
@given(number=numbers)
def test_however_it_is_typed(shape: str, number: str) -> None:
    full_width = "".join(chr(ord(one) + 0xFEE0) for one in number)
    for typed in (
        number.lower(),
        number.replace("-", ""),
        number.replace("-", " "),
        number.replace("-", "—"),
        full_width,
        body(number),
        " ".join(number),
    ):
        assert parse_number(shape.format(typed)) == number


@heart()
@given(numbers, st.data())
def test_what_looks_alike_may_be_typed_for_the_other(number: str, data: st.DataObject) -> None:
    typed = "".join(data.draw(st.sampled_from(alike(one))) for one in body(number))
    prefix = data.draw(st.sampled_from(["HY", "hy-", "", "ＨＹ "]))
    assert parse_number(prefix + typed) == number


@pytest.mark.parametrize(
    ("check", "typed"), [("O", "0"), ("0", "o"), ("I", "1"), ("I", "l"), ("L", "i"), ("1", "L"), ("*", "×")]
)
def test_a_check_character_is_read_as_the_one_that_is_right(check: str, typed: str) -> None:
    made = (format_number(datetime(2026, 11, 22, tzinfo=UTC), serial) for serial in range(1, 1000))
    number = next(one for one in made if one.endswith(check))
    assert parse_number(number[:-1] + typed) == number


def is_found(typed: str) -> bool:
    """Whether a typo is known for one; only a check character that looks like the right one may hide it."""
    read = parse_number("HY" + typed)
    return read is None or (read[-1] != typed[-1] and typed[-1] in alike(read[-1]))


@given(numbers, st.data())
def test_one_wrong_character_is_found(number: str, data: st.DataObject) -> None:
    guarded = body(number)
    place = data.draw(st.integers(0, len(guarded) - 1))
    wrong = data.draw(st.sampled_from([one for one in ALPHABET if one not in alike(guarded[place])]))
    assert is_found(guarded[:place] + wrong + guarded[place + 1 :])


@given(numbers, st.data())
def test_two_swapped_neighbours_are_found(number: str, data: st.DataObject) -> None:
    guarded = body(number)
    place = data.draw(st.integers(0, len(guarded) - 2))
    swapped = guarded[:place] + guarded[place + 1] + guarded[place] + guarded[place + 2 :]
    if guarded[place + 1] in alike(guarded[place]):
        assert parse_number("HY" + swapped) == number
    else:
        assert is_found(swapped)


@given(st.text())
def test_any_text_is_a_number_or_none(text: str) -> None:
    number = parse_number(text)
    assert number is None or parse_number(number) == number


def test_other_things_are_no_numbers() -> None:
    for text in ("", "HY", "HY-2611-123-X", "XX-2611-000123-K", "٢٦١١٠٠٠١٢٣K", str(NOW)):
        assert parse_number(text) is None
