"""The complainant's view: only forward, whatever the events."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.progress import TRANSITIONS, Progress, State, advance, timeline
from tests.support.properties import heart

README = Path(__file__).parents[3] / "services" / "intake" / "README.md"
START = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
ORDER = list(State)


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def shown(progress: Progress, unit_name: str | None = "自来水分公司") -> dict[str, tuple[bool, bool]]:
    return {step.state: (step.done, step.late) for step in timeline(progress, START, unit_name)}


def test_transitions_lead_forward_and_answered_is_the_end() -> None:
    for state, following in TRANSITIONS.items():
        assert all(ORDER.index(one) > ORDER.index(state) for one in following)
    assert not TRANSITIONS[State.ANSWERED]
    assert TRANSITIONS[State.ACCEPTED] == {State.ARRIVED, State.COMPLETED, State.ANSWERED}


@heart()
@given(st.lists(st.sampled_from(ORDER)))
def test_no_sequence_of_events_goes_back(events: list[State]) -> None:
    state = State.REGISTERED
    for event in events:
        following = advance(state, event)
        assert ORDER.index(following) == max(ORDER.index(state), ORDER.index(event))
        state = following


def test_a_new_complaint_waits_for_assignment() -> None:
    assert shown(Progress(), None) == {
        "registered": (True, False),
        "assigned": (False, False),
        "accepted": (False, False),
        "answered": (False, False),
    }


def test_promises_are_shown_until_they_are_kept() -> None:
    due = {State.ACCEPTED: at(30), State.ARRIVED: at(60), State.COMPLETED: at(90), State.ANSWERED: at(90)}
    progress = Progress().assigned("water", at(1), due).taken(State.ACCEPTED, at(20))

    steps = {step.state: step for step in timeline(progress, START, "自来水分公司")}

    assert list(steps) == ORDER
    assert steps[State.ASSIGNED].note == "派给自来水分公司"
    assert (steps[State.ACCEPTED].at, steps[State.ACCEPTED].done) == (at(20), True)
    assert (steps[State.ARRIVED].due_at, steps[State.ARRIVED].done) == (at(60), False)


def test_only_a_step_that_was_taken_is_named_as_done() -> None:
    due = {State.ACCEPTED: at(30), State.ARRIVED: at(60), State.COMPLETED: at(90)}
    progress = Progress().assigned("water", at(1), due).missed(State.ACCEPTED, at(30))

    def names(progress: Progress) -> list[str]:
        return [step.name for step in timeline(progress, START, None)]

    assert names(progress) == ["已登记", "已派单", "待接单", "待到场", "待办结", "待答复"]
    assert names(progress.taken(State.ACCEPTED, at(40)))[2:4] == ["已接单", "待到场"]


def test_late_stays_late() -> None:
    progress = Progress().assigned("water", at(1), {State.ACCEPTED: at(30)}).missed(State.ACCEPTED, at(30))
    assert shown(progress)["accepted"] == (False, True)
    assert shown(progress.taken(State.ACCEPTED, at(45)))["accepted"] == (True, True)


def test_a_skipped_step_is_not_shown_unless_it_was_missed() -> None:
    due = {State.ACCEPTED: at(30), State.ARRIVED: at(60)}
    progress = Progress().assigned("water", at(1), due).taken(State.COMPLETED, at(50))
    assert set(shown(progress)) == {"registered", "assigned", "completed", "answered"}
    missed = progress.missed(State.ACCEPTED, at(30))
    assert shown(missed)["accepted"] == (True, True)
    assert [s.note for s in timeline(missed, START, None) if s.state is State.ACCEPTED] == ["没有记录时间"]


def test_a_new_unit_gets_new_promises() -> None:
    progress = Progress().assigned("water", at(1), {State.ACCEPTED: at(30)}).taken(State.ACCEPTED, at(5))
    again = progress.assigned("repair", at(10), {State.ANSWERED: at(99)})
    assert (again.unit, again.state) == ("repair", State.ACCEPTED)
    assert again.steps[State.ANSWERED].due_at == at(99)


@pytest.mark.parametrize("state", ORDER)
def test_a_step_taken_is_the_state(state: State) -> None:
    assert Progress().taken(state, at(1)).state is state


def test_the_diagram_shows_every_state_and_only_moves_that_exist() -> None:
    arrows = re.findall(r"^    (\w+) --> (\w+)$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert {one for arrow in arrows for one in arrow} == set(State)
    assert all(State(end) in TRANSITIONS[State(start)] for start, end in arrows)
