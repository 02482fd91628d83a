"""Events that assessment publishes: ledger entries, of cases and of whole months, and the rule book."""

from typing import Any, ClassVar

from shared.contracts.envelope import Event, Id, Instant

__all__ = ["LedgerEntryPosted", "MonthEntryPosted", "RuleBookState"]


class LedgerEntryPosted(Event):
    """One entry of the append-only ledger. Negative fen are a deduction from the unit's pool.

    `month` is the statement it is booked in; `frozen_month` the one it belongs to, where that was frozen.
    """

    type: ClassVar[str] = "assessment.entry_posted.v1"
    topic: ClassVar[str] = "assessment.events"

    complaint_id: Id
    entry_id: Id
    unit: str
    clause: str
    occurrence: str
    amount_fen: int
    month: str
    rule_book_version: int
    reverses: Id | None = None
    frozen_month: str | None = None

    @property
    def key(self) -> str:
        """The complaint."""
        return str(self.complaint_id)


class MonthEntryPosted(Event):
    """One entry of the ledger that concerns a unit's month as a whole, such as the credit of its cap.

    Negative fen are a deduction from the unit's pool.
    """

    type: ClassVar[str] = "assessment.month_entry_posted.v1"
    topic: ClassVar[str] = "assessment.events"

    entry_id: Id
    unit: str
    month: str
    clause: str
    occurrence: str
    amount_fen: int
    rule_book_version: int
    reverses: Id | None = None

    @property
    def key(self) -> str:
        """`<unit>:<month>`."""
        return f"{self.unit}:{self.month}"


class RuleBookState(Event):
    """One version of the rule book, whole: categories, time standards and clauses."""

    type: ClassVar[str] = "rulebook.version.v1"
    topic: ClassVar[str] = "rulebook.state"

    version: int
    in_force_from: Instant
    body: dict[str, Any]

    @property
    def key(self) -> str:
        """`rulebook:<version>`."""
        return f"rulebook:{self.version}"
