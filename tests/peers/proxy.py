"""Kamailio as the proxy and registrar of a trunk, with two phones behind it that a test plays."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.peers.ports import free_port
from tests.peers.process import PeerError, end_process, tail, wait_until
from tests.peers.requirement import require

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

    from tests.peers.authority import Pair

HOST = "127.0.0.1"
TEMPLATE: Final = Path(__file__).with_name("proxy.cfg")
PASSWORD: Final = "kamailio-secret"
LIMIT = 10.0


class Kamailio:
    """A running proxy. Use `run_kamailio`."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self._log = log

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    async def said(self, words: str, *, count: int = 1, limit: float = LIMIT) -> None:
        """Wait until it has logged these words so often."""
        await wait_until(
            lambda: self.log().count(words) >= count, limit=limit, what=f"Kamailio says {words!r}"
        )


@asynccontextmanager
async def run_kamailio(
    folder: Path,
    *,
    phones: tuple[int, int],
    gateway: int,
    pair: Pair,
    algorithm: str = "MD5",
) -> AsyncIterator[Kamailio]:
    """Run a proxy at a port of its own, UDP and TCP, and by TLS at the next one.

    The phones behind it, and the gateway that it watches, are given by port.
    """
    program = str(require("kamailio"))
    port, log = free_port(), folder / "kamailio.log"
    words = {
        "LISTEN": f"{HOST}:{port}",
        "SECURED": f"{HOST}:{port + 1}",
        "CERTIFICATE": str(pair.certificate),
        "KEY": str(pair.key),
        "PHONE": f"{HOST}:{phones[0]}",
        "OTHER": f"{HOST}:{phones[1]}",
        "GATEWAY": str(gateway),
        "FOLDER": str(folder),
        "ALGORITHM": algorithm,
        "PASSWORD": PASSWORD,
    }
    _write(folder, words, gateway)
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(program, "-f", str(folder / "kamailio.cfg"), "-DD", "-E"),
            *("-m", "32", "-M", "4", "-Y", str(folder), "-w", str(folder)),
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
        )
    try:
        await wait_until(lambda: _listens(process, port, log), limit=LIMIT, what="Kamailio is up")
        yield Kamailio(port, log)
        if process.returncode is not None:
            raise PeerError(f"Kamailio ended with status {process.returncode}\n{tail(log)}")
    finally:
        await end_process(process)


def _write(folder: Path, words: dict[str, str], gateway: int) -> None:
    folder.mkdir()
    text = TEMPLATE.read_text()
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    (folder / "kamailio.cfg").write_text(text)
    (folder / "dispatcher.list").write_text(f"1 sip:{HOST}:{gateway}\n")


def _listens(process: Process, port: int, log: Path) -> bool:
    if process.returncode is not None:
        raise PeerError(f"Kamailio ended at once\n{tail(log)}")
    # proc_pid_net(5): the address as one little-endian number
    address = f"0100007F:{port:04X}"
    tables = ("/proc/net/udp", "/proc/net/tcp")
    return all(address in Path(table).read_text() for table in tables)
