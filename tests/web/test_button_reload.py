"""The element whose page is loaded again during its call: it has the call back, and can end it."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect

from tests.web.button import NUMBER, Button, open_button
from tests.web.conftest import OpenPage
from tests.web.fake_gateway import TIME_LIMIT, FakeGateway, Session
from tests.web.lossy import Lossy


class Slow(Lossy):
    """A gateway that keeps calls, and takes its time to give a session back."""

    def __init__(self, gateway: FakeGateway, *, identity: bool = False) -> None:
        super().__init__(gateway)
        self.identity = identity
        self.ready = asyncio.Event()
        self.greeted: asyncio.Queue[Session] = asyncio.Queue()

    async def greet(self, session: Session) -> None:
        hello = await session.wait_for("hello")
        self.greeted.put_nowait(session)
        if "resume" in hello:
            await self.ready.wait()
        await super().greet(session)
        if self.identity:
            await session.wait_for("register")
            await session.send("registered", identity="sales")


async def reload_in_call(button: Button, slow: Slow) -> None:
    """Call, and load the page again."""
    await button.call()
    await button.expect_state("open")
    [session] = [each for each in slow.gateway.opened if each.find("call")]
    slow.call = session.call["call"]
    await button.page.reload()
    await expect(button.launcher).to_be_visible()


async def next_session(slow: Slow, **said: str) -> Session:
    """Return the next session that says so in its hello."""
    async with asyncio.timeout(TIME_LIMIT):
        while not (session := await slow.greeted.get()).find("hello", **said):
            pass
    return session


async def resumed(slow: Slow) -> Session:
    """Return the session that the page has asked for, which it has back now."""
    session = await next_session(slow, resume="secret")
    slow.ready.set()
    return session


async def answer_restart(session: Session) -> None:
    restart = await session.wait_for("restart")
    await session.take(restart)
    await session.reply("answer", answer=await session.make_answer(), id=restart["id"])


async def test_click_before_the_call_is_back_leaves_it_to_be_hung_up(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    slow = Slow(fake_gateway)
    button = await open_button(fake_gateway, open_page)
    await reload_in_call(button, slow)
    await button.call()
    await button.expect_state("starting")
    session = await resumed(slow)
    await answer_restart(session)
    await button.expect_state("open")
    await expect(button.status).to_have_text("Connected")
    assert await button.told("ended") == []
    assert session.find("call") == []
    await button.press("Hang up")
    await session.wait_for("hangup", call=slow.call)
    await button.expect_state("ended")
    assert button.problems == []


# Set by a script of the page, which comes when the element is there
LATE = """addEventListener("DOMContentLoaded", async () => {{
  await customElements.whenDefined("click-to-call");
  const element = document.querySelector("click-to-call");
  {change};
}});"""
CHANGES = {
    "fetchToken": "element.fetchToken = async () => 't'",
    "token-url": "element.setAttribute('token-url', '/token')",
    "lang": "document.documentElement.lang = 'de'",
}


SALES = 'identity="sales"'


@pytest.mark.parametrize(
    ("change", "identity"),
    [("fetchToken", ""), ("fetchToken", SALES), ("token-url", ""), ("lang", "")],
)
async def test_call_is_back_though_the_page_says_late_how_it_wants_its_line(
    fake_gateway: FakeGateway, open_page: OpenPage, change: str, identity: str
) -> None:
    slow = Slow(fake_gateway, identity=bool(identity))
    script = LATE.format(change=CHANGES[change])
    button = await open_button(fake_gateway, open_page, f'to="{NUMBER}" {identity}', script=script)
    fake_gateway.token = "t"
    await reload_in_call(button, slow)
    await button.launcher.hover()
    await button.settle()
    session = await resumed(slow)
    await answer_restart(session)
    await button.expect_state("open")
    await expect(button.panel).to_be_visible()
    assert not session.gone.is_set()
    if change == "lang":
        return
    # The next call is as the page wants it
    await button.press("Hang up")
    await session.wait_for("hangup")
    await session.reply("ended", by="local", cause="hangup")
    await button.press("Close")
    await button.expect_state("idle")
    await button.settle()
    await button.call()
    await next_session(slow, token="t")


async def test_calls_come_in_as_the_page_wants_them_where_no_call_is_back(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    slow = Slow(fake_gateway, identity=True)
    script = LATE.format(change=CHANGES["fetchToken"])
    button = await open_button(fake_gateway, open_page, f'to="{NUMBER}" {SALES}', script=script)
    await reload_in_call(button, slow)
    slow.calls = []  # it has ended meanwhile
    await resumed(slow)
    session = await next_session(slow, token="t")
    await session.wait_for("register", identity="sales")
    await button.expect_state("idle")


# As a page builds it that sets attributes when the element stands in it
BUILT = """addEventListener("DOMContentLoaded", async () => {{
  await customElements.whenDefined("click-to-call");
  const element = document.createElement("click-to-call");
  document.querySelector("main").append(element);
  {pause}
  for (const name of {names}) element.setAttribute(name, {{ to: "{number}", id: "ours" }}[name]);
  element.setAttribute("label", "Ring us");
}});"""


@pytest.mark.parametrize("names", [["to"], ["to", "id"]])
@pytest.mark.parametrize("pause", ["", "await new Promise((go) => setTimeout(go, 100));"])
async def test_call_is_back_though_the_attributes_come_after_the_element(
    fake_gateway: FakeGateway, open_page: OpenPage, names: list[str], pause: str
) -> None:
    slow = Slow(fake_gateway)
    script = BUILT.format(names=names, number=NUMBER, pause=pause)
    button = await open_button(fake_gateway, open_page, elements="<p></p>", script=script)
    await expect(button.launcher).to_have_text("Ring us")
    await reload_in_call(button, slow)
    await answer_restart(await resumed(slow))
    await button.expect_state("open")


async def test_attributes_that_change_during_a_call_lose_none(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    slow = Slow(fake_gateway)
    two = f'<click-to-call to="{NUMBER}"></click-to-call>' * 2
    button = await open_button(fake_gateway, open_page, elements=two)
    await button.call()
    await button.expect_state("open")
    rename = "all => all.forEach((e) => e.setAttribute('heading', 'Ann'))"
    await button.page.locator("click-to-call").evaluate_all(rename)
    slow.call = (await slow.gateway.session()).call["call"]
    await button.page.reload()
    await answer_restart(await resumed(slow))
    await button.expect_state("open")
