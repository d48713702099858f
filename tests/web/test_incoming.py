"""Calls into the page at the client's surface: they ring, and are taken, refused or missed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import Page

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import (
    FakeGateway,
    Session,
    Story,
    connect_incoming,
    take_registration,
)
from tests.web.test_call_stories import NOTHING, end_of, events, until
from tests.web.test_ice_servers import turn
from tests.web.test_registration import register

RINGING = {**NOTHING, "calls": 1, "contexts": 1, "elements": 1}  # of the ringtone


def calling(story: Story | None = None, **fields: Any) -> Story:
    """Call the page as soon as it is registered, and then tell a story."""

    async def greeting(session: Session) -> None:
        await take_registration(session)
        await session.ring(**fields)
        if story is not None:
            await story(session)

    return greeting


async def rung(
    fake_gateway: FakeGateway,
    open_page: OpenPage,
    story: Story | None = None,
    *,
    permitted: bool = True,
    device: dict[str, object] | None = None,
    **fields: Any,
) -> tuple[Page, Session]:
    """Open a page on which a call rings."""
    fake_gateway.greeting = calling(story, **fields)
    page = await open_page(permitted=permitted)
    await register(page, **(device or {}))
    await until(page, "harness.named('incoming').length > 0")
    return page, await fake_gateway.session()


async def missed(page: Page) -> dict[str, Any]:
    """Wait for the end of a call that never had media."""
    await until(page, "harness.named('disconnect').length > 0")
    [end] = await events(page, "disconnect")
    assert end.pop("open") == NOTHING
    found: dict[str, Any] = end
    return found


async def test_call_rings_and_is_taken(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page, session = await rung(
        fake_gateway,
        open_page,
        connect_incoming,
        displayName="Alice",
        headers={"X-Order": "17"},
    )
    assert await events(page, "incoming") == [
        {
            "direction": "incoming",
            "from": "+15551234567",
            "to": "+15550100",
            "displayName": "Alice",
            "headers": {"X-Order": "17"},
            "state": "pending",
        }
    ]
    # No microphone and no connection before somebody wants them
    assert await page.evaluate("harness.open()") == RINGING
    assert await page.evaluate("harness.ask('accept')") is None
    await until(page, "harness.call.state === 'open'")
    await until(page, "harness.heard()")
    assert await events(page, "state") == ["connecting", "open"]
    assert await events(page, "accept") == [{"browser": "opus", "trunk": "PCMU"}]
    accept = await session.wait_for("accept", call="in-1")
    assert accept["offer"]["type"] == "offer"
    assert {frame["call"] for frame in session.find("candidate")} == {"in-1"}
    await page.evaluate("harness.call.disconnect()")
    end = await end_of(page)
    assert (end["by"], end["cause"]) == ("local", "hangup")
    await session.wait_for("hangup", call="in-1")


async def test_two_clicks_take_a_call_once(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page, session = await rung(fake_gateway, open_page, connect_incoming)
    both = "Promise.all([harness.ask('accept'), harness.ask('accept')])"
    assert await page.evaluate(both) == [None, None]
    await until(page, "harness.call.state === 'open'")
    assert await page.evaluate("harness.ask('accept')") is None
    assert len(session.find("accept")) == 1
    assert await page.evaluate("harness.made().peers") == 1


@pytest.mark.parametrize(
    ("code", "cause"),
    [(None, "rejected"), (603, "rejected"), (486, "busy"), (480, "unavailable")],
)
async def test_rejected(
    fake_gateway: FakeGateway, open_page: OpenPage, code: int | None, cause: str
) -> None:
    page, session = await rung(fake_gateway, open_page)
    await page.evaluate("code => harness.call.reject({ code: code ?? undefined })", code)
    frame = await session.wait_for("reject", call="in-1")
    assert frame.get("code") == code
    end = await missed(page)
    assert (end["by"], end["cause"], end["sipCode"]) == ("local", cause, code)
    assert end["message"] == "You declined the call."
    assert await events(page, "reject") == [cause]
    assert await events(page, "cancel") == []
    assert await page.evaluate("harness.device.identity") == "sales"
    # A second time, or hanging up as well, is harmless
    await page.evaluate("harness.call.reject(); harness.call.disconnect()")
    assert len(session.find("reject")) == 1
    assert session.find("hangup") == []


async def test_hanging_up_a_call_that_rings_rejects_it(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await rung(fake_gateway, open_page)
    await page.evaluate("harness.device.disconnectAll()")
    await session.wait_for("reject", call="in-1")
    assert (await missed(page))["cause"] == "rejected"


async def test_bad_code_is_refused_and_the_call_rings_on(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await rung(fake_gateway, open_page)
    error = await page.evaluate("harness.fail(() => harness.call.reject({ code: 200 }))")
    assert (error["name"], error["fatal"]) == ("invalid-argument", False)
    assert await page.evaluate("harness.call.state") == "pending"
    assert session.find("reject") == []


@pytest.mark.parametrize(
    ("by", "cause", "code", "sentence"),
    [
        ("remote", "canceled", 487, "The caller hung up."),
        ("gateway", "answered-elsewhere", 487, "The call was answered on another device."),
        ("gateway", "no-answer", 480, "Nobody answered."),
    ],
)
async def test_missed(
    fake_gateway: FakeGateway, open_page: OpenPage, by: str, cause: str, code: int, sentence: str
) -> None:
    async def end(session: Session) -> None:
        await session.reply("ended", by=by, cause=cause, sipCode=code)

    page, session = await rung(fake_gateway, open_page, end)
    ended = await missed(page)
    assert (ended["by"], ended["cause"], ended["message"]) == (by, cause, sentence)
    assert await events(page, "cancel") == [cause]
    assert await events(page, "reject") == []
    assert await events(page, "error") == []
    assert [frame["type"] for frame in session.received] == ["hello", "register"]
    late = await page.evaluate("harness.ask('accept')")
    assert (late["name"], late["fatal"]) == (cause, True)
    assert await page.evaluate("harness.made().tracks") == 0


async def test_another_page_was_first(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    """Both have accepted: what this page has opened is closed again."""

    async def too_late(session: Session) -> None:
        await session.accepted()
        await session.reply("ended", by="gateway", cause="answered-elsewhere", sipCode=487)

    page, session = await rung(fake_gateway, open_page, too_late)
    assert await page.evaluate("harness.ask('accept')") is None
    end = await end_of(page)
    assert end["cause"] == "answered-elsewhere"
    assert await events(page, "cancel") == ["answered-elsewhere"]
    assert session.find("hangup") == []


async def test_caller_gives_up_while_the_prompt_is_open(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await rung(fake_gateway, open_page)
    await page.evaluate(
        """() => {
            const open = navigator.mediaDevices.getUserMedia;
            const granted = new Promise((resolve) => (harness.grant = resolve));
            navigator.mediaDevices.getUserMedia = async (constraints) => {
                await granted;
                return open(constraints);
            };
            harness.accepting = harness.ask("accept");
        }"""
    )
    await session.reply("ended", by="remote", cause="canceled", sipCode=487)
    assert (await missed(page))["cause"] == "canceled"
    error = await page.evaluate("() => { harness.grant(); return harness.accepting; }")
    assert (error["name"], error["fatal"]) == ("canceled", True)
    assert await page.evaluate("harness.made().tracks") == 1
    assert await page.evaluate("harness.open()") == NOTHING
    assert session.find("accept") == []


async def test_refused_microphone_lets_the_call_ring_on(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, _ = await rung(fake_gateway, open_page, connect_incoming, permitted=False)
    error = await page.evaluate("harness.ask('accept')")
    assert (error["name"], error["fatal"]) == ("microphone-refused", False)
    assert await page.evaluate("harness.call.state") == "pending"
    assert await page.evaluate("harness.open()") == RINGING
    await page.context.grant_permissions(["microphone"])
    assert await page.evaluate("harness.ask('accept')") is None
    await until(page, "harness.call.state === 'open'")


async def test_servers_that_no_browser_takes_let_the_call_ring_on(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    fake_gateway.greeting = calling()
    page = await open_page()
    await register(page, iceServers=[{"urls": ["ftp:127.0.0.1"]}])
    await until(page, "harness.named('incoming').length > 0")
    error = await page.evaluate("harness.ask('accept')")
    assert (error["name"], error["fatal"]) == ("invalid-argument", False)
    assert await page.evaluate("harness.open()") == RINGING


@pytest.mark.parametrize("fatal", [False, True])
async def test_gateway_that_does_not_let_the_page_have_it(
    fake_gateway: FakeGateway, open_page: OpenPage, fatal: bool
) -> None:
    """The call rings on at the gateway, and its caller is not told that anybody declined."""

    async def refuse(session: Session) -> None:
        await session.accepted()
        message = "no fingerprint: RFC 8122"
        await session.reply("error", code=488, name="bad-offer", message=message, fatal=fatal)

    page, session = await rung(fake_gateway, open_page, refuse)
    await page.evaluate("harness.ask('accept')")
    end = await end_of(page)
    assert (end["by"], end["cause"]) == ("gateway", "bad-offer")
    await session.wait_for("reject", call="in-1", code=480)
    assert session.find("hangup") == []


async def test_lost_session_ends_a_call_that_rings(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await rung(fake_gateway, open_page)
    await session.socket.close(1012)
    assert (await missed(page))["cause"] == "shutdown"


async def test_leaving_the_page_rejects_nothing(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """Another page of the identity may take the call."""
    page, session = await rung(fake_gateway, open_page)
    await page.goto("about:blank")
    await session.gone.wait()
    assert [frame["type"] for frame in session.received] == ["hello", "register"]


async def test_second_call_rings_beside_a_first(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def two(session: Session) -> None:
        await connect_incoming(session)
        await session.send("incoming", call="in-2", to="+15550100", **{"from": "anonymous"})

    device: dict[str, object] = {"allowIncomingWhileBusy": True}
    page, _ = await rung(fake_gateway, open_page, two, device=device)
    await page.evaluate("harness.ask('accept')")
    await until(page, "harness.named('incoming').length === 2")
    ids = "harness.device.calls.map(({ id, state }) => [id, state])"
    assert await page.evaluate(ids) == [["in-1", "open"], ["in-2", "pending"]]


async def test_what_only_an_incoming_call_can_do(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    assert await page.evaluate("harness.dial()") is None
    await until(page, "harness.call.state === 'open'")
    assert (await page.evaluate("harness.ask('accept')"))["name"] == "invalid-state"
    error = await page.evaluate("harness.fail(() => harness.call.reject())")
    assert error["name"] == "invalid-state"
    assert await page.evaluate("[harness.call.direction, harness.call.state]") == [
        "outgoing",
        "open",
    ]


async def test_credentials_are_renewed_while_it_rings(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """Once: a page is registered for hours, and TURN credentials live for minutes."""
    asked, accepted = asyncio.Event(), asyncio.Event()

    async def greeting(session: Session) -> None:
        await session.wait_for("hello")
        await session.send("welcome", session="s1", iceServers=[turn("s1")])
        await session.wait_for("register")
        await session.send("registered", identity="sales")
        await session.wait_for_count("hello", 2)
        asked.set()
        await accepted.wait()
        await session.send("welcome", session="s1", iceServers=[turn("s2", left=7200)])

    fake_gateway.greeting = greeting
    page = await open_page()
    await register(page)
    await page.evaluate("() => { const at = Date.now() + 3_600_000; Date.now = () => at; }")
    session = await fake_gateway.session()
    await session.ring()
    async with asyncio.timeout(5):
        await asked.wait()
    await page.evaluate("() => void harness.ask('accept')")
    accepted.set()
    await session.wait_for("accept")
    [server] = (await page.evaluate("harness.configuration()"))["iceServers"]
    assert server["username"].endswith(":s2")
    assert len(session.find("hello")) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"from": 7, "to": None, "headers": "x"},
        {"from": None, "displayName": {}, "headers": {"X-A": 1}},
    ],
)
async def test_odd_fields_are_survived(
    fake_gateway: FakeGateway, open_page: OpenPage, fields: dict[str, Any]
) -> None:
    page, _ = await rung(fake_gateway, open_page, connect_incoming, **fields)
    [call] = await events(page, "incoming")
    assert (call["from"], call["displayName"]) == (None, None)
    assert call["headers"] == {}
    await page.evaluate("harness.ask('accept')")
    await until(page, "harness.call.state === 'open'")
