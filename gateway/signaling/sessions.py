"""The sessions that a client can come back to: each outlives its WebSocket for a while.

A resume token is looked up by its hash, so that how long that takes says nothing of the token.
Whatever keeps a session without a socket is bounded: the time, how many there are, and how many of
them one address may have.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import Literal, NamedTuple, Protocol

from gateway.admission.address import client_key

logger = logging.getLogger(__name__)

# Hashes of tokens, so that a client that is too late hears that, and not that it made one up
ENDED_KEPT = 4096

Lookup = Literal["over", "unknown"]


class Kept(Protocol):
    """A session."""

    id: str
    token: str

    @property
    def address(self) -> str:
        """Where its last socket came from."""

    @property
    def has_calls(self) -> bool: ...

    async def close(self, reason: str) -> None:
        """End every call."""


class _Wait(NamedTuple):
    """For a client; `address` is where it was, and counts as one for all of a network of IPv6."""

    timer: asyncio.TimerHandle
    address: str


class Sessions:
    """Every session that somebody has a token for.

    `resumed` and `expired` count those that a client has come back to, and those with calls that it
    has not.

    Parameters
    ----------
    window
        Seconds that a session outlives its socket; 0 for not at all.
    most
        How many may be without a socket.
    most_of
        The same for an address, None for any number; asked for each session.
    """

    def __init__(
        self,
        window: float = 60.0,
        *,
        most: int = 4000,
        most_of: Callable[[str], int | None] = lambda address: None,
    ) -> None:
        self.window = window
        self.most_of = most_of
        self._most = most
        self._sessions: dict[bytes, Kept] = {}
        self._waiting: OrderedDict[Kept, _Wait] = OrderedDict()  # the oldest first
        self._addresses: Counter[str] = Counter()
        self._ended: OrderedDict[bytes, None] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False
        self.resumed = 0
        self.expired = 0

    def __len__(self) -> int:
        """Return how many are without a socket."""
        return len(self._waiting)

    def add(self, session: Kept) -> None:
        """Let a client come back to a session by its token."""
        if self.window:
            self._sessions[_hash(session.token)] = session

    def find(self, token: str) -> Kept | Lookup:
        """Return the session of a token; or say that it is over, or that there was none."""
        key = _hash(token)
        session = self._sessions.get(key)
        if session is None:
            return "over" if key in self._ended else "unknown"
        return session

    def keep(self, session: Kept) -> bool:
        """Wait for the client of a session that has lost its socket; False if nobody waits."""
        address = client_key(session.address)
        if not self.window or self._closed or not self._make_room(session.address, address):
            return False
        timer = asyncio.get_running_loop().call_later(self.window, self._expire, session)
        self._waiting[session] = _Wait(timer, address)
        self._addresses[address] += 1
        return True

    def take(self, session: Kept) -> None:
        """Wait no longer for a client: it is back."""
        self._stop_waiting(session)
        self.resumed += 1

    def forget(self, session: Kept) -> None:
        """Let nobody come back to a session."""
        self._stop_waiting(session)
        key = _hash(session.token)
        if self._sessions.pop(key, None) is not None:
            self._ended[key] = None
            if len(self._ended) > ENDED_KEPT:
                self._ended.popitem(last=False)

    def _make_room(self, host: str, address: str) -> bool:
        """Have room for one more of an address; one without calls goes before one with calls."""
        most = self.most_of(host)
        if most is not None and self._addresses[address] >= most:
            return self._drop(address)
        return len(self._waiting) < self._most or self._drop(None)

    def _drop(self, address: str | None) -> bool:
        """Forget the oldest session without calls, of this address if one is given."""
        for session, wait in self._waiting.items():
            if address in (None, wait.address) and not session.has_calls:
                self.forget(session)
                return True
        return False

    def _stop_waiting(self, session: Kept) -> None:
        wait = self._waiting.pop(session, None)
        if wait is not None:
            wait.timer.cancel()
            self._addresses[wait.address] -= 1
            if not self._addresses[wait.address]:
                del self._addresses[wait.address]

    def _expire(self, session: Kept) -> None:
        self.forget(session)
        if session.has_calls:
            self.expired += 1
            log = {"session": session.id}
            logger.info("nobody came back to the session in %g s", self.window, extra=log)
        self._end(session, f"The page did not come back within {self.window:g} seconds.")

    def _end(self, session: Kept, reason: str) -> None:
        task = asyncio.create_task(session.close(reason), name=f"session-end-{session.id}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Wait for nobody any more: the gateway stops."""
        self._closed = True
        for session in tuple(self._waiting):
            self.forget(session)
            self._end(session, "The gateway is being restarted.")
        if self._closing:
            await asyncio.wait(set(self._closing))


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
