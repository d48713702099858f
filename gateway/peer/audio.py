"""One call's RTP: a socket, G.711 both ways, and a frame every 20 ms.

Symmetric: once the caller's packets come, ours go back to where they come from. Only the address
that the caller named may send, and the first port it sends from stays: strangers are dropped.
"""

from __future__ import annotations

import asyncio
import random
from asyncio import DatagramTransport
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, cast

import numpy as np

from gateway.peer.sounds import FRAME, RATE, Samples, Source
from sdp import TrunkMedia
from voice import rtp
from voice.codec import PCMA, PCMU
from voice.telephone_event import EventError, EventReceiver, EventStarted

TICK: Final = FRAME / RATE
CUSHION: Final = 3 * FRAME  # samples kept before they are played: packets come unevenly
MOST_HEARD: Final = 10 * FRAME  # samples kept: an echo is never later than 200 ms
LARGEST_PACKET: Final = 1500
CODECS: Final = {codec.name: codec for codec in (PCMU, PCMA)}

Address = tuple[str, int]


class Audio(asyncio.DatagramProtocol):
    """The RTP end point of a call."""

    transport: DatagramTransport

    def __init__(self, on_key: Callable[[str], None]) -> None:
        self._on_key = on_key
        self._media: TrunkMedia | None = None
        self._latched: Address | None = None
        self._heard = np.zeros(0, np.int16)
        self._filling = True
        self._events = EventReceiver(RATE)
        self._newest: int | None = None
        self._sequence = random.randrange(1 << 15)
        self._timestamp = random.randrange(1 << 31)
        self._ssrc = random.randrange(1 << 32)
        self._talking = False

    @property
    def port(self) -> int:
        """Our RTP port."""
        return int(self.transport.get_extra_info("sockname")[1])

    def agree(self, media: TrunkMedia) -> None:
        """Take what was agreed, at first or in mid-call."""
        self._media = media
        self._latched = None
        self._newest = None

    async def play(self, source: Source, seconds: float | None = None) -> None:
        """Play to the source's end, or for so long."""
        loop = asyncio.get_running_loop()
        due = began = loop.time()
        while seconds is None or due - began < seconds:
            frame = source.frame(self._take())
            if frame is None:
                return
            self._send(frame)
            due += TICK
            if (late := loop.time() - due) > 1:  # after a stall go on, do not catch up
                due += late
            await asyncio.sleep(max(0, due - loop.time()))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self.transport = cast(DatagramTransport, transport)

    def datagram_received(self, data: bytes, source: Address) -> None:
        """Take a packet of the caller's; drop all else."""
        if self._media is None or len(data) > LARGEST_PACKET or rtp.is_rtcp(data):
            return
        known = self._latched == source if self._latched else source[0] == self._media.address.host
        if not known:
            return
        try:
            packet = rtp.parse(data)
            self._hear(packet, self._media)
        except (rtp.RtpError, EventError):
            return
        self._latched = source

    def _hear(self, packet: rtp.RtpPacket, media: TrunkMedia) -> None:
        if packet.payload_type == media.codec.payload_type:
            if self._newest is not None and (packet.sequence - self._newest) & 0xFFFF >= 1 << 15:
                return  # older than what has been played
            self._newest = packet.sequence
            codes = np.frombuffer(packet.payload, np.uint8)
            samples = CODECS[media.codec.name.upper()].decode(codes)
            self._heard = np.concatenate([self._heard, samples])[-MOST_HEARD:]
        elif packet.payload_type in media.event_payload_types:
            now = asyncio.get_running_loop().time()
            told = self._events.receive(
                packet.ssrc, packet.sequence, packet.timestamp, packet.marker, packet.payload, now
            )
            for event in told:
                if isinstance(event, EventStarted):
                    self._on_key(event.digit)

    def _take(self) -> Samples:
        """Return the oldest frame heard, silence while too little is kept to go on evenly."""
        self._filling = len(self._heard) < (CUSHION if self._filling else FRAME)
        if self._filling:
            return np.zeros(FRAME, np.int16)
        frame, self._heard = self._heard[:FRAME], self._heard[FRAME:]
        return frame

    def _send(self, frame: Samples) -> None:
        self._timestamp += FRAME  # also over a hold: it is the time (RFC 3550 section 5.1)
        media = self._media
        if media is None or not media.direction.sends or not media.address.port:
            self._talking = False
            return
        self._sequence += 1  # of what is sent, or a hold would be taken for a loss
        payload = CODECS[media.codec.name.upper()].encode(frame).tobytes()
        header = rtp.pack_header(
            media.codec.payload_type,
            self._sequence,
            self._timestamp,
            self._ssrc,
            marker=not self._talking,
        )
        self._talking = True
        target = self._latched or (media.address.host, media.address.port)
        self.transport.sendto(header + payload, target)


@asynccontextmanager
async def open_audio(host: str, on_key: Callable[[str], None]) -> AsyncIterator[Audio]:
    """Open a call's RTP socket on any port of `host`."""
    loop = asyncio.get_running_loop()
    transport, audio = await loop.create_datagram_endpoint(
        lambda: Audio(on_key), local_addr=(host, 0)
    )
    try:
        yield audio
    finally:
        transport.close()
