"""Months of statements: Asia/Shanghai, written like 2019-04."""

import re
from datetime import datetime

from services.assessment.domain.wording import month_of

__all__ = ["MonthError", "MonthFormError", "check_month"]

_FORM = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


class MonthError(ValueError):
    """There is no statement for what was asked; the message, in Chinese, says why."""


class MonthFormError(MonthError):
    """What was asked is no month at all."""


def check_month(text: str, *, first: datetime, now: datetime) -> str:
    """Return `text` if it is a month from that of `first` (the first rule book) to that of `now`.

    MonthError if there is no statement for it.
    """
    if not _FORM.fullmatch(text):
        raise MonthFormError("月份应写成 2019-04 这样的形式")
    if text < month_of(first):
        raise MonthError(f"考核细则自 {month_of(first)} 起施行，没有更早的考核表")
    if text > month_of(now):
        raise MonthError(f"{text} 还没有到，最近一个月是 {month_of(now)}")
    return text
