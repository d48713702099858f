"""The way to one trunk's registrar: between its registration and the SIP thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from gateway.trunk.address import Route, parse_trunk, route_to
from gateway.trunk.config import Trunk
from gateway.trunk.registration import Outcome
from gateway.trunk.targets import Target

if TYPE_CHECKING:
    from gateway.trunk.account import Account
    from gateway.trunk.stack import Stack

Incoming = Callable[["Account", int, str, str], None]
Locate = Callable[[], Awaitable[tuple[Target, ...]]]

log = logging.getLogger(__name__)

# What a call waits where another trunk is behind: four sendings over UDP (0, 0.5, 1.5 and 3.5 s)
NEXT_AFTER: Final = 4.0  # seconds
UNAVAILABLE: Final = 503


class Registrar:
    """Sends REGISTER for one trunk.

    Parameters
    ----------
    locate
        Returns where the trunk's name leads now, the best target first.
    on_failed
        Is told of a target that does not answer, or says 503.

    Attributes
    ----------
    target
        Where we are registered, and its calls go then, too; None while we are not.
    """

    def __init__(
        self,
        stack: Stack,
        trunk: Trunk,
        locate: Locate,
        incoming: Incoming,
        on_failed: Callable[[Target, int | None], None],
    ) -> None:
        self.target: Target | None = None
        self._stack = stack
        self._trunk = trunk
        self._uri = parse_trunk(trunk.uri)
        self._locate = locate
        self._incoming = incoming
        self._on_failed = on_failed
        self._route: Route | None = None

    async def register(self, tell: Callable[[Outcome], None]) -> None:
        """Send a REGISTER to where the trunk's name leads now. TrunkError if that cannot be.

        A target that does not answer in four seconds, or says 503, is left for the next one.
        """
        self.target = None
        *others, last = await self._locate()
        for target in others:
            outcome = await self._settled(target, tell)
            if outcome is not None and outcome.code not in (0, UNAVAILABLE):
                return
            self._on_failed(target, outcome.retry_after if outcome is not None else None)
            log.info(
                "trunk %s: %s does not register us, the next is tried", self._trunk.name, target
            )
        await self._send(last, tell)

    async def _settled(self, target: Target, tell: Callable[[Outcome], None]) -> Outcome | None:
        """Register at one of several targets; return what came of it, None if nothing in time."""
        first: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def hear(outcome: Outcome) -> None:
            if first.done():  # refreshes are told as they come
                tell(outcome)
                return
            first.set_result(outcome)
            if outcome.code not in (0, UNAVAILABLE):
                tell(outcome)

        await self._send(target, hear)
        try:
            async with asyncio.timeout(NEXT_AFTER):
                return await first
        except TimeoutError:
            return None

    async def _send(self, target: Target, tell: Callable[[Outcome], None]) -> None:
        before, self._route = self._route, route_to(self._trunk, self._uri, target)
        route = self._route

        def hear(outcome: Outcome) -> None:
            if route == self._route:  # else it was left for another target
                self.target = target if outcome.registered else None
                tell(outcome)

        def send() -> None:
            if before is not None and before != route and before in self._stack.accounts:
                self._stack.accounts[before].release()
            account = self._stack.account(route, self._incoming)
            account.register(partial(self._stack.tell, hear))

        await self._stack.run(send)

    async def withdraw(self) -> None:
        """Take the registration back, and wait for the answer."""
        self.target = None
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def hear(_: Outcome) -> None:
            if not answered.done():
                answered.set_result(None)

        def send() -> bool:
            account = self._stack.accounts.get(self._route) if self._route is not None else None
            return account is not None and account.unregister(partial(self._stack.tell, hear))

        def release() -> None:
            if self._route is not None and (account := self._stack.accounts.get(self._route)):
                account.release()

        try:
            if await self._stack.run(send):
                await answered
        finally:
            self._stack.post(release)
