"""Registering as a command: drafts in, replies out, one transaction for a batch of them."""

import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import msgspec

from services.intake.domain.complaints import Complaint, new_token
from services.intake.domain.numbers import format_number
from services.intake.domain.reports import Report
from services.intake.store.registering import Claim, draw_serials, get_replies
from services.intake.usecases.recording import record
from shared.contracts.envelope import Origin
from shared.contracts.intake import Channel
from shared.database import Fetcher
from shared.ids import uuid7

__all__ = ["Draft", "KeyReusedError", "Outcome", "Reply", "Serials", "register_all"]

_DRAWN_AHEAD = 50


class KeyReusedError(Exception):
    """The idempotency key was used before, for something else."""


Outcome = bytes | KeyReusedError
"""What became of a draft: the reply, or why there is none."""


class Reply(msgspec.Struct, frozen=True):
    """What is answered to a registration; the bytes of its JSON are kept with the key."""

    complaint_id: UUID
    number: str
    tracking_url: str
    registered_at: datetime


@dataclass(slots=True)
class Draft:
    """A report on its way to a complaint. Its identity is fixed, so that an attempt may be repeated."""

    report: Report
    channel: Channel
    registered_at: datetime
    actor: str
    key: str | None = None
    id: UUID = field(default_factory=uuid7)
    token: str = field(default_factory=new_token)
    number: str = ""
    fingerprint: str = ""
    """Tells another report under the same key from the same one sent again."""

    def __post_init__(self) -> None:
        if self.key is not None:
            said = msgspec.json.encode((self.channel, self.report._asdict()))
            self.fingerprint = hashlib.sha256(said).hexdigest()

    def complaint(self) -> Complaint:
        """The complaint this draft becomes."""
        return Complaint(
            id=self.id,
            number=self.number,
            token=self.token,
            registered_at=self.registered_at,
            channel=self.channel,
            origin=Origin.LIVE,
            actor=self.actor,
            report=self.report,
        )

    def reply(self, public_url: str) -> bytes:
        """The answer to whoever gave the report."""
        link = f"{public_url}/track/{self.token}"
        return msgspec.json.encode(Reply(self.id, self.number, link, self.registered_at))


class Serials:
    """Serials of one process, drawn ahead, so that few batches need a round trip for theirs.

    What is left at the end of the process is skipped; replicas give theirs out side by side.
    """

    def __init__(self) -> None:
        self._stock: deque[int] = deque()

    async def take(self, writer: Fetcher, count: int) -> list[int]:
        """Take `count` serials, of which nobody else ever gets one."""
        if len(self._stock) < count:
            drawn = await draw_serials(writer, count + _DRAWN_AHEAD)
            self._stock.extend(drawn)  # enough also where another batch helped itself meanwhile
        return [self._stock.popleft() for _ in range(count)]


async def register_all(
    writer: Fetcher, drafts: Sequence[Draft], public_url: str, serials: Serials
) -> list[Outcome]:
    """Register drafts, all in one statement; return the reply to each, in their order.

    Of drafts with the same key and report one is registered, and all get its reply, now or years later; with
    the same key and another report, KeyReusedError is that draft's outcome.
    """
    await _number(writer, drafts, serials)
    replies = {draft.id: draft.reply(public_url) for draft in drafts}
    first = {draft.key: draft for draft in reversed(drafts) if draft.key is not None}
    claims = {one.id: Claim(key, one.fingerprint, replies[one.id].decode()) for key, one in first.items()}
    answers = {one.key: (one.body_hash, one.reply) for one in claims.values()}
    own = [one for one in drafts if one.key is None or first[one.key] is one]
    added = await record(writer, [one.complaint() for one in own], claims)
    if known := [one.key for one in first.values() if one.id not in added and one.key is not None]:
        stored = await get_replies(writer, known)
        answers |= {key: (one.body_hash, one.reply) for key, one in stored.items()}
    return [replies[one.id] if one.key is None else _answer(one, *answers[one.key]) for one in drafts]


async def _number(writer: Fetcher, drafts: Sequence[Draft], serials: Serials) -> None:
    nameless = [draft for draft in drafts if not draft.number]
    if nameless:
        taken = await serials.take(writer, len(nameless))
        for draft, serial in zip(nameless, taken, strict=True):
            draft.number = format_number(draft.registered_at, serial)


def _answer(draft: Draft, body_hash: str, reply: str) -> bytes | KeyReusedError:
    return reply.encode() if draft.fingerprint == body_hash else KeyReusedError()
