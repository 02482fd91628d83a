"""What goes in and out over HTTP."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from services.intake.domain.progress import State
from shared.contracts.intake import Urgency

__all__ = [
    "IMPORT_ROWS_LIMIT",
    "FieldReason",
    "ImportAnswer",
    "ImportOutcome",
    "ImportProgress",
    "ImportRequest",
    "ImportRow",
    "RegisterRequest",
    "Registered",
    "StaffComplaint",
    "TrackedComplaint",
    "TrackedStep",
]

IMPORT_ROWS_LIMIT = 500


class RegisterRequest(BaseModel):
    """A report to register. What `hotpath` decodes must be the same; a test holds the two equal."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str
    category: str | None = None
    subject: str | None = None
    location: str | None = None
    name: str | None = None
    phone: str | None = None
    urgency: Literal["P1", "P2", "P3"] | None = None
    channel: Literal["api", "phone"] = "api"


class Registered(BaseModel):
    """The complaint that a report became."""

    complaint_id: UUID
    number: str
    tracking_url: str
    registered_at: AwareDatetime


def _as_text(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("应为带时区的时间，例如 2019-04-01T08:30:00+08:00")  # noqa: TRY004 - pydantic's way
    return value


class ImportRow(BaseModel):
    """One complaint from elsewhere, with its own time of registration."""

    model_config = ConfigDict(extra="forbid")

    source: str
    external_id: str
    registered_at: Annotated[AwareDatetime, BeforeValidator(_as_text)]
    text: str
    subject: str | None = None
    category: str | None = None
    location: str | None = None
    name: str | None = None
    phone: str | None = None


class ImportRequest(BaseModel):
    """Complaints from elsewhere; each row is judged on its own, against `ImportRow`."""

    model_config = ConfigDict(extra="forbid")

    rows: Annotated[list[Any], Field(max_length=IMPORT_ROWS_LIMIT)]


class FieldReason(BaseModel):
    """One field of a row and why it was refused."""

    field: str
    message: str


class ImportOutcome(BaseModel):
    """What became of one row."""

    external_id: str | None
    outcome: Literal["accepted", "already_there", "refused"]
    complaint_id: UUID | None = None
    number: str | None = None
    reasons: list[FieldReason] = []


class ImportAnswer(BaseModel):
    """What became of each row, in their order, and how many there were of each kind."""

    rows: list[ImportOutcome]
    accepted: int
    already_there: int
    refused: int


class ImportProgress(BaseModel):
    """How many imported complaints there are in each state; of all sources where none is named."""

    source: str | None
    states: dict[State, int]


class TrackedStep(BaseModel):
    """One step on the way to an answer."""

    model_config = ConfigDict(from_attributes=True)

    state: State
    name: str
    at: AwareDatetime | None
    due_at: AwareDatetime | None
    done: bool
    late: bool
    note: str | None


class TrackedComplaint(BaseModel):
    """A complaint as its complainant sees it."""

    number: str
    category_name: str | None
    location: str
    text: str
    registered_at: AwareDatetime
    state: State
    state_name: str
    unit_name: str | None
    unit_service_phone: str | None
    unit_complaint_phone: str | None
    answer_text: str | None
    answered_at: AwareDatetime | None
    steps: list[TrackedStep]


class StaffComplaint(BaseModel):
    """A complaint as signed-in staff see it: phone and place are masked."""

    complaint_id: UUID
    number: str
    channel: str
    origin: str
    category: str | None
    urgency: Urgency | None
    state: State
    unit: str | None
    registered_at: AwareDatetime
    source: str | None
    external_id: str | None
    subject: str
    text: str
    location: str
    name: str
    phone: str
    answer_text: str | None
    answered_at: AwareDatetime | None
    steps: list[TrackedStep]
