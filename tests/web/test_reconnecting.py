"""A page whose WebSocket is lost in the middle of a call, before a scripted gateway."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect

from tests.web.button import open_button
from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session
from tests.web.lossy import Lossy
from tests.web.test_call_stories import end_of, events, open_call, until

ASK = """() => {
    harness.call.sendDigits("1");
    harness.call.sendDigits("2");
    harness.ask("hold");
    harness.asked = harness.ask("transfer", { to: "601" });
}"""
ENDED = {"by": "remote", "cause": "hangup", "sipCode": 200, "reason": "OK", "message": "So."}


@pytest.mark.parametrize("code", [1011, 1012, 1013])  # a fault, a restart, too many messages
async def test_it_comes_back_and_hears_what_it_has_missed(
    fake_gateway: FakeGateway, open_page: OpenPage, code: int
) -> None:
    lossy = Lossy(fake_gateway)
    lossy.calls, lossy.missed = [], [{"type": "dtmf", "digit": "5"}, {"type": "ended", **ENDED}]
    page = await open_page()
    await open_call(page)
    first = await lossy.lose(page, code)
    second = await fake_gateway.session()
    hello = await second.wait_for("hello")
    assert hello["resume"] == "secret"
    assert "token" not in hello
    assert 0 < hello["received"] <= 4  # trying, answer, ringing, answered
    end = await end_of(page)
    assert (end["by"], end["cause"]) == ("remote", "hangup")
    assert [digit["digit"] for digit in await events(page, "dtmf")] == ["5"]
    assert await events(page, "reconnecting") == [True]
    assert first.find("hello") == [{"type": "hello"}]
    assert second.find("hangup") == []


@pytest.mark.parametrize(
    ("resume", "cause", "message"),
    [
        ("over", "network", "The connection to the phone service was lost."),
        # Another process, which knows nothing of the session: nothing is wrong with the network
        ("unknown", "shutdown", "The call ended because the phone service restarted."),
    ],
)
async def test_a_call_that_the_gateway_does_not_have_ends(
    fake_gateway: FakeGateway, open_page: OpenPage, resume: str, cause: str, message: str
) -> None:
    lossy = Lossy(fake_gateway)
    lossy.resume, lossy.calls = resume, []
    page = await open_page()
    await open_call(page)
    await lossy.lose(page)
    end = await end_of(page)
    assert (end["by"], end["cause"], end["message"]) == ("local", cause, message)


async def test_one_that_only_this_page_takes_for_alive_ends(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    lossy = Lossy(fake_gateway)
    lossy.calls = []
    page = await open_page()
    await open_call(page)
    await lossy.lose(page)
    assert (await end_of(page))["cause"] == "network"


async def test_another_page_has_the_session_now(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    lossy = Lossy(fake_gateway)
    page = await open_page()
    await open_call(page)
    await lossy.lose(page, 4000)
    assert (await end_of(page))["cause"] == "handed-over"
    assert fake_gateway.sessions.empty()  # it does not come back for it
    assert await events(page, "reconnecting") == []


async def test_a_hang_up_reaches_the_gateway_once_it_is_back(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    lossy = Lossy(fake_gateway)
    page = await open_page()
    await open_call(page)
    await page.evaluate(
        "() => harness.call.on('reconnecting', () => harness.call.disconnect())",
    )
    await lossy.lose(page)
    end = await end_of(page)
    assert (end["by"], end["cause"]) == ("local", "hangup")
    second = await fake_gateway.session()
    assert (await second.wait_for("hangup"))["call"] == lossy.call


async def test_a_hang_up_into_a_dead_socket_is_noticed_soon_and_said_again(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """Though the page has no call left by then, and nothing else would speak against the socket."""
    lossy = Lossy(fake_gateway)
    page = await open_page()
    await open_call(page)
    session = await fake_gateway.session()
    session.pongs = False
    await page.evaluate("harness.call.disconnect()")
    await session.wait_for("ping")
    lossy.call, lossy.heard = session.call["call"], 1
    async with asyncio.timeout(8):  # 3 s of patience, where it is 35 s without a hang-up
        second = await fake_gateway.session()
    hangup = await second.wait_for("hangup")
    assert hangup["call"] == lossy.call
    await second.wait_for("ping")
    assert second.find("hangup") == [hangup], "once"


async def test_what_a_dead_socket_has_swallowed_is_said_again_in_order(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    lossy = Lossy(fake_gateway)
    page = await open_page()
    await open_call(page)
    session = await fake_gateway.session()
    await page.evaluate(ASK)
    await session.wait_for("transfer")
    await lossy.cut(session, swallowed=3)
    second = await fake_gateway.session()
    await second.wait_for("transfer")
    said = [frame for frame in second.received if frame["type"] in ("dtmf", "hold", "transfer")]
    assert [frame.get("digits", frame["type"]) for frame in said] == ["2", "hold", "transfer"]
    await lossy.cut(second)
    third = await fake_gateway.session()
    await until(page, "harness.named('reconnected').length === 2")
    await third.send("transferred", call=lossy.call, sipCode=200, reason="OK")
    assert await page.evaluate("harness.asked") == {"sipCode": 200, "reason": "OK"}
    assert {frame["type"] for frame in third.received} <= {"hello", "ping", "stats"}


async def test_nothing_is_said_again_to_a_gateway_that_does_not_say_what_it_has_heard(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    lossy = Lossy(fake_gateway)
    lossy.heard = None
    page = await open_page()
    await open_call(page)
    session = await fake_gateway.session()
    await page.evaluate(ASK)
    await session.wait_for("transfer")
    await lossy.cut(session)
    second = await fake_gateway.session()
    await until(page, "harness.named('reconnected').length === 1")
    await page.evaluate("harness.call.sendDigits('3')")
    assert (await second.wait_for("dtmf"))["digits"] == "3"
    assert second.find("hold") == second.find("transfer") == []


async def test_it_gives_up_when_the_gateway_has(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    lossy = Lossy(fake_gateway, window=0.3)
    page = await open_page()
    await open_call(page)

    async def refuse(session: Session) -> None:
        await session.socket.close(1011)

    session = await fake_gateway.session()
    fake_gateway.greeting = refuse
    await session.socket.close(1011)
    assert (await end_of(page))["cause"] == "network"
    assert not fake_gateway.sessions.empty()
    assert lossy.call == ""


async def test_hello_that_was_held_up_on_its_way_is_said_again(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """Gateways close such a socket with 1008, as they do with one that they want nothing of."""
    lossy = Lossy(fake_gateway)
    page = await open_page()
    await open_call(page)

    async def give_up(session: Session) -> None:
        fake_gateway.greeting = lossy.greet
        await session.socket.close(1008, "no hello within 5 s")

    fake_gateway.greeting = give_up
    await lossy.lose(page)
    await until(page, "harness.named('reconnected').length === 1")
    assert await page.evaluate("harness.call.state") == "open"
    assert await events(page, "reconnecting") == [True]
    assert len(fake_gateway.opened) == 3


async def test_nothing_is_left_in_the_page_without_a_call(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """A token is kept from the moment that the page goes, and only if it goes with a call."""
    Lossy(fake_gateway)
    page = await open_page()
    await open_call(page)
    assert await page.evaluate("() => harness.device.restore()") == []
    assert await page.evaluate("sessionStorage.length") == 0
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    assert await page.evaluate("sessionStorage.length") == 1
    back = "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"
    await page.evaluate(back)
    assert await page.evaluate("sessionStorage.length") == 0
    await page.evaluate("harness.call.disconnect()")
    await until(page, "harness.call.end")
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    assert await page.evaluate("sessionStorage.length") == 0


async def test_no_quality_sign_of_the_button_while_it_reconnects(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """What is known of the sound is of before."""
    Lossy(fake_gateway)
    button = await open_button(fake_gateway, open_page)
    await button.call()
    await button.expect_state("open")
    session = await fake_gateway.session()
    await session.reply("quality", browser={"mos": 4.4}, trunk={"mos": 4.4})
    await button.expect_state("quality-good")
    await expect(button.panel.locator(".quality")).to_be_visible()
    gone = asyncio.Event()

    async def keep_waiting(session: Session) -> None:
        await gone.wait()

    fake_gateway.greeting = keep_waiting
    await session.socket.close(1011)
    await button.expect_state("open", "reconnecting")
    await expect(button.status).to_have_text("Reconnecting…")
    await expect(button.panel.locator(".quality")).to_be_hidden()
    gone.set()
