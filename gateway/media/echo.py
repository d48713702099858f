"""The media of a pre-flight: a browser's party, and a leg without a port that gives back its sound.

A bridge joins the two as it joins a browser and a trunk. So what a browser hears of itself has
gone the way of a call: ICE, DTLS, jitter buffer, decoder and encoder, and none of it knows an echo.
There is no trunk, and no port of one is taken.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.media.browser_party import BrowserParty
from gateway.media.closing import part, say_goodbye
from gateway.media.engine.bridge import Bridge
from gateway.media.engine.leg import FrameLeg, LegStatistics
from gateway.media.events import (
    QUALITY_INTERVAL,
    BrowserConnected,
    BrowserDigit,
    BrowserLost,
    BrowserReachable,
    EchoEvent,
    EchoQuality,
    LossReason,
    Traffic,
)
from gateway.media.parameters import BrowserRemote, LocalBrowser, MediaConfig
from gateway.media.thread import MediaThread
from gateway.media.trunk_party import TrunkParty
from voice.counters import Counters

Samples = NDArray[np.int16]
Report = Callable[[EchoEvent], None]

# A frame comes and goes by the same clock, but the turn of its slot moves with the packets: with
# two in hand none is missing then, and more than four would only be delay
FIRST, MOST = 2, 4  # frames


class Echo:
    """Frames that wait until they are said."""

    def __init__(self) -> None:
        self._frames: deque[Samples] = deque(maxlen=MOST)
        self._speaking = False

    def take(self, frame: Samples) -> None:
        """Hear a frame."""
        self._frames.append(frame)
        self._speaking = self._speaking or len(self._frames) >= FIRST

    def give(self, frame: Samples) -> bool:
        """Say the oldest one; False where there is none now."""
        if not self._speaking:
            return False
        said = self._frames.popleft()
        self._speaking = bool(self._frames)
        if said.size != frame.size:  # the codec has just been agreed
            return False
        frame[:] = said
        return True


class Core(Protocol):
    """What a session needs of the plane that serves it."""

    counters: Counter[str]
    transport_counters: Counters

    @property
    def browser_ports(self) -> tuple[int, ...]: ...
    def ended(self, session: EchoSession) -> None: ...


class EchoSession:
    """What a pre-flight holds of the media plane; made by `MediaPlane.open_echo`.

    What happens is told to the function given to `report_to`, on the event loop.
    """

    local: LocalBrowser
    trunks: Final[tuple[TrunkParty, ...]] = ()

    def __init__(self, core: Core, config: MediaConfig, thread: MediaThread) -> None:
        self._core = core
        self.thread = thread
        self._report: Report = _nobody
        self._failed = False
        self._closed = False
        self._over = asyncio.Event()
        self.browser = BrowserParty(
            thread,
            config,
            core.counters,
            core.transport_counters,
            report=self._browser_changed,
            on_reachable=lambda: self._report(BrowserReachable()),
            on_digit=lambda digit, duration_ms: self._report(BrowserDigit(digit, duration_ms)),
            on_fault=self.on_failed,
        )
        self.bridge = Bridge(thread.engine)
        echo, engine = Echo(), thread.engine
        self._echo = FrameLeg(
            self,
            engine.frame_counters,
            engine.narrow,
            engine.wide,
            give=echo.give,
            take=echo.take,
        )
        self._quality_due = thread.now + QUALITY_INTERVAL
        self._packets_sent = 0  # at the last quality

    async def open(self) -> None:
        """Have the legs served, and describe our end."""
        endpoint = self.browser.endpoint
        ufrag, password = endpoint.ice
        self.local = LocalBrowser(
            ice_ufrag=ufrag,
            ice_password=password,
            candidates=endpoint.candidates,
            fingerprints=endpoint.fingerprints,
            ssrc=self.browser.leg.sender.ssrc,
            ports=self._core.browser_ports,
        )
        endpoint.open()
        await self.thread.call(self._join)

    def _join(self) -> None:
        """Begin to serve both legs; on the engine's thread."""
        for leg in (self.browser.leg, self._echo):
            self.thread.engine.add(leg)
            self.bridge.join(leg)

    def report_to(self, report: Report) -> None:
        """Tell this function what happens from now on."""
        self._report = report

    async def connect_browser(self, remote: BrowserRemote) -> None:
        """Bring the browser's transport up; `BrowserConnected` follows, or else `BrowserLost`."""
        if not self.browser.begun:
            self.browser.connect(remote)

    async def add_candidate(self, candidate: str | None) -> None:
        """Take a candidate that the browser has trickled; None after the last."""
        self.browser.endpoint.add_candidate(candidate)

    @property
    def traffic(self) -> Traffic:
        """What the browser's leg has carried so far; after the end as well."""
        return {"browser": self.browser.traffic}

    async def close(self) -> None:
        """Give everything back; harmless when called twice, and then waits for the first."""
        if self._closed:
            await self._over.wait()
            return
        self._closed = True
        self._report = _nobody
        try:
            say_goodbye((self.browser,))
            await part(self.thread, self._leave)
        finally:
            self._core.ended(self)
            try:
                await self.browser.close()
            finally:
                self._over.set()

    def _leave(self) -> None:
        """Serve the legs no longer; on the engine's thread."""
        for leg in (self.browser.leg, self._echo):
            self.thread.engine.remove(leg)
            leg.owner = None

    # Told of the echo's leg

    def on_statistics(self, statistics: LegStatistics) -> None:
        """Say how the browser is doing; comes once a second."""
        now = statistics.sent_at
        if self._closed or now < self._quality_due or not self.browser.endpoint.connected:
            return
        self._quality_due = now + QUALITY_INTERVAL
        sent = self.browser.traffic.packets_sent
        sent_since, self._packets_sent = sent - self._packets_sent, sent
        echo = self.browser.reports.far_quality(now, sent_since)
        self._report(EchoQuality(self.browser.quality(now), echo))

    def on_failed(self) -> None:
        """Give this session up after a fault of ours; its owner hears of it and ends."""
        if self._failed or self._closed:
            return
        self._failed = True
        self._core.counters["faults"] += 1
        self._report(BrowserLost(LossReason.INTERNAL))

    # Told by the browser's party

    def _browser_changed(self, event: BrowserConnected | BrowserLost) -> None:
        self._report(event)


def _nobody(event: EchoEvent) -> None:
    """Before anybody wants to know, and after the end."""
