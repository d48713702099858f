"""The RTP end of an odd trunk: it says a tone and digits, and keeps what it hears by its source."""

from __future__ import annotations

import asyncio
import secrets
import socket
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from tests.end_to_end.arrivals import Arrivals
from tests.end_to_end.odd_trunk import HOST
from tests.tones import Samples, make_tone
from voice import g711, telephone_event
from voice.opus import OpusDecoder, OpusEncoder
from voice.rtp import RtpPacket, is_rtcp, pack_header, parse
from voice.telephone_event import EventSender

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

FRAMES_PER_SECOND = 50
STATIC = {"PCMU": 0, "PCMA": 8}
RATES = {"PCMU": 8000, "PCMA": 8000, "opus": 48000}


@dataclass(frozen=True, slots=True)
class Heard:
    """A packet, when it came by `perf_counter`, and from where."""

    at: float
    packet: RtpPacket
    source: tuple[str, int]


def _encoded(codec: str, tone: Samples) -> list[bytes]:
    """Return a second of a tone as 50 payloads."""
    frames = tone.reshape(FRAMES_PER_SECOND, -1)
    if codec == "opus":
        encoder = OpusEncoder(RATES[codec])
        return [encoder.encode(frame) for frame in frames]
    encode = g711.encode_ulaw if codec == "PCMU" else g711.encode_alaw
    return [encode(frame).tobytes() for frame in frames]


class Sound:
    """Speaks to whoever spoke to it first, or to `target` once a test has set it. Use `open_sound`.

    `payload_type`, `event` (the payload type of events), `ssrc`, `sequence` and `silent` may be
    changed at any time, and so may the codec, by `change_codec`, and what packets are encrypted and
    decrypted by, `protect` and `unprotect`.
    """

    def __init__(self, frequency: float, codec: str, sock: socket.socket) -> None:
        self.heard: list[Heard] = []
        self.target: tuple[str, int] | None = None
        self.event = 101
        self.silent = False
        self.protect: Callable[[bytes], bytes] = bytes
        self.unprotect: Callable[[bytes], bytes] = bytes
        self._frequency = frequency
        self.ssrc = secrets.randbits(32)
        self.sequence = secrets.randbits(16)
        self._timestamp = secrets.randbits(32)
        self._news = asyncio.Event()
        self._socket, self._arrivals = sock, Arrivals(sock)
        self.port: int = sock.getsockname()[1]
        self.change_codec(codec)

    def change_codec(self, codec: str, payload_type: int | None = None) -> None:
        """Speak by another codec from now on."""
        self.codec, self.rate = codec, RATES[codec]
        self.payload_type = STATIC.get(codec, 107) if payload_type is None else payload_type
        self._events = EventSender(self.rate)
        tone = make_tone(self._frequency, seconds=1, rate=self.rate)
        self._frames = _encoded(codec, tone)

    def read(self) -> None:
        """Take what has come; to be called when the socket is readable."""
        for at, data, address in self._arrivals.take():
            if is_rtcp(data):
                continue
            packet = parse(self.unprotect(data))
            self.heard.append(Heard(at, packet, address))
            self.target = self.target or address
            self._news.set()

    # -- what it says

    def press(self, digits: str) -> None:
        """Send digits as telephone events, in place of the tone."""
        self._events.send(digits)

    async def speak(self) -> None:
        """Send a packet every 20 ms, until canceled."""
        deadline, count = perf_counter(), 0
        while True:
            count += 1
            if self.target is not None and not self.silent:
                self._send_frame(self._frames[count % FRAMES_PER_SECOND])
            deadline += 1 / FRAMES_PER_SECOND
            await asyncio.sleep(max(0.0, deadline - perf_counter()))

    def _send_frame(self, payload: bytes) -> None:
        assert self.target is not None
        payload_type, timestamp, marker = self.payload_type, self._timestamp, False
        tick = self._events.tick(timestamp)
        self._timestamp = (timestamp + self.rate // FRAMES_PER_SECOND) & 0xFFFFFFFF
        if tick.suppress:
            if tick.packet is None:
                return
            payload, marker, timestamp = tick.packet
            payload_type = self.event
        header = pack_header(payload_type, self.sequence, timestamp, self.ssrc, marker=marker)
        self.sequence = (self.sequence + 1) & 0xFFFF
        with suppress(OSError):  # an ICMP error of an earlier packet
            self._socket.sendto(self.protect(header + payload), self.target)

    # -- what it hears

    def packets(self, payload_type: int | None = None) -> list[RtpPacket]:
        """Return the packets of a payload type, that of the audio unless another is named."""
        wanted = self.payload_type if payload_type is None else payload_type
        return [each.packet for each in self.heard if each.packet.payload_type == wanted]

    def samples(self, seconds: float) -> Samples:
        """Return the last of what was heard, in order of arrival."""
        payloads = [each.payload for each in self.packets()][-round(seconds * FRAMES_PER_SECOND) :]
        if self.codec == "opus":
            decoder, frames = OpusDecoder(self.rate), []
            for payload in payloads:
                out = np.zeros(self.rate // FRAMES_PER_SECOND, np.int16)
                decoder.decode(payload, out)
                frames.append(out)
            return np.concatenate(frames or [np.zeros(0, np.int16)])
        codes = np.frombuffer(b"".join(payloads), np.uint8)
        return g711.decode_ulaw(codes) if self.codec == "PCMU" else g711.decode_alaw(codes)

    @property
    def digits(self) -> str:
        """The digits that came as telephone events by `event`, each press once."""
        return self.digits_by(self.event)

    def digits_by(self, *payload_types: int) -> str:
        """Return the digits that came by these numbers, each press once."""
        came = [each.packet for each in self.heard if each.packet.payload_type in payload_types]
        presses = {each.timestamp: each.payload for each in came}
        events = (telephone_event.parse(payload) for payload in presses.values())
        return "".join(event.digit or "?" for event in events)

    async def hear(self, packets: int, *, limit: float = 8.0) -> None:
        """Wait for so many more packets of audio."""
        wanted = len(self.packets()) + packets
        await self.until(lambda: len(self.packets()) >= wanted, limit, f"{packets} packets")

    async def hear_digits(self, digits: str, *, limit: float = 8.0) -> None:
        """Wait for digits as telephone events."""
        await self.until(lambda: self.digits == digits, limit, f"the digits {digits}")

    async def expect_silence(self, *, limit: float = 5.0) -> None:
        """Expect that nothing comes any more, once what is on its way and due before has come."""
        began, before = perf_counter(), len(self.heard)
        while True:
            count = len(self.heard)
            await asyncio.sleep(0.4)
            if len(self.heard) == count:
                return
            came = len(self.heard) - before
            assert perf_counter() - began < limit, f"{came} packets came within {limit:g} s"

    async def until(self, holds: Callable[[], bool], limit: float, what: str) -> None:
        """Look at each packet that comes until something holds."""
        try:
            async with asyncio.timeout(limit):
                while not holds():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            numbers = sorted({each.packet.payload_type for each in self.heard})
            came = f"{len(self.heard)} packets came, of types {numbers}, digits {self.digits!r}"
            raise AssertionError(f"not {what} within {limit:g} s: {came}") from None


@asynccontextmanager
async def open_sound(
    frequency: float, *, codec: str = "PCMU", host: str = HOST, port: int = 0
) -> AsyncIterator[Sound]:
    """Open a port, any unless one is named, and speak by it until the end of the block."""
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind((host, port))
        sound = Sound(frequency, codec, sock)
        loop.add_reader(sock, sound.read)
        speaking = asyncio.create_task(sound.speak(), name="odd-sound")
        try:
            yield sound
        finally:
            speaking.cancel()
            with suppress(asyncio.CancelledError):
                await speaking
            loop.remove_reader(sock)
