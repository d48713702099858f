"""Which refused calls are rows: all, but for a flood.

Whoever is refused may ask again a hundred times a second, for days: gigabytes of rows, on the disk
that admission's memory needs. The log and the audit file are bounded likewise (gateway/repeats.py).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from gateway.admission.address import client_key
from gateway.admission.pace import spend

# No person and no page comes to it; somebody who tries every number does, and is seen by then
AT_ONCE_OF_ONE: Final = 1000
A_SECOND_OF_ONE: Final = 1.0  # 80 MB a day
# Of all together, from however many addresses
AT_ONCE: Final = 10_000
A_SECOND: Final = 10.0
MOST_CLIENTS: Final = 1000


class Refusals:
    """Counts refused calls by the client.

    Parameters
    ----------
    clock
        Seconds of a clock that does not jump (time.monotonic).
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._clients: OrderedDict[str, float] = OrderedDict()  # when the bucket of each is full
        self._all = 0.0

    def take(self, client: str) -> bool:
        """Count a refused call; return whether it is to be a row.

        Parameters
        ----------
        client
            An address, of which all of a network count as one, or another name of who calls.
        """
        now, client = self._clock(), client_key(client)
        full_at, may = spend(self._clients.get(client, 0.0), now, A_SECOND_OF_ONE, AT_ONCE_OF_ONE)
        self._clients[client] = full_at
        self._clients.move_to_end(client)
        if len(self._clients) > MOST_CLIENTS:
            self._clients.popitem(last=False)  # the one that has been silent for the longest
        if may:
            self._all, may = spend(self._all, now, A_SECOND, AT_ONCE)
        return may
