"""`python -m tests.interop.foreign SUITE FOLDER`: run the suite, print an outcome a line.

For a namespace of its own (`peers.namespace`). SUITE is pjproject's tests/pjsua, FOLDER for logs.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.interop import caller_stories, trunk_stories
from tests.interop.designs import BY_DESIGN
from tests.interop.message_stories import Messages
from tests.interop.outcome import Outcome, name_of
from tests.peers.namespace import run_until_told

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

GATEWAYS: Final = 4  # calling, one story at a time each
CALLEES: Final = 4  # at a time, each in a process of its own


def files_of(suite: Path) -> list[Path]:
    """Return the files of the suite that there is something to say about, in order."""
    return sorted([*suite.glob("scripts-sendto/*.py"), *suite.glob("scripts-sipp/*.xml")])


async def run(suite: Path, folder: Path, say: Callable[[Outcome], None]) -> None:
    """Run all that is not left out by design, several at a time."""
    files = [each for each in files_of(suite) if name_of(each) not in BY_DESIGN]
    called = [each for each in files if each.stem.startswith(("uas-", "strict-route"))]
    messages = Messages(suite)
    # A gateway of their own for the messages that are no calls
    async with trunk_stories.trunk_gateway(folder, GATEWAYS) as (gateway, _):
        turn = asyncio.Semaphore(CALLEES)

        async def call(file: Path) -> None:
            is_story = file.suffix == ".xml"
            tell = caller_stories.tell if is_story else messages.tell
            is_call = caller_stories.is_call if is_story else messages.is_call
            async with turn:
                say(await _call(file, tell, gateway.config.sip_port, folder, is_call(file)))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(trunk_stories.tell_all(called, folder, GATEWAYS, say))
            for file in files:
                if file not in called:
                    tasks.create_task(call(file))


async def _call(
    file: Path,
    tell: Callable[[Path, int, Path], Coroutine[None, None, Outcome]],
    port: int,
    folder: Path,
    is_call: bool,
) -> Outcome:
    if not is_call:
        return await tell(file, port, folder)
    async with caller_stories.run_callee(folder) as callee:
        return await tell(file, callee, folder)


def main() -> None:
    """Run, until told to end."""
    suite, folder = map(Path, sys.argv[1:])
    # The SIP engine prints on standard output as it starts, where only outcomes belong
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(outcome: Outcome) -> None:
        print(outcome.line(), file=output, flush=True)

    run_until_told(run(suite, folder, say))


if __name__ == "__main__":
    main()
