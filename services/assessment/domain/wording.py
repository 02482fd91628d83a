"""The arithmetic of a charge in words, so that a unit can check it with a calendar and a pencil. Chinese."""

from datetime import datetime
from zoneinfo import ZoneInfo

from services.assessment.domain.facts import Basis, ClockKind, Miss, OverdueWorkday
from services.assessment.domain.rulebook import (
    CaseCap,
    Clause,
    FurtherWorkday,
    LinkedShare,
    UnitMonthCap,
)
from shared.worktime import WORKDAY_MINUTES

__all__ = [
    "SHANGHAI",
    "explain_base",
    "explain_budget",
    "explain_cap",
    "explain_carried",
    "explain_further_workday",
    "explain_linked",
    "explain_month_cap",
    "explain_reversal",
    "explain_span",
    "month_of",
    "yuan",
]

SHANGHAI = ZoneInfo("Asia/Shanghai")

_HOUR, _DAY = 60, 1440
_LIMIT = {
    ClockKind.ACCEPT: ("接单时限", "接单"),
    ClockKind.ARRIVE: ("到场时限", "到场"),
    ClockKind.COMPLETE: ("办结时限", "办结"),
    ClockKind.ANSWER: ("答复时限", "答复"),
}


def explain_base(miss: Miss, clause: Clause, amount_fen: int, previous_at: datetime | None) -> str:
    """Explain a base line; `previous_at` is the earlier breach that makes this one a repeat, if any."""
    limit, act = _LIMIT[miss.kind]
    base = clause.base(miss.urgency)
    parts = [
        f"{limit} {explain_budget(miss.budget_minutes, miss.basis)}",
        f"登记 {_moment(miss.registered_at)}",
        f"应于 {_moment(miss.due_at)} 前{act}",
        _late(miss, act),
    ]
    money = f"基数 {yuan(base)} 元"
    if previous_at is not None and clause.repeat is not None:
        rule = f"×{clause.repeat.multiplier}" if clause.repeat.fen is None else "按再次发生计"
        money += (
            f"，此前 {clause.repeat.within.days} 天内同单位同条款已有一次（{_moment(previous_at)}），{rule}"
        )
    versions = f"标准 {miss.standard}，细则第 {miss.rule_book_version} 版，日历第 {miss.calendar_version} 版"
    return f"{'，'.join(parts)}；{money}，扣 {yuan(amount_fen)} 元（{versions}）"


def explain_further_workday(day: OverdueWorkday, rule: FurtherWorkday, amount_fen: int) -> str:
    """Explain the line of one further workday overdue."""
    due, full = _moment(day.due_at), _moment(day.occurred_at)
    return (
        f"应于 {due} 前办结，至 {full} 逾期满第 {day.workday} 个工作日；"
        f"每满一个工作日加扣 {yuan(rule.fen)} 元，连同基数封顶 {yuan(rule.cap_fen)} 元，"
        f"扣 {yuan(amount_fen)} 元"
    )


def explain_linked(share: LinkedShare, clause: Clause, charged_fen: int, amount_fen: int) -> str:
    """Explain the linked share of a post in a base line."""
    rule = "每次" if share.percent is None else f"基本扣款 {yuan(charged_fen)} 元的 {share.percent}%，"
    return f"连挂{share.title}：{clause.title}，{rule}扣 {yuan(amount_fen)} 元，计入单位绩效总额"


def explain_cap(cap: CaseCap, total_fen: int, credit_fen: int) -> str:
    """Explain the credit of a month that brings a case, `total_fen` so far, back to its cap."""
    earlier = total_fen - cap.fen - credit_fen
    before = f"此前已冲减 {yuan(earlier)} 元，" if earlier else ""
    total = f"本件扣款累计 {yuan(total_fen)} 元"
    return f"{cap.title}：{total}，封顶 {yuan(cap.fen)} 元，{before}冲减 {yuan(credit_fen)} 元"


def explain_month_cap(
    cap: UnitMonthCap, month: str, version: int, *, pool_fen: int, charged_fen: int, credit_fen: int
) -> str:
    """Explain the credit that brings a unit's month back to its cap."""
    share = f"绩效总额 {yuan(pool_fen)} 元的 {cap.percent}%，即 {yuan(cap.amount(pool_fen))} 元"
    return (
        f"{cap.title}：{month} 本单位扣款合计 {yuan(charged_fen)} 元，封顶为{share}，"
        f"冲减 {yuan(credit_fen)} 元（细则第 {version} 版）"
    )


def explain_carried(explanation: str, frozen_month: str, month: str) -> str:
    """Say after an explanation that its entry is booked in another month than its own."""
    return f"{explanation}（{frozen_month} 已冻结，记入 {month}）"


def explain_reversal(explanation: str) -> str:
    """Explain a reversing entry by the one it reverses."""
    return f"冲销：{explanation}"


def month_of(instant: datetime) -> str:
    """Return the Asia/Shanghai month of an instant, as 2019-04."""
    return instant.astimezone(SHANGHAI).strftime("%Y-%m")


def yuan(fen: int) -> str:
    """Return an amount in yuan with two decimals, such as 1,250.00."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


def _late(miss: Miss, act: str) -> str:
    if miss.stopped_at is None:
        return f"届时尚未{act}"
    over = miss.elapsed_minutes - miss.budget_minutes
    unit = _unit(miss.basis)
    measure = f" {explain_span(over, miss.basis)}" if over > 0 else f"不足 1 {unit}"
    return f"实际 {_moment(miss.stopped_at)}，用时 {miss.elapsed_minutes} {unit}，超出{measure}"


def explain_span(minutes: int, basis: Basis) -> str:
    """Return a span in minutes, a longer one in days too: 1640 工作分钟（3 个工作日 3 小时 20 分）."""
    return f"{minutes} {_unit(basis)}{_days(minutes, basis)}"


def _unit(basis: Basis) -> str:
    return "工作分钟" if basis is Basis.WORKING else "分钟"


def _days(minutes: int, basis: Basis) -> str:
    """Return longer spans in days too: (1 个工作日 3 小时 20 分)."""
    if minutes < _HOUR:
        return ""
    length, name = (WORKDAY_MINUTES, "个工作日") if basis is Basis.WORKING else (_DAY, "天")
    days, rest = divmod(minutes, length)
    hours, left = divmod(rest, _HOUR)
    words = [(days, name), (hours, "小时"), (left, "分")]
    return f"（{' '.join(f'{count} {word}' for count, word in words if count)}）"


def explain_budget(minutes: int, basis: Basis) -> str:
    """Return a budget as the rule book says it and in minutes: 3 个工作日（1440 工作分钟）."""
    if basis is Basis.WORKING:
        if minutes % WORKDAY_MINUTES == 0:
            return f"{minutes // WORKDAY_MINUTES} 个工作日（{minutes} 工作分钟）"
        return f"{minutes} 工作分钟"
    if minutes % _HOUR == 0:
        return f"{minutes // _HOUR} 小时（{minutes} 分钟）"
    return f"{minutes} 分钟"


def _moment(instant: datetime) -> str:
    return instant.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
