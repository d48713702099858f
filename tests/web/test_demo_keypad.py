"""The demo page's keypad: by pointer, by keyboard, and 0 held down for +."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway
from tests.web.test_demo_page import expect_state, open_demo


async def expect_number(page: Page, number: str) -> None:
    await expect(page.locator("#number")).to_have_value(number)


async def test_zero_that_is_held_is_a_plus(open_page: OpenPage) -> None:
    page = await open_demo(open_page)
    await page.fill("#number", "")
    await page.hover("[data-digit='0']")
    await page.mouse.down()
    await expect_number(page, "+")  # before it is let go of
    await page.mouse.up()
    await page.click("[data-digit='0']")
    await expect_number(page, "+0")
    await page.hover("[data-digit='4']")  # which is held for nothing else
    await page.mouse.down()
    await page.wait_for_timeout(600)
    await page.mouse.up()
    await expect_number(page, "+04")
    await page.hover("[data-digit='0']")
    await page.mouse.down()
    await page.mouse.move(1, 1)  # thought better of it
    await page.mouse.up()
    await page.wait_for_timeout(600)
    await expect_number(page, "+04")


async def test_typed_wherever_nothing_else_is_written(open_page: OpenPage) -> None:
    page = await open_demo(open_page)
    await page.fill("#number", "")
    await page.focus("#call")
    await page.keyboard.type("+49")
    await expect_number(page, "+49")
    await page.focus("[data-digit='0']")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Space")
    await expect_number(page, "+4900")
    await page.get_by_role("button", name="Delete the last digit").click()
    await expect_number(page, "+490")
    await page.focus("#identity")
    await page.keyboard.type("7")
    await expect_number(page, "+490")
    await expect(page.locator("#identity")).to_have_value("7")


async def test_no_plus_goes_into_a_call(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_demo(open_page)
    await page.click("#call")
    await expect_state(page, "open")
    await page.hover("[data-digit='0']")
    await page.mouse.down()
    await page.wait_for_timeout(600)
    await page.mouse.up()
    await page.keyboard.press("+")
    await page.keyboard.press("0")
    session = await fake_gateway.session()
    assert (await session.wait_for("dtmf"))["digits"] == "0"
    await expect(page.locator("#digits")).to_have_text("0")
    assert len(session.find("dtmf")) == 1
