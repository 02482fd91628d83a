"""A complaint at the moment it is registered."""

import secrets
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.intake.domain.reports import Report

__all__ = ["Complaint", "new_token"]

_TOKEN_BYTES = 16


class Complaint(NamedTuple):
    """A report with its identity. `channel` and `origin` are codes of the event contract.

    `source` and `external_id` name an imported complaint in the system it came from. `token` opens its
    tracking page to whoever has the link. `actor` is who registered it, for the audit trail.
    """

    id: UUID
    number: str
    token: str
    registered_at: datetime
    channel: str
    origin: str
    actor: str
    report: Report
    source: str | None = None
    external_id: str | None = None


def new_token() -> str:
    """Return a fresh secret of 128 random bits, fit for a URL."""
    return secrets.token_urlsafe(_TOKEN_BYTES)
