"""Identifiers made in Python, so that PostgreSQL 17 and 18 behave alike."""

import random
import time
from uuid import UUID

__all__ = ["uuid7"]


def uuid7() -> UUID:
    """Return a UUID version 7 (RFC 9562): Unix milliseconds, 12 bits of their fraction, then random bits.

    Ids made one after another in a process sort in that order. They are names, not secrets.
    """
    milliseconds, within = divmod(time.time_ns(), 1_000_000)
    fraction = within * 4096 // 1_000_000
    rest = random.getrandbits(62)  # seeded anew in every process, forked ones too
    return UUID(int=(milliseconds << 80) | (0x7 << 76) | (fraction << 64) | (0x2 << 62) | rest)
