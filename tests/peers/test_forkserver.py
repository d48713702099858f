"""Processes that are forked are like those that are started: their surroundings, their end."""

from __future__ import annotations

import asyncio
import signal
import textwrap
from typing import TYPE_CHECKING

import pytest_asyncio

from tests.peers.forkserver import ForkedProcess, ForkServer, Start

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LIMIT = 30.0  # the server has to import first


@pytest_asyncio.fixture
async def server() -> AsyncIterator[ForkServer]:
    server = ForkServer()
    yield server
    await asyncio.to_thread(server.stop)


async def start(server: ForkServer, folder: Path, program: str, *arguments: str) -> ForkedProcess:
    """Start a program of the folder's own."""
    (folder / "program.py").write_text(textwrap.dedent(program))
    log = folder / "log"
    log.touch()
    what = Start("program", list(arguments), str(folder), {"ONLY": "this"}, str(log))
    async with asyncio.timeout(LIMIT):
        return await server.start(what)


async def test_it_has_surroundings_of_its_own(server: ForkServer, tmp_path: Path) -> None:
    program = """
        import atexit, os, sys
        atexit.register(print, "the interpreter ends it")
        print(__name__, sys.argv[1:], os.getcwd(), dict(os.environ), sys.stdin.read())
        print(sorted(os.listdir("/proc/self/fd")), file=sys.stderr)
        sys.exit(3)
    """
    process = await start(server, tmp_path, program, "one", "two")
    assert await process.wait() == process.returncode == 3
    said, opened, last = (tmp_path / "log").read_text().splitlines()
    # The listing itself has the fourth
    assert opened == "['0', '1', '2', '3']"
    assert said == f"__main__ ['one', 'two'] {tmp_path} {{'ONLY': 'this'}} "
    assert last == "the interpreter ends it"


async def test_signals_reach_it(server: ForkServer, tmp_path: Path) -> None:
    waiting = "import signal, time; print('here', flush=True); time.sleep(60)"
    for number in (signal.SIGTERM, signal.SIGKILL):
        process = await start(server, tmp_path, waiting)
        process.send_signal(number)
        assert await process.wait() == -number
        process.send_signal(number)  # nobody else has got its id


async def test_an_error_is_in_the_log(server: ForkServer, tmp_path: Path) -> None:
    process = await start(server, tmp_path, "raise ValueError('odd')")
    assert await process.wait() == 1
    assert (tmp_path / "log").read_text().endswith("ValueError: odd\n")


async def test_processes_are_apart(server: ForkServer, tmp_path: Path) -> None:
    program = "import os, random; print(os.getpid(), random.random(), flush=True)"
    folders = [tmp_path / str(number) for number in range(3)]
    for folder in folders:
        folder.mkdir()
    processes = [await start(server, folder, program) for folder in folders]
    assert [await each.wait() for each in processes] == [0, 0, 0]
    said = [(folder / "log").read_text().split() for folder in folders]
    assert [int(pid) for pid, _ in said] == [each.pid for each in processes]
    assert len({value for _, value in said}) == 3


async def test_it_outlives_the_server(server: ForkServer, tmp_path: Path) -> None:
    process = await start(server, tmp_path, "import time; time.sleep(60)")
    await asyncio.to_thread(server.stop)
    assert process.returncode is None
    process.terminate()
    assert await process.wait() == -signal.SIGTERM
