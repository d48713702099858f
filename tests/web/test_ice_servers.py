"""The ICE servers that `welcome` names: which are used, and when their credentials are renewed."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session
from tests.web.test_access import REFUSED, STUN, greet, tokens
from tests.web.test_call_stories import NOTHING, dial, end_of, events, open_call, until


def turn(session: str, *, left: float = 600) -> dict[str, Any]:
    """Return a TURN server that nobody serves, with credentials for so many seconds."""
    username = f"{int(time.time() + left)}:{session}"
    return {"urls": ["turn:127.0.0.1:9?transport=tcp"], "username": username, "credential": "c"}


async def test_servers_and_policy_of_the_gateway_are_used(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    server = turn("s1")
    fake_gateway.greeting = greet({"iceServers": [STUN, server], "iceTransportPolicy": "all"})
    page = await open_page()
    await open_call(page)
    configuration = await page.evaluate("harness.configuration()")
    assert configuration["iceTransportPolicy"] == "all"
    used = [
        {key: each[key] for key in ("urls", "username", "credential") if each.get(key)}
        for each in configuration["iceServers"]
    ]
    assert used == [STUN, server]


@pytest.mark.parametrize(
    ("gateway", "page", "used"),
    [
        ({}, {}, "all"),
        ({"iceTransportPolicy": "relay"}, {}, "relay"),
        ({"iceTransportPolicy": "relay"}, {"iceTransportPolicy": "all"}, "relay"),
        ({"iceTransportPolicy": "all"}, {"iceTransportPolicy": "relay"}, "relay"),
        ({"iceTransportPolicy": 7}, {}, "all"),
    ],
)
async def test_whoever_asks_for_a_relay_gets_it(
    fake_gateway: FakeGateway,
    open_page: OpenPage,
    gateway: dict[str, Any],
    page: dict[str, Any],
    used: str,
) -> None:
    async def nothing(session: Session) -> None:
        await session.reply("trying")

    fake_gateway.story = nothing
    fake_gateway.greeting = greet({"iceServers": [turn("s1")], **gateway})
    opened = await open_page()
    await dial(opened, device=page)
    assert (await opened.evaluate("harness.configuration()"))["iceTransportPolicy"] == used


async def test_servers_of_the_page_win(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    fake_gateway.greeting = greet({"iceServers": [turn("s1")]})
    page = await open_page()
    assert await dial(page, device={"iceServers": []}) is None
    assert (await page.evaluate("harness.configuration()"))["iceServers"] == []


async def test_relay_that_cannot_be_had_ends_the_call_and_is_said(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def nothing(session: Session) -> None:
        await session.reply("trying")

    fake_gateway.story = nothing
    fake_gateway.greeting = greet({"iceServers": [turn("s1")], "iceTransportPolicy": "relay"})
    page = await open_page()
    assert await dial(page) is None
    end = await end_of(page)
    assert (end["cause"], end["by"]) == ("media-failed", "local")
    assert "no TURN server" in end["reason"]
    await (await fake_gateway.session()).wait_for("hangup")


@pytest.mark.parametrize("server", [{"urls": ["http://turn.example"]}, {"urls": 7}, {}, 7, None])
async def test_servers_that_no_browser_takes_fail_the_call(
    fake_gateway: FakeGateway, open_page: OpenPage, server: object
) -> None:
    fake_gateway.greeting = greet({"iceServers": [server]})
    page = await open_page()
    error = await dial(page) or {}
    assert error["name"] == "invalid-argument"
    assert "ICE servers" in error["reason"]
    assert await page.evaluate("harness.open()") == NOTHING


async def test_credentials_that_have_ended_are_renewed_before_the_next_call(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """A page may sleep with its computer, and TURN credentials live for minutes."""
    fresh = turn("s1")
    fake_gateway.greeting = greet({"iceServers": [turn("s1", left=1)]}, {"iceServers": [fresh]})
    page = await open_page()
    assert await dial(page, device={"token": "t1"}) is None
    assert tokens(await fake_gateway.session()) == ["t1", "t1"]
    servers = (await page.evaluate("harness.configuration()"))["iceServers"]
    assert servers[0]["username"] == fresh["username"]


async def test_renewal_of_a_session_that_is_lost_holds_up_no_other_one(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()

    async def go_while_it_renews(session: Session) -> None:
        stale = {"iceServers": [turn("s1", left=1)]}
        if len(fake_gateway.opened) == 1:
            await greet(stale)(session)
            await until(page, "window.fetched === 2")
            await session.socket.close(1012)
        else:
            await greet(stale, {"iceServers": [turn("s2")]})(session)

    fake_gateway.greeting = go_while_it_renews
    await page.evaluate(
        """async () => {
            const { Device } = await import("/sdk/voice-client.js");
            const Socket = WebSocket;
            window.WebSocket = class extends Socket {
                constructor(...options) {
                    super(...options);
                    window.socket ??= this;
                }
            };
            window.fetched = 0;
            const never = new Promise(() => {});
            const fetchToken = () => ((fetched += 1) === 2 ? never : `t${fetched}`);
            harness.make(Device, { fetchToken, allowSeveralCalls: true });
            harness.device.connect({ to: "600" }).catch(() => {});
        }"""
    )
    await until(page, "window.socket?.readyState === WebSocket.CLOSED")
    async with asyncio.timeout(5):  # a token is waited for 10 s
        assert await dial(page) is None
    assert tokens(fake_gateway.opened[-1]) == ["t3", "t4"]


async def test_renewal_that_is_refused_does_not_hinder_the_call(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    stale = turn("s1", left=1)
    fake_gateway.greeting = greet({"iceServers": [stale]}, REFUSED)
    page = await open_page()
    await open_call(page)
    assert await events(page, "device-error") == []
