"""A page whose audio may be lost, with its WebSocket or without it, before a scripted gateway."""

from __future__ import annotations

import asyncio

import pytest

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway
from tests.web.lossy import talking
from tests.web.test_call_stories import events, until
from tests.web.test_devices import LOSE, PLUG, UNPLUG

INTERRUPT = """(() => {
    const peer = connections.at(-1);
    Object.defineProperty(peer, "connectionState", { value: "disconnected" });
    peer.onconnectionstatechange();
})()"""
# Of the connection the browser itself tells nothing any more
MUFFLE = """(() => {
    const peer = connections.at(-1);
    const value = peer.onconnectionstatechange;
    peer.onconnectionstatechange = null;
    Object.defineProperty(peer, "onconnectionstatechange", { value, writable: true });
})()"""
LOSE_AUDIO = """(async () => {
    const peer = connections.at(-1);
    // Sound may be heard before the page is told that it is connected
    while (peer.connectionState !== "connected") await new Promise((go) => setTimeout(go));
    Object.defineProperty(peer, "connectionState", { value: "failed" });
    peer.onconnectionstatechange();
})()"""


async def test_new_audio_waits_while_the_socket_may_be_dead(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """A dead one delivers late, and what comes of it would be taken for the next one's answer."""
    _, page, session = await talking(fake_gateway, open_page)
    session.pongs = False
    await page.evaluate("dispatchEvent(new Event('online'))")
    await session.wait_for("ping")
    await page.evaluate(LOSE_AUDIO)
    await until(page, "harness.call.reconnecting")
    await page.evaluate("new Promise(done => setTimeout(done, 100))")
    assert await page.evaluate("connections.length") == 1
    await session.send("pong")
    await session.wait_for("restart")
    assert len(session.find("restart")) == 1


async def test_what_is_said_of_an_earlier_restart_is_not_taken_for_this_one(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """An earlier page may have asked for it, and have gone before the answer."""
    _, page, session = await talking(fake_gateway, open_page)
    await page.evaluate(LOSE_AUDIO)
    restart = await session.wait_for("restart")
    await session.reply("answer", answer={"type": "answer", "sdp": "v=0"}, id="earlier")
    failed = {"code": 503, "name": "restart-failed", "message": "", "fatal": False}
    await session.reply("error", **failed, id="earlier")
    await session.take(restart)
    await session.reply("answer", answer=await session.make_answer(), id=restart["id"])
    await until(page, "!harness.call.reconnecting")
    assert len(session.find("restart")) == 1


async def test_restart_that_is_refused_by_any_name_is_tried_again_soon(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """A hold that waits meanwhile is not refused by it."""
    _, page, session = await talking(fake_gateway, open_page)
    await page.evaluate("harness.asked = harness.ask('hold'); null")
    await session.wait_for("hold")
    await page.evaluate(LOSE_AUDIO)
    restart = await session.wait_for("restart")
    refusal = {"code": 488, "name": "bad-offer", "message": "", "fatal": False}
    await session.reply("error", **refusal, id=restart["id"])
    async with asyncio.timeout(5):  # an answer is waited for 10 s
        await session.wait_for_count("restart", 2)
    await session.reply("held", by="local")
    assert await page.evaluate("harness.asked") is None
    assert await events(page, "error") == []


async def test_audio_that_was_in_doubt_before_the_socket_went_is_made_anew(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """A network that changes takes both. A browser gives the audio up after 15 s only."""
    lossy, page, session = await talking(fake_gateway, open_page)
    await page.evaluate(INTERRUPT)
    # Nothing more is said of it: the fake gateway takes its audio along with its socket
    await page.evaluate("() => { connections.at(-1).onconnectionstatechange = null; }")
    await lossy.cut(session)
    second = await fake_gateway.session()
    async with asyncio.timeout(2.5):  # the patience is 3 s
        await second.wait_for("restart")
    assert await page.evaluate("harness.call.reconnecting")


async def test_audio_that_is_silent_when_the_socket_is_back_is_made_anew(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """Though nothing is said of it: ICE may not have noticed by then. Silence is a doubt, too."""
    lossy, page, session = await talking(fake_gateway, open_page)
    await until(page, "harness.sample?.arrived > 0")
    await page.evaluate(MUFFLE)
    assert session.find("ping") == []
    await session.close_media()
    await session.wait_for("ping")
    await lossy.cut(session)
    second = await fake_gateway.session()
    await second.wait_for("restart")
    assert await page.evaluate("harness.call.reconnecting")


async def test_audio_that_falls_silent_with_the_socket_is_made_anew(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """A system may end what has the address of a network that is gone: a socket is back soon."""
    lossy, page, session = await talking(fake_gateway, open_page)
    await until(page, "harness.sample?.arrived > 0")
    await page.evaluate(MUFFLE)
    await lossy.cut(session)  # which takes the fake gateway's audio along
    second = await fake_gateway.session()
    await second.wait_for("restart")
    await until(page, "harness.call.reconnecting")


@pytest.mark.parametrize("first", ["interrupted", "silent"])
async def test_what_is_asked_already_is_given_no_more_time(
    fake_gateway: FakeGateway, open_page: OpenPage, first: str
) -> None:
    """A change of network is noticed in several ways, and each would begin the wait anew."""
    _, page, session = await talking(fake_gateway, open_page)
    await until(page, "harness.sample?.arrived > 0")
    await page.evaluate(MUFFLE)
    session.pongs = False
    if first == "interrupted":
        await page.evaluate(INTERRUPT)
        await session.wait_for("ping")
    await session.close_media()
    await session.wait_for("ping")
    await until(page, "harness.sample.arrived === 0")
    if first == "silent":
        await page.evaluate(INTERRUPT)
    await page.evaluate("dispatchEvent(new Event('online'))")
    await fake_gateway.session()
    assert len(session.find("ping")) == 1


async def test_what_was_wrong_with_the_audio_is_over_with_it(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """All but a microphone that is gone: the new audio waits for another one."""
    _, page, session = await talking(fake_gateway, open_page)
    await page.evaluate(UNPLUG)
    await page.evaluate(LOSE)
    await until(page, "window.asked === 1")
    await page.evaluate(INTERRUPT)
    await session.wait_for("restart")
    cleared = "harness.named('warning-cleared')"
    assert (await events(page, "warning"))[:2] == ["microphone-lost", "connection-interrupted"]
    assert await page.evaluate(f"{cleared}.includes('connection-interrupted')")
    assert (await events(page, "warning"))[2:] == ["microphone-lost"]
    await page.evaluate(PLUG)
    await until(page, f"{cleared}.at(-1) === 'microphone-lost'")
    await until(page, "harness.call.localStream.getAudioTracks()[0].readyState === 'live'")
