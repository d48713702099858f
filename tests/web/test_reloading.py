"""A page that is loaded again, or closed, in the middle of a call."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from tests.web.button import open_button
from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session
from tests.web.lossy import Lossy
from tests.web.test_call_stories import end_of, open_call, until

# What the next page does: it makes a device, and takes the calls up
NEXT = """async (steps) => {
    const { Device } = await import("/sdk/voice-client.js");
    harness.make(Device);
    let calls = [];
    for (const step of steps) {
        if (step === "register") await harness.device.register("sales");
        else if (step === "ask") harness.device.register("sales").catch(() => {});
        else calls = await harness.device.restore();
    }
    if (calls[0]) harness.listen((harness.call = calls[0]));
    return calls.length;
}"""
# A prompt that somebody takes long over; the ten seconds for the gateway's answer are one
SLOW_PROMPT = """
    window.asked = window.restarts = 0;
    const { mediaDevices } = navigator;
    const open = mediaDevices.getUserMedia.bind(mediaDevices);
    const allowed = new Promise((allow) => (window.allow = allow));
    mediaDevices.getUserMedia = async (wanted) => {
        window.asked += 1;
        await allowed;
        return open(wanted);
    };
    const wait = window.setTimeout;
    window.setTimeout = (task, ms, ...rest) =>
        wait(task, ms === 10_000 && !window.asked ? 1_000 : ms, ...rest);
    const name = crypto.randomUUID.bind(crypto);
    crypto.randomUUID = () => {
        window.restarts += 1;
        return name();
    };
    null
"""


def take_registrations(lossy: Lossy) -> None:
    """Have each page that comes from now on be registered as it asks."""

    async def greet(session: Session) -> None:
        await lossy.greet(session)
        frame = await session.wait_for("register")
        await session.send("registered", identity=frame["identity"])

    lossy.gateway.greeting = greet


async def reloaded(lossy: Lossy, page: Page) -> None:
    """Have a call in a page that takes up what was left, and load it again."""
    await open_call(page)
    assert await page.evaluate("() => harness.device.restore()") == []
    session = await lossy.gateway.session()
    lossy.call = session.call["call"]
    await page.reload()
    await session.gone.wait()
    assert session.find("hangup") == []


@pytest.mark.parametrize(
    ("keep", "restores", "hangs_up"),
    [(None, False, True), (None, True, False), (True, False, False), (False, True, True)],
)
async def test_a_call_is_kept_for_a_page_that_takes_it_up(
    fake_gateway: FakeGateway,
    open_page: OpenPage,
    keep: bool | None,
    restores: bool,
    hangs_up: bool,
) -> None:
    """The gateway would hold any other one, and bill it, for a page that never comes."""
    Lossy(fake_gateway)
    page = await open_page()
    await open_call(page, device={} if keep is None else {"keepCalls": keep})
    if restores:
        await page.evaluate("() => harness.device.restore()")
    session = await fake_gateway.session()
    await page.reload()
    await session.gone.wait()
    assert len(session.find("hangup")) == hangs_up


async def test_the_button_keeps_its_call(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    Lossy(fake_gateway)
    button = await open_button(fake_gateway, open_page)
    await button.call()
    await button.expect_state("open")
    session = await fake_gateway.session()
    await button.page.reload()
    await session.gone.wait()
    assert session.find("hangup") == []


@pytest.mark.parametrize("first", ["register", "ask"])
async def test_page_that_registers_first_has_its_call_back(
    fake_gateway: FakeGateway, open_page: OpenPage, first: str
) -> None:
    lossy = Lossy(fake_gateway)
    page = await open_page()
    await reloaded(lossy, page)
    take_registrations(lossy)
    assert await page.evaluate(NEXT, [first, "restore"]) == 1
    await until(page, "harness.device.identity === 'sales'")
    resumed = fake_gateway.opened[-1]
    assert "resume" in resumed.received[0]
    await resumed.wait_for("register")
    await resumed.wait_for("restart", call=lossy.call)
    assert await page.evaluate("sessionStorage.length") == 0


async def test_what_is_asked_for_in_one_breath_waits_for_the_call_that_comes_back(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    lossy = Lossy(fake_gateway)
    page = await open_page()
    await reloaded(lossy, page)
    take_registrations(lossy)
    found = await page.evaluate(
        """async () => {
            const { Device } = await import("/sdk/voice-client.js");
            harness.make(Device);
            const found = [harness.device.restore(), harness.device.register("sales")];
            const [calls, identity] = await Promise.all(found);
            return [calls.length, identity];
        }"""
    )
    assert found == [1, "sales"]


async def test_one_of_two_devices_of_a_page_has_it(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """As on the demo page, with its phone and its button."""
    lossy = Lossy(fake_gateway)
    page = await open_page()
    await reloaded(lossy, page)
    found = await page.evaluate(
        """async () => {
            const { Device } = await import("/sdk/voice-client.js");
            harness.make(Device);
            const found = [harness.device.restore(), new Device().restore()];
            return (await Promise.all(found)).map((calls) => calls.length);
        }"""
    )
    assert found == [1, 0]
    assert len(fake_gateway.opened) == 2


async def test_device_that_is_destroyed_at_once_leaves_it_to_the_next_one(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """As React does in its strict mode with all that a page makes."""
    lossy = Lossy(fake_gateway)
    page = await open_page()
    await reloaded(lossy, page)
    found = await page.evaluate(
        """async () => {
            const { Device } = await import("/sdk/voice-client.js");
            const first = new Device();
            const nothing = first.restore();
            first.destroy();
            harness.make(Device);
            return [await nothing, await harness.device.restore()].map((calls) => calls.length);
        }"""
    )
    assert found == [0, 1]


async def test_page_that_is_loaded_again_before_the_gateway_has_answered(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    lossy = Lossy(fake_gateway)
    page = await open_page()
    await reloaded(lossy, page)

    async def say_nothing(session: Session) -> None:
        await session.wait_for("hello")

    fake_gateway.greeting = say_nothing
    await page.evaluate(f"() => void ({NEXT})(['restore'])")
    second = await fake_gateway.session()
    await second.wait_for("hello")
    fake_gateway.greeting = lossy.greet
    await page.reload()
    assert await page.evaluate(NEXT, ["restore"]) == 1


async def test_the_microphone_is_asked_for_once(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """Who takes long over the prompt is not left with a second one, open after the call."""
    lossy = Lossy(fake_gateway)
    page = await open_page()
    await reloaded(lossy, page)
    await page.evaluate(SLOW_PROMPT)
    assert await page.evaluate(NEXT, ["restore"]) == 1
    await until(page, "window.asked === 1")
    await until(page, "window.restarts === 2")  # the first one was given up
    await page.evaluate("window.allow()")
    second = fake_gateway.opened[-1]
    await second.wait_for("restart")
    await until(page, "harness.call.localStream")
    assert await page.evaluate("window.asked") == 1
    assert len(second.find("restart")) == 1
    await page.evaluate("harness.call.disconnect()")
    await end_of(page)
