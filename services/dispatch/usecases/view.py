"""One case as its people read it: what was said, where it stands, its clocks and its history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.dispatch.domain.access import may_work_on
from services.dispatch.domain.assignment import ACTION_NAMES, Action, ended_with_answer, offered
from services.dispatch.domain.cases import Case, Deadline
from services.dispatch.domain.standards import ClockKind
from services.dispatch.store import answers as answer_store
from services.dispatch.store import audit
from services.dispatch.store import cases as store
from services.dispatch.store.audit import AuditEntry
from services.dispatch.usecases.act import visible_case
from services.dispatch.usecases.reference import Knowledge
from shared import state
from shared.auth import Principal
from shared.clock import Clock
from shared.contracts.dispatch import PersonState

__all__ = ["CLOCK_NAMES", "CaseView", "HistoryEntry", "Said", "reveal_complainant", "view_case"]

CLOCK_NAMES: Mapping[ClockKind, str] = {
    ClockKind.ACCEPT: "接单",
    ClockKind.ARRIVE: "到场",
    ClockKind.COMPLETE: "办结",
    ClockKind.ANSWER: "答复",
}
_SYSTEM = "系统"
_DONE = {f"case.{action}": name for action, name in ACTION_NAMES.items()}


@dataclass(frozen=True, slots=True)
class Said:
    """What the complainant said, and who they are; all empty once it was erased."""

    subject: str = ""
    text: str = ""
    location: str = ""
    name: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One thing that happened to a case; `by` is a person's name, or the system."""

    at: datetime
    name: str
    by: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case with names beside its codes. `actions` are those the viewer may take now.

    `ends` are the clocks that an answer would stop beside its own.
    """

    case: Case
    unit_name: str
    category_name: str | None
    said: Said
    answer: Mapping[str, Any] | None
    clocks: tuple[Deadline, ...]
    actions: tuple[Action, ...]
    ends: tuple[ClockKind, ...]
    history: tuple[HistoryEntry, ...]


async def view_case(
    session: AsyncSession, complaint_id: UUID, who: Principal, *, knowledge: Knowledge
) -> CaseView:
    """Return a case as `who` may see it, the complainant's phone in full. Problem 404 if it is not theirs."""
    case = visible_case(await store.find_case(session, complaint_id), who)
    reference = await knowledge.get(session)
    deadlines = await store.list_deadlines(session, [complaint_id])
    clocks = tuple(sorted((one for one in deadlines if one.level == 0), key=lambda one: _ORDER[one.kind]))
    running = {one.kind: one.due_at for one in clocks if one.live and one.met_at is None}
    actions = offered(case.state, running) if case.live else _history_actions(case)
    category = reference.category(case.category)
    unit_name = reference.units.get(case.unit, case.unit)
    return CaseView(
        case=case,
        unit_name=unit_name,
        category_name=category.name if category else case.category,
        said=await _said(session, complaint_id),
        answer=await answer_store.find_answer(session, complaint_id),
        clocks=clocks,
        actions=actions if may_work_on(who.role.value, who.unit, case.unit) else (),
        ends=tuple(sorted(ended_with_answer(running), key=_ORDER.__getitem__)),
        history=await _history(session, case, deadlines, unit_name),
    )


async def reveal_complainant(
    session: AsyncSession, complaint_id: UUID, who: Principal, reason: str, *, clock: Clock
) -> Said:
    """Return who complained and where, in full; who looked, and why, is kept. Problem 404 as `view_case`."""
    case = visible_case(await store.find_case(session, complaint_id), who)
    detail = {"reason": reason, "unit": case.unit}
    entry = AuditEntry(clock.now(), str(who.person_id), "case.reveal", str(complaint_id), detail)
    await audit.add_entries(session, [entry])
    return await _said(session, complaint_id)


_ORDER = {kind: place for place, kind in enumerate(ClockKind)}


def _history_actions(case: Case) -> tuple[Action, ...]:
    return () if case.answered_at else (Action.ANSWER,)


async def _said(session: AsyncSession, complaint_id: UUID) -> Said:
    content = await store.find_content(session, complaint_id)
    if content is None:
        return Said()
    return Said(
        subject=content["subject"],
        text=content["text"],
        location=content["location"],
        name=content["complainant_name"],
        phone=content["complainant_phone"],
    )


async def _history(
    session: AsyncSession, case: Case, deadlines: Sequence[Deadline], unit_name: str
) -> tuple[HistoryEntry, ...]:
    """Return what happened, oldest first."""
    entries = await audit.list_entries(session, str(case.complaint_id))
    names = await _names(session, {entry.actor for entry in entries})
    told = [
        HistoryEntry(case.registered_at, "登记", None, None),
        HistoryEntry(case.assigned_at, "派单", _SYSTEM, f"派给{unit_name}"),
    ]
    told += [_missed(one) for one in deadlines if one.fired_at is not None]
    told += [
        HistoryEntry(one.at, _DONE[one.action], names[one.actor], None)
        for one in entries
        if one.action in _DONE
    ]
    if case.answered_at is not None and not any(one.action == "case.answer" for one in entries):
        told.append(HistoryEntry(case.answered_at, "答复", None, "导入的记录"))
    return tuple(sorted(told, key=lambda entry: entry.at))


def _missed(deadline: Deadline) -> HistoryEntry:
    name = CLOCK_NAMES[deadline.kind]
    note = f"{name}超时" if deadline.level == 0 else f"{name}超时后第 {deadline.level} 个工作日"
    return HistoryEntry(deadline.due_at, "超时", _SYSTEM, note)


async def _names(session: AsyncSession, actors: set[str]) -> dict[str, str]:
    names = {}
    for actor in actors:
        person = await state.find(session, PersonState, f"person:{actor}")
        names[actor] = person.name if person else _SYSTEM
    return names
