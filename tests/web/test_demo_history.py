"""How calls ended, as the demo page shows it: now, and in the list of the session's calls."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session, answer_call
from tests.web.test_demo_page import expect_state, open_demo

# Cause and SIP status, and what is to be seen of it: words, icon, tone
ENDS = {
    ("hangup", 200): ("Call ended", "check", "quiet"),
    ("busy", 486): ("Line busy", "busy", "warm"),
    ("busy", 503): ("All lines busy", "busy", "warm"),
    ("no-answer", 408): ("No answer", "clock", "warm"),
    ("rejected", 603): ("Call declined", "hangup", "bad"),
    ("not-found", 404): ("Wrong number", "slash", "bad"),
    ("forbidden", 403): ("Call not possible", "slash", "bad"),
    ("transferred", 200): ("Call transferred", "away", "quiet"),
    ("media-timeout", 408): ("Call failed", "warning", "bad"),
    ("newer-than-the-page", 480): ("Call not possible", "slash", "bad"),
}
LOOK = """() => {
    const shown = (query) => document.querySelector(query);
    return [
        shown("#state-text").textContent,
        shown("#outcome-icon").getAttribute("href").replace("#icon-", ""),
        shown("#app").dataset.tone,
    ];
}"""


async def colors(page: Page) -> str:
    return str(await page.evaluate("getComputedStyle(document.querySelector('#state')).color"))


async def test_a_busy_line_is_no_call_that_ended(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_demo(open_page)
    seen: dict[str, str] = {}
    for (cause, code), look in ENDS.items():

        async def end(session: Session, cause: str = cause, code: int = code) -> None:
            await session.reply("ended", by="remote", cause=cause, sipCode=code)

        fake_gateway.story = end
        await page.click("#call")
        await expect(page.locator("#notice")).to_have_attribute("data-cause", cause)
        await expect_state(page, "idle")
        await expect(page.locator("#state-text")).to_have_text(look[0])
        assert tuple(await page.evaluate(LOOK)) == look
        await expect(page.locator(".outcome")).to_be_visible()
        await expect(page.locator("#history li b").first).to_have_text(look[0])
        seen[cause] = await colors(page)
    assert len({seen["hangup"], seen["busy"], seen["rejected"]}) == 3
    await expect(page.locator("#history li")).to_have_count(len(ENDS))


async def test_calls_of_the_session(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    async def judged(session: Session) -> None:
        await answer_call(session)
        for mos in (4.4, 4.0):
            await session.reply("quality", browser={"mos": mos}, trunk={"mos": 4.4})

    fake_gateway.story = judged
    page = await open_demo(open_page)
    await expect(page.get_by_text("Calls of this session are listed here.")).to_be_visible()
    await page.fill("#number", "+15550100")
    await page.click("#call")
    await expect(page.get_by_role("row", name="Browser")).to_contain_text("4.0")
    await page.click("#hangup")
    await expect_state(page, "idle")
    row = page.get_by_role("list", name="Calls").get_by_role("listitem")
    await expect(row).to_contain_text("+15550100")
    await expect(row).to_contain_text("Outgoing · Call ended")
    await expect(row).to_contain_text("0:00 · MOS 4.2")
    await page.reload()
    await expect(row).to_contain_text("MOS 4.2")
    await page.fill("#number", "600")
    await row.get_by_role("button", name="Call +15550100 again").click()
    await expect_state(page, "open")
    assert [session.find("call")[-1]["to"] for session in fake_gateway.opened] == 2 * ["+15550100"]
    await expect(row.get_by_role("button")).to_be_hidden()  # one call at a time
    await page.click("#hangup")
    await page.get_by_role("button", name="Clear").click()
    await expect(row).to_have_count(0)
    await page.reload()
    await expect(page.locator("#history-empty")).to_be_visible()


async def test_call_that_could_not_be_placed(open_page: OpenPage) -> None:
    page = await open_demo(open_page, permitted=False)
    await page.click("#call")
    await expect(page.locator("#state-text")).to_have_text("Call failed")
    await expect(page.locator("#history li")).to_contain_text("Call failed")


async def test_what_an_older_page_has_kept_is_no_obstacle(open_page: OpenPage) -> None:
    page = await open_demo(open_page)
    for kept in ("{", "7", '[{"at": "now"}, null, 5]'):
        await page.evaluate("(kept) => sessionStorage.setItem('demo history', kept)", kept)
        await page.reload()
        await expect(page.locator("#app")).to_have_attribute("data-ready", "")
        await expect(page.locator("#history li")).to_have_count(0)


async def test_machine_without_a_microphone(open_page: OpenPage) -> None:
    page = await open_demo(open_page, device=False)
    await expect(page.get_by_role("alert")).to_contain_text("No microphone was found.")
    await expect(page.locator("#state-text")).to_have_text("Ready to call")
    await page.click("#call")
    await expect(page.locator("#state-text")).to_have_text("Call failed")
    await expect(page.locator("#notice")).to_have_attribute("data-cause", "microphone-not-found")
    await page.evaluate(
        """() => {
            const plugged = [{ kind: "audioinput", deviceId: "a", label: "Headset" }];
            navigator.mediaDevices.enumerateDevices = async () => plugged;
            navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
        }"""
    )
    await expect(page.locator("#notice")).to_be_hidden()
