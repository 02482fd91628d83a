"""Waiting for Kafka before its clients are started, which make an error of every try that fails."""

import asyncio

from aiokafka.conn import collect_hosts

from shared.logs import get_logger

__all__ = ["until_reachable"]

_log = get_logger(__name__)

_CONNECT_SECONDS = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0


async def until_reachable(bootstrap: str) -> None:
    """Return as soon as one of the servers in `bootstrap` ("host:port,...") takes connections."""
    pause = _FIRST_PAUSE
    while not await _any_accepts(bootstrap):
        if pause == _FIRST_PAUSE:
            _log.warning("kafka_not_reachable")
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


async def _any_accepts(bootstrap: str) -> bool:
    for host, port, _ in collect_hosts(bootstrap):
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(host, port)
        except OSError:  # TimeoutError is one
            continue
        writer.close()
        return True
    return False
