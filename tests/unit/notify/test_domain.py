"""Who is told, and what becomes of a delivery."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from services.notify.domain import (
    TRANSITIONS,
    Next,
    Occasion,
    Outcome,
    RetryPolicy,
    State,
    after_attempt,
    after_crash,
    may_be_asked_for,
    recipients,
)

POLICY = RetryPolicy(attempts=3, first=timedelta(seconds=5), longest=timedelta(seconds=60))


def following(outcome: Outcome, *, attempt: int = 1, resent: bool = False) -> Next:
    return after_attempt(outcome, attempt=attempt, resent=resent, policy=POLICY, jitter=0)


def test_a_unit_learns_of_its_tasks_and_both_learn_of_a_missed_deadline() -> None:
    assert recipients(Occasion.ASSIGNED, "water", "office") == ("water",)
    assert recipients(Occasion.DEADLINE_MISSED, "water", "office") == ("water", "office")
    assert recipients(Occasion.ANSWERED, "water", "office") == ("office",)


def test_nobody_is_told_twice_where_the_office_is_the_unit() -> None:
    assert recipients(Occasion.DEADLINE_MISSED, "office", "office") == ("office",)


def test_a_refusal_is_tried_again_and_given_up_in_the_open() -> None:
    assert following(Outcome.REFUSED, attempt=1) == Next(State.CLAIMED, timedelta(seconds=5))
    assert following(Outcome.REFUSED, attempt=2) == Next(State.CLAIMED, timedelta(seconds=10))
    assert following(Outcome.REFUSED, attempt=3) == Next(State.FAILED)


def test_an_attempt_nobody_knows_the_result_of_is_repeated_once() -> None:
    assert following(Outcome.LOST) == after_crash(resent=False) == Next(State.UNKNOWN, timedelta(0))
    assert following(Outcome.LOST, resent=True) == after_crash(resent=True) == Next(State.UNKNOWN)


def test_what_was_accepted_is_over() -> None:
    assert following(Outcome.ACCEPTED) == Next(State.SENT)
    assert TRANSITIONS[State.SENT] == frozenset()


@pytest.mark.parametrize("state", State)
def test_a_person_may_ask_for_another_try_only_where_the_service_has_given_up(state: State) -> None:
    assert may_be_asked_for(state, over=True) == (state in {State.FAILED, State.UNKNOWN})
    assert not may_be_asked_for(state, over=False)


@pytest.mark.parametrize("attempt", [1, 2, 7, 500])
@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_pauses_grow_to_a_limit_and_jitter_takes_at_most_half(attempt: int, jitter: float) -> None:
    full = min(POLICY.first * 2 ** min(attempt - 1, 20), POLICY.longest)
    assert full / 2 <= POLICY.pause(attempt, jitter) <= full


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("attempt", [1, 3])
@pytest.mark.parametrize("resent", [False, True])
def test_every_end_of_an_attempt_is_a_move_of_the_table(outcome: Outcome, attempt: int, resent: bool) -> None:
    assert following(outcome, attempt=attempt, resent=resent).state in TRANSITIONS[State.SENDING]


def test_the_readme_draws_the_transitions() -> None:
    readme = (Path(__file__).parents[3] / "services/notify/README.md").read_text(encoding="utf-8")
    drawn = set(re.findall(r"^    (\w+) --> (\w+)", readme, flags=re.MULTILINE))

    assert drawn == {(before.value, after.value) for before, moves in TRANSITIONS.items() for after in moves}
