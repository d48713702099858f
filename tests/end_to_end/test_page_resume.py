"""A person whose page loses its connection, or is loaded again, in the middle of a call."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.end_to_end.conftest import LAB_TONE, TONE
from tests.end_to_end.demo import REMOTE, dial, expect_state
from tests.end_to_end.recording import assert_heard, read_recording
from tests.end_to_end.trunks import idle, lab_trunk
from tests.peers.browser import record
from tests.peers.firefox import run_firefox
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.tcp_relay import TcpRelay, relaying

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Page

    from tests.peers.ami import Manager
    from tests.peers.asterisk import AsteriskLab
    from tests.peers.browser import BrowserPage
    from tests.peers.chromium import Chromium, ChromiumPage

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

SECONDS = 2  # of recording; the first half is left out
# What the page connects by, for a test that breaks it
PEERS = """
    window.peers = [];
    window.RTCPeerConnection = class extends RTCPeerConnection {
        constructor(...parameters) {
            super(...parameters);
            window.peers.push(this);
        }
    };
"""
BREAK = """(() => {
    const peer = peers.at(-1);
    peer.close();
    Object.defineProperty(peer, "connectionState", { value: "failed" });
    peer.onconnectionstatechange();
    return peers.length;
})()"""
RELOAD = 10.0  # seconds on a busy machine; 0.6 is usual
UNTIL = (
    "(async condition => { const end = performance.now() + 15000;"
    " while (!condition() && performance.now() < end) await new Promise(r => setTimeout(r, 20));"
    " return condition(); })"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    lab: AsteriskLab, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    """A gateway that waits for pages."""
    config = GatewayConfig(
        [lab_trunk(lab)],
        overrides={"admission": {"allow": ["*"]}, "sessions": {"resume_window": 20}},
    )
    async with run_gateway(config, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest_asyncio.fixture(loop_scope="module")
async def relay(gateway: Gateway) -> AsyncIterator[TcpRelay]:
    """What stands between pages and the gateway."""
    async with relaying(gateway.config.http_port) as relay:
        yield relay


@pytest_asyncio.fixture(loop_scope="module")
async def demo(
    chromium: Chromium, gateway: Gateway, relay: TcpRelay
) -> AsyncIterator[ChromiumPage]:
    """The demo page, behind the relay, without processing of its sound."""
    page = await chromium.new_page()
    page.page.set_default_timeout(10_000)
    await page.page.add_init_script(PEERS)
    await page.goto(f"http://127.0.0.1:{relay.port}/")
    await expect(page.page.locator("#app")).to_have_attribute("data-ready", "")
    await page.evaluate("document.querySelector('#processing').click()")
    yield page
    await page.evaluate("demo.device.destroy()")
    await page.page.close()
    await idle(gateway)


async def reconnected(page: Page) -> None:
    await expect(page.locator("#app")).not_to_have_attribute(
        "data-reconnecting", "", timeout=15_000
    )


async def hears_the_other_side(demo: BrowserPage) -> None:
    samples, rate = await record(demo, REMOTE, seconds=SECONDS)
    assert_heard(samples[-rate:], rate, present=[LAB_TONE], absent=[TONE])


async def hang_up_and_listen(demo: ChromiumPage, manager: Manager) -> None:
    """What the other side has recorded last is the page's tone."""
    await demo.page.click("#hangup")
    await expect_state(demo.page, "idle")
    ended = await manager.wait("LabRecord")
    received, rate = await read_recording(Path(ended["Rx"]))
    assert_heard(received[-rate:], rate, present=[TONE], absent=[LAB_TONE])


async def test_the_socket_is_cut(demo: ChromiumPage, relay: TcpRelay, manager: Manager) -> None:
    page = demo.page
    await dial(page, "9603")
    await expect_state(page, "open")
    relay.refuse = True
    relay.cut()
    await expect(page.locator("#app")).to_have_attribute("data-reconnecting", "")
    await expect(page.locator("#state-text")).to_have_text("Reconnecting…")
    await hears_the_other_side(demo)  # sound does not go by the socket
    relay.refuse = False
    await reconnected(page)
    await expect_state(page, "open")
    await hears_the_other_side(demo)
    await hang_up_and_listen(demo, manager)


async def test_the_page_is_loaded_again(demo: ChromiumPage, manager: Manager) -> None:
    """A muted microphone stays muted, and what is on hold stays there."""
    page = demo.page
    await dial(page, "9603")
    await expect_state(page, "open")
    before = await demo.evaluate("demo.call.id")
    await page.click("#mute")
    took = await reload(page)
    assert took < RELOAD, f"{took:.1f} s"
    assert await demo.evaluate("demo.call.id") == before
    assert await demo.evaluate("demo.call.isMuted()")
    await hears_the_other_side(demo)
    await page.click("#mute")
    await page.click("#hold")
    await expect(page.locator("#app")).to_have_attribute("data-held", "local")
    await reload(page)
    await expect(page.locator("#app")).to_have_attribute("data-held", "local")
    await page.click("#hold")
    await expect(page.locator("#app")).to_have_attribute("data-held", "")
    await hears_the_other_side(demo)
    await hang_up_and_listen(demo, manager)
    own = 'Object.keys(sessionStorage).every((key) => key.startsWith("demo "))'
    assert await demo.evaluate(own), "the client keeps nothing"
    await page.reload()
    await expect_state(page, "idle")


async def reload(page: Page) -> float:
    """Load the page again; return the seconds until its call has sound both ways."""
    began = perf_counter()
    await page.reload()
    await expect(page.locator("#app")).to_have_attribute("data-state", "open")
    await reconnected(page)
    return perf_counter() - began


async def test_the_audio_is_lost(demo: ChromiumPage, manager: Manager) -> None:
    """It is replaced: the page has another connection, the trunk hears of nothing."""
    page = demo.page
    await dial(page, "9603")
    await expect_state(page, "open")
    for broken in (1, 2):  # the new one is watched as the first was
        # What has never been up is not replaced: the phone may be answered before
        assert await demo.evaluate(f"{UNTIL}(() => peers.at(-1).connectionState === 'connected')")
        assert await demo.evaluate(BREAK) == broken
        await reconnected(page)
    await hears_the_other_side(demo)
    await hang_up_and_listen(demo, manager)
    assert await demo.evaluate("document.querySelectorAll('audio[data-voice-call]').length") == 0


async def test_the_far_end_hangs_up_while_the_page_is_away(
    demo: ChromiumPage, relay: TcpRelay, manager: Manager
) -> None:
    page = demo.page
    await dial(page, "643")  # answers, and hangs up after three seconds
    await expect_state(page, "open")
    relay.refuse = True
    relay.cut()
    await manager.wait("LabHangup")
    relay.refuse = False
    await expect_state(page, "idle")
    await expect(page.locator("#notice")).to_have_attribute("data-cause", "hangup")


async def test_hung_up_while_the_gateway_cannot_hear_it(
    demo: ChromiumPage, relay: TcpRelay, manager: Manager
) -> None:
    page = demo.page
    await dial(page, "600")
    await expect_state(page, "open")
    relay.refuse = True
    relay.cut()
    await expect(page.locator("#app")).to_have_attribute("data-reconnecting", "")
    await page.click("#hangup")
    await expect_state(page, "idle")
    relay.refuse = False
    await manager.wait("LabHangup", limit=5)


async def test_hung_up_by_a_socket_that_is_dead_and_nobody_knows(
    demo: ChromiumPage, relay: TcpRelay, manager: Manager
) -> None:
    """The page asks at once whether anybody is there, and says it again by another socket."""
    page = demo.page
    await dial(page, "600")
    await expect_state(page, "open")
    relay.swallow()
    await page.click("#hangup")
    await expect_state(page, "idle")
    await manager.wait("LabHangup", limit=15)  # 3 s of patience; a session is kept for a minute


async def test_firefox(gateway: Gateway, relay: TcpRelay, manager: Manager) -> None:
    """The socket is cut, and the page is loaded again, in a browser of another family."""
    url = f"http://127.0.0.1:{relay.port}/"
    async with run_firefox() as firefox:
        page = await firefox.new_page()
        await page.goto(f"{url}?to=9603")
        await page.evaluate("document.querySelector('#processing').click()")
        await page.evaluate("document.querySelector('#call').click()")
        assert await page.evaluate(f"{UNTIL}(() => demo.call?.state === 'open')")
        relay.cut()
        assert await page.evaluate(f"{UNTIL}(() => demo.call.reconnecting)")
        assert await page.evaluate(f"{UNTIL}(() => !demo.call.reconnecting)")
        await page.goto(url)
        assert await page.evaluate(
            f"{UNTIL}(() => demo.call?.state === 'open' && !demo.call.reconnecting)"
        )
        samples, rate = await record(page, REMOTE, seconds=SECONDS + 1)
        assert_heard(samples[-rate:], rate, present=[LAB_TONE], absent=[firefox.tone])
        await page.evaluate("document.querySelector('#hangup').click()")
        ended = await manager.wait("LabRecord")
        received, rate = await read_recording(Path(ended["Rx"]))
        assert_heard(received[-rate:], rate, present=[firefox.tone], absent=[LAB_TONE])
    await idle(gateway)
