"""The element whose page is loaded again during its call: it has the call back, and can end it."""

from __future__ import annotations

import asyncio

from playwright.async_api import expect

from tests.web.button import Button, open_button
from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session
from tests.web.test_reconnecting import Lossy


class Slow(Lossy):
    """A gateway that keeps calls, and takes its time to give a session back."""

    def __init__(self, gateway: FakeGateway) -> None:
        super().__init__(gateway)
        self.ready = asyncio.Event()

    async def greet(self, session: Session) -> None:
        if "resume" in await session.wait_for("hello"):
            await self.ready.wait()
        await super().greet(session)


async def reload_in_call(button: Button, slow: Slow) -> None:
    """Call, load the page again, and wait until it asks for its session."""
    await button.call()
    await button.expect_state("open")
    session = await slow.gateway.session()
    slow.call = session.call["call"]
    await button.page.reload()


async def resumed(slow: Slow) -> Session:
    """Return the session that the page has asked for, which it has back now."""
    session = await slow.gateway.session()
    await session.wait_for("hello", resume="secret")
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
