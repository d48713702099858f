"""A document's blocks, typed as they stand: commands in a shell, files where the text says."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.peers.process import PeerError, end_process, poll, tail

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

LIMIT = 60.0  # seconds, of a command

# The line before a block, and the block: "The page is `my-site/index.html`:"
_BLOCK = re.compile(r"(?:^([^\n]*)\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"`([\w./-]+)`:$")


@dataclass(frozen=True)
class Block:
    """What stands between two fences.

    Attributes
    ----------
    kind
        `sh` for commands, `text` for what they say, else a file's.
    file
        The name that the line before it ends with, if any.
    """

    kind: str
    text: str
    file: str | None


def blocks(document: str) -> list[Block]:
    """Return the blocks of a document in order."""
    found = []
    for before, kind, text in _BLOCK.findall(document):
        named = _NAMED.search(before)
        found.append(Block(kind, text, named[1] if named else None))
    return found


class Terminals:
    """A folder in which commands are typed. Use `open_terminals`."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.logs: list[Path] = []
        self._environment = environment
        self._running: list[asyncio.subprocess.Process] = []

    async def type(self, block: Block, says: str | None = None, answer: str = "") -> None:
        """Type commands, each of which has to succeed; or leave them running once they say this."""
        log = self.folder / f"terminal-{len(self.logs)}.log"
        self.logs.append(log)
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *("/bin/sh", "-eu", "-c", block.text),
                cwd=self.folder,
                env=self._environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._running.append(process)
        if process.stdin is not None:
            process.stdin.write(answer.encode())
            process.stdin.close()
        if says is None:
            async with asyncio.timeout(LIMIT):
                assert await process.wait() == 0, f"{block.text}\n{tail(log)}"
            return

        async def said() -> bool:
            if process.returncode is not None:
                raise PeerError(f"{block.text}\n{tail(log)}")
            return says in log.read_text()

        await poll(said, limit=LIMIT, what=says, interval=0.05)

    def write(self, block: Block) -> None:
        """Write a file that the document shows."""
        assert block.file is not None
        (self.folder / block.file).write_text(block.text)

    async def close(self) -> None:
        """Press Ctrl+C in each terminal, the last one first."""
        for process in reversed(self._running):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            with suppress(TimeoutError):
                async with asyncio.timeout(15):
                    await process.wait()
            await end_process(process)


@asynccontextmanager
async def open_terminals(folder: Path, environment: Mapping[str, str]) -> AsyncIterator[Terminals]:
    """Have an empty folder to type in; whatever still runs ends with the block."""
    terminals = Terminals(folder, environment)
    try:
        yield terminals
    finally:
        await terminals.close()


async def follow(
    document: list[Block], terminals: Terminals, after: Callable[[int], None] = lambda _: None
) -> None:
    """Do what the blocks say; `after` is called with the number of each one that is done."""
    for number, block in enumerate(document):
        following = document[number + 1] if number + 1 < len(document) else None
        says = following.text.strip() if following and following.kind == "text" else None
        if block.kind == "sh":
            await terminals.type(block, says)
        elif block.file is not None:
            terminals.write(block)
        after(number)
