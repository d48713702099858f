"""The end of systemd that hears sd_notify(3): a datagram socket, by a path or an abstract name."""

from __future__ import annotations

import asyncio
import socket
from typing import Self


class Systemd:
    """Listens at `address` until the block is left."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)
        self._socket.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def heard(self) -> list[str]:
        """Return the lines of a message that has come already."""
        return self._socket.recv(4096).decode().split("\n")

    async def hears(self, limit: float = 5.0) -> list[str]:
        """Wait for the next message; TimeoutError when none comes."""
        async with asyncio.timeout(limit):
            message = await asyncio.get_running_loop().sock_recv(self._socket, 4096)
        return message.decode().split("\n")

    async def hears_of(self, line: str, limit: float = 5.0) -> None:
        """Wait for a message with this line, whatever comes before."""
        async with asyncio.timeout(limit):
            while line not in await self.hears(limit):
                pass
