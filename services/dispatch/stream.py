"""Which event type calls which use case, in the order they must be taken."""

from shared.clock import Clock
from shared.consume import Subscription

__all__ = ["build_router"]


def build_router(clock: Clock) -> tuple[Subscription, ...]:  # noqa: ARG001
    """Return dispatch's subscriptions: content before the events that need it."""
    return ()
