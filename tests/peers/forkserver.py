"""Gateways that need not import: forked from a process that has done so, and is nothing else.

To import what a gateway needs takes two seconds of a core, to fork it a hundredth of one, and
`make test` starts hundreds. From `python -m gateway` on a forked one is as any other: it has its
own arguments, environment, folder and output, and ends as an interpreter ends. What depends on how
a process begins (a command, a service, a library loaded before all others) is started in full.

This file is both sides. `python -m tests.peers.forkserver FD` accepts connections at a Unix socket,
one for each process, whose id and exit status a keeper of its own tells.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING

from tests.peers.process import PeerError, tree_environment

if TYPE_CHECKING:
    from asyncio.subprocess import Process

PRELOADED = (
    "gateway.cli",
    "gateway.commands.serve",
    "gateway.wiring",
    "gateway.trunk.stack",
    "gateway.records.database",
    "alembic.command",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "phonenumbers",
)


@dataclass(frozen=True)
class Start:
    """What is to be started: `python -m MODULE ARGUMENTS`."""

    module: str
    arguments: list[str]
    folder: str
    environment: dict[str, str]
    log: str  # gets standard output and standard error

    async def in_full(self, output: IO[bytes]) -> Process:
        """Start it as its users do."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", self.module, *self.arguments),
            cwd=self.folder,
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
        )


class ForkedProcess:
    """A process that was forked elsewhere; as `asyncio.subprocess.Process` to those who wait."""

    def __init__(
        self, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._end = asyncio.ensure_future(self._wait_for_end(reader, writer))

    async def _wait_for_end(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> int:
        try:
            self.returncode = int(await reader.readline())
        finally:
            writer.close()
        return self.returncode

    async def wait(self) -> int:
        return await asyncio.shield(self._end)

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The process that has imported; launched for the first one that is to be forked of it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._address = b""

    async def start(self, what: Start) -> ForkedProcess:
        """Start a process; PeerError if the server has ended."""
        if self._process is None:
            self._process = self._launch()
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._address)  # it is in the backlog until the server has imported
        reader, writer = await asyncio.open_unix_connection(sock=connection)
        writer.write(json.dumps(asdict(what)).encode() + b"\n")
        pid = await reader.readline()
        if not pid:
            writer.close()
            raise PeerError("the fork server has ended")
        return ForkedProcess(int(pid), reader, writer)

    def _launch(self) -> subprocess.Popen[bytes]:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("")  # a name in the abstract namespace, which the kernel chooses
            listener.listen()
            self._address = listener.getsockname()
            return subprocess.Popen(
                (sys.executable, "-m", __name__, str(listener.fileno())),
                env=tree_environment(),
                stdin=subprocess.PIPE,  # its end is the server's
                pass_fds=(listener.fileno(),),
                start_new_session=True,  # ^C is for the tests, which end what they have started
            )

    def stop(self) -> None:
        """End the server; what was forked goes on."""
        if self._process is not None:
            self._process.communicate(timeout=10)
            self._process = None


def serve(listener: socket.socket) -> None:
    """Fork for whoever connects, until standard input ends."""
    for name in PRELOADED:
        importlib.import_module(name)
    gc.freeze()  # what the processes share stays shared
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for keepers
    while True:
        ready, _, _ = select.select((listener, sys.stdin), (), ())
        if sys.stdin in ready:
            return
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            keep(connection)
            return  # as the process that was wanted
        connection.close()


def keep(connection: socket.socket) -> None:
    """Fork the process that is wanted, and be it; the keeper itself does not come back."""
    with connection, connection.makefile("rw") as peer:
        start = Start(**json.loads(peer.readline()))
        pid = os.fork()
        if pid:
            with contextlib.suppress(OSError):  # whoever wanted to know has ended
                print(pid, file=peer, flush=True)
                _, status = os.waitpid(pid, 0)
                print(os.waitstatus_to_exitcode(status), file=peer, flush=True)
            os._exit(0)
    become(start)


def become(start: Start) -> None:
    """Be the process that was wanted, up to its end."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(start.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for opened, standard in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(opened, standard)
    os.closerange(3, max(nothing, log) + 1)
    os.chdir(start.folder)
    os.environ.clear()
    os.environ.update(start.environment)
    sys.path[0] = start.folder
    sys.argv = [start.module, *start.arguments]
    runpy.run_module(start.module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
