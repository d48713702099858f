"""A page tries its way to the gateway: what it finds, by real browsers on the real gateway.

The trunk is a socket that answers nothing, and counts what comes: not one packet of SIP may. Ways
that a firewall blocks are in `test_turn`, which has the network for them.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.end_to_end.bad_network import BadNetwork, bad_network, trouble
from tests.end_to_end.trunks import idle
from tests.peers.browser import BrowserError, quoted
from tests.peers.chromium import Chromium, run_chromium
from tests.peers.firefox import run_firefox
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.requirement import missing
from tests.peers.site import serve_page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.peers.browser import Browser, BrowserPage

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

LOSS, DISTANCE = 0.08, 0.15  # of the bad network: share of packets, seconds each way
REASONS = "reasons"
BUSY = frozenset(("jitter-high", "round-trip-high"))  # of a machine that has too much to do

# A page of another site, with the client from the gateway
SITE = """<!doctype html><html lang="de"><meta charset="utf-8">%s<script type="module">
import { Device } from "%s/sdk/voice-client.js";
Object.assign(window, { Device });
document.documentElement.dataset.ready = "";
</script>"""
FORBIDDING = '<meta http-equiv="Content-Security-Policy" content="connect-src \'self\'">'

READY = """(async () => { while (!("ready" in document.documentElement.dataset))
    await new Promise(resolve => setTimeout(resolve, 20)); return true; })()"""

# On the page itself: its button, and what it shows when it is done
ON_PAGE = """(async () => {
    const app = document.getElementById("app"), bar = document.getElementById("progress");
    document.getElementById("start").click();
    const seen = new Set();
    do {
        await new Promise(resolve => setTimeout(resolve, 50));
        if (app.dataset.state === "running") seen.add(bar.getAttribute("aria-valuenow"));
    } while (app.dataset.state === "running");
    const texts = selector =>
        [...document.querySelectorAll(selector)].map(each => each.textContent);
    return {
        report: preflightPage.preflight.report, seen: seen.size, state: app.dataset.state,
        title: document.getElementById("title").textContent, said: texts("#status")[0],
        focused: document.activeElement.id, rules: texts(".rule"), reasons: texts(".reason b"),
        figures: texts(".figure b"),
        sound: document.querySelector(".step:last-child").dataset.state,
    };
})()"""


# As where the browser takes no sound from its track
SENDS_NOTHING = """(RTCPeerConnection.prototype.addTrack = function () {
    this.addTransceiver("audio");
}, 0)"""

# The client's own events, of one that is stopped once there is sound
STOPPED = """(async () => {
    const { Device } = await import("/sdk/voice-client.js");
    const stop = new AbortController(), events = [];
    const test = Device.runPreCall("no token is needed", { language: "en", signal: stop.signal });
    test.on("progress", ({ step, sample }) => {
        if (events.at(-1) !== step) events.push(step);
        if (sample) stop.abort();
    });
    for (const event of ["connected", "sample", "completed", "failed"]) {
        test.on(event, () => events.push(event));
    }
    const report = await test.finished;
    return { events, status: test.status, same: test.report === report, report };
})()"""

RUNS = "#app[data-state=running] .step[data-state=passed]"
# As on a page in a frame that may not write there
NO_CLIPBOARD = "navigator.clipboard.writeText = () => Promise.reject(new Error('denied')); 0"

AXE = Path(sys.prefix) / "web" / "node_modules" / "axe-core" / "axe.min.js"
FAULTS = """axe.run(document, { resultTypes: ["violations"],
    runOnly: { type: "tag",
        values: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"] },
}).then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`))"""


@dataclass
class Told:
    """What each has found; `sip` are the packets that the trunk had."""

    found: dict[str, dict[str, Any]]
    network: BadNetwork
    sip: int
    metrics: dict[str, float]


async def on_page(browser: Browser, gateway: Gateway, before: str = "0") -> dict[str, Any]:
    """Press the button of the gateway's own page; return what it shows."""
    page = await browser.new_page()
    await page.goto(f"{gateway.url}/preflight")
    await page.evaluate(READY)
    await page.evaluate(before)
    shown = await page.evaluate(ON_PAGE)
    assert isinstance(shown, dict)
    return shown


async def faults_of(chromium: Chromium, gateway: Gateway) -> dict[str, Any]:
    """Look at the page with the eyes of axe, in either colors: before a test and after one."""
    if not AXE.exists():
        missing("axe-core is not installed: run make web")
    source = await asyncio.to_thread(AXE.read_text)
    found: dict[str, Any] = {}
    for scheme in ("light", "dark"):
        context = await chromium.browser.new_context(color_scheme=scheme)
        page = await context.new_page()
        await page.goto(f"{gateway.url}/preflight")
        await page.locator("html[data-ready]").wait_for()
        await page.evaluate(source)
        found[f"{scheme}, before"] = await page.evaluate(FAULTS)
        await page.keyboard.press("Tab")
        for _ in range(3):  # held down, which stops nothing
            await page.keyboard.down("Enter")
        await page.keyboard.up("Enter")
        await page.locator("#stop:focus").wait_for()
        await page.locator(RUNS).first.wait_for()
        found[f"{scheme}, running"] = await page.evaluate(FAULTS)
        await page.keyboard.press("Enter")
        await page.locator("#app[data-state=failed]").wait_for()
        await expect(page.locator(".reason b").first).to_have_text("The test was stopped.")
        await page.evaluate(NO_CLIPBOARD)
        await page.locator("#copy-report").click()
        copied = await page.locator("#copied textarea:focus").input_value()
        assert json.loads(copied)["verdict"] == "failed"
        found[f"{scheme}, stopped"] = await page.evaluate(FAULTS)
        await page.locator("#start").dblclick()  # as little
        await page.locator(RUNS).first.wait_for()
        await context.close()
    return found


async def stopped(browser: Browser, gateway: Gateway) -> dict[str, Any]:
    """Stop one by its signal while sound flows; return the events that came."""
    page = await browser.new_page()
    await page.goto(f"{gateway.url}/preflight")
    return await report(page, STOPPED)


async def on_site(
    browser: Browser, gateway: Gateway, url: str | None = None, head: str = ""
) -> dict[str, Any]:
    """Run a pre-flight from a page of another site; return its report."""
    async with serve_page(SITE % (head, gateway.url)) as site:
        page = await browser.new_page()
        await page.goto(site)
        await page.evaluate(READY)
        options = quoted({} if url is None else {"url": url})
        return await report(page, f"Device.runPreflight({options}).finished")


async def without_microphone(browser: Browser, gateway: Gateway) -> dict[str, Any]:
    """Run one on the gateway's page with a microphone that has been unplugged."""
    page = await browser.new_page()
    await page.goto(f"{gateway.url}/preflight")
    gone = "Device.runPreflight({ audio: { deviceId: { exact: 'gone' } }, seconds: 1 }).finished"
    client = "(await import('/sdk/voice-client.js'))"
    return await report(page, f"(async () => {client}.{gone})()")


async def report(page: BrowserPage, expression: str) -> dict[str, Any]:
    try:
        found = await page.evaluate(expression)
    except BrowserError as error:
        raise AssertionError(f"{error}: {page.console}") from error
    assert isinstance(found, dict)
    return found


@asynccontextmanager
async def gateway_with_dead_trunk(folder: Path, trunk: socket.socket) -> AsyncIterator[Gateway]:
    uri = f"sip:127.0.0.1:{trunk.getsockname()[1]};transport=udp"
    config = GatewayConfig(
        [{"name": "dead", "uri": uri, "codecs": ["PCMU"]}], overrides={"media": {"threads": 2}}
    )
    async with run_gateway(config, folder) as gateway:
        yield gateway


def count_waiting(sock: socket.socket) -> int:
    """Return how many datagrams have come."""
    count = 0
    while True:
        try:
            sock.recv(4096)
        except BlockingIOError:
            return count
        count += 1


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Told]:
    """Every browser's pre-flight, some beside each other: most of their time is waiting."""
    folder = tmp_path_factory.mktemp
    async with AsyncExitStack() as stack:
        trunk = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        trunk.setblocking(False)
        trunk.bind(("127.0.0.1", 0))
        enter = stack.enter_async_context
        gateway, chromium, refusing, firefox = await asyncio.gather(
            enter(gateway_with_dead_trunk(folder("gateway"), trunk)),
            enter(run_chromium(folder("chromium"), tone=300.0)),
            enter(run_chromium(folder("refusing"), allow_microphone=False)),
            enter(run_firefox()),
        )
        lossy = trouble(loss=LOSS)
        network = await enter(bad_network(gateway, up=lossy, down=lossy, distance=DISTANCE))
        measured = {
            "chromium": on_page(chromium, gateway),
            "firefox": on_page(firefox, gateway),
            "lossy": on_site(chromium, gateway, network.url),
        }
        others = {
            "refused": on_page(refusing, gateway),
            "unsent": on_page(chromium, gateway, SENDS_NOTHING),
            "nothing to send": on_page(refusing, gateway, SENDS_NOTHING),
            "no microphone": without_microphone(chromium, gateway),
            "stopped": stopped(firefox, gateway),
            "faults": faults_of(chromium, gateway),
            "forbidden": on_site(chromium, gateway, head=FORBIDDING),
            "stranger": on_site(firefox, gateway),  # its origin is not allowed
            "nobody": on_site(chromium, gateway, "ws://127.0.0.1:9/v1/ws"),
        }
        found: dict[str, dict[str, Any]] = {}
        for runs in (measured, others):  # those that measure have the machine for themselves
            found |= zip(runs, await asyncio.gather(*runs.values()), strict=True)
        for name, browser in (("chromium", chromium), ("firefox", firefox)):
            found[name] = await at_ease(found[name], browser, gateway)
        yield Told(found, network, count_waiting(trunk), await idle(gateway))


async def at_ease(shown: dict[str, Any], browser: Browser, gateway: Gateway) -> dict[str, Any]:
    """Try again by itself what only a busy machine has spoiled, twice at the most."""
    for _ in range(2):
        reasons = set(names(shown["report"]))
        if not reasons or reasons - BUSY:
            break
        shown = await on_page(browser, gateway)
    return shown


def names(found: dict[str, Any]) -> list[str]:
    return [reason["name"] for reason in found[REASONS]]


@pytest.mark.parametrize("browser", ["chromium", "firefox"])
async def test_a_good_way_is_called_good(told: Told, browser: str) -> None:
    shown = told.found[browser]
    found = shown["report"]
    assert (found["verdict"], shown["state"], names(found)) == ("good", "good", []), found
    assert shown["title"] == found["message"] == "Calls work well from here."
    assert shown["said"] == shown["title"]
    assert shown["focused"] == "title"
    assert shown["seen"] > 5, "the progress goes on"
    echo, sample = found["echo"], found["echo"]["sample"]
    assert echo["path"]["kind"] == "direct"
    assert shown["sound"] == "passed"
    assert (sample["lossUp"], sample["lossDown"]) == (0, 0)
    assert min(sample["sent"], sample["received"]) > 100
    assert 0 < sample["rttMs"] < 250, "else it is not good"
    assert found["ways"]["host"]["state"] == "passed"
    assert found["ways"]["relay-udp"]["state"] == "skipped"
    assert 0 < found["signaling"]["openMs"] <= found["signaling"]["welcomeMs"]
    assert len(echo["ports"]) == 2, "one for each media thread"
    first, last = echo["ports"]
    assert f"Allow UDP to 127.0.0.1, ports {first}\N{EN DASH}{last}." in shown["rules"][1]


async def test_a_tone_comes_back_as_it_was_said(told: Told) -> None:
    found = told.found["chromium"]["report"]
    tone = found["tone"]
    assert tone["sent"] == {"frequency": 500, "level": -20}
    assert tone["heard"]["frequency"] == pytest.approx(500, abs=6)  # one bin of the spectrum
    assert tone["heard"]["level"] == pytest.approx(-20, abs=1)
    assert told.found["chromium"]["report"]["echo"]["sample"]["levelUp"] == pytest.approx(
        -23, abs=2
    )


async def test_where_the_audio_clock_stands_still_the_voice_is_sent(told: Told) -> None:
    """Firefox without a sound device; its microphone has a tone."""
    found = told.found["firefox"]["report"]
    assert found["tone"] is None
    assert found["microphone"]["level"] > -45


async def test_without_a_microphone_the_network_is_tried_all_the_same(told: Told) -> None:
    shown = told.found["refused"]
    assert shown["state"] == "failed"
    assert shown["reasons"] == [each["message"] for each in shown["report"][REASONS]]
    for found, name in [
        (shown["report"], "microphone-refused"),
        (told.found["no microphone"], "microphone-not-found"),
    ]:
        assert (found["verdict"], names(found)[0]) == ("failed", name)
        assert found[REASONS][0]["advice"]
        assert found["echo"]["path"]["kind"] == "direct"
        assert found["echo"]["sample"]["received"] > 40


async def test_where_nothing_is_sent_calls_do_not_work(told: Told) -> None:
    found = {name: told.found[name] for name in ("unsent", "nothing to send")}
    for shown in found.values():
        sample = shown["report"]["echo"]["sample"]
        assert sample["sent"] == 0
        assert sample["received"] > 200, "the gateway's comfort noise"
        assert shown["state"] == "failed"
        assert shown["title"] == "Calls do not work from here."
    unsent, nothing = found.values()
    assert (names(unsent["report"]), unsent["sound"]) == (["echo-missing"], "failed")
    assert (names(nothing["report"]), nothing["sound"]) == (["microphone-refused"], "skipped")


async def test_a_lossy_way_is_called_poor_by_what_it_is(told: Told) -> None:
    found, network = told.found["lossy"], told.network
    assert found["verdict"] == "poor", found
    assert names(found)[0] == "loss-high"
    assert "round-trip-high" in names(found)
    assert all(reason["advice"] for reason in found[REASONS])
    sample = found["echo"]["sample"]
    # To what the network has really lost: the measured stretch is most of what went by
    for share, side in ((sample["lossUp"], network.up), (sample["lossDown"], network.down)):
        assert side.lost > 8
        assert share == pytest.approx(side.lost / (side.lost + side.passed), abs=0.03)
    # Both ends look every few milliseconds, and a machine with much to do is late
    assert 2000 * DISTANCE - 5 <= sample["rttMs"] <= 2000 * DISTANCE + 200


async def test_a_page_that_forbids_itself_the_socket_is_told_so(told: Told) -> None:
    found = told.found["forbidden"]
    assert (found["verdict"], names(found)) == ("failed", ["blocked-by-page"])
    assert found["administrator"][0]["works"] is False


async def test_a_page_that_may_not_connect_is_no_blocked_network(told: Told) -> None:
    assert names(told.found["stranger"]) == ["not-allowed"]
    assert told.found["stranger"]["signaling"]["reason"]
    assert names(told.found["nobody"]) == ["gateway-unreachable"]


async def test_one_may_be_stopped(told: Told) -> None:
    found = told.found["stopped"]
    assert (found["status"], found["same"], names(found["report"])) == ("failed", True, ["stopped"])
    events = found["events"]
    assert events[-1] == "failed"
    assert "completed" not in events
    assert {"microphone", "signaling", "host", "connection", "sound"} < set(events)
    assert events.index("connected") < events.index("sample")


async def test_the_page_is_for_everybody(told: Told) -> None:
    """By keyboard alone, and without a fault that axe knows."""
    assert [each for each in told.found["faults"].items() if each[1]] == []
    assert len(told.found["faults"]) == 6


async def test_nobody_is_called_and_all_is_over(told: Told) -> None:
    assert told.sip == 0
    metrics = told.metrics
    assert metrics["gateway_calls_placed_total"] == 0
    assert metrics["gateway_preflights_active"] == 0
    assert metrics["gateway_media_sessions"] == 0
    assert metrics['gateway_preflights_total{cause="hangup"}'] >= 6
