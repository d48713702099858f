"""Calls from a trunk to a person at the demo page: it rings, and is taken, declined or missed."""

from __future__ import annotations

import secrets
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect

from gateway.admission.token import CallClaim, Claims, issue, new_id
from tests.end_to_end.calling_trunk import trunk_call
from tests.end_to_end.conftest import LAB_TONE, TONE
from tests.end_to_end.demo import REMOTE, expect_state, open_demo
from tests.end_to_end.odd_sound import open_sound
from tests.end_to_end.odd_trunk import describe
from tests.end_to_end.recording import assert_heard
from tests.end_to_end.site import ELEMENT, PLACE, PROCESSED, SITE, put_button, says
from tests.end_to_end.trunks import idle, open_trunk
from tests.peers.browser import record
from tests.peers.firefox import run_firefox
from tests.peers.gateway import GatewayConfig, run_gateway
from tests.peers.ports import free_port
from tests.peers.process import poll
from tests.web.button import Button

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Page

    from tests.end_to_end.odd_sound import Sound
    from tests.peers.browser import BrowserPage
    from tests.peers.chromium import Chromium, ChromiumPage
    from tests.peers.firefox import Firefox
    from tests.peers.gateway import Gateway

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

NUMBER = "+15550100"
SECONDS = 2  # of recording; the first half is left out, in which the sound may still come up


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    config = GatewayConfig(
        [open_trunk(free_port())], incoming=[{"to": NUMBER, "identity": "sales"}]
    )
    async with run_gateway(config, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@asynccontextmanager
async def reachable(chromium: Chromium, gateway: Gateway) -> AsyncIterator[ChromiumPage]:
    """Open the demo page, and have it take calls."""
    async with open_demo(chromium, gateway) as demo:
        await take_calls(demo.page)
        yield demo


async def take_calls(page: Page) -> None:
    await page.fill("#identity", "sales")
    await page.click("#register")
    await expect(page.locator("#reach-text")).to_have_text("Calls come to sales.")


async def expect_end(page: Page, cause: str, sentence: str, detail: str) -> None:
    await expect_state(page, "idle")
    await expect(page.locator("#notice")).to_have_attribute("data-cause", cause)
    await expect(page.locator("#notice-text")).to_have_text(sentence)
    await expect(page.locator("#ending")).to_have_text(detail)


async def test_both_sides_are_heard_after_the_click(chromium: Chromium, gateway: Gateway) -> None:
    async with (
        reachable(chromium, gateway) as demo,
        open_sound(LAB_TONE) as sound,
        trunk_call(gateway, NUMBER) as call,
    ):
        page = demo.page
        call.invite(describe(sound.port))
        await expect_state(page, "incoming")
        await expect(page.locator("#caller-name")).to_have_text("Alice Example")
        await expect(page.locator("#caller-number")).to_have_text("+15550001")
        await call.hear(180)
        await page.click("#answer")
        await expect_state(page, "open")
        await expect(page.locator("#codec-trunk")).to_have_attribute("data-codec", "PCMU")
        samples, rate = await record(demo, REMOTE, seconds=SECONDS)
        assert_heard(samples[-rate:], rate, present=[LAB_TONE], absent=[TONE])
        assert_heard(sound.samples(1), sound.rate, present=[TONE], absent=[LAB_TONE])
        await page.click("#hangup")
        await expect_end(page, "hangup", "You ended the call.", "Ended here")
        await call.hear("BYE")
        await expect(page.locator("#reach-text")).to_have_text("Calls come to sales.")
    await idle(gateway)


async def test_declined(chromium: Chromium, gateway: Gateway) -> None:
    async with reachable(chromium, gateway) as demo, trunk_call(gateway, NUMBER) as call:
        call.invite(describe(9))
        await demo.page.click("#reject")
        await call.hear(603)
        await expect_end(demo.page, "rejected", "You declined the call.", "Ended here")


async def test_caller_gives_up(chromium: Chromium, gateway: Gateway) -> None:
    async with reachable(chromium, gateway) as demo, trunk_call(gateway, NUMBER) as call:
        call.invite(describe(9))
        await expect_state(demo.page, "incoming")
        call.cancel()
        await call.hear(487)
        sentence = "The caller hung up."
        detail = "Ended by the other side · SIP 487 Request Terminated"
        await expect_end(demo.page, "canceled", sentence, detail)
        await expect(demo.page.locator("#state-text")).to_have_text("Missed call")


async def test_second_page_hears_that_the_first_has_it(
    chromium: Chromium, gateway: Gateway
) -> None:
    async with (
        reachable(chromium, gateway) as demo,
        open_sound(LAB_TONE) as sound,
        trunk_call(gateway, NUMBER) as call,
    ):
        other = (await chromium.new_page()).page
        await other.goto(gateway.url)
        await take_calls(other)
        call.invite(describe(sound.port))
        await expect_state(demo.page, "incoming")
        await expect_state(other, "incoming")
        await other.click("#answer")
        await expect_state(other, "open")
        sentence = "The call was answered on another device."
        detail = "Ended by the gateway · SIP 487 Request Terminated"
        await expect_end(demo.page, "answered-elsewhere", sentence, detail)
        call.request("BYE")
        await expect_state(other, "idle")
        await other.close()


async def test_two_tabs_with_the_button(chromium: Chromium, gateway: Gateway) -> None:
    """Both ring; the first one that answers has the call, and the other says where it is."""
    async with open_sound(LAB_TONE) as sound, trunk_call(gateway, NUMBER) as call:
        tabs = [await chromium.new_page() for _ in range(2)]
        buttons = [Button(tab.page) for tab in tabs]
        for tab in tabs:
            await tab.goto(f"{gateway.url}{PLACE}")
            await put_button(tab, identity="sales")
        await registered(gateway, 2)
        call.invite(describe(sound.port))
        for button in buttons:
            await button.expect_state("incoming", "expanded")
            await expect(button.status).to_have_text("Alice Example is calling")
        first, other = buttons
        await first.press("Answer")
        await first.expect_state("open")
        assert await tabs[0].evaluate(PROCESSED) is False
        await other.expect_state("ended", "expanded")
        await expect(other.status).to_have_text("The call was answered on another device.")
        await expect(other.page.locator("click-to-call:state(failed)")).to_have_count(0)
        samples, rate = await record(tabs[0], SITE.remote, seconds=SECONDS)
        assert_heard(samples[-rate:], rate, present=[LAB_TONE], absent=[TONE])
        assert_heard(sound.samples(1), sound.rate, present=[TONE], absent=[LAB_TONE])
        await other.press("Close")
        await other.expect_state("idle")
        call.request("BYE")
        await first.expect_state("ended")
        await expect(first.status).to_have_text("The call has ended.")
        for tab, button in zip(tabs, buttons, strict=True):
            assert button.problems == []
            await tab.page.close()
    await idle(gateway)


async def registered(gateway: Gateway, pages: int) -> None:
    """Wait until calls come to so many pages."""

    async def all_are() -> bool:
        return (await gateway.metrics())["gateway_pages_registered"] == pages

    await poll(all_are, limit=5, what=f"{pages} pages are registered", interval=0.02)


async def test_page_that_stops_is_not_rung(chromium: Chromium, gateway: Gateway) -> None:
    async with reachable(chromium, gateway) as demo, trunk_call(gateway, NUMBER) as call:
        await demo.page.click("#register")
        await expect(demo.page.locator("#reach-text")).to_have_text("No calls come to this page.")
        call.invite(describe(9))
        await call.hear(480)
        assert 180 not in call.statuses


async def test_page_that_vanishes_while_it_rings(chromium: Chromium, gateway: Gateway) -> None:
    async with reachable(chromium, gateway) as demo, trunk_call(gateway, NUMBER) as call:
        call.invite(describe(9))
        await expect_state(demo.page, "incoming")
        await demo.goto("about:blank")
        await call.hear(480)


@pytest.mark.parametrize("allowed", [True, False])
async def test_token_says_who_is_called(chromium: Chromium, tmp_path: Path, allowed: bool) -> None:
    """What the page writes in the field does not count."""
    secret, now = secrets.token_urlsafe(32), time.time()
    (tmp_path / "token-secret").write_text(f"{secret}\n")
    config = GatewayConfig(
        [open_trunk(free_port())],
        incoming=[{"to": NUMBER, "identity": "sales"}],
        overrides={
            "admission": {"mode": "token", "token_secret_file": str(tmp_path / "token-secret")}
        },
    )
    claims = Claims(sub="sales", jti=new_id(), exp=now + 300, call=CallClaim(incoming=allowed))
    async with run_gateway(config, tmp_path) as gateway, trunk_call(gateway, NUMBER) as call:
        page = (await chromium.new_page()).page
        await page.goto(f"{gateway.url}/?identity=boss#token={issue(secret, claims, now)}")
        await page.click("#register")
        if allowed:
            await expect(page.locator("#reach-text")).to_have_text("Calls come to sales.")
            call.invite(describe(9))
            await expect_state(page, "incoming")
            await page.click("#reject")
            await call.hear(603)
        else:
            await expect(page.locator("#notice")).to_have_attribute("data-cause", "not-allowed")
            await expect(page.locator("#reach")).to_have_attribute("data-reach", "off")
        await page.close()
        await idle(gateway)


UNTIL = """(async (test) => {
    const end = performance.now() + 10_000;
    while (!test() && performance.now() < end) await new Promise((done) => setTimeout(done, 20));
    return document.querySelector("#app").dataset.state;
})"""


async def firefox_until(page: BrowserPage, state: str) -> None:
    reached = await page.evaluate(
        f"{UNTIL}(() => document.querySelector('#app').dataset.state === '{state}')"
    )
    assert reached == state


async def test_firefox(gateway: Gateway) -> None:
    """Two calls at the demo page, and one at the button: all are taken, both sides are heard."""
    async with run_firefox() as firefox, open_sound(LAB_TONE) as sound:
        page = await firefox.new_page()
        await page.goto(f"{gateway.url}/?identity=sales")
        await page.evaluate("document.querySelector('#processing').click()")
        await page.evaluate("document.querySelector('#register').click()")
        await page.evaluate(f"{UNTIL}(() => demo.device.identity === 'sales')")
        for _ in range(2):
            async with trunk_call(gateway, NUMBER) as call:
                sound.target = None
                call.invite(describe(sound.port))
                await firefox_until(page, "incoming")
                await page.evaluate("document.querySelector('#answer').click()")
                await firefox_until(page, "open")
                samples, rate = await record(page, REMOTE, seconds=SECONDS + 1)
                assert_heard(samples[-rate:], rate, present=[LAB_TONE], absent=[firefox.tone])
                spoken = sound.samples(1)
                assert_heard(spoken, sound.rate, present=[firefox.tone], absent=[LAB_TONE])
                call.request("BYE")
                await firefox_until(page, "idle")
        await page.evaluate("demo.device.destroy()")
        await registered(gateway, 0)
        await firefox_answers_at_the_button(firefox, gateway, sound)
    await idle(gateway)


ANSWER = f"""[...{ELEMENT}.shadowRoot.querySelectorAll("button")]
    .find((each) => each.textContent === "Answer")"""


async def firefox_answers_at_the_button(firefox: Firefox, gateway: Gateway, sound: Sound) -> None:
    page = await firefox.new_page()
    await page.goto(f"{gateway.url}{PLACE}")
    await put_button(page, identity="sales")
    await registered(gateway, 1)
    async with trunk_call(gateway, NUMBER) as call:
        sound.target = None
        call.invite(describe(sound.port))
        await says(page, SITE, "Alice Example is calling")
        await page.evaluate(f"{ANSWER}.click()")
        await says(page, SITE, "Connected")
        samples, rate = await record(page, SITE.remote, seconds=SECONDS + 1)
        assert_heard(samples[-rate:], rate, present=[LAB_TONE], absent=[firefox.tone])
        assert_heard(sound.samples(1), sound.rate, present=[firefox.tone], absent=[LAB_TONE])
        call.request("BYE")
        await says(page, SITE, "The call has ended.")
    await page.evaluate(f"{ELEMENT}.remove()")
