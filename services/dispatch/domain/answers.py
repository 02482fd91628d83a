"""Answers (答复): the text a complainant gets, and whether a recorded one fits its complaint."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Final

from services.dispatch.domain.cases import Case

__all__ = ["LONGEST_ANSWER", "Imported", "clean_text", "is_fit_name", "misfit", "text_problem"]

LONGEST_ANSWER: Final = 20_000
"""Characters of an answer."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class Imported(StrEnum):
    """Where an imported answer stands: without its complaint yet, applied, or refused."""

    WAITING = "waiting"
    APPLIED = "applied"
    REFUSED = "refused"


def clean_text(text: str) -> str:
    """Return a text without control characters and the blanks around it; its lines stay lines."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def is_fit_name(name: str) -> bool:
    """Whether another system's name can be kept once it is cleaned; one with a NUL is refused as it came."""
    return "\x00" not in name


def text_problem(text: str) -> str | None:
    """Return in Chinese what keeps a cleaned text from being an answer, None if nothing does."""
    if not text:
        return "请写答复内容"
    if len(text) > LONGEST_ANSWER:
        return f"答复太长，最多 {LONGEST_ANSWER} 个字"
    return None


def misfit(case: Case, answered_at: datetime) -> str | None:
    """Return in Chinese why a recorded answer does not fit its complaint, None if it does."""
    if case.live:
        return "这件反映由本系统办理，请在任务清单里答复"
    if case.answered_at is not None:
        return "这件反映已经有答复"
    if answered_at < case.registered_at:
        return "答复时间早于反映时间"
    return None
