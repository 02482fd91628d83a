"""The life of an assignment: only legal steps, each clock stopped once, nothing owed at the end."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.dispatch.domain.assignment import (
    ACTION_NAMES,
    STATE_NAMES,
    TRANSITIONS,
    Action,
    IllegalActionError,
    State,
    ended_with_answer,
    offered,
    take_step,
)
from services.dispatch.domain.standards import ClockKind
from tests.support.properties import heart

START = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
ACCEPT, ARRIVE, COMPLETE, ANSWER = ClockKind


def clocks(**minutes: int) -> dict[ClockKind, datetime]:
    return {ClockKind(kind): START + timedelta(minutes=number) for kind, number in minutes.items()}


WITH_VISIT = clocks(accept=10, arrive=30, complete=1440, answer=1440)
DIRECT = clocks(accept=480, answer=2400)
DANGER = clocks(accept=5, arrive=30, complete=1440, answer=120)


def test_every_state_and_action_has_a_name_and_every_state_its_row() -> None:
    assert set(TRANSITIONS) == set(State) == set(STATE_NAMES)
    assert set(ACTION_NAMES) == set(Action)


@pytest.mark.parametrize(("state", "action"), list(product(State, Action)))
def test_what_the_table_does_not_name_is_refused_with_the_state_s_name(state: State, action: Action) -> None:
    if action in TRANSITIONS[state]:
        return
    with pytest.raises(IllegalActionError, match=f"“{STATE_NAMES[state]}”，不能{ACTION_NAMES[action]}"):
        take_step(state, action, WITH_VISIT)


def test_completing_without_a_visit_stops_the_clock_of_arrival_too() -> None:
    step = take_step(State.ACCEPTED, Action.COMPLETE, WITH_VISIT)

    assert (step.state, set(step.stops), step.open) == (State.COMPLETED, {ARRIVE, COMPLETE}, True)


def test_what_an_answer_would_end_is_known_before_it_is_given() -> None:
    assert ended_with_answer(WITH_VISIT) == {ARRIVE, COMPLETE}
    assert ended_with_answer(clocks(complete=1440, answer=1440)) == {COMPLETE}
    assert ended_with_answer(clocks(answer=1440)) == set()
    assert ended_with_answer(DANGER) == set()
    assert ended_with_answer({}) == set()


def test_a_matter_without_completion_is_answered_directly() -> None:
    step = take_step(State.ACCEPTED, Action.ANSWER, clocks(answer=2400))

    assert (step.state, set(step.stops), step.open) == (State.ANSWERED, {ANSWER}, False)


def test_an_answer_due_with_the_completion_ends_the_work() -> None:
    step = take_step(State.ARRIVED, Action.ANSWER, clocks(complete=1440, answer=1440))

    assert (set(step.stops), step.open) == ({COMPLETE, ANSWER}, False)


def test_an_answer_due_before_the_completion_leaves_the_work_owed() -> None:
    running = {kind: due for kind, due in DANGER.items() if kind is not ACCEPT}
    early = take_step(State.ACCEPTED, Action.ANSWER, running)
    assert (early.state, set(early.stops), early.open) == (State.ANSWERED, {ANSWER}, True)

    left = clocks(arrive=30, complete=1440)
    assert offered(State.ANSWERED, left) == (Action.ARRIVE, Action.COMPLETE)
    done = take_step(State.ANSWERED, Action.COMPLETE, left)
    assert (done.state, set(done.stops), done.open) == (State.ANSWERED, {ARRIVE, COMPLETE}, False)


def test_an_answered_case_that_owes_nothing_takes_no_step() -> None:
    for action in Action:
        with pytest.raises(IllegalActionError):
            take_step(State.ANSWERED, action, {})
    assert offered(State.ANSWERED, {}) == ()


def test_only_steps_that_are_owed_are_offered() -> None:
    assert offered(State.ASSIGNED, DIRECT) == (Action.ACCEPT,)
    assert offered(State.ACCEPTED, clocks(answer=2400)) == (Action.ANSWER,)
    assert offered(State.ACCEPTED, WITH_VISIT) == (Action.ARRIVE, Action.COMPLETE, Action.ANSWER)


class AssignmentLife(RuleBasedStateMachine):
    """Any list of actions on any set of clocks."""

    @initialize(running=st.sampled_from([WITH_VISIT, DIRECT, DANGER]))
    def assigned(self, running: dict[ClockKind, datetime]) -> None:
        self.state = State.ASSIGNED
        self.running = dict(running)
        self.stopped: list[ClockKind] = []
        self.open = True

    @rule(action=st.sampled_from(Action))
    def act(self, action: Action) -> None:
        before = (self.state, dict(self.running))
        try:
            step = take_step(self.state, action, self.running)
        except IllegalActionError:
            assert (self.state, self.running) == before
            return
        assert step.state in TRANSITIONS[self.state].values()
        assert step.stops <= self.running.keys()
        self.stopped += step.stops
        self.running = {kind: due for kind, due in self.running.items() if kind not in step.stops}
        self.state, self.open = step.state, step.open

    @rule()
    @precondition(lambda self: self.open)
    def take_an_offered_step(self) -> None:
        choices = offered(self.state, self.running)
        assert choices, "an open case always has a next step"
        self.act(choices[-1])

    @invariant()
    def no_clock_is_stopped_twice(self) -> None:
        assert len(self.stopped) == len(set(self.stopped))

    @invariant()
    def a_case_is_closed_exactly_when_answered_and_nothing_is_owed(self) -> None:
        assert self.open == (self.state is not State.ANSWERED or bool(self.running))

    @invariant()
    def an_answer_comes_only_after_acceptance(self) -> None:
        if self.state is not State.ASSIGNED:
            assert ACCEPT in self.stopped


TestAssignmentLife = AssignmentLife.TestCase
TestAssignmentLife.settings = settings(heart(), stateful_step_count=12)
