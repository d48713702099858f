"""What a call's set-up costs in the SIP engine, and how long it takes to read an answer.

Calls to sipp, which rings and answers at once, from a process that has only `gateway.trunk` in it
(`dialing`): from the INVITE that goes out to the 200 that is told, without media and WebSockets.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from tests.bench.beside_sipp import measure
from tests.bench.load import Progress, environment_of, silent
from tests.peers.process import TREE

CALLS = 300
RATE = 50.0  # calls in a second
WARM_UP = 20  # calls that `dialing` places first
LIMIT = 60.0  # seconds for one process


@dataclass(frozen=True)
class Dialed:
    """CPU of a call in the SIP thread and in the process (ms), and to read an answer (µs).

    `engine` is the version of the SIP engine that was used.
    """

    thread_ms: float
    process_ms: float
    reading_us: float
    engine: str


def run(
    *,
    calls: int = CALLS,
    rate: float = RATE,
    tree: Path = TREE,
    progress: Progress = silent,
) -> Dialed:
    """Measure with one process, run from the sources in `tree`."""
    dialed = asyncio.run(_run(calls, rate, tree))
    progress(f"{dialed}")
    return dialed


async def _run(calls: int, rate: float, tree: Path) -> Dialed:
    with environment_of(tree) as environment:
        measured = await measure(
            *("-P", str(Path(__file__).with_name("dialing.py"))),
            arguments=(calls, rate),
            environment=environment,
            calls=calls + WARM_UP,
            limit=LIMIT,
        )
    return Dialed(**measured)
