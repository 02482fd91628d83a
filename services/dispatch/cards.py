"""How a case of the queue looks on a page, and which cases belong on which list."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from services.dispatch.domain.assignment import ACTION_NAMES, STATE_NAMES, Action, State, offered
from services.dispatch.domain.standards import ClockKind
from services.dispatch.store.feed_reading import COUNT_LIMIT, OPEN_STATES, Task
from services.dispatch.usecases.reference import Reference
from services.dispatch.usecases.view import CLOCK_NAMES
from shared.pages.filters import place_masked

__all__ = ["FILTERS", "action_buttons", "belongs", "counts_shown", "minutes_left", "task_card"]

FILTERS: Final[Mapping[str, tuple[str, ...]]] = {
    "open": OPEN_STATES,
    "assigned": ("assigned",),
    "working": ("accepted", "arrived", "completed", "answered"),
    "overdue": OPEN_STATES,
    "answered": (),
}
"""The lists of the task page, with the states of open cases on each."""

_SUMMARY = 80


def task_card(
    task: Task, reference: Reference, now: datetime, *, acting: bool, named: bool = False
) -> dict[str, Any]:
    """Return what `_task.html` shows of a case; actions only for those who may take them.

    `named`: with its unit's name, for a list of several units.
    """
    due_at = task.next_due_at
    category = reference.category(task.category)
    return {
        "complaint_id": task.complaint_id,
        "number": task.number,
        "category_name": category.name if category else task.category,
        "location": place_masked(task.location),
        "unit_name": reference.units.get(task.unit, task.unit) if named else None,
        "summary": _summary(task),
        "urgency": task.urgency,
        "state": task.state,
        "state_name": STATE_NAMES[State(task.state)],
        "next_clock_name": CLOCK_NAMES[ClockKind(task.next_clock)] if task.next_clock else "",
        "due_at": due_at,
        "minutes_left": 0 if due_at is None else minutes_left(due_at, now),
        "overdue": due_at is not None and due_at < now,
        "actions": action_buttons(_offered(task)) if acting else [],
    }


def belongs(task: Task, filter_code: str, now: datetime) -> bool:
    """Whether a case is on the list `filter_code` of its unit."""
    if filter_code == "answered":
        return not task.open
    on_list = task.open and task.state in FILTERS[filter_code]
    if filter_code == "overdue":
        return on_list and task.next_due_at is not None and task.next_due_at < now
    return on_list


def counts_shown(numbers: Mapping[str, int]) -> dict[str, int | str]:
    """The numbers beside the filters; `999+` from where counting stopped."""
    working = sum(numbers[code] for code in FILTERS["working"])
    shown = {
        "open": numbers["assigned"] + working,
        "assigned": numbers["assigned"],
        "working": working,
        "overdue": numbers["overdue"],
        "answered": numbers["done"],
    }
    return {
        code: f"{COUNT_LIMIT - 1}+" if number >= COUNT_LIMIT else number for code, number in shown.items()
    }


def minutes_left(due_at: datetime, now: datetime) -> int:
    """Whole minutes from `now` to `due_at`, towards zero; negative when it is past."""
    return int((due_at - now) / timedelta(minutes=1))


def action_buttons(actions: Iterable[Action]) -> list[dict[str, str]]:
    """Codes and names of actions, as the templates take them."""
    return [{"code": action.value, "name": ACTION_NAMES[action]} for action in actions]


def _offered(task: Task) -> tuple[Action, ...]:
    if task.origin != "live":  # imported history owes nothing but its answer
        return (Action.ANSWER,) if task.open else ()
    running = {ClockKind(kind): due_at for kind, due_at in task.running.items()}
    return offered(State(task.state), running)


def _summary(task: Task) -> str:
    words = " ".join((task.subject or task.text).split())
    return words if len(words) <= _SUMMARY else words[: _SUMMARY - 1] + "…"
