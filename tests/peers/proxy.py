"""Kamailio as the proxy and registrar of a trunk, with two phones behind it that a test plays."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.peers.host import HOST
from tests.peers.kamailio import run_program
from tests.peers.ports import free_port
from tests.peers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.peers.authority import Pair

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
    port = free_port()
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
    async with run_program(folder, _write(folder, words), port) as log:
        yield Kamailio(port, log)


def _write(folder: Path, words: dict[str, str]) -> str:
    """Write whom it watches; return the configuration, with these words in their places."""
    folder.mkdir()
    (folder / "dispatcher.list").write_text(f"1 sip:{HOST}:{words['GATEWAY']}\n")
    text = TEMPLATE.read_text()
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text
