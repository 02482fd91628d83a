"""What the live feed shows: changes as JSON for programs, cards for the task page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi.sse import format_sse_event
from sqlalchemy.ext.asyncio import AsyncSession

from services.dispatch.cards import belongs, counts_shown, task_card
from services.dispatch.feed.hub import Frame
from services.dispatch.store.feed_reading import Change, Task, count_tasks
from services.dispatch.usecases.reference import Knowledge, Reference
from shared.clock import Clock
from shared.database import Sessions, run_unit
from shared.pages import Pages

__all__ = ["CardMaker", "TaskListView", "UnitFeedView", "change_json", "decode_cursor", "encode_cursor"]

_KEPT_CARDS = 500
_SEPARATOR = "~"
_LAST_POSITION = 2**63 - 1


def encode_cursor(positions: Mapping[str, int]) -> str:
    """Positions as text: `17` for one unit, `water.17~repair.4` for several."""
    if len(positions) == 1:
        return str(*positions.values())
    return _SEPARATOR.join(f"{unit}.{position}" for unit, position in positions.items())


def decode_cursor(text: str | None, units: Sequence[str]) -> dict[str, int] | None:
    """Positions of `units` from text; None, which means from now on, where the text is no such cursor."""
    if not text:
        return None
    given = {units[0]: text} if len(units) == 1 else {}
    if "." in text:
        given = dict(part.rpartition(".")[::2] for part in text.split(_SEPARATOR))
    read = {unit: position for unit in units if (position := _position(given.get(unit, ""))) is not None}
    return read if len(read) == len(units) else None


def _position(text: str) -> int | None:
    """A position, which is no more than the database counts to; None for other text."""
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(_LAST_POSITION))):
        return None
    position = int(text)
    return position if position <= _LAST_POSITION else None


def change_json(change: Change) -> dict[str, Any]:
    """One item of a unit's feed: codes, ids and times of the case as it is now, nothing personal."""
    task = change.task
    case: dict[str, Any] = {
        "complaint_id": str(task.complaint_id),
        "number": task.number,
        "unit": task.unit,
        "category": task.category,
        "urgency": task.urgency,
        "state": task.state,
        "open": task.open,
        "registered_at": task.registered_at.isoformat(),
        "next_clock": task.next_clock,
        "next_due_at": task.next_due_at and task.next_due_at.isoformat(),
    }
    return {"position": change.position, "at": change.at.isoformat(), "case": case}


@dataclass(frozen=True, slots=True)
class UnitFeedView:
    """Every change of one unit's cases, as JSON."""

    unit: str

    @property
    def units(self) -> tuple[str, ...]:
        """The one unit."""
        return (self.unit,)

    async def frames(
        self, _sessions: Sessions, changes: Sequence[Change], _after: Mapping[str, int]
    ) -> list[Frame]:
        """One event per change; its id is the position."""
        return [Frame(one.unit, one.position, _event(change_json(one))) for one in changes]


def _event(item: Mapping[str, Any]) -> bytes:
    data = json.dumps(item, ensure_ascii=False, separators=(",", ":"))
    return format_sse_event(data_str=data, id=str(item["position"]))


class CardMaker:
    """Renders cards and counts, each once, however many lists show them."""

    def __init__(self, pages: Pages, knowledge: Knowledge, clock: Clock) -> None:
        self._pages = pages
        self.knowledge = knowledge
        self.clock = clock
        self._cards: dict[tuple[str, int, bool, bool], str] = {}
        self._counts: tuple[object, dict[str, int | str]] = (None, {})

    def card(self, change: Change, reference: Reference, *, acting: bool, named: bool) -> str:
        """The fragment that puts a changed case in its place on a list."""
        key = (change.unit, change.position, acting, named)
        if key not in self._cards:
            card = task_card(change.task, reference, self.clock.now(), acting=acting, named=named)
            self._cards[key] = self._pages.fragment("_task_change.html", task=card)
            if len(self._cards) > _KEPT_CARDS:
                del self._cards[next(iter(self._cards))]
        return self._cards[key]

    def gone(self, complaint_id: UUID) -> str:
        """The fragment that takes a case off a list."""
        return self._pages.fragment("_task_change.html", gone=complaint_id)

    async def counts(self, session: AsyncSession, view: "TaskListView", changes: Sequence[Change]) -> str:
        """The fragment with the numbers beside the filters, counted once per set of units and changes."""
        counted = (view.units, tuple((change.unit, change.position) for change in changes))
        if self._counts[0] != counted:
            numbers = await count_tasks(session, view.units, self.clock.now())
            self._counts = (counted, counts_shown(numbers))
        return self._pages.fragment(
            "_task_change.html", counts=self._counts[1], filter=view.filter_code, unit=view.chosen_unit
        )


@dataclass(frozen=True, slots=True)
class TaskListView:
    """A list of the task page: units, filter, and whether its reader may act on the cases."""

    units: tuple[str, ...]
    filter_code: str
    chosen_unit: str | None
    acting: bool
    maker: CardMaker = field(compare=False, repr=False)

    async def frames(
        self, sessions: Sessions, changes: Sequence[Change], after: Mapping[str, int]
    ) -> list[Frame]:
        """One event per changed case, the last with the numbers; its id is the cursor of all units."""
        if not changes:
            return []
        return await run_unit(sessions, lambda session: self._frames(session, changes, after))

    async def _frames(
        self, session: AsyncSession, changes: Sequence[Change], after: Mapping[str, int]
    ) -> list[Frame]:
        reference = await self.maker.knowledge.get(session)
        now = self.maker.clock.now()
        latest: dict[UUID, Change] = {}
        for change in changes:
            latest.pop(change.task.complaint_id, None)
            latest[change.task.complaint_id] = change
        cursor = {unit: after[unit] for unit in self.units}
        frames = []
        for number, change in enumerate(latest.values(), start=1):
            cursor[change.unit] = change.position
            html = self._fragment(change, reference, now)
            if number == len(latest):
                html += await self.maker.counts(session, self, changes)
            data = format_sse_event(data_str=html, id=encode_cursor(cursor))
            frames.append(Frame(change.unit, change.position, data))
        return frames

    def _fragment(self, change: Change, reference: Reference, now: datetime) -> str:
        task: Task = change.task
        if task.unit in self.units and belongs(task, self.filter_code, now):
            return self.maker.card(change, reference, acting=self.acting, named=len(self.units) > 1)
        return self.maker.gone(task.complaint_id)
