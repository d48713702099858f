"""Floods while a call runs: how many of its packets came to the trunk, and who was heard."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.end_to_end.odd_calls import hang_up
from tests.end_to_end.trunks import media_events
from tests.peers.process import TREE, PeerError, end_process, tree_environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.end_to_end.odd_calls import Dialed
    from tests.security.house import House

LIMIT = 60.0  # seconds for a flood to end

# Of the packets that were due. Two busy cores may hold up both ends for a moment; what an attack
# takes from a call is much more, or nothing
MOST_LOST = 0.05


@dataclass
class Stream:
    """What became of a call's packets while it was attacked.

    To the trunk: those that were due, that came, and that are missing by their numbers. `unheard`
    are those of the trunk's that the gateway has missed.
    """

    due: float = 0.0
    came: int = 0
    lost: int = 0
    unheard: int = 0
    told: dict[str, int] = field(default_factory=dict)


async def flood(kind: str, port: int, *arguments: object) -> dict[str, int]:
    """Run a flood to its end; return what it tells."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.security.flood", kind, str(port)),
        *map(str, arguments),
        cwd=TREE,
        env=tree_environment(),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LIMIT):
            output, _ = await process.communicate()
    finally:
        await end_process(process)
    if process.returncode != 0:
        raise PeerError(f"the flood ended with status {process.returncode}")
    told: dict[str, int] = json.loads(output)
    return told


@asynccontextmanager
async def watched(dialed: Dialed) -> AsyncIterator[Stream]:
    """Look at the call's packets to the trunk meanwhile."""
    stream, sound = Stream(), dialed.sound
    first, began = len(sound.heard), asyncio.get_running_loop().time()
    yield stream
    heard = [each.packet for each in sound.heard[first:]]
    stream.due = (asyncio.get_running_loop().time() - began) * 50
    stream.came = len(heard)
    steps = [(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(heard)]
    stream.lost = sum(step - 1 for step in steps if 1 < step < 0x8000)


@asynccontextmanager
async def attacked_call(house: House, tone: Path) -> AsyncIterator[tuple[Dialed, Stream]]:
    """Have a call while the block attacks; then both must hear each other, and nobody else."""
    before = await _unheard(house)
    async with house.conversation(tone) as dialed:
        async with watched(dialed) as stream:
            yield dialed, stream
        await dialed.sound.hear(50)  # a second without attack
        await hang_up(dialed)
    stream.unheard = await _unheard(house) - before
    assert stream.lost <= MOST_LOST * stream.due, stream
    assert stream.came >= (1 - MOST_LOST) * stream.due - 5, stream
    assert stream.unheard <= MOST_LOST * stream.due, stream


async def _unheard(house: House) -> int:
    return media_events(await house.gateway.metrics()).get("trunk_packets_lost", 0)
