"""From envelopes to effects: inbox, prerequisites, handlers, all in the caller's one transaction.

A service declares a `Subscription` per topic. Subscriptions are taken in their declared order, so that
content comes before the event that needs it, and a complaint before what happened to it, also when one batch
brings both.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from shared import inbox, state
from shared.contracts.envelope import Event, Received
from shared.contracts.registry import EVENT_TYPES
from shared.contracts.topics import TopicKind, kind_of
from shared.wire import Envelope, decode, received

__all__ = ["Apply", "Subscription", "Unmet", "state_subscription", "take"]

Apply = Callable[[AsyncSession, Sequence[Received[Any]]], Awaitable[None]]
"""Applies events (per key in order) to tables and outbox. Raises Poison for an impossible one."""

Unmet = Callable[[AsyncSession, Sequence[Received[Any]]], Awaitable[Collection[str]]]
"""Answers the keys whose prerequisite is not here yet; their events wait."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a service does with one topic. Types that are not in `handles` only advance the inbox."""

    topic: str
    handles: frozenset[type[Event]]
    apply: Apply
    unmet: Unmet | None = None

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
    follow: Collection[str] = (),
) -> None:
    """Apply envelopes and what waits under the keys in `follow`; keep what must wait.

    Poison if a record whose turn has come cannot be processed.
    """
    by_topic: dict[str, list[Envelope]] = {}
    for envelope in (*envelopes, *await inbox.load_pending(session, follow)):
        by_topic.setdefault(envelope.topic, []).append(envelope)
    for subscription in subscriptions:
        items = by_topic.get(subscription.topic)
        if items is None:
            continue
        if subscription.kind is TopicKind.EVENT:
            await _take_events(session, subscription, items)
        else:
            await _take_latest(session, subscription, items)


async def _take_events(session: AsyncSession, subscription: Subscription, items: Sequence[Envelope]) -> None:
    locked = await inbox.lock(session, subscription.topic, _reached(items))
    admission = inbox.walk(items, locked.last)
    events = [(one, _open(subscription, one)) for one in admission.fresh]
    held: Collection[str] = ()
    if subscription.unmet is not None and events:
        held = await subscription.unmet(session, [event for _, event in events])
    taken = [(one, event) for one, event in events if one.key not in held]
    await _apply(session, subscription, [event for _, event in taken])
    await inbox.advance(session, subscription.topic, locked, _reached(one for one, _ in taken))
    waiting = [*admission.waiting, *(one for one, _ in events if one.key in held)]
    await inbox.pend(session, [one for one in waiting if not one.pending])
    done = [*(one for one, _ in taken), *admission.duplicates]
    await inbox.unpend(session, _no_longer_waiting(done, waiting))


async def _take_latest(session: AsyncSession, subscription: Subscription, items: Sequence[Envelope]) -> None:
    locked = await inbox.lock(session, subscription.topic, _reached(items))
    newest: dict[str, Envelope] = {}
    for one in items:
        if one.seq > locked.last[one.key] and (one.key not in newest or one.seq > newest[one.key].seq):
            newest[one.key] = one
    await _apply(session, subscription, [_open(subscription, one) for one in newest.values()])
    await inbox.advance(session, subscription.topic, locked, _reached(newest.values()))
    await inbox.unpend(session, [one for one in items if one.pending])


def _open(subscription: Subscription, envelope: Envelope) -> Received[Any]:
    kind = None if envelope.discarded else EVENT_TYPES[envelope.type]
    if kind is None or kind not in subscription.handles:
        return received(envelope, None)
    return decode(envelope, kind)


async def _apply(session: AsyncSession, subscription: Subscription, events: Sequence[Received[Any]]) -> None:
    used = [event for event in events if event.data is not None]
    if used:
        await subscription.apply(session, used)


def _reached(envelopes: Iterable[Envelope]) -> Mapping[str, int]:
    reached: dict[str, int] = {}
    for one in envelopes:
        reached[one.key] = max(one.seq, reached.get(one.key, 0))
    return reached


def _no_longer_waiting(done: Sequence[Envelope], waiting: Sequence[Envelope]) -> list[Envelope]:
    """The pending rows among `done`: a duplicate of something that still waits keeps its row."""
    still = {(one.topic, one.key, one.seq) for one in waiting}
    return [one for one in done if one.pending and (one.topic, one.key, one.seq) not in still]
