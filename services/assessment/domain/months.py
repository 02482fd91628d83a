"""Months of statements: Asia/Shanghai, written like 2019-04. A month that was frozen never changes again."""

import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from services.assessment.domain.rulebook import RuleBook
from services.assessment.domain.wording import SHANGHAI, month_of

__all__ = [
    "MonthError",
    "MonthFormError",
    "beginning",
    "books_in_force",
    "check_form",
    "check_freezable",
    "check_month",
    "end_of",
    "is_over",
    "open_month",
]

_FORM = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_DECEMBER = 12


class MonthError(ValueError):
    """There is no statement for what was asked; the message, in Chinese, says why."""


class MonthFormError(MonthError):
    """What was asked is no month at all."""


def check_month(text: str, *, first: datetime, now: datetime) -> str:
    """Return `text` if it is a month from that of `first` (the first rule book) to that of `now`.

    MonthError if there is no statement for it.
    """
    check_form(text)
    if text < month_of(first):
        raise MonthError(f"考核细则自 {month_of(first)} 起施行，没有更早的考核表")
    if text > month_of(now):
        raise MonthError(f"{text} 还没有到，最近一个月是 {month_of(now)}")
    return text


def check_form(text: str) -> str:
    """Return `text` if it is a month. MonthFormError if it is not."""
    if not _FORM.fullmatch(text):
        raise MonthFormError("月份应写成 2019-04 这样的形式")
    return text


def is_over(month: str, now: datetime) -> bool:
    """Say whether a month is over, so that it can be frozen."""
    return month < month_of(now)


def check_freezable(month: str, *, now: datetime) -> None:
    """MonthError unless `month` is over."""
    if not is_over(month, now):
        raise MonthError(f"{month} 还没有结束，结束以后才能冻结")


def open_month(month: str, frozen: Collection[str]) -> str:
    """Return where an entry of `month` goes: there, or if that month is frozen, to the next open one.

    Rulebook C0: an entry belongs to the month of its evidence; if frozen, to the next open one.
    """
    while month in frozen:
        month = _next(month)
    return month


def end_of(month: str) -> datetime:
    """Return the last second of a month."""
    year, number = map(int, _next(month).split("-"))
    return datetime(year, number, 1, tzinfo=SHANGHAI) - timedelta(seconds=1)


def beginning(books: Mapping[int, RuleBook]) -> datetime:
    """Return when the first of these rule books came into force."""
    return min(book.in_force_from for book in books.values())


def books_in_force(month: str, books: Mapping[int, RuleBook]) -> list[RuleBook]:
    """Return the rule books in force in `month`, the newest version, which rules it, first."""
    in_force = [book for book in books.values() if month_of(book.in_force_from) <= month]
    return sorted(in_force, key=lambda book: book.version, reverse=True)


def _next(month: str) -> str:
    year, number = map(int, month.split("-"))
    return f"{year + 1:04d}-01" if number == _DECEMBER else f"{year:04d}-{number + 1:02d}"
