"""The ledger: corrections by reversal, and the statements read from it."""

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

import pytest

from services.assessment.domain.ledger import (
    Entry,
    Posting,
    active_entries,
    corrections,
    into_open_months,
)
from services.assessment.domain.scoring import Charge, ChargeKey
from tests.support.scoring_facts import at, uid


def posted(postings: Iterable[Posting], start: int = 0) -> list[Entry]:
    return [Entry(UUID(int=start + n + 1), posting) for n, posting in enumerate(postings)]


def charge(fen: int, unit: str = "repair", day: str = "2019-04-09 09:12") -> Charge:
    return Charge(unit, fen, at(day), 1, (uid("event"),), f"扣 {fen}")


KEY = ChargeKey(uid("a"), "C-NO-REPLY", "d1")
OTHER = ChargeKey(uid("b"), "C-ACCEPT-LATE", "d2")


def test_new_charge_is_posted_as_a_negative_amount() -> None:
    (posting,) = corrections({}, {KEY: charge(10_000)})

    assert (posting.amount_fen, posting.month, posting.unit, posting.reverses) == (
        -10_000,
        "2019-04",
        "repair",
        None,
    )


def test_wrong_entry_is_reversed_and_posted_anew() -> None:
    (wrong,) = posted(corrections({}, {KEY: charge(10_000)}))
    reversal, right = corrections({KEY: wrong}, {KEY: charge(20_000)})

    assert (reversal.amount_fen, reversal.reverses, reversal.month) == (10_000, wrong.entry_id, "2019-04")
    assert reversal.explanation == "冲销：扣 10000"
    assert (right.amount_fen, right.reverses) == (-20_000, None)


def test_charge_no_longer_owed_is_reversed() -> None:
    (wrong,) = posted(corrections({}, {KEY: charge(10_000)}))
    (reversal,) = corrections({KEY: wrong}, {})

    assert reversal.reverses == wrong.entry_id
    assert active_entries([wrong, Entry(uid("r"), reversal)]) == {}


def test_other_unit_or_month_is_corrected_other_words_are_not() -> None:
    (entry,) = posted(corrections({}, {KEY: charge(10_000)}))

    assert len(corrections({KEY: entry}, {KEY: charge(10_000, unit="water")})) == 2
    assert len(corrections({KEY: entry}, {KEY: charge(10_000, day="2019-05-01 00:00")})) == 2
    assert corrections({KEY: entry}, {KEY: replace(charge(10_000), explanation="另一种说法")}) == ()


def test_broken_ledger_is_refused() -> None:
    first, second = posted(corrections({}, {KEY: charge(10_000), OTHER: charge(5_000)}))
    (reversal,) = corrections({KEY: second}, {})
    again = [Entry(uid("r1"), reversal), Entry(uid("r2"), reversal)]
    short = Entry(uid("r3"), replace(reversal, amount_fen=1))

    with pytest.raises(ValueError, match="does not reverse exactly one"):
        active_entries([second, *again])
    with pytest.raises(ValueError, match="does not reverse exactly one"):
        active_entries([second, short])
    with pytest.raises(ValueError, match="does not reverse exactly one"):
        active_entries([first, again[0]])
    with pytest.raises(ValueError, match="two entries in force"):
        active_entries([first, Entry(uid("twin"), first.posting)])


def test_an_entry_of_a_frozen_month_goes_to_the_next_open_one_and_names_it() -> None:
    postings = corrections({}, {KEY: charge(10_000)})

    (carried,) = into_open_months(postings, {"2019-04", "2019-05"})

    assert (carried.month, carried.frozen_month, carried.own_month) == ("2019-06", "2019-04", "2019-04")
    assert carried.explanation == "扣 10000（2019-04 已冻结，记入 2019-06）"
    assert carried.occurred_at == at("2019-04-09 09:12")
    assert into_open_months(postings, {"2019-03"}) == postings


def test_an_entry_that_was_carried_is_what_was_wanted() -> None:
    (carried,) = posted(into_open_months(corrections({}, {KEY: charge(10_000)}), {"2019-04"}))

    assert corrections({KEY: carried}, {KEY: charge(10_000)}) == ()


def test_a_wrong_entry_of_a_frozen_month_is_corrected_in_the_next_open_one() -> None:
    (wrong,) = posted(corrections({}, {KEY: charge(10_000)}))

    reversal, right = into_open_months(corrections({KEY: wrong}, {KEY: charge(20_000)}), {"2019-04"})

    assert (reversal.amount_fen, reversal.month, reversal.frozen_month) == (10_000, "2019-05", "2019-04")
    assert reversal.reverses == wrong.entry_id
    assert (right.amount_fen, right.month, right.frozen_month) == (-20_000, "2019-05", "2019-04")
    entries = [wrong, *posted([reversal, right], start=1)]
    assert active_entries(entries) == {KEY: entries[2]}


def test_a_carried_entry_is_corrected_where_it_was_booked_or_after_that() -> None:
    (carried,) = posted(into_open_months(corrections({}, {KEY: charge(10_000)}), {"2019-04"}))
    (reversal,) = corrections({KEY: carried}, {})

    (here,) = into_open_months([reversal], {"2019-04"})
    assert (here.month, here.frozen_month) == ("2019-05", "2019-04")
    (later,) = into_open_months([reversal], {"2019-04", "2019-05"})
    assert (later.month, later.frozen_month) == ("2019-06", "2019-04")
    assert active_entries([carried, Entry(uid("r"), later)]) == {}


def test_a_reversal_booked_before_what_it_takes_back_is_refused() -> None:
    (carried,) = posted(into_open_months(corrections({}, {KEY: charge(10_000)}), {"2019-04"}))
    (reversal,) = corrections({KEY: carried}, {})
    early = replace(reversal, month="2019-04", frozen_month=None)

    with pytest.raises(ValueError, match="does not reverse exactly one"):
        active_entries([carried, Entry(uid("r"), early)])
