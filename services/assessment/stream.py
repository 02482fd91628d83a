"""Which event type calls which use case, in the order they must be taken."""

from functools import partial

from services.assessment.usecases.books import Books
from services.assessment.usecases.follow import FOLLOWED, add_cases, apply_assignment_events
from shared.clock import Clock
from shared.consume import Subscription
from shared.contracts.intake import ComplaintRegistered

__all__ = ["STATE_TOPICS", "build_router"]

STATE_TOPICS = ("directory.state",)


def build_router(clock: Clock, books: Books) -> tuple[Subscription, ...]:
    """Return assessment's subscriptions: a complaint before what happened to it."""
    return (
        Subscription("complaint.events", frozenset({ComplaintRegistered}), add_cases),
        Subscription(
            "assignment.events",
            FOLLOWED,
            partial(apply_assignment_events, books=books, clock=clock),
        ),
    )
