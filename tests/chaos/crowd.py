"""Fifty people who talk: each end of each call says a tone, and what comes is judged by its sound.

Packets alone would not do: while a browser is cut off, the gateway sends comfort noise to the
trunk. So a gap is a time without the other side's tone.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from gateway.bench.browser import BrowserLeg
from gateway.bench.calls import CALL, SUBPROTOCOL, BenchCall, Message, Target
from gateway.bench.description import Wanted
from gateway.bench.material import RATE, Coding, asked, encode
from gateway.bench.player import Leg, Mark, PlainLeg, Stream, rtp_packets
from gateway.media.ports import PortRange
from tests.chaos.ear import PTIME, Ear, listen
from tests.peers.process import poll
from tests.tones import make_tone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.bench.session import Bench

BROWSERS, TRUNK_MEDIA = "127.0.0.3", "127.0.0.2"
PORTS = (40000, 60998)
PREFIX = "+15550"
REFUSED = "+44205550"  # the configuration allows no such number

BROWSER_TONE, TRUNK_TONE = 500.0, 900.0  # Hz
IN_TUNE = 20.0  # Hz

SETUP_LIMIT = 10.0  # seconds
RATES = (50.0, 20.0, 10.0)  # calls in a second; what one did not get up the next one tries
FORGOTTEN = "the gateway has forgotten the call"
RESUME_LIMIT = 30.0
BACKOFF = 0.1


@dataclass
class Voice:
    """One end's stream, which goes on from one play to the next."""

    leg: Leg
    payload_type: int
    step: int
    payloads: list[bytes]
    ssrc: int = field(default_factory=lambda: secrets.randbits(32))
    sequence: int = 0
    timestamp: int = 0
    began: float = 0.0

    def stream(self, frames: int, offset: float) -> Stream:
        """Return the next frames. The pause since the last ones is one of the sound, too."""
        now = monotonic()
        if self.began:
            self.timestamp += round((now - self.began) / PTIME) * self.step
        self.began = now
        packet = rtp_packets(
            self.payloads,
            payload_type=self.payload_type,
            step=self.step,
            ssrc=self.ssrc,
            sequence=self.sequence,
            timestamp=self.timestamp,
        )
        self.sequence += frames
        return Stream(self.leg, packet, [PTIME * each for each in range(frames)], offset)


class LiveCall(BenchCall):
    """One call of a page that comes back when it has lost its WebSocket.

    Its trunk's audio is here, and its trunk's SIP elsewhere. `placed` counts all calls asked for,
    and `resumed` the pages that came back to theirs. It comes back while `door` is set. `took` is
    how long it was until it came up, in seconds.
    """

    placed = resumed = 0

    def __init__(
        self,
        url: str,
        browsers: PortRange,
        trunks: PortRange,
        door: asyncio.Event,
        prefix: str = PREFIX,
    ) -> None:
        self._door = door
        self._pair = trunks.bind_pair()
        port = self._pair[0].getsockname()[1]
        super().__init__(Target(url=url, to=f"{prefix}{port}"), 0, browsers)
        self._browsers = browsers
        self._resume_token: str | None = None
        self._received = 0
        self._online, self._connected_again = asyncio.Event(), asyncio.Event()
        self._at_browser: Voice | None = None
        self._at_trunk: Voice | None = None
        self.took = 0.0

    @property
    def up(self) -> bool:
        return super().up and self._online.is_set()

    async def begin(self) -> None:
        """Place the call, and find out where the gateway is; `failure` says if it cannot be."""
        began = monotonic()
        await self.open(None)
        self.took = monotonic() - began
        if not self.up:
            return
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(SETUP_LIMIT):
                _, address = await loop.sock_recvfrom(self._pair[0], 2000)
        except TimeoutError:
            self._fail("the trunk gets no audio")
            return
        self._pair[0].connect(address)

    async def _send(self, **message: Any) -> None:
        LiveCall.placed += message["type"] == "call"
        await super()._send(**message)

    # What both ends say

    def talk(self) -> tuple[Voice, Voice]:
        """Return both ends' voices, the browser's first; from now on the player has the sockets."""
        if self._at_browser is None:
            assert self.wanted is not None
            self.browser.take()
            said = asked(self.wanted)
            payloads = _said(BROWSER_TONE, said)
            number, ssrc = self.wanted.payload_type, self.browser.ssrc
            self._at_browser = Voice(self.browser, number, said.step, payloads, ssrc)
        if self._at_trunk is None:
            payloads = _said(TRUNK_TONE, Coding("PCMU"))
            self._at_trunk = Voice(PlainLeg(self._pair[0]), 0, round(RATE * PTIME), payloads)
        return self._at_browser, self._at_trunk

    def listen(self, wanted: bool) -> None:
        """Read what comes while nobody plays: a browser goes on answering ICE's checks."""
        if self._at_browser is None:
            return
        loop = asyncio.get_running_loop()
        if wanted:
            loop.add_reader(self.browser.socket, self._drain)
        else:
            loop.remove_reader(self.browser.socket)

    def _drain(self) -> None:
        with suppress(BlockingIOError, ConnectionError):
            while True:
                datagram = self.browser.socket.recv(2000)
                if datagram and not 128 <= datagram[0] < 192:  # RFC 7983: no media
                    self.browser.control(datagram)

    # What happens to the page

    def cut(self) -> None:
        """Lose the WebSocket without a goodbye."""
        assert self._socket is not None
        self._online.clear()
        self._socket.transport.abort()

    def leave(self) -> None:
        """Lose the WebSocket, and do not come back."""
        self._closing = True
        self.cut()

    async def restart(self) -> None:
        """Take another media path, as a page does that was loaded again."""
        try:
            async with asyncio.timeout(SETUP_LIMIT):
                await self._online.wait()
        except TimeoutError:
            self._fail("the page does not come back")
            return
        self._connected_again.clear()
        self.listen(False)
        old, self.browser = self.browser, BrowserLeg(self._browsers)
        self._at_browser = self._connecting = None
        description = {"type": "offer", "sdp": self.browser.open()}
        await self._send(type="restart", call=CALL, offer=description)
        for candidate in self.browser.candidates:
            what = {"candidate": f"candidate:{candidate}", "sdpMid": "0"}
            await self._send(type="candidate", call=CALL, candidate=what)
        await self._send(type="candidate", call=CALL, candidate=None)
        try:
            async with asyncio.timeout(SETUP_LIMIT):
                await self._connected_again.wait()
        except TimeoutError:
            self._fail("the restart came to nothing")
        await old.close()

    async def _connect(self, wanted: Wanted) -> None:
        await super()._connect(wanted)
        self._connected_again.set()

    async def _take(self, message: Message) -> None:
        if message["type"] == "welcome":
            self._resume_token = message.get("resumeToken")
            if self._received and not message["calls"]:
                self._fail(FORGOTTEN)
            LiveCall.resumed += bool(self._received and message["calls"])
            self._online.set()
        elif "call" in message and message["type"] != "quality":
            self._received += 1
        await super()._take(message)

    async def _read(self, socket: ClientConnection) -> None:
        """Take what the gateway says, and come back where the socket is lost."""
        while True:
            with suppress(ConnectionClosed):
                async for frame in socket:
                    await self._take(json.loads(frame))
            if self._closing or self.failure is not None:
                break
            self._online.clear()
            found = await self._reconnect()
            if found is None:
                self._fail("the gateway closed the WebSocket")
                break
            socket = found
        self._ended.set()

    async def _reconnect(self) -> ClientConnection | None:
        if self._resume_token is None:
            return None
        with suppress(TimeoutError):
            async with asyncio.timeout(RESUME_LIMIT):
                while not self._closing:
                    await self._door.wait()
                    with suppress(OSError, WebSocketException):
                        url = self._target.url
                        self._socket = socket = await connect(
                            url, subprotocols=[SUBPROTOCOL], ping_interval=None, open_timeout=2
                        )
                        token, received = self._resume_token, self._received
                        await self._send(type="hello", resume=token, received=received)
                        return socket
                    await asyncio.sleep(BACKOFF)
        return None

    async def close(self) -> None:
        self.listen(False)
        if self._socket is not None and not self._online.is_set():
            self._socket.transport.abort()
            self._socket = None  # nobody is there to hear a goodbye
        await super().close()
        for each in self._pair:
            each.close()


@cache
def _said(frequency: float, coding: Coding) -> list[bytes]:
    """Return 1.2 s of a tone: whole waves, and whole blocks of frames."""
    return encode(make_tone(frequency, seconds=1.2, rate=RATE), coding)


@dataclass
class Sound:
    """How a play went for one call: whether each end heard the other at last, and the gaps.

    `joined` is when both had heard the other, by the clock of the wall; infinite if they never did.
    """

    alive: bool
    up: float
    down: float
    joined: float


class Crowd:
    """The calls, and the player that speaks in all of them."""

    def __init__(self, bench: Bench, url: str) -> None:
        self._bench = bench
        self._url = url
        self._browsers = PortRange(BROWSERS, *PORTS)
        self._trunks = PortRange(TRUNK_MEDIA, *PORTS)
        self.calls: list[LiveCall] = []
        self._door = asyncio.Event()
        self._door.set()

    def new(self, prefix: str = PREFIX) -> LiveCall:
        """Return a call that is not placed yet."""
        return LiveCall(self._url, self._browsers, self._trunks, self._door, prefix)

    def fill(self, count: int) -> None:
        """Forget who is lost, and place calls until there are so many; AssertionError if not.

        A busy machine may be too slow for some of them: these are placed again, and less at once.
        """
        self.drop_lost()
        failed: Counter[str] = Counter()
        for rate in RATES:
            self.calls += self._bench.run(self._place(count - len(self.calls), rate))
            failed += self.drop_lost()
            if len(self.calls) == count:
                return
        raise AssertionError(f"calls did not come up: {dict(failed)}")

    async def _place(self, count: int, rate: float) -> list[LiveCall]:
        placed = []
        async with asyncio.TaskGroup() as tasks:
            for _ in range(count):
                placed.append(self.new())
                tasks.create_task(placed[-1].begin())
                await asyncio.sleep(1 / rate)
        return placed

    def drop_lost(self) -> Counter[str]:
        """Close those that have ended; return why they have."""
        lost = [each for each in self.calls if not each.up]
        self.calls = [each for each in self.calls if each.up]
        self.close(lost)
        return Counter(each.failure or "not up" for each in lost)

    def hold_back(self) -> None:
        """Have nobody come back for now."""
        self._door.clear()

    def come_back(self) -> None:
        """Have all come back at once to a gateway that knows nothing of them, and leave for good.

        PeerError unless each of them is told so.
        """

        async def all_told() -> bool:
            return all(each.failure == FORGOTTEN for each in self.calls)

        async def come_back() -> None:
            self._door.set()
            await poll(all_told, limit=RESUME_LIMIT, what="pages that are told of no call")

        self._bench.run(come_back())
        self.forget()

    def forget(self) -> None:
        """Take all calls for lost: their gateway is gone."""
        for each in self.calls:
            each.leave()

    def hang_up(self) -> None:
        """End all calls."""
        self.close(self.calls)
        self.calls.clear()

    def close(self, calls: Sequence[LiveCall]) -> None:
        """Hang these up."""

        async def close() -> None:
            await asyncio.gather(*(each.close() for each in calls))

        self._bench.run(close())

    def talk(
        self, seconds: float, marks: Sequence[Mark], since: float
    ) -> tuple[list[Sound], float]:
        """Have all talk; return how it went from `since` on, and how late our own packets were."""
        voices = [each for call in self.calls for each in call.talk()]
        frames = round(seconds / PTIME)
        streams = [
            each.stream(frames, PTIME * number / len(voices)) for number, each in enumerate(voices)
        ]
        self._bench.run(self._rest(False))
        recording = self._bench.play([each.leg for each in voices], streams, tail=0.1, marks=marks)
        self._bench.run(self._rest(True))
        ears = [
            listen(recording, number, each.leg, opus=not number % 2)
            for number, each in enumerate(voices)
        ]
        sounds = []
        for browser, trunk in zip(ears[::2], ears[1::2], strict=True):
            alive = _hears(browser, TRUNK_TONE) and _hears(trunk, BROWSER_TONE)
            gaps = (trunk.gap(since, seconds), browser.gap(since, seconds))
            joined = recording.start / 1e9 + max(trunk.first, browser.first)
            sounds.append(Sound(alive, *gaps, joined))
        return sounds, float(np.max(recording.lateness))

    def restart(self) -> None:
        """Have all pages loaded again at once: another WebSocket, another media path."""

        async def restart(call: LiveCall) -> None:
            call.cut()
            await call.restart()

        async def all_of_them() -> None:
            await asyncio.gather(*map(restart, self.calls))

        self._bench.run(all_of_them())

    async def _rest(self, rest: bool) -> None:
        """Have the event loop read the browsers' sockets, or leave them to the player."""
        for each in self.calls:
            each.listen(rest)


def _hears(ear: Ear, tone: float) -> bool:
    return ear.tone is not None and abs(ear.tone - tone) < IN_TUNE
