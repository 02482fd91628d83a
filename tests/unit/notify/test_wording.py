"""What an alert says."""

from datetime import UTC, datetime
from typing import Any

from services.notify.domain import Occasion
from services.notify.wording import Due, alert_text

DUE = datetime(2026, 11, 22, 6, 5, tzinfo=UTC)


def text(occasion: Occasion, **changes: Any) -> tuple[str, str]:
    given: dict[str, Any] = {
        "number": "HY-2611-000123-X",
        "unit_name": "维修分公司",
        "urgency": None,
        "clocks": [Due("complete", DUE), Due("accept", DUE.replace(hour=2))],
        "occurred_at": DUE,
        "url": "http://127.0.0.1:8080/dispatch/cases/1",
        "resent": False,
    }
    made = alert_text(occasion, **given | changes)
    return made.title, made.body


def test_a_new_task_names_its_clocks_in_shanghai_time_the_first_due_first() -> None:
    title, body = text(Occasion.ASSIGNED, urgency="P1")

    assert title == "【新任务】HY-2611-000123-X 维修分公司"
    assert body.splitlines() == [
        "任务 HY-2611-000123-X 已派给维修分公司，请按时限办理。",
        "紧急程度：危及安全",
        "接单时限：2026-11-22 10:05",
        "办结时限：2026-11-22 14:05",
        "查看：http://127.0.0.1:8080/dispatch/cases/1",
    ]


def test_a_missed_deadline_names_the_clock_and_when_it_was_due() -> None:
    _, body = text(Occasion.DEADLINE_MISSED, urgency="P3", clocks=[Due("complete", DUE)])

    assert body.startswith("任务 HY-2611-000123-X（维修分公司）应于 2026-11-22 14:05 前办结，现已超时")
    assert "紧急程度" not in body


def test_an_answer_asks_the_office_to_follow_up() -> None:
    assert "请安排回访" in text(Occasion.ANSWERED, clocks=[])[1]


def test_a_resent_alert_says_so() -> None:
    assert "这是重发" in text(Occasion.ASSIGNED, resent=True)[1]
    assert "这是重发" not in text(Occasion.ASSIGNED)[1]
