"""A person at the demo page: real browsers, the gateway, and Asterisk as the telephone network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.end_to_end.all_day import open_all_day
from tests.end_to_end.conftest import LAB_TONE, RINGBACK, TONE
from tests.end_to_end.demo import REMOTE, dial, expect_state, open_demo
from tests.end_to_end.recording import assert_heard, read_recording
from tests.end_to_end.trunks import idle
from tests.peers.browser import record
from tests.peers.firefox import run_firefox
from tests.web.left import CLOSED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Page

    from tests.peers.ami import Manager
    from tests.peers.browser import BrowserPage
    from tests.peers.chromium import Chromium, ChromiumPage
    from tests.peers.gateway import Gateway

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

SECONDS = 2  # of recording; the first half is left out, in which the sound may still come up


@pytest_asyncio.fixture(loop_scope="module")
async def demo(chromium: Chromium, gateway: Gateway) -> AsyncIterator[ChromiumPage]:
    """The demo page of this module's gateway."""
    async with open_demo(chromium, gateway) as page:
        yield page


async def expect_end(page: Page, cause: str, sentence: str, detail: str = "") -> None:
    await expect_state(page, "idle")
    await expect(page.locator("#notice")).to_have_attribute("data-cause", cause)
    await expect(page.locator("#notice-text")).to_have_text(sentence)
    await expect(page.locator("#ending")).to_have_text(detail)


async def events(page: BrowserPage) -> list[tuple[str, str]]:
    """Return what the page noted since the call began: names and details."""
    noted = await page.evaluate("demo.events.map(([, name, detail]) => [name, detail])")
    assert isinstance(noted, list)
    return [(str(name), str(detail)) for name, detail in noted]


async def test_the_caller_hears_the_echo(demo: ChromiumPage, gateway: Gateway) -> None:
    page = demo.page
    await dial(page, "600")
    await expect_state(page, "open")
    await expect(page.locator("#codec-browser")).to_have_attribute("data-codec", "opus")
    await expect(page.locator("#codec-trunk")).to_have_attribute("data-codec", "PCMU")
    samples, rate = await record(demo, REMOTE, seconds=SECONDS)
    assert_heard(samples[-rate:], rate, present=[TONE], absent=[LAB_TONE])
    for meter in ("#meter-in", "#meter-out"):
        level = await page.get_attribute(meter, "aria-valuenow")
        assert level is not None
        assert int(level) > 30, f"{meter} shows {level} %"
    await page.click("#mute")
    samples, rate = await record(demo, REMOTE, seconds=SECONDS)
    assert_heard(samples[-rate:], rate, absent=[TONE])
    await page.click("#hangup")
    await expect_end(page, "hangup", "You ended the call.", "Ended here")


async def test_each_side_hears_the_other_and_not_itself(
    demo: ChromiumPage, manager: Manager
) -> None:
    await dial(demo.page, "9603")
    await expect_state(demo.page, "open")
    recorded = await manager.wait("LabRecord")
    samples, rate = await record(demo, REMOTE, seconds=SECONDS)
    await demo.page.click("#hangup")
    hangup = await manager.wait("LabHangup", CallID=recorded["CallID"])
    assert_heard(samples[-rate:], rate, present=[LAB_TONE], absent=[TONE])
    received, rate = await read_recording(Path(recorded["Rx"]))
    assert_heard(received[-rate:], rate, present=[TONE], absent=[LAB_TONE])
    assert float(hangup["RxPloss"]) == 0


async def test_keys_on_the_page_reach_the_trunk(demo: ChromiumPage, manager: Manager) -> None:
    await dial(demo.page, "650")
    await expect_state(demo.page, "open")
    for digit in "1590*#":
        await demo.page.click(f"[data-digit='{digit}']")
    heard = await manager.wait("LabDTMF", limit=10)
    assert heard["Digits"] == "1590*"  # `#` ends what is read
    await expect(demo.page.locator("#digits")).to_have_text("1590*#")
    await demo.page.click("#hangup")


async def test_digits_from_the_trunk_appear_on_the_page(demo: ChromiumPage) -> None:
    await dial(demo.page, "660")
    await expect_state(demo.page, "open")
    entries = demo.page.locator("#log li b", has_text="dtmf")
    await expect(entries).to_have_count(16, timeout=15_000)
    digits = [detail for name, detail in await events(demo) if name == "dtmf"]
    assert digits == [f"received {digit}" for digit in "0123456789*#ABCD"]
    await demo.page.click("#hangup")


async def test_hanging_up_on_the_page_ends_the_call_at_the_trunk(
    demo: ChromiumPage, manager: Manager
) -> None:
    await dial(demo.page, "604")
    await expect_state(demo.page, "open")
    call = await manager.wait("LabCall", Dialed="604")
    assert not manager.matching("LabHangup")
    await demo.page.click("#hangup")
    await manager.wait("LabHangup", CallID=call["CallID"], limit=2)
    await expect_end(demo.page, "hangup", "You ended the call.", "Ended here")


async def test_leaving_the_page_ends_the_call(demo: ChromiumPage, manager: Manager) -> None:
    await dial(demo.page, "604")
    await expect_state(demo.page, "open")
    call = await manager.wait("LabCall", Dialed="604")
    await demo.goto("about:blank")
    await manager.wait("LabHangup", CallID=call["CallID"], limit=2)


async def test_the_far_end_hangs_up(demo: ChromiumPage) -> None:
    await dial(demo.page, "642")
    await expect_state(demo.page, "open")
    await expect_end(
        demo.page, "hangup", "The other side ended the call.", "Ended by the other side · OK"
    )
    end = await demo.evaluate("demo.end")
    assert isinstance(end, dict)
    assert (end["by"], end["sipCode"]) == ("remote", 200)
    assert 1500 <= end["durationMs"] <= 4000


@pytest.mark.parametrize(
    ("number", "cause", "sentence", "detail"),
    [
        ("620", "busy", "The line is busy.", "SIP 486 Busy Here"),
        ("622", "not-found", "This number is not in service.", "SIP 404 Not Found"),
        ("621", "rejected", "The call was declined.", "SIP 603 Decline"),
    ],
)
async def test_a_refusal_is_told_with_its_code(
    demo: ChromiumPage, number: str, cause: str, sentence: str, detail: str
) -> None:
    await dial(demo.page, number)
    await expect_end(demo.page, cause, sentence, f"Ended by the other side · {detail}")
    assert not [name for name, _ in await events(demo) if name == "accept"]


async def test_what_cannot_be_called(demo: ChromiumPage, manager: Manager) -> None:
    await dial(demo.page, "sip:600@127.0.0.1")
    await expect_state(demo.page, "idle")
    await expect(demo.page.locator("#notice")).to_have_attribute("data-cause", "bad-target")
    assert not manager.matching("LabCall")


async def test_ringback_of_the_far_end_is_heard_before_the_answer(demo: ChromiumPage) -> None:
    await dial(demo.page, "633")  # early media for ever: what is heard can only be that
    await expect_state(demo.page, "ringing")
    await expect(demo.page.locator("#state-text")).to_have_text("Ringing, with audio…")
    samples, rate = await record(demo, REMOTE, seconds=1.5)  # it rings two seconds in six
    assert_heard(samples[rate // 2 : rate], rate, present=RINGBACK, absent=[TONE])
    await demo.page.click("#hangup")
    await expect_end(
        demo.page, "canceled", "You hung up before the call was answered.", "Ended here"
    )


async def test_early_media_and_then_the_answer(demo: ChromiumPage) -> None:
    await dial(demo.page, "610")
    await expect_state(demo.page, "open")
    names = [(name, detail) for name, detail in await events(demo) if name in ("ringing", "accept")]
    assert names == [("ringing", "early media"), ("accept", "opus ⇄ PCMU")]
    samples, rate = await record(demo, REMOTE, seconds=SECONDS)
    assert_heard(samples[-rate:], rate, present=[TONE], absent=RINGBACK)
    await demo.page.click("#hangup")


async def test_ring_and_cancel(demo: ChromiumPage, manager: Manager) -> None:
    await dial(demo.page, "630")
    await expect_state(demo.page, "ringing")
    call = await manager.wait("LabCall", Dialed="630")
    await demo.page.click("#hangup")
    await expect_end(
        demo.page, "canceled", "You hung up before the call was answered.", "Ended here"
    )
    await manager.wait("LabHangup", CallID=call["CallID"], limit=2)


async def test_one_call_after_the_other_leaves_nothing(
    chromium: Chromium, gateway: Gateway
) -> None:
    """Forty with sound, one in four of them held; tests/web has those that come to nothing."""
    warm, calls, talk = 16, 24, 0.05
    answered = (await gateway.metrics())["gateway_calls_answered_total"]
    async with open_all_day(chromium, gateway.url) as page:
        await page.call(warm, "600", talk)  # code is compiled, and pools are filled
        before = await page.left()
        await page.call(calls, "600", talk)
        after = await page.left()
    assert after.open == CLOSED
    assert after.nodes == before.nodes  # an element of audio has 132
    assert after.listeners == before.listeners
    # A call's own objects are some 12 KB: one in three that stays would be seen
    assert (after.heap - before.heap) / calls < 4_000
    metrics = await idle(gateway)
    assert metrics["gateway_calls_answered_total"] == answered + warm + calls


UNTIL = """(async (test) => {
    const end = performance.now() + 10_000;
    while (!test() && performance.now() < end) await new Promise((done) => setTimeout(done, 20));
    return document.querySelector("#app").dataset.state;
})"""


async def test_firefox(gateway: Gateway, manager: Manager) -> None:
    """Echo, a digit, and the hang-up, in a browser of another family."""
    async with run_firefox() as firefox:
        page = await firefox.new_page()
        await page.goto(f"{gateway.url}/?to=600")
        await page.evaluate("document.querySelector('#processing').click()")
        await page.evaluate("document.querySelector('#call').click()")
        assert await page.evaluate(f"{UNTIL}(() => demo.call?.state === 'open')") == "open"
        samples, rate = await record(page, REMOTE, seconds=SECONDS + 1)
        assert_heard(samples[-rate:], rate, present=[firefox.tone], absent=[LAB_TONE])
        await page.evaluate("document.querySelector(\"[data-digit='7']\").click()")
        digit = await manager.wait("DTMFEnd", Digit="7", Direction="Received")
        assert int(digit["DurationMs"]) >= 80
        await page.evaluate("document.querySelector('#hangup').click()")
        await manager.wait("LabHangup", limit=2)
        assert await page.evaluate("demo.end.cause") == "hangup"
    await idle(gateway)
