"""What a page sample is, and what all samples share."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from shared.pages import Viewer

NOW = datetime(2026, 11, 22, 6, 5, tzinfo=UTC)
LEADER = Viewer(name="王建国", role="unit_leader", unit_name="维修分公司")
OFFICE = Viewer(name="李敏", role="office", unit_name="生产管理室")
UNITS = [("repair", "维修分公司"), ("water", "自来水分公司"), ("office", "生产管理室")]


def ago(**kwargs: float) -> datetime:
    return NOW - timedelta(**kwargs)


@dataclass(frozen=True)
class Sample:
    """One page in one state."""

    service: str
    template: str
    name: str
    context: dict[str, Any] = field(default_factory=dict)
    status: int = 200

    @property
    def path(self) -> str:
        return f"/preview/{self.service}/{self.name}"


def case_id(number: int) -> str:
    return str(UUID(int=number))
