"""Password hashes: Argon2id, off the event loop, a bounded number at a time."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from shared.problems import Problem

__all__ = ["Passwords"]

_MEMORY_KIB = 19 * 1024
_PASSES = 2
_AT_ONCE = 2
_MOST_WAITING = 100
_BUSY = "现在登录的人很多，请稍等几秒再试"


class Passwords:
    """Hashes and checks passwords, `_AT_ONCE` at a time, so that a flood of sign-ins stalls nothing else.

    At most `_MOST_WAITING` wait; Problem 503 beyond, for one more would only wait in vain.
    """

    def __init__(self) -> None:
        self._hashes = PasswordHash((Argon2Hasher(_PASSES, _MEMORY_KIB, 1),))
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """Return a hash to keep."""
        async with self._taking_turn():
            return await asyncio.to_thread(self._hashes.hash, password)

    async def check(self, password: str, kept: str | None) -> tuple[bool, str | None]:
        """Whether `password` is the one of hash `kept`, and a stronger hash to keep if that one is outdated.

        Without a hash (no such account) the answer is no, after the same work.
        """
        async with self._taking_turn():
            if self._nobodys is None:
                self._nobodys = await asyncio.to_thread(self._hashes.hash, secrets.token_urlsafe())
            fits, better = await asyncio.to_thread(
                self._hashes.verify_and_update, password, kept or self._nobodys
            )
        return fits and kept is not None, better if kept is not None else None

    @asynccontextmanager
    async def _taking_turn(self) -> AsyncIterator[None]:
        if self._waiting >= _MOST_WAITING:
            raise Problem(503, _BUSY)
        self._waiting += 1
        try:
            async with self._turn:
                yield
        finally:
            self._waiting -= 1
