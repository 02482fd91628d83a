"""Events that intake publishes."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

from shared.contracts.envelope import Event, Id, Instant

__all__ = ["TIMED_FROM", "Channel", "ComplaintContent", "ComplaintRegistered", "Urgency"]

TIMED_FROM: Final = datetime(2011, 1, 1, tzinfo=ZoneInfo("Asia/Shanghai"))
"""The first instant that can be timed: rule book and calendar begin. Nothing is imported from before it."""


class Channel(StrEnum):
    """The way a complaint reached the company."""

    WEB = "web"
    PHONE = "phone"
    API = "api"
    IMPORT = "import"


class Urgency(StrEnum):
    """P1 danger to people, P2 an outage or unusable supply, P3 the rest."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"


class ComplaintRegistered(Event):
    """A complaint was registered; `registered_at` starts its clocks.

    `category` is a code of the rule book, None where the complainant chose none. `source` and `external_id`
    name an imported complaint in the system it came from.
    """

    type: ClassVar[str] = "complaint.registered.v1"
    topic: ClassVar[str] = "complaint.events"

    complaint_id: Id
    number: str
    channel: Channel
    category: str | None = None
    urgency: Urgency | None = None
    registered_at: Instant
    source: str | None = None
    external_id: str | None = None

    @property
    def key(self) -> str:
        """The complaint."""
        return str(self.complaint_id)


class ComplaintContent(Event):
    """Full personal content of a complaint: what was said, where, by whom."""

    type: ClassVar[str] = "complaint.content.v1"
    topic: ClassVar[str] = "complaint.content"

    complaint_id: Id
    subject: str = ""
    text: str
    location: str = ""
    complainant_name: str = ""
    complainant_phone: str = ""

    @property
    def key(self) -> str:
        """The complaint."""
        return str(self.complaint_id)
