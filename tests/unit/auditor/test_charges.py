"""The auditor's own calculation and the product's agree to the fen, on whatever happened."""

from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from deploy.auditor.charges import expected_lines
from deploy.auditor.rows import Miss as AuditedMiss
from deploy.auditor.rows import OverdueWorkday as AuditedWorkday
from services.assessment.domain.facts import Case, ClockKind, Miss, OverdueWorkday
from services.assessment.domain.scoring import desired_charges
from tests.support.properties import heart
from tests.support.scoring_facts import at, miss, overdue, raw_rule_book, rule_book, uid

START = at("2019-01-28 08:00")
NAMES = [f"case{number}" for number in range(6)]
UNITS = ["repair", "office"]

_moments = st.integers(0, 80 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))
_misses = st.builds(
    lambda case, kind, when, unit, urgency: miss(case, kind, when, unit=unit, urgency=urgency),
    st.sampled_from(NAMES),
    st.sampled_from(ClockKind),
    _moments,
    st.sampled_from(UNITS),
    st.sampled_from(["P1", "P2", "P3"]),
)
_happened = st.lists(st.tuples(_misses, st.integers(0, 12)), max_size=24)


@heart()
@given(_happened, st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))
def test_both_calculations_agree(happened: list[tuple[Miss, int]], fallen: set[str], taken: set[str]) -> None:
    misses = list({one.deadline_id: one for one, _ in happened}.values())
    late = {one.deadline_id: days for one, days in happened}
    workdays = [
        overdue(one, workday)
        for one in misses
        for workday in range(1, late[one.deadline_id] + 1)
        if one.kind is ClockKind.COMPLETE
    ]
    cases = {
        uid(name): Case(uid(name), "office" if name in fallen else None, name in taken) for name in NAMES
    }
    ours = desired_charges(cases, misses, workdays, {1: rule_book()}, set(cases))

    not_taken = {str(uid(name)): "office" for name in fallen - taken}
    theirs = expected_lines(map(_audited, misses), map(_day, workdays), {1: raw_rule_book()}, not_taken)

    assert {key: (one.unit, one.month, one.fen) for key, one in theirs.items()} == {
        (str(key.case_id), key.clause, key.occurrence): (one.unit, one.month, one.amount_fen)
        for key, one in ours.items()
    }


def test_a_case_over_its_cap_gets_the_rest_back() -> None:
    one = miss("case", "complete", "2019-04-01 08:00")
    days = [overdue(one, workday) for workday in range(1, 20)]
    book = raw_rule_book() | {"caps": {"case": {"code": "C-CASE-CAP", "fen": 30_000}}}

    lines = expected_lines([_audited(one)], map(_day, days), {1: book}, {})

    assert sum(line.fen for line in lines.values()) == 30_000
    assert lines[str(uid("case")), "C-CASE-CAP", "repair:2019-04"].fen == -22_000


def test_a_second_breach_within_thirty_days_costs_double() -> None:
    first, second = (
        miss("one", "accept", "2019-04-01 08:00"),
        miss("two", "accept", "2019-05-01 08:00"),
    )
    third = miss("three", "accept", "2019-05-31 08:01")

    lines = expected_lines(map(_audited, (third, second, first)), (), {1: raw_rule_book()}, {})

    assert {key[0]: line.fen for key, line in lines.items()} == {
        str(uid("one")): 5_000,
        str(uid("two")): 10_000,
        str(uid("three")): 5_000,
    }


def _audited(one: Miss) -> AuditedMiss:
    return AuditedMiss(
        str(one.event_id),
        str(one.case_id),
        str(one.deadline_id),
        one.unit,
        one.urgency,
        one.kind.value,
        one.occurred_at,
        one.rule_book_version,
    )


def _day(one: OverdueWorkday) -> AuditedWorkday:
    ids: tuple[UUID, ...] = (one.event_id, one.case_id, one.deadline_id)
    event_id, case_id, deadline_id = map(str, ids)
    return AuditedWorkday(event_id, case_id, deadline_id, one.unit, one.workday, one.occurred_at)
