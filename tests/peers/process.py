"""Processes that the tests start: waiting for them, ending them, and what they use, by /proc."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Awaitable, Callable, Iterator

    from tests.peers.forkserver import ForkedProcess

T = TypeVar("T")

TREE = Path(__file__).parents[2]

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class PeerError(Exception):
    """A peer did not start, did not do its part, or did not end as it should."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and its descendants use at one moment."""

    processes: int
    resident: int  # bytes
    threads: int
    descriptors: int
    sockets: int
    cpu: float  # seconds since the start, of those that still run


def read_usage(pid: int) -> Usage:
    """Return what the process tree under `pid` uses."""
    rows = [row for each in process_tree(pid) if (row := _usage_of(each)) is not None]
    if not rows:
        raise ProcessLookupError(f"process {pid} has ended")
    resident, threads, descriptors, sockets, cpu = map(sum, zip(*rows, strict=True))
    return Usage(len(rows), int(resident), int(threads), int(descriptors), int(sockets), cpu)


def process_tree(pid: int) -> Iterator[int]:
    """Return the process and all that it has started, itself first."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found = children.read_text().split()
        except OSError:  # the thread has ended since
            continue
        for child in found:
            yield from process_tree(int(child))


def _usage_of(pid: int) -> tuple[int, int, int, int, float] | None:
    folder = Path(f"/proc/{pid}")
    try:
        # proc(5): the name in parentheses may hold anything, the numbers stand after it
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        descriptors = os.listdir(folder / "fd")
    except OSError:  # it has ended since
        return None
    sockets = sum(_is_socket(folder / "fd" / name) for name in descriptors)
    cpu = (int(fields[11]) + int(fields[12])) / TICKS
    return int(fields[21]) * PAGE, int(fields[17]), len(descriptors), sockets, cpu


def _is_socket(descriptor: Path) -> bool:
    try:
        return os.readlink(descriptor).startswith("socket:")
    except OSError:  # closed since
        return False


async def wait_until(
    condition: Callable[[], bool], *, limit: float, what: str, interval: float = 0.02
) -> None:
    """Wait until the condition holds; PeerError, naming `what`, after `limit` seconds.

    For what a process shows only to those who look: a port in /proc, a file. Where there is an
    event to wait for, wait for that.
    """
    try:
        async with asyncio.timeout(limit):
            while True:
                if condition():
                    return
                await asyncio.sleep(interval)
    except TimeoutError:
        raise PeerError(f"{what}: not within {limit:g} s") from None


async def poll(
    ask: Callable[[], Awaitable[T]], *, limit: float, what: str, interval: float = 0.2
) -> T:
    """Ask until the answer is true, and return it; PeerError, naming `what`, after `limit` seconds.

    For what a peer says only to those who ask.
    """
    try:
        async with asyncio.timeout(limit):
            while True:
                if answer := await ask():
                    return answer
                await asyncio.sleep(interval)
    except TimeoutError:
        raise PeerError(f"{what}: not within {limit:g} s") from None


def tree_environment(*before: Path, tree: Path = TREE) -> dict[str, str]:
    """Return our environment for a process that finds a tree's packages, whatever is installed.

    What is in the folders `before` them is found first.
    """
    search = (*before, tree, tree / "codecs")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, search))}


async def end_process(process: Process | ForkedProcess, *, limit: float = 5.0) -> int:
    """Send SIGTERM, after `limit` seconds SIGKILL; return the exit status."""
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(limit):
                await process.wait()
        except TimeoutError:
            process.kill()
    return await process.wait()


def tail(path: Path, lines: int = 30) -> str:
    """Return the last lines of a log, for the message of an error."""
    if not path.exists():
        return f"({path.name} was never written)"
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
