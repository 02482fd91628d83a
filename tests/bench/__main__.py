"""`python -m tests.bench [--quick] [--only NAME] [--json PATH]`: measure, print ratios, write bench.json."""

import argparse
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import uvloop
from rich.console import Console

from tests.bench import latency, registering, scoring
from tests.bench.figures import Figure
from tests.bench.installation import Installation, installation
from tests.bench.report import print_table, write_json
from tests.bench.servers import Servers, servers
from tests.bench.sizes import FULL, QUICK, Sizes

MEASURES: Mapping[str, Callable[[Installation, Sizes], Awaitable[list[Figure]]]] = {
    "floor": registering.floor,
    "accept": registering.accept,
    "catch_up": registering.catch_up,
    "end_to_end": registering.end_to_end,
    "latency": latency.latency,
    "scoring": scoring.scoring,
    "import": scoring.importing,
}


async def _measure(found: Servers, sizes: Sizes, names: Sequence[str], console: Console) -> list[Figure]:
    figures: list[Figure] = []
    place = await installation(found)
    for name in names:
        if figures:
            await place.settle()
        started = time.monotonic()
        with console.status(name):
            new = await MEASURES[name](place, sizes)
        ratios = "  ".join(f"{one.name} {one.ours:,.1f} / {one.limit:,.1f} = {one.ratio:.3f}" for one in new)
        console.log(f"{ratios}  ({time.monotonic() - started:.0f} s)")
        figures += new
    return figures


def main() -> None:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, one round")
    parser.add_argument("--only", action="append", choices=sorted(MEASURES), help="repeatable")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), help="where to write the figures")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are stopped then too
    console = Console()
    names = [name for name in MEASURES if not given.only or name in given.only]
    with servers() as found:
        console.log(*found.descriptions, sep="\n")
        figures = uvloop.run(_measure(found, QUICK if given.quick else FULL, names, console))
        write_json(given.json, figures, {"servers": found.descriptions, "quick": given.quick})
    print_table(console, figures)


if __name__ == "__main__":
    main()
