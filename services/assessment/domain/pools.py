"""The cap of a unit's month: a percentage of the performance pool that the month is charged to.

Rulebook C and C0: deductions of a month stop at that share of the pool; what exceeds it is given back to the
unit by a line of its own, worked out over the whole month as booked, so the order of arrival does not matter.
Entries carried into a month out of a frozen one count where they are booked: that month's pool pays them.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.assessment.domain.months import MonthError, books_in_force, check_form, end_of
from services.assessment.domain.rulebook import RuleBook, UnitMonthCap
from services.assessment.domain.scoring import Charge, ChargeKey
from services.assessment.domain.wording import explain_month_cap, month_of

__all__ = [
    "AmountError",
    "Cap",
    "Pool",
    "UnitMonth",
    "cap_of",
    "check_from_month",
    "credit_of",
    "pool_of",
    "read_yuan",
]


class Pool(NamedTuple):
    """A unit's monthly performance pool from a month on, in fen; None: the unit's months have no cap."""

    unit: str
    from_month: str
    amount_fen: int | None


class UnitMonth(NamedTuple):
    """A month of a unit: what a statement, a pool and a cap are about."""

    unit: str
    month: str


_YUAN = re.compile(r"([0-9]{1,11})(?:\.([0-9]{1,2}))?")


class AmountError(ValueError):
    """What was given is no amount of money; the message, in Chinese, says what is."""


def read_yuan(text: str) -> int:
    """Return an amount in yuan, such as 120000 or １２０，０００．５０, in fen. AmountError if it is none."""
    found = _YUAN.fullmatch(unicodedata.normalize("NFKC", text).strip().replace(",", ""))
    if found is None:
        raise AmountError("金额应是不超过 11 位的元数，最多两位小数，例如 120000 或 120000.50")
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def check_from_month(month: str, frozen: Collection[str], *, first: datetime, now: datetime) -> None:
    """MonthError unless a pool may hold from that month on.

    It may not reach back before the first rule book or to a frozen month, whose cap is final, and not start
    more than a year ahead.
    """
    check_form(month)
    if month < month_of(first):
        raise MonthError(f"考核细则自 {month_of(first)} 起施行，不能更早")
    last = max(frozen, default="")
    if month <= last:
        raise MonthError(f"{last} 已冻结，绩效总额只能从它之后的月份起")
    this_month = month_of(now)
    ahead = f"{int(this_month[:4]) + 1}{this_month[4:]}"
    if month > ahead:
        raise MonthError(f"最多提前一年，即 {ahead}")


class Cap(NamedTuple):
    """What the deductions of a unit's month stop at, in fen, and why."""

    rule: UnitMonthCap
    rule_book_version: int
    pool_fen: int
    fen: int


def pool_of(place: UnitMonth, pools: Iterable[Pool]) -> int | None:
    """Return the pool of a unit's month in fen, None where there is none.

    `pools` come in the order they were entered: of two from the same month the later one holds.
    """
    held = {
        one.from_month: one.amount_fen
        for one in pools
        if one.unit == place.unit and one.from_month <= place.month
    }
    return held[max(held)] if held else None


def cap_of(place: UnitMonth, pools: Iterable[Pool], books: Mapping[int, RuleBook]) -> Cap | None:
    """Return what a unit's month stops at, by the rule book of that month; None where nothing caps it."""
    book, pool_fen = next(iter(books_in_force(place.month, books)), None), pool_of(place, pools)
    if book is None or book.unit_month_cap is None or pool_fen is None:
        return None
    return Cap(book.unit_month_cap, book.version, pool_fen, book.unit_month_cap.amount(pool_fen))


def credit_of(place: UnitMonth, charged_fen: int, evidence: UUID, cap: Cap) -> dict[ChargeKey, Charge]:
    """Return the credit that brings a unit's month back to its cap; nothing where it is within.

    `charged_fen` is what the month's entries charge, reversals and credits of case caps included, positive
    for a deduction; `evidence` the newest event behind them. The credit stands at the month's end.
    """
    credit = charged_fen - cap.fen
    if credit <= 0:
        return {}
    explanation = explain_month_cap(
        cap.rule,
        place.month,
        cap.rule_book_version,
        pool_fen=cap.pool_fen,
        charged_fen=charged_fen,
        credit_fen=credit,
    )
    key = ChargeKey(None, cap.rule.code, f"{place.unit}:{place.month}")
    return {
        key: Charge(place.unit, -credit, end_of(place.month), cap.rule_book_version, (evidence,), explanation)
    }
