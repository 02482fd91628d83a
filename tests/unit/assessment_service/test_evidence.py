"""Evidence in words."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.assessment.tables import EvidenceRow
from services.assessment.usecases.evidence import describe, name_of

MISSED: dict[str, Any] = {
    "unit": "repair",
    "kind": "complete",
    "basis": "working",
    "budget_minutes": 1440,
    "elapsed_minutes": 1640,
    "workdays_late": 1,
    "registered_at": "2019-04-08T01:12:00Z",
    "due_at": "2019-04-11T01:12:00Z",
    "stopped_at": None,
    "urgency": "P3",
    "standard": "T-REPAIR-ORDINARY",
    "rule_book_version": 1,
    "calendar_version": 1,
}
WORKDAY: dict[str, Any] = {
    name: MISSED[name]
    for name in ("unit", "due_at", "urgency", "standard", "rule_book_version", "calendar_version")
} | {"workday": 3, "ended_at": "2019-04-16T01:12:00Z"}


def row(type_: str, body: dict[str, Any]) -> EvidenceRow:
    return EvidenceRow(
        event_id=UUID(int=1),
        complaint_id=UUID(int=2),
        type=type_,
        occurred_at=datetime(2019, 4, 11, tzinfo=UTC),
        body=body,
    )


def test_a_missed_clock_names_its_due_time_in_shanghai() -> None:
    evidence = row("assignment.deadline_missed.v1", MISSED)

    assert name_of(evidence) == "办结超时"
    assert dict(describe(evidence, "维修分公司"))["到期时间"] == "2019-04-11 09:12"


def test_urgency_and_spans_are_told_in_words() -> None:
    stopped = MISSED | {"stopped_at": "2019-04-15T02:00:00Z", "urgency": "P1"}
    facts = dict(describe(row("assignment.deadline_missed.v1", stopped), "维修分公司"))

    assert facts["紧急程度"] == "危及安全"
    assert facts["时限"] == "3 个工作日（1440 工作分钟）"
    assert facts["实际用时"] == "1640 工作分钟（3 个工作日 3 小时 20 分）"
    assert facts["迟到"] == "1 个整工作日"


@pytest.mark.parametrize(("stopped_at", "name"), [(None, "当时状态"), ("2019-04-15T02:00:00Z", "实际时间")])
def test_a_late_action_is_told_where_it_was_known(stopped_at: str | None, name: str) -> None:
    evidence = row("assignment.deadline_missed.v1", MISSED | {"stopped_at": stopped_at})

    assert name in dict(describe(evidence, "维修分公司"))


def test_a_further_workday_names_its_number() -> None:
    evidence = row("assignment.overdue_workday.v1", WORKDAY)

    assert "3" in name_of(evidence)
    assert dict(describe(evidence, "维修分公司"))["责任单位"] == "维修分公司"
