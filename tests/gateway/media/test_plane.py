"""A whole session on loopback: a caller's real ICE, DTLS and Opus, and a trunk of plain sockets."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.caller.description import OPUS, Accepted
from gateway.caller.leg import CallerLeg
from gateway.errors import RequestError, UnavailableError
from gateway.media import MediaConfig, MediaPlane, MediaSession
from gateway.media.events import (
    BrowserConnected,
    BrowserLost,
    LossReason,
    MediaEvent,
    TrunkDigit,
)
from gateway.media.parameters import BrowserRemote, DtlsRole, EventFormat, Flow, TrunkRemote
from gateway.media.ports import PortRange
from tests.peers.ports import free_ports
from tests.tones import assert_tone
from voice.g711 import decode_ulaw, encode_ulaw
from voice.rtp import RtpPacket, pack_header, parse
from voice.telephone_event import EventEnded, EventReceiver, EventSender

EVENT = EventFormat(101, 8000)
BROWSER_TONE, TRUNK_TONE = 660.0, 440.0  # Hz


def sine(frequency: float, rate: int, samples: int) -> Iterator[NDArray[np.int16]]:
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
        return TrunkRemote("127.0.0.1", self.port, "PCMU", 0, EVENT, ((0, "PCMU"),), (101,))

    async def packet(self) -> RtpPacket:
        async with asyncio.timeout(3):
            data = await asyncio.get_running_loop().sock_recv(self.sock, 2000)
        return parse(data)

    async def packets(self, count: int) -> list[RtpPacket]:
        return [await self.packet() for _ in range(count)]

    def send(self, to: int, payload: bytes, *, payload_type: int = 0, ssrc: int = 99) -> None:
        header = pack_header(payload_type, self.sequence, self.timestamp, ssrc)
        self.sock.sendto(header + payload, ("127.0.0.1", to))
        self.sequence += 1
        self.timestamp += 160

    async def speak(self, to: int, frames: int) -> None:
        tone = sine(TRUNK_TONE, 8000, 160)
        for _ in range(frames):
            self.send(to, encode_ulaw(next(tone)).tobytes())
            await asyncio.sleep(0.02)


class Bridge:
    """A session with both ends connected."""

    def __init__(self, plane: MediaPlane, session: MediaSession, caller: CallerLeg) -> None:
        self.plane, self.session, self.caller = plane, session, caller
        self.trunk = Trunk()
        self.events: asyncio.Queue[MediaEvent] = asyncio.Queue()
        session.report_to(self.events.put_nowait)

    @property
    def port(self) -> int:
        return self.session.local.trunk_port

    async def event(self) -> MediaEvent:
        async with asyncio.timeout(5):
            return await self.events.get()


def browser_remote(caller: CallerLeg) -> BrowserRemote:
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


def accepted(session: MediaSession) -> Accepted:
    local = session.local
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


@asynccontextmanager
async def bridge() -> AsyncIterator[Bridge]:
    ports, others = free_ports(20), free_ports(10)
    plane = MediaPlane(MediaConfig(ports=(ports.start, ports.stop - 1)))
    await plane.start()
    session = await plane.open()
    caller = CallerLeg(
        PortRange("127.0.0.1", others.start, others.stop - 1),
        MediaConfig(),
        sine(BROWSER_TONE, 48000, 960),
        keep=60,
        on_change=lambda event: None,
    )
    made = Bridge(plane, session, caller)
    try:
        await caller.open()
        await session.connect_browser(browser_remote(caller))
        caller.connect(accepted(session))
        await session.connect_trunk(made.trunk.remote())
        await session.set_flow(Flow.AUDIO)
        assert await made.event() == BrowserConnected()
        yield made
    finally:
        made.trunk.sock.close()
        await caller.close()
        await plane.close()


def check_steady(packets: list[RtpPacket], plane: MediaPlane) -> None:
    """One clock: no gap and no jump in sequence or timestamp, one source."""
    skipped = 0
    for before, packet in pairwise(packets):
        assert packet.sequence == (before.sequence + 1) & 0xFFFF
        frames, rest = divmod((packet.timestamp - before.timestamp) & 0xFFFFFFFF, 160)
        assert not rest
        assert packet.marker == (frames > 1), "what follows a pause begins a stretch of audio"
        skipped += frames - 1
        assert packet.ssrc == before.ssrc
    # A machine that stops us for longer than the clock makes up for costs whole frames
    assert skipped <= plane.counters["frames_skipped"]


async def test_each_side_hears_the_others_tone_and_not_its_own() -> None:
    async with bridge() as call:
        speaking = asyncio.create_task(call.trunk.speak(call.port, 100))
        packets = await call.trunk.packets(100)
        await speaking
        check_steady(packets, call.plane)
        codes = np.frombuffer(b"".join(packet.payload for packet in packets[50:]), np.uint8)
        assert_tone(decode_ulaw(codes), 8000, present=[BROWSER_TONE], absent=[TRUNK_TONE])
        heard = call.caller.heard
        assert heard.size > 48000
        assert_tone(heard[-24000:], 48000, present=[TRUNK_TONE], absent=[BROWSER_TONE])
        assert call.caller.lost == 0


async def test_the_trunk_hears_silence_until_the_answer() -> None:
    async with bridge() as call:
        await call.session.set_flow(Flow.SILENCE)
        await call.trunk.packets(10)
        packets = await call.trunk.packets(20)
        check_steady(packets, call.plane)
        assert {packet.payload for packet in packets} == {b"\xff" * 160}


async def test_strangers_wrong_sources_and_garbage_are_dropped_and_the_call_goes_on() -> None:
    async with bridge() as call:
        call.trunk.send(call.port, b"\xff" * 160)
        stranger = Trunk("127.0.0.3")
        with stranger.sock:
            stranger.send(call.port, b"\x00" * 160)
        call.trunk.send(call.port, b"\x00" * 160, ssrc=5)
        call.trunk.send(call.port, b"\x00" * 160, payload_type=96)
        for garbage in (b"", b"\x80", b"\x00" * 40, b"\x80" * 1501, b"\x90" + bytes(12)):
            call.trunk.sock.sendto(garbage, ("127.0.0.1", call.port))
        await call.trunk.speak(call.port, 60)
        assert_tone(call.caller.heard[-24000:], 48000, present=[TRUNK_TONE], absent=[BROWSER_TONE])
        counters = call.plane.counters
        refused = {name.removeprefix("trunk_rejected_") for name in counters if "trunk_rej" in name}
        assert refused == {
            "stranger",
            "ssrc",
            "payload-type",
            "length",
            "short",
            "version",
            "extension",
        }
        assert all(counters[f"trunk_rejected_{reason}"] >= 1 for reason in refused)
        assert counters["faults"] == 0


async def test_a_trunk_on_hold_gets_nothing_and_is_heard_again_after() -> None:
    async with bridge() as call:
        await call.trunk.packets(3)
        await call.session.connect_trunk(replace(call.trunk.remote(), receives=False))
        await asyncio.sleep(0.1)
        while True:
            try:
                call.trunk.sock.recv(2000)
            except BlockingIOError:
                break
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await call.trunk.packet()
        await call.session.connect_trunk(call.trunk.remote())
        await call.trunk.packets(3)


async def test_media_follows_a_trunk_that_moves() -> None:
    async with bridge() as call:
        await call.trunk.packets(3)
        moved = Trunk()
        with moved.sock:
            await call.session.connect_trunk(moved.remote())
            await moved.packets(3)


async def test_digits_of_the_browser_reach_the_trunk_once_each() -> None:
    async with bridge() as call:
        await call.trunk.packets(10)
        call.caller.press("15#", 160, 80)
        receiver, digits = EventReceiver(8000), ""
        for _ in range(150):
            packet = await call.trunk.packet()
            if packet.payload_type == EVENT.payload_type:
                told = receiver.receive(packet.timestamp, packet.marker, packet.payload, 0)
                digits += "".join(event.digit for event in told if isinstance(event, EventEnded))
            if digits == "15#":
                break
        assert digits == "15#"


async def test_digits_of_the_page_reach_the_trunk_and_stop_the_audio_meanwhile() -> None:
    async with bridge() as call:
        await call.session.send_digits("7", 200, 60)
        packets = await call.trunk.packets(40)
        kinds = [packet.payload_type for packet in packets]
        first = kinds.index(101)
        assert 0 not in kinds[first : first + kinds.count(101)]
        assert [packet.sequence for packet in packets] == [
            (packets[0].sequence + number) & 0xFFFF for number in range(40)
        ]


async def test_digits_of_the_trunk_are_reported_once_each() -> None:
    async with bridge() as call:
        sender = EventSender(8000)
        sender.send("159", duration=100)
        while sender.busy:
            packet, _ = sender.tick(call.trunk.timestamp)
            if packet is not None:
                header = pack_header(
                    101, call.trunk.sequence, packet.timestamp, 99, marker=packet.marker
                )
                call.trunk.sock.sendto(header + packet.payload, ("127.0.0.1", call.port))
                call.trunk.sequence += 1
            call.trunk.timestamp += 160
            await asyncio.sleep(0.005)
        assert [await call.event() for _ in range(3)] == [TrunkDigit(d, 100) for d in "159"]


async def test_digits_are_tones_where_the_trunk_takes_no_events() -> None:
    async with bridge() as call:
        await call.session.connect_trunk(replace(call.trunk.remote(), event=None))
        await call.session.send_digits("1", 300, 60)
        codes = b"".join([packet.payload for packet in await call.trunk.packets(11)])
        heard = decode_ulaw(np.frombuffer(codes, np.uint8))
        assert_tone(heard, 8000, present=[697.0, 1209.0], absent=[BROWSER_TONE])
        with pytest.raises(RequestError, match="X"):
            await call.session.send_digits("1X", 100, 60)


async def test_a_plane_without_room_says_so_and_gives_everything_back() -> None:
    ports = free_ports(8)
    config = MediaConfig(ports=(ports.start, ports.stop - 1), sessions=1)
    plane = MediaPlane(config)
    session = await plane.open()
    with pytest.raises(UnavailableError, match="1 media sessions"):
        await plane.open()
    await session.close()
    await session.close()
    for _ in range(10):
        await (await plane.open()).close()
    assert plane.stats()["sessions"] == 0
    await plane.close()
    await plane.close()


async def test_the_fault_of_one_session_ends_that_one_only(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ports = free_ports(20)
    plane = MediaPlane(MediaConfig(ports=(ports.start, ports.stop - 1)))
    faulty, sound = await plane.open(), await plane.open()
    told: dict[MediaSession, asyncio.Queue[MediaEvent]] = {}
    trunks = {faulty: Trunk(), sound: Trunk()}
    for session, far_end in trunks.items():
        told[session] = asyncio.Queue()
        session.report_to(told[session].put_nowait)
        await session.connect_trunk(far_end.remote())

    def take(packet: object, now: float) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(faulty.down, "take", take)
    end_of_5 = bytes([5, 0x8A, 3, 0x20])  # RFC 4733: event 5, end, 800 units
    for session, far_end in trunks.items():
        far_end.send(session.local.trunk_port, end_of_5, payload_type=101)
    async with asyncio.timeout(2):
        assert await told[faulty].get() == BrowserLost(LossReason.INTERNAL)
        assert await told[sound].get() == TrunkDigit("5", 100)
    assert len(await trunks[sound].packets(5)) == 5
    assert plane.counters["faults"] == 1
    assert "on purpose" in caplog.text
    await plane.close()
    for far_end in trunks.values():
        far_end.sock.close()


async def test_a_closed_plane_opens_nothing_and_leaves_nothing_open() -> None:
    ports = free_ports(8)
    plane = MediaPlane(MediaConfig(ports=(ports.start, ports.stop - 1)))
    await plane.close()
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(UnavailableError, match="closed"):
        await plane.open()
    await asyncio.sleep(0)
    assert set(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("turns", range(8))
async def test_opening_may_be_cancelled_at_any_moment(turns: int) -> None:
    ports = free_ports(8)
    plane = MediaPlane(MediaConfig(ports=(ports.start, ports.stop - 1)))
    before = set(os.listdir("/proc/self/fd"))
    opening = asyncio.create_task(plane.open())
    for _ in range(turns):
        await asyncio.sleep(0)
    opening.cancel()
    await asyncio.wait([opening])
    if not opening.cancelled():
        await opening.result().close()
    await asyncio.sleep(0.01)
    assert set(os.listdir("/proc/self/fd")) == before
    await plane.close()


async def test_a_port_that_has_no_next_one_harms_nobody() -> None:
    async with bridge() as call:
        other = await call.plane.open()
        await other.connect_trunk(replace(call.trunk.remote(), port=65535))
        other._trunk_reports._due = 0.0
        await call.trunk.packets(100)
        assert call.plane.counters["faults"] == 0
        await other.close()


async def test_what_goes_wrong_while_one_is_looked_after_ends_that_one_only(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with bridge() as call:
        faulty = await call.plane.open()
        told: asyncio.Queue[MediaEvent] = asyncio.Queue()
        faulty.report_to(told.put_nowait)

        def watch(elapsed: float) -> None:
            raise ZeroDivisionError("on purpose")

        monkeypatch.setattr(faulty._browser, "watch", watch)
        async with asyncio.timeout(3):
            assert await told.get() == BrowserLost(LossReason.INTERNAL)
        await call.trunk.packets(20)
        assert "on purpose" in caplog.text
        await faulty.close()


async def test_a_session_that_cannot_say_goodbye_is_given_back_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with bridge() as call:

        def count(now: float) -> None:
            raise ZeroDivisionError("on purpose")

        monkeypatch.setattr(call.session, "_count_sent", count)
        await call.session.close()
        assert call.plane.stats()["sessions"] == 0
        assert "on purpose" in caplog.text


async def test_without_a_clock_every_call_hears_of_it_and_the_next_has_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with bridge() as call:
        with monkeypatch.context() as patched:
            patched.setattr(call.plane, "_watched", None)
            async with asyncio.timeout(3):
                while await call.events.get() != BrowserLost(LossReason.INTERNAL):
                    pass
        assert "the media clock stopped" in caplog.text
        await call.session.close()
        session = await call.plane.open()
        trunk = Trunk()
        await session.connect_trunk(trunk.remote())
        await trunk.packets(3)
        trunk.sock.close()
        await session.close()
