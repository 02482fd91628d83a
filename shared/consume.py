"""From envelopes to effects: inbox, prerequisites, handlers, all in the caller's one transaction.

A service declares a `Subscription` per topic. Subscriptions are taken in their declared order, so that
content comes before the event that needs it, and a complaint before what happened to it, also when one batch
brings both.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from shared import inbox, state
from shared.contracts.envelope import Event, Received
from shared.contracts.registry import EVENT_TYPES
from shared.contracts.topics import TopicKind, kind_of
from shared.wire import Envelope, decode, received

__all__ = ["Apply", "Subscription", "state_subscription", "take"]

Apply = Callable[[AsyncSession, Sequence[Received[Any]]], Awaitable[Collection[str] | None]]
"""Applies events (per key in order) to tables and outbox. Raises Poison for an impossible one.

Of an event topic it returns the keys whose prerequisite is not here yet, whose events it has left alone: they
wait.
"""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a service does with one topic. Types that are not in `handles` only advance the inbox."""

    topic: str
    handles: frozenset[type[Event]]
    apply: Apply

    @property
    def kind(self) -> TopicKind:
        """The kind of the topic, which decides how numbers are read."""
        return kind_of(self.topic)


def state_subscription(topic: str) -> Subscription:
    """Keeps every entity of a state topic in `state_entries`."""
    kinds = frozenset(kind for kind in EVENT_TYPES.values() if kind.topic == topic)
    return Subscription(topic, kinds, state.apply)


async def take(
    session: AsyncSession,
    subscriptions: Sequence[Subscription],
    envelopes: Sequence[Envelope],
    *,
    follow: AbstractSet[str] = frozenset(),
) -> None:
    """Apply envelopes and what waits under the keys in `follow`; keep what must wait.

    Poison if a record whose turn has come cannot be processed.
    """
    topics = {one.topic for one in subscriptions}
    locked = inbox.Locked()
    await locked.lock(session, _reached(one for one in envelopes if one.topic in topics), follow, topics)
    pending: Sequence[Envelope] = ()
    if awaited := locked.awaited & follow:
        pending = await inbox.load_pending(session, awaited)
        await locked.lock(session, _reached(one for one in pending if one.topic in topics))
    by_topic: dict[str, list[Envelope]] = {}
    for envelope in (*envelopes, *pending):
        by_topic.setdefault(envelope.topic, []).append(envelope)
    reached: dict[inbox.Place, int] = {}
    for subscription in subscriptions:
        items = by_topic.get(subscription.topic)
        if items is None:
            continue
        take_all = _take_events if subscription.kind is TopicKind.EVENT else _take_latest
        applied = await take_all(session, subscription, items, locked.of_topic(subscription.topic))
        reached |= _reached(applied)
    await locked.advance(session, reached)


async def _take_events(
    session: AsyncSession, subscription: Subscription, items: Sequence[Envelope], last: Mapping[str, int]
) -> Sequence[Envelope]:
    admission = inbox.walk(items, last)
    events = [(one, _open(subscription, one)) for one in admission.fresh]
    held = await _apply(session, subscription, [event for _, event in events])
    taken = [one for one, _ in events if one.key not in held]
    waiting = [*admission.waiting, *(one for one, _ in events if one.key in held)]
    await inbox.pend(session, [one for one in waiting if not one.pending])
    await inbox.unpend(session, _no_longer_waiting([*taken, *admission.duplicates], waiting))
    return taken


async def _take_latest(
    session: AsyncSession, subscription: Subscription, items: Sequence[Envelope], last: Mapping[str, int]
) -> Sequence[Envelope]:
    newest: dict[str, Envelope] = {}
    for one in items:
        if one.seq > last[one.key] and (one.key not in newest or one.seq > newest[one.key].seq):
            newest[one.key] = one
    await _apply(session, subscription, [_open(subscription, one) for one in newest.values()])
    await inbox.unpend(session, [one for one in items if one.pending])
    return tuple(newest.values())


def _open(subscription: Subscription, envelope: Envelope) -> Received[Any]:
    kind = None if envelope.discarded else EVENT_TYPES[envelope.type]
    if kind is None or kind not in subscription.handles:
        return received(envelope, None)
    return decode(envelope, kind)


async def _apply(
    session: AsyncSession, subscription: Subscription, events: Sequence[Received[Any]]
) -> Collection[str]:
    """Apply what the service uses; return the keys whose events must wait."""
    used = [event for event in events if event.data is not None]
    return (await subscription.apply(session, used) if used else None) or ()


def _reached(envelopes: Iterable[Envelope]) -> dict[inbox.Place, int]:
    reached: dict[inbox.Place, int] = {}
    for one in envelopes:
        place = one.topic, one.key
        reached[place] = max(one.seq, reached.get(place, 0))
    return reached


def _no_longer_waiting(done: Sequence[Envelope], waiting: Sequence[Envelope]) -> list[Envelope]:
    """The pending rows among `done`: a duplicate of something that still waits keeps its row."""
    still = {(one.topic, one.key, one.seq) for one in waiting}
    return [one for one in done if one.pending and (one.topic, one.key, one.seq) not in still]
