"""A browser that hears itself, by the way that its calls go: the same tone, as loud as it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from gateway.caller.leg import CallerLeg
from gateway.errors import UnavailableError
from gateway.media import MediaConfig, MediaPlane
from gateway.media.echo import FIRST, MOST, Echo, EchoSession
from gateway.media.engine.bridge import BridgeKind
from gateway.media.events import (
    BrowserConnected,
    BrowserLost,
    BrowserReachable,
    EchoEvent,
    EchoQuality,
    LossReason,
)
from gateway.media.ports import PortRange
from tests.gateway.media.call import (
    BROWSER_TONE,
    accepted,
    browser_remote,
    open_plane,
    plane_config,
    sine,
)
from tests.peers.ports import free_ports
from tests.tones import Samples, assert_tone, measure_tone
from tests.waiting import until

RATE = 48000
SAID = -12.2  # dBFS, of an amplitude of 8000


class Page:
    """A session and its browser: real ICE, DTLS and Opus."""

    def __init__(self, session: EchoSession) -> None:
        self.session = session
        ports = free_ports(2)
        self.caller = CallerLeg(
            PortRange("127.0.0.1", ports.start, ports.stop - 1),
            MediaConfig(),
            sine(BROWSER_TONE, RATE, RATE // 50),
            keep=60,
            on_change=lambda event: None,
        )
        self.events: asyncio.Queue[EchoEvent] = asyncio.Queue()
        session.report_to(self.events.put_nowait)

    async def event(self) -> EchoEvent:
        async with asyncio.timeout(6):
            while (event := await self.events.get()) == BrowserReachable():
                pass
            return event

    async def connect(self) -> None:
        self.caller.open()
        await self.session.connect_browser(browser_remote(self.caller))
        self.caller.connect(accepted(self.session.local))
        assert await self.event() == BrowserConnected()

    async def close(self) -> None:
        await self.caller.close()
        await self.session.close()


@asynccontextmanager
async def open_page() -> AsyncIterator[tuple[MediaPlane, Page]]:
    async with open_plane() as plane:
        page = Page(await plane.open_echo())
        try:
            await page.connect()
            yield plane, page
        finally:
            await page.close()


def latest(page: Page) -> Samples:
    """Return the last half second; silence before there is so much."""
    heard = page.caller.heard[-RATE // 2 :]
    return heard if heard.size == RATE // 2 else np.zeros(RATE // 2, np.int16)


async def test_a_browser_hears_its_own_tone() -> None:
    async with open_page() as (plane, page):
        # A machine that stops us leaves gaps in a tone; what is not coded well never becomes pure
        await until(lambda: measure_tone(latest(page), RATE, BROWSER_TONE).ratio > 20, 20)
        heard = latest(page)
        assert_tone(heard, RATE, present=[BROWSER_TONE])
        assert measure_tone(heard, RATE, BROWSER_TONE).level == pytest.approx(SAID, abs=1.0)
        assert page.session.bridge.kind is BridgeKind.PAIR
        quality = await page.event()
        assert isinstance(quality, EchoQuality)
        assert quality.browser.packets > 50
        assert quality.browser.loss == 0
        assert quality.browser.level == pytest.approx(-SAID, abs=4)
        assert quality.echo.packets > 50
        assert not any("rejected" in name for name in plane.stats())


async def test_it_takes_no_port_of_a_trunk_and_gives_all_back() -> None:
    async with open_plane(pairs=1) as plane:
        session = await plane.open_echo()
        assert plane.free_pairs == plane.pairs
        assert plane.stats()["sessions"] == 1
        await session.close()
        await session.close()
        assert plane.stats()["sessions"] == 0
        call = await plane.open()
        await call.close()


async def test_it_counts_as_a_session() -> None:
    async with open_plane(sessions=1) as plane:
        session = await plane.open_echo()
        with pytest.raises(UnavailableError, match="all 1 media sessions are in use"):
            await plane.open()
        await session.close()


async def test_a_fault_is_told_once() -> None:
    async with open_page() as (plane, page):
        page.session.on_failed()
        page.session.on_failed()
        assert await page.event() == BrowserLost(LossReason.INTERNAL)
        assert plane.stats()["faults"] == 1
        assert page.events.empty()


async def test_a_plane_that_closes_closes_it() -> None:
    plane = MediaPlane(plane_config())
    await plane.start()
    session = await plane.open_echo()
    await plane.close()
    assert plane.stats()["sessions"] == 0
    await session.close()


def frame(value: int, size: int = 160) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.full(size, value, np.int16)


def test_frames_come_back_in_order_once_there_are_enough() -> None:
    echo, heard = Echo(), frame(0)
    assert not echo.give(heard)
    for value in range(FIRST):
        assert not echo.give(heard)
        echo.take(frame(value + 1))
    for value in range(FIRST):
        assert echo.give(heard)
        assert heard[0] == value + 1
    assert not echo.give(heard)


def test_what_waits_for_too_long_is_left_out() -> None:
    echo, heard = Echo(), frame(0)
    for value in range(MOST + 3):
        echo.take(frame(value))
    assert echo.give(heard)
    assert heard[0] == 3


def test_a_frame_of_another_rate_is_left_out() -> None:
    echo, heard = Echo(), frame(0, 320)
    for _ in range(FIRST):
        echo.take(frame(1))
    assert not echo.give(heard)
    assert not heard.any()
