"""The walk over sequence numbers: any order and any duplication end the same way."""

from datetime import UTC, datetime
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.envelope import Origin
from shared.inbox import walk
from shared.wire import Envelope, RawRecord
from tests.support.properties import heart

NOW = datetime(2026, 11, 2, tzinfo=UTC)


def envelope(key: str, seq: int) -> Envelope:
    raw = RawRecord("complaint.events", 0, seq, key.encode(), {}, b"{}")
    return Envelope(uuid4(), "complaint.registered.v1", "complaint.events", key, seq, NOW, Origin.LIVE, raw)


def numbers(envelopes: tuple[Envelope, ...]) -> list[tuple[str, int]]:
    return [(one.key, one.seq) for one in envelopes]


def test_the_next_number_is_fresh_a_later_one_waits_and_an_older_one_is_a_duplicate() -> None:
    admission = walk([envelope("a", 3), envelope("a", 5), envelope("a", 2)], {"a": 2})

    assert numbers(admission.fresh) == [("a", 3)]
    assert numbers(admission.waiting) == [("a", 5)]
    assert numbers(admission.duplicates) == [("a", 2)]


def test_a_number_twice_in_one_batch_is_fresh_once() -> None:
    admission = walk([envelope("a", 1), envelope("a", 1)], {"a": 0})

    assert numbers(admission.fresh) == [("a", 1)]
    assert numbers(admission.duplicates) == [("a", 1)]


@heart()
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 8)), max_size=40),
    st.lists(st.integers(1, 7), max_size=6),
)
def test_any_order_duplication_and_cutting_into_batches_applies_the_same_numbers(
    arrivals: list[tuple[str, int]], cuts: list[int]
) -> None:
    last = dict.fromkeys("abc", 0)
    applied: dict[str, list[int]] = {key: [] for key in "abc"}
    waiting: tuple[Envelope, ...] = ()
    rest = [envelope(key, seq) for key, seq in arrivals]
    while rest:
        size = cuts.pop() if cuts else len(rest)
        batch, rest = rest[:size], rest[size:]
        admission = walk([*batch, *waiting], last)
        waiting = admission.waiting
        for one in admission.fresh:
            applied[one.key].append(one.seq)
            last[one.key] = one.seq

    for key, seqs in applied.items():
        arrived = {seq for each, seq in arrivals if each == key}
        contiguous = next(number for number in range(1, 10) if number not in arrived)
        assert seqs == list(range(1, contiguous))
