"""Hold and transfer on the demo page: buttons, what they show, and what is said when they fail."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session
from tests.web.test_demo_page import expect_notice, expect_state, open_demo

HOLD_REFUSED = "The call could not be put on hold. It goes on."


async def talking(fake_gateway: FakeGateway, open_page: OpenPage) -> tuple[Page, Session]:
    page = await open_demo(open_page)
    for button in ("#hold", "#transfer-open"):
        await expect(page.locator(button)).to_be_disabled()
    await page.click("#call")
    await expect_state(page, "open")
    return page, await fake_gateway.session()


async def expect_held(page: Page, by: str, text: str, *, pressed: bool) -> None:
    await expect(page.locator("#app")).to_have_attribute("data-held", by)
    await expect(page.locator("#state")).to_have_text(text)
    hold = page.get_by_role("button", name="Hold", exact=True)
    await expect(hold).to_have_attribute("aria-pressed", str(pressed).lower())


async def expect_alert(page: Page, text: str) -> None:
    await expect(page.get_by_role("alert")).to_contain_text(text)
    await expect_state(page, "open")


async def test_lamp_of_the_call_says_nothing_of_calls_to_the_page(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, _ = await talking(fake_gateway, open_page)
    lamps = await page.evaluate(
        "[...document.querySelectorAll('.dot')].map((dot) => getComputedStyle(dot).backgroundColor)"
    )
    assert len(set(lamps)) == len(lamps) == 2


async def test_hold_by_keyboard(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page, session = await talking(fake_gateway, open_page)
    await page.focus("#mute")
    await page.keyboard.press("Tab")
    await expect(page.locator("#hold")).to_be_focused()
    await page.keyboard.press("Space")
    await session.wait_for("hold")
    await expect_held(page, "", "Connected", pressed=False)  # nothing stands yet
    await session.reply("held", by="local")
    await expect_held(page, "local", "On hold", pressed=True)
    await page.keyboard.press("Space")
    await session.wait_for("resume")
    await session.reply("resumed", by="local")
    await expect_held(page, "", "Connected", pressed=False)
    await expect(page.locator("#hold")).to_be_focused()


async def test_the_other_side_holds(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page, session = await talking(fake_gateway, open_page)
    await session.reply("held", by="remote")
    await expect_held(page, "remote", "Held by the other side", pressed=False)
    await page.click("#hold")
    await session.wait_for("hold")
    await session.reply("held", by="local")
    await expect_held(page, "both", "Held by both sides", pressed=True)
    await session.reply("resumed", by="remote")
    await expect_held(page, "local", "On hold", pressed=True)
    await page.click("#hangup")
    await expect_notice(page, "hangup", "You ended the call.")
    await page.click("#call")
    await expect_state(page, "open")
    await expect_held(page, "", "Connected", pressed=False)


async def test_refused_hold_is_said(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page, session = await talking(fake_gateway, open_page)
    await page.click("#hold")
    await session.wait_for("hold")
    message = "The far end does not agree: Not Acceptable Here."
    await session.reply("error", code=488, name="hold-refused", message=message, fatal=False)
    await expect_alert(page, HOLD_REFUSED)
    await expect_held(page, "", "Connected", pressed=False)
    await page.click("#hold")
    await expect(page.locator("#notice")).to_be_hidden()


async def test_a_gateway_without_hold_is_asked_once(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await talking(fake_gateway, open_page)
    await page.focus("#hold")
    await page.keyboard.press("Enter")
    await session.wait_for("hold")
    message = "This gateway cannot put calls on hold."
    await session.reply("error", code=501, name="hold-refused", message=message, fatal=False)
    await expect_alert(page, HOLD_REFUSED)
    hold = page.locator("#hold")
    await expect(hold).to_be_disabled()
    await expect(hold).to_have_attribute("title", message.rstrip("."))
    await expect(page.locator("#mute")).to_be_focused()
    await page.click("#hangup")
    await page.click("#call")
    await expect_state(page, "open")
    await expect(hold).to_be_disabled()
    await expect(page.locator("#transfer-open")).to_be_enabled()


async def test_transfer_by_keyboard(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page, session = await talking(fake_gateway, open_page)
    toggle = page.get_by_role("button", name="Transfer", exact=True)
    await toggle.focus()
    await page.keyboard.press("Enter")
    await expect(toggle).to_have_attribute("aria-expanded", "true")
    await expect(page.get_by_label("Transfer the call to")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(toggle).to_be_focused()
    await expect(toggle).to_have_attribute("aria-expanded", "false")
    await page.keyboard.press("Enter")
    await page.keyboard.type("602")  # into the field, and not as digits of the call
    await page.keyboard.press("Enter")
    assert (await session.wait_for("transfer"))["to"] == "602"
    assert session.find("dtmf") == []
    await expect(page.locator("#state")).to_have_text("Transferring to 602…")
    await session.reply("transferProgress", sipCode=180, reason="Ringing")
    await expect(page.locator("#state")).to_have_text("Transferring: Ringing…")
    await session.reply("transferred", sipCode=200, reason="OK")
    await session.reply("ended", by="local", cause="transferred", sipCode=200)
    await expect_notice(page, "transferred", "The call was transferred.")
    await expect(page.locator("#notice")).to_have_attribute("data-tone", "quiet")


async def test_handed_over_by_the_other_side(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await talking(fake_gateway, open_page)
    state = page.locator("#state")
    before = await state.inner_text()
    await session.reply("redirecting", to="+15557777", sipCode=180, reason="Ringing")
    await expect(state).to_have_text("You are being transferred to +15557777…")
    await session.reply("redirectFailed", to="+15557777", sipCode=486, reason="Busy")
    await expect(state).to_have_text(before)


async def test_failed_transfer_is_said_and_the_call_goes_on(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await talking(fake_gateway, open_page)
    await session.reply("held", by="local")
    await page.click("#transfer-open")
    await page.fill("#transfer-to", "620")
    await page.get_by_role("button", name="Transfer now").click()
    await session.wait_for("transfer")
    await session.reply("transferFailed", sipCode=486, reason="Busy Here")
    await expect_alert(page, "The call could not be transferred. It goes on.")
    await expect_held(page, "local", "On hold", pressed=True)


async def test_call_that_ends_in_mid_transfer(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await talking(fake_gateway, open_page)
    await page.click("#transfer-open")
    await page.fill("#transfer-to", "620")
    await page.keyboard.press("Enter")
    await session.wait_for("transfer")
    await session.reply("ended", by="remote", cause="hangup", sipCode=200)
    await expect_notice(page, "hangup", "The other side ended the call.")
    await expect(page.locator("#state")).to_have_text("Call ended")
    assert await page.evaluate("demo.error") is None


async def test_empty_field_transfers_nothing(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await talking(fake_gateway, open_page)
    await page.click("#transfer-open")
    await page.get_by_role("button", name="Transfer now").click()
    await page.fill("#transfer-to", "  ")
    await page.get_by_role("button", name="Transfer now").click()
    await expect(page.locator("#state")).to_have_text("Connected")
    await expect(page.locator("#notice")).to_be_hidden()
    assert session.find("transfer") == []


async def test_warning_that_is_over_takes_its_own_notice_alone(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, _ = await talking(fake_gateway, open_page)
    warn = "([event, name]) => demo.call.emit(event, name, {})"
    await page.evaluate(warn, ["warning", "microphone-lost"])
    await expect_alert(page, "The microphone is gone.")
    await page.evaluate(warn, ["warning-cleared", "high-jitter"])
    await expect_alert(page, "The microphone is gone.")
    await page.evaluate(warn, ["warning-cleared", "microphone-lost"])
    await expect(page.locator("#notice")).to_be_hidden()
