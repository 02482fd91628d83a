"""The life of a delivery: claimed, sent outside any transaction, then marked with what became of it."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.notify import store
from services.notify.domain import (
    Next,
    Occasion,
    Outcome,
    RetryPolicy,
    State,
    after_attempt,
    after_crash,
    may_be_asked_for,
)
from services.notify.store import Pending
from services.notify.wording import CHANNEL_REMOVED, RETRY_REFUSALS, AlertText, Due, alert_text
from shared import outbox, state
from shared.clock import Clock
from shared.contracts.dispatch import UnitState
from shared.contracts.notify import AlertSettled, DeliveryState
from shared.contracts.notify import Occasion as AlertOccasion
from shared.logs import get_logger
from shared.problems import Problem

__all__ = ["Claim", "Job", "claim", "settle", "try_again"]

_log = get_logger(__name__)

INTERRUPTED = "发送中途中断，结果不明"
_SETTLED = frozenset({State.SENT, State.FAILED, State.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Job:
    """A delivery under way: what to send and where. `url` is None where the channel was removed."""

    delivery_id: UUID
    channel_id: UUID
    complaint_id: UUID
    occasion: str
    recipient: str
    event_id: UUID
    attempt: int
    resent: bool
    url: str | None
    text: AlertText


@dataclass(frozen=True, slots=True)
class Claim:
    """Something was due. `job` is None where there is nothing to send: it was found interrupted."""

    job: Job | None


async def claim(
    session: AsyncSession, *, sender: str, lease: timedelta, public_url: str, clock: Clock
) -> Claim | None:
    """Take the delivery that has been due longest, as `sender`, for `lease`; None if none is due.

    One found still being sent past its lease was interrupted: its result is unknown.
    """
    delivery_id = await store.lock_free_channel(session, lease)
    if delivery_id is None:
        return None
    pending = await store.find_pending(session, delivery_id)
    if pending is None:
        return Claim(None)
    if pending.delivery.state != State.SENDING:
        return Claim(await _begin(session, pending, sender, lease, public_url))
    resent = pending.delivery.resent
    job = _job(pending, pending.delivery.attempt, AlertText("", ""), resent=resent)
    await _settle_as(session, job, after_crash(resent=resent), INTERRUPTED, clock.now())
    await store.free_channel(session, job.channel_id, timedelta(0))
    return Claim(None)


async def settle(
    session: AsyncSession,
    job: Job,
    outcome: Outcome,
    reason: str | None,
    *,
    policy: RetryPolicy,
    pace: timedelta,
    clock: Clock,
) -> State | None:
    """Mark what became of an attempt; None if the lease ran out and another has looked since."""
    following = after_attempt(
        outcome,
        attempt=job.attempt,
        resent=job.resent,
        policy=policy,
        jitter=random.random(),  # noqa: S311 - jitter
    )
    if job.url is None:
        following = Next(State.FAILED)
    await store.lock_channel(session, job.channel_id)
    if not await _settle_as(session, job, following, reason, clock.now()):
        return None
    await store.free_channel(session, job.channel_id, pace)
    return following.state


async def try_again(session: AsyncSession, delivery_id: UUID, *, by: UUID) -> None:
    """Send a delivery that was given up once more, because a person asked. Problem if it was not given up."""
    found = await store.find_delivery(session, delivery_id)
    if found is None:
        raise Problem(404, "没有这条发送记录")
    delivery, channel = found
    stands = State(delivery.state)
    if not may_be_asked_for(stands, over=delivery.next_at is None):
        raise Problem(409, RETRY_REFUSALS[stands])
    if channel.url is None:
        raise Problem(409, f"{CHANNEL_REMOVED}，不能重发")
    values = {"state": State.CLAIMED.value, "attempt": 0, "settled_at": None}
    await store.update_delivery(session, delivery_id, wait=timedelta(0), values=values)
    _log.info("alert_retry_asked", delivery_id=str(delivery_id), state=delivery.state, by=str(by))


async def _begin(
    session: AsyncSession, pending: Pending, sender: str, lease: timedelta, public_url: str
) -> Job:
    delivery = pending.delivery
    resent = delivery.resent or delivery.state == State.UNKNOWN
    unit = await state.find(session, UnitState, f"unit:{pending.alert.unit}")
    text = _text(pending, unit.name if unit else pending.alert.unit, public_url, resent=resent)
    attempt = delivery.attempt + 1
    values = {"state": State.SENDING.value, "attempt": attempt, "resent": resent, "sender": sender}
    await store.update_delivery(session, delivery.delivery_id, wait=lease, values=values)
    return _job(pending, attempt, text, resent=resent)


async def _settle_as(
    session: AsyncSession, job: Job, following: Next, reason: str | None, now: datetime
) -> bool:
    over = following.wait is None
    values = {"state": following.state.value, "reason": reason, "settled_at": now if over else None}
    changed = await store.update_delivery(
        session, job.delivery_id, wait=following.wait, values=values, attempt=job.attempt
    )
    if changed and following.state in _SETTLED:
        await _publish(session, job, following.state, now)
    return changed


async def _publish(session: AsyncSession, job: Job, reached: State, now: datetime) -> None:
    event = AlertSettled(
        complaint_id=job.complaint_id,
        delivery_id=job.delivery_id,
        occasion=AlertOccasion(job.occasion),
        recipient=job.recipient,
        state=DeliveryState(reached.value),
        attempt=job.attempt,
        settled_at=now,
    )
    seq = await store.next_alert_seq(session, job.complaint_id)
    await outbox.add(
        session,
        outbox.Outgoing(event, seq=seq, occurred_at=now, source="notify", causation=job.event_id),
    )


def _job(pending: Pending, attempt: int, text: AlertText, *, resent: bool) -> Job:
    return Job(
        delivery_id=pending.delivery.delivery_id,
        channel_id=pending.channel.channel_id,
        complaint_id=pending.alert.complaint_id,
        occasion=pending.alert.occasion,
        recipient=pending.alert.recipient,
        event_id=pending.alert.event_id,
        attempt=attempt,
        resent=resent,
        url=pending.channel.url,
        text=text,
    )


def _text(pending: Pending, unit_name: str, public_url: str, *, resent: bool) -> AlertText:
    alert = pending.alert
    return alert_text(
        Occasion(alert.occasion),
        number=pending.number,
        unit_name=unit_name,
        urgency=alert.urgency,
        clocks=[Due(one["kind"], datetime.fromisoformat(one["due_at"])) for one in alert.clocks],
        occurred_at=alert.occurred_at,
        url=f"{public_url}/dispatch/cases/{alert.complaint_id}",
        resent=resent,
    )
