"""Being reachable: a page registers, stays so over a lost session, and stops."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session, take_registration, welcome
from tests.web.test_access import SOON, tokens
from tests.web.test_call_stories import events, until

# Pauses grow from a second on; the clock of the page runs faster for those who wait for them
NO_PAUSES = """
    const wait = window.setTimeout;
    window.setTimeout = (task, ms, ...rest) => wait(task, ms / 20, ...rest);
"""


async def register(
    page: Page, identity: object = "sales", **device: object
) -> str | dict[str, Any] | None:
    """Register; return the identity that it came to, or the error."""
    came: str | dict[str, Any] | None = await page.evaluate(
        "([identity, device]) => harness.register(identity ?? undefined, device)",
        [identity, device],
    )
    return came


async def test_page_registers_and_unregisters(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    fake_gateway.greeting = take_registration
    page = await open_page()
    assert await register(page, " sales ") == "sales"
    assert await page.evaluate("harness.device.identity") == "sales"
    session = await fake_gateway.session()
    assert session.received == [{"type": "hello"}, {"type": "register", "identity": "sales"}]
    await page.evaluate("() => { harness.leaving = harness.device.unregister(); }")
    await session.wait_for("unregister")
    assert await page.evaluate("harness.device.identity") is None
    await session.send("unregistered", identity="sales")
    await page.evaluate("harness.leaving")
    assert await events(page, "registered") == ["sales"]
    assert await events(page, "unregistered") == [None]
    await page.evaluate("harness.device.unregister()")
    assert len(session.find("unregister")) == 1


async def test_what_was_withdrawn_while_it_was_asked_for_counts_no_longer(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    await page.evaluate("() => { harness.asked = harness.register('sales'); }")
    session = await fake_gateway.session()
    await session.wait_for("register")
    await page.evaluate("() => { harness.leaving = harness.device.unregister(); }")
    await session.send("registered", identity="sales")
    await session.wait_for("unregister")  # one after the other
    await session.send("unregistered", identity="sales")
    await page.evaluate("harness.leaving")
    assert (await page.evaluate("harness.asked"))["name"] == "canceled"
    assert await page.evaluate("harness.device.state") == "unregistered"
    assert await events(page, "registered") == []


async def test_device_that_is_destroyed_at_once_registers_nothing(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    name = await page.evaluate(
        """async () => {
            const { Device } = await import("/sdk/voice-client.js");
            harness.make(Device);
            const registered = harness.device.register("sales");
            harness.device.destroy();
            return registered.catch(({ name }) => name);
        }"""
    )
    assert name == "canceled"
    assert fake_gateway.opened == []
    assert await events(page, "registered") == []


# What a page loaded again leaves to the next one, and what that one does beside taking it up
RESTORE = """async (beside) => {
    const url = `${location.origin.replace("http", "ws")}/v1/ws`;
    const left = { token: "t", received: 0, muted: [], until: Date.now() + 60_000 };
    sessionStorage.setItem(`voice-client ${url}`, JSON.stringify(left));
    const { Device } = await import("/sdk/voice-client.js");
    harness.make(Device, {});
    const restoring = harness.device.restore();
    const found = await Promise.all(beside.map((args) => harness[args.shift()](...args)));
    return [(await restoring).length, ...found];
}"""


async def test_a_page_registers_and_calls_though_its_earlier_session_is_gone(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """The gateway was restarted while the page was loaded again."""

    async def greet(session: Session) -> None:
        if "resume" not in await session.wait_for("hello"):
            await take_registration(session)
            return
        await session.send("welcome", session="s2", resume="unknown", iceServers=[], calls=[])

    fake_gateway.greeting = greet
    page = await open_page()
    beside = [["register", "sales"], ["dial"], ["dial"]]
    nothing, identity, error, second = await page.evaluate(RESTORE, beside)
    assert (nothing, identity, error) == (0, "sales", None)
    assert second["name"] == "busy-here"
    assert "resume" in fake_gateway.opened[0].received[0]
    await until(page, "harness.call.state === 'open'")
    assert len(fake_gateway.opened) == 2


async def test_a_page_that_has_its_call_back_places_no_other(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def greet(session: Session) -> None:
        await session.wait_for("hello")
        alive = [{"call": "c1", "state": "answered", "direction": "outgoing", "to": "600"}]
        fields = {"resumeToken": "u", "resumeWindow": 60, "resume": "resumed", "calls": alive}
        await session.send("welcome", session="s1", iceServers=[], **fields)

    fake_gateway.greeting = greet
    page = await open_page()
    restored, error = await page.evaluate(RESTORE, [["dial"]])
    assert (restored, error["name"]) == (1, "busy-here")


async def test_a_call_that_was_accepted_before_the_page_was_loaded_again(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """The page takes it up by itself: nobody has to accept a call twice."""

    async def greet(session: Session) -> None:
        await session.wait_for("hello")
        alive = [{"call": "c1", "state": "trying", "direction": "incoming", "from": "600"}]
        fields = {"resumeToken": "u", "resumeWindow": 60, "resume": "resumed", "calls": alive}
        await session.send("welcome", session="s1", iceServers=[], **fields)
        session.call = asked = await session.wait_for("restart")
        await session.reply("answer", id=asked["id"], answer=await session.make_answer())
        await session.reply("answered", codec={"browser": "opus", "trunk": "PCMU"})

    fake_gateway.greeting = greet
    page = await open_page()
    assert await page.evaluate(RESTORE, []) == [1]
    await until(page, "harness.device.calls[0].state === 'open'")
    await until(page, "!harness.device.calls[0].reconnecting")
    session = await fake_gateway.session()
    assert not session.find("accept")


async def test_identity_of_the_token(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    fake_gateway.greeting = take_registration
    page = await open_page()
    assert await register(page, None, token="t0ken") == "of the token"
    session = await fake_gateway.session()
    assert session.received == [{"type": "hello", "token": "t0ken"}, {"type": "register"}]


async def test_another_identity_takes_the_place_of_the_first(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def take_two(session: Session) -> None:
        await take_registration(session)
        await session.wait_for("register", identity="support")
        await session.send("unregistered", identity="sales")
        await session.send("registered", identity="support")

    fake_gateway.greeting = take_two
    page = await open_page()
    await register(page, "sales")
    assert await register(page, "support") == "support"
    assert await page.evaluate("harness.device.identity") == "support"
    assert await events(page, "unregistered") == []
    assert await events(page, "registered") == ["sales", "support"]


async def test_gateway_that_ends_it_is_asked_again(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """It does so when the token has ended; a page that can has another one by then."""

    async def drop(session: Session) -> None:
        await session.wait_for("hello")
        await session.send("welcome", session="s1", iceServers=[], expires=1)
        await session.wait_for_count("hello", 2)
        await session.send("welcome", session="s1", iceServers=[], expires=SOON)
        await session.wait_for("register")
        await session.send("registered", identity="sales")
        await session.send("unregistered", identity="sales")
        await session.wait_for_count("register", 2)
        await session.send("error", code=403, name="not-allowed", message="no calls", fatal=False)

    fake_gateway.greeting = drop
    page = await open_page()
    await page.evaluate(NO_PAUSES)
    assert await register(page, None, tokens=["one", "two"]) == "sales"
    await until(page, "harness.named('unregistered').length === 2")
    first, second = await events(page, "unregistered")
    assert (first["name"], first["fatal"]) == ("session-refused", False)
    assert (second["name"], second["fatal"]) == ("not-allowed", True)
    session = await fake_gateway.session()
    assert tokens(session) == ["one", "two"]
    # What is not there any more needs not be ended
    await page.evaluate("harness.device.unregister()")
    assert session.find("unregister") == []


@pytest.mark.parametrize("identity", ["", "  ", 7])
async def test_identity_that_is_none(
    fake_gateway: FakeGateway, open_page: OpenPage, identity: object
) -> None:
    page = await open_page()
    error = await register(page, identity)
    assert isinstance(error, dict)
    assert error["name"] == "invalid-argument"
    assert fake_gateway.sessions.empty()


async def test_refused_registration_is_told_and_not_tried_again(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def refuse(session: Session) -> None:
        await welcome(session)
        await session.wait_for("register")
        message = "the token does not allow calls to it"
        await session.send("error", code=403, name="not-allowed", message=message)

    fake_gateway.greeting = refuse
    page = await open_page()
    await page.evaluate(NO_PAUSES)
    error = await register(page)
    assert isinstance(error, dict)
    assert (error["name"], error["sipCode"]) == ("not-allowed", 403)
    assert error["reason"] == "the token does not allow calls to it"
    assert await page.evaluate("harness.device.identity") is None
    session = await fake_gateway.session()
    await session.gone.wait()  # its idle time is over, a 20th of half a minute
    assert len(session.find("register")) == 1
    assert await events(page, "device-error") == []


async def test_refused_second_identity_leaves_the_first(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def refuse_second(session: Session) -> None:
        await take_registration(session)
        await session.wait_for("register", identity="x" * 65)
        await session.send("error", code=400, name="bad-message", message="identity: too long")

    fake_gateway.greeting = refuse_second
    page = await open_page()
    await register(page, "sales")
    error = await register(page, "x" * 65)
    assert isinstance(error, dict)
    assert error["name"] == "bad-message"
    assert await page.evaluate("harness.device.identity") == "sales"


async def test_gateway_that_is_not_there(open_page: OpenPage) -> None:
    page = await open_page()
    error = await register(page, url="ws://127.0.0.1:9009/v1/ws")
    assert isinstance(error, dict)
    assert error["name"] == "gateway-unreachable"


@pytest.mark.parametrize("code", [1001, 1011])
async def test_lost_session_is_made_again(
    fake_gateway: FakeGateway, open_page: OpenPage, code: int
) -> None:
    fake_gateway.greeting = take_registration
    page = await open_page()
    await page.evaluate(NO_PAUSES)
    await register(page)
    await (await fake_gateway.session()).socket.close(code)
    await (await fake_gateway.session()).wait_for("register", identity="sales")
    await until(page, "harness.named('registered').length === 2")
    [error] = await events(page, "unregistered")
    assert error["name"] == ("shutdown" if code == 1001 else "network")
    assert error["fatal"] is False
    assert await page.evaluate("harness.device.identity") == "sales"


async def test_tries_go_on_until_the_gateway_is_back(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    fake_gateway.greeting = take_registration
    page = await open_page()
    await page.evaluate(NO_PAUSES)
    await register(page)
    session = await fake_gateway.session()

    async def close(session: Session) -> None:
        await session.socket.close(1013)

    fake_gateway.greeting = close
    await session.socket.close(1012)
    for _ in range(3):
        await fake_gateway.session()
    fake_gateway.greeting = take_registration
    await until(page, "harness.named('registered').length === 2")
    assert len(await events(page, "unregistered")) == 1


async def test_session_without_calls_is_kept_and_given_up_after_unregister(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def take_both(session: Session) -> None:
        await take_registration(session)
        await session.wait_for("unregister")
        await session.send("unregistered", identity="sales")

    fake_gateway.greeting = take_both
    page = await open_page()
    await page.evaluate(NO_PAUSES)
    await register(page)
    session = await fake_gateway.session()
    await session.wait_for_count("ping", 3)  # every 25 s: later than the idle time of 30 s
    await page.evaluate("harness.device.unregister()")
    await session.gone.wait()


async def test_network_that_comes_back_is_used_at_once(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """Without it the pause of a second would have to pass: here it never does."""
    fake_gateway.greeting = take_registration
    page = await open_page()
    await register(page)
    await page.evaluate("window.setTimeout = () => 1")
    await (await fake_gateway.session()).socket.close(1012)
    await until(page, "harness.named('unregistered').length === 1")
    await page.evaluate("dispatchEvent(new Event('online'))")
    await (await fake_gateway.session()).wait_for("register", identity="sales")


async def test_what_would_be_refused_for_ever_is_given_up(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    fake_gateway.greeting = take_registration
    page = await open_page()
    await page.evaluate(NO_PAUSES)
    await register(page, token="t0ken")
    session = await fake_gateway.session()

    async def refuse(session: Session) -> None:
        await session.send("error", code=401, name="bad-token", message="expired", fatal=True)

    fake_gateway.greeting = refuse
    await session.socket.close(1012)
    await until(page, "harness.named('unregistered').length === 2")
    first, second = await events(page, "unregistered")
    assert (first["fatal"], second["fatal"]) == (False, True)
    assert second["name"] == "bad-token"
    assert len(fake_gateway.opened) == 2


async def test_unregister_while_the_gateway_is_away_stops_the_tries(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    fake_gateway.greeting = take_registration
    page = await open_page()
    await register(page)
    await (await fake_gateway.session()).socket.close(1012)
    await until(page, "harness.named('unregistered').length === 1")
    await page.evaluate("harness.device.unregister()")
    await page.evaluate("dispatchEvent(new Event('online'))")
    assert (await events(page, "unregistered"))[1] is None
    assert len(fake_gateway.opened) == 1


async def test_destroyed_device_registers_no_more(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    fake_gateway.greeting = take_registration
    page = await open_page()
    await register(page)
    session = await fake_gateway.session()
    await page.evaluate("harness.device.destroy()")
    await session.gone.wait()
    assert await page.evaluate("harness.device.identity") is None
    error = await register(page)
    assert isinstance(error, dict)
    assert error["name"] == "invalid-state"
