"""The demo page takes calls: it is reachable, rings, and somebody answers, declines or is away."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session, connect_incoming, take_registration
from tests.web.test_demo_page import expect_notice, expect_state, open_demo

TITLE = "Voice gateway \N{EN DASH} call from the browser"

# What a page does for attention, beside what it shows: tones that play, notifications that stand
WATCH = """(() => {
    window.attention = { tones: 0, notes: [] };
    const { AudioContext: Context, Notification: Note } = window;
    window.AudioContext = class extends Context {
        constructor(...args) { super(...args); attention.tones += 1; }
        close() { attention.tones -= 1; return super.close(); }
    };
    window.Notification = class extends Note {
        constructor(title, options) {
            super(title, options);
            attention.notes.push(this);
            this.close = () => attention.notes.splice(attention.notes.indexOf(this), 1);
        }
    };
})()"""
TONES = "attention.tones"
NOTES = "attention.notes.map(({ title, body }) => `${title}: ${body}`)"


async def open_reachable(
    fake_gateway: FakeGateway, open_page: OpenPage, *, permitted: bool = True
) -> tuple[Page, Session]:
    """Open the page, which takes calls as `sales`."""
    fake_gateway.greeting = take_registration
    page = await open_page(permitted=permitted)
    await page.context.grant_permissions(["notifications"])
    await page.add_init_script(WATCH)
    await page.goto(fake_gateway.url)
    await expect(page.locator("#app")).to_have_attribute("data-ready", "")
    await page.fill("#identity", "sales")
    await page.click("#register")
    await expect_reach(page, "on", "Calls come to sales.")
    return page, await fake_gateway.session()


async def expect_reach(page: Page, reach: str, text: str) -> None:
    await expect(page.locator("#reach")).to_have_attribute("data-reach", reach)
    await expect(page.locator("#reach-text")).to_have_text(text)


async def attention(page: Page) -> tuple[int, list[str]]:
    return await page.evaluate(TONES), await page.evaluate(NOTES)


async def look_away(page: Page) -> None:
    await page.evaluate("document.hasFocus = () => false")


async def test_somebody_takes_calls_and_stops(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await open_reachable(fake_gateway, open_page)
    assert session.find("register")[0]["identity"] == "sales"
    await expect(page.locator("#identity")).not_to_be_editable()
    await page.click("#register")
    await session.wait_for("unregister")
    await session.send("unregistered", identity="sales")
    await expect_reach(page, "off", "No calls come to this page.")
    await expect(page.get_by_role("button", name="Take calls")).to_be_visible()
    await expect(page.locator("#identity")).to_be_editable()


async def test_name_of_the_token_and_name_in_the_address(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    fake_gateway.greeting = take_registration
    page = await open_page("/?identity=support")
    await expect(page.locator("#identity")).to_have_value("support")
    await page.fill("#identity", "")
    await page.focus("#identity")
    await page.keyboard.press("Enter")
    await expect_reach(page, "on", "Calls come to of the token.")


async def test_refused_name_is_said(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    async def refuse(session: Session) -> None:
        await session.wait_for("hello")
        await session.send("welcome", session="s1", iceServers=[])
        await session.wait_for("register")
        message = "the token does not allow calls to this page"
        await session.send("error", code=403, name="not-allowed", message=message, fatal=False)

    fake_gateway.greeting = refuse
    page = await open_demo(open_page)
    await page.click("#register")
    await expect_notice(page, "not-allowed", "This call is not allowed from here.")
    await expect(page.locator("#log")).to_contain_text("the token does not allow calls")
    await expect_reach(page, "off", "No calls come to this page.")


async def test_lost_connection_is_shown_until_it_is_back(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await open_reachable(fake_gateway, open_page)
    await session.socket.close(1012)
    await expect_reach(page, "lost", "The connection is lost. Trying again…")
    await expect_reach(page, "on", "Calls come to sales.")
    await expect_state(page, "idle")


async def test_call_is_taken_by_keyboard_alone(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await open_reachable(fake_gateway, open_page)
    await page.focus("#call")
    await session.ring(displayName="Alice")
    await expect_state(page, "incoming")
    await expect(page.locator("#state")).to_have_text("Incoming call")
    await expect(page.get_by_role("group", name="Caller")).to_contain_text("Alice")
    await expect(page.locator("#caller-number")).to_have_text("+15551234567")
    await expect(page.locator("#caller")).to_be_focused()
    await expect(page).to_have_title(f"Alice is calling \N{EN DASH} {TITLE}")
    assert await attention(page) == (1, [])  # somebody is at the page: no notification
    await page.keyboard.press("Enter")  # meant for something else
    await expect_state(page, "incoming")
    await page.keyboard.press("Tab")
    await expect(page.locator("#answer")).to_be_focused()
    await page.keyboard.press("Enter")
    await connect_incoming(session)
    await expect_state(page, "open")
    await expect(page).to_have_title(TITLE)
    await expect(page.locator("#hangup")).to_be_focused()
    await expect(page.locator("#number")).to_be_hidden()
    assert len(session.find("accept")) == 1
    await page.keyboard.press("Enter")
    await expect_notice(page, "hangup", "You ended the call.")
    await expect(page.locator("#call")).to_be_focused()
    await expect(page.locator("#number")).to_be_visible()


async def test_declined_by_pointer(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page, session = await open_reachable(fake_gateway, open_page)
    await session.ring()
    await expect(page.locator("#caller-name")).to_have_text("+15551234567")
    await expect(page.locator("#caller-number")).to_be_empty()
    await page.get_by_role("button", name="Decline").click()
    await session.wait_for("reject")
    await expect_notice(page, "rejected", "You declined the call.")
    await expect(page.locator("#notice")).to_have_attribute("data-tone", "quiet")
    assert await attention(page) == (0, [])
    await expect_reach(page, "on", "Calls come to sales.")


async def test_whoever_types_a_number_is_not_made_to_answer(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await open_reachable(fake_gateway, open_page)
    await page.focus("#number")
    await page.keyboard.type("1555")
    await session.ring()
    await expect_state(page, "incoming")
    await page.keyboard.type("123")
    await page.keyboard.press("Enter")
    await expect_state(page, "incoming")
    await session.reply("ended", by="remote", cause="canceled", sipCode=487)
    await expect_state(page, "idle")
    assert session.find("accept") == session.find("reject") == session.find("dtmf") == []


async def test_missed_call_leaves_its_caller_and_nothing_that_rings(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await open_reachable(fake_gateway, open_page)
    await look_away(page)
    await session.ring(**{"from": "anonymous"})
    await expect_state(page, "incoming")
    assert await attention(page) == (1, ["Incoming call: Number withheld"])
    await session.reply("ended", by="remote", cause="canceled", sipCode=487)
    await expect_notice(page, "canceled", "The caller hung up.")
    await expect(page.locator("#state-text")).to_have_text("Missed call")
    await expect(page.locator("#notice-advice")).to_have_text("Number withheld")
    await expect(page.locator("#history li")).to_contain_text("Number withheld")
    await expect(page.locator("#history button")).to_have_count(0)
    await expect(page).to_have_title(TITLE)
    assert await attention(page) == (0, [])
    await page.click("#call")  # the next one is no call of this caller's
    await expect_state(page, "open")
    await expect(page.locator("#caller")).to_be_hidden()


async def test_click_on_the_notification_brings_the_page_up(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await open_reachable(fake_gateway, open_page)
    await look_away(page)
    await session.ring(displayName="Alice")
    await expect_state(page, "incoming")
    focused = await page.evaluate(
        """() => {
            let focused = false;
            window.focus = () => { focused = true; };
            attention.notes[0].onclick();
            return focused;
        }"""
    )
    assert focused
    assert await attention(page) == (1, [])


@pytest.mark.parametrize("permission", ["denied", "granted"])
async def test_no_way_to_notify_is_no_obstacle(
    fake_gateway: FakeGateway, open_page: OpenPage, permission: str
) -> None:
    """Chrome on Android lets no page make one, whatever was granted."""
    page, session = await open_reachable(fake_gateway, open_page)
    await look_away(page)
    await page.evaluate(
        """permission => {
            window.Notification = class {
                static permission = permission;
                constructor() { throw new TypeError("Illegal constructor"); }
            };
        }""",
        permission,
    )
    await session.ring()
    await expect_state(page, "incoming")
    assert await page.evaluate(TONES) == 1
    await page.click("#reject")
    await expect_state(page, "idle")


async def test_answered_at_another_page(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page, session = await open_reachable(fake_gateway, open_page)
    await session.ring()
    await expect_state(page, "incoming")
    await session.reply("ended", by="gateway", cause="answered-elsewhere", sipCode=487)
    await expect_notice(page, "answered-elsewhere", "answered on another device")
    await expect(page.locator("#notice")).to_have_attribute("data-tone", "quiet")
    await expect(page.locator("#state-text")).to_have_text("Answered elsewhere")


async def test_page_with_a_call_is_busy(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page, session = await open_reachable(fake_gateway, open_page)
    await page.click("#call")
    await expect_state(page, "open")
    await session.send("incoming", call="in-1", to="+15550100", **{"from": "+15551234567"})
    frame = await session.wait_for("reject", call="in-1")
    assert frame["code"] == 486
    await expect_state(page, "open")
    await expect(page).to_have_title(TITLE)
    await expect(page.locator("#caller")).to_be_hidden()


async def test_refused_microphone_can_be_allowed_while_it_rings(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await open_reachable(fake_gateway, open_page, permitted=False)
    await session.ring()
    await page.click("#answer")
    await expect(page.get_by_role("alert")).to_contain_text(
        "The microphone is blocked for this page."
    )
    await expect_state(page, "incoming")
    await page.context.grant_permissions(["microphone"])
    await page.click("#answer")
    await connect_incoming(session)
    await expect_state(page, "open")
    await expect(page.locator("#notice")).to_be_hidden()


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
async def test_motion_is_reduced_for_whoever_wants_it(
    fake_gateway: FakeGateway, open_page: OpenPage, motion: Any
) -> None:
    page, session = await open_reachable(fake_gateway, open_page)
    await page.emulate_media(reduced_motion=motion)
    await session.ring()
    await expect_state(page, "incoming")
    style = "getComputedStyle(document.querySelector('.dot'))"
    animation = await page.evaluate(f"{style}.animationName")
    assert animation == ("none" if motion == "reduce" else "pulse")


async def test_narrow_screen(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page, session = await open_reachable(fake_gateway, open_page)
    await page.set_viewport_size({"width": 320, "height": 640})
    await session.ring(displayName="Bartholomew-Fitzgerald " * 5, **{"from": "x" * 64})
    await expect_state(page, "incoming")
    width = "document.documentElement.scrollWidth"
    assert await page.evaluate(width) == 320
    await page.click("#answer")
    await connect_incoming(session)
    await expect_state(page, "open")
    await page.click("#transfer-open")
    assert await page.evaluate(width) == 320


async def test_page_keeps_to_its_policy(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page, session = await open_reachable(fake_gateway, open_page)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(error.message))
    await look_away(page)
    await session.ring()
    await page.click("#answer")
    await connect_incoming(session)
    await expect_state(page, "open")
    await page.click("#hangup")
    await expect_state(page, "idle")
    assert complaints == []
