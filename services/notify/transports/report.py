"""What is sent, and what became of it."""

from dataclasses import dataclass

from services.notify.domain import Outcome

__all__ = ["Message", "Report"]


@dataclass(frozen=True, slots=True)
class Message:
    """A message; `key` stays the same however often it is sent, so that a receiver can tell."""

    key: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Report:
    """How an attempt ended, with a reason in Chinese that shows no address and no secret."""

    outcome: Outcome
    reason: str | None = None
