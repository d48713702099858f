"""One call at a time, unless the page asks otherwise, and a question before a page goes."""

from __future__ import annotations

import pytest
from playwright.async_api import Dialog

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session, connect_incoming, take_registration
from tests.web.test_call_stories import dial, end_of, events, open_call, until
from tests.web.test_registration import register

SEVERAL = {"allowSeveralCalls": True}


async def test_a_second_call_is_refused_and_the_first_goes_on(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    await open_call(page)
    error = await page.evaluate("harness.device.connect({ to: '602' }).catch(harness.brief)")
    assert (error["name"], error["fatal"]) == ("busy-here", False)
    assert error["message"] == "There is a call on this page already."
    assert await page.evaluate("[harness.call.state, harness.device.isBusy]") == ["open", True]
    assert len((await fake_gateway.session()).find("call")) == 1
    await page.evaluate("harness.call.disconnect()")
    await end_of(page)
    assert await page.evaluate("harness.device.isBusy") is False


async def test_two_clicks_place_one_call(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_page()
    both = await page.evaluate("Promise.all([harness.dial(), harness.dial()])")
    assert [error and error["name"] for error in both] in (["busy-here", None], [None, "busy-here"])
    assert len((await fake_gateway.session()).find("call")) == 1


async def test_a_call_that_rings_here_leaves_the_line_free(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def ring(session: Session) -> None:
        await take_registration(session)
        await session.ring()

    fake_gateway.greeting = ring
    page = await open_page()
    await register(page)
    await until(page, "harness.named('incoming').length > 0")
    await page.evaluate("harness.rings = harness.call")
    assert await page.evaluate("harness.device.isBusy") is False
    assert await dial(page) is None
    error = await page.evaluate("harness.rings.accept().catch(harness.brief)")
    assert (error["name"], error["fatal"]) == ("busy-here", False)
    assert await page.evaluate("harness.rings.state") == "pending"


@pytest.mark.parametrize("option", [None, "allowIncomingWhileBusy", "allowSeveralCalls"])
async def test_a_call_that_comes_in_while_there_is_one(
    fake_gateway: FakeGateway, open_page: OpenPage, option: str | None
) -> None:
    async def two(session: Session) -> None:
        await take_registration(session)
        await session.ring()
        await connect_incoming(session)
        await session.send("incoming", call="in-2", to="+15550100", **{"from": "anonymous"})

    fake_gateway.greeting = two
    page = await open_page()
    await register(page, **({option: True} if option else {}))
    await until(page, "harness.named('incoming').length > 0")
    await page.evaluate("harness.call.accept()")
    if option:
        await until(page, "harness.named('incoming').length === 2")
        await page.evaluate("harness.call.accept()")
        assert await page.evaluate("harness.device.calls.length") == 2
        return
    refused = await (await fake_gateway.session()).wait_for("reject")
    assert (refused["call"], refused["code"]) == ("in-2", 486)
    assert len(await events(page, "incoming")) == 1
    assert await page.evaluate("harness.device.calls.length") == 1


@pytest.mark.parametrize("protection", [True, "Sure?", False])
async def test_the_browser_asks_before_a_page_with_a_call_is_left(
    fake_gateway: FakeGateway, open_page: OpenPage, protection: bool | str
) -> None:
    asked: list[str] = []

    async def accept(dialog: Dialog) -> None:
        asked.append(dialog.type)
        await dialog.accept()

    page = await open_page()
    page.on("dialog", accept)
    await page.mouse.click(1, 1)  # nobody is asked on a page that nobody has touched
    await open_call(page, device={"closeProtection": protection})
    await page.reload()
    assert asked == (["beforeunload"] if protection else [])
    await page.mouse.click(1, 1)
    await open_call(page, device={"closeProtection": protection})
    await page.evaluate("harness.call.disconnect()")
    await end_of(page)
    asked.clear()
    await page.reload()
    assert asked == []


async def test_a_tab_in_the_background_keeps_its_call(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """A frozen page runs no code; what was told meanwhile is heard when it is looked at again."""
    page = await open_page()
    await open_call(page)
    session = await fake_gateway.session()
    cdp = await page.context.new_cdp_session(page)
    await cdp.send("Page.setWebLifecycleState", {"state": "frozen"})
    await session.reply("dtmf", digit="7", duration=100)
    await session.reply("held", by="remote")
    await cdp.send("Page.setWebLifecycleState", {"state": "active"})
    await until(page, "harness.call.held.remote")
    assert [each["digit"] for each in await events(page, "dtmf")] == ["7"]
    assert await page.evaluate("harness.call.state") == "open"
    await session.reply("ended", by="remote", cause="hangup", sipCode=200)
    await end_of(page)
