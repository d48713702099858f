"""How many WebSockets one address may open, and how many messages it may send on all of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from gateway.admission.address import client_key
from gateway.admission.limits import LimitReachedError, LimitRules

BURST = 1.0  # seconds of messages that may come together: a page sends its candidates at once


class _Client:
    """An address with a socket, or with a bucket that is not full again.

    The bucket is kept as the time at which it will be full (GCRA, as ITU-T I.371 has it): one
    number, and nothing to fill while nobody sends.
    """

    __slots__ = ("full_at", "key", "sockets")

    def __init__(self, key: str) -> None:
        self.key = key
        self.sockets = 0
        self.full_at = 0.0


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

    An address keeps its bucket for `BURST` seconds after its last socket: one that opens a new
    socket for each burst gets no second burst by that. Memory follows the open sockets, and those
    closed within the last second.

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
            The address has as many as it may have.
        """
        self._forget()
        if self._exempt(address):
            return SocketLease(self, None)
        key = client_key(address)
        most = self.rules.websockets_per_address
        client = self._open.get(key)
        if client is not None and 0 < most <= client.sockets:
            raise LimitReachedError(
                "websockets-per-address",
                f"this address has {client.sockets} WebSockets open: at most {most} are allowed",
            )
        if client is None:
            client, _ = self._closed.pop(key, (_Client(key), 0.0))
            self._open[key] = client
        client.sockets += 1
        return SocketLease(self, client)

    def message(self, client: _Client) -> bool:
        """Take one message out of the client's bucket, if there is one."""
        rate = self.rules.messages_per_second_per_address
        if not rate:
            return True
        now = self._clock()
        # A clock that went back must not lock anybody out for the difference
        client.full_at = min(max(client.full_at, now), now + BURST)
        # Sums of 1 / rate are not exact: half a message is room enough for that
        if client.full_at + 0.5 / rate > now + BURST:
            return False
        client.full_at += 1 / rate
        return True

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
            if 0 <= now - self._closed[key][1] < 2 * BURST:
                return
            del self._closed[key]
