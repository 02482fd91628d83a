"""What dispatch's JSON routes about cases and answers take and give."""

import re
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from services.dispatch.domain.assignment import STATE_NAMES, Action, State
from services.dispatch.domain.cases import Deadline
from services.dispatch.domain.standards import Basis, ClockKind
from services.dispatch.store.answers import ImportedAnswer
from services.dispatch.usecases.answers import Outcome, RecordedAnswer, Result
from services.dispatch.usecases.view import CaseView, Said
from shared.pages.filters import phone_masked, place_masked

__all__ = [
    "ActionCreate",
    "AnswerImport",
    "AnswerImportResult",
    "CasePublic",
    "ComplainantPublic",
    "ImportedAnswerPublic",
    "RevealCreate",
]

MOST_ROWS = 500
_HALF = re.compile("[\ud800-\udfff]")


def _halves_as_nul(value: object) -> object:
    """Half of a surrogate pair becomes a NUL, so that it is its row that is refused and not the batch."""
    return _HALF.sub("\x00", value) if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_halves_as_nul)]
Name = Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ActionCreate(_Input):
    """One action of a unit; `text` is the answer, for `answer` only."""

    action: Action
    text: str = ""


class RevealCreate(_Input):
    """Why somebody needs to see who complained."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=100)]


class ComplainantPublic(BaseModel):
    """Who complained and where, in full."""

    name: str
    phone: str
    location: str

    @classmethod
    def of(cls, said: Said) -> Self:
        """Make it from what the complaint says."""
        return cls(name=said.name, phone=said.phone, location=said.location)


class ClockPublic(BaseModel):
    """One clock of a case; minutes are of its basis. `recorded` is False where no record tells of it."""

    deadline_id: UUID
    kind: ClockKind
    basis: Basis
    budget_minutes: int
    due_at: datetime
    at_close: bool
    standard: str
    recorded: bool
    stopped_at: datetime | None
    missed: bool

    @classmethod
    def of(cls, deadline: Deadline) -> Self:
        """Make it from a deadline."""
        return cls(
            deadline_id=deadline.deadline_id,
            kind=deadline.kind,
            basis=deadline.basis,
            budget_minutes=deadline.budget_minutes,
            due_at=deadline.due_at,
            at_close=deadline.at_close,
            standard=deadline.standard,
            recorded=deadline.recorded,
            stopped_at=deadline.met_at,
            missed=deadline.fired_at is not None,
        )


class AnswerPublic(BaseModel):
    """The answer as the complainant reads it."""

    model_config = ConfigDict(from_attributes=True)

    answer_id: UUID
    text: str
    answered_at: datetime


class HistoryPublic(BaseModel):
    """One thing that happened to a case."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    name: str
    by: str | None
    note: str | None


class CasePublic(BaseModel):
    """A case as its unit sees it; the complainant's phone is masked."""

    complaint_id: UUID
    number: str
    channel: str
    origin: str
    source: str | None
    external_id: str | None
    unit: str
    unit_name: str
    category: str | None
    category_name: str | None
    urgency: str
    state: State
    state_name: str
    open: bool
    registered_at: datetime
    assigned_at: datetime
    accepted_at: datetime | None
    arrived_at: datetime | None
    completed_at: datetime | None
    answered_at: datetime | None
    reason: str
    fallback: bool
    matched: list[str]
    standard: str
    rule_book_version: int
    calendar_version: int
    subject: str
    text: str
    location: str
    complainant_name: str
    complainant_phone: str
    answer: AnswerPublic | None
    clocks: list[ClockPublic]
    actions: list[Action]
    history: list[HistoryPublic]

    @classmethod
    def of(cls, view: CaseView) -> Self:
        """Make it from a view, with phone and place masked."""
        case = {name: getattr(view.case, name) for name in cls.model_fields if hasattr(view.case, name)}
        return cls(
            **case,
            unit_name=view.unit_name,
            category_name=view.category_name,
            state_name=STATE_NAMES[view.case.state],
            subject=view.said.subject,
            text=view.said.text,
            location=place_masked(view.said.location),
            complainant_name=view.said.name,
            complainant_phone=phone_masked(view.said.phone) if view.said.phone else "",
            answer=None if view.answer is None else AnswerPublic.model_validate(dict(view.answer)),
            clocks=[ClockPublic.of(clock) for clock in view.clocks],
            actions=list(view.actions),
            history=[HistoryPublic.model_validate(entry) for entry in view.history],
        )


class RecordedAnswerCreate(_Input):
    """An answer that was given in another system to the complaint it knows as `external_id`."""

    source: Name
    external_id: Name
    text: Text
    answered_at: AwareDatetime


class AnswerImport(_Input):
    """A batch of recorded answers."""

    rows: list[RecordedAnswerCreate] = Field(min_length=1, max_length=MOST_ROWS)

    def recorded(self) -> list[RecordedAnswer]:
        """The rows as the use case takes them."""
        return [RecordedAnswer(row.source, row.external_id, row.text, row.answered_at) for row in self.rows]


class AnswerRowResult(BaseModel):
    """What became of one row, and why it was refused."""

    source: str
    external_id: str
    outcome: Outcome
    reason: str | None


class AnswerImportResult(BaseModel):
    """What became of a batch; `rows` are in the order they were sent."""

    accepted: int
    already_there: int
    refused: int
    rows: list[AnswerRowResult]

    @classmethod
    def of(cls, batch: AnswerImport, results: list[Result]) -> Self:
        """Put results beside their rows, and count them."""
        counts = {outcome.value: sum(one.outcome is outcome for one in results) for outcome in Outcome}
        rows = [
            AnswerRowResult(
                source=row.source, external_id=row.external_id, outcome=result.outcome, reason=result.reason
            )
            for row, result in zip(batch.rows, results, strict=True)
        ]
        return cls(**counts, rows=rows)


class ImportedAnswerPublic(BaseModel):
    """An imported answer that waits for its complaint, was applied or refused."""

    source: str
    external_id: str
    complaint_id: UUID | None
    answered_at: datetime | None
    received_at: datetime | None
    state: str
    reason: str | None

    @classmethod
    def of(cls, answer: ImportedAnswer) -> Self:
        """Make it from what is kept; the text stays out of lists."""
        return cls(**{name: getattr(answer, name) for name in cls.model_fields})
