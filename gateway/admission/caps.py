"""The day's minutes and money while the gateway runs: when calls have to end, and what is saved.

`usage` computes; here are the timers. A cap is a cap: calls that run are ended before the step that
would not fit, however many they are.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from gateway.admission.limits import LimitReachedError
from gateway.admission.rates import as_money
from gateway.admission.store import Store
from gateway.admission.usage import Meter, Usage
from gateway.errors import UnavailableError

logger = logging.getLogger(__name__)

# Many calls that begin or end together are looked at once; `usage.MARGIN` has room for it
LOOK_AFTER = 0.05  # seconds

# What a crash may forget
SAVE_AFTER = 1.0  # seconds after a call was placed, answered or ended
SAVE_EVERY = 30.0  # seconds while calls run


class Caps:
    """Watches the caps of the day.

    Parameters
    ----------
    on_reached
        Called with the limit, by its word: the calls that run have to end.
    """

    def __init__(self, usage: Usage, store: Store, on_reached: Callable[[str], None]) -> None:
        self.usage = usage
        self._store = store
        self._on_reached = on_reached
        self._looking: asyncio.TimerHandle | None = None
        self._cap: asyncio.TimerHandle | None = None
        self._saving: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def remember(self) -> None:
        """Go on from what was used before a restart."""
        usage = await self._store.usage()
        if usage is not None:
            self.usage.restore(usage)

    def take(self, to: str) -> Meter:
        """Return the meter of a call that is about to be placed, or raise `LimitReachedError`."""
        try:
            meter = self.usage.take(to)
        except LimitReachedError as error:
            # Short calls may use it up to the last step, and nobody talks when it is reached
            if error.limit == "spend-per-day" and self.usage.is_spent:
                self._on_reached(error.limit)
            raise
        self.changed()
        return meter

    def used_today(self) -> tuple[float, float]:
        """Return the day's minutes and money."""
        state = self.usage.state
        return state.milliseconds / 60_000, float(as_money(state.spend))

    def changed(self) -> None:
        """Look again, soon, when the caps will be reached, and save what is used."""
        loop, rules = asyncio.get_running_loop(), self.usage.rules
        if self._looking is None and (rules.minutes_per_day or rules.spend_per_day):
            self._looking = loop.call_later(LOOK_AFTER, self._look)
        if self._saving is None:
            self._saving = loop.call_later(SAVE_AFTER, self._save)

    def _look(self) -> None:
        self._looking = None
        if self._cap is not None:
            self._cap.cancel()
            self._cap = None
        found = self.usage.next_cap()
        if found is not None:
            seconds, limit = found
            self._cap = asyncio.get_running_loop().call_later(seconds, self._reach, limit)

    def _reach(self, limit: str) -> None:
        self._cap = None
        if self.usage.exhausted_in() == 0.0:
            self._on_reached(limit)
        else:  # midnight has come in between
            self._look()

    def _save(self) -> None:
        self._saving = None
        self.spawn(self._store.save_usage(self.usage.state))
        if self.usage.running:
            self._saving = asyncio.get_running_loop().call_later(SAVE_EVERY, self._save)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Save something beside what goes on; a failure is logged."""
        task = asyncio.create_task(work, name="admission-store")
        self._tasks.add(task)
        task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("what has to outlive a restart was not saved: %s", error)

    async def close(self) -> None:
        """Stop the timers, and save what is used."""
        for timer in (self._looking, self._cap, self._saving):
            if timer is not None:
                timer.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        try:
            await self._store.save_usage(self.usage.state)
        except UnavailableError as error:  # the calls are down all the same
            logger.error("the day's usage was not saved: %s", error)
