"""A page whose WebSocket is lost in the middle of a call, before a scripted gateway."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.web.button import open_button
from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session, answer_call
from tests.web.test_call_stories import KEEP_CONNECTIONS, end_of, events, open_call, until
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
ASK = """() => {
    harness.call.sendDigits("1");
    harness.call.sendDigits("2");
    harness.ask("hold");
    harness.asked = harness.ask("transfer", { to: "601" });
}"""
ENDED = {"by": "remote", "cause": "hangup", "sipCode": 200, "reason": "OK", "message": "So."}


class Lossy:
    """A gateway that keeps calls: it loses the socket of each one, and tells what follows next."""

    def __init__(self, gateway: FakeGateway, window: float = 60) -> None:
        gateway.greeting = self.greet
        gateway.story = answer_call
        self.gateway = gateway
        self.window = window
        self.resume = "resumed"
        self.calls: list[dict[str, Any]] | None = None  # those alive; None: the one that was
        self.missed: list[dict[str, Any]] = []
        self.call = ""
        self.heard: int | None = 0  # frames with a call; None as of a gateway that does not count

    async def greet(self, session: Session) -> None:
        hello = await session.wait_for("hello")
        fields: dict[str, Any] = {"resumeToken": "secret", "resumeWindow": self.window}
        if self.heard is not None:
            fields["heard"] = self.heard
        if "resume" in hello:
            alive = [{"call": self.call, "state": "answered", "direction": "outgoing"}]
            fields |= {
                "resume": self.resume,
                "calls": alive if self.calls is None else self.calls,
                "received": hello["received"],
                "missed": len(self.missed),
            }
        await session.send("welcome", session="s1", iceServers=[], **fields)
        for frame in self.missed if "resume" in hello else ():
            await session.send(**{"type_": frame["type"], "call": self.call, **without_type(frame)})

    async def lose(self, page: Page, code: int = 1011) -> Session:
        """Close the page's socket in mid-call, and return the session."""
        session = await self.gateway.session()
        await self.cut(session, code)
        return session

    async def cut(self, session: Session, code: int = 1011, swallowed: int = 0) -> None:
        """Close a page's socket, as if the last frames with a call had never come."""
        self.call = session.call.get("call", self.call)
        if self.heard is not None:
            self.heard += sum("call" in frame for frame in session.received) - swallowed
        await session.socket.close(code)


async def talking(fake_gateway: FakeGateway, open_page: OpenPage) -> tuple[Page, Session]:
    """Open a page that has a call, and keeps its connections."""
    Lossy(fake_gateway)
    page = await open_page()
    await page.evaluate(KEEP_CONNECTIONS)
    await open_call(page)
    session = await fake_gateway.session()
    return page, session


def without_type(frame: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in frame.items() if name != "type"}


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


async def test_new_audio_waits_while_the_socket_may_be_dead(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """A dead one delivers late, and what comes of it would be taken for the next one's answer."""
    page, session = await talking(fake_gateway, open_page)
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
    page, session = await talking(fake_gateway, open_page)
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
    page, session = await talking(fake_gateway, open_page)
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
    lossy = Lossy(fake_gateway)
    page = await open_page()
    await page.evaluate(KEEP_CONNECTIONS)
    await open_call(page)
    await page.evaluate(INTERRUPT)
    # Nothing more is said of it: the fake gateway takes its audio along with its socket
    await page.evaluate("() => { connections.at(-1).onconnectionstatechange = null; }")
    await lossy.lose(page)
    second = await fake_gateway.session()
    async with asyncio.timeout(2.5):  # the patience is 3 s
        await second.wait_for("restart")
    assert await page.evaluate("harness.call.reconnecting")


async def test_audio_that_is_silent_when_the_socket_is_back_is_made_anew(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """Though nothing is said of it: ICE may not have noticed by then. Silence is a doubt, too."""
    lossy = Lossy(fake_gateway)
    page = await open_page()
    await page.evaluate(KEEP_CONNECTIONS)
    await open_call(page)
    await until(page, "harness.sample?.arrived > 0")
    await page.evaluate(MUFFLE)
    session = fake_gateway.opened[0]
    assert session.find("ping") == []
    await session.close_media()
    await session.wait_for("ping")
    await lossy.lose(page)
    second = await fake_gateway.session()
    await second.wait_for("restart")
    assert await page.evaluate("harness.call.reconnecting")


async def test_audio_that_falls_silent_with_the_socket_is_made_anew(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """A system may end what has the address of a network that is gone: a socket is back soon."""
    lossy = Lossy(fake_gateway)
    page = await open_page()
    await page.evaluate(KEEP_CONNECTIONS)
    await open_call(page)
    await until(page, "harness.sample?.arrived > 0")
    await page.evaluate(MUFFLE)
    await lossy.lose(page)  # which takes the fake gateway's audio along
    second = await fake_gateway.session()
    await second.wait_for("restart")
    await until(page, "harness.call.reconnecting")


@pytest.mark.parametrize("first", ["interrupted", "silent"])
async def test_what_is_asked_already_is_given_no_more_time(
    fake_gateway: FakeGateway, open_page: OpenPage, first: str
) -> None:
    """A change of network is noticed in several ways, and each would begin the wait anew."""
    page, session = await talking(fake_gateway, open_page)
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
    page, session = await talking(fake_gateway, open_page)
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
