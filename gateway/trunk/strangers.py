"""Counts the requests of strangers: scans of the SIP port, and all else that is no call of ours.

A port on the internet gets thousands of them a day. They are no fault of anybody's here, so each is
counted, and a source is logged once a minute.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from gateway.repeats import Repeats
from gateway.trunk.screening import RULES

MOST_LINES: Final = 20  # of all sources together, in a minute
OTHER: Final = "other"  # a method that nobody knows is a stranger's text: no label, no log line


class Strangers:
    """The counter.

    Parameters
    ----------
    clock
        Seconds that only grow, as `time.monotonic`.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._sources = Repeats(clock, lines=MOST_LINES)

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
        earlier = self._sources.add(host)
        if earlier is None:
            return None
        answer = f"answered {code}" if code else "not answered"
        more = f"; {earlier} more requests since the last line about it" if earlier else ""
        return f"{host} sent {method}, which belongs to no call, {answer}{more}"
