"""Answers that were given in another system, imported: each row comes to an end of its own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.dispatch.domain.answers import Imported, clean_text, is_fit_name, misfit, text_problem
from services.dispatch.domain.cases import Deadline
from services.dispatch.store import answers as store
from services.dispatch.store import cases as case_store
from services.dispatch.store.answers import ImportedAnswer
from services.dispatch.store.audit import AuditEntry
from services.dispatch.usecases.changes import Changes
from services.dispatch.usecases.recorded import apply_recorded_answer
from services.dispatch.usecases.reference import Knowledge, Reference
from shared.clock import Clock
from shared.contracts.intake import TIMED_FROM
from shared.problems import UNFIT_TEXT
from shared.texts import clean_line

__all__ = ["Outcome", "RecordedAnswer", "Result", "import_answers"]


class Outcome(StrEnum):
    """What became of an imported row."""

    ACCEPTED = "accepted"
    ALREADY_THERE = "already_there"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """One row: the answer to a complaint of another system, and when it was given."""

    source: str
    external_id: str
    text: str
    answered_at: datetime

    @property
    def key(self) -> tuple[str, str]:
        """What names the complaint in its own system."""
        return self.source, self.external_id

    def cleaned(self) -> "RecordedAnswer":
        """The row as it is kept; its names as intake keeps them."""
        return replace(
            self,
            source=clean_line(self.source),
            external_id=clean_line(self.external_id),
            text=clean_text(self.text),
        )


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a row, and in Chinese why it was refused."""

    outcome: Outcome
    reason: str | None = None


_ACCEPTED = Result(Outcome.ACCEPTED)
_ALREADY_THERE = Result(Outcome.ALREADY_THERE)


async def import_answers(
    session: AsyncSession, rows: Sequence[RecordedAnswer], by: str, *, knowledge: Knowledge, clock: Clock
) -> list[Result]:
    """Take in recorded answers; returns what became of each row, in their order.

    An answer whose complaint is not here yet is accepted and waits for it. Importing the same rows again
    changes nothing.
    """
    received_at = clock.now()
    cleaned = [row.cleaned() for row in rows]
    problems = [_problem(given, clean, received_at) for given, clean in zip(rows, cleaned, strict=True)]
    sound = [row for row, problem in zip(cleaned, problems, strict=True) if problem is None]
    known = await store.meet(session, dict.fromkeys(row.key for row in sound))
    changes = await _locked(session, known.values())
    now = await case_store.get_now(session)
    taking = _Taking(known, changes, await knowledge.get(session), now, received_at, by)
    results = [
        taking.take(row) if problem is None else Result(Outcome.REFUSED, problem)
        for row, problem in zip(cleaned, problems, strict=True)
    ]
    await store.save_imported(session, [known[key] for key in taking.touched])
    counts = {str(outcome): sum(one.outcome is outcome for one in results) for outcome in Outcome}
    changes.note(AuditEntry(received_at, by, "answers.import", "answers", counts))
    await changes.save(session)
    return results


def _problem(given: RecordedAnswer, clean: RecordedAnswer, now: datetime) -> str | None:
    """Return in Chinese what is wrong with a row whatever its complaint, None for a sound one."""
    if not all(map(is_fit_name, given.key)):
        return UNFIT_TEXT
    if not all(clean.key):
        return "来源和编号必须填写"
    if clean.answered_at > now:
        return "答复时间在将来"
    if clean.answered_at < TIMED_FROM:
        return f"答复时间早于 {TIMED_FROM.year} 年，没有可用的时效标准"
    return text_problem(clean.text)


async def _locked(session: AsyncSession, known: Iterable[ImportedAnswer]) -> Changes:
    """Return the cases that are here already, locked."""
    ids = [one.complaint_id for one in known if one.complaint_id is not None]
    changes = Changes()
    cases = await case_store.lock_cases(session, ids) if ids else []
    by_case: dict[UUID, list[Deadline]] = {case.complaint_id: [] for case in cases}
    for deadline in await case_store.list_deadlines(session, by_case) if cases else []:
        by_case[deadline.complaint_id].append(deadline)
    for case in cases:
        changes.take(case, by_case[case.complaint_id])
    return changes


@dataclass(slots=True)
class _Taking:
    """Takes sound rows one after the other, each against what the earlier ones left in `known`."""

    known: dict[tuple[str, str], ImportedAnswer]
    changes: Changes
    reference: Reference
    now: datetime
    received_at: datetime
    by: str
    touched: dict[tuple[str, str], None] = field(default_factory=dict)

    def take(self, row: RecordedAnswer) -> Result:
        """Apply a row, keep it waiting, or refuse it."""
        here = self.known[row.key]
        if here.text is not None and here.state is not Imported.REFUSED:
            same = (here.text, here.answered_at) == (row.text, row.answered_at)
            return _ALREADY_THERE if same else Result(Outcome.REFUSED, "这件反映已经导入过另一份答复")
        state = Imported.WAITING
        if here.complaint_id is not None:
            reason = misfit(self.changes.case(here.complaint_id), row.answered_at)
            if reason is not None:
                return Result(Outcome.REFUSED, reason)
            self._apply(here.complaint_id, row)
            state = Imported.APPLIED
        self.known[row.key] = replace(
            here,
            text=row.text,
            answered_at=row.answered_at,
            received_at=self.received_at,
            received_from=self.by,
            state=state,
            reason=None,
        )
        self.touched[row.key] = None
        return _ACCEPTED

    def _apply(self, complaint_id: UUID, row: RecordedAnswer) -> None:
        apply_recorded_answer(
            self.changes, complaint_id, row.text, row.answered_at, reference=self.reference, now=self.now
        )
