"""The media of a call between two trunks: a party for each, and the bridge that joins their legs.

Where both have the same codec their packets are relayed, else they are coded anew. There is no
browser; what happens is told by the side that it happens to.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from gateway.media.closing import part, say_goodbye
from gateway.media.engine.bridge import Bridge
from gateway.media.events import (
    QUALITY_INTERVAL,
    MediaEvent,
    MediaFailed,
    Traffic,
    TrunkDigit,
    TrunkQuality,
    TrunkSilent,
)
from gateway.media.parameters import Flow, LocalTrunk, MediaConfig, TrunkRemote
from gateway.media.thread import MediaThread
from gateway.media.trunk_party import TrunkParty

# Packets are relayed once they come. Of two trunks that both wait for our first packet, each would
# wait for the other: both get silence for so long first, which is five packets
PRIMING = 0.1  # seconds

Report = Callable[[MediaEvent], None]
Sockets = tuple[socket.socket, socket.socket]


class Core(Protocol):
    """What a session needs of the plane that serves it."""

    counters: Counter[str]

    def ended(self, session: JoinedSession) -> None: ...


class JoinedSession:
    """What a call between two trunks holds of the media plane; made by `MediaPlane.open_joined`.

    Parameters
    ----------
    sockets
        A pair for each side, as of `MediaSession`.

    Attributes
    ----------
    caller, callee
        Who has called us, and whom we have called.
    """

    def __init__(
        self,
        core: Core,
        config: MediaConfig,
        thread: MediaThread,
        sockets: tuple[Sockets, Sockets],
    ) -> None:
        self._core = core
        self.thread = thread
        self.bridge = Bridge(thread.engine)
        self.caller = TrunkSide(self, config, core.counters, sockets[0])
        self.callee = TrunkSide(self, config, core.counters, sockets[1])
        self._failed = False
        self._closed = False
        self._over = asyncio.Event()

    @property
    def trunks(self) -> tuple[TrunkParty, TrunkParty]:
        """The parties of both."""
        return self.caller.party, self.callee.party

    async def open(self) -> None:
        """Have the legs served."""
        await self.thread.call(self._join)

    def _join(self) -> None:
        """Begin to serve both legs, which hear nothing yet; on the engine's thread."""
        for party in self.trunks:
            party.leg.silence(True)
            self.thread.engine.add(party.leg)
            self.bridge.join(party.leg)

    def failed(self) -> None:
        """Give this session up after a fault of ours; its call hears of it and ends."""
        if self._failed or self._closed:
            return
        self._failed = True
        self._core.counters["faults"] += 1
        self.caller.report(MediaFailed())

    @property
    def traffic(self) -> Traffic:
        """What both trunks have carried so far; after the end as well."""
        return {"trunk": self.caller.party.traffic, "fallback": self.callee.party.traffic}

    async def close(self) -> None:
        """Give everything back; harmless when called twice, and then waits for the first."""
        if self._closed:
            await self._over.wait()
            return
        self._closed = True
        for side in (self.caller, self.callee):
            side.close()
        try:
            say_goodbye(self.trunks)
            await part(self.thread, self._leave)
        finally:
            self._core.ended(self)
            for party in self.trunks:
                party.close()
            self._over.set()

    def _leave(self) -> None:
        """Serve the legs no longer; on the engine's thread."""
        for party in self.trunks:
            self.thread.engine.remove(party.leg)
            party.leg.owner = None


class TrunkSide:
    """One trunk of such a session, as its call holds it.

    Parameters
    ----------
    sockets
        Bound to an even port and the next one.
    """

    def __init__(
        self, session: JoinedSession, config: MediaConfig, counters: Counter[str], sockets: Sockets
    ) -> None:
        self._session = session
        self._config = config
        self.report: Report = _nobody
        self._flow = Flow.SILENCE
        self._priming: asyncio.TimerHandle | None = None
        self._quality_due = session.thread.now + QUALITY_INTERVAL
        self._closed = False
        # Tones are heard on the other trunk as they are: told as digits they would come twice
        self.party = TrunkParty(
            session.thread,
            sockets,
            counters,
            public=config.public_address,
            on_digit=self._pressed,
            on_fault=session.failed,
            on_second=self._watch,
            finds_tones=False,
        )
        host, port = self.party.address
        self.local = LocalTrunk(config.public_address or host, port)

    def report_to(self, report: Report) -> None:
        """Tell this function what happens from now on."""
        self.report = report

    async def connect_trunk(self, remote: TrunkRemote) -> None:
        """Send to the trunk, and take from it, as its description says; may come again."""
        self.party.connect(remote)

    async def set_flow(self, flow: Flow) -> None:
        """Let this trunk hear the other one, or nobody; it has to be connected."""
        before, self._flow = self._flow, flow
        if self._closed or flow is before:
            return
        if self._priming is not None:
            self._priming.cancel()
            self._priming = None
        if flow is Flow.AUDIO:
            loop = asyncio.get_running_loop()
            self._priming = loop.call_later(PRIMING, self._order, flow)
        else:
            self._order(flow)

    def _order(self, flow: Flow) -> None:
        self._session.thread.order(self.party, self._silence, flow is not Flow.AUDIO)

    def _silence(self, silenced: bool) -> None:
        """Send silence, or what comes from the other trunk; on the engine's thread."""
        self.party.leg.silence(silenced)
        self._session.bridge.route()

    def pass_digit(self, digit: str, duration_ms: int) -> None:
        """Press a key that was pressed on the other trunk; one too many is counted."""
        self.party.pass_digit(digit, duration_ms)

    def close(self) -> None:
        """Tell nobody anything any more."""
        self._closed = True
        self.report = _nobody
        if self._priming is not None:
            self._priming.cancel()

    # Told by the party

    def _pressed(self, digit: str, duration_ms: int) -> None:
        self.report(TrunkDigit(digit, duration_ms))

    def _watch(self, now: float) -> None:
        """Notice that nothing comes any more, and say how it is; called once a second."""
        config = self._config
        early = self._flow is Flow.SILENCE
        limit = config.trunk_silence_early if early else config.trunk_silence
        seconds = self.party.too_silent(now, limit)
        if seconds is not None:
            self.report(TrunkSilent(seconds))
        if now >= self._quality_due and self.party.remote is not None:
            self._quality_due = now + QUALITY_INTERVAL
            self.report(TrunkQuality(self.party.quality(now)))


def _nobody(event: MediaEvent) -> None:
    """Before anybody wants to know, and after the end."""
