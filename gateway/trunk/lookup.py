"""Finds addresses by name, in threads that nobody has to wait for.

A lookup cannot be canceled: the C library returns when its resolver does, after half a minute if
the name server is gone. In the event loop's own executor it would hold up the end of the process
for as long; in a daemon thread only the lookup itself is late.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from ipaddress import ip_address
from typing import Final

from gateway.trunk.errors import TrunkLookupError

LOOKUP_LIMIT: Final = 5.0  # seconds: one retry of the C library's resolver
MOST_LOOKUPS: Final = 100  # at a time; each is a thread, and descriptions can name what they like

Answer = str | Exception  # an address, or why there is none
Question = tuple[str, int]  # a name, and the version of IP


class Resolver:
    """Looks names up. Calls that ask for the same one at the same time share a thread."""

    def __init__(self) -> None:
        self._asked: dict[Question, asyncio.Future[Answer]] = {}

    async def resolve(
        self, host: str, what: str, *, version: int = 4, limit: float = LOOKUP_LIMIT
    ) -> str:
        """Return the address of a host, which may be one already.

        Parameters
        ----------
        what
            Names the host in errors, as "the trunk's host".
        version
            Of IP: 4 or 6.
        limit
            Seconds until a name that has not been found counts as one without an address.

        Raises
        ------
        TrunkLookupError
            When there is no address in time; it says which name.
        """
        with suppress(ValueError):
            return str(ip_address(host))
        pending = self._asked.get((host, version))
        if pending is None:
            if len(self._asked) >= MOST_LOOKUPS:
                raise TrunkLookupError(
                    f"{what} {host!r} was not resolved: too many names wait for it"
                )
            pending = self._ask((host, version))
        try:
            async with asyncio.timeout(limit):
                answer = await asyncio.shield(pending)
        except TimeoutError:
            raise TrunkLookupError(f"{what} {host!r} was not resolved within {limit:g} s") from None
        if isinstance(answer, Exception):
            raise TrunkLookupError(f"{what} {host!r} has no address: {answer}")
        return answer

    def _ask(self, question: Question) -> asyncio.Future[Answer]:
        loop = asyncio.get_running_loop()
        pending = self._asked[question] = loop.create_future()

        def settle(answer: Answer) -> None:
            del self._asked[question]
            pending.set_result(answer)

        def work() -> None:
            answer = look_up(*question)
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(settle, answer)

        try:
            threading.Thread(target=work, name=f"lookup {question[0]}", daemon=True).start()
        except RuntimeError as error:  # the process has as many as it may
            settle(error)
        return pending


def look_up(host: str, version: int) -> Answer:
    """Ask the C library for the address, for as long as that takes."""
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    try:
        found = socket.getaddrinfo(host, None, family=family, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:  # the latter for a label of over 63 characters
        return error
    return str(found[0][4][0])
