"""Makes chaos in a namespace of its own; tells what came of it as JSON on standard output.

One gateway and one set of calls for all cases of a lane; who is lost is replaced before the next
one.
"""

from __future__ import annotations

import json
import signal
import sys
import time
import traceback
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gateway.bench.player import Mark
from gateway.bench.session import Bench
from tests.chaos.cases import ALL, BEFORE, CALLS, LANES, WITHIN, Case, Lane
from tests.chaos.crowd import BROWSERS, Sound, of_most
from tests.chaos.world import State, World
from tests.end_to_end.trunks import idle as wait_until_idle
from tests.peers.postgres import run_postgres
from tests.peers.process import poll

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LOOK = 0.1  # seconds between two looks at how long a thread had to wait
LATER = 2.0  # seconds of sound once pages have come back

HUNG_UP = "all calls hung up"

DISK = "/mnt"  # a small one, mounted for us
SETUP = f"ip link set lo up && mount -t tmpfs -o size=16m tmpfs {DISK}"


@dataclass
class Facts:
    """What came of one case; gaps and times in seconds.

    Attributes
    ----------
    gap_up, gap_down
        The longest time without the other end's tone, at the trunk and at the browser: of nine in
        ten of the survivors.
    too_long
        Whether one of them is longer than the outage, and what is allowed on top.
    late
        How late our own packets were, and how long the gateway's media thread had to wait for a
        core: the machine's doing.
    ended
        How calls have ended, by the rows of the database.
    attempts, rows
        Numbers and causes of calls that came and went while the database was away, and those of
        the last rows in it, both in order.
    left
        By what the gateway and the trunk differ afterwards from what the survivors alone need.
    faults
        Lines of the gateway's log that tell of an exception.
    """

    survivors: int = 0
    ended: dict[str, int] = field(default_factory=dict)
    gap_up: float | None = None
    gap_down: float | None = None
    too_long: bool = False
    late: float = 0.0
    meanwhile: list[str] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    memory: int = 0  # bytes that the process has grown by
    faults: int = 0
    took: float = 0.0
    failed: str = ""


@dataclass
class Base:
    """What the gateway holds without calls, and with all of them."""

    idle: State
    busy: State


def hold_up(waits: Sequence[float]) -> float:
    """Return how long a thread had no core within the worst few looks in a row."""
    steps = np.diff(np.array(waits))
    return float(np.convolve(steps, np.ones(3)).max(initial=0.0)) if steps.size else 0.0


def run_case(world: World, case: Case, base: Base) -> Facts:
    facts, began = Facts(), time.monotonic()
    world.crowd.fill(CALLS)
    world.settle(base.busy)
    size, log = world.gateway.usage().resident, len(world.gateway.log())
    recorded, world.attempts = world.recorded(), []
    sounds = _talk(world, case, facts)
    facts.meanwhile = world.finish_meanwhile()
    if case.back is not None and not case.gone:
        case.back(world)
    late = case.survivors and not all(each.alive for each in sounds)  # on a busy machine
    if late or (case.back is not None and not case.gone):
        again, _ = world.crowd.talk(LATER, (), BEFORE)
        for sound, now in zip(sounds, again, strict=True):
            sound.alive = now.alive
    pairs = zip(world.crowd.calls, sounds, strict=True)
    survivors = [sound for call, sound in pairs if call.up and sound.alive]
    facts.survivors = len(survivors)
    if case.gone or case.back is None:
        facts.gap_up = of_most([each.up for each in survivors])
        facts.gap_down = of_most([each.down for each in survivors])
        longest = max(facts.gap_up or 0.0, facts.gap_down or 0.0)
        facts.too_long = longest > case.outage + WITHIN + facts.late
    if case.gone and case.back is not None:
        case.back(world)
    else:
        facts.memory = world.gateway.usage().resident - size
    world.crowd.drop_lost()
    wanted = base.busy if world.crowd.calls else base.idle
    facts.left = world.settle(replace(wanted, dialogs=0) if case.forgotten else wanted)
    facts.rows, facts.attempts = world.arrived(), world.attempts
    if case.forgotten:
        world.crowd.hang_up()
    said = (world.said if case.gone else world.gateway.log())[log:]
    facts.faults = said.count("Traceback")
    facts.ended = dict(world.recorded() - recorded)
    facts.took = time.monotonic() - began
    return facts


def _talk(world: World, case: Case, facts: Facts) -> list[Sound]:
    """Have all talk while the fault is there."""
    waits: list[float] = []
    marks = [Mark(BEFORE + at, partial(action, world)) for at, action in case.faults]
    looks = np.arange(0.0, case.seconds, LOOK).tolist()
    marks += [Mark(at, lambda: waits.append(world.waited())) for at in looks]
    sounds, late = world.crowd.talk(case.seconds, marks, BEFORE - 0.2)
    facts.late = late + hold_up(waits)
    return sounds


def warm_up(world: World) -> Base:
    """Start the trunk, and have it call: what is made once for all calls is made then."""
    world.start_trunk()
    world.crowd.fill(CALLS)
    world.crowd.hang_up()
    world.bench.run(wait_until_idle(world.gateway))
    idle = world.now()
    world.crowd.fill(CALLS)
    # Those that had to be tried again are gone by then
    world.bench.run(poll(lambda: _has(world, CALLS), limit=10, what=f"{CALLS} calls and no more"))
    return Base(idle, world.now())


async def _has(world: World, calls: int) -> bool:
    state = await world.state()
    return (state.calls, state.sessions, state.unrecorded) == (calls, calls, 0)


def run_cases(world: World, names: Sequence[str]) -> dict[str, Facts]:
    """Run them; one that fails tells why, and the others are run."""
    base = warm_up(world)
    told = {}
    for name in names:
        try:
            facts = run_case(world, ALL[name], base)
            if facts.too_long:  # once more: the machine may have been busy, a fault of ours stays
                sys.stderr.write(f"{name}, first try: {facts}\n")
                facts = run_case(world, ALL[name], base)
            told[name] = facts
        except Exception:  # noqa: BLE001 - told with the others
            told[name] = Facts(failed=traceback.format_exc())
            world.mend()
        sys.stderr.write(f"{name}: {told[name]}\n")
    world.crowd.hang_up()
    told[HUNG_UP] = Facts(left=world.settle(base.idle))
    return told


@contextmanager
def run_world(folder: Path, lane: Lane) -> Iterator[World]:
    """Start all that the cases of a lane need, and end it."""
    with ExitStack() as stack:
        server = stack.enter_context(run_postgres()) if lane.postgresql else None
        bench = stack.enter_context(Bench(None, BROWSERS))
        world = World(bench, folder, Path(DISK), media_timeout=lane.media_timeout, server=server)
        stack.callback(world.stop)
        yield world


def main() -> None:
    folder, lane, names = Path(sys.argv[1]), LANES[sys.argv[2]], json.loads(sys.argv[3])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended
    with run_world(folder, lane) as world:
        told = run_cases(world, names)
    json.dump({name: asdict(facts) for name, facts in told.items()}, sys.stdout)


if __name__ == "__main__":
    main()
