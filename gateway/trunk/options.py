"""Asks trunks by OPTIONS: the way of a question from the event loop to the SIP thread and back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from gateway.trunk.address import Route, TrunkUri, parse_trunk, route_to, trunk_uri
from gateway.trunk.config import Trunk
from gateway.trunk.errors import TrunkError, TrunkLookupError
from gateway.trunk.events import Reply
from gateway.trunk.locating import TrunkLocator
from gateway.trunk.questions import Questions
from gateway.trunk.targets import Target

if TYPE_CHECKING:
    from gateway.trunk.account import Account
    from gateway.trunk.stack import Stack

NOBODY_THERE: Final = Reply(None, "Nobody listens at the trunk's port.")


class Options:
    """The questions of one endpoint.

    Parameters
    ----------
    keys
        Names each question in the SIP thread.
    arrive
        Takes calls that come by the accounts which questions need, too.
    """

    def __init__(
        self,
        trunks: TrunkLocator,
        keys: Iterator[int],
        arrive: Callable[[Stack, Account, int, str, str], None],
    ) -> None:
        self._trunks = trunks
        self._keys = keys
        self._arrive = arrive
        self._questions = Questions(trunks.failures.replied)
        self._asking: set[Callable[[Reply], None]] = set()

    async def inquire(self, stack: Stack, trunk: Trunk, timeout: float) -> Reply:
        """Ask all targets of a trunk: see `TrunkEndpoint.inquire`."""
        if stack.stock:
            raise TrunkError(
                "the stock engine cannot ask a trunk by OPTIONS: build the engine by `make engine`"
            )
        parsed = parse_trunk(trunk.uri)
        until = asyncio.get_running_loop().time() + timeout
        try:
            async with asyncio.timeout_at(until):
                targets = await self._trunks.targets(trunk)
        except TimeoutError:
            return Reply(None, f"The trunk's name was not resolved within {timeout:g} s.")
        except TrunkLookupError as error:
            return Reply(None, f"{error}")

        async def ask(target: Target) -> Reply:
            return await self._question(stack, route_to(trunk, parsed, target), parsed, target)

        return await self._questions.ask_all(targets, ask, timeout, until)

    async def _question(self, stack: Stack, route: Route, trunk: TrunkUri, target: Target) -> Reply:
        key = next(self._keys)
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def settle(heard: Reply) -> None:
            if not reply.done():
                reply.set_result(heard)

        def ask() -> None:
            account = stack.account(route, partial(self._arrive, stack))
            account.ask(key, trunk_uri(trunk), partial(stack.tell, settle))

        def forget() -> None:
            if account := stack.accounts.get(route):
                account.forget(key)

        self._asking.add(settle)
        knocker = self._trunks.knocker(target)
        knock = knocker(lambda: settle(NOBODY_THERE)) if knocker else None
        try:
            await stack.run(ask)
            return await reply
        finally:
            if knock is not None:
                knock.close()
            self._asking.discard(settle)
            stack.post(forget)

    def give_up(self, why: str) -> None:
        """Answer every open question by a sentence."""
        for settle in list(self._asking):
            settle(Reply(None, why))

    async def close(self) -> None:
        """Ask no more."""
        await self._questions.close()
