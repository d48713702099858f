"""A browser's end that is renewed in mid-call: the trunk hears of nothing but the gap."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest

from gateway.caller.leg import CallerLeg
from gateway.errors import UnavailableError
from gateway.media import MediaConfig, MediaPlane
from gateway.media.events import BrowserConnected, BrowserLost, LossReason, RenewalFailed
from gateway.media.parameters import Flow, LocalMedia
from gateway.media.ports import PortRange
from tests.gateway.media.call import (
    BROWSER_TONE,
    TRUNK_TONE,
    Call,
    accepted,
    browser_remote,
    check_steady,
    open_call,
    plane_config,
    sine,
)
from tests.peers.ports import free_ports
from tests.tones import Samples, assert_tone, measure_tone
from tests.waiting import until
from voice.g711 import decode_ulaw
from voice.rtp import RtpPacket

NEW_TONE = 880.0  # Hz: what the new page says

NOWHERE = ("1 1 udp 1 127.0.0.3 9 typ host",)


@asynccontextmanager
async def new_page(tone: float = NEW_TONE) -> AsyncIterator[CallerLeg]:
    """Another end of a browser, which has sockets and keys of its own."""
    ports = free_ports(10)
    caller = CallerLeg(
        PortRange("127.0.0.1", ports.start, ports.stop - 1),
        MediaConfig(),
        sine(tone, 48000, 960),
        keep=60,
        on_change=lambda event: None,
    )
    caller.open()
    try:
        yield caller
    finally:
        await caller.close()


async def renew(call: Call, page: CallerLeg) -> LocalMedia:
    """Have the page's offer taken, and connect it; it is not up yet when this returns."""
    local = await call.session.renew_browser(browser_remote(page))
    await call.session.connect_browser(browser_remote(page))
    page.connect(accepted(local))
    return local


async def next_of(call: Call, kind: type[object]) -> object:
    """Return the next event of this kind."""
    while not isinstance(event := await call.event(), kind):
        pass
    return event


def samples(packets: list[RtpPacket]) -> Samples:
    return decode_ulaw(np.frombuffer(b"".join(each.payload for each in packets), np.uint8))


async def until_heard(call: Call, tone: float) -> list[RtpPacket]:
    """Return all that the trunk gets until it hears this tone."""
    packets: list[RtpPacket] = []
    async with asyncio.timeout(5):
        while True:
            packets += await call.trunk.packets(10)
            if measure_tone(samples(packets[-10:]), 8000, tone).level > -40:
                return packets


async def test_the_trunk_hears_the_new_browser_in_the_stream_of_the_old_one() -> None:
    async with open_call() as call, new_page() as page:
        speaking = asyncio.create_task(call.trunk.speak(call.port, 10_000))
        packets = await until_heard(call, BROWSER_TONE)
        old = call.session.local
        new = await renew(call, page)
        assert await next_of(call, BrowserConnected)
        packets += await until_heard(call, NEW_TONE)
        before = page.heard.size
        heard = await call.trunk.packets(50)
        check_steady([*packets, *heard], call.plane)
        assert_tone(samples(heard), 8000, present=[NEW_TONE], absent=[BROWSER_TONE, TRUNK_TONE])
        assert_tone(
            page.heard[before:], 48000, present=[TRUNK_TONE], absent=[NEW_TONE, BROWSER_TONE]
        )
        speaking.cancel()
        assert (new.ice_ufrag, new.ssrc) != (old.ice_ufrag, old.ssrc)
        assert (new.trunk_host, new.trunk_port) == (old.trunk_host, old.trunk_port)


async def test_the_old_page_is_told_goodbye_and_heard_no_more() -> None:
    async with open_call() as call, new_page() as page:
        lost: list[object] = []
        call.caller._on_change = lost.append
        await renew(call, page)
        await next_of(call, BrowserConnected)
        await until(lambda: BrowserLost(LossReason.CLOSED) in lost)
        await until_heard(call, NEW_TONE)
        assert_tone(
            samples(await call.trunk.packets(50)), 8000, present=[NEW_TONE], absent=[BROWSER_TONE]
        )


async def test_a_browser_that_was_lost_comes_back() -> None:
    async with open_call() as call, new_page() as page:
        packets = await until_heard(call, BROWSER_TONE)
        await call.caller.close()
        assert await next_of(call, BrowserLost) == BrowserLost(LossReason.CLOSED)
        gap = await call.trunk.packets(50)  # goes on all the time
        assert measure_tone(samples(gap[-20:]), 8000, BROWSER_TONE).level < -40
        await renew(call, page)
        await next_of(call, BrowserConnected)
        check_steady([*packets, *gap, *await until_heard(call, NEW_TONE)], call.plane)


@asynccontextmanager
async def open_hasty_call() -> AsyncIterator[Call]:
    """A call whose browsers are up within a moment, or are not."""
    plane = MediaPlane(replace(plane_config(), ice_timeout=0.5))
    await plane.start()
    call = Call(plane, await plane.open())
    try:
        await call.connect()
        yield call
    finally:
        await call.close()
        await plane.close()


async def test_an_offer_that_moves_nothing_is_answered_by_the_end_that_is_there() -> None:
    async with open_call() as call, new_page() as page:
        for path in (call.caller, page):  # the first one, and one that has taken its place
            if path is page:
                await renew(call, page)
                await next_of(call, BrowserConnected)
            remote = browser_remote(path)
            local = await call.session.renew_browser(replace(remote, candidates=()))
            name, password = call.session.browser.endpoint.ice
            assert (local.ice_ufrag, local.ice_password) == (name, password)
            await call.session.connect_browser(remote)
            assert await next_of(call, BrowserConnected) == BrowserConnected(renewed=name)
        await until_heard(call, NEW_TONE)


async def test_what_does_not_come_up_leaves_all_as_it_was() -> None:
    async with open_hasty_call() as call, new_page() as page:
        packets = await until_heard(call, BROWSER_TONE)
        remote = replace(browser_remote(page), candidates=NOWHERE)
        local = await call.session.renew_browser(remote)
        await call.session.connect_browser(remote)
        failed = RenewalFailed(LossReason.ICE_TIMEOUT, local.ice_ufrag)
        assert await next_of(call, RenewalFailed) == failed
        packets += call.trunk.waiting()
        packets += await until_heard(call, BROWSER_TONE)
        check_steady(packets, call.plane)
        await renew(call, page)  # and another one may
        await next_of(call, BrowserConnected)
        await until_heard(call, NEW_TONE)


async def test_the_last_renewal_counts() -> None:
    async with open_call() as call, new_page(700.0) as first, new_page() as second:
        remote = replace(browser_remote(first), candidates=NOWHERE)
        await call.session.renew_browser(remote)
        await call.session.connect_browser(remote)
        await renew(call, second)
        await next_of(call, BrowserConnected)
        await until_heard(call, NEW_TONE)
        await asyncio.sleep(0)
        assert call.events.empty() or not isinstance(call.events.get_nowait(), RenewalFailed)


async def test_what_a_replaced_browser_says_while_it_is_closed_is_nobodys() -> None:
    """Its page closes it in the moment in which the new one is up."""
    async with open_call() as call, new_page() as page:
        before, told = call.session.browser, list[object]()

        def hear(event: object) -> None:
            told.append(event)
            if isinstance(event, BrowserConnected):
                before._changed(BrowserLost(LossReason.CLOSED))

        call.session.report_to(hear)
        local = await renew(call, page)
        await until(lambda: BrowserConnected(renewed=local.ice_ufrag) in told)
        assert not [each for each in told if isinstance(each, BrowserLost)]


async def test_candidates_are_the_new_browsers() -> None:
    """The page has none of ours, so that its own checks cannot find the way."""
    async with open_call() as call, new_page() as page:
        remote = replace(browser_remote(page), candidates=())
        local = await call.session.renew_browser(remote)
        await call.session.connect_browser(remote)
        page.connect(accepted(replace(local, candidates=())))
        for candidate in (*page.candidates, None):
            await call.session.add_candidate(candidate)
        await next_of(call, BrowserConnected)
        await until_heard(call, NEW_TONE)


async def test_on_hold_the_music_goes_on_and_ends_at_the_new_browser() -> None:
    async with open_call() as call, new_page() as page:
        await call.session.set_flow(Flow.HOLD)
        await renew(call, page)
        await next_of(call, BrowserConnected)
        call.trunk.waiting()
        held = samples(await call.trunk.packets(50))
        assert measure_tone(held, 8000, NEW_TONE).level < -40
        await call.session.set_flow(Flow.AUDIO)
        await until_heard(call, NEW_TONE)


async def test_nothing_is_renewed_once_it_is_over() -> None:
    async with open_call() as call:
        await call.session.close()
        with pytest.raises(UnavailableError):
            await call.session.renew_browser(browser_remote(call.caller))


async def test_what_was_replaced_is_freed_and_so_is_what_was_to_come() -> None:
    gc.collect()
    gc.disable()
    try:
        async with open_call() as call, new_page() as page, new_page() as other:
            old = [weakref.ref(part) for part in (call.session.browser, call.session.browser.leg)]
            await renew(call, page)
            await next_of(call, BrowserConnected)
            await until(lambda: all(part() is None for part in old))
            remote = replace(browser_remote(other), candidates=NOWHERE)
            await call.session.renew_browser(remote)
            await call.session.connect_browser(remote)
            pending = weakref.ref(call.session._newest)
            fragments, _ = call.session.thread.engine.browsers.known
            assert fragments == 2
            await call.session.close()
            await until(lambda: pending() is None)
            assert call.session.thread.engine.browsers.known[0] == 0
    finally:
        gc.enable()
