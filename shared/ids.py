"""Identifiers made in Python, so that PostgreSQL 17 and 18 behave alike.

They are of the database driver's own UUID class, as are those it reads: a `uuid.UUID` in every respect, made
and written out in a tenth of the time.
"""

import hashlib
import random
import time
from collections.abc import Callable
from uuid import UUID

from asyncpg.pgproto import pgproto

__all__ = ["read_uuid", "uuid5", "uuid7"]

_make: Callable[[bytes | str], UUID] = pgproto.UUID


def uuid7() -> UUID:
    """Return a UUID version 7 (RFC 9562): Unix milliseconds, 12 bits of their fraction, then random bits.

    Ids made one after another in a process sort in that order. They are names, not secrets.
    """
    milliseconds, within = divmod(time.time_ns(), 1_000_000)
    fraction = within * 4096 // 1_000_000
    rest = random.getrandbits(62)  # seeded anew in every process, forked ones too
    number = (milliseconds << 80) | (0x7 << 76) | (fraction << 64) | (0x2 << 62) | rest
    return _make(number.to_bytes(16))


def uuid5(namespace: UUID, name: str) -> UUID:
    """Return the UUID version 5 (RFC 9562) of a name: the same as `uuid.uuid5`, wherever it is computed."""
    digest = hashlib.sha1(namespace.bytes + name.encode(), usedforsecurity=False).digest()
    marked = bytes((digest[6] & 0x0F | 0x50, digest[7], digest[8] & 0x3F | 0x80))
    return _make(digest[:6] + marked + digest[9:16])


def read_uuid(text: str) -> UUID:
    """Return the UUID that `text` spells. ValueError where it spells none."""
    return _make(text)
