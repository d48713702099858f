"""Whole calls on loopback: what each side hears, on one steady clock, whatever happens between."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from gateway.errors import RequestError
from gateway.media.events import BrowserDigit, BrowserLost, LossReason, Quality, TrunkDigit
from gateway.media.parameters import Flow
from tests.gateway.media.call import (
    BROWSER_TONE,
    EVENT,
    TRUNK_TONE,
    Trunk,
    check_steady,
    open_call,
    open_plane,
)
from tests.tones import assert_tone
from tests.waiting import until
from voice.g711 import decode_ulaw
from voice.rtp import pack_header
from voice.telephone_event import EventSender


async def test_each_side_hears_the_others_tone_and_not_its_own() -> None:
    async with open_call() as call:
        speaking = asyncio.create_task(call.trunk.speak(call.port, 100))
        packets = await call.trunk.packets(100)
        await speaking
        check_steady(packets, call.plane)
        codes = np.frombuffer(b"".join(packet.payload for packet in packets[50:]), np.uint8)
        assert_tone(decode_ulaw(codes), 8000, present=[BROWSER_TONE], absent=[TRUNK_TONE])
        await until(lambda: call.caller.heard.size > 48000)
        assert_tone(call.caller.heard[-24000:], 48000, present=[TRUNK_TONE], absent=[BROWSER_TONE])
        assert call.caller.lost == 0


async def test_the_trunk_hears_silence_until_the_answer() -> None:
    async with open_call() as call:
        await call.session.set_flow(Flow.SILENCE)
        await call.trunk.packets(10)
        packets = await call.trunk.packets(20)
        check_steady(packets, call.plane)
        assert {packet.payload for packet in packets} == {b"\xff" * 160}
        await call.session.set_flow(Flow.AUDIO)
        packets += await call.trunk.packets(50)
        check_steady(packets, call.plane)
        codes = np.frombuffer(b"".join(packet.payload for packet in packets[-20:]), np.uint8)
        assert_tone(decode_ulaw(codes), 8000, present=[BROWSER_TONE])


async def test_early_media_is_heard_before_the_answer() -> None:
    async with open_call() as call:
        await call.session.set_flow(Flow.SILENCE)
        await call.trunk.speak(call.port, 50)
        await until(lambda: call.caller.heard.size > 36000)
        assert_tone(call.caller.heard[-24000:], 48000, present=[TRUNK_TONE])
        assert {packet.payload for packet in call.trunk.waiting()[-10:]} == {b"\xff" * 160}


async def test_a_trunk_is_sent_to_before_the_browser_has_come() -> None:
    """Media servers and NATs send early media only once something has come."""
    async with open_plane() as plane:
        session, trunk = await plane.open(), Trunk()
        await session.connect_trunk(trunk.remote())
        packets = await trunk.packets(20)
        check_steady(packets, plane)
        assert packets[0].marker
        assert {packet.payload for packet in packets} == {b"\xff" * 160}
        trunk.sock.close()


async def test_strangers_wrong_sources_and_garbage_are_dropped_and_the_call_goes_on() -> None:
    async with open_call() as call:
        call.trunk.send(call.port, b"\xff" * 160)
        stranger = Trunk("127.0.0.3")
        with stranger.sock:
            stranger.send(call.port, b"\x00" * 160)
        call.trunk.send(call.port, b"\x00" * 160, ssrc=5)
        call.trunk.send(call.port, b"\x00" * 160, payload_type=96)
        for garbage in (b"", b"\x80", b"\x00" * 40, b"\x80" * 1501, b"\x90" + bytes(12)):
            call.trunk.sock.sendto(garbage, ("127.0.0.1", call.port))
        await call.trunk.speak(call.port, 60)
        await until(lambda: call.caller.heard.size > 36000)
        assert_tone(call.caller.heard[-24000:], 48000, present=[TRUNK_TONE], absent=[BROWSER_TONE])
        counters = call.plane.stats()
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
        assert not [name for name in counters if "faults" in name]


async def test_a_trunk_on_hold_gets_nothing_and_is_heard_again_after() -> None:
    async with open_call() as call:
        before = await call.trunk.packets(3)
        held = time.monotonic()
        await call.session.connect_trunk(replace(call.trunk.remote(), receives=False))
        await asyncio.sleep(0.05)
        before += call.trunk.waiting()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await call.trunk.packet()
        await call.session.connect_trunk(call.trunk.remote())
        after = await call.trunk.packets(3)
        lasted = time.monotonic() - held
        assert after[0].sequence == before[-1].sequence + 1 & 0xFFFF
        assert after[0].marker
        passed = (after[0].timestamp - before[-1].timestamp & 0xFFFFFFFF) / 8000
        assert 0.2 <= passed <= lasted + 0.1, "time goes on in a hold"


async def test_media_follows_a_trunk_that_moves() -> None:
    async with open_call() as call:
        before = await call.trunk.packets(3)
        moved = Trunk()
        with moved.sock:
            await call.session.connect_trunk(moved.remote())
            after = await moved.packets(3)
            before += call.trunk.waiting()
            check_steady([*before, *after], call.plane)


async def test_the_codec_changes_in_mid_call() -> None:
    async with open_call() as call:
        before = await call.trunk.packets(5)
        wide = replace(call.trunk.remote(), codec="G722", payload_type=9, codecs=((9, "G722"),))
        await call.session.connect_trunk(wide)
        before += call.trunk.waiting()
        after = await call.trunk.packets(10)
        check_steady([*before, *after], call.plane)
        assert {packet.payload_type for packet in after} == {9}


async def test_packets_of_another_length() -> None:
    async with open_call() as call:
        await call.session.connect_trunk(replace(call.trunk.remote(), ptime=30))
        await asyncio.sleep(0.1)
        call.trunk.waiting()
        packets = await call.trunk.packets(30)
        assert {len(packet.payload) for packet in packets} == {240}
        check_steady(packets, call.plane, units=240)


async def test_digits_of_the_browser_are_reported_and_passed_on_once_each() -> None:
    async with open_call() as call:
        await call.trunk.packets(10)
        call.caller.press("15#", 160, 80)
        for digit in "15#":
            pressed = await call.event()
            assert isinstance(pressed, BrowserDigit)
            assert pressed.digit == digit
            call.session.pass_digit(pressed.digit, pressed.duration_ms)
        assert await call.trunk.digits(3) == [*"15#"]
        assert call.plane.counters["browser_digits"] == 3


async def test_digits_of_the_page_reach_the_trunk_and_stop_the_audio_meanwhile() -> None:
    async with open_call() as call:
        await call.session.send_digits("7", 200, 60)
        packets = await call.trunk.packets(40)
        kinds = [packet.payload_type for packet in packets]
        first = kinds.index(EVENT.payload_type)
        digit = kinds.count(EVENT.payload_type)
        assert 0 not in kinds[first : first + digit]
        assert [packet.sequence for packet in packets] == [
            (packets[0].sequence + number) & 0xFFFF for number in range(40)
        ]


async def test_digits_of_the_trunk_are_reported_once_each() -> None:
    async with open_call() as call:
        sender = EventSender(8000)
        sender.send("159", duration=100)
        while sender.busy:
            packet, _ = sender.tick(call.trunk.timestamp & 0xFFFFFFFF)
            if packet is not None:
                header = pack_header(
                    EVENT.payload_type,
                    call.trunk.sequence & 0xFFFF,
                    packet.timestamp,
                    99,
                    marker=packet.marker,
                )
                call.trunk.sock.sendto(header + packet.payload, ("127.0.0.1", call.port))
                call.trunk.sequence += 1
            call.trunk.timestamp += 160
            await asyncio.sleep(0.005)
        assert [await call.event() for _ in range(3)] == [TrunkDigit(d, 100) for d in "159"]


async def test_digits_are_tones_where_the_trunk_takes_no_events() -> None:
    async with open_call() as call:
        await call.session.connect_trunk(replace(call.trunk.remote(), event=None))
        await call.trunk.packets(10)
        call.trunk.waiting()
        await call.session.send_digits("1", 300, 60)
        codes = b"".join([packet.payload for packet in await call.trunk.packets(14)][3:])
        heard = decode_ulaw(np.frombuffer(codes, np.uint8))
        assert_tone(heard, 8000, present=[697.0, 1209.0], absent=[BROWSER_TONE])
        with pytest.raises(RequestError, match="X"):
            await call.session.send_digits("1X", 100, 60)


async def test_digits_before_there_is_a_trunk_are_refused() -> None:
    async with open_plane() as plane:
        session = await plane.open()
        with pytest.raises(RequestError, match="described"):
            await session.send_digits("1", 100, 60)


async def test_both_ends_are_rated_every_two_seconds() -> None:
    async with open_call() as call:
        await call.trunk.speak(call.port, 100)
        while not isinstance(event := await call.event(), Quality):
            pass
        assert event.browser.packets > 0
        assert event.trunk.packets > 0
        assert event.browser.loss == event.trunk.loss == 0


async def test_a_browser_that_says_goodbye_is_reported() -> None:
    async with open_call() as call:
        await until(lambda: call.caller.sent > 5)
        await call.caller.close()
        while not isinstance(event := await call.event(), BrowserLost):
            pass
        assert event == BrowserLost(LossReason.CLOSED)


async def test_a_stall_of_the_media_thread_costs_whole_frames() -> None:
    """The clock does not send in a burst what no jitter buffer has room for."""
    async with open_call() as call:
        packets = await call.trunk.packets(10)
        began = time.monotonic()
        call.session.thread.post(time.sleep, 0.4)
        packets += await call.trunk.packets(50)
        lasted = time.monotonic() - began
        check_steady(packets, call.plane)
        assert call.plane.stats()["trunk_frames_skipped"] >= (0.4 - 0.06) / 0.02 - 2
        passed = (packets[-1].timestamp - packets[9].timestamp & 0xFFFFFFFF) / 8000
        assert passed == pytest.approx(lasted, abs=0.15), "time goes on in a stall"


def stand_still(seconds: float) -> None:
    """Let the event loop do nothing, as a long computation does."""
    time.sleep(seconds)


async def test_a_stall_of_the_event_loop_costs_nothing() -> None:
    """The media thread serves calls while the loop's thread does something else."""
    async with open_call() as call:
        await call.trunk.packets(10)
        call.trunk.waiting()
        stand_still(1.0)
        packets = call.trunk.waiting()
        assert len(packets) >= 15  # of 50: the thread shares the machine with others
        check_steady(packets, call.plane)


async def test_many_sessions_on_several_threads_each_have_their_own_stream() -> None:
    async with open_plane(pairs=24, threads=2) as plane:
        sessions = [await plane.open() for _ in range(24)]
        trunks = [Trunk() for _ in sessions]
        for session, trunk in zip(sessions, trunks, strict=True):
            await session.connect_trunk(trunk.remote())
        streams = await asyncio.gather(*(trunk.packets(25) for trunk in trunks))
        for packets in streams:
            check_steady(packets, plane)
        assert len({packets[0].ssrc for packets in streams}) == 24
        assert plane.stats()["sessions"] == 24
        served = [session.thread for session in sessions]
        assert sorted(served.count(thread) for thread in set(served)) == [12, 12]
        await asyncio.gather(*(session.close() for session in sessions))
        assert plane.stats()["sessions"] == 0
        for trunk in trunks:
            trunk.sock.close()


async def test_calls_come_and_go_while_others_speak() -> None:
    async with open_plane(pairs=40) as plane:
        steady = Trunk()
        session = await plane.open()
        await session.connect_trunk(steady.remote())
        heard = asyncio.create_task(steady.packets(75))
        while not heard.done():
            trunk = Trunk()
            other = await plane.open()
            await other.connect_trunk(trunk.remote())
            await trunk.packets(2)
            await other.close()
            trunk.sock.close()
        check_steady(await heard, plane)
        for before, packet in pairwise(await heard):
            assert packet.ssrc == before.ssrc
        steady.sock.close()
