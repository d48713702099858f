"""A call on hold: its far end hears music, nobody hears the other, and all of it comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gateway.media import MediaPlane
from gateway.media.parameters import Flow
from tests.gateway.media.call import BROWSER_TONE, TRUNK_TONE, Call, check_steady, plane_config
from tests.tones import Samples, make_tone, measure_tone, write_wav
from voice.g711 import decode_ulaw
from voice.rtp import RtpPacket

MUSIC = 1000.0  # Hz
HEARD = 30  # frames


@asynccontextmanager
async def open_call(folder: Path) -> AsyncIterator[Call]:
    """A call with both ends connected, and music for the one on hold; the trunk speaks."""
    music = write_wav(folder / "music.wav", make_tone(MUSIC, seconds=2, rate=16000), 16000)
    plane = MediaPlane(replace(plane_config(), hold_music=music))
    await plane.start()
    call = Call(plane, await plane.open())
    speaking = asyncio.create_task(call.trunk.speak(call.port, 10_000))
    try:
        await call.connect()
        yield call
    finally:
        speaking.cancel()
        await asyncio.wait([speaking])
        await call.close()
        await plane.close()


def samples(packets: list[RtpPacket]) -> Samples:
    return decode_ulaw(np.frombuffer(b"".join(each.payload for each in packets), np.uint8))


async def hear(call: Call) -> tuple[list[RtpPacket], Samples]:
    """Return what each side hears from now on: the trunk's packets, the browser's samples."""
    before = call.caller.heard.size
    packets = await call.trunk.packets(HEARD)
    return packets, call.caller.heard[before:]


def loud(sound: Samples, rate: int, tone: float) -> bool:
    return sound.size > 0 and measure_tone(sound, rate, tone).level > -40


async def until_heard(call: Call, trunk: float, browser: float | None) -> list[RtpPacket]:
    """Wait until each side hears its tone and no other; None: nothing at all."""
    everything: list[RtpPacket] = []
    async with asyncio.timeout(10):
        while True:
            packets, heard = await hear(call)
            everything += packets
            tones = [each for each in (BROWSER_TONE, MUSIC) if loud(samples(packets), 8000, each)]
            at_browser = heard.size > 0 and loud(heard, 48000, TRUNK_TONE)
            if tones == [trunk] and at_browser == (browser is not None):
                return everything


async def test_held_and_resumed(tmp_path: Path) -> None:
    async with open_call(tmp_path) as call:
        packets = await until_heard(call, BROWSER_TONE, TRUNK_TONE)
        for _ in range(2):
            await call.session.set_flow(Flow.HOLD)
            packets += await until_heard(call, MUSIC, None)
            packets += await held(call)
            await call.session.set_flow(Flow.AUDIO)
            packets += await until_heard(call, BROWSER_TONE, TRUNK_TONE)
        check_steady(packets, call.plane)


async def held(call: Call) -> list[RtpPacket]:
    """Expect nothing but music for one, and nothing at all for the other."""
    packets, heard = await hear(call)
    assert loud(samples(packets), 8000, MUSIC)
    assert not loud(samples(packets), 8000, BROWSER_TONE)
    assert not heard.size or np.abs(heard).max() < 200
    return packets


async def test_held_twice_is_held_once(tmp_path: Path) -> None:
    async with open_call(tmp_path) as call:
        for _ in range(2):
            await call.session.set_flow(Flow.HOLD)
        await until_heard(call, MUSIC, None)
        assert await legs(call) == 3
        await call.session.set_flow(Flow.AUDIO)
        await until_heard(call, BROWSER_TONE, TRUNK_TONE)
        assert await legs(call) == 2


async def legs(call: Call) -> int:
    """Return how many are served."""
    thread = call.session.thread
    return await thread.call(lambda: thread.engine.count)


@pytest.mark.parametrize("flow", [Flow.HOLD, Flow.AUDIO])
async def test_nothing_is_left_of_a_call_that_ends_on_hold(tmp_path: Path, flow: Flow) -> None:
    async with open_call(tmp_path) as call:
        await call.session.set_flow(Flow.HOLD)
        await until_heard(call, MUSIC, None)
        thread = call.session.thread
        await call.session.close()
        await call.session.set_flow(flow)
        assert await thread.call(lambda: thread.engine.count) == 0
