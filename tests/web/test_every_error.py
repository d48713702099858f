"""Each error of the registry on the pages where people meet it, with its sentence and its advice.

The list is the registry itself: what the gateway says, and what the client finds by itself. A name
that is new fails here until something has brought it onto a page.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from playwright.async_api import expect

from gateway.errors import ConfigError, GatewayError
from tests.web.button import NUMBER, Button, open_button
from tests.web.conftest import INSECURE_HOST, OpenPage
from tests.web.fake_gateway import (
    FakeGateway,
    Session,
    Story,
    answer_call,
    take_registration,
    welcome,
)
from tests.web.test_demo_page import open_demo
from tests.web.test_endings import TABLE, errors_of, said_by_the_gateway
from tests.web.told import LOOK, ONE_MICROPHONE, TEXTS, Told, dial

OPERATORS = "Words for the operator"  # which only the page's author is told
CLIENTS = 1000  # codes from here on are the client's own

REFUSALS = {
    kind.name: kind.sip_code for kind in errors_of(GatewayError) if kind.name != ConfigError.name
}
BY_GATEWAY = said_by_the_gateway() | {
    name for name, row in TABLE.items() if int(row["code"]) < CLIENTS
}
BY_CLIENT = TABLE.keys() - BY_GATEWAY

# While a call goes on, the client itself takes it up, and tries again
UNHEARD = "restart-failed"


def from_gateway() -> list[Told]:
    codes = {name: REFUSALS.get(name, int(TABLE[name]["code"])) for name in sorted(BY_GATEWAY)}
    told = [Told(name, code if code < CLIENTS else 500) for name, code in codes.items()]
    return [*told, Told("busy", 486)]


def check(cases: list[Told], shown: list[dict[str, Any]]) -> None:
    """Each is told in each language that was looked at, and what is the operator's to the SDK."""
    assert len(cases) == len(shown) > 0
    wrong = [
        (case, language, seen)
        for case, told in zip(cases, shown, strict=True)
        for language, seen in told.items()
        if not case.matches(seen, language)
        or OPERATORS in seen["whole"]
        or seen["direction"] != ("rtl" if language == "ar" else "ltr")
    ]
    assert wrong == []
    assert {told["en"]["reason"] for told in shown} == {OPERATORS}


class Stories:
    """A story for each number that is called."""

    def __init__(self, gateway: FakeGateway) -> None:
        gateway.story = self.play
        self.stories: dict[str, Story] = {}

    def add(self, story: Story) -> dict[str, str]:
        to = f"+1555{len(self.stories):07}"
        self.stories[to] = story
        return {"to": to}

    async def play(self, session: Session) -> None:
        await self.stories[session.call["to"]](session)


def refused(case: Told, *, fatal: bool = True) -> Story:
    async def story(session: Session) -> None:
        error = {"code": case.code, "name": case.name, "message": OPERATORS}
        await session.reply("error", **error, fatal=fatal)

    return story


def ended(case: Told, *, answered: bool = False, by: str = "gateway") -> Story:
    async def story(session: Session) -> None:
        await session.reply("trying")
        await session.reply("ringing", earlyMedia=False)
        if answered:
            await session.reply("answered", codec={"browser": "opus", "trunk": "PCMU"})
        end = {"by": by, "cause": case.name, "sipCode": case.code, "reason": OPERATORS}
        await session.reply("ended", **end, durationMs=0)

    return story


def story_of(case: Told, *, answered: bool = False) -> Story:
    """As the gateway says it: by an error before the call begins, or by the call's end."""
    if REFUSALS.get(case.name) == case.code:
        return refused(case)
    return ended(case, answered=answered)


async def open_element(
    gateway: FakeGateway, open_page: OpenPage, attributes: str = f'to="{NUMBER}"', **options: Any
) -> Button:
    return await open_button(gateway, open_page, attributes, script=LOOK, **options)


async def can_call(gateway: FakeGateway, button: Button) -> None:
    gateway.story = answer_call
    await button.element.evaluate("element => element.dial()")
    await button.expect_state("open")


async def test_what_the_gateway_says(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    """Of a session, of a call that begins, one that rings and one that is answered."""
    of_session = [Told(name, code) for name, code in sorted(REFUSALS.items())]
    greetings = iter(of_session)

    async def greet(session: Session) -> None:
        case = next(greetings, None)
        if case is None:
            await welcome(session)
            return
        await session.wait_for("hello")
        error = {"code": case.code, "name": case.name, "message": OPERATORS}
        await session.send("error", **error, fatal=True)

    fake_gateway.greeting = greet
    button = await open_element(fake_gateway, open_page)
    shown = await dial(button.page, [{}] * len(of_session))
    check(of_session, shown)
    await button.page.evaluate(ONE_MICROPHONE)
    cases, stories = from_gateway(), Stories(fake_gateway)
    calls = [stories.add(story_of(case, answered=n % 2 > 0)) for n, case in enumerate(cases)]
    check(cases, await dial(button.page, calls, ("de", "ar")))
    await can_call(fake_gateway, button)
    assert button.problems == []


# Errors that end nothing, on either page: what stands there after each
FOLLOW_ELEMENT = """() => {
  window.notices = [];
  addEventListener("click-to-call:error", () => queueMicrotask(() => notices.push(look())));
}"""
FOLLOW_DEMO = """() => {
  window.notices = [];
  demo.call.on("error", () => notices.push(lookAtNotice()));
}"""
COLLECT = """async (count) => {
  while (notices.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
  return notices;
}"""


def during_a_call(cases: list[Told], followed: asyncio.Event) -> Story:
    async def story(session: Session) -> None:
        await answer_call(session)
        await followed.wait()
        for case in cases:
            await refused(case, fatal=False)(session)

    return story


async def test_what_ends_no_call(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    cases = [case for case in from_gateway() if case.name != UNHEARD]
    followed = asyncio.Event()
    fake_gateway.story = during_a_call(cases, followed)
    button = await open_element(fake_gateway, open_page)
    await button.call()
    await button.expect_state("open")
    await button.page.evaluate(FOLLOW_ELEMENT)
    followed.set()
    notices = await button.page.evaluate(COLLECT, len(cases))
    assert [each["notice"] for each in notices] == [case.both() for case in cases]
    assert all(each["live"].endswith(each["notice"]) for each in notices)
    assert not any(OPERATORS in each["whole"] for each in notices)
    await button.expect_state("open")
    # The computer has such a speaker no more
    await button.press("Settings")
    await (
        button.panel.locator("select")
        .nth(1)
        .evaluate(
            """select => {
            select.append(new Option("Gone", "gone", true, true));
            select.dispatchEvent(new Event("change"));
        }"""
        )
    )
    notice = button.panel.locator("[part=notice]")
    await expect(notice).to_have_text(Told("speaker-failed", CLIENTS).both())
    await expect(button.status).to_contain_text(Told("speaker-failed", CLIENTS).both())


def closing(code: int) -> Story:
    async def story(session: Session) -> None:
        await session.socket.close(code)

    return story


async def say_nothing(session: Session) -> None:
    await session.wait_for("hello")


async def answer_nonsense(session: Session) -> None:
    await session.reply("answer", answer=None)


async def lose_the_socket(session: Session) -> None:
    await session.reply("answered", codec={"browser": "opus", "trunk": "PCMU"})
    await session.socket.close(1000)


MICROPHONE = "navigator.mediaDevices.getUserMedia = async () => { %s }"


@dataclass(frozen=True)
class Occasion:
    """How it comes about: what the browser does, or the gateway; or how the page calls."""

    browser: str = ""
    greeting: Story = welcome
    story: Story = answer_call
    parameters: dict[str, Any] | None = None


OCCASIONS = {
    # Before there is a session
    "unsupported": Occasion("delete window.RTCPeerConnection"),
    "gateway-silent": Occasion(
        "setTimeout = (task, ms, ...rest) => later(task, ms / 50, ...rest)", greeting=say_nothing
    ),
    "gateway-unreachable": Occasion(greeting=closing(1011)),
    "version-mismatch": Occasion(greeting=closing(1002)),
    "session-refused": Occasion(greeting=closing(1008)),
    # And in one
    "invalid-argument": Occasion(parameters={"displayName": 7}),
    "microphone-not-found": Occasion(parameters={"audio": {"deviceId": {"exact": "gone"}}}),
    "network": Occasion(story=lose_the_socket),
    "protocol": Occasion(story=answer_nonsense),
    "microphone-busy": Occasion(MICROPHONE % "throw new DOMException('', 'NotReadableError')"),
    "microphone-failed": Occasion(MICROPHONE % "return new MediaStream()"),
    "client-fault": Occasion(
        "RTCPeerConnection.prototype.setLocalDescription = async () => { throw new TypeError() }"
    ),
}
# Those that a page has from its beginning on, or that it takes two lines for; each has a test below
ELSEWHERE = {
    "insecure-origin",
    "microphone-refused",
    "blocked-by-page",
    "speaker-failed",
    "busy-here",
    "invalid-state",
}


def test_each_name_has_an_occasion() -> None:
    assert OCCASIONS.keys() | ELSEWHERE == BY_CLIENT
    assert not OCCASIONS.keys() & ELSEWHERE


async def test_what_the_client_finds(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    button = await open_element(fake_gateway, open_page)
    for name, occasion in OCCASIONS.items():
        fake_gateway.greeting, fake_gateway.story = occasion.greeting, occasion.story
        if occasion.browser:
            await button.page.evaluate(f"() => {{ {occasion.browser} }}")
        [shown] = await dial(button.page, [occasion.parameters or {}], ("de", "ar"))
        for language, seen in shown.items():
            assert Told(name, CLIENTS).matches(seen, language), (name, seen)
        reason = shown["en"]["reason"]
        assert not reason or reason not in shown["en"]["whole"]
        if occasion.browser:  # a page of the same site, which has forgotten all of it
            await button.page.goto(f"{fake_gateway.url}/page")
    fake_gateway.greeting = welcome
    await can_call(fake_gateway, button)


async def test_pages_that_cannot_call(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    button = await open_element(fake_gateway, open_page)
    here = "127.0.0.1"
    for name, host, headers in (
        ("microphone-refused", here, {"Permissions-Policy": "microphone=()"}),
        ("blocked-by-page", here, {"Content-Security-Policy": "connect-src 'none'"}),
        ("insecure-origin", INSECURE_HOST, {}),
    ):
        fake_gateway.page_headers = headers
        await button.page.goto(f"http://{host}:{fake_gateway.port}/page")
        for shown in await dial(button.page, [{}, {}]):  # a second try says so again
            assert Told(name, CLIENTS).matches(shown["en"]), shown


# Calls that come in

MISSED = TEXTS["en"]["state.missed"]


REFUSE_ONCE = """() => {
    const open = navigator.mediaDevices.getUserMedia;
    navigator.mediaDevices.getUserMedia = async () => {
        navigator.mediaDevices.getUserMedia = open;
        throw new DOMException("Permission denied", "NotAllowedError");
    };
}"""


async def test_calls_that_come_in(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    """Who did not take it is told that it was missed; who takes it, what hinders it."""
    fake_gateway.greeting = take_registration
    button = await open_element(fake_gateway, open_page, 'identity="sales"')
    session = await fake_gateway.session()
    await session.wait_for("register")
    number = 0

    async def ring() -> None:
        nonlocal number
        number += 1
        await session.ring(f"in-{number}")
        await button.page.evaluate(
            """async () => {
                const element = document.querySelector("click-to-call");
                while (element.state !== "incoming") await new Promise((go) => setTimeout(go));
                window.ended = over(element);
            }"""
        )

    async def told() -> dict[str, Any]:
        shown: dict[str, Any] = await button.page.evaluate("ended")
        return shown

    for name in ("canceled", "no-answer", "unavailable", "stopped", "shutdown"):
        await ring()
        end = {"by": "remote", "cause": name, "sipCode": 487, "reason": OPERATORS}
        await session.reply("ended", **end, durationMs=0)
        shown = await told()
        assert (shown["title"], shown["advice"], shown["live"]) == (MISSED, "", MISSED), name
        assert OPERATORS not in shown["whole"]
    for case in (Told("not-allowed", 403), Told("limit-reached", 480), Told("busy", 503)):
        await ring()
        await button.element.evaluate("element => element.accept()")
        await session.accepted()
        await refused(case)(session)
        shown = await told()
        assert case.matches(shown), shown
        assert OPERATORS not in shown["whole"]
    await ring()
    await button.page.evaluate(REFUSE_ONCE)
    await button.press("Answer")
    notice = button.panel.locator("[part=notice]")
    await expect(notice).to_have_text(Told("microphone-refused", CLIENTS).both())
    await button.expect_state("incoming")
    await button.settle()
    await button.press("Answer")  # it rings on, and has been permitted meanwhile
    await session.accepted()
    await session.reply("answered", codec={"browser": "opus", "trunk": "PCMU"})
    await button.expect_state("open")


# The demo page

LOOK_AT_DEMO = """() => {
  const read = (id) => document.getElementById(id).textContent;
  window.lookAtNotice = () => ({
    title: read("notice-text"),
    advice: read("notice-advice"),
    live: document.querySelector("[role=alert]").textContent.replace(/\\s+/g, " ").trim(),
    reason: (demo.end ?? demo.error)?.reason,
  });
  const tick = () => new Promise((resolve) => setTimeout(resolve));
  window.fall = async (calls) => {
    const notice = document.getElementById("notice"), told = [];
    for (const { to } of calls) {
      document.getElementById("number").value = to;
      document.querySelector("#number").form.requestSubmit();
      while (notice.hidden || demo.device.calls.length) await tick();
      told.push(lookAtNotice());
      await tick();
    }
    return told;
  };
}"""


async def test_the_demo_page(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_demo(open_page)
    await page.evaluate(LOOK_AT_DEMO)
    await page.evaluate(ONE_MICROPHONE)
    cases, stories = from_gateway(), Stories(fake_gateway)
    calls = [stories.add(story_of(case)) for case in cases]
    shown = await page.evaluate("calls => fall(calls)", calls)
    wrong = [
        (case, seen)
        for case, seen in zip(cases, shown, strict=True)
        if not case.matches(seen) or OPERATORS in seen["live"] or seen["reason"] != OPERATORS
    ]
    assert wrong == []
    # Who has hung up is told apart
    hangup = Told("hangup", 200)
    call = stories.add(ended(hangup, answered=True, by="remote"))
    [seen] = await page.evaluate("calls => fall(calls)", [call])
    assert (seen["title"], seen["advice"]) == (TEXTS["en"]["state.hung-up-remote"], "")

    cases = [case for case in cases if case.name != UNHEARD]
    followed = asyncio.Event()
    fake_gateway.story = during_a_call(cases, followed)
    await page.click("#call")
    await expect(page.locator("#app")).to_have_attribute("data-state", "open")
    await page.evaluate(FOLLOW_DEMO)
    followed.set()
    notices = await page.evaluate(COLLECT, len(cases))
    shown = zip(cases, notices, strict=True)
    assert [(case, seen) for case, seen in shown if not case.matches(seen)] == []
    await page.click("#hangup")
    await expect(page.locator("#notice-text")).to_have_text(TEXTS["en"]["state.hung-up"])

    # The button beside the phone has a call; and a phone that is no more has none
    fake_gateway.story = answer_call
    element = page.locator("click-to-call")
    await element.evaluate("element => element.dial({ to: '600' })")
    await expect(page.locator("click-to-call:state(open)")).to_be_attached()
    await page.click("#call")
    await expect(page.locator("#notice-text")).to_have_text(
        Told("busy-here", CLIENTS).said("error")
    )
    await expect(page.get_by_role("alert")).to_contain_text(
        Told("busy-here", CLIENTS).said("advice")
    )
    await element.evaluate("element => element.hangUp()")
    await expect(page.locator("click-to-call:state(busy)")).not_to_be_attached()
    await page.evaluate("demo.device.destroy()")
    await page.click("#call")
    text = Told("invalid-state", CLIENTS).said("error")
    await expect(page.locator("#notice-text")).to_have_text(text)
