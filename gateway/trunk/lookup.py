"""Finds a trunk's address by its name, in a thread that nobody has to wait for.

A lookup cannot be canceled: the C library returns when its resolver does, after half a minute if
the name server is gone. In the event loop's own executor it would hold up the end of the process
for as long; in a daemon thread only the lookup itself is late.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from ipaddress import IPv4Address
from typing import Final

from gateway.trunk.address import TrunkUri
from gateway.trunk.errors import TrunkError

LOOKUP_LIMIT: Final = 5.0  # seconds: one retry of the C library's resolver

Answer = str | Exception  # an IPv4 address, or why there is none


class Resolver:
    """Looks trunks up. Calls that ask for the same one at the same time share a thread."""

    def __init__(self, limit: float = LOOKUP_LIMIT) -> None:
        self._limit = limit
        self._asked: dict[TrunkUri, asyncio.Future[Answer]] = {}

    async def resolve(self, trunk: TrunkUri) -> str:
        """Return the IPv4 address of the trunk; TrunkError if there is none in time."""
        with suppress(ValueError):
            return str(IPv4Address(trunk.host))
        pending = self._asked.get(trunk) or self._ask(trunk)
        try:
            async with asyncio.timeout(self._limit):
                answer = await asyncio.shield(pending)
        except TimeoutError:
            raise TrunkError(
                f"the trunk's host {trunk.host!r} was not resolved within {self._limit:g} s"
            ) from None
        if isinstance(answer, Exception):
            raise TrunkError(f"the trunk's host {trunk.host!r} has no address: {answer}")
        return answer

    def _ask(self, trunk: TrunkUri) -> asyncio.Future[Answer]:
        loop = asyncio.get_running_loop()
        pending = self._asked[trunk] = loop.create_future()

        def settle(answer: Answer) -> None:
            del self._asked[trunk]
            pending.set_result(answer)

        def work() -> None:
            answer = look_up(trunk)
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(settle, answer)

        threading.Thread(target=work, name=f"lookup {trunk.host}", daemon=True).start()
        return pending


def look_up(trunk: TrunkUri) -> Answer:
    """Ask the C library for the address, for as long as that takes."""
    kind = socket.SOCK_STREAM if trunk.transport == "tcp" else socket.SOCK_DGRAM
    try:
        found = socket.getaddrinfo(trunk.host, trunk.port, family=socket.AF_INET, type=kind)
    except (OSError, UnicodeError) as error:  # the latter for a label of over 63 characters
        return error
    return str(found[0][4][0])
