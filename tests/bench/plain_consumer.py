"""FastStream's plain batch consume, as its manual shows it: `python -m tests.bench.plain_consumer`.

Bootstrap, group and topics come as arguments. Bodies are decoded from JSON, nothing is done with them.
"""

import asyncio
import sys
from typing import Any

from faststream import AckPolicy
from faststream.kafka import KafkaBroker


async def main(bootstrap: str, group: str, *topics: str) -> None:
    """Consume until told to end."""
    broker = KafkaBroker(bootstrap, logger=None)

    @broker.subscriber(
        *topics,
        group_id=group,
        batch=True,
        max_records=500,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.ACK,
    )
    async def consume(bodies: list[dict[str, Any]]) -> None:
        """Take what was decoded."""

    async with broker:
        await broker.start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(*sys.argv[1:]))
