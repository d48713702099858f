"""What WebSockets cost that are open and do nothing: memory and CPU of the gateway.

The pages are a process of their own (`idling`), each with an address of its own. Memory is what no
other process shares (USS): what the gateway would give back by closing them. The kernel's part of
a socket is in no process and is not counted.
"""

from __future__ import annotations

import json
import resource
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import IO

from gateway.bench.usage import process_tree
from tests.bench.load import BenchError, Loaded, Progress, gateway_under_load, silent
from tests.peers.process import TREE, tree_environment

SOCKETS = 5000
WARM_UP = 50  # pages that come and go: what the first ones load is theirs alone
ALONE = 10.0  # seconds in which the gateway has no page
SETTLE = 5.0  # seconds for what the opening left to do
# A proxy cuts what has said nothing for 60 s (nginx's proxy_read_timeout): each must be heard once
IDLE = 60.0  # seconds
OPEN_LIMIT = 180.0  # seconds
TOLD_LIMIT = 10.0  # seconds


@dataclass(frozen=True)
class Idled:
    """What pages have seen; `silence` is the longest between two messages, in seconds."""

    pages: int
    pings: int
    silence: float


@dataclass(frozen=True)
class Sockets:
    """What all WebSockets cost together: MB, and per cent of a core; what one of them costs.

    `alone` is what the gateway takes without any, and is taken off. Those that said no hello are
    counted while they may keep silent.
    """

    count: int
    memory_mb: float
    memory_each_kb: float
    mute_each_kb: float
    cpu: float
    alone: float
    open_ms: float  # of CPU, from the handshake to the welcome
    idled: Idled


def run(
    *,
    count: int = SOCKETS,
    idle: float = IDLE,
    tree: Path = TREE,
    progress: Progress = silent,
) -> Sockets:
    """Measure with one gateway, run from the sources in `tree`."""
    with more_files(), gateway_under_load(1, tree=tree) as loaded:
        with open_pages(loaded.gateway.config.http_port, WARM_UP):
            pass
        alone = _share(loaded, ALONE if idle >= ALONE else idle)
        # Before all: what is freed is not given back, and the next ones would grow into it
        before = uss(loaded.gateway.pid)
        mute = _mute(loaded, count // 5, before)
        spent = loaded.usage().cpu
        with open_pages(loaded.gateway.config.http_port, count) as pages:
            opened = loaded.usage().cpu - spent
            sleep(min(SETTLE, idle))
            cpu = _share(loaded, idle)
            memory = uss(loaded.gateway.pid) - before
            idled = pages.end()
    taken = Sockets(
        count=count,
        memory_mb=memory / 1e6,
        memory_each_kb=memory / 1e3 / count,
        mute_each_kb=mute,
        cpu=100 * (cpu - alone),
        alone=100 * alone,
        open_ms=opened * 1e3 / count,
        idled=idled,
    )
    progress(f"{taken}")
    return taken


def _share(loaded: Loaded, seconds: float) -> float:
    """Return the share of a core that the gateway takes meanwhile."""
    began, before = monotonic(), loaded.usage().cpu
    sleep(seconds)
    return (loaded.usage().cpu - before) / (monotonic() - began)


def _mute(loaded: Loaded, count: int, before: int) -> float:
    """Return the kilobytes of a WebSocket that has said no hello yet."""
    with open_pages(loaded.gateway.config.http_port, count, "--mute"):
        return (uss(loaded.gateway.pid) - before) / 1e3 / count


def uss(pid: int) -> int:
    """Return the bytes that a process and its descendants share with nobody."""
    total = 0
    for each in set(process_tree(pid)):
        try:
            text = Path(f"/proc/{each}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            if each == pid:
                raise
            continue  # a child that has just ended
        total += private_bytes(text)
    return total


def private_bytes(rollup: str) -> int:
    """Return the private bytes in the text of a smaps_rollup (proc(5)), swapped ones included."""
    wanted = {"Private_Clean:", "Private_Dirty:", "Private_Hugetlb:", "Swap:"}
    rows = (line.split() for line in rollup.splitlines())
    return 1024 * sum(int(row[1]) for row in rows if row and row[0] in wanted)


@contextmanager
def more_files() -> Iterator[None]:
    """Let this process, and those that it starts, have as many files as an administrator allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Pages:
    """The process with the open pages."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def read(self, limit: float) -> str:
        """Return the next line; BenchError with what the process says where there is none."""
        output = _piped(self._process.stdout)
        line = output.readline() if select.select([output], [], [], limit)[0] else ""
        if not line:
            self._process.kill()
            _, errors = self._process.communicate()
            raise BenchError(f"the pages did not stay open: {errors.strip() or 'no answer'}")
        return line

    def end(self) -> Idled:
        """Have them end, and say what they have seen."""
        _piped(self._process.stdin).close()
        return Idled(**json.loads(self.read(TOLD_LIMIT)))


def _piped(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise ValueError("the process was started without pipes")
    return stream


@contextmanager
def open_pages(port: int, count: int, *options: str) -> Iterator[Pages]:
    """Have so many pages open."""
    command = [sys.executable, "-P", str(Path(__file__).with_name("idling.py"))]
    command += [str(port), str(count), *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=tree_environment()
    ) as process:
        pages = Pages(process)
        try:
            pages.read(OPEN_LIMIT)
            yield pages
        finally:
            if process.poll() is None:
                process.kill()
