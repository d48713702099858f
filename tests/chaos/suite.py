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
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gateway.bench.player import Mark
from gateway.bench.session import Bench
from tests.chaos.cases import BEFORE, CALLS, LANES, RESUMED, Case, Lane
from tests.chaos.crowd import BROWSERS, LiveCall, Sound
from tests.chaos.facts import Facts, delays
from tests.chaos.world import State, World
from tests.end_to_end.trunks import idle as wait_until_idle
from tests.peers.postgres import run_postgres
from tests.peers.process import poll

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LOOK = 0.1  # seconds between two looks at how long a thread had to wait
LATER = 2.0  # seconds of sound once pages have come back

HUNG_UP = "all calls hung up"

DISK = "/mnt"  # one of its own, mounted for us


def set_up(disk: str) -> str:
    """Return what makes a network and a disk of this size, as tmpfs(5) has sizes."""
    return f"ip link set lo up && mount -t tmpfs -o size={disk} tmpfs {DISK}"


SETUP = set_up("16m")  # which can be filled


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
    recorded, resumed = world.recorded(), LiveCall.resumed
    world.attempts, world.shown = [], {}
    sounds = _talk(world, case, facts)
    facts.meanwhile = world.finish_meanwhile()
    restarted = time.time()
    if not case.sounds_on and case.back is not None:
        case.back(world)
    late = case.survivors and not all(each.alive for each in sounds)  # on a busy machine
    if late or not case.sounds_on:
        again, _ = world.crowd.talk(LATER, (), BEFORE)
        for sound, now in zip(sounds, again, strict=True):
            sound.alive, sound.joined = now.alive, now.joined
    pairs = zip(world.crowd.calls, sounds, strict=True)
    survivors = [sound for call, sound in pairs if call.up and sound.alive]
    facts.survivors = len(survivors)
    facts.gaps_up = [round(each.up, 3) for each in survivors]
    facts.gaps_down = [round(each.down, 3) for each in survivors]
    if survivors and not case.sounds_on:
        facts.back = round(max(each.joined for each in survivors) - restarted, 2)
    if case.gone and case.back is not None:
        case.back(world)
    else:
        facts.memory = world.gateway.usage().resident - size
    _look_back(world, case, base, facts)
    said = (world.said if case.gone else world.gateway.log())[log:]
    facts.faults = said.count("Traceback")
    facts.ended = dict(world.recorded() - recorded)
    facts.shown = {**world.shown, RESUMED: LiveCall.resumed - resumed}
    facts.took = time.monotonic() - began
    return facts


def _look_back(world: World, case: Case, base: Base, facts: Facts) -> None:
    """See what is left once the lost calls are away, and what rows there are."""
    world.crowd.drop_lost()
    wanted = base.busy if world.crowd.calls else base.idle
    facts.left = world.settle(replace(wanted, dialogs=0) if case.forgotten else wanted)
    facts.rows, facts.attempts = world.arrived(), world.attempts
    if case.look is not None:
        case.look(world)
    if case.forgotten:
        world.crowd.hang_up()


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


def run_cases(world: World, lane: Lane) -> dict[str, Facts]:
    """Run them; one that fails tells why, and the others are run."""
    base = warm_up(world)
    told = {}
    for name, case in lane.cases.items():
        try:
            facts = run_case(world, case, base)
            if any(delays(case, facts)):  # the machine may have been busy: a fault of ours stays
                sys.stderr.write(f"{name}, first try: {facts}\n")
                facts = run_case(world, case, base)
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
    folder, lane = Path(sys.argv[1]), LANES[sys.argv[2]]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended
    with run_world(folder, lane) as world:
        told = run_cases(world, lane)
    json.dump({name: asdict(facts) for name, facts in told.items()}, sys.stdout)


if __name__ == "__main__":
    main()
