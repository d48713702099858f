"""Nothing on the demo page moves under a finger, and what is said can be read to its end."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session, take_registration
from tests.web.test_demo_page import expect_state, open_demo

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}

# What has moved of the phone since the page was opened, by whatever cause (Layout Instability API)
WATCH = """(() => {
    window.moved = [];
    new PerformanceObserver((list) => {
        for (const { sources } of list.getEntries()) {
            for (const { node } of sources) {
                const element = node instanceof Element ? node : node?.parentElement;
                if (element?.closest("#phone")) moved.push(element.id || element.textContent);
            }
        }
    }).observe({ type: "layout-shift", buffered: true });
})()"""
KEYS = "#keypad button, .in-call button, .actions"
PLACES = f"""[...document.querySelectorAll("{KEYS}")].map((key) => {{
    const {{ x, y, width, height }} = key.getBoundingClientRect();
    return [x, y + scrollY, width, height];
}})"""
# A frame later it is drawn, and another one later it is told
MOVED = """new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(
    () => setTimeout(() => done(moved), 50))))"""

LONG = (
    "A name that is far too long for the screen of any phone that was ever made, by Sebastian Long"
)


async def silent(session: Session) -> None:
    """The test itself tells what becomes of the call."""


async def told(page: Page, cause: str) -> None:
    await expect(page.locator("#notice")).to_have_attribute("data-cause", cause)


async def talk(page: Page, session: Session) -> None:
    """Take the page through a call and what may be said in it."""
    await page.click("#hold")
    await session.wait_for("hold")
    await session.reply("error", code=488, name="hold-refused", message="488", fatal=False)
    await told(page, "hold-refused")
    for _ in range(12):
        await page.keyboard.press("5")
    await session.reply("held", by="local")
    await expect(page.locator("#app")).to_have_attribute("data-held", "local")
    await page.click("#transfer-open")
    await expect(page.locator("#transfer-to")).to_be_focused()
    await page.click("[data-digit='6']")
    await expect(page.locator("#transfer-to")).to_have_value("6")


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_no_key_moves_under_the_finger(
    fake_gateway: FakeGateway, open_page: OpenPage, size: dict[str, int]
) -> None:
    fake_gateway.greeting, fake_gateway.story = take_registration, silent
    page = await open_page("/blank")
    await page.set_viewport_size({"width": size["width"], "height": size["height"]})
    await page.add_init_script(WATCH)
    await page.goto(fake_gateway.url)
    await expect(page.locator("#extensions button").first).to_be_visible()
    at_first = await page.evaluate(PLACES)
    assert len(at_first) == 16

    async def still(state: str) -> None:
        await expect_state(page, state)
        assert await page.evaluate(PLACES) == at_first, state

    await page.fill("#identity", "sales")
    await page.click("#register")
    session = await fake_gateway.session()
    await page.click("#call")
    await still("connecting")
    await session.wait_for("call")
    await session.reply("ringing", earlyMedia=False)
    await still("ringing")
    await session.reply("answer", answer=await session.make_answer())
    await session.reply("answered", codec={"browser": "opus", "trunk": "PCMU"})
    await still("open")
    await talk(page, session)
    await still("open")
    await session.reply("ended", by="gateway", cause="no-media-path", sipCode=500)
    await told(page, "no-media-path")  # the longest sentence but one
    await still("idle")
    await session.ring(displayName=LONG)
    await still("incoming")
    await session.reply("ended", by="remote", cause="canceled", sipCode=487)
    await still("idle")
    assert await page.evaluate(MOVED) == []
    assert await page.evaluate("document.documentElement.scrollWidth") == size["width"]
    await page.evaluate("document.querySelector('#keypad').style.marginTop = '40px'")
    assert await page.evaluate(MOVED)  # so it would have been seen


async def test_the_longest_sentence_can_be_read_to_its_end(open_page: OpenPage) -> None:
    page = await open_demo(open_page)
    await page.set_viewport_size({"width": 360, "height": 740})
    too_much = await page.evaluate(
        """async () => {
            const { ENGLISH } = await import("/sdk/texts/index.js");
            const { showNotice } = await import("/demo/phone.js");
            const notice = document.querySelector("#notice");
            return Object.keys(ENGLISH).filter((key) => key.startsWith("error.")).filter((key) => {
                showNotice(ENGLISH[key], { advice: ENGLISH[key.replace("error", "advice")] });
                return notice.scrollHeight > notice.clientHeight;
            });
        }"""
    )
    assert too_much == []
