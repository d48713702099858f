"""A fault that repeats is logged once a second, with a count: the clock ticks 200 times in that."""

from __future__ import annotations

import logging
from time import monotonic

PERIOD = 1.0  # seconds


class OncePerSecond:
    """Logs faults of the exception that is being handled, once per cause and second."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._told: dict[str, float] = {}
        self._untold: dict[str, int] = {}

    def log(self, what: str) -> None:
        """Log that this went wrong, unless it was logged just now."""
        now = monotonic()
        if now - self._told.get(what, float("-inf")) < PERIOD:
            self._untold[what] = self._untold.get(what, 0) + 1
            return
        self._told[what] = now
        more = self._untold.pop(what, 0)
        self._logger.error("%s%s", what, f" ({more} times more)" if more else "", exc_info=True)
