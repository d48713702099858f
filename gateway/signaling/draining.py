"""Tells pages that no new call is taken: those that are there, and those that come meanwhile.

They may go elsewhere once their calls are over, and say so to a person before one is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Protocol


class Told(Protocol):
    """A page's session."""

    def tell_draining(self, seconds: float) -> None:
        """Say that calls that run may go on for so long, and that no other is taken."""


class Draining:
    """Who is to be told, and what."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._until: float | None = None
        self._pages: dict[Told, None] = {}

    @property
    def left(self) -> float | None:
        """Seconds until the calls that run are ended; None while calls are taken."""
        return None if self._until is None else max(0.0, self._until - self._clock())

    def begin(self, seconds: float) -> None:
        """Tell everybody."""
        self._until = self._clock() + seconds
        for page in tuple(self._pages):
            page.tell_draining(seconds)

    def enter(self, page: Told) -> None:
        """Take in a page that has been welcomed; the second time does nothing."""
        if page in self._pages:
            return
        self._pages[page] = None
        if (left := self.left) is not None:
            page.tell_draining(left)

    def leave(self, page: Told) -> None:
        """Forget a page, if it is known."""
        self._pages.pop(page, None)
