"""Has one page of a real browser call all day, and tells whether it grows.

Each call goes by the gateway to Asterisk's echo, and lasts until the page has heard itself, and for
half a second more (`tests/end_to_end/all_day.py`). `make test` has forty, each of them shorter.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.report import Table, render_table, write_json
from tests.end_to_end.all_day import AllDay, open_all_day
from tests.end_to_end.trunks import lab_trunk
from tests.peers.asterisk import run_lab
from tests.peers.chromium import run_chromium
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.peers.asterisk import AsteriskLab

ECHO = "600"
TALK = 0.5  # seconds
LOOKS = 10
TONE = 660.0
KEPT = 4000  # bytes of its heap that a call may leave
STIR = 256 * 1024  # bytes of it that a page's first calls leave once, whatever comes
SPREAD = 2  # what a page has more or less of at any time
HELD = (
    *("nodes", "listeners", "peers", "tracks", "contexts", "elements"),
    "descriptors",
)


@dataclass(frozen=True, slots=True)
class Look:
    """What the page and the gateway hold after so many calls; sizes in KiB and MiB."""

    calls: int
    seconds: float
    heap: float
    nodes: int
    listeners: int
    peers: int
    tracks: int
    contexts: int
    elements: int
    gateway: float
    descriptors: int


async def look(page: AllDay, gateway: Gateway, calls: int, began: float) -> Look:
    left, usage = await page.left(), gateway.usage()
    found = Look(
        calls=calls,
        seconds=round(time.monotonic() - began, 1),
        heap=round(left.heap / 1024, 1),
        nodes=left.nodes,
        listeners=left.listeners,
        peers=left.open["peers"],
        tracks=left.open["tracks"],
        contexts=left.open["contexts"],
        elements=left.open["elements"],
        gateway=round(usage.resident / 2**20, 1),
        descriptors=usage.descriptors,
    )
    sys.stderr.write(f"{found}\n")
    return found


async def call_all_day(lab: AsteriskLab, folder: Path, calls: int) -> list[Look]:
    """Have so many calls, and look ten times."""
    config = GatewayConfig([lab_trunk(lab)], overrides={"admission": {"allow": ["*"]}})
    async with (
        run_gateway(config, folder) as gateway,
        run_chromium(folder, tone=TONE) as chromium,
        open_all_day(chromium, gateway.url) as page,
    ):
        began, looks, done = time.monotonic(), [], 0
        while done < calls:
            more = min(max(1, calls // LOOKS), calls - done)
            await page.call(more, ECHO, TALK)
            done += more
            looks.append(await look(page, gateway, done, began))
    return looks


def page_faults(looks: Sequence[Look]) -> list[str]:
    """Say what a page that does not grow would not have done, since the first quarter."""
    first = looks[len(looks) // 4]
    found, growth = [], heap_growth(looks)
    calls = looks[-1].calls - first.calls
    if growth * calls > max(KEPT * calls, STIR):
        found.append(
            f"each call has left {growth:.0f} bytes of the page's heap, {KEPT} are allowed"
        )
    # What has just ended may still be there at one look, but not at each
    ends = looks[-max(1, len(looks) // 4) :]
    for name in HELD:
        before, after = getattr(first, name), min(getattr(each, name) for each in ends)
        if after > before + (SPREAD if name in ("nodes", "listeners") else 0):
            found.append(f"{after} {name} at the end, {before} after the first quarter")
    return found


def heap_growth(looks: Sequence[Look]) -> float:
    """Return the bytes of its heap that each call has added since the first quarter."""
    first, last = looks[len(looks) // 4], looks[-1]
    return (last.heap - first.heap) * 1024 / max(1, last.calls - first.calls)


def soak_page(calls: int) -> list[str]:
    """Print what is held all along; return what is wrong."""
    with tempfile.TemporaryDirectory() as folder, run_lab() as lab:
        looks = asyncio.run(call_all_day(lab, Path(folder), calls))
    growth = heap_growth(looks)
    rows = [tuple(str(each) for each in astuple(found)) for found in looks]
    columns = (
        *("calls", "seconds", "heap, KiB", "nodes", "listeners", "connections", "tracks"),
        *("contexts", "elements", "gateway, MiB", "descriptors"),
    )
    title = f"{calls} answered calls in one page: {growth:.0f} bytes of its heap for each call"
    sys.stdout.write(render_table(Table(title, columns, rows)) + "\n\n")
    sys.stdout.write(f"{write_json('soak-page', {'looks': looks, 'growth': growth})}\n")
    return page_faults(looks)
