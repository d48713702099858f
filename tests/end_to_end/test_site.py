"""Pages in the hands of people who talk, before a trunk that is played by hand.

The demo page and one with the element, in Chromium and in Firefox: the gateway is killed and comes
back, the page is loaded again, and another tab is in front of it.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.end_to_end.odd_calls import JUDGED, TALK, TRUNK_TONE
from tests.end_to_end.odd_sound import Sound, open_sound
from tests.end_to_end.odd_trunk import Line, OddTrunk, describe, odd_trunk
from tests.end_to_end.recording import assert_heard
from tests.end_to_end.site import (
    DEMO,
    ELEMENT,
    SITE,
    Kind,
    open_page,
    press_call,
    says,
    until,
    use_number,
)
from tests.end_to_end.trunks import open_trunk
from tests.peers.browser import record
from tests.peers.firefox import Firefox, run_firefox
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
    from pathlib import Path

    from tests.peers.browser import Browser, BrowserPage
    from tests.peers.chromium import Chromium

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

KEEPS = {"sessions": {"resume_window": 20}}  # seconds for which it waits for a page
SALES = {"to": "+15550100", "identity": "sales"}
HIDDEN = 100  # packets from a page that nobody sees, 2 s: timers of hidden pages are slow by then
RESTARTED = "The call ended because the phone service restarted."
ADVICE = "Please try again in a few minutes."
LAMP = "getComputedStyle(document.querySelector('.state .dot')).animationName"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def firefox() -> AsyncIterator[Firefox]:
    async with run_firefox() as firefox:
        yield firefox


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trunk() -> AsyncIterator[OddTrunk]:
    async with odd_trunk() as trunk:
        yield trunk


@dataclass
class Talker:
    """Somebody at a page, and the trunk's sound of their call."""

    kind: Kind
    browser: Browser
    page: BrowserPage
    sound: Sound
    trunk: OddTrunk

    async def open(self, url: str) -> None:
        await open_page(self.page, self.kind, url, "+15550199")

    async def call(self) -> Line:
        """Call a line of one's own; go on when sound comes from the page."""
        line = self.trunk.line()
        await use_number(self.page, self.kind, line.number)
        await press_call(self.page, self.kind)
        await line.hear("INVITE", limit=15)
        self.sound.target = None
        await line.answer(describe(self.sound.port))
        await until(self.page, f"{self.kind.call}?.state === 'open'")
        await self.sound.hear(TALK)
        return line

    async def hear_both(self) -> None:
        heard, rate = await record(self.page, self.kind.remote, seconds=1.5)
        assert_heard(heard[-rate // 2 :], rate, present=[TRUNK_TONE], absent=[self.browser.tone])
        spoken = self.sound.samples(JUDGED)
        assert_heard(spoken, self.sound.rate, present=[self.browser.tone], absent=[TRUNK_TONE])

    async def reconnect(self) -> None:
        """See that the page says so, and shows it."""
        await says(self.page, self.kind, "Reconnecting…")
        if self.kind is SITE:
            await until(self.page, f"{ELEMENT}.matches(':state(open):state(reconnecting)')")
        else:
            await until(self.page, f"{LAMP} === 'pulse'")

    async def be_told_of_the_restart(self) -> None:
        """Of its cause in words, and that the page is ready for another call."""
        page = self.page
        await until(page, f"{self.kind.call}.end !== null")
        assert await page.evaluate(f"{self.kind.call}.end.cause") == "shutdown"
        if self.kind is SITE:
            await says(page, self.kind, f"{RESTARTED} {ADVICE}")
            await until(page, f"{ELEMENT}.matches(':state(ended):state(failed)')")
            await until(page, f"!{ELEMENT}.matches(':state(reconnecting)')")
        else:
            await says(page, self.kind, RESTARTED)
            assert await page.evaluate("document.querySelector('#app').dataset.state") == "idle"


async def each(talkers: Iterable[Talker], step: Callable[[Talker], Awaitable[object]]) -> None:
    """Have everybody do this at once."""
    await asyncio.gather(*(step(talker) for talker in talkers))


@asynccontextmanager
async def talker(kind: Kind, browser: Browser, trunk: OddTrunk) -> AsyncIterator[Talker]:
    async with open_sound(TRUNK_TONE) as sound:
        yield Talker(kind, browser, await browser.new_page(), sound, trunk)


async def test_gateway_is_killed_and_goes_out_of_service_later(
    chromium: Chromium, firefox: Firefox, trunk: OddTrunk, tmp_path: Path
) -> None:
    config = GatewayConfig([open_trunk(trunk.port)], incoming=[SALES], overrides=KEEPS)
    async with (
        talker(DEMO, chromium, trunk) as demo,
        talker(SITE, chromium, trunk) as visitor,
        talker(SITE, firefox, trunk) as other,
    ):
        everybody = (demo, visitor, other)
        async with run_gateway(config, tmp_path) as gateway:
            await each(everybody, lambda one: one.open(gateway.url))
            await visitor.page.evaluate(f"{ELEMENT}.setAttribute('identity', 'sales')")
            await each(everybody, Talker.call)
            await gateway.kill()
            await each(everybody, Talker.reconnect)
        async with run_gateway(config, tmp_path) as gateway:
            await each(everybody, Talker.be_told_of_the_restart)
            await each(everybody, Talker.call)
            await each(everybody, Talker.hear_both)
            assert (await gateway.metrics())["gateway_pages_registered"] == 1
            gateway.terminate()
            await be_refused(chromium, gateway)
            for one in everybody:
                assert await one.page.evaluate(f"{one.kind.call}.state") == "open"
            os.kill(gateway.pid, signal.SIGTERM)  # in a hurry: it waits for nobody any more
            await each(everybody, Talker.be_told_of_the_restart)
            assert await gateway.ended() == 0
        for one in everybody:
            assert [line for line in one.page.console if "uncaught" in line] == []


async def be_refused(browser: Browser, gateway: Gateway) -> None:
    """Call from one more page while the gateway goes out of service."""
    page = await browser.new_page()
    await open_page(page, SITE, gateway.url, "+15550198")
    await press_call(page, SITE)
    await says(page, SITE, f"The phone service is about to restart. {ADVICE}")


async def test_firefox_loads_the_page_again_and_hides_it(
    firefox: Firefox, trunk: OddTrunk, tmp_path: Path
) -> None:
    """Chromium without a window takes every page for one in sight."""
    config = GatewayConfig([open_trunk(trunk.port)], overrides=KEEPS)
    async with (
        run_gateway(config, tmp_path) as gateway,
        talker(SITE, firefox, trunk) as visitor,
    ):
        page = visitor.page
        await visitor.open(gateway.url)
        line = await visitor.call()
        call = await page.evaluate(f"{ELEMENT}.call.id")
        await open_page(page, SITE, gateway.url, line.number)
        await until(page, f"{ELEMENT}.matches(':state(open):state(expanded)')")
        await until(page, f"!{ELEMENT}.matches(':state(reconnecting)')")
        await says(page, SITE, "Connected")
        assert await page.evaluate(f"{ELEMENT}.call.id") == call
        await firefox.new_page()  # a tab that is in front from now on
        await until(page, "document.hidden")
        await visitor.sound.hear(HIDDEN)
        await visitor.hear_both()
        await page.evaluate(f"{SITE.hangup}.click()")
        await line.hear("BYE")
        await until(page, f"{ELEMENT}.state === 'ended'")
        assert line.requests() == ["INVITE", "ACK", "BYE"]
    assert page.console == []
