"""What a page has ready before anybody calls: the session, and a connection with its candidates."""

from __future__ import annotations

import asyncio
from typing import Any

from playwright.async_api import Page

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session, take_registration
from tests.web.test_call_stories import (
    KEEP_CONNECTIONS,
    NOTHING,
    dial,
    end_of,
    open_call,
    until,
)
from tests.web.test_incoming import calling
from tests.web.test_registration import register

# At once, as the page that hears of the pointer may have made its device that moment
PREPARE = """async (options) => {
    const { Device } = await import("/sdk/voice-client.js");
    harness.make(Device, options);
    await harness.device.prepare();
}"""
CONNECTIONS = "connections.filter((each) => each.connectionState !== 'closed').length"
AGAIN = """async () => {
    while (connections.length < 2) {
        await harness.device.prepare();
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}"""
GATHERED = "connections[0].iceGatheringState === 'complete'"
# The microphone opens once something has happened
SLOW = """(happened) => {
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (constraints) => {
        window.asked = true;
        while (!eval(happened)) await new Promise((resolve) => setTimeout(resolve, 10));
        return open(constraints);
    };
}"""
COMPLAIN = """(errorCode) => {
    const [url, errorText] = ["turn:127.0.0.1:9?transport=udp", "Unauthorized"];
    const told = { url, errorCode, errorText };
    const complaint = new RTCPeerConnectionIceErrorEvent("icecandidateerror", told);
    connections.at(-1).dispatchEvent(complaint);
    window.complained = true;
}"""
UNPLUGGED = """
    navigator.mediaDevices.getUserMedia = async () => {
        throw new DOMException("", "NotFoundError");
    };
    null
"""
# Nothing listens there, and no packet leaves the machine
TURN = {"urls": ["turn:127.0.0.1:9?transport=udp"], "username": "u", "credential": "c"}


async def prepared(open_page: OpenPage, *, permitted: bool = True, **options: object) -> Page:
    page = await open_page(permitted=permitted)
    await page.evaluate(KEEP_CONNECTIONS)
    await page.evaluate(PREPARE, options)
    return page


async def test_the_call_takes_the_connection_with_its_candidates(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await prepared(open_page)
    await until(page, GATHERED)
    session = await fake_gateway.session()
    assert [frame["type"] for frame in session.received] == ["hello"], "nobody has called"
    assert await page.evaluate("harness.made().tracks") == 0, "the microphone is off"
    await open_call(page)
    assert await page.evaluate("connections.length") == 1
    offer = session.find("call")[0]["offer"]["sdp"]
    assert "a=candidate" in offer
    told = [frame["candidate"] for frame in session.find("candidate")]
    assert told == [None], "each stands in the offer, so what is left to tell is their end"
    await page.evaluate("harness.call.disconnect()")
    await end_of(page)


async def test_without_permission_nothing_is_made(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await prepared(open_page, permitted=False)
    await (await fake_gateway.session()).wait_for("hello")
    assert await page.evaluate("connections.length") == 0


async def test_on_another_network_another_one_is_made(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await prepared(open_page)
    await until(page, GATHERED)
    await page.evaluate("dispatchEvent(new Event('online'))")
    assert await page.evaluate(CONNECTIONS) == 0
    await open_call(page)
    assert await page.evaluate("connections.length") == 2


async def test_ice_servers_of_another_welcome_need_another_one(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    servers: list[list[dict[str, Any]]] = [[], [TURN]]

    async def welcome(session: Session) -> None:
        await session.wait_for("hello")
        fields = {"session": "s1", "resumeToken": "r", "calls": [], "iceServers": servers.pop(0)}
        await session.send("welcome", **fields)

    fake_gateway.greeting = welcome
    page = await prepared(open_page)
    await until(page, GATHERED)
    first = await fake_gateway.session()
    await first.socket.close(1000)
    await first.gone.wait()
    await page.evaluate(AGAIN)  # the page may not have heard of it yet
    assert await page.evaluate("connections.map((each) => each.connectionState)") == [
        "closed",
        "new",
    ]
    await open_call(page)
    assert await page.evaluate("connections.length") == 2
    assert await page.evaluate("connections[0].connectionState") == "closed"
    assert await page.evaluate("connections[1].getConfiguration().iceServers.length") == 1


async def test_one_that_found_no_way_leaves_the_call_to_say_so(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """No phone rings for a call that nobody could hear."""
    page = await prepared(open_page, iceServers=[], iceTransportPolicy="relay")
    await until(page, GATHERED)
    await dial(page)
    end = await end_of(page)
    assert (end["by"], end["cause"]) == ("local", "media-failed")
    assert await page.evaluate(CONNECTIONS) == 0


async def test_servers_that_no_browser_takes_are_told_by_the_call(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await prepared(open_page, iceServers=[{"urls": ["ftp:127.0.0.1"]}])
    assert await page.evaluate(CONNECTIONS) == 0
    error = await dial(page) or {}
    assert error["name"] == "invalid-argument"
    assert await page.evaluate(CONNECTIONS) == 0


async def test_one_that_finds_no_way_before_the_microphone_opens(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await prepared(open_page, iceServers=[], iceTransportPolicy="relay")
    await page.evaluate(SLOW, "connections[0].iceGatheringState === 'complete'")
    assert await dial(page) is None
    end = await end_of(page)
    assert (end["by"], end["cause"]) == ("local", "media-failed")
    assert "no TURN server" in end["reason"]


async def test_what_servers_say_before_the_microphone_opens_is_told(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """All of them have said no: nobody waits for what cannot come, and the end says why."""
    page = await prepared(open_page, iceServers=[TURN], iceTransportPolicy="relay")
    await page.evaluate(SLOW, "window.complained")
    await page.evaluate("harness.dialed = harness.dial(); null")
    await until(page, "window.asked")
    await page.evaluate(COMPLAIN, 401)
    error = await page.evaluate("harness.dialed")
    assert error["name"] == "media-failed"
    assert "turn:127.0.0.1:9?transport=udp: 401 Unauthorized" in error["reason"]
    assert await page.evaluate("harness.open()") == NOTHING
    assert (await fake_gateway.session()).find("call") == []


async def test_page_that_accepts_without_a_way_lets_the_call_go(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """Nothing stays open, and the gateway need not wait for this page."""
    fake_gateway.greeting = calling()
    page = await open_page()
    await page.evaluate(KEEP_CONNECTIONS)
    await register(page, iceServers=[TURN], iceTransportPolicy="relay")
    await until(page, "harness.call !== null")
    await page.evaluate(SLOW, "window.complained")
    await page.evaluate("harness.asked = harness.ask('accept'); null")
    await until(page, "window.asked && connections.length > 0")
    await page.evaluate(COMPLAIN, 401)
    error = await page.evaluate("harness.asked")
    assert error["name"] == "media-failed"
    assert (await end_of(page))["cause"] == "media-failed"
    reject = await (await fake_gateway.session()).wait_for("reject", call="in-1")
    assert reject["code"] == 480


async def test_one_server_that_cannot_be_reached_spoils_nothing(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """Chromium complains of each network interface from which a server is out of reach."""
    page = await prepared(open_page)
    await until(page, GATHERED)
    await page.evaluate(COMPLAIN, 701)
    await open_call(page)
    assert await page.evaluate("connections.length") == 1


async def test_microphone_that_fails_before_the_welcome_leaves_nothing_open(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    welcomed = asyncio.Event()

    async def welcome(session: Session) -> None:
        await session.wait_for("hello")
        fields: dict[str, Any] = {"session": "s1", "resumeToken": "r", "calls": []}
        first = len(fake_gateway.opened) == 1
        if not first:
            await welcomed.wait()
        await session.send("welcome", **fields, iceServers=[] if first else [TURN])

    fake_gateway.greeting = welcome
    page = await prepared(open_page)
    await (await fake_gateway.session()).socket.close(1000)
    await until(page, "harness.device !== null")
    await page.evaluate(UNPLUGGED)
    error = await dial(page) or {}
    assert error["name"] == "microphone-not-found"
    welcomed.set()
    await page.evaluate("harness.device.prepare()")  # which waits for the welcome
    await page.evaluate("dispatchEvent(new Event('online'))")
    assert await page.evaluate(CONNECTIONS) == 0


async def test_nothing_is_kept_for_long_where_calls_come_in(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """A TURN server would have it renewed for hours, and its addresses would grow old."""
    fake_gateway.greeting = take_registration
    page = await open_page()
    await page.evaluate(KEEP_CONNECTIONS)
    await page.clock.install()
    await register(page)
    await page.evaluate("harness.device.prepare()")
    await page.clock.fast_forward(20_000)
    await page.evaluate("harness.device.prepare()")
    await page.clock.fast_forward(20_000)
    assert await page.evaluate(CONNECTIONS) == 1, "somebody has pointed at the button again"
    await page.clock.fast_forward(11_000)
    assert await page.evaluate(CONNECTIONS) == 0
    assert await page.evaluate("connections.length") == 1
