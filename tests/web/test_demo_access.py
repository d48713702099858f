"""The demo page for everybody: axe finds no fault, targets have a size and names, nothing moves."""

from __future__ import annotations

from playwright.async_api import expect

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, answer_call
from tests.web.test_button_access import find_faults
from tests.web.test_demo_calls_in import open_reachable
from tests.web.test_demo_page import expect_state, open_demo


async def test_no_faults_in_any_look(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page, session = await open_reachable(fake_gateway, open_page)
    await page.click("#settings summary")
    await page.emulate_media(reduced_motion="reduce")  # what fades would be measured on its way
    await session.ring(displayName="Alice")
    await expect_state(page, "incoming")
    faults = await find_faults(page)
    await session.reply("ended", by="remote", cause="canceled", sipCode=487)
    await expect(page.locator("#history li")).to_be_visible()
    faults += await find_faults(page)
    await page.click("#call")
    await expect_state(page, "open")
    await page.click("#transfer-open")
    faults += await find_faults(page)
    assert faults == []
    await page.evaluate("document.querySelector('#mute').textContent = ''")
    assert await find_faults(page)  # so it would have been found


async def test_hover_is_for_what_has_it(open_page: OpenPage) -> None:
    """On a touch screen it would stay on the key that was tapped last."""
    page = await open_demo(open_page)
    hovers = await page.evaluate(
        """() => {
            const found = { all: 0, loose: [] };
            const walk = (rules, safe) => {
                for (const rule of rules) {
                    const media = rule instanceof CSSMediaRule ? rule.conditionText : "";
                    if (rule.selectorText?.includes(":hover")) {
                        found.all += 1;
                        if (!safe) found.loose.push(rule.selectorText);
                    }
                    walk(rule.cssRules ?? [], safe || media === "(hover: hover)");
                }
            };
            for (const sheet of document.styleSheets) walk(sheet.cssRules, false);
            return found;
        }"""
    )
    assert hovers["all"] > 4
    assert hovers["loose"] == []


async def test_targets_names_and_preferences(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    fake_gateway.story = answer_call
    page = await open_demo(open_page)
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.click("#settings summary")
    await page.click("#call")
    await expect_state(page, "open")
    small = await page.evaluate(
        """[...document.querySelectorAll("button, input, select, summary")].filter((element) => {
            const { width, height } = element.getBoundingClientRect();
            return width && (width < 24 || height < 24);
        }).map(({ outerHTML }) => outerHTML)"""
    )
    assert small == []
    devtools = await page.context.new_cdp_session(page)
    tree = (await devtools.send("Accessibility.getFullAXTree"))["nodes"]
    roles = {"button", "textbox", "combobox", "checkbox", "image", "meter", "link"}
    shown = [node for node in tree if node.get("role", {}).get("value") in roles]
    assert len(shown) > 25
    assert [node for node in shown if not node["name"].get("value")] == []
    await page.emulate_media(reduced_motion="reduce", forced_colors="active")
    look = "(query) => getComputedStyle(document.querySelector(query))"
    for key in ("[data-digit='5']", "#hangup"):
        color = await page.evaluate(f"({look})({key!r}.replaceAll('\"', '')).borderTopColor")
        assert color not in ("rgba(0, 0, 0, 0)", "transparent")
    moving = await page.evaluate(
        "document.getAnimations().filter(({ playState }) => playState === 'running').length"
    )
    assert moving == 0
