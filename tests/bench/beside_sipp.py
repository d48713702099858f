"""Runs a process that places calls, and sipp, which answers them, each on a core of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.bench.load import GENERATOR_CORE, MEASURED_CORE, BenchError, on_cores
from tests.peers.sipp import run_trunk


async def measure(
    *words: str,
    arguments: Sequence[object],
    environment: Mapping[str, str],
    calls: int,
    limit: float,
) -> dict[str, Any]:
    """Return what the process prints in its last line, as JSON.

    Parameters
    ----------
    words
        What Python is to run; it gets the trunk's URI and the `arguments`.
    calls
        How many sipp answers.
    limit
        Seconds for all of it.

    Raises
    ------
    BenchError
        It failed, or was not over in time.
    """
    with TemporaryDirectory(prefix="gateway-bench-") as folder, on_cores(GENERATOR_CORE):
        async with run_trunk("trunk-answer", Path(folder), calls=calls, limit=limit) as trunk:
            with on_cores(MEASURED_CORE):
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, *words, trunk.uri, *map(str, arguments)),
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                )
            output = await _output(process, limit)
            await trunk.finish()
    measured: dict[str, Any] = json.loads(output.splitlines()[-1])
    return measured


async def _output(process: asyncio.subprocess.Process, limit: float) -> bytes:
    try:
        async with asyncio.timeout(limit):
            output, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise BenchError(f"the calls were not over within {limit:g} s") from None
    if process.returncode != 0:
        raise BenchError(f"the calls failed:\n{errors.decode()[-2000:]}")
    return output
