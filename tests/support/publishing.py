"""Events as their owners would publish them, so that one service can be tested without the others."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from aiokafka import AIOKafkaProducer
from joserfc.jwk import OKPKey

from shared.auth import mint
from shared.clock import SystemClock
from shared.contracts.dispatch import PersonState, Role, SigningKeyState, UnitState
from shared.contracts.envelope import Event, Origin, headers_of
from shared.ids import uuid7
from tests.support.shipped import raw_directory

__all__ = ["Published", "Publisher", "SignIns", "publishing", "units"]


@dataclass(frozen=True)
class Published:
    """One record as it lies in Kafka; sending it again is a duplicate."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    event_id: UUID


def units() -> list[UnitState]:
    """The nine units of the shipped directory."""
    return [UnitState(**row, position=place) for place, row in enumerate(raw_directory()["units"])]


@dataclass
class Publisher:
    """Numbers and sends events. `event()` only makes a record, for a test that permutes or repeats."""

    producer: AIOKafkaProducer
    prefix: str
    numbers: Counter[tuple[str, str]] = field(default_factory=Counter)

    def event(
        self, event: Event, *, occurred_at: datetime | None = None, origin: Origin = Origin.LIVE
    ) -> Published:
        """The record of an event, with the next number of its key."""
        self.numbers[event.topic, event.key] += 1
        event_id = uuid7()
        made = headers_of(
            event,
            event_id=event_id,
            source="test",
            occurred_at=occurred_at or datetime.now(UTC),  # noqa: TID251 - an event of now
            seq=self.numbers[event.topic, event.key],
            origin=origin,
            causation=None,
        )
        headers = [(name, value.encode()) for name, value in made.items()]
        return Published(event.topic, event.key.encode(), event.to_json(), headers, event_id)

    async def send(self, records: Iterable[Published]) -> None:
        """Send records in this order and wait until Kafka has them."""
        for one in records:
            await self.producer.send(
                self.prefix + one.topic, value=one.value, key=one.key, headers=one.headers
            )
        await self.producer.flush()

    async def publish(self, *events: Event, **how: Any) -> list[Published]:
        """Make and send events."""
        records = [self.event(one, **how) for one in events]
        await self.send(records)
        return records

    async def directory(self) -> "SignIns":
        """Publish the units, a signing key, and a person per role and unit asked for later."""
        await self.publish(*units())
        key = OKPKey.generate_key("Ed25519", {"kid": f"k{uuid4().hex[:8]}"})
        public = {name: str(value) for name, value in key.as_dict(private=False).items()}
        await self.publish(SigningKeyState(kid=str(key.kid), public_jwk=public))
        return SignIns(self, key)


@dataclass
class SignIns:
    """Makes persons and their tokens."""

    publisher: Publisher
    key: OKPKey

    async def token(self, role: Role, unit: str | None = None) -> str:
        """A token of a new person; services know the person once they have read the directory."""
        now = SystemClock().now()
        person = PersonState(person_id=uuid4(), name="测试", role=role, unit=unit, valid_from=now)
        await self.publisher.publish(person)
        return mint(self.key, person.person_id, token_id=str(uuid4()), now=now)


@asynccontextmanager
async def publishing(bootstrap: str, prefix: str) -> AsyncIterator[Publisher]:
    """A publisher for the topics under `prefix`."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True) as producer:
        yield Publisher(producer, prefix)
