"""The pages on which one call rings, and what they say: of a trunk's call, or one handed over."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

from gateway.calls.ring import Caller, Ring, said_by
from gateway.errors import CapacityError, GatewayError, LimitError

if TYPE_CHECKING:
    from gateway.calls.directory import Page
    from gateway.calls.end import CallEnd

logger = logging.getLogger(__name__)

R = TypeVar("R", bound=Ring)


class Rings(Generic[R]):
    """Those of one call; iterates over the ones that ring still.

    Parameters
    ----------
    besides
        Pages that are not rung.
    """

    def __init__(self, caller: Caller, *besides: Page) -> None:
        self._caller = caller
        self._rung = set(besides)  # also those on which it rings no more
        self._live: list[R] = []
        self._rejections: set[int] = set()

    def __iter__(self) -> Iterator[R]:
        return iter(tuple(self._live))

    def __bool__(self) -> bool:
        return bool(self._live)

    def may_ring(self, page: Page) -> bool:
        """Whether it has not rung there: a page may register once more."""
        return page not in self._rung

    def begin(self, page: Page, ring: R) -> bool:
        """Ring a page, if it may be rung; false if it has too many calls."""
        try:
            ring.tell = page.ring(ring)
        except GatewayError as error:
            logger.info("call %s: a page is not rung: %s", self._caller.call, error)
            return not isinstance(error, LimitError | CapacityError)
        self._live.append(ring)
        self._rung.add(page)
        return True

    def note_rejection(self, code: int) -> None:
        """Remember what a page has rejected the call with."""
        self._rejections.add(code)

    @property
    def rejection(self) -> int | None:
        """The status that pages reject the call with; None where none of them has."""
        return said_by(self._rejections)

    def silence(self, ring: Ring, end: CallEnd) -> bool:
        """Ring on one page no more; return whether it was the last."""
        live = [each for each in self._live if each is not ring]
        if len(live) == len(self._live):
            return False
        self._live = live
        ring.close(end, self._caller.trunk)
        return not live

    def keep(self, *rings: R) -> None:
        """Count these alone from now on; the others are told by whoever keeps these."""
        self._live = list(rings)
