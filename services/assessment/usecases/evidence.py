"""Evidence in words: the key facts of an event that a ledger entry names. Chinese."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.assessment.domain.facts import Basis
from services.assessment.domain.wording import SHANGHAI, explain_budget, explain_span
from services.assessment.tables import EvidenceRow
from shared.contracts.dispatch import DeadlineMissed
from shared.pages.filters import urgency_name

__all__ = ["describe", "name_of"]

_CLOCKS = {"accept": "接单", "arrive": "到场", "complete": "办结", "answer": "答复"}


def name_of(row: EvidenceRow) -> str:
    """Return what happened, in a few words."""
    if row.type == DeadlineMissed.type:
        return f"{_CLOCKS[row.body['kind']]}超时"
    return f"办结逾期满第 {row.body['workday']} 个工作日"


def describe(row: EvidenceRow, unit_name: str) -> Sequence[tuple[str, str]]:
    """Return the event's facts as pairs of name and text, in the order a person checks them."""
    body = row.body
    pairs = [("责任单位", unit_name), ("紧急程度", urgency_name(str(body["urgency"])))]
    if row.type == DeadlineMissed.type:
        pairs += [
            ("登记时间", _moment(body["registered_at"])),
            ("时限", explain_budget(body["budget_minutes"], Basis(body["basis"]))),
            ("到期时间", _moment(body["due_at"])),
        ]
        pairs += _stopped(body)
    else:
        pairs += [("到期时间", _moment(body["due_at"])), ("满一个工作日的时间", _moment(body["ended_at"]))]
    return [
        *pairs,
        ("时效标准", str(body["standard"])),
        ("细则版本", f"第 {body['rule_book_version']} 版"),
        ("日历版本", f"第 {body['calendar_version']} 版"),
    ]


def _stopped(body: dict[str, Any]) -> list[tuple[str, str]]:
    if body.get("stopped_at") is None:
        return [("当时状态", "到期时尚未完成")]
    return [
        ("实际时间", _moment(body["stopped_at"])),
        ("实际用时", explain_span(body["elapsed_minutes"], Basis(body["basis"]))),
        ("迟到", f"{body['workdays_late']} 个整工作日"),
    ]


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
