"""The life of an assignment (派单): everything that decides which step may follow which lives in this file.

Theory of operation. `TRANSITIONS` names the next state of every legal action; an action that is not there
raises and changes nothing. Each action stops clocks: what a clock waited for has been done. An answer ends
the work too, and stops the clocks of arrival and completion with its own, unless the rule book wants word
before the work is done (the answer is due earlier than the completion, as for danger to people): then the
case is answered while completion stays owed, and `answered` still takes the steps whose clocks run. Once
nothing is owed the case is no longer open. A category without arrival and completion is answered directly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from services.dispatch.domain.standards import ClockKind

__all__ = [
    "ACTION_NAMES",
    "STATE_NAMES",
    "TRANSITIONS",
    "Action",
    "IllegalActionError",
    "State",
    "Step",
    "ended_with_answer",
    "offered",
    "take_step",
]


class State(StrEnum):
    """Where an assignment stands."""

    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    ARRIVED = "arrived"
    COMPLETED = "completed"
    ANSWERED = "answered"


class Action(StrEnum):
    """What a unit does."""

    ACCEPT = "accept"
    ARRIVE = "arrive"
    COMPLETE = "complete"
    ANSWER = "answer"


TRANSITIONS: Final[Mapping[State, Mapping[Action, State]]] = {
    State.ASSIGNED: {Action.ACCEPT: State.ACCEPTED},
    State.ACCEPTED: {
        Action.ARRIVE: State.ARRIVED,
        Action.COMPLETE: State.COMPLETED,
        Action.ANSWER: State.ANSWERED,
    },
    State.ARRIVED: {Action.COMPLETE: State.COMPLETED, Action.ANSWER: State.ANSWERED},
    State.COMPLETED: {Action.ANSWER: State.ANSWERED},
    State.ANSWERED: {Action.ARRIVE: State.ANSWERED, Action.COMPLETE: State.ANSWERED},
}

STATE_NAMES: Final[Mapping[State, str]] = {
    State.ASSIGNED: "已派单",
    State.ACCEPTED: "已接单",
    State.ARRIVED: "已到场",
    State.COMPLETED: "已办结",
    State.ANSWERED: "已答复",
}
ACTION_NAMES: Final[Mapping[Action, str]] = {
    Action.ACCEPT: "接单",
    Action.ARRIVE: "到场",
    Action.COMPLETE: "办结",
    Action.ANSWER: "答复",
}

_STOPS: Final[Mapping[Action, frozenset[ClockKind]]] = {
    Action.ACCEPT: frozenset({ClockKind.ACCEPT}),
    Action.ARRIVE: frozenset({ClockKind.ARRIVE}),
    Action.COMPLETE: frozenset({ClockKind.ARRIVE, ClockKind.COMPLETE}),
    Action.ANSWER: frozenset({ClockKind.ANSWER}),
}
_WORK: Final = frozenset({ClockKind.ARRIVE, ClockKind.COMPLETE})


class IllegalActionError(Exception):
    """The action does not follow from the state; the message, in Chinese, names both."""

    def __init__(self, state: State, action: Action) -> None:
        super().__init__(f"任务现在是“{STATE_NAMES[state]}”，不能{ACTION_NAMES[action]}")
        self.state = state
        self.action = action


@dataclass(frozen=True, slots=True)
class Step:
    """What an action leads to: the new state, the clocks it stops, and whether anything stays owed."""

    state: State
    stops: frozenset[ClockKind]
    open: bool


def take_step(state: State, action: Action, running: Mapping[ClockKind, datetime]) -> Step:
    """Return what `action` leads to. `running` are the clocks not stopped yet, with their due times.

    IllegalActionError where the action does not follow, also where an answered case owes it no more.
    """
    following = TRANSITIONS[state].get(action)
    stops = _stopped(action, running)
    if following is None or (state is State.ANSWERED and not stops):
        raise IllegalActionError(state, action)
    left = running.keys() - stops
    return Step(following, stops, open=following is not State.ANSWERED or bool(left))


def offered(state: State, running: Mapping[ClockKind, datetime]) -> tuple[Action, ...]:
    """Return the actions worth offering: legal ones that stop a clock, and the answer until it is given."""
    return tuple(
        action
        for action in TRANSITIONS[state]
        if action in {Action.ACCEPT, Action.ANSWER} or _stopped(action, running)
    )


def ended_with_answer(running: Mapping[ClockKind, datetime]) -> frozenset[ClockKind]:
    """Return the clocks that an answer would stop beside its own: those of the work that it ends."""
    return _stopped(Action.ANSWER, running) - {ClockKind.ANSWER}


def _stopped(action: Action, running: Mapping[ClockKind, datetime]) -> frozenset[ClockKind]:
    stops = _STOPS[action] & running.keys()
    if action is Action.ANSWER and _ends_the_work(running):
        stops |= _WORK & running.keys()
    return stops


def _ends_the_work(running: Mapping[ClockKind, datetime]) -> bool:
    complete, answer = running.get(ClockKind.COMPLETE), running.get(ClockKind.ANSWER)
    return complete is None or answer is None or answer >= complete
