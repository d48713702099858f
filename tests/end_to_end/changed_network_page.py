"""Pages whose computer changes its network in mid-call: another link, with another address.

Each on a host of its own, which loses the link that it calls by. Either it has another one all the
time ("beside"), or it gets one a moment later ("after", as from Wi-Fi to LTE). Some systems end a
connection with the address that it has ("ended"): then the page has another socket at once.

It is run as a process in a namespace (`peers.namespace`) and tells how it went as JSON on standard
output; `test_changed_network_page` judges.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

from tests.end_to_end.lost_network_page import (
    GATEWAY,
    TRUNK,
    Talk,
    World,
    come_back,
    hang_up,
    note_stream,
    run_world,
    start,
    talk,
    tell,
)
from tests.end_to_end.odd_calls import TRUNK_TONE
from tests.end_to_end.odd_sound import open_sound
from tests.end_to_end.site import DEMO
from tests.peers.hosts import Host, run, settled
from tests.peers.namespace import run_isolated, run_until_told

# Firefox says of its own accord that the network is lost, whatever becomes of it
PAGES = ("chromium-beside", "chromium-after", "chromium-ended", "firefox-after")
WITHOUT = 1.0  # seconds until a computer that has lost its link has another one

# By the clock of this machine
WATCH_SOCKET = """(() => {
    demo.device.on("reconnected", () => (watch.socket = Date.now() / 1000));
})()"""


def run_changes(limit: float) -> dict[str, dict[str, Any]]:
    """Make the calls; return the `Facts` of each page as JSON has them, and its `Change`.

    The test is skipped where no such network can be made.
    """
    with tempfile.TemporaryDirectory() as folder:
        told = run_isolated(
            "tests.end_to_end.changed_network_page", folder, limit=limit, setup="ip link set lo up"
        )
    facts: dict[str, dict[str, Any]] = json.loads(told)
    return facts


# -- inside


@dataclass
class Change:
    """What is said of it beside the `Outage`; times in seconds."""

    socket: float | None = None  # until the page had another one
    pause: float | None = None  # the longest in what came to the trunk, be it noise


class Client:
    """A host with a browser, whose page has a call."""

    def __init__(self, name: str, gateway: Host) -> None:
        self.browser, _, self.kind = name.partition("-")
        self.number = PAGES.index(name)
        self.gateway = gateway
        self.host = Host.new()
        self.told = Change()
        self.talk: Talk
        self._join("first")
        if self.kind == "beside":
            self._join("second")

    def _join(self, link: str) -> None:
        """Have another link, and a way by it: the first one is preferred."""
        at = 8 * self.number + (1 if link == "first" else 5)
        name = f"{link}{self.number}"
        self.gateway.link(self.host, name, f"192.0.2.{at}/30", f"192.0.2.{at + 1}/30")
        with self.host.entered():
            run(f"ip route add default via 192.0.2.{at} metric {at}")

    async def call(self, stack: AsyncExitStack, world: World) -> None:
        """Call a line; go on when it is heard."""
        folder = world.folder / f"{self.browser}-{self.kind}"
        folder.mkdir()
        self.host.enter()
        await settled()
        browser = await stack.enter_async_context(start(self.browser, folder, world.url))
        self.gateway.enter()
        sound = await stack.enter_async_context(open_sound(TRUNK_TONE, host=TRUNK))
        self.talk = await talk(DEMO, browser, sound, world)
        await self.talk.page.evaluate(WATCH_SOCKET)

    async def move(self) -> None:
        """Lose the link and its address, and go on by the other one."""
        with self.host.entered():
            run(f"ip address flush dev first{self.number} && ip link set first{self.number} down")
            if self.kind == "ended":
                run(f"ss --kill --tcp dst {GATEWAY}")
        if self.kind != "beside":
            await asyncio.sleep(WITHOUT)
            self._join("second")

    async def change(self) -> None:
        """Change the network, see what each side of the call hears of it, and hang up."""
        page, sound, facts = self.talk.page, self.talk.sound, self.talk.facts
        await page.evaluate("watch.events.length = watch.came.length = 0")
        began, clock = perf_counter(), time.time()
        await self.move()
        outage = perf_counter() - began
        await self.talk.until("watch.socket")
        facts.outages[self.kind] = await come_back(self.talk, began, clock, outage)
        socket: Any = await page.evaluate("watch.socket")
        self.told.socket = socket - clock
        times = [began, *(each.at for each in sound.heard if each.at > began)]
        self.told.pause = max(after - before for before, after in pairwise(times))
        note_stream(self.talk)
        await hang_up(self.talk)


async def make_calls(folder: Path) -> dict[str, Any]:
    """Make the calls, and have all of them change their network at once."""
    here = Host.new()
    async with AsyncExitStack() as stack:
        here.enter()
        world = await run_world(stack, folder)
        clients = {name: Client(name, here) for name in PAGES}
        for client in clients.values():
            await client.call(stack, world)
        await asyncio.gather(*(tell([each.talk], each.change()) for each in clients.values()))
    return {name: asdict(each.talk.facts) | asdict(each.told) for name, each in clients.items()}


def main() -> None:
    json.dump(run_until_told(make_calls(Path(sys.argv[1]))), sys.stdout)


if __name__ == "__main__":
    main()
