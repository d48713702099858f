"""Keeps us registered with a trunk (RFC 3261 section 10), however often it refuses.

The engine refreshes a registration before it ends, and answers challenges; it gives up at the first
refusal. When and how often to try again is decided here.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from gateway.trunk.errors import TrunkError

log = logging.getLogger(__name__)

FIRST_WAIT: Final = 5.0  # seconds
LONGEST_WAIT: Final = 600.0
MOST_DOUBLINGS: Final = 16
FAREWELL: Final = 2.0  # seconds for the trunk to answer that we are gone
GONE: Final = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one REGISTER: a final status, 0 where there was none, and for how long."""

    code: int
    reason: str
    expires: int = GONE
    retry_after: int | None = None

    @property
    def registered(self) -> bool:
        """Tell whether the trunk knows us now."""
        return 200 <= self.code < 300 and self.expires > GONE


@dataclass(frozen=True, slots=True)
class RegistrationState:
    """How we stand with a trunk's registrar.

    Parameters
    ----------
    registered
        Whether it knows us; it is refreshed before `until`, on the clock that was given.
    code, reason
        Of its last answer; the code is 0 where none came.
    failures
        In a row. After each there is another try, at `again` on the clock.
    """

    registered: bool
    code: int
    reason: str
    until: float | None = None
    failures: int = 0
    again: float | None = None

    @property
    def sentence(self) -> str:
        """Say it for a person."""
        if self.registered:
            return "The trunk has registered us."
        if not self.code:
            return f"Registration has failed: {self.reason}"
        return f"The trunk refuses our registration: {self.code} {self.reason}".rstrip() + "."


def back_off(failures: int, retry_after: int | None, chance: float) -> float:
    """Return how many seconds to wait after so many failures in a row.

    Doubled each time, and somewhere between half of that and all, so that those whom a registrar's
    fall has thrown out do not come back at once (RFC 5626 section 4.5). `chance` is from 0 to 1. A
    Retry-After is kept, up to the longest wait.
    """
    longest = min(FIRST_WAIT * 2.0 ** min(failures, MOST_DOUBLINGS), LONGEST_WAIT)
    own = longest * (0.5 + 0.5 * chance)
    return max(own, min(retry_after or 0, LONGEST_WAIT))


class Registration:
    """One registration, with the task that keeps it. `close` it: nobody else does.

    Parameters
    ----------
    attempt
        Sends a REGISTER. It is given what takes the outcome, of this one and of every refresh until
        one fails.
    withdraw
        Takes the registration back, if there is one; returns when the trunk has answered.
    notify
        Is told the state after every answer of the trunk's.
    wait
        Returns the seconds after so many failures, the last with that Retry-After.
    """

    def __init__(
        self,
        attempt: Callable[[Callable[[Outcome], None]], Awaitable[None]],
        withdraw: Callable[[], Awaitable[None]],
        notify: Callable[[RegistrationState], None],
        *,
        wait: Callable[[int, int | None], float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state: RegistrationState | None = None  # None until the trunk has said something
        self._attempt = attempt
        self._withdraw = withdraw
        self._notify = notify
        self._wait = wait or (lambda failures, after: back_off(failures, after, random.random()))
        self._clock = clock
        self._outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
        self._closing: asyncio.Task[None] | None = None
        self._task = asyncio.create_task(self._keep())

    @property
    def closed(self) -> bool:
        """Whether it is taken back, or on its way to be."""
        return self._closing is not None

    async def close(self) -> None:
        """Stop, and tell the trunk that we are gone; it has two seconds to answer. Idempotent.

        Whoever waits no longer does not call it off.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        try:
            async with asyncio.timeout(FAREWELL):
                await self._withdraw()
        except (TimeoutError, TrunkError) as error:
            log.info("a registration was not taken back: %s", error or "no answer")

    async def _keep(self) -> None:
        failures = 0
        while True:
            outcome = await self._try()
            while outcome.registered:
                failures = 0
                until = self._clock() + outcome.expires
                self._tell(RegistrationState(True, outcome.code, outcome.reason, until))
                outcome = await self._outcomes.get()
            failures += 1
            pause = self._wait(failures, outcome.retry_after)
            again = self._clock() + pause
            self._tell(
                RegistrationState(False, outcome.code, outcome.reason, None, failures, again)
            )
            await asyncio.sleep(pause)

    async def _try(self) -> Outcome:
        with suppress(asyncio.QueueEmpty):
            while True:
                self._outcomes.get_nowait()
        try:
            await self._attempt(self._outcomes.put_nowait)
        except TrunkError as error:
            return Outcome(0, str(error))
        return await self._outcomes.get()

    def _tell(self, state: RegistrationState) -> None:
        self.state = state
        try:
            self._notify(state)
        except Exception:
            log.exception("a registration's news could not be told")
