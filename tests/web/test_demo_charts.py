"""The demo page draws how both legs are over time, and says the same in words."""

from __future__ import annotations

from playwright.async_api import expect

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session, answer_call
from tests.web.test_demo_page import expect_state, open_demo

SERIES = """async () => {
    const series = await import("/demo/series.js");
    const { LONGEST, extended, meanOf, pathOf, rangeOf, summaryOf } = series;
    const range = { low: 0, high: 10 };
    let many = [];
    for (let value = 0; value < LONGEST + 5; value += 1) many = extended(many, value);
    return {
        line: pathOf([0, 5, 10], range, 290, 100),
        gap: pathOf([5, null, 5], range, 290, 100),
        outside: pathOf([-5, 50], range, 290, 100),
        nothing: [pathOf([], range, 290, 100), summaryOf([null]), meanOf([])],
        kept: [many.length, many[0], pathOf(many, range, 300, 100).startsWith("M0.0 ")],
        ranges: [rangeOf(range, [[3]]), rangeOf(range, [[null], [11]]), rangeOf(range, [[240]])],
        summary: summaryOf([3, null, 1, 2]),
        mean: meanOf([1, null, 2]),
    };
}"""


async def test_lines_ranges_and_summaries(open_page: OpenPage) -> None:
    page = await open_page("/")
    assert await page.evaluate(SERIES) == {
        "line": "M270.0 100.0h-1M270.0 100.0L280.0 50.0L290.0 0.0",
        "gap": "M270.0 50.0h-1M270.0 50.0M290.0 50.0h-1M290.0 50.0",
        "outside": "M280.0 100.0h-1M280.0 100.0L290.0 0.0",
        "nothing": ["", None, None],
        "kept": [150, 5, True],
        "ranges": [{"low": 0, "high": 10}, {"low": 0, "high": 20}, {"low": 0, "high": 500}],
        "summary": {"latest": 2, "least": 1, "most": 3},
        "mean": 1.5,
    }


async def test_both_legs_are_drawn_and_told(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    async def judge(session: Session) -> None:
        await answer_call(session)
        for mos in (4.4, 3.1, 4.2):
            browser = {"mos": mos, "loss": 0.07, "jitterMs": 12.5, "rttMs": 38.6}
            await session.reply("quality", browser=browser, trunk={"mos": 4.4, "loss": 0.0})

    fake_gateway.story = judge
    page = await open_demo(open_page)
    mos = page.locator("[data-figure='mos'] svg")
    await expect(mos).to_have_attribute("aria-label", "MOS: nothing yet")
    await page.click("#call")
    await expect(mos).to_have_attribute(
        "aria-label", "MOS over 6 seconds. Browser: 4.2, worst 3.1. SIP trunk: 4.4, worst 4.4"
    )
    loss = page.get_by_role("img", name="Loss over 6 seconds. Browser: 7.0 %, worst 7.0 %.")
    await expect(loss.locator("path[data-leg='browser']")).to_have_attribute(
        "d", "M279.3 24.0h-1M279.3 24.0L289.7 24.0L300.0 24.0"
    )
    await expect(page.locator("[data-figure='loss'] .scale")).to_have_text("0\N{EN DASH}10 %")
    rtt = page.get_by_role("img", name="Round trip over 6 seconds")
    await expect(rtt).to_have_attribute(
        "aria-label", "Round trip over 6 seconds. Browser: 39 ms, worst 39 ms. SIP trunk: unknown"
    )
    await expect(rtt.locator("path[data-leg='trunk']")).to_have_attribute("d", "")
    lines = await page.evaluate(
        """["browser", "trunk"].map((leg) => {
            const line = document.querySelector(`.chart path[data-leg="${leg}"]`);
            const { stroke, strokeDasharray } = getComputedStyle(line);
            return [stroke, strokeDasharray];
        })"""
    )
    assert lines[0][0] != lines[1][0]
    assert lines[0][1] != lines[1][1]  # for who does not tell the colors apart
    await page.click("#hangup")
    await expect_state(page, "idle")
    await expect(loss).to_be_visible()  # to be looked at
    fake_gateway.story = answer_call
    await page.click("#call")
    await expect_state(page, "open")
    await expect(mos).to_have_attribute("aria-label", "MOS: nothing yet")
