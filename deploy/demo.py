"""Demonstration data for a first start: reports of today, some of them dealt with, and a quarter of history.

Everything goes through the public interfaces, under keys that make loading twice the same as loading once.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from http import HTTPStatus
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from deploy.client import Client, RefusedError
from deploy.importing.rows import Answer, Complaint
from deploy.importing.sending import ANSWERS, COMPLAINTS
from shared.clock import Clock, SystemClock

__all__ = ["SOURCE", "history", "load", "read_data"]

SOURCE = "demonstration"
DATA = Path(__file__).with_suffix(".yaml")
SHANGHAI = ZoneInfo("Asia/Shanghai")
ASSIGNED_WITHIN = 15.0  # seconds in which dispatch, just started, has its cases
_REPORT = ("subject", "text", "location", "name", "phone")


def load(url: str, token: str, say: Callable[[str], None], clock: Clock = SystemClock()) -> None:  # noqa: B008
    """Put the demonstration data into the installation at `url`, as whoever `token` stands for.

    LaunchError if the installation does not take them. A case that dispatch does not have in time keeps its
    steps to itself: it is only demonstrated as new.
    """
    data = read_data()
    with Client(url, token) as client:
        complaints, answers = history(data["history"], clock.now().astimezone(SHANGHAI).date())
        client.post(COMPLAINTS, _rows(complaints))
        client.post(ANSWERS, _rows(answers))
        live = [(_register(client, number, entry), entry) for number, entry in enumerate(data["live"], 1)]
        give_up = time.monotonic() + ASSIGNED_WITHIN
        worked_on = sum(_work(client, complaint_id, entry, give_up) for complaint_id, entry in live)
    say(f"已放入演示数据：{len(live)} 条反映（其中 {worked_on} 条在办理），{len(complaints)} 条往月记录")


def read_data() -> dict[str, Any]:
    """The reports of today, `live`, and those of the months before, `history`."""
    data: dict[str, Any] = yaml.load(DATA.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return data


def history(entries: Sequence[Mapping[str, Any]], today: date) -> tuple[list[Complaint], list[Answer]]:
    """Recorded complaints and answers of the months before `today`'s."""
    complaints, answers = [], []
    for number, entry in enumerate(entries, 1):
        asked_on = _first_of_month(today, entry["months_ago"]) + timedelta(days=entry["day"] - 1)
        answered_on = asked_on + timedelta(days=entry["days"])
        name = {"source": SOURCE, "external_id": f"{asked_on:%Y-%m}-{number:02d}"}
        complaints.append(
            Complaint(
                **name,
                registered_at=_at(asked_on, entry["at"]),
                text=entry["text"],
                subject=entry["subject"],
                name="",
                phone="",
                location="",
                category=None,
            )
        )
        answers.append(Answer(**name, text=entry["answer"], answered_at=_at(answered_on, entry["answered"])))
    return complaints, answers


def _register(client: Client, number: int, entry: Mapping[str, Any]) -> str:
    body = {name: entry[name] for name in _REPORT if name in entry}
    headers = {"Idempotency-Key": f"{SOURCE}-{number:02d}"}
    return str(client.post("/api/complaints", body, headers=headers)["complaint_id"])


def _work(client: Client, complaint_id: str, entry: Mapping[str, Any], give_up: float) -> bool:
    """Take a case's steps; return whether it has any. One that was taken before stays taken."""
    case = _find_case(client, complaint_id, give_up) if entry.get("done") else None
    if case is None:
        return False
    for step in entry["done"]:
        if step in case["actions"]:
            body = {"action": step, "text": entry["answer"] if step == "answer" else ""}
            case = client.post(f"/dispatch/api/cases/{complaint_id}/actions", body)
    return True


def _find_case(client: Client, complaint_id: str, give_up: float) -> Any:
    """The case, once it is assigned; None if it is not by `give_up`."""
    while True:
        try:
            return client.get(f"/dispatch/api/cases/{complaint_id}")
        except RefusedError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
        if time.monotonic() > give_up:
            return None
        time.sleep(0.05)


def _rows(rows: Sequence[Complaint | Answer]) -> dict[str, Any]:
    return {"rows": [row.model_dump(mode="json", exclude_none=True) for row in rows]}


def _first_of_month(today: date, months_ago: int) -> date:
    months = today.year * 12 + today.month - 1 - months_ago
    return date(months // 12, months % 12 + 1, 1)


def _at(day: date, at: str) -> datetime:
    return datetime.combine(day, clock_time.fromisoformat(at), SHANGHAI).astimezone(UTC)
