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

from tests.end_to_end.arrivals import Arrivals
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


class TrunkAudio:
    """Speaks to whoever spoke to it first, as a media server behind the same NAT would."""

    def __init__(self, frequency: float, sock: socket.socket) -> None:
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
        self._silent = False

        self._socket = sock
        self._arrivals = Arrivals(sock)
        self.port: int = sock.getsockname()[1]

    def read(self) -> None:
        """Take what has come; to be called when the socket is readable."""
        for at, data, source in self._arrivals.take():
            self.heard.append(Heard(at, parse(data)))
            self.gateway = self.gateway or source
            self.found.set()

    async def speak(self) -> None:
        """Send a frame every 20 ms, until canceled or told to fall silent."""
        await self.found.wait()
        deadline = perf_counter()
        while not self._silent:
            frame = self._frames[self._count % len(self._frames)]
            header = pack_header(PCMU, self._count & 0xFFFF, self._count * FRAME, self.ssrc)
            self._send(header + frame.tobytes())
            self._count += 1
            if self._beside:
                self._send(self._beside.pop(0))
            else:
                self._flushed.set()
            deadline += FRAME / RATE
            await asyncio.sleep(max(0.0, deadline - perf_counter()))

    def fall_silent(self) -> None:
        """Send no more."""
        self._silent = True

    def _send(self, datagram: bytes) -> None:
        assert self.gateway is not None
        with suppress(OSError):  # an ICMP error of an earlier send
            self._socket.sendto(datagram, self.gateway)

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
async def trunk_audio(frequency: float, *, speaks: bool = True) -> AsyncIterator[TrunkAudio]:
    """Open a port and speak on it until the end of the block, or only listen."""
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        audio = TrunkAudio(frequency, sock)
        loop.add_reader(sock, audio.read)
        work = audio.speak() if speaks else audio.found.wait()
        speaking = asyncio.create_task(work, name="trunk-audio")
        try:
            yield audio
        finally:
            speaking.cancel()
            with suppress(asyncio.CancelledError):
                await speaking
            loop.remove_reader(sock)
