"""The button on the demo page: beside the phone, with one call at a time for both."""

from __future__ import annotations

from playwright.async_api import expect

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session, answer_call
from tests.web.test_demo_page import expect_state, open_demo

# As in a browser whose user has forbidden sites to keep anything
NO_STORAGE = """Object.defineProperty(window, "sessionStorage", {
    get() { throw new DOMException("denied", "SecurityError"); },
})"""


async def test_call_of_the_button_is_seen_and_listed(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def judge(session: Session) -> None:
        await answer_call(session)
        await session.reply("quality", browser={"mos": 4.3}, trunk={"mos": 4.4})

    fake_gateway.story = judge
    page = await open_demo(open_page)
    await page.fill("#number", "+15550100")
    await expect(page.locator("#site-lines")).to_contain_text(
        f'<click-to-call to="+15550100" gateway="{fake_gateway.url}"></click-to-call>'
    )
    await page.get_by_role("button", name="Call us").click()
    session = await fake_gateway.session()
    assert (await session.wait_for("call"))["to"] == "+15550100"
    await expect(page.locator("#codec-browser")).to_have_text("Opus")
    await expect(page.get_by_role("row", name="SIP trunk")).to_contain_text("4.4")
    await expect_state(page, "idle")  # the phone's
    await page.click("#call")
    await expect(page.locator("#notice")).to_have_attribute("data-cause", "busy-here")
    hangup = page.locator("click-to-call").get_by_role("button", name="Hang up")
    await hangup.press("5")  # is no number for the phone
    await expect(page.locator("#number")).to_have_value("+15550100")
    await session.reply("ended", by="remote", cause="hangup", sipCode=200)
    await expect(page.locator("#history li")).to_contain_text("+15550100")
    await expect(page.locator("#history li")).to_contain_text("MOS 4.3")
    await page.click("#call")
    await expect_state(page, "open")
    assert len(fake_gateway.opened) == 2


async def test_button_waits_for_the_phone(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_demo(open_page)
    await page.click("#call")
    await expect_state(page, "open")
    await page.get_by_role("button", name="Call us").click()
    await expect(page.get_by_role("button", name="Call us")).to_be_visible()
    await expect_state(page, "open")
    assert await page.evaluate("document.querySelector('#button').state") == "idle"
    assert sum(len(session.find("call")) for session in fake_gateway.opened) == 1


async def test_token_is_the_buttons_as_well(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_page("/blank")
    await page.add_init_script(NO_STORAGE)  # which stops neither
    await page.goto(f"{fake_gateway.url}/#token=secret-1")
    button = page.locator("#button")
    await expect(button).to_have_attribute("token", "secret-1")
    await page.evaluate("location.hash = 'token=secret-2'")  # as in the settings
    await expect(button).to_have_attribute("token", "secret-2")
    await page.get_by_role("button", name="Call us").click()
    session = await fake_gateway.session()
    assert (await session.wait_for("hello"))["token"] == "secret-2"
