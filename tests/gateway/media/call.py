"""A whole call on loopback: a caller's real ICE, DTLS and Opus, and a trunk of plain sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gateway.caller.description import OPUS, Accepted
from gateway.caller.leg import CallerLeg
from gateway.media import MediaConfig, MediaPlane, MediaSession
from gateway.media.events import BrowserConnected, BrowserReachable, MediaEvent
from gateway.media.parameters import (
    BrowserRemote,
    DtlsRole,
    EventFormat,
    Flow,
    LocalBrowser,
    LocalMedia,
    TrunkRemote,
)
from gateway.media.ports import PortRange
from tests.peers.ports import free_ports
from voice.g711 import encode_ulaw
from voice.rtp import RtpPacket, pack_header, parse
from voice.telephone_event import EventEnded, EventReceiver

EVENT = EventFormat(101, 8000)
BROWSER_TONE, TRUNK_TONE = 660.0, 440.0  # Hz


def sine(frequency: float, rate: int, samples: int) -> Iterator[NDArray[np.int16]]:
    """Yield one frame of a tone after the other."""
    start = 0
    while True:
        time = np.arange(start, start + samples) / rate
        yield (8000 * np.sin(2 * np.pi * frequency * time)).astype(np.int16)
        start += samples


class Trunk:
    """The far end of the trunk: plain UDP, one packet at a time."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind((host, 0))
        self.sequence, self.timestamp = 65500, 2**32 - 2000

    @property
    def port(self) -> int:
        return int(self.sock.getsockname()[1])

    def remote(self) -> TrunkRemote:
        """Return the description of a trunk that speaks PCMU and takes telephone events."""
        return TrunkRemote("127.0.0.1", self.port, "PCMU", 0, EVENT, ((0, "PCMU"),), (101,))

    async def packet(self) -> RtpPacket:
        async with asyncio.timeout(3):
            data = await asyncio.get_running_loop().sock_recv(self.sock, 2000)
        return parse(data)

    async def packets(self, count: int) -> list[RtpPacket]:
        return [await self.packet() for _ in range(count)]

    def waiting(self) -> list[RtpPacket]:
        """Return what has come so far."""
        packets = []
        while True:
            try:
                packets.append(parse(self.sock.recv(2000)))
            except BlockingIOError:
                return packets

    def send(self, to: int, payload: bytes, *, payload_type: int = 0, ssrc: int = 99) -> None:
        """Send a packet; the next one follows it."""
        header = pack_header(
            payload_type, self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF, ssrc
        )
        self.sock.sendto(header + payload, ("127.0.0.1", to))
        self.sequence += 1
        self.timestamp += 160

    async def speak(self, to: int, frames: int) -> None:
        """Say a tone."""
        tone = sine(TRUNK_TONE, 8000, 160)
        for _ in range(frames):
            self.send(to, encode_ulaw(next(tone)).tobytes())
            await asyncio.sleep(0.02)

    async def digits(self, count: int, packets: int = 200) -> list[str]:
        """Return the next digits that come as telephone events."""
        receiver, digits = EventReceiver(8000), list[str]()
        for _ in range(packets):
            packet = await self.packet()
            if packet.payload_type == EVENT.payload_type:
                told = receiver.receive(
                    packet.ssrc, packet.sequence, packet.timestamp, packet.marker, packet.payload, 0
                )
                digits += [event.digit for event in told if isinstance(event, EventEnded)]
            if len(digits) == count:
                break
        return digits


def browser_remote(caller: CallerLeg) -> BrowserRemote:
    """Return what the caller's offer says."""
    endpoint = caller._endpoint
    return BrowserRemote(
        *endpoint.ice,
        candidates=caller.candidates,
        fingerprints=endpoint.fingerprints,
        dtls_role=DtlsRole.SERVER,
        codec="OPUS",
        payload_type=OPUS,
        event=EventFormat(110, 48000),
    )


def accepted(local: LocalMedia | LocalBrowser) -> Accepted:
    """Return what our answer says."""
    remote = BrowserRemote(
        local.ice_ufrag,
        local.ice_password,
        candidates=local.candidates,
        fingerprints=local.fingerprints,
        dtls_role=DtlsRole.CLIENT,
        codec="OPUS",
        payload_type=OPUS,
        event=EventFormat(110, 48000),
    )
    return Accepted(remote, 32000)


class Call:
    """A session, its caller and its trunk."""

    def __init__(self, plane: MediaPlane, session: MediaSession) -> None:
        self.plane, self.session = plane, session
        ports = free_ports(10)
        self.caller = CallerLeg(
            PortRange("127.0.0.1", ports.start, ports.stop - 1),
            MediaConfig(),
            sine(BROWSER_TONE, 48000, 960),
            keep=60,
            on_change=lambda event: None,
        )
        self.trunk = Trunk()
        self.events: asyncio.Queue[MediaEvent] = asyncio.Queue()
        session.report_to(self.events.put_nowait)

    @property
    def port(self) -> int:
        return self.session.local.trunk_port

    async def event(self) -> MediaEvent:
        """Return the next event; that a browser may be reached is no more than a promise."""
        async with asyncio.timeout(5):
            while (event := await self.events.get()) == BrowserReachable():
                pass
            return event

    async def connect(self) -> None:
        """Bring both ends up, and have them hear each other."""
        self.caller.open()
        await self.session.connect_browser(browser_remote(self.caller))
        self.caller.connect(accepted(self.session.local))
        await self.session.connect_trunk(self.trunk.remote())
        await self.session.set_flow(Flow.AUDIO)
        assert await self.event() == BrowserConnected()

    async def close(self) -> None:
        self.trunk.sock.close()
        await self.caller.close()
        await self.session.close()


def plane_config(pairs: int = 10, threads: int = 1, sessions: int = 2000) -> MediaConfig:
    """Return settings with ports that nobody else has."""
    ports = free_ports(2 * pairs)
    return MediaConfig(
        ports=(ports.start, ports.stop - 1), browser_port=0, threads=threads, sessions=sessions
    )


@asynccontextmanager
async def open_plane(
    pairs: int = 10, threads: int = 1, sessions: int = 2000
) -> AsyncIterator[MediaPlane]:
    """A plane that has started."""
    plane = MediaPlane(plane_config(pairs, threads, sessions))
    await plane.start()
    try:
        yield plane
    finally:
        await plane.close()


@asynccontextmanager
async def open_call() -> AsyncIterator[Call]:
    """A call with both ends connected, on a plane of its own."""
    async with open_plane() as plane:
        call = Call(plane, await plane.open())
        try:
            await call.connect()
            yield call
        finally:
            await call.close()


def check_steady(packets: list[RtpPacket], plane: MediaPlane, units: int = 160) -> None:
    """One clock: no gap and no jump in sequence or timestamp, one source."""
    skipped = 0
    for before, packet in pairwise(packets):
        assert packet.sequence == (before.sequence + 1) & 0xFFFF
        frames, rest = divmod((packet.timestamp - before.timestamp) & 0xFFFFFFFF, units)
        assert not rest
        assert packet.marker == (frames > 1), "what follows a pause begins a stretch of audio"
        skipped += frames - 1
        assert packet.ssrc == before.ssrc
    # A machine that stops us for longer than the clock makes up for costs whole frames
    assert skipped <= plane.stats().get("trunk_frames_skipped", 0)
