"""The RTP end of a trunk that sipp stands for: it says a tone, and keeps what it hears."""

from __future__ import annotations

import asyncio
import secrets
import socket
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from tests.tones import Samples, make_tone
from voice import g711
from voice.rtp import RtpPacket, pack_header, parse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

RATE = 8000
FRAME = 160  # samples, 20 ms
PCMU = 0
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Heard:
    """A packet and when it came, by `perf_counter`."""

    at: float
    packet: RtpPacket


class TrunkAudio(asyncio.DatagramProtocol):
    """Speaks to whoever spoke to it first, as a media server behind the same NAT would."""

    def __init__(self, frequency: float) -> None:
        self.heard: list[Heard] = []
        self.gateway: tuple[str, int] | None = None
        self.found = asyncio.Event()
        self.ssrc = secrets.randbits(32)
        # A whole number of periods in a second, so that it can be repeated
        tone = make_tone(frequency, seconds=1, rate=RATE)
        self._frames = g711.encode_ulaw(tone).reshape(-1, FRAME)
        self._count = 0
        self._beside: list[bytes] = []
        self._flushed = asyncio.Event()

    def open(self, sock: socket.socket, transport: asyncio.DatagramTransport) -> None:
        self._socket = sock
        self._transport = transport
        self.port: int = sock.getsockname()[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard.append(Heard(perf_counter(), parse(data)))
        self.gateway = self.gateway or addr
        self.found.set()

    async def speak(self) -> None:
        """Send a frame every 20 ms, until canceled."""
        await self.found.wait()
        assert self.gateway is not None
        deadline = perf_counter()
        while True:
            frame = self._frames[self._count % len(self._frames)]
            header = pack_header(PCMU, self._count & 0xFFFF, self._count * FRAME, self.ssrc)
            self._transport.sendto(header + frame.tobytes(), self.gateway)
            self._count += 1
            if self._beside:
                # asyncio's own method passes over an empty datagram
                self._socket.sendto(self._beside.pop(0), self.gateway)
            else:
                self._flushed.set()
            deadline += FRAME / RATE
            await asyncio.sleep(max(0.0, deadline - perf_counter()))

    async def send_beside(self, datagrams: Sequence[bytes]) -> None:
        """Send these from the address of the stream, one after each of its packets."""
        self._beside += datagrams
        self._flushed.clear()
        await self._flushed.wait()

    def samples(self) -> Samples:
        """Return what was heard so far, in order of arrival."""
        codes = b"".join(each.packet.payload for each in self.heard)
        return g711.decode_ulaw(np.frombuffer(codes, np.uint8))

    def longest_gap(self) -> float:
        """Return the longest time between two packets, in seconds."""
        times = [each.at for each in self.heard]
        return max((b - a for a, b in pairwise(times)), default=0.0)


@asynccontextmanager
async def trunk_audio(frequency: float) -> AsyncIterator[TrunkAudio]:
    """Open a port and speak on it until the end of the block."""
    loop = asyncio.get_running_loop()
    sock = socket.socket(type=socket.SOCK_DGRAM)
    sock.bind((HOST, 0))
    sock.setblocking(False)
    transport, audio = await loop.create_datagram_endpoint(lambda: TrunkAudio(frequency), sock=sock)
    audio.open(sock, transport)
    speaking = asyncio.create_task(audio.speak(), name="trunk-audio")
    try:
        yield audio
    finally:
        speaking.cancel()
        with suppress(asyncio.CancelledError):
            await speaking
        transport.close()
