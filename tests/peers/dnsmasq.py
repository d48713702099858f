"""dnsmasq as the name server of one test: records on its command line, questions in its log."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.peers.ports import free_port
from tests.peers.process import end_process, wait_until
from tests.peers.requirement import require

if TYPE_CHECKING:
    from asyncio.subprocess import Process

HOST = "127.0.0.1"
OPTIONS = (
    *("--no-daemon", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--pid-file="),
    *(
        f"--listen-address={HOST}",
        "--bind-interfaces",
        "--log-queries",
        "--cache-size=0",
    ),
    "--local=/example/",  # what is not on the command line does not exist
)


class NameServer:
    """A running dnsmasq, authority for all of `example`."""

    def __init__(self, process: Process, port: int, log: Path) -> None:
        self.port = port
        self._process = process
        self._log = log

    def asked(self, kind: str, name: str) -> int:
        """Return how often it was asked for a record."""
        return self._log.read_text().count(f"query[{kind}] {name} ")

    def hang(self) -> None:
        """Have it answer nothing until `go_on`."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Have it answer again, what it was asked meanwhile as well."""
        self._process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def run_name_server(
    directory: Path, *records: str, port: int | None = None, ttl: int = 60
) -> AsyncIterator[NameServer]:
    """Run it with records as dnsmasq's options have them: "host-record=a.example,192.0.2.1"."""
    log, port = directory / "dnsmasq.log", port or free_port()
    options: Sequence[str] = (
        *(*OPTIONS, f"--port={port}", f"--local-ttl={ttl}", f"--log-facility={log}"),
        *(f"--{record}" for record in records),
    )
    process = await asyncio.create_subprocess_exec(str(require("dnsmasq")), *options)
    server = NameServer(process, port, log)
    try:
        await wait_until(
            lambda: log.exists() and "started" in log.read_text(), limit=5, what="dnsmasq starts"
        )
        yield server
    finally:
        server.go_on()
        await end_process(process)
