"""An engine whose clock the tests turn, with real sockets on loopback at the far ends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pylibsrtp import Policy, Session

from gateway.media.engine.bridge import Bridge
from gateway.media.engine.clock import TICK
from gateway.media.engine.engine import Engine
from gateway.media.engine.leg import BrowserLeg, FrameLeg, Leg, LegStatistics, TrunkLeg
from voice.codec import CODECS
from voice.opus import OpusDecoder, OpusEncoder
from voice.rtp import RtpPacket, pack_header, parse

Samples = NDArray[np.int16]

KEY = bytes(range(30))
OPUS_TYPE, EVENT_TYPE = 111, 101


def udp(host: str = "127.0.0.1") -> socket.socket:
    """Return a bound UDP socket that does not block."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind((host, 0))
    return sock


def drain(sock: socket.socket) -> list[bytes]:
    """Return all datagrams that have come."""
    found = []
    while True:
        try:
            found.append(sock.recv(2048))
        except BlockingIOError:
            return found


def srtp(kind: int, key: bytes = KEY) -> Session:
    """Return a session with the tests' key, or another one."""
    return Session(
        Policy(key=key, ssrc_type=kind, srtp_profile=Policy.SRTP_PROFILE_AES128_CM_SHA1_80)
    )


@dataclass
class Owner:
    """Remembers what the engine tells of a leg."""

    datagrams: list[tuple[bytes, tuple[str, int]]] = field(default_factory=list)
    own: list[str | None] = field(default_factory=list)  # where each of them came to
    rtcp: list[bytes] = field(default_factory=list)
    events: list[tuple[object, ...]] = field(default_factory=list)
    tones: list[str] = field(default_factory=list)
    statistics: list[LegStatistics] = field(default_factory=list)
    moves: list[tuple[str, int]] = field(default_factory=list)
    failures: int = 0

    def on_datagram(self, data: bytes, address: tuple[str, int], own: str | None) -> None:
        self.datagrams.append((data, address))
        self.own.append(own)

    def on_rtcp(self, packet: bytes, arrival: float) -> None:
        self.rtcp.append(packet)

    def on_event(self, *event: object) -> None:
        self.events.append(event)

    def on_tone(self, digit: str) -> None:
        self.tones.append(digit)

    def on_statistics(self, statistics: LegStatistics) -> None:
        self.statistics.append(statistics)

    def on_moved(self, address: tuple[str, int]) -> None:
        self.moves.append(address)

    def on_failed(self) -> None:
        self.failures += 1


class Rig:
    """The engine, and the time."""

    def __init__(self, host: str = "127.0.0.1", *, kernel_time: bool = False) -> None:
        self.host = host
        self.socket = udp(host)
        self.engine = Engine(self.socket, lambda: None, kernel_time=kernel_time)
        self.number = 0
        self.start = self.engine.now
        self._open = [self.socket]

    @property
    def now(self) -> float:
        return self.start + self.number * TICK

    def tick(self, count: int = 1) -> None:
        """Run ticks, and tell the owners what happened."""
        for _ in range(count):
            self.number += 1
            self.engine.tick(self.number, self.now)
            for owner, *arguments in self.engine.take_news():
                owner(*arguments)

    def obey(self) -> None:
        """Carry out what was posted."""
        self.engine.obey()

    def socket_pair(self) -> tuple[socket.socket, socket.socket]:
        pair = udp(self.host), udp(self.host)
        self._open += pair
        return pair

    def far_end(self) -> socket.socket:
        sock = udp(self.host)
        self._open.append(sock)
        return sock

    def close(self) -> None:
        for sock in self._open:
            sock.close()


class Trunk:
    """A trunk leg, and the phone behind it."""

    def __init__(
        self,
        rig: Rig,
        codec: str = "PCMU",
        payload_type: int = 0,
        *,
        formats: dict[int, str] | None = None,
        events: bool = True,
        ptime: int = 20,
        described: bool = True,
    ) -> None:
        self.rig = rig
        self.owner = Owner()
        self.sock, self.rtcp = rig.far_end(), rig.far_end()
        self.leg = TrunkLeg(
            self.owner,
            *rig.socket_pair(),
            rig.engine.trunk_counters,
            rig.engine.narrow,
            rig.engine.wide,
        )
        self.sequence, self.timestamp, self.ssrc = 1000, 5000, 77
        if described:
            host, port = self.sock.getsockname()[:2]
            self.leg.port.expect(host, port, self.rtcp.getsockname()[1])
        self.leg.receiver.set_formats(
            formats or {payload_type: codec},
            events=(EVENT_TYPE,) if events else (),
            noise=13,
        )
        self.leg.sender.set_codec(codec, payload_type, ptime=ptime)
        self.leg.set_digits(EVENT_TYPE if events else None, 8000)
        rig.engine.add(self.leg)

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.leg.port.rtp.getsockname()[:2]
        return host, port

    def say(
        self,
        payload: bytes,
        *,
        payload_type: int = 0,
        units: int | None = None,
        marker: bool = False,
        ssrc: int | None = None,
        sock: socket.socket | None = None,
    ) -> None:
        """Send a packet; the next one follows it."""
        header = pack_header(
            payload_type,
            self.sequence,
            self.timestamp,
            self.ssrc if ssrc is None else ssrc,
            marker=marker,
        )
        (sock or self.sock).sendto(header + payload, self.address)
        self.sequence += 1
        self.timestamp += len(payload) if units is None else units

    def heard(self) -> list[RtpPacket]:
        """Return what has come to the phone."""
        return [parse(datagram) for datagram in drain(self.sock)]


class Browser:
    """A browser leg with keys of its own, and the browser's socket."""

    def __init__(
        self,
        rig: Rig,
        codec: str = "OPUS",
        payload_type: int = OPUS_TYPE,
        *,
        level: int | None = 1,
        connected: bool = True,
        key: bytes = KEY,
    ) -> None:
        self.rig = rig
        self.owner = Owner()
        self.sock = rig.far_end()
        self._key = key
        engine = rig.engine
        self.leg = BrowserLeg(self.owner, engine.browsers, engine.narrow, engine.wide, engine.now)
        if connected:
            self.connect()
        self._out = srtp(Policy.SSRC_ANY_OUTBOUND, key)
        self._in = srtp(Policy.SSRC_ANY_INBOUND, key)
        rate = 48000 if codec == "OPUS" else 8000
        self.leg.receiver.set_formats(
            {payload_type: codec},
            events=(EVENT_TYPE,),
            event_clock_rate=rate,
            level_extension=level,
        )
        self.leg.sender.set_codec(codec, payload_type, level_extension=level)
        engine.add(self.leg)
        self.sequence, self.timestamp, self.ssrc = 60000, 90000, 1234
        self.payload_type, self.units = payload_type, CODECS[codec].units_per_frame
        self.encoder = OpusEncoder(8000)
        self.decoder = OpusDecoder(8000)

    def connect(self) -> None:
        """Let ICE and DTLS have come up."""
        self.leg.binding.set_remote(*self.sock.getsockname()[:2])
        self.leg.binding.start_media(
            srtp(Policy.SSRC_ANY_INBOUND, self._key), srtp(Policy.SSRC_ANY_OUTBOUND, self._key)
        )

    def say(self, payload: bytes, *, units: int | None = None, **fields: int) -> None:
        """Send a packet; the next one follows it."""
        packet = (
            pack_header(
                fields.get("payload_type", self.payload_type),
                self.sequence,
                self.timestamp,
                fields.get("ssrc", self.ssrc),
            )
            + payload
        )
        self.sock.sendto(self._out.protect(packet), self.rig.socket.getsockname()[:2])
        self.sequence = self.sequence + 1 & 0xFFFF
        self.timestamp += self.units if units is None else units

    def speak(self, frame: Samples) -> None:
        """Send a frame of 20 ms, int16[160], as Opus."""
        self.say(self.encoder.encode(frame))

    def heard(self) -> list[RtpPacket]:
        """Return what has come to the browser, decrypted."""
        return [parse(self._in.unprotect(datagram)) for datagram in drain(self.sock)]

    def listen(self, packets: list[RtpPacket]) -> Samples:
        """Return the sound of Opus packets, at 8 kHz."""
        out: Samples = np.zeros(160 * len(packets), np.int16)
        for place, packet in enumerate(packets):
            self.decoder.decode(packet.payload, out[160 * place : 160 * (place + 1)])
        return out


class Talker:
    """A leg without a port that says a tone and remembers what it hears."""

    def __init__(self, rig: Rig, frequency: float) -> None:
        self.frames: list[Samples] = []
        self._position = 0
        self._frequency = frequency
        self.owner = Owner()
        self.leg = FrameLeg(
            self.owner,
            rig.engine.frame_counters,
            rig.engine.narrow,
            rig.engine.wide,
            give=self._give,
            take=self.frames.append,
        )
        rig.engine.add(self.leg)

    def _give(self, frame: Samples) -> bool:
        places = np.arange(self._position, self._position + len(frame))
        self._position += len(frame)
        rate = 50 * len(frame)
        frame[:] = np.round(6000 * np.sin(2 * np.pi * self._frequency / rate * places))
        return True

    @property
    def heard(self) -> Samples:
        return np.concatenate(self.frames) if self.frames else np.zeros(0, np.int16)


def join(rig: Rig, *legs: Leg) -> Bridge:
    """Return a bridge of these legs."""
    bridge = Bridge(rig.engine)
    for leg in legs:
        bridge.join(leg)
    return bridge


@contextmanager
def running(rig: Rig) -> Iterator[None]:
    """Have the engine served by a thread of its own, as in the gateway."""
    thread = threading.Thread(target=rig.engine.run)
    thread.start()
    try:
        yield
    finally:
        rig.engine.stop()
        thread.join()
