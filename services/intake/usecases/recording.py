"""The one way a complaint comes into being: its rows, its audit entry and its two events, together."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.intake.domain.complaints import Complaint
from services.intake.store.registering import Claims, add_complaints, add_imported_complaints
from shared.contracts.envelope import Origin
from shared.contracts.intake import Channel, ComplaintContent, ComplaintRegistered, Urgency
from shared.database import Fetcher
from shared.outbox import Outgoing, row_of

__all__ = ["SOURCE", "record", "record_imported"]

SOURCE = "intake"


async def record(writer: Fetcher, complaints: Sequence[Complaint], claims: Claims) -> set[UUID]:
    """Add complaints and publish them; return the ids of those that were added. Repeatable.

    One whose idempotency key is claimed already is not: what was answered to the key holds.
    """
    return await add_complaints(writer, complaints, _rows(complaints), claims)


async def record_imported(writer: Fetcher, complaints: Sequence[Complaint]) -> set[UUID]:
    """Add imported complaints and publish them; return the ids of those that were not here yet."""
    return await add_imported_complaints(writer, complaints, _rows(complaints))


def _rows(complaints: Sequence[Complaint]) -> list[dict[str, Any]]:
    return [row_of(event) for complaint in complaints for event in _events(complaint)]


def _events(complaint: Complaint) -> tuple[Outgoing, Outgoing]:
    """The content, then the fact that needs it; both are the first of their kind."""
    report, at, origin = complaint.report, complaint.registered_at, Origin(complaint.origin)
    content = ComplaintContent(
        complaint_id=complaint.id,
        subject=report.subject,
        text=report.text,
        location=report.location,
        complainant_name=report.name,
        complainant_phone=report.phone,
    )
    registered = ComplaintRegistered(
        complaint_id=complaint.id,
        number=complaint.number,
        channel=Channel(complaint.channel),
        category=report.category,
        urgency=Urgency(report.urgency) if report.urgency else None,
        registered_at=at,
        source=complaint.source,
        external_id=complaint.external_id,
    )
    return (
        Outgoing(content, seq=1, occurred_at=at, source=SOURCE, origin=origin),
        Outgoing(registered, seq=1, occurred_at=at, source=SOURCE, origin=origin),
    )
