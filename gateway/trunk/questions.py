"""Asks a trunk by OPTIONS, at all of its targets at once: it is there if one of them is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from gateway.trunk.errors import TrunkError
from gateway.trunk.events import Reply
from gateway.trunk.health import TIMEOUT, is_fault
from gateway.trunk.targets import Target

Ask = Callable[[Target], Awaitable[Reply]]


class Questions:
    """The questions that are open.

    Parameters
    ----------
    note
        Is told what came of each target.
    """

    def __init__(self, note: Callable[[Target, Reply], None]) -> None:
        self._note = note
        self._open: set[asyncio.Task[Reply | TrunkError]] = set()

    async def ask_all(
        self, targets: Sequence[Target], ask: Ask, limit: float, until: float
    ) -> Reply:
        """Return the best reply, the first good one at once; the others are waited for aside.

        `until` is when the `limit` is over, in the event loop's time. TrunkError if no target could
        be asked.
        """
        tasks = [asyncio.create_task(self._ask(each, ask, limit, until)) for each in targets]
        self._open.update(tasks)
        for task in tasks:
            task.add_done_callback(self._open.discard)
        replies: list[Reply] = []
        fault = TrunkError("there is no target to be asked")
        try:
            for finished in asyncio.as_completed(tasks):
                reply = await finished
                if isinstance(reply, TrunkError):
                    fault = reply
                    continue
                if is_good(reply):
                    return reply
                replies.append(reply)
        except asyncio.CancelledError:
            for task in tasks:
                task.cancel()
            raise
        if not replies:
            raise fault
        return best(replies)

    async def _ask(
        self, target: Target, ask: Ask, limit: float, until: float
    ) -> Reply | TrunkError:
        try:
            async with asyncio.timeout_at(until):
                reply = await ask(target)
        except TimeoutError:
            reply = Reply(None, f"The trunk did not answer OPTIONS within {limit:g} s.")
        except TrunkError as error:  # it says nothing of the target
            return error
        self._note(target, reply)
        return reply

    async def close(self) -> None:
        """Ask no more."""
        tasks = tuple(self._open)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def is_good(reply: Reply) -> bool:
    """Tell whether somebody is there who does not say himself that he cannot work."""
    return reply.code is not None and reply.code != TIMEOUT and not is_fault(reply.code)


def best(replies: Iterable[Reply]) -> Reply:
    """Return the reply that says most: a status says more than silence."""
    return min(replies, key=lambda each: each.code is None)
