"""The way to one trunk's registrar: between its registration and the SIP thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from gateway.trunk.address import Route, parse_trunk, route_to
from gateway.trunk.config import Trunk
from gateway.trunk.registration import Outcome
from gateway.trunk.targets import Target

if TYPE_CHECKING:
    from gateway.trunk.account import Account
    from gateway.trunk.stack import Stack

Incoming = Callable[["Account", int, str, str], None]
Locate = Callable[[], Awaitable[tuple[Target, ...]]]


class Registrar:
    """Sends REGISTER for one trunk.

    Attributes
    ----------
    target
        Where we are registered, and its calls go then, too; None while we are not.
    """

    def __init__(self, stack: Stack, trunk: Trunk, locate: Locate, incoming: Incoming) -> None:
        self.target: Target | None = None
        self._stack = stack
        self._trunk = trunk
        self._uri = parse_trunk(trunk.uri)
        self._locate = locate
        self._incoming = incoming
        self._route: Route | None = None

    async def register(self, tell: Callable[[Outcome], None]) -> None:
        """Send a REGISTER to where the trunk's name leads now. TrunkError if that cannot be."""
        self.target = None
        target, *_ = await self._locate()
        before, self._route = self._route, route_to(self._trunk, self._uri, target)
        route = self._route

        def hear(outcome: Outcome) -> None:
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
