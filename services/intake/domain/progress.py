"""How far a complaint has come, as its complainant sees it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

__all__ = ["STATE_NAMES", "TRANSITIONS", "Progress", "State", "Step", "TimelineStep", "advance", "timeline"]


class State(StrEnum):
    """The steps of an answer, in their order."""

    REGISTERED = "registered"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    ARRIVED = "arrived"
    COMPLETED = "completed"
    ANSWERED = "answered"


_ORDER = tuple(State)

TRANSITIONS: Mapping[State, frozenset[State]] = {
    state: frozenset(_ORDER[place + 1 :]) for place, state in enumerate(_ORDER)
}
"""Only forward; a step may be skipped, because a unit may complete without arriving."""

STATE_NAMES: Mapping[State, str] = {
    State.REGISTERED: "已登记",
    State.ASSIGNED: "已派单",
    State.ACCEPTED: "已接单",
    State.ARRIVED: "已到场",
    State.COMPLETED: "已办结",
    State.ANSWERED: "已答复",
}

_OPEN_NAMES: Mapping[State, str] = {
    state: name.replace("已", "待", 1) for state, name in STATE_NAMES.items() if state is not State.REGISTERED
}
"""A step to come, so that no open step reads as one that was taken."""

_OPTIONAL = frozenset({State.ARRIVED, State.COMPLETED})
"""Steps that are shown only where a clock or the unit speaks of them."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: when it was taken, until when it was promised, whether that promise was broken."""

    at: datetime | None = None
    due_at: datetime | None = None
    missed: bool = False


_UNKNOWN = Step()


@dataclass(frozen=True, slots=True)
class Progress:
    """State, responsible unit (a code) and the steps anything is known of."""

    state: State = State.REGISTERED
    unit: str | None = None
    steps: Mapping[State, Step] = field(default_factory=dict)

    def assigned(self, unit: str, at: datetime, due: Mapping[State, datetime]) -> "Progress":
        """A unit got the case, and with it the instants its steps are promised for."""
        steps = dict(self.steps)
        for state, due_at in due.items():
            step = self._step(state)
            steps[state] = Step(step.at, due_at, step.missed)
        return Progress(self.state, unit, steps).taken(State.ASSIGNED, at)

    def taken(self, state: State, at: datetime) -> "Progress":
        """A step was taken."""
        step = self._step(state)
        steps = {**self.steps, state: Step(at, step.due_at, step.missed)}
        return Progress(advance(self.state, state), self.unit, steps)

    def missed(self, state: State, due_at: datetime) -> "Progress":
        """The clock of a step ran out."""
        step = Step(self._step(state).at, due_at, missed=True)
        return Progress(self.state, self.unit, {**self.steps, state: step})

    def _step(self, state: State) -> Step:
        return self.steps.get(state, _UNKNOWN)


def advance(state: State, to: State) -> State:
    """Return `to` where that is a step forward, else `state`."""
    return to if to in TRANSITIONS[state] else state


@dataclass(frozen=True, slots=True)
class TimelineStep:
    """A step on the tracking page; a step that is done without a time was not recorded."""

    state: State
    name: str
    at: datetime | None
    due_at: datetime | None
    done: bool
    late: bool
    note: str | None


def timeline(progress: Progress, registered_at: datetime, unit_name: str | None) -> tuple[TimelineStep, ...]:
    """Return the steps to show: those taken, those to come, those missed; not those rightly skipped."""
    steps = {**progress.steps, State.REGISTERED: Step(at=registered_at)}
    notes = {State.ASSIGNED: f"派给{unit_name}"} if unit_name else {}
    return tuple(_shown(progress.state, steps, notes))


def _shown(reached: State, steps: Mapping[State, Step], notes: Mapping[State, str]) -> Iterable[TimelineStep]:
    for state in State:
        step = steps.get(state)
        passed = state not in TRANSITIONS[reached]
        if (step is None and state in _OPTIONAL) or (passed and _is_skipped(step)):
            continue
        known = step or Step()
        yield TimelineStep(
            state=state,
            name=STATE_NAMES[state] if passed else _OPEN_NAMES[state],
            at=known.at,
            due_at=known.due_at,
            done=passed,
            late=known.missed,
            note="没有记录时间" if passed and known.at is None else notes.get(state),
        )


def _is_skipped(step: Step | None) -> bool:
    return step is None or (step.at is None and not step.missed)
