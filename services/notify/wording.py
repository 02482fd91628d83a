"""What an alert says: number, unit, clock, due time and a link. Never a name, a phone or the report."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from services.notify.domain import Occasion, State

__all__ = ["CHANNEL_REMOVED", "OCCASION_NAMES", "RETRY_REFUSALS", "AlertText", "Due", "alert_text"]

SHANGHAI = ZoneInfo("Asia/Shanghai")

OCCASION_NAMES = {
    Occasion.ASSIGNED: "新任务",
    Occasion.DEADLINE_MISSED: "超过时限",
    Occasion.ANSWERED: "已答复",
}
RETRY_REFUSALS = {
    State.CLAIMED: "这条通知已在排队等待发送，不用再次重发。",
    State.SENDING: "这条通知正在发送，不用再次重发。",
    State.SENT: "这条通知已经发送成功，不用重发。",
    State.UNKNOWN: "这条通知的结果未知，系统会自动重发一次，请稍后再看。",
}
CHANNEL_REMOVED = "渠道已移除"
_CLOCK_NAMES = {"accept": "接单", "arrive": "到场", "complete": "办结", "answer": "答复"}
_URGENCY_NAMES = {"P1": "危及安全", "P2": "紧急"}


@dataclass(frozen=True, slots=True)
class Due:
    """A clock of the case: its kind and when it is, or was, due."""

    kind: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class AlertText:
    """Title and body of an alert, plain text."""

    title: str
    body: str


def alert_text(
    occasion: Occasion,
    *,
    number: str,
    unit_name: str,
    urgency: str | None,
    clocks: Sequence[Due],
    occurred_at: datetime,
    url: str,
    resent: bool,
) -> AlertText:
    """Return the words of an alert; a resent one says that it may have come before."""
    title = f"【{OCCASION_NAMES[occasion]}】{number} {unit_name}"
    lines = [_first_line(occasion, number, unit_name, clocks, occurred_at)]
    if urgency in _URGENCY_NAMES:
        lines.append(f"紧急程度：{_URGENCY_NAMES[urgency]}")
    if occasion is Occasion.ASSIGNED:
        lines += [f"{_CLOCK_NAMES[one.kind]}时限：{_moment(one.due_at)}" for one in _in_order(clocks)]
    lines.append(f"查看：{url}")
    if resent:
        lines.append("（上一次发送的结果不明，这是重发；如已收到请忽略。）")
    return AlertText(title, "\n".join(lines))


def _first_line(
    occasion: Occasion, number: str, unit_name: str, clocks: Sequence[Due], occurred_at: datetime
) -> str:
    match occasion:
        case Occasion.ASSIGNED:
            return f"任务 {number} 已派给{unit_name}，请按时限办理。"
        case Occasion.DEADLINE_MISSED:
            clock = clocks[0]
            act = _CLOCK_NAMES[clock.kind]
            return f"任务 {number}（{unit_name}）应于 {_moment(clock.due_at)} 前{act}，现已超时，请尽快办理。"
        case Occasion.ANSWERED:
            return f"任务 {number} 已由{unit_name}于 {_moment(occurred_at)} 答复，请安排回访。"


def _in_order(clocks: Sequence[Due]) -> list[Due]:
    return sorted(clocks, key=lambda clock: clock.due_at)


def _moment(instant: datetime) -> str:
    return instant.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
