"""Tones of the page's own: where the other phone rings without a sound, and where a call rings."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from tests.end_to_end.recording import assert_heard
from tests.peers.browser import record
from tests.peers.chromium import ChromiumPage
from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session, answer_call, take_registration
from tests.web.test_call_stories import NOTHING, dial, end_of, until
from tests.web.test_registration import register

TONE = "document.querySelector('[data-voice-tone]').srcObject"


async def ring(session: Session) -> None:
    await session.reply("ringing", earlyMedia=False)


async def call_in(session: Session) -> None:
    await take_registration(session)
    await session.ring()


async def expect_silence(page: Page) -> None:
    await until(page, "!document.querySelector('[data-voice-tone]')")


async def test_ringback_until_the_answer(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    fake_gateway.story = ring
    page = await open_page()
    assert await dial(page, device={"ringback": "us"}) is None
    await until(page, "document.querySelector('[data-voice-tone]')")
    samples, rate = await record(ChromiumPage(page), TONE, seconds=1)
    assert_heard(samples[-rate // 2 :], rate, present=[440.0, 480.0], absent=[425.0])
    await answer_call(fake_gateway.opened[0])
    await until(page, "harness.call.state === 'open'")
    await expect_silence(page)
    await page.evaluate("harness.call.disconnect()")
    await end_of(page)


async def test_the_far_ends_own_sound_wins(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    fake_gateway.story = ring
    page = await open_page()
    assert await dial(page, device={"ringback": True}) is None
    await until(page, "document.querySelector('[data-voice-tone]')")
    await fake_gateway.opened[0].reply("ringing", earlyMedia=True)
    await expect_silence(page)
    await fake_gateway.opened[0].reply("ringing", earlyMedia=False)
    await until(page, "document.querySelector('[data-voice-tone]')")
    await page.evaluate("harness.call.disconnect()")
    await end_of(page)


@pytest.mark.parametrize("ringback", [None, False, "nowhere"])
async def test_no_ringback_unless_it_is_wanted(
    fake_gateway: FakeGateway, open_page: OpenPage, ringback: object
) -> None:
    fake_gateway.story = ring
    page = await open_page()
    assert await dial(page, device={"ringback": ringback}) is None
    await until(page, "harness.call.state === 'ringing'")
    assert await page.evaluate("harness.open().elements") == 1  # the call's own


@pytest.mark.parametrize("ending", ["accept", "reject"])
async def test_ringtone_until_somebody_answers(
    fake_gateway: FakeGateway, open_page: OpenPage, ending: str
) -> None:
    fake_gateway.greeting = call_in
    page = await open_page()
    await register(page)
    await until(page, "document.querySelector('[data-voice-tone]')")
    samples, rate = await record(ChromiumPage(page), TONE, seconds=1)
    assert_heard(samples[-rate:], rate, present=[660.0, 880.0])
    if ending == "reject":  # another one, which comes and goes, silences nothing
        await fake_gateway.opened[0].ring("in-2")
        await until(page, "harness.named('incoming').length === 2")
        await page.evaluate("harness.call.reject()")
        await until(page, "harness.named('disconnect').length === 1")
        assert await page.evaluate(f"{TONE}.active")
        await page.evaluate("harness.call = harness.device.calls[0]; null")
    await page.evaluate(f"harness.call.{ending}()")
    await expect_silence(page)
    if ending == "reject":
        assert await page.evaluate("harness.open()") == NOTHING


async def test_no_ringtone_where_the_page_rings_itself(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    fake_gateway.greeting = call_in
    page = await open_page()
    await register(page, ringtone=False)
    await until(page, "harness.named('incoming').length > 0")
    assert await page.evaluate("harness.open()") == {**NOTHING, "calls": 1}


async def test_page_that_cannot_say_which_tone_can_call_again(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    found = await page.evaluate(
        """async () => {
            const { Device } = await import("/sdk/voice-client.js");
            const ringback = () => { throw new Error("no idea"); };
            const device = (harness.device = new Device({ ringback }));
            const { name } = await device.connect({ to: "600" }).catch((error) => error);
            return [name, device.isBusy, harness.open().tracks];
        }"""
    )
    assert found == ["client-fault", False, 0]
