"""A case and its deadlines as plain values: named tuples, for each complaint makes a handful of them."""

from datetime import datetime
from typing import NamedTuple, assert_never
from uuid import UUID

from services.dispatch.domain.assignment import Action, State, Step
from services.dispatch.domain.standards import Basis, ClockKind, Due
from shared.ids import uuid5

__all__ = ["Case", "Deadline", "after_step", "deadline_id", "deadlines_of", "next_clock", "stopped_by_answer"]


class Case(NamedTuple):
    """One complaint as its unit works on it; `event_seq` and `answer_version` number what was told of it."""

    complaint_id: UUID
    number: str
    channel: str
    source: str | None
    external_id: str | None
    origin: str
    unit: str
    category: str | None
    urgency: str
    reason: str
    fallback: bool
    matched: tuple[str, ...]
    standard: str
    rule_book_version: int
    calendar_version: int
    registered_at: datetime
    assigned_at: datetime
    state: State = State.ASSIGNED
    open: bool = True
    accepted_at: datetime | None = None
    arrived_at: datetime | None = None
    completed_at: datetime | None = None
    answered_at: datetime | None = None
    next_clock: str | None = None
    next_due_at: datetime | None = None
    event_seq: int = 0
    answer_version: int = 0

    @property
    def live(self) -> bool:
        """Whether the case runs under our clocks, not recorded elsewhere and imported."""
        return self.origin == "live"


class Deadline(NamedTuple):
    """One clock of a case. Level 0 is the clock itself, 1, 2 ... the further workdays of a late completion.

    `met_at` is when an action stopped it, `fired_at` when its miss was told. A clock that is not `recorded`
    belongs to imported history whose source does not record its event: it is neither late nor charged.
    """

    deadline_id: UUID
    complaint_id: UUID
    kind: ClockKind
    level: int
    basis: Basis
    budget_minutes: int
    due_at: datetime
    at_close: bool
    standard: str
    rule_book_version: int
    calendar_version: int
    live: bool
    recorded: bool
    fired_at: datetime | None = None
    met_at: datetime | None = None
    epoch: int | None = None


def deadline_id(complaint_id: UUID, kind: ClockKind, level: int) -> UUID:
    """Return the id of a deadline: the same wherever and whenever it is computed."""
    return uuid5(complaint_id, f"{kind}/{level}")


def deadlines_of(case: Case, dues: tuple[Due, ...]) -> tuple[Deadline, ...]:
    """Return the deadlines of a new case. Of imported history only the answer is recorded."""
    live = case.live
    return tuple(
        Deadline(
            deadline_id=deadline_id(case.complaint_id, due.kind, 0),
            complaint_id=case.complaint_id,
            kind=due.kind,
            level=0,
            basis=due.basis,
            budget_minutes=due.budget_minutes,
            due_at=due.due_at,
            at_close=due.at_close,
            standard=due.standard,
            rule_book_version=case.rule_book_version,
            calendar_version=case.calendar_version,
            live=live,
            recorded=live or due.kind is ClockKind.ANSWER,
        )
        for due in dues
    )


def after_step(case: Case, action: Action, step: Step, at: datetime) -> Case:
    """Return the case after its unit took a step at `at`."""
    moved = case._replace(state=step.state, open=step.open)
    match action:
        case Action.ACCEPT:
            return moved._replace(accepted_at=at)
        case Action.ARRIVE:
            return moved._replace(arrived_at=at)
        case Action.COMPLETE:
            return moved._replace(completed_at=at)
        case Action.ANSWER:
            return moved._replace(answered_at=at)
        case _:
            assert_never(action)


def stopped_by_answer(case: Case, deadline: Deadline) -> bool:
    """Whether the answer, which ended the work, stopped a clock of the work, not a step of its own."""
    match deadline.kind:
        case ClockKind.ARRIVE:
            own = {case.arrived_at, case.completed_at}
        case ClockKind.COMPLETE:
            own = {case.completed_at}
        case _:
            return False
    stopped_at = deadline.met_at
    return stopped_at is not None and stopped_at == case.answered_at and stopped_at not in own


def next_clock(case: Case, deadlines: tuple[Deadline, ...]) -> tuple[str | None, datetime | None]:
    """Return the running clock that runs out first, or ran out first, and when; None where none runs."""
    running = [one for one in deadlines if one.live and one.level == 0 and one.met_at is None]
    first = min(running, key=lambda one: one.due_at, default=None)
    return (None, None) if first is None or not case.open else (first.kind.value, first.due_at)
