"""The gateway under load: started on a core of its own, the generator on the other one."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from gateway.bench.calls import BenchCall, Target, failures
from gateway.bench.session import Bench
from gateway.bench.usage import Usage, read_usage
from gateway.trunk import SipAddress
from tests.peers.gateway import Gateway, GatewayConfig, Table, run_gateway
from tests.peers.ports import free_port, reserve_ports
from tests.peers.process import TREE, tree_environment

# The generator's loop must not wait for what it measures. With one core they share it, and no
# figure of the CPU means anything
CORES = sorted(os.sched_getaffinity(0))
GENERATOR_CORE, MEASURED_CORE = CORES[0], CORES[-1]

PORTS_PER_CALL = 4  # RTP and RTCP, and ICE's is the next even one
SPARE_PORTS = 100  # just given back, and not to be used again at once
SETUP_RATE = 50.0  # calls in a second
TRUNK = "bench"
ASK_FOR_ENGINE = "from gateway.trunk.engine.build import wheel_folder; print(wheel_folder())"


class BenchError(Exception):
    """A benchmark could not be run: calls failed that should not."""


@dataclass(frozen=True)
class Figure:
    """The median of some runs, and their spread."""

    median: float
    lowest: float
    highest: float
    runs: int


def figure(values: Sequence[float]) -> Figure:
    """Return the median of values, at least one."""
    return Figure(median(values), min(values), max(values), len(values))


@contextmanager
def on_cores(*cores: int) -> Iterator[None]:
    """Run this thread, and the processes that it starts meanwhile, on these cores only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass(frozen=True)
class Loaded:
    """A gateway whose trunk we are."""

    bench: Bench
    gateway: Gateway
    target: Target

    def call(self, count: int, *, ring: bool = False) -> list[BenchCall]:
        """Set calls up; BenchError if one fails."""
        calls = self.bench.call(self.target, count, SETUP_RATE, ring=ring)
        check(calls, ring=ring)
        return calls

    def usage(self) -> Usage:
        """Return what the gateway uses."""
        return read_usage(self.gateway.pid)


def check(calls: Sequence[BenchCall], *, ring: bool = False) -> None:
    """Raise BenchError if a call is not up; where calls only `ring`, if one has failed."""
    causes = failures([call for call in calls if not ring or call.failure is not None])
    if causes:
        raise BenchError(f"of {len(calls)} calls failed: {dict(causes)}")


@contextmanager
def gateway_under_load(
    calls: int,
    *,
    media: Mapping[str, object] | None = None,
    codecs: Sequence[str] = ("PCMU",),
    tree: Path = TREE,
    cores: Sequence[int] = (MEASURED_CORE,),
) -> Iterator[Loaded]:
    """Run a gateway with room for so many calls on its cores, and us on ours.

    Parameters
    ----------
    calls
        How many there may be at a time.
    media
        Laid over the configuration's table of that name.
    codecs
        What the trunk is offered.
    tree
        Whose sources are run: this tree's, or those of a baseline by its own SIP engine.
    cores
        Where the gateway may run.
    """
    sip = SipAddress("127.0.0.1", free_port())
    trunk = {
        "name": TRUNK,
        "uri": f"sip:{sip};transport=udp",
        "codecs": list(codecs),
        "max_calls": calls,
    }
    config = GatewayConfig(
        [trunk],
        media_ports=reserve_ports(calls * PORTS_PER_CALL + SPARE_PORTS),
        overrides={"media": _media_table(tree, media or {})},
    )
    with (
        TemporaryDirectory(prefix="gateway-bench-") as folder,
        environment_of(tree) as environment,
        on_cores(GENERATOR_CORE),
        Bench(sip) as bench,
    ):
        with on_cores(*cores):
            gateway = bench.enter(run_gateway(config, Path(folder), environment=environment))
        yield Loaded(bench, gateway, Target(gateway.websocket_url))


def _media_table(tree: Path, media: Mapping[str, object]) -> Table:
    """Return the table `media`; a baseline may be older than the key that we set everywhere."""
    return {**({} if tree == TREE else {"threads": None}), **media}


@contextmanager
def environment_of(tree: Path) -> Iterator[dict[str, str]]:
    """Make the environment in which a tree's sources are run, with the SIP engine that is theirs.

    Ours is the one that is installed. A baseline's is the one that it builds, from the cache: by
    another engine it would be no version that there ever was. BenchError where it is not there.
    """
    if tree == TREE:
        yield tree_environment()
        return
    with TemporaryDirectory(prefix="engine-") as name:
        folder = Path(name)
        with zipfile.ZipFile(_engine_of(tree)) as wheel:
            wheel.extractall(folder)
        yield tree_environment(folder, tree=tree)


def _engine_of(tree: Path) -> Path:
    """Return the wheel of the SIP engine that a tree builds."""
    asked = subprocess.run(
        [sys.executable, "-P", "-c", ASK_FOR_ENGINE],
        env=tree_environment(tree=tree),
        capture_output=True,
        text=True,
    )
    if asked.returncode != 0:
        raise BenchError(f"{tree} does not say which SIP engine it builds:\n{asked.stderr[-1000:]}")
    folder = Path(asked.stdout.strip())
    wheels = sorted(folder.glob("*.whl"))
    if not wheels:
        build = f"cd {tree} && {sys.executable} -m gateway.trunk.engine.build --no-install"
        raise BenchError(f"the SIP engine of {tree} is not in {folder}; to build it: {build}")
    return wheels[-1]


Progress = Callable[[str], None]


def silent(line: str) -> None:
    """Say nothing of the progress."""
