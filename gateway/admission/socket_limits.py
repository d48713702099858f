"""How many WebSockets one address may open, and how many messages it may send on all of them.

Those that it opens have a rate, too: each costs a handshake, and one that is closed at once counts
among those that are open for a moment only.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from gateway.admission.address import client_key
from gateway.admission.limits import LimitReachedError, LimitRules
from gateway.admission.pace import spend

BURST = 1.0  # seconds of messages that may come together: a page sends its candidates at once
# All that an address may have open may come back at once after a restart, and again after this time
ALL_ANEW = 2.5  # seconds
FEWEST = (
    50  # that may come at once, also if fewer may be open: a page that is loaded again and again
)

KEPT = 2 * max(BURST, ALL_ANEW)  # seconds after which a bucket is full, with room


class _Client:
    """An address with a socket, or with a bucket that is not full again."""

    __slots__ = ("key", "messages_full_at", "sockets", "sockets_full_at")

    def __init__(self, key: str) -> None:
        self.key = key
        self.sockets = 0
        self.messages_full_at = 0.0
        self.sockets_full_at = 0.0


class SocketLease:
    """An open WebSocket's place among those of its address."""

    __slots__ = ("_client", "_limits")

    def __init__(self, limits: SocketLimits, client: _Client | None) -> None:
        self._limits = limits
        self._client = client  # None: no limit holds

    def message(self) -> bool:
        """Count a message, and return whether the address may send it."""
        return self._client is None or self._limits.message(self._client)

    def release(self) -> None:
        """Give the place back; the second time does nothing."""
        client, self._client = self._client, None
        if client is not None:
            self._limits.close(client)


class SocketLimits:
    """Counts the WebSockets and messages of each address.

    An address keeps its buckets until they are full again after its last socket: one that opens a
    new socket for each burst gets no second burst by that. Memory follows the open sockets, and
    those closed within the last seconds.

    Parameters
    ----------
    rules, clock, exempt
        As for `Limits`.
    """

    def __init__(
        self,
        rules: LimitRules,
        clock: Callable[[], float],
        exempt: Callable[[str], bool] = lambda address: False,
    ) -> None:
        self.rules = rules
        self._clock = clock
        self._exempt = exempt
        self._open: dict[str, _Client] = {}
        self._closed: OrderedDict[str, tuple[_Client, float]] = OrderedDict()  # since when

    def __len__(self) -> int:
        """Return how many addresses are remembered."""
        return len(self._open) + len(self._closed)

    def take(self, address: str) -> SocketLease:
        """Count a socket, and return its place.

        Raises
        ------
        LimitReachedError
            The address has as many as it may have, or has opened too many just now.
        """
        self._forget()
        if self._exempt(address):
            return SocketLease(self, None)
        key = client_key(address)
        client = self._open.get(key)
        if client is None:
            client, _ = self._closed.pop(key, (_Client(key), 0.0))
        try:
            self._admit(client)
        finally:
            if client.sockets:
                self._open[key] = client
            else:
                self._closed[key] = (client, self._clock())
        return SocketLease(self, client)

    def _admit(self, client: _Client) -> None:
        """Count a socket of the client's, if it may have one more."""
        most = self.rules.websockets_per_address
        if not most:
            client.sockets += 1
            return
        if client.sockets >= most:
            raise LimitReachedError(
                "websockets-per-address",
                f"this address has {client.sockets} WebSockets open: at most {most} are allowed",
            )
        burst = max(most, FEWEST)
        rate = burst / ALL_ANEW
        client.sockets_full_at, may = spend(client.sockets_full_at, self._clock(), rate, burst)
        if not may:
            raise LimitReachedError(
                "websockets-per-second-per-address",
                f"this address opens WebSockets too fast: {rate:g} a second are allowed",
            )
        client.sockets += 1

    def message(self, client: _Client) -> bool:
        """Take one message out of the client's bucket, if there is one."""
        rate = self.rules.messages_per_second_per_address
        if not rate:
            return True
        now, most = self._clock(), rate * BURST
        client.messages_full_at, may = spend(client.messages_full_at, now, rate, most)
        return may

    def close(self, client: _Client) -> None:
        """Take one socket off the client's count."""
        client.sockets -= 1
        if not client.sockets:
            del self._open[client.key]
            self._closed[client.key] = (client, self._clock())
        self._forget()

    def _forget(self) -> None:
        now = self._clock()
        while self._closed:
            key = next(iter(self._closed))
            # Never in the future, else a clock that went back keeps them all
            if 0 <= now - self._closed[key][1] < KEPT:
                return
            del self._closed[key]
