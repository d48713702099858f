"""Many calls through one SIP engine, and many set-ups in a second: is one lost, or late?

500 calls are in progress while 100 in a second begin and as many end, for a minute, without media:
from a process that has only `gateway.trunk` in it, to sipp, which rings and answers at once. What a
set-up takes from `dial` to the told 200 has sipp's part in it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from statistics import quantiles
from time import perf_counter

from gateway.trunk import Answered, Ended, EndpointConfig, TrunkEndpoint, TrunkEvent, TrunkLeg
from tests.bench.beside_sipp import measure
from tests.bench.dialing import request
from tests.bench.load import Progress, silent
from tests.bench.sockets import uss
from tests.peers.process import PeerError, tree_environment, wait_until

RUNNING = 500
RATE = 100.0  # set-ups in a second
SECONDS = 60.0
LATEST = 5.0  # seconds for one answer, and for all of the last calls to end
# Of the time: what a call leaves behind is kept for as long as its messages may be repeated (32 s;
# RFC 3261, timers H and J). The memory of the calls after that is compared
SETTLED = 0.7


@dataclass(frozen=True)
class Surge:
    """What became of the calls; set-ups in milliseconds, memory in bytes for each call since.

    `lost` are calls that were not answered, or not ended by us; `held` what the engine has kept of
    those that are over.
    """

    running: int
    rate: float
    placed: int
    lost: int
    held: int
    setup_p50_ms: float
    setup_p99_ms: float
    leaked: float


def run(
    *,
    running: int = RUNNING,
    rate: float = RATE,
    seconds: float = SECONDS,
    progress: Progress = silent,
) -> Surge:
    """Measure with one process."""
    surge = asyncio.run(_run(running, rate, seconds))
    progress(f"{surge}")
    return surge


async def _run(running: int, rate: float, seconds: float) -> Surge:
    measured = await measure(
        *("-m", __name__),
        arguments=(running, rate, seconds),
        environment=tree_environment(),
        calls=running + round(rate * seconds),
        limit=seconds + 60.0,
    )
    return Surge(**measured)


# ---- the process


class Call:
    """One call: when it was answered, and whether it has ended otherwise than we wanted."""

    def __init__(self, endpoint: TrunkEndpoint, uri: str) -> None:
        self.took: float | None = None
        self.failed = False
        self.leg: TrunkLeg | None = None
        self._hung_up = False
        self._settled = asyncio.Event()
        self._over = asyncio.Event()
        self._began = perf_counter()
        self.task = asyncio.create_task(self._dial(endpoint, uri))

    async def _dial(self, endpoint: TrunkEndpoint, uri: str) -> None:
        self.leg = await endpoint.dial(request(uri), self._hear)

    def _hear(self, event: TrunkEvent) -> None:
        if isinstance(event, Answered):
            self.took = perf_counter() - self._began
            self._settled.set()
        elif isinstance(event, Ended):
            self.failed = not self._hung_up or event.code != 200
            self._settled.set()
            self._over.set()

    async def hang_up(self) -> None:
        """End it; one that nobody answers in time has failed."""
        try:
            async with asyncio.timeout(LATEST):
                await self.task
                await self._settled.wait()
                self._hung_up = True
                assert self.leg is not None
                await self.leg.hangup(200)
                await self._over.wait()
        except TimeoutError:
            self.failed = True


@dataclass
class Tally:
    """What became of the calls, without the calls: what set-ups took, and those lost."""

    times: list[float] = field(default_factory=list)  # ms
    lost: int = 0

    async def end(self, call: Call) -> None:
        """Hang a call up and count it."""
        await call.hang_up()
        if call.took is None or call.failed:
            self.lost += 1
        else:
            self.times.append(1e3 * call.took)


async def surge(running: int, rate: float, seconds: float, uri: str) -> Surge:
    """Place calls at an even pace, and end the oldest at the same once so many run."""
    endpoint = TrunkEndpoint(EndpointConfig(port=0))
    await endpoint.start()
    free = endpoint.free
    loop = asyncio.get_running_loop()
    began, placed = loop.time(), running + round(rate * seconds)
    live: deque[Call] = deque()
    ending: set[asyncio.Task[None]] = set()
    tally = Tally()
    before = 0
    settled = running + round((placed - running) * SETTLED)
    for number in range(placed + running):
        await asyncio.sleep(max(0.0, began + number / rate - loop.time()))
        if number < placed:
            live.append(Call(endpoint, uri))
        if number >= running:
            task = asyncio.create_task(tally.end(live.popleft()))
            ending.add(task)
            task.add_done_callback(ending.discard)
        if number == settled:
            before = memory()
        elif number == placed - 1:
            leaked = (memory() - before) / (placed - settled)
    await asyncio.gather(*ending)
    with suppress(PeerError):  # it is said below
        await wait_until(lambda: endpoint.free == free, limit=LATEST, what="an end of each call")
    held = free - endpoint.free
    await endpoint.close(5.0)
    times = quantiles(tally.times, n=100)
    return Surge(running, rate, placed, tally.lost, held, times[49], times[98], leaked)


def memory() -> int:
    """Return the bytes that this process shares with nobody."""
    gc.collect()
    return uss(os.getpid())


def main() -> None:
    """Place the calls and print what became of them."""
    uri, running, rate, seconds = sys.argv[1:]
    result = asyncio.run(surge(int(running), float(rate), float(seconds), uri))
    sys.stdout.write(json.dumps(asdict(result)) + "\n")


if __name__ == "__main__":
    main()
