"""A second trunk's end: heard by nobody until it takes the first one's place."""

from __future__ import annotations

import asyncio
import gc
import weakref

import numpy as np
import pytest

from gateway.errors import UnavailableError
from gateway.media.events import MediaEvent, Quality, TrunkDigit
from gateway.media.parameters import Flow
from gateway.media.second_trunk import SecondTrunk
from tests.gateway.media.call import BROWSER_TONE, TRUNK_TONE, Call, Trunk, check_steady, open_call
from tests.tones import Samples, assert_tone, measure_tone
from tests.waiting import until
from voice.g711 import decode_ulaw
from voice.rtp import RtpPacket


def samples(packets: list[RtpPacket]) -> Samples:
    return decode_ulaw(np.frombuffer(b"".join(each.payload for each in packets), np.uint8))


async def until_heard(trunk: Trunk, tone: float) -> list[RtpPacket]:
    """Return all that a trunk gets until it hears this tone."""
    packets: list[RtpPacket] = []
    async with asyncio.timeout(5):
        while True:
            packets += await trunk.packets(10)
            if measure_tone(samples(packets[-10:]), 8000, tone).level > -40:
                return packets


async def connected(call: Call, trunk: Trunk) -> SecondTrunk:
    second = await call.session.add_trunk()
    await second.connect_trunk(trunk.remote())
    return second


async def test_both_directions_move() -> None:
    other = Trunk()
    async with open_call() as call:
        first = asyncio.create_task(call.trunk.speak(call.port, 10_000))
        await until_heard(call.trunk, BROWSER_TONE)
        second = await connected(call, other)
        call.trunk.waiting()
        await call.trunk.packets(25)
        assert other.waiting() == []  # and the first one goes on
        assert_tone(call.caller.heard[-24_000:], 48000, present=[TRUNK_TONE], absent=[BROWSER_TONE])
        first.cancel()
        await call.session.turn_to(second)
        port = second.local.trunk_port
        other.send(port, b"\xff" * 160)
        call.trunk.waiting()
        heard = [*await until_heard(other, BROWSER_TONE), *await other.packets(50)]
        check_steady(heard, call.plane)
        assert_tone(samples(heard[-50:]), 8000, present=[BROWSER_TONE], absent=[TRUNK_TONE])
        before = call.caller.heard.size
        await other.speak(port, 60)
        assert_tone(
            call.caller.heard[before + 12_000 :], 48000, present=[TRUNK_TONE], absent=[BROWSER_TONE]
        )
        assert call.trunk.waiting() == []
        assert call.session.trunks == (second.party,)
    other.sock.close()


async def test_digits_and_quality_are_of_the_new_one() -> None:
    other = Trunk()
    async with open_call() as call:
        second = await connected(call, other)
        second._pressed("1", 100)  # not the call's yet
        await call.session.turn_to(second)
        second._pressed("2", 100)
        await call.session.send_digits("3", 100, 70)
        assert await other.digits(1) == ["3"]
        told: list[MediaEvent] = []
        while not any(isinstance(each, Quality) for each in told):
            told.append(await call.event())
        assert [each for each in told if isinstance(each, TrunkDigit)] == [TrunkDigit("2", 100)]
    other.sock.close()


async def test_given_up() -> None:
    other = Trunk()
    async with open_call() as call:
        free = call.plane.free_pairs
        second = await connected(call, other)
        assert call.plane.free_pairs == free - 1
        with pytest.raises(UnavailableError):
            await call.session.add_trunk()
        await call.session.give_up(second)
        await call.session.give_up(second)
        await call.session.turn_to(second)  # too late
        assert second.party is not call.session.trunk
        await until(lambda: call.plane.free_pairs == free)
        left = weakref.ref(second.party)
        del second
        await until(lambda: gc.collect() >= 0 and left() is None)
        await until_heard(call.trunk, BROWSER_TONE)
    other.sock.close()


async def test_while_there_is_music() -> None:
    """Who takes the place of somebody on hold hears the music."""
    other = Trunk()
    async with open_call() as call:
        await call.session.set_flow(Flow.HOLD)
        second = await connected(call, other)
        await call.session.turn_to(second)
        packets = await other.packets(100)
        assert measure_tone(samples(packets), 8000, BROWSER_TONE).level < -40
        assert max(abs(samples(packets).astype(int))) > 500
        await second.set_flow(Flow.AUDIO)
        await until_heard(other, BROWSER_TONE)
    other.sock.close()


async def test_the_call_ends_with_both() -> None:
    other = Trunk()
    async with open_call() as call:
        second = await connected(call, other)
        await call.session.close()
        assert all(each.leg.owner is None for each in (second.party, call.session.trunk))
        with pytest.raises(UnavailableError):
            await call.session.add_trunk()
        await call.session.give_up(second)
    other.sock.close()
