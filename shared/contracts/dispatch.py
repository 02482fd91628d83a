"""Events that dispatch publishes: the life of an assignment, its clocks, answers and the directory."""

from enum import StrEnum
from typing import ClassVar

from shared.contracts.envelope import Event, Id, Instant, Payload
from shared.contracts.intake import Urgency

__all__ = [
    "AnswerContent",
    "Assigned",
    "AssignmentAccepted",
    "AssignmentAnswered",
    "AssignmentArrived",
    "AssignmentCompleted",
    "Clock",
    "ClockBasis",
    "ClockKind",
    "DeadlineMissed",
    "OverdueWorkday",
    "PersonState",
    "Role",
    "SessionRevoked",
    "SigningKeyState",
    "StopReading",
    "UnitState",
]


class ClockKind(StrEnum):
    """The four things a unit owes in time."""

    ACCEPT = "accept"
    ARRIVE = "arrive"
    COMPLETE = "complete"
    ANSWER = "answer"


class ClockBasis(StrEnum):
    """Whether a clock runs around the clock or only in the unit's working time."""

    NATURAL = "natural"
    WORKING = "working"


class Clock(Payload):
    """One clock of a case as dispatch computed it, once.

    `budget_minutes` are minutes of the clock's basis; `due_at` follows from registration, budget and
    calendar. `at_close` marks an answer that is due with the completion.
    """

    deadline_id: Id
    kind: ClockKind
    basis: ClockBasis
    budget_minutes: int
    due_at: Instant
    at_close: bool = False


class _AssignmentEvent(Event):
    topic: ClassVar[str] = "assignment.events"

    complaint_id: Id
    unit: str

    @property
    def key(self) -> str:
        """The complaint."""
        return str(self.complaint_id)


class Assigned(_AssignmentEvent):
    """A complaint was assigned to a unit, with the reason and the clocks that now run.

    `fallback` marks a case that came to the production management office for lack of a matching rule.
    """

    type: ClassVar[str] = "assignment.assigned.v1"

    assigned_at: Instant
    registered_at: Instant
    category: str | None
    urgency: Urgency
    reason: str
    fallback: bool
    standard: str
    rule_book_version: int
    calendar_version: int
    clocks: tuple[Clock, ...]


class StopReading(Payload):
    """What a clock read when the unit's action stopped it; minutes of the clock's basis."""

    deadline_id: Id
    kind: ClockKind
    basis: ClockBasis
    elapsed_minutes: int
    budget_minutes: int
    due_at: Instant


class _UnitActed(_AssignmentEvent):
    """A unit did what a clock was waiting for. `stopped` lists the clocks this action stopped."""

    at: Instant
    by: str | None = None
    stopped: tuple[StopReading, ...] = ()


class AssignmentAccepted(_UnitActed):
    """The unit accepted the case."""

    type: ClassVar[str] = "assignment.accepted.v1"


class AssignmentArrived(_UnitActed):
    """The unit's people arrived on site."""

    type: ClassVar[str] = "assignment.arrived.v1"


class AssignmentCompleted(_UnitActed):
    """The unit finished the work."""

    type: ClassVar[str] = "assignment.completed.v1"


class AssignmentAnswered(_UnitActed):
    """The complainant got an answer; its text travels on `answer.content` before this event."""

    type: ClassVar[str] = "assignment.answered.v1"

    answer_id: Id


class DeadlineMissed(_AssignmentEvent):
    """A clock ran out. Occurred at `due_at`, whenever it was noticed; published once per deadline.

    `elapsed_minutes` and `workdays_late` say how late the action came where that is known when the event is
    made (imported history), else they are the budget and 0: the clock is still running. `stopped_at` is the
    instant of the late action, where known.
    """

    type: ClassVar[str] = "assignment.deadline_missed.v1"

    deadline_id: Id
    kind: ClockKind
    basis: ClockBasis
    budget_minutes: int
    elapsed_minutes: int
    workdays_late: int
    registered_at: Instant
    due_at: Instant
    stopped_at: Instant | None = None
    urgency: Urgency
    standard: str
    rule_book_version: int
    calendar_version: int


class OverdueWorkday(_AssignmentEvent):
    """A case stayed uncompleted for one further workday after its completion deadline.

    `workday` counts from 1; `ended_at` is the instant the further workday was full.
    """

    type: ClassVar[str] = "assignment.overdue_workday.v1"

    deadline_id: Id
    workday: int
    due_at: Instant
    ended_at: Instant
    urgency: Urgency
    standard: str
    rule_book_version: int
    calendar_version: int


class AnswerContent(Event):
    """The answer as the complainant reads it."""

    type: ClassVar[str] = "answer.content.v1"
    topic: ClassVar[str] = "answer.content"

    complaint_id: Id
    answer_id: Id
    text: str
    answered_at: Instant

    @property
    def key(self) -> str:
        """The complaint."""
        return str(self.complaint_id)


class Role(StrEnum):
    """Who signs in, and what for."""

    OPERATOR = "operator"
    UNIT_MEMBER = "unit_member"
    UNIT_LEADER = "unit_leader"
    OFFICE = "office"
    COMPANY_LEADER = "company_leader"
    ADMINISTRATOR = "administrator"
    SERVICE = "service"


class _DirectoryState(Event):
    topic: ClassVar[str] = "directory.state"


class UnitState(_DirectoryState):
    """One unit with its two published phones. Exactly one unit is the office (生产管理室)."""

    type: ClassVar[str] = "directory.unit.v1"

    code: str
    name: str
    service_phone: str
    complaint_phone: str
    office: bool = False
    position: int = 0

    @property
    def key(self) -> str:
        """`unit:<code>`."""
        return f"unit:{self.code}"


class PersonState(_DirectoryState):
    """An account, without its password: tokens issued before `valid_from` count no more."""

    type: ClassVar[str] = "directory.person.v1"

    person_id: Id
    name: str
    role: Role
    unit: str | None = None
    disabled: bool = False
    valid_from: Instant

    @property
    def key(self) -> str:
        """`person:<id>`."""
        return f"person:{self.person_id}"


class SigningKeyState(_DirectoryState):
    """A public key that verifies sign-in tokens, as a JSON Web Key."""

    type: ClassVar[str] = "directory.key.v1"

    kid: str
    public_jwk: dict[str, str]

    @property
    def key(self) -> str:
        """`key:<kid>`."""
        return f"key:{self.kid}"


class SessionRevoked(_DirectoryState):
    """One session ended before its token expired."""

    type: ClassVar[str] = "directory.session_revoked.v1"

    token_id: str
    expires_at: Instant

    @property
    def key(self) -> str:
        """`session:<token id>`."""
        return f"session:{self.token_id}"
