"""The registering hot path: drafts that arrive together share a transaction.

Theory of operation. A draft waits in a queue of this process until a flusher takes it, with all that wait
there by then, into one statement, which is a transaction. While a flusher waits for its commit the next batch
gathers, so batches grow with the load and a lone draft waits for nobody. A second flusher helps where the
first one's batch takes long: something holds it up that need not hold up the others. Every draft gets its own
outcome, and only after the commit. Where a batch fails for what it holds, its drafts go one by one, so that
one bad draft fails alone; where it fails for the database's sake it is tried again, with the same ids, so
that a commit whose outcome was in doubt is found and not repeated. A draft whose caller gave up before its
turn is dropped.
"""

import asyncio
import random
from collections import deque
from collections.abc import Sequence

from services.intake.store.connections import Connections, is_about_data
from services.intake.usecases.register import Draft, Outcome, Serials, register_all
from shared.crashpoints import crash_point
from shared.database import is_passing_failure

__all__ = ["GroupCommit", "UnfitDraftError"]

_FLUSHERS = 2
_LONG_SECONDS = 0.03
_BATCH = 200
_WAITING_LIMIT = 10_000
_WAIT_SECONDS = 10.0
_RETRY_PAUSES = (0.02, 0.1)

_Waiting = tuple[Draft, "asyncio.Future[bytes]"]


class UnfitDraftError(Exception):
    """The database cannot hold this draft."""


class GroupCommit:
    """Registers drafts for all requests of this process."""

    def __init__(self, dsn: str, public_url: str) -> None:
        self._connections = Connections(dsn)
        self._serials = Serials()
        self._public_url = public_url
        self._queue: deque[_Waiting] = deque()
        self._flushing = 0
        self._taken_at = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    async def register(self, draft: Draft) -> bytes:
        """Register a draft and return its reply, after the commit.

        KeyReusedError or UnfitDraftError if it cannot be; an error that passes (ConnectionError,
        TimeoutError) if it is not known to be registered: with a key it can be tried again safely.
        """
        if len(self._queue) >= _WAITING_LIMIT:
            raise TimeoutError("too many registrations wait already")
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[bytes] = loop.create_future()
        self._queue.append((draft, outcome))
        if not self._flushing or (
            self._flushing < _FLUSHERS and loop.time() > self._taken_at + _LONG_SECONDS
        ):
            self._flushing += 1
            task = asyncio.create_task(self._flush())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        patience = loop.call_later(_WAIT_SECONDS, _tell, outcome, TimeoutError("no outcome in time"))
        try:
            return await outcome
        finally:
            patience.cancel()

    async def close(self) -> None:
        """Let the flushers end, and close their connections."""
        await asyncio.gather(*self._tasks)
        await self._connections.close()

    async def close_at_end(self) -> None:
        """Wait to be cancelled, at the end of the service, and close."""
        try:
            await asyncio.Event().wait()
        finally:
            await self.close()

    async def _flush(self) -> None:
        """Take batches until none waits; between that and the end of this nothing else runs."""
        try:
            while self._queue:
                self._taken_at = asyncio.get_running_loop().time()
                size = min(_BATCH, len(self._queue))
                taken = [self._queue.popleft() for _ in range(size)]
                if batch := [(draft, outcome) for draft, outcome in taken if not outcome.done()]:
                    await self._settle(batch)
        finally:
            self._flushing -= 1

    async def _settle(self, batch: Sequence[_Waiting]) -> None:
        """Give every draft of a batch its outcome. Never raises."""
        outcomes: Sequence[bytes | Exception]
        try:
            outcomes = await self._commit([draft for draft, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the drafts' outcome
            if len(batch) > 1 and not is_passing_failure(error):
                for one in batch:
                    await self._settle([one])
                return
            outcomes = [_told(error)] * len(batch)
        crash_point("intake.after_commit_before_reply")
        for (_, waiting), outcome in zip(batch, outcomes, strict=True):
            _tell(waiting, outcome)

    async def _commit(self, drafts: Sequence[Draft]) -> list[Outcome]:
        for pause in (*_RETRY_PAUSES, None):
            try:
                async with self._connections.writer() as writer:
                    outcomes = await register_all(writer, drafts, self._public_url, self._serials)
            except Exception as error:
                if pause is None or not is_passing_failure(error):
                    raise
                await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter
            else:
                return outcomes
        raise AssertionError("the last attempt returns or raises")


def _told(error: Exception) -> Exception:
    """The error as a caller is to see it."""
    if is_about_data(error):
        return UnfitDraftError()
    return ConnectionError(type(error).__name__) if is_passing_failure(error) else error


def _tell(waiting: "asyncio.Future[bytes]", outcome: bytes | Exception) -> None:
    if waiting.done():
        return
    if isinstance(outcome, bytes):
        waiting.set_result(outcome)
    else:
        waiting.set_exception(outcome)
