"""What a page has ready before anybody calls: the session, and a connection with its candidates."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session
from tests.web.test_call_stories import KEEP_CONNECTIONS, dial, end_of, open_call, until

# At once, as the page that hears of the pointer may have made its device that moment
PREPARE = """async (options) => {
    const { Device } = await import("/sdk/voice-client.js");
    harness.make(Device, options);
    await harness.device.prepare();
}"""
CONNECTIONS = "connections.filter((each) => each.connectionState !== 'closed').length"
GATHERED = "connections[0].iceGatheringState === 'complete'"
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
