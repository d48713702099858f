"""Lets a gateway run for a long time, and tells whether it grows.

    make soak                          20 minutes of 20 people who talk, then 18,000 short calls
    make soak SOAK="--minutes 2 --short 500"
    make soak SOAK="--page 200"        only answered calls in one page of Chromium: does it grow?

First people talk, of whom some hang up and others call every half minute. Then calls come up and
end, one after the other in a few lines. Memory, threads, descriptors and tasks are looked at all
along. What counts is how they have changed since the first quarter, as a call's SIP is kept for
32 s (RFC 3261, timers H and J). The exit status is 1 where a call is lost or something grows
(`growth.py`).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gateway.bench.player import Mark
from tests.bench.report import Table, render_table, write_json
from tests.chaos.cases import LANES
from tests.chaos.growth import Look, Run
from tests.chaos.page import soak_page
from tests.chaos.suite import run_world, set_up, warm_up
from tests.chaos.world import World
from tests.end_to_end.trunks import idle
from tests.peers.namespace import entering, require_namespace
from tests.peers.process import PeerError, poll, tree_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

CALLS = 20
CHURN = 5  # calls that are replaced at each step
STEP = 30.0  # seconds of talk between two looks
EVERY = 3.0  # seconds between two short calls beside those that last
LINES = 8  # short calls at a time
STEPS = 20  # looks at the short calls
SETUP = set_up("256m")  # 18,000 calls leave 40 MB of rows, audit and log
WRITTEN = 30.0  # seconds, for the rows that wait


class Soak:
    def __init__(self, world: World) -> None:
        self._world = world
        self._began = time.monotonic()
        self._calls = 0

    def _look(self, run: Run) -> None:
        world = self._world
        state, usage = world.now(), world.gateway.usage()
        look = Look(
            at=round(time.monotonic() - self._began, 1),
            calls=self._calls,
            resident=usage.resident,
            threads=state.threads,
            descriptors=state.descriptors,
            tasks=state.tasks,
            dialogs=state.dialogs,
        )
        run.looks.append(look)
        sys.stderr.write(f"{look}\n")

    def talk(self, minutes: float) -> Run:
        """Have people talk, and others come in their place."""
        world, run = self._world, Run()
        for _ in range(max(1, round(minutes * 60 / STEP))):
            world.crowd.close(world.crowd.calls[:CHURN])
            del world.crowd.calls[:CHURN]
            self._calls += CALLS - len(world.crowd.calls)
            world.crowd.fill(CALLS)
            times = np.arange(1.0, STEP - EVERY, EVERY)
            marks = [Mark(at, partial(World.call_meanwhile, world)) for at in times.tolist()]
            sounds, _ = world.crowd.talk(STEP, marks, 1.0)
            self._calls += len(times)
            run.gaps += [max(each.up, each.down) for each in sounds]
            for why in [each for each in world.finish_meanwhile() if each != "up"]:
                run.count(why)
            for sound in sounds:
                if not sound.alive:
                    run.count("one side does not hear the other")
            for why, count in world.crowd.drop_lost().items():
                run.count(why, count)
            self._look(run)
        world.crowd.hang_up()
        return run

    def call(self, count: int) -> Run:
        """Place calls that end once they are up."""
        world, run = self._world, Run()
        before, self._calls = self._rows(), 0

        async def line(calls: int) -> None:
            for _ in range(calls):
                call = world.crowd.new()
                await call.begin()
                await call.close()
                self._calls += 1
                if call.failure is not None:
                    run.count(call.failure)

        async def lines(calls: int) -> None:
            await asyncio.gather(*(line(calls // LINES) for _ in range(LINES)))

        for _ in range(STEPS):
            world.bench.run(lines(max(LINES, count // STEPS)))
            world.bench.run(idle(world.gateway, 20.0))
            self._look(run)
        if missing := before + self._calls - self._rows():
            run.count("without a row", missing)
        return run

    def _rows(self) -> int:
        """Count the rows of calls, once none waits to be written."""
        with suppress(PeerError):  # that they do not come is told by their count
            self._world.bench.run(poll(self._all_written, limit=WRITTEN, what="all rows are there"))
        return self._world.recorded().total()

    async def _all_written(self) -> bool:
        return not (await self._world.gateway.metrics())["gateway_records_queued"]


def table(title: str, run: Run) -> Table:
    looks = run.looks[:: max(1, len(run.looks) // 8)]
    if looks[-1] is not run.looks[-1]:
        looks.append(run.looks[-1])
    rows = [
        (
            f"{each.at:.0f} s",
            str(each.calls),
            f"{each.resident / 2**20:.1f}",
            *(str(getattr(each, name)) for name in ("threads", "descriptors", "tasks", "dialogs")),
        )
        for each in looks
    ]
    columns = ("after", "calls", "MiB", "threads", "descriptors", "tasks", "dialogs")
    lost = ", ".join(f"{count} {why}" for why, count in run.lost.items()) or "none lost"
    gap = f", longest gap {max(run.gaps) * 1e3:.0f} ms" if run.gaps else ""
    return Table(f"{title}: {lost}, {run.growth:.0f} bytes for each call{gap}", columns, rows)


def soak(minutes: float, short: int, folder: Path) -> int:
    """Print what is held all along, and what is wrong; return the exit status."""
    with run_world(folder, LANES["SQLite"]) as world:
        warm_up(world)
        world.crowd.hang_up()
        work = Soak(world)
        talked, called = work.talk(minutes), work.call(short)
    titles = (f"{CALLS} calls for {minutes:g} minutes", f"{short} short calls")
    tables, wrong = [], []
    for title, run in zip(titles, (talked, called), strict=True):
        tables.append(table(title, run))
        wrong += [f"{title}: {each}" for each in run.faults()]
    for each in tables:
        sys.stdout.write(render_table(each) + "\n\n")
    data: dict[str, object] = {"talk": talked, "calls": called, "wrong": wrong}
    data |= {"growth": {"talk": talked.growth, "calls": called.growth}}
    sys.stdout.write(f"{write_json('soak', data)}\n")
    return tell(wrong)


def tell(wrong: Sequence[str]) -> int:
    """Print what is wrong; return the exit status."""
    for each in wrong:
        sys.stdout.write(f"FAILED: {each}\n")
    return 1 if wrong else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; 1 if calls were lost, or something has grown."""
    parser = argparse.ArgumentParser(description="A long run: does the gateway grow?")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--short", type=int, default=18000, help="short calls")
    parser.add_argument("--page", type=int, metavar="CALLS", help="only answered calls in one page")
    parser.add_argument("--isolated", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.page is not None:
        if options.page < 1:
            parser.error("--page is a number of calls")
        return tell(soak_page(options.page))
    if options.isolated:
        with tempfile.TemporaryDirectory() as folder:
            return soak(options.minutes, options.short, Path(folder))
    require_namespace(setup=SETUP, mounts=True)
    command = [*entering(SETUP, mounts=True), sys.executable, "-m", __spec__.name]
    os.execvpe(command[0], [*command, *sys.argv[1:], "--isolated"], tree_environment())


if __name__ == "__main__":
    sys.exit(main())
