"""What one transaction changes about cases: gathered while it decides, written set-wise at its end.

The transaction holds the lock of every case it changes, so numbers of events rise without gaps.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.dispatch.domain.cases import Case, Deadline, next_clock
from services.dispatch.domain.standards import ClockKind
from services.dispatch.store import answers as answer_store
from services.dispatch.store import audit
from services.dispatch.store import cases as store
from services.dispatch.store.audit import AuditEntry
from services.dispatch.store.feed import recorded
from shared import outbox
from shared.contracts.dispatch import AnswerContent
from shared.contracts.envelope import Event, Origin
from shared.outbox import Outgoing
from shared.rows import insert_all

__all__ = ["SOURCE", "Changes"]

SOURCE = "dispatch"


class Changes:
    """Cases with their deadlines, and what is told, answered and noted about them."""

    def __init__(self) -> None:
        self._cases: dict[UUID, Case] = {}
        self._numbers: dict[UUID, tuple[int, int]] = {}
        self._deadlines: dict[UUID, dict[UUID, Deadline]] = {}
        self._new_cases: set[UUID] = set()
        self._new_deadlines: set[UUID] = set()
        self._changed: dict[UUID, None] = {}
        self._changed_deadlines: dict[UUID, Deadline] = {}
        self._outgoing: list[Outgoing] = []
        self._answers: list[dict[str, object]] = []
        self._audit: list[AuditEntry] = []

    def add(self, case: Case, deadlines: Iterable[Deadline]) -> None:
        """Take in a case that is new."""
        self.take(case, ())
        self._new_cases.add(case.complaint_id)
        self._changed[case.complaint_id] = None
        for deadline in deadlines:
            self.add_deadline(deadline)

    def take(self, case: Case, deadlines: Iterable[Deadline]) -> None:
        """Take in a case that is locked, with all its deadlines."""
        self._cases[case.complaint_id] = case
        self._numbers[case.complaint_id] = (case.event_seq, case.answer_version)
        self._deadlines[case.complaint_id] = {one.deadline_id: one for one in deadlines}

    def case(self, complaint_id: UUID) -> Case:
        """Return a case as it stands now."""
        return self._cases[complaint_id]

    def put(self, case: Case) -> None:
        """Change a case."""
        self._cases[case.complaint_id] = case
        self._changed[case.complaint_id] = None

    def deadlines(self, complaint_id: UUID) -> tuple[Deadline, ...]:
        """Return the deadlines of a case as they stand now."""
        return tuple(self._deadlines[complaint_id].values())

    def running(self, complaint_id: UUID) -> dict[ClockKind, datetime]:
        """Return the live clocks of a case that nothing has stopped, with their due times."""
        return {
            one.kind: one.due_at
            for one in self.deadlines(complaint_id)
            if one.live and one.level == 0 and one.met_at is None
        }

    def add_deadline(self, deadline: Deadline) -> None:
        """Add a deadline to a case."""
        self._new_deadlines.add(deadline.deadline_id)
        self.put_deadline(deadline)

    def put_deadline(self, deadline: Deadline) -> None:
        """Change a deadline."""
        self._deadlines[deadline.complaint_id][deadline.deadline_id] = deadline
        self._changed_deadlines[deadline.deadline_id] = deadline

    def tell(
        self, complaint_id: UUID, event: Event, occurred_at: datetime, causation: UUID | None = None
    ) -> None:
        """Publish an event about a case, under the case's next number."""
        events, answers = self._numbers[complaint_id]
        if isinstance(event, AnswerContent):
            seq = answers = answers + 1
        else:
            seq = events = events + 1
        self._numbers[complaint_id] = (events, answers)
        self._changed[complaint_id] = None
        origin = Origin(self._cases[complaint_id].origin)
        self._outgoing.append(Outgoing(event, seq, occurred_at, SOURCE, origin, causation))

    def keep_answer(self, content: AnswerContent, by: str | None) -> None:
        """Keep an answer; its version is the number it was told under."""
        row = content.model_dump()
        _, row["version"] = self._numbers[content.complaint_id]
        self._answers.append(row | {"answered_by": by})

    def note(self, entry: AuditEntry) -> None:
        """Add to the audit trail."""
        self._audit.append(entry)

    async def save(self, session: AsyncSession) -> None:
        """Write everything; to be the last thing a transaction does."""
        cases = [self._as_saved(complaint_id) for complaint_id in self._changed]
        deadlines, new = self._changed_deadlines.values(), self._new_deadlines
        await store.save_cases(session, [one for one in cases if one.complaint_id not in self._new_cases])
        await store.save_deadlines(session, [one for one in deadlines if one.deadline_id not in new])
        await insert_all(
            session,
            store.new_cases([one for one in cases if one.complaint_id in self._new_cases]),
            store.new_deadlines([one for one in deadlines if one.deadline_id in new]),
            answer_store.new_answers(self._answers),
            audit.new_entries(self._audit),
            outbox.insertion_of(self._outgoing),
            closing=recorded([(case.unit, case.complaint_id) for case in cases]),
        )

    def _as_saved(self, complaint_id: UUID) -> Case:
        case = self._cases[complaint_id]
        clock, due_at = next_clock(case, self.deadlines(complaint_id))
        events, answers = self._numbers[complaint_id]
        return case._replace(next_clock=clock, next_due_at=due_at, event_seq=events, answer_version=answers)
