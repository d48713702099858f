"""The other end of a call to the peer: an RTP socket that records, and sends what it is told."""

from __future__ import annotations

import asyncio
from asyncio import DatagramTransport
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import numpy as np

from gateway.trunk import (
    Answered,
    DialRequest,
    Progress,
    Trunk,
    TrunkEndpoint,
    TrunkLeg,
)
from sdp import RtpAddress, TrunkPolicy, make_trunk_offer, parse, read_trunk_answer, render
from tests.gateway.trunk.conftest import Ear
from tests.tones import Samples
from voice import g711, rtp
from voice.telephone_event import EventSender

FRAME = 160
EVENTS = 101


class Recorder(asyncio.DatagramProtocol):
    """Keeps the payloads of PCMU packets in order."""

    transport: DatagramTransport

    def __init__(self) -> None:
        self.packets: list[rtp.RtpPacket] = []
        self.news = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(DatagramTransport, transport)

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        self.packets.append(rtp.parse(data))
        self.news.set()

    @property
    def samples(self) -> Samples:
        return g711.decode_ulaw(
            np.frombuffer(b"".join(each.payload for each in self.packets), np.uint8)
        )


@dataclass
class Caller:
    """A call and its audio."""

    leg: TrunkLeg
    ear: Ear
    recorder: Recorder
    offer: str
    media: tuple[str, int] = ("", 0)
    sent: int = 0

    async def answered(self) -> None:
        self._aim((await self.ear.hear(Answered)).sdp)

    async def early(self) -> None:
        self._aim((await self.ear.hear(Progress)).sdp)

    def _aim(self, sdp: str) -> None:
        agreed = read_trunk_answer(parse(self.offer), parse(sdp))
        self.media = (agreed.address.host, agreed.address.port)

    async def listen(self, seconds: float) -> Samples:
        """Return the next so many seconds."""
        first, count = len(self.recorder.packets), round(seconds * 50)
        async with asyncio.timeout(seconds + 5):
            while len(self.recorder.packets) < first + count:
                self.recorder.news.clear()
                await self.recorder.news.wait()
        return self.recorder.samples[first * FRAME :]

    async def say(self, samples: Samples) -> None:
        """Send samples, a packet every 20 ms."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        for frame in samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME):
            self._packet(0, g711.encode_ulaw(frame).tobytes())
            due += 0.02
            await asyncio.sleep(max(0, due - loop.time()))

    async def press(self, digits: str) -> None:
        """Send digits as telephone events."""
        sender = EventSender(8000)
        sender.send(digits, duration=80)
        while sender.busy:
            packet = sender.tick(self.sent * FRAME).packet
            if packet is not None:
                self._packet(EVENTS, packet.payload, packet.timestamp, packet.marker)
            self.sent += 1
            await asyncio.sleep(0.02)

    def _packet(
        self, kind: int, payload: bytes, timestamp: int | None = None, marker: bool = False
    ) -> None:
        self.sent += 1
        time = self.sent * FRAME if timestamp is None else timestamp
        header = rtp.pack_header(kind, self.sent, time, 0x1234, marker=marker)
        self.recorder.transport.sendto(header + payload, self.media)


@asynccontextmanager
async def call(endpoint: TrunkEndpoint, port: int, number: str) -> AsyncIterator[Caller]:
    """Dial the peer; hang up at the end."""
    loop = asyncio.get_running_loop()
    transport, recorder = await loop.create_datagram_endpoint(Recorder, local_addr=("127.0.0.1", 0))
    try:
        own = RtpAddress("127.0.0.1", transport.get_extra_info("sockname")[1])
        offer = render(make_trunk_offer(policy=TrunkPolicy(), address=own, session_id=1, version=1))
        trunk = Trunk("peer", f"sip:127.0.0.1:{port}")
        request = DialRequest(trunk, number, offer)
        leg = await endpoint.dial(request, ear := Ear())
        try:
            yield Caller(leg, ear, recorder, offer)
        finally:
            await leg.hangup()
            await ear.end()
    finally:
        transport.close()
