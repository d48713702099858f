"""What a call's set-up costs in the SIP engine, and how long it takes to read an answer.

Calls to sipp, which rings and answers at once, from a process that has only `gateway.trunk` in it
(`dialing`): from the INVITE that goes out to the 200 that is told, without media and WebSockets.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.load import (
    GENERATOR_CORE,
    MEASURED_CORE,
    BenchError,
    Progress,
    environment_of,
    on_cores,
    silent,
)
from tests.peers.gateway import TREE
from tests.peers.sipp import run_trunk

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
    with (
        TemporaryDirectory(prefix="gateway-bench-") as folder,
        environment_of(tree) as environment,
        on_cores(GENERATOR_CORE),
    ):
        async with run_trunk(
            "trunk-answer", Path(folder), calls=calls + WARM_UP, limit=LIMIT
        ) as trunk:
            with on_cores(MEASURED_CORE):
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", str(Path(__file__).with_name("dialing.py"))),
                    *(trunk.uri, str(calls), str(rate)),
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                )
            output = await _output(process)
            await trunk.finish()
    return Dialed(**json.loads(output.splitlines()[-1]))


async def _output(process: asyncio.subprocess.Process) -> bytes:
    """Return what the process has printed, once it has ended; BenchError if it failed."""
    try:
        async with asyncio.timeout(LIMIT):
            output, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise BenchError(f"the calls were not over within {LIMIT:g} s") from None
    if process.returncode != 0:
        raise BenchError(f"the dialing process failed:\n{errors.decode()[-2000:]}")
    return output
