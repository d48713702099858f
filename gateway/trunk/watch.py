"""Watches one trunk: asks it by OPTIONS, keeps it registered, and tells when its state changes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Final

from gateway.trunk.config import Trunk
from gateway.trunk.errors import TrunkError
from gateway.trunk.events import Ended
from gateway.trunk.health import Health, TrunkState
from gateway.trunk.registration import Registration, RegistrationState

if TYPE_CHECKING:
    from gateway.trunk.endpoint import TrunkEndpoint

log = logging.getLogger(__name__)

REPLY_LIMIT: Final = 4.0  # seconds for an OPTIONS: it is sent at 0, 0.5, 1.5 and 3.5 s
SHORTEST_NAP: Final = 1.0  # seconds between two OPTIONS, however many calls fail

OnChange = Callable[[Trunk, TrunkState], None]


class TrunkWatch:
    """One trunk's health, and the task that looks after it. Whoever opens it closes it.

    `on_change` is told, in the event loop, whenever `up` changes; the first time it becomes known,
    too. Calls are told to it by `call_answered` and `call_ended`.
    """

    def __init__(
        self,
        endpoint: TrunkEndpoint,
        trunk: Trunk,
        on_change: OnChange,
        *,
        clock: Callable[[], float] = time.monotonic,
        reply_limit: float = REPLY_LIMIT,
    ) -> None:
        self.trunk = trunk
        self.health = Health(clock, asks=trunk.options > 0)
        self._endpoint = endpoint
        self._on_change = on_change
        self._reply_limit = reply_limit
        self._asks = trunk.options > 0
        self._asked_in_vain = False
        self._told = self.health.up
        self._wake = asyncio.Event()
        self._registration: Registration | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def registration(self) -> RegistrationState | None:
        """How we stand with its registrar; None without one, and before its first answer."""
        return self._registration.state if self._registration is not None else None

    async def open(self) -> None:
        """Begin; TrunkError if the endpoint is not in service, or the trunk is misconfigured."""
        if self.trunk.register:
            self._registration = self._endpoint.register(self.trunk, self._registered)
        self._task = asyncio.create_task(self._watch(), name=f"watch {self.trunk.name}")

    async def close(self) -> None:
        """Stop, and end the registration. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._registration is not None:
            await self._registration.close()

    async def __aenter__(self) -> TrunkWatch:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    # -- what is told

    def call_answered(self) -> None:
        """Take that a call by this trunk was answered."""
        self.health.call_answered()
        self._tell()

    def call_ended(self, end: Ended) -> None:
        """Take the end of a call by this trunk; one that it has failed makes us ask at once."""
        if self.health.call_ended(end) or self.health.pause:
            self._wake.set()
        self._tell()

    def _registered(self, state: RegistrationState) -> None:
        self.health.registered(state)
        self._tell()

    def _tell(self) -> None:
        state = self.health.state
        if state.up is self._told:
            return
        self._told = state.up
        try:
            self._on_change(self.trunk, state)
        except Exception:
            log.exception("the state of trunk %s could not be told", self.trunk.name)

    # -- the task

    async def _watch(self) -> None:
        while True:
            self._wake.clear()
            if self._asks:
                await self._ask()
            self._tell()
            await self._nap()

    async def _ask(self) -> None:
        try:
            reply = await self._endpoint.inquire(self.trunk, self._reply_limit)
        except TrunkError as error:  # it says nothing of the trunk, and the next time neither
            level = logging.DEBUG if self._asked_in_vain else logging.INFO
            log.log(level, "trunk %s cannot be asked: %s", self.trunk.name, error)
            self._asked_in_vain = True
        else:
            self.health.replied(reply)

    async def _nap(self) -> None:
        """Wait until it is time to ask again, a call has failed, or a pause is over."""
        if self._asks:
            await asyncio.sleep(min(SHORTEST_NAP, self.trunk.options))
        limits = [self.trunk.options - SHORTEST_NAP] if self._asks else []
        if self._asks and self.health.unsure:
            limits = [0.0]
        if self.health.pause:
            limits.append(self.health.pause)
        with suppress(TimeoutError):
            async with asyncio.timeout(min(limits, default=None)):
                await self._wake.wait()
