"""Which event type calls which use case, in the order they must be taken."""

from functools import partial

from services.dispatch.usecases.assign import assign, keep_contents
from services.dispatch.usecases.reference import Knowledge
from shared.clock import Clock
from shared.consume import Subscription
from shared.contracts.intake import ComplaintContent, ComplaintRegistered

__all__ = ["build_router"]


def build_router(clock: Clock, knowledge: Knowledge) -> tuple[Subscription, ...]:
    """Return dispatch's subscriptions: content before the events that need it."""
    return (
        Subscription("complaint.content", frozenset({ComplaintContent}), keep_contents),
        Subscription(
            "complaint.events",
            frozenset({ComplaintRegistered}),
            partial(assign, knowledge=knowledge, clock=clock),
        ),
    )
