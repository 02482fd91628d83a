"""The auditor and the product agree on months: where an entry goes, and what a unit's month gets back."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.auditor.ledger import check_ledger
from deploy.auditor.months import Credit, expected_credits, misplacement
from deploy.auditor.rows import Assessment
from deploy.auditor.rows import Entry as AuditedEntry
from deploy.auditor.rows import Pool as AuditedPool
from deploy.auditor.verdict import Finding
from services.assessment.domain.ledger import Entry, active_entries, corrections, into_open_months
from services.assessment.domain.pools import Pool, UnitMonth, cap_of, credit_of
from services.assessment.domain.rulebook import RuleBook, read_rule_book
from services.assessment.domain.scoring import Charge, ChargeKey
from tests.support.properties import heart
from tests.support.scoring_facts import at, raw_rule_book, rule_book, uid

START = datetime(2019, 9, 15, tzinfo=UTC)
MONTHS = ["2019-10", "2019-11", "2019-12", "2020-01", "2020-02"]
UNITS = ["repair", "office"]
NOW = at("2020-03-01 08:00")

_units, _months = st.sampled_from(UNITS), st.sampled_from(MONTHS)
_moments = st.integers(0, 150 * 24).map(lambda hours: START + timedelta(hours=hours))
_pools = st.builds(Pool, _units, _months, st.none() | st.integers(0, 200_000))


def entry(month: str, frozen_month: str | None = None, *, fen: int = -100, **changes: Any) -> AuditedEntry:
    booked = AuditedEntry(
        "entry", "case", "C", "o", "repair", month, fen, 1, ("event",), None, frozen_month, NOW
    )
    return booked._replace(**changes)


@pytest.mark.parametrize(
    ("booked", "problem"),
    [
        (entry("2020-02"), None),
        (entry("2020-02", posted_at=NOW + timedelta(days=9)), None),
        (entry("2019-12"), None),
        (entry("2019-12", posted_at=NOW + timedelta(seconds=1)), "2019-12 冻结以后又记入分录"),
        (entry("2020-01", "2019-10"), "2019-10 的分录越过未冻结的 2019-11 记入 2020-01"),
        (entry("2019-11", "2019-10"), None),
        (entry("2020-02", "2019-12"), None),
        (entry("2020-01", "2019-12"), None),  # before that was frozen too
        (entry("2020-03", "2019-12"), "2019-12 的分录越过未冻结的 2020-02 记入 2020-03"),
        (entry("2020-03", "2020-02"), "2020-02 的分录越过未冻结的 2020-02 记入 2020-03"),
        (entry("2019-12", "2019-12"), "2019-12 的分录没有记入之后的月份，而是记入 2019-12"),
        (entry("2019-11", "2019-12"), "2019-12 的分录没有记入之后的月份，而是记入 2019-11"),
        (entry("2020-02", "2019-12", case_id=None), "2019-12 的整月分录记入了 2020-02"),
    ],
)
def test_an_entry_of_a_frozen_month_stands_in_the_next_open_one(
    booked: AuditedEntry, problem: str | None
) -> None:
    frozen = dict.fromkeys(("2019-10", "2019-12", "2020-01"), NOW)

    assert misplacement(booked, frozen) == problem


class Cap(NamedTuple):
    """What varies between the rule books of this test."""

    in_force_from: datetime
    percent: int | None


_caps = st.builds(Cap, _moments, st.none() | st.integers(1, 100))


def body_of(version: int, cap: Cap) -> dict[str, Any]:
    caps = {"case": raw_rule_book()["caps"]["case"]}
    if cap.percent:
        caps["unit_month_percent_of_pool"] = {"percent": cap.percent}
    return raw_rule_book() | {
        "version": version,
        "in_force_from": cap.in_force_from.isoformat(),
        "caps": caps,
    }


def audited_pools(pools: Sequence[Pool]) -> list[AuditedPool]:
    """The pools as rows, which come in no order but were entered in that of the list."""
    return [
        AuditedPool(one.unit, one.from_month, START + timedelta(minutes=minute), one.amount_fen)
        for minute, one in reversed(list(enumerate(pools)))
    ]


def credits_of(
    charged: dict[UnitMonth, int], pools: Sequence[Pool], books: dict[int, RuleBook]
) -> dict[ChargeKey, Charge]:
    """What the product gives back for these sums."""
    found: dict[ChargeKey, Charge] = {}
    for place, fen in charged.items():
        cap = cap_of(place, pools, books)
        found |= credit_of(place, fen, uid("event"), cap) if cap else {}
    return found


@heart()
@given(
    st.lists(st.tuples(_units, _months, st.integers(-30_000, 10_000)), max_size=20),
    st.lists(_pools, max_size=8),
    st.dictionaries(st.integers(1, 4), _caps, min_size=1),
)
def test_both_calculations_of_the_credits_agree(
    rows: list[tuple[str, str, int]], pools: list[Pool], caps: dict[int, Cap]
) -> None:
    bodies = {version: body_of(version, cap) for version, cap in caps.items()}
    charged: dict[UnitMonth, int] = defaultdict(int)
    for unit, month, fen in rows:
        charged[UnitMonth(unit, month)] -= fen
    books = {version: read_rule_book(body) for version, body in bodies.items()}

    theirs = expected_credits(
        Assessment(
            entries=[
                *(entry(month, fen=fen, unit=unit) for unit, month, fen in rows),
                *(entry(month, fen=10**6, unit=unit, case_id=None) for unit, month, _ in rows),
            ],
            books=bodies,
            pools=audited_pools(pools),
        )
    )

    assert theirs == {
        (None, key.clause, key.occurrence): (one.unit, one.month, -one.amount_fen)
        for key, one in credits_of(charged, pools, books).items()
    }


@pytest.mark.parametrize(("charged", "credit"), [(1_000, 899), (102, 1), (101, None), (-1, None)])
def test_what_exceeds_the_cap_is_given_back_half_a_fen_of_the_cap_rounded_up(
    charged: int, credit: int | None
) -> None:
    facts = Assessment(
        entries=[entry("2019-10", fen=-charged)],
        books={1: raw_rule_book()},
        pools=[AuditedPool("repair", "2019-10", NOW, 1_005)],
    )

    assert [one.fen for one in expected_credits(facts).values()] == ([] if credit is None else [credit])


def test_a_book_rules_the_whole_of_its_first_month_in_shanghai() -> None:
    first, last_evening, midnight = (
        at("2011-01-01 00:00"),
        at("2019-10-31 23:00"),
        datetime(2019, 10, 31, 16, 0, tzinfo=UTC),
    )
    facts = Assessment(
        entries=[entry(month, fen=-1_000) for month in ("2019-09", "2019-10", "2019-11")],
        books={
            1: body_of(1, Cap(first, 10)),
            2: body_of(2, Cap(last_evening, 20)),
            3: body_of(3, Cap(midnight, None)),
        },
        pools=[AuditedPool("repair", "2019-01", NOW, 1_000)],
    )

    assert expected_credits(facts) == {
        (None, "C-MONTH-CAP", "repair:2019-09"): Credit("repair", "2019-09", 900),
        (None, "C-MONTH-CAP", "repair:2019-10"): Credit("repair", "2019-10", 800),
    }


class Office:
    """What the product's rules book, step by step, while months are frozen and pools entered."""

    def __init__(self) -> None:
        self.booked: list[tuple[Entry, datetime]] = []
        self.frozen: dict[str, datetime] = {}
        self.pools: list[Pool] = []
        self.now = NOW

    def take(self, step: "Step") -> None:
        """Freeze a month, enter a pool that may be, or bring the ledger to what the cases deserve."""
        self.now += timedelta(minutes=1)
        match step:
            case str():
                self.frozen.setdefault(step, self.now)
            case Pool():
                if step.from_month > max(self.frozen, default=""):
                    self.pools.append(step)
            case _:
                self._book({key: charge for key, charge in step.items() if charge.amount_fen}, cases=True)
        self._book(credits_of(self._charged(), self.pools, {1: rule_book()}), cases=False)

    def _book(self, desired: dict[ChargeKey, Charge], *, cases: bool) -> None:
        kept = [one for one, _ in self.booked if (one.posting.key.case_id is not None) is cases]
        for posting in into_open_months(corrections(active_entries(kept), desired), self.frozen):
            self.booked.append((Entry(uid(f"entry {len(self.booked)}"), posting), self.now))

    def _charged(self) -> dict[UnitMonth, int]:
        charged: dict[UnitMonth, int] = defaultdict(int)
        for one, _ in self.booked:
            if one.posting.key.case_id is not None:
                charged[UnitMonth(one.posting.unit, one.posting.month)] -= one.posting.amount_fen
        return charged

    def audited(self) -> Assessment:
        """The same as rows."""
        return Assessment(
            entries=[audited_entry(one, posted_at) for one, posted_at in self.booked],
            books={1: raw_rule_book()},
            frozen=self.frozen,
            pools=audited_pools(self.pools),
        )


def audited_entry(one: Entry, posted_at: datetime) -> AuditedEntry:
    posting, key = one.posting, one.posting.key
    return AuditedEntry(
        str(one.entry_id),
        None if key.case_id is None else str(key.case_id),
        key.clause,
        key.occurrence,
        posting.unit,
        posting.month,
        posting.amount_fen,
        posting.rule_book_version,
        tuple(map(str, posting.evidence)),
        None if posting.reverses is None else str(posting.reverses),
        posting.frozen_month,
        posted_at,
    )


Step = str | Pool | dict[ChargeKey, Charge]
_keys = st.builds(
    lambda case, occurrence: ChargeKey(uid(case), "C-NO-REPLY", occurrence),
    st.sampled_from(["one", "two"]),
    st.sampled_from(["first", "second"]),
)
_charges = st.builds(
    lambda unit, fen, when: Charge(unit, fen, when, 1, (uid("event"),), ""),
    _units,
    st.integers(0, 20_000),
    _moments,
)
_steps = st.lists(_months | _pools | st.dictionaries(_keys, _charges), max_size=12)


@heart()
@given(_steps)
def test_whatever_is_booked_while_months_are_frozen_is_sound(steps: list[Step]) -> None:
    office = Office()
    for step in steps:
        office.take(step)
    finding = Finding("I6", "")
    facts = office.audited()

    standing = check_ledger(facts, finding)

    assert finding.violations == []
    of_months = {key: one for key, one in standing.items() if one.case_id is None}
    assert {key: (one.unit, one.month, one.amount_fen) for key, one in of_months.items()} == expected_credits(
        facts
    )
