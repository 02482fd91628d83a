"""Events that notify publishes."""

from enum import StrEnum
from typing import ClassVar

from shared.contracts.envelope import Event, Id, Instant

__all__ = ["AlertSettled", "DeliveryState", "Occasion"]


class Occasion(StrEnum):
    """What an alert tells its recipient."""

    ASSIGNED = "assigned"
    DEADLINE_MISSED = "deadline_missed"
    ANSWERED = "answered"


class DeliveryState(StrEnum):
    """Where a delivery stands; `unknown` is a crash between sending and marking."""

    CLAIMED = "claimed"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"


class AlertSettled(Event):
    """An attempt to deliver an alert ended as sent, failed or unknown. Names no address."""

    type: ClassVar[str] = "alert.settled.v1"
    topic: ClassVar[str] = "alert.events"

    complaint_id: Id
    delivery_id: Id
    occasion: Occasion
    recipient: str
    state: DeliveryState
    attempt: int
    settled_at: Instant

    @property
    def key(self) -> str:
        """The complaint."""
        return str(self.complaint_id)
