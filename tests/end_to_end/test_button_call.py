"""A visitor of a site at its button: Chromium, the gateway, and Asterisk behind it."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.end_to_end.button_site import (
    DENIED,
    IDENTITY,
    MUSIC,
    NUMBER,
    Office,
    open_site,
    run_office,
)
from tests.end_to_end.conftest import LAB_TONE, TONE
from tests.end_to_end.handed_over import assert_connected, far_ends
from tests.end_to_end.recording import assert_heard, read_recording
from tests.end_to_end.site import PROCESSED, SITE
from tests.peers.browser import record
from tests.tones import Samples, measure_tone
from tests.web.test_devices import LOSE, PLUG, UNPLUG

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.peers.ami import Manager
    from tests.peers.asterisk import AsteriskLab
    from tests.peers.browser import BrowserPage
    from tests.peers.chromium import Chromium
    from tests.web.button import Button

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

LOUD = -25.0  # dBFS, of a tone that is somebody's
LOST = "The microphone is gone. The other side does not hear you."
SECONDS = 2  # of recording; the first half is left out, in which the sound may still come up
REPORTS = 15.0  # seconds: of a call that was handed over Asterisk sends RTCP for some more


async def hear(page: BrowserPage, *, lab: bool) -> None:
    """Record what the page plays: the lab's tone, or nothing of it."""
    samples, rate = await record(page, SITE.remote, seconds=SECONDS)
    tones = {"present": [LAB_TONE], "absent": [TONE]} if lab else {"absent": [LAB_TONE]}
    assert_heard(samples[-rate:], rate, **tones)


def turns(samples: Samples, rate: int) -> list[str]:
    """Say who is heard in turn, half a second at a time; a pause is where it is nobody's tone.

    The gateway fills it by noise as loud as what was steady before: here that was a tone.
    """
    tones = {"visitor": TONE, "music": MUSIC, "echo": LAB_TONE}
    block = rate // 2
    said = []
    for start in range(0, samples.size - block, block):
        part = samples[start : start + block]
        names = [who for who, tone in tones.items() if measure_tone(part, rate, tone).level > LOUD]
        said.append(names[-1] if names else "pause")
    heard = [name for name, _ in groupby(said)]
    return heard[1:] if heard[0] == "pause" else heard  # the sound may come up late


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(
    lab: AsteriskLab, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    async with run_office(lab, tmp_path_factory.mktemp("gateway")) as office:
        yield office


async def test_talk_hold_lose_the_microphone_hang_up_and_rate(
    chromium: Chromium, office: Office, manager: Manager
) -> None:
    async with open_site(chromium, office, office.attributes("9603")) as (page, button):
        await button.call()
        await button.expect_state("open")
        recorded = await manager.wait("LabRecord")
        await hear(page, lab=True)
        await button.press("Hold")
        await button.expect_state("held")
        await manager.wait("Hold")
        await hear(page, lab=False)
        await button.press("Hold")
        await expect(button.status).to_have_text("Connected")
        await hear(page, lab=True)
        await page.page.evaluate(UNPLUG)
        await page.page.evaluate(LOSE.replace("harness.call", SITE.call))
        await expect(button.status).to_have_text(LOST)
        await hear(page, lab=True)
        await page.page.evaluate(PLUG)
        await expect(button.status).to_have_text("Connected")
        await hear(page, lab=True)
        await expect(button.button("Transfer")).to_be_hidden()  # the token is for one number
        await button.press("Hang up")
        await button.expect_state("ended")
        await manager.wait("LabHangup", CallID=recorded["CallID"])
        received, rate = await read_recording(Path(recorded["Rx"]))
        # What is not plugged in says nothing, and the next microphone is heard as the first was
        assert turns(received, rate) == ["visitor", "music", "visitor", "pause", "visitor"]
        await button.panel.get_by_role("radio", name="4 stars: good").check()
        await button.panel.get_by_role("textbox").fill("A hum, now and then.")
        await button.press("Send")
        await expect(button.status).to_have_text("Thank you!")
        said_of_it = {"score": 4, "issue": "A hum, now and then."}
        await office.record(sipCallId=recorded["CallID"], feedback=said_of_it)


async def test_keypad(chromium: Chromium, office: Office, manager: Manager) -> None:
    async with open_site(chromium, office, office.attributes("650")) as (_, button):
        await button.call()
        await button.expect_state("open")
        await button.press("Keypad")
        await button.settle()
        for digit in ("1", "5", "9", "0", "Star"):
            await button.button(digit).click()
        await button.page.keyboard.press("#")
        heard = await manager.wait("LabDTMF", limit=10)
        assert heard["Digits"] == "1590*"  # `#` ends what is read
        await expect(button.panel.locator(".sent")).to_have_text("1590*#")


async def test_call_goes_on_when_the_page_is_loaded_again(
    chromium: Chromium, office: Office, manager: Manager
) -> None:
    """With the microphone as the page wants it, muted or not."""
    async with open_site(chromium, office, office.attributes("9603")) as (page, button):
        await button.call()
        await button.expect_state("open")
        await button.press("Mute")
        await page.page.reload()
        await button.expect_state("open", "expanded", "muted")
        await expect(button.status).to_have_text("Your microphone is off")
        await button.press("Mute")
        assert await page.evaluate(PROCESSED) is False
        await hear(page, lab=True)
        await button.press("Hang up")
        await button.expect_state("ended")
        recorded = await manager.wait("LabRecord")
        await manager.wait("LabHangup", CallID=recorded["CallID"])
        received, rate = await read_recording(Path(recorded["Rx"]))
        assert_heard(received[-rate:], rate, present=[TONE], absent=[LAB_TONE])


async def transfer(button: Button, to: str) -> None:
    """Hand the call over by the panel's own controls, all of it by keyboard."""
    await button.press("Transfer")
    await button.page.keyboard.type(to)
    await button.page.keyboard.press("Enter")


async def test_transfer(chromium: Chromium, office: Office, tmp_path: Path) -> None:
    """Whom the visitor has called, and the number, hear each other; the button is ready again."""
    attributes = office.attributes("800", "*")
    async with (
        open_site(chromium, office, attributes, limit=REPORTS) as (page, button),
        far_ends(office.gateway, tmp_path, office.token) as phones,
    ):
        await button.call()
        await button.expect_state("open")
        await hear(page, lab=True)
        await transfer(button, "801")
        await expect(button.status).to_have_text("The call was transferred.")
        await button.expect_state("ended")
        await assert_connected(phones)
        await phones["800"].hang_up()
        assert (await phones["801"].end()).last["cause"] == "hangup"
        await button.element.evaluate("e => e.setAttribute('to', '603')")
        await button.press("Close")
        await button.settle()
        await button.call()
        await button.expect_state("open")
        await hear(page, lab=True)


async def test_transfer_that_is_refused(chromium: Chromium, office: Office) -> None:
    """By the gateway, and by Asterisk: 603 is an application, no call behind a bridge."""
    attributes = office.attributes("603", "*")
    async with open_site(chromium, office, attributes) as (page, button):
        await button.call()
        await button.expect_state("open")
        sentence = "The call could not be transferred. It goes on."
        for to, reason in ((DENIED, " This call is not allowed from here."), ("600", "")):
            await transfer(button, to)
            await expect(button.panel.locator(".notice")).to_have_text(sentence + reason)
            await expect(button.status).to_have_text(f"Connected {sentence}{reason}")
        await button.expect_state("open")
        await hear(page, lab=True)
        await button.press("Hang up")
        await button.expect_state("ended")


async def test_call_that_comes_in(chromium: Chromium, office: Office, manager: Manager) -> None:
    """Asterisk calls the page, whose visitor answers by keyboard; a second caller hears busy."""
    attributes = {**office.attributes("603"), "identity": IDENTITY}
    async with open_site(chromium, office, attributes) as (page, button):
        await office.reachable()
        await manager.originate(NUMBER, extension="9603", caller='"Alice" <+15550001>')
        await button.expect_state("incoming", "expanded")
        await expect(button.status).to_have_text("Alice is calling")
        answer = button.button("Answer")
        while not await answer.evaluate("e => e.matches(':focus')"):
            await button.page.keyboard.press("Tab")
            assert await button.focused(), "Tab passes by the button that answers"
        await button.page.keyboard.press("Enter")
        await button.expect_state("open")
        recorded = await manager.wait("LabRecord")
        await hear(page, lab=True)
        await manager.originate(NUMBER)
        await manager.wait("Hangup", TechCause="486")
        await manager.action("Hangup", Channel=recorded["Channel"])
        await button.expect_state("ended")
        await expect(button.status).to_have_text("The call has ended.")
        received, rate = await read_recording(Path(recorded["Rx"]))
        assert_heard(received[-rate:], rate, present=[TONE], absent=[LAB_TONE])
        await button.press("Close")
        await manager.originate(NUMBER)
        await button.expect_state("incoming")
        await button.press("Decline")
        await manager.wait("Hangup", TechCause="603")
        await button.expect_state("idle")
