"""Which topics intake takes in, in which order, and what happens with their events."""

from services.intake.usecases.follow import FOLLOWED, apply_answers, apply_assignment_events
from shared.consume import Subscription
from shared.contracts.dispatch import AnswerContent
from shared.contracts.topics import TOPICS

__all__ = ["STATE_TOPICS", "build_router"]

STATE_TOPICS = ("directory.state", "rulebook.state")


def build_router() -> tuple[Subscription, ...]:
    """Answers' texts first, then the events that need them."""
    return (
        Subscription(TOPICS["answer.content"].name, frozenset({AnswerContent}), apply_answers),
        Subscription(TOPICS["assignment.events"].name, FOLLOWED, apply_assignment_events),
    )
