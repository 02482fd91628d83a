"""The rules of alerting: who is told what, and what becomes of a delivery.

Theory of operation. An alert is what must be told to one recipient; a delivery is that alert through one
channel. Nobody can send exactly once: between "the other side accepted it" and "we wrote that down" a process
may die. So a delivery is written down as `sending` before it is sent and as `sent` after. One found still
`sending` past its lease, or whose connection broke after the message had left, is `unknown`: it is shown so,
and sent once more, flagged. A refusal is certain, so it is tried again after a growing pause, and given up as
`failed` in the open. Where the service has given up, failed or unknown, a person may ask for another try.
Every move is in TRANSITIONS; there are no others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

__all__ = [
    "TRANSITIONS",
    "Next",
    "Occasion",
    "Outcome",
    "RetryPolicy",
    "State",
    "after_attempt",
    "after_crash",
    "may_be_asked_for",
    "recipients",
]


class Occasion(StrEnum):
    """What an alert tells its recipient."""

    ASSIGNED = "assigned"
    DEADLINE_MISSED = "deadline_missed"
    ANSWERED = "answered"


class State(StrEnum):
    """Where a delivery stands; `claimed` waits for its (next) attempt."""

    CLAIMED = "claimed"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"


TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.CLAIMED: frozenset({State.SENDING}),
    State.SENDING: frozenset({State.SENT, State.CLAIMED, State.FAILED, State.UNKNOWN}),
    State.UNKNOWN: frozenset({State.SENDING, State.CLAIMED}),  # once, flagged as resent; then as FAILED
    State.FAILED: frozenset({State.CLAIMED}),  # a person asked for another try
    State.SENT: frozenset(),
}


class Outcome(StrEnum):
    """How an attempt ended, as far as this side can tell."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # certainly not delivered
    LOST = "lost"  # it left, and no answer came back


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how far apart refused deliveries are tried."""

    attempts: int
    first: timedelta
    longest: timedelta

    def pause(self, attempt: int, jitter: float) -> timedelta:
        """Return the pause after the `attempt`-th attempt; `jitter` from 0 to 1 takes up to half of it."""
        full = min(self.first * (1 << min(attempt - 1, 30)), self.longest)
        return full * (1 - jitter / 2)


@dataclass(frozen=True, slots=True)
class Next:
    """The state a delivery takes, and how long until it is looked at again; never if `wait` is None."""

    state: State
    wait: timedelta | None = None


def after_attempt(
    outcome: Outcome, *, attempt: int, resent: bool, policy: RetryPolicy, jitter: float
) -> Next:
    """Return what follows the `attempt`-th attempt; `resent` if it was the flagged second sending."""
    match outcome:
        case Outcome.ACCEPTED:
            return Next(State.SENT)
        case Outcome.LOST:
            return after_crash(resent=resent)
        case Outcome.REFUSED if attempt >= policy.attempts:
            return Next(State.FAILED)
        case Outcome.REFUSED:
            return Next(State.CLAIMED, policy.pause(attempt, jitter))


def after_crash(*, resent: bool) -> Next:
    """Return what follows an attempt nobody knows the result of: one resend, not two."""
    return Next(State.UNKNOWN, None if resent else timedelta(0))


def may_be_asked_for(state: State, *, over: bool) -> bool:
    """Return whether a person may ask for another try; not before the service has ended its own (`over`)."""
    return over and state in {State.FAILED, State.UNKNOWN}


def recipients(occasion: Occasion, unit: str, office: str) -> tuple[str, ...]:
    """Return the unit codes to tell.

    A unit learns of its new cases and its missed deadlines; the office of missed deadlines and of answers,
    which it follows up. The answering unit is not told of its own answer. Nobody is told twice.
    """
    match occasion:
        case Occasion.ASSIGNED:
            return (unit,)
        case Occasion.DEADLINE_MISSED:
            return (unit,) if unit == office else (unit, office)
        case Occasion.ANSWERED:
            return (office,)
