"""What a unit does with its case: accept, arrive, complete, answer."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.dispatch.domain.access import may_see, may_work_on
from services.dispatch.domain.answers import clean_text, text_problem
from services.dispatch.domain.assignment import Action, IllegalActionError, Step, take_step
from services.dispatch.domain.cases import Case, after_step
from services.dispatch.domain.lateness import elapsed_minutes
from services.dispatch.store import cases as store
from services.dispatch.store.audit import AuditEntry
from services.dispatch.usecases import telling
from services.dispatch.usecases.changes import Changes
from services.dispatch.usecases.deadlines import fire
from services.dispatch.usecases.recorded import apply_recorded_answer
from services.dispatch.usecases.reference import Knowledge, Reference
from shared.auth import Principal
from shared.clock import Clock
from shared.contracts.dispatch import AssignmentAccepted, AssignmentArrived, AssignmentCompleted, StopReading
from shared.ids import uuid7
from shared.problems import Problem, field_problem
from shared.worktime import OutsideCalendarError

__all__ = ["UnitAction", "act", "visible_case"]

_FACTS = {
    Action.ACCEPT: AssignmentAccepted,
    Action.ARRIVE: AssignmentArrived,
    Action.COMPLETE: AssignmentCompleted,
}

_NO_CALENDAR = "工作日历已经到期，暂时不能计时。请联系系统管理员更新日历后再办理"


@dataclass(frozen=True, slots=True)
class UnitAction:
    """One action on one case; `text` is the answer, and belongs to answering only."""

    complaint_id: UUID
    action: Action
    text: str = ""


async def act(
    session: AsyncSession, command: UnitAction, who: Principal, *, knowledge: Knowledge, clock: Clock
) -> None:
    """Take the step and stop its clocks; what had run out before is told first.

    Problem 404 for a case that is not theirs to see, 403 if not theirs to work on, 409 for an action that
    does not follow from the case's state, 422 for an answer without a proper text.
    """
    text = _answer_text(command)
    locked = await store.lock_cases(session, [command.complaint_id])
    case = visible_case(locked[0] if locked else None, who)
    if not may_work_on(who.role.value, who.unit, case.unit):
        raise Problem(403, "您的账号不能办理这件任务")
    changes = Changes()
    changes.take(case, await store.list_deadlines(session, [case.complaint_id]))
    reference = await knowledge.get(session)
    now = await store.get_now(session)
    at, by = clock.now(), str(who.person_id)
    if case.live:
        _step(changes, command, text, reference, now, at, by)
    else:
        _answer_history(changes, command, text, reference, now, at, by)
    changes.note(AuditEntry(at, by, f"case.{command.action}", str(case.complaint_id), {"unit": case.unit}))
    await changes.save(session)


def visible_case(case: Case | None, who: Principal) -> Case:
    """Return the case if it exists and is theirs to see. Problem 404 otherwise, which tells nothing."""
    if case is None or not may_see(who.role.value, who.unit, case.unit):
        raise Problem(404, "没有这件任务")
    return case


def _answer_text(command: UnitAction) -> str:
    if command.action is not Action.ANSWER:
        return ""
    text = clean_text(command.text)
    problem = text_problem(text)
    if problem is not None:
        raise field_problem("text", problem)
    return text


def _step(
    changes: Changes,
    command: UnitAction,
    text: str,
    reference: Reference,
    now: datetime,
    at: datetime,
    by: str,
) -> None:
    """Take the step of a live case; IllegalActionError becomes a Problem and changes nothing."""
    complaint_id, action = command.complaint_id, command.action
    try:
        step = take_step(changes.case(complaint_id).state, action, changes.running(complaint_id))
    except IllegalActionError as error:
        raise Problem(409, str(error)) from None
    # What is late by the step's own instant is told, whatever the database's clock said at the beginning.
    fire(changes, [complaint_id], max(now, at), reference)
    try:
        stopped = _stop(changes, complaint_id, step, reference, at)
    except OutsideCalendarError:
        raise Problem(503, _NO_CALENDAR) from None
    case = changes.case(complaint_id)
    if action is Action.ANSWER:
        content, fact = telling.answer(case, uuid7(), text, at, by=by, stopped=stopped)
        changes.tell(complaint_id, content, at)
        changes.keep_answer(content, by)
        changes.tell(complaint_id, fact, at)
    else:
        event = _FACTS[action](complaint_id=complaint_id, unit=case.unit, at=at, by=by, stopped=stopped)
        changes.tell(complaint_id, event, at)
    changes.put(after_step(changes.case(complaint_id), action, step, at))


def _stop(
    changes: Changes, complaint_id: UUID, step: Step, reference: Reference, at: datetime
) -> tuple[StopReading, ...]:
    """Stop the step's clocks, with the further workdays that were still to come; return what they read."""
    case = changes.case(complaint_id)
    calendar = reference.calendar_at(case.calendar_version, at)
    readings = []
    for deadline in changes.deadlines(complaint_id):
        if deadline.kind not in step.stops or deadline.met_at is not None:
            continue
        changes.put_deadline(deadline._replace(met_at=at))
        if deadline.level == 0:
            elapsed = elapsed_minutes(deadline.basis, case.registered_at, at, calendar)
            readings.append(telling.stop_reading(deadline, elapsed))
    return tuple(readings)


def _answer_history(
    changes: Changes,
    command: UnitAction,
    text: str,
    reference: Reference,
    now: datetime,
    at: datetime,
    by: str,
) -> None:
    """Answer a case of imported history by hand: the only step it still owes."""
    case = changes.case(command.complaint_id)
    if command.action is not Action.ANSWER:
        raise Problem(409, "这是导入的历史件，只需要答复")
    if case.answered_at is not None:
        raise Problem(409, "这件反映已经有答复")
    apply_recorded_answer(changes, case.complaint_id, text, at, reference=reference, now=now, by=by)
