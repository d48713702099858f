"""Counts the requests of strangers: scans of the SIP port, and all else that is no call of ours.

A port on the internet gets thousands of them a day. They are no fault of anybody's here, so each is
counted, and a source is logged once a minute. Memory and log stay bounded whatever addresses the
requests claim to come from: a UDP source is easily forged.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.trunk.screening import RULES

MOST_SOURCES: Final = 1000
INTERVAL: Final = 60.0  # seconds between two lines about a source
MOST_LINES: Final = 20  # of all sources together, in such an interval
OTHER: Final = "other"  # a method that nobody knows is a stranger's text: no label, no log line


@dataclass(slots=True)
class _Source:
    due: float  # when it may be logged again
    unlogged: int = 0


class Strangers:
    """The counter.

    Parameters
    ----------
    clock
        Seconds that only grow, as `time.monotonic`.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._counts: Counter[tuple[str, str]] = Counter()
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._lines = 0
        self._window_ends = 0.0

    @property
    def counts(self) -> dict[tuple[str, str], int]:
        """Requests so far by method and answer (a status, or `none`); may be read in any thread."""
        return dict(self._counts)

    def add(self, host: str, method: str, code: int) -> str | None:
        """Count a request; return the line to log, if one is due.

        Parameters
        ----------
        host
            The address that it came from, without the port: scanners change theirs.
        code
            How it was answered; 0 for no answer.
        """
        method = method if method in RULES else OTHER
        self._counts[method, str(code) if code else "none"] += 1
        now = self._clock()
        source = self._source(host, now)
        if now < source.due or not self._may_log(now):
            source.unlogged += 1
            return None
        earlier, source.unlogged, source.due = source.unlogged, 0, now + INTERVAL
        answer = f"answered {code}" if code else "not answered"
        more = f"; {earlier} more requests since the last line about it" if earlier else ""
        return f"{host} sent {method}, which belongs to no call, {answer}{more}"

    def _source(self, host: str, now: float) -> _Source:
        source = self._sources.setdefault(host, _Source(now))
        self._sources.move_to_end(host)
        if len(self._sources) > MOST_SOURCES:
            self._sources.popitem(last=False)  # the one that has been silent for the longest
        return source

    def _may_log(self, now: float) -> bool:
        if now >= self._window_ends:
            self._lines, self._window_ends = 0, now + INTERVAL
        self._lines += 1
        return self._lines <= MOST_LINES
