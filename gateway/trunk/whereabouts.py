"""Keeps finding out where the trunks are, so that their calls are known by their addresses.

Whoever calls a trunk, or asks it by OPTIONS, learns where its name leads. A trunk that is neither
called nor asked would be a stranger by any address of its name.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from gateway.trunk.config import Trunk
from gateway.trunk.errors import TrunkError

log = logging.getLogger(__name__)

INTERVAL: Final = 60.0  # seconds; a name that moves is followed as soon as by most OPTIONS


class Whereabouts:
    """The task that looks, until it is closed.

    Parameters
    ----------
    find
        Finds the addresses of a trunk and notes them; TrunkError if it cannot.
    """

    def __init__(
        self,
        trunks: Sequence[Trunk],
        find: Callable[[Trunk], Awaitable[object]],
        *,
        interval: float = INTERVAL,
    ) -> None:
        self._find = find
        self._interval = interval
        self._lost: set[str] = set()
        self._tasks = [
            asyncio.create_task(self._follow(trunk), name=f"whereabouts {trunk.name}")
            for trunk in trunks
        ]

    async def _follow(self, trunk: Trunk) -> None:
        while True:
            await self._look(trunk)
            await asyncio.sleep(self._interval)

    async def _look(self, trunk: Trunk) -> None:
        try:
            await self._find(trunk)
        except TrunkError as error:
            if trunk.name not in self._lost:  # once, and not each minute
                log.warning("calls from the trunk %s may get no answer: %s", trunk.name, error)
            self._lost.add(trunk.name)
        except Exception:  # else nobody would look for this trunk again, and nobody know of it
            log.exception("where the trunk %s is could not be found out", trunk.name)
        else:
            self._lost.discard(trunk.name)

    async def close(self) -> None:
        """Look no more."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
