"""A second trunk's end beside the first one: it waits until the call turns to it or gives it up.

A far end that refers us to somebody else is talked to until that one has answered. So the new end
has ports of its own from the beginning, and gets nothing until it takes the first one's place.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from gateway.media.engine.bridge import Bridge
from gateway.media.events import MediaEvent
from gateway.media.parameters import Flow, LocalTrunk, MediaConfig, TrunkRemote
from gateway.media.thread import MediaThread
from gateway.media.trunk_party import TrunkParty


class Home(Protocol):
    """What it needs of its session, which takes it or gives it up."""

    async def set_flow(self, flow: Flow) -> None: ...
    def failed(self) -> None: ...


class SecondTrunk:
    """A trunk's end, as its call holds it; made by `MediaSession.add_trunk`.

    Parameters
    ----------
    on_digit, on_second
        As of the first one's party, once this has its place.
    sockets
        Bound to an even port and the next one.

    Attributes
    ----------
    taken
        It has the first one's place.
    """

    def __init__(
        self,
        home: Home,
        config: MediaConfig,
        thread: MediaThread,
        sockets: tuple[socket.socket, socket.socket],
        counters: Counter[str],
        *,
        on_digit: Callable[[str, int], None],
        on_second: Callable[[float], None],
    ) -> None:
        self._home = home
        self._thread = thread
        self._on_digit = on_digit
        self._on_second = on_second
        self.taken = False
        self.party = TrunkParty(
            thread,
            sockets,
            counters,
            public=config.public_address,
            on_digit=self._pressed,
            on_fault=home.failed,
            on_second=self._watch,
        )
        host, port = self.party.address
        self.local = LocalTrunk(config.public_address or host, port)

    def join(self) -> None:
        """Begin to serve its leg, which hears nothing yet; on the engine's thread."""
        leg = self.party.leg
        leg.silence(True)
        self._thread.engine.add(leg)
        Bridge(self._thread.engine).join(leg)

    def report_to(self, report: Callable[[MediaEvent], None]) -> None:
        """Do nothing: once it has the first one's place, the session tells what happens."""

    async def connect_trunk(self, remote: TrunkRemote) -> None:
        """Send to the trunk, and take from it, as its description says; may come again."""
        self.party.connect(remote)

    async def set_flow(self, flow: Flow) -> None:
        """Say what the trunk hears; nothing before it has the first one's place."""
        if self.taken:
            await self._home.set_flow(flow)

    def pass_digit(self, digit: str, duration_ms: int) -> None:
        """Press a key that the browser's user has pressed; one too many is counted."""
        self.party.pass_digit(digit, duration_ms)

    # Told by the party

    def _pressed(self, digit: str, duration_ms: int) -> None:
        if self.taken:
            self._on_digit(digit, duration_ms)

    def _watch(self, now: float) -> None:
        if self.taken:
            self._on_second(now)
