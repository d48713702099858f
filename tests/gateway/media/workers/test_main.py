"""The process around a worker: its log, and the alarm that ends one that hangs."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

from gateway.media.workers.__main__ import WorkerFormatter
from tests.peers.process import end_process

HANG = """
import asyncio, time
from gateway.media.workers.__main__ import put_off_alarm

async def main():
    alarm = asyncio.create_task(put_off_alarm(0.5))
    await asyncio.sleep(1.0)
    print("alive", flush=True)
    time.sleep(60)

asyncio.run(main())
"""


def test_lines_are_the_gateways_and_name_the_worker() -> None:
    record = logging.LogRecord("gateway.media", logging.INFO, "", 0, "two\nlines", None, None)
    line = WorkerFormatter(3).format(record)
    assert line.endswith(r"Z INFO gateway.media two\nlines worker=3")


async def test_a_loop_that_hangs_is_ended_by_the_kernel() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HANG),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            assert await process.stdout.readline() == b"alive\n", "a loop that turns is not ended"
            assert await process.wait() == -signal.SIGALRM
    finally:
        await end_process(process)
