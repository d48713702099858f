"""SIPp scenarios that call (`uac-*`): sipp calls, and ours answers.

A story that begins with INVITE is told to the callee (`callee`), any other to the gateway itself.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from tests.interop.outcome import Outcome, name_of, sipp_reason
from tests.peers.gateway import START_LIMIT
from tests.peers.process import PeerError, end_process, tail
from tests.peers.sipp import run_caller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CALLEES: Final = itertools.count(5200, 2)  # their ports; the namespace has no others
LIMIT: Final = 15.0

# What its driver has pjsua answer, if not 200 at once: a number of the callee's
NUMBERS: Final = {
    "uac-183-wrong-codec": "early",
    "uac-183-wrong-media": "early",
    "uac-inv-and-ack-without-sdp": "short",
    "uac-inv-without-sdp": "short",
}

_METHOD = re.compile(r"<!\[CDATA\[\s*([A-Z]+) ")


@asynccontextmanager
async def run_callee(folder: Path) -> AsyncIterator[int]:
    """Run a callee; yield its port. PeerError if it has ended by itself in between."""
    port = next(CALLEES)
    log = folder / f"callee-{port}.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.interop.callee", "--listen", f"127.0.0.1:{port}"),
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(START_LIMIT):
            if not await process.stdout.readline():
                raise PeerError(f"the callee did not start\n{tail(log)}")
        yield port
        if process.returncode is not None:
            raise PeerError(f"the callee ended with status {process.returncode}\n{tail(log)}")
    finally:
        await end_process(process)


async def tell(file: Path, port: int, folder: Path) -> Outcome:
    """Have sipp tell one scenario to a port."""
    number = NUMBERS.get(file.stem, "auto")
    story = str(file.with_suffix(""))
    async with run_caller(
        story, folder / file.stem, target=port, number=number, limit=LIMIT
    ) as sipp:
        try:
            await sipp.finish()
        except (PeerError, TimeoutError) as error:
            return Outcome(name_of(file), False, sipp_reason(sipp, error))
    return Outcome(name_of(file), True)


def is_call(file: Path) -> bool:
    """Tell whether a scenario's first request is an INVITE."""
    found = _METHOD.search(file.read_text(encoding="latin-1"))
    return found is not None and found[1] == "INVITE"
