"""Waiting on a condition instead of sleeping for a guessed time."""

# ruff: noqa: ASYNC109 - the limit names what was awaited, which a cancelled task cannot

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

__all__ = ["eventually", "eventually_sync"]

T = TypeVar("T")
PAUSE = 0.02  # seconds between two looks


@overload
async def eventually(
    predicate: Callable[[], Awaitable[T]], timeout: float = ..., pause: float = ...
) -> T: ...
@overload
async def eventually(predicate: Callable[[], T], timeout: float = ..., pause: float = ...) -> T: ...
async def eventually(
    predicate: Callable[[], Any],
    timeout: float = 10.0,
    pause: float = PAUSE,
) -> Any:
    """Return the first true value of `predicate` (a function or coroutine function).

    AssertionError, naming the last value, if none came within `timeout` seconds. An AssertionError inside the
    predicate counts as "not yet", so that it may hold plain asserts.
    """
    give_up = time.monotonic() + timeout
    while True:
        last: object
        try:
            value = predicate()
            found = await value if inspect.isawaitable(value) else value
            if found:
                return found
            last = found
        except AssertionError as error:
            last = error
        if time.monotonic() > give_up:
            raise AssertionError(f"not true within {timeout} s; the last value was {last!r}")
        await asyncio.sleep(pause)


def eventually_sync(predicate: Callable[[], T], timeout: float = 10.0, pause: float = PAUSE) -> T:
    """Do the same as `eventually`, for tests without an event loop."""
    give_up = time.monotonic() + timeout
    while True:
        last: object
        try:
            found = predicate()
            if found:
                return found
            last = found
        except AssertionError as error:
            last = error
        if time.monotonic() > give_up:
            raise AssertionError(f"not true within {timeout} s; the last value was {last!r}")
        time.sleep(pause)
