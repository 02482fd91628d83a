"""Which event type calls which use case, in the order they must be taken."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.notify.usecases import alerts
from shared.clock import Clock
from shared.consume import Subscription
from shared.contracts.dispatch import Assigned, AssignmentAnswered, DeadlineMissed
from shared.contracts.envelope import Received
from shared.contracts.intake import ComplaintRegistered

__all__ = ["build_router"]


def build_router(clock: Clock) -> tuple[Subscription, ...]:
    """Return notify's subscriptions: a complaint's number before what happened to it."""

    async def on_assignment(session: AsyncSession, events: Sequence[Received[Any]]) -> Collection[str]:
        return await alerts.raise_alerts(session, events, clock)

    return (
        Subscription("complaint.events", frozenset({ComplaintRegistered}), alerts.record_complaints),
        Subscription(
            "assignment.events",
            frozenset({Assigned, DeadlineMissed, AssignmentAnswered}),
            on_assignment,
        ),
    )
