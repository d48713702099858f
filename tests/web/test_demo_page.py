"""The demo page as a person uses it, by pointer and by keyboard, under its content policy."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.peers.firefox import Firefox
from tests.web.conftest import INSECURE_HOST, OpenPage
from tests.web.fake_gateway import FakeGateway, Session, answer_call

UNKNOWN = "\N{EN DASH}"


async def open_demo(open_page: OpenPage, **options: object) -> Page:
    page = await open_page("/", **options)
    await expect(page.locator("#app")).to_have_attribute("data-ready", "")
    return page


async def expect_state(page: Page, state: str) -> None:
    await expect(page.locator("#app")).to_have_attribute("data-state", state)


async def expect_notice(page: Page, cause: str, text: str) -> None:
    await expect(page.get_by_role("alert")).to_contain_text(text)
    await expect(page.locator("#notice")).to_have_attribute("data-cause", cause)
    await expect_state(page, "idle")


async def test_call_by_keyboard_alone(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_demo(open_page)
    await expect(page.get_by_role("link", name="Connection test")).to_be_visible()
    await page.get_by_role("link", name="Documentation").focus()
    await page.keyboard.press("Tab")
    await expect(page.locator("#number")).to_be_focused()
    await page.keyboard.type("602")  # Tab selects what stands there
    await page.keyboard.press("Enter")
    await expect_state(page, "open")
    assert (await (await fake_gateway.session()).wait_for("call"))["to"] == "602"
    await expect(page.get_by_role("status").first).to_have_text("Connected")
    await expect(page.locator("#codec-browser")).to_have_text("Opus")
    await expect(page.locator("#codec-trunk")).to_have_attribute("data-codec", "PCMU")
    await expect(page.locator("#hangup")).to_be_focused()
    await page.keyboard.type("4#")
    await expect(page.locator("#digits")).to_have_text("4#")
    await page.keyboard.press("Enter")
    await expect_notice(page, "hangup", "You ended the call.")
    await expect(page.locator("#call")).to_be_focused()


async def test_pointer_chips_keypad_and_mute(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_demo(open_page)
    await page.click("[data-extension='602']")
    await expect(page.locator("#number")).to_have_value("602")
    await page.click("[data-digit='*']")
    await expect(page.locator("#number")).to_have_value("602*")
    await page.click("#call")
    await expect_state(page, "open")
    await page.click("[data-digit='5']")
    await expect(page.locator("#digits")).to_have_text("5")
    frame = await (await fake_gateway.session()).wait_for("dtmf")
    assert frame["digits"] == "5"
    await page.click("#mute")
    await expect(page.get_by_role("button", name="Mute")).to_have_attribute("aria-pressed", "true")
    await expect(page.get_by_role("meter", name="Microphone")).to_have_attribute(
        "aria-valuenow", "0"
    )


async def test_refusal_shows_sentence_and_sip_status(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def busy(session: Session) -> None:
        await session.reply("ended", by="remote", cause="busy", sipCode=486, reason="Busy Here")

    fake_gateway.story = busy
    page = await open_demo(open_page)
    await page.click("#call")
    await expect_notice(page, "busy", "The line is busy.")
    await expect(page.locator("#notice-advice")).to_have_text("Please try again in a few minutes.")
    await expect(page.locator("#ending")).to_have_text(
        "Ended by the other side · SIP 486 Busy Here"
    )
    assert await page.evaluate("demo.end.sipCode") == 486


async def test_the_page_shows_how_both_legs_are(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def judge(session: Session) -> None:
        await answer_call(session)
        browser = {"mos": 4.31, "loss": 0.012, "jitterMs": 2.4, "rttMs": 38.6}
        trunk = {"mos": 4.41, "loss": 0.0, "jitterMs": 0.6, "rttMs": None}
        await session.reply("quality", browser=browser, trunk=trunk)

    fake_gateway.story = judge
    page = await open_demo(open_page)
    await page.click("#call")
    await expect(page.get_by_role("row", name="Browser")).to_have_text("Browser4.31.2 %2.4 ms39 ms")
    await expect(page.get_by_role("row", name="SIP trunk")).to_have_text(
        f"SIP trunk4.40.0 %0.6 ms{UNKNOWN}"
    )
    await page.click("#hangup")
    await expect_state(page, "idle")
    await expect(page.get_by_role("row", name="Browser")).to_contain_text("4.3")
    fake_gateway.story = answer_call
    await page.click("#call")
    await expect(page.get_by_role("row", name="Browser")).to_have_text(f"Browser{4 * UNKNOWN}")


async def test_a_call_that_falls_silent_says_so(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def silent(session: Session) -> None:
        await session.reply("ended", by="gateway", cause="media-timeout", sipCode=408)

    fake_gateway.story = silent
    page = await open_demo(open_page)
    await page.click("#call")
    await expect_notice(page, "media-timeout", "no sound came from the other side any more")


async def test_refused_microphone_says_what_to_do(open_page: OpenPage) -> None:
    page = await open_demo(open_page, permitted=False)
    await page.click("#call")
    await expect_notice(page, "microphone-refused", "The microphone is blocked for this page.")
    assert await page.evaluate("demo.error.code") == 1011


async def test_insecure_origin_is_said_before_any_call(open_page: OpenPage) -> None:
    page = await open_demo(open_page, host=INSECURE_HOST)
    await expect_notice(
        page, "insecure-origin", "Open the page by an address that begins with https://"
    )


async def test_ringing_can_be_given_up(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    async def ring(session: Session) -> None:
        await session.reply("ringing", earlyMedia=False)

    fake_gateway.story = ring
    page = await open_demo(open_page)
    await page.click("#call")
    await expect(page.get_by_role("status").first).to_have_text("Ringing…")
    await page.click("#hangup")
    await expect_notice(page, "canceled", "You hung up before the call was answered.")


async def test_no_list_of_extensions_and_narrow_screen(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def judge(session: Session) -> None:
        await answer_call(session)
        worst = {"mos": 1.0, "loss": 1.0, "jitterMs": 120.4, "rttMs": 1385.6}
        await session.reply("quality", browser=worst, trunk=worst)

    fake_gateway.extensions = False
    fake_gateway.pages = {"docs": False, "preflight": True}  # as in a clone without `make docs`
    fake_gateway.story = judge
    page = await open_demo(open_page)
    await expect(page.locator("#extensions-area")).to_be_hidden()
    await expect(page.get_by_role("link", name="Connection test")).to_be_visible()
    await expect(page.get_by_role("link", name="Documentation")).to_be_hidden()
    await page.set_viewport_size({"width": 320, "height": 640})
    await page.click("#call")
    await expect(page.get_by_role("row", name="SIP trunk")).to_contain_text("1386 ms")
    assert await page.evaluate("document.documentElement.scrollWidth") == 320


async def test_page_keeps_to_its_policy(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_page("/")
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(error.message))
    # As a proxy may say that there is nothing
    await page.route("**/demo/pages.json", lambda route: route.fulfill(body="<p>None"))
    await page.reload()
    await page.click("#call")
    await expect_state(page, "open")
    await page.click("#hangup")
    await expect_state(page, "idle")
    assert complaints == []


async def test_firefox_calls_and_shows_levels_without_web_audio(
    fake_gateway: FakeGateway, firefox: Firefox
) -> None:
    """Where the AudioContext stands still, the levels come from getStats."""

    async def talk(session: Session) -> None:
        await answer_call(session, telephone_event=False)

    fake_gateway.story = talk
    page = await firefox.new_page()
    await page.goto(fake_gateway.url)
    done = await page.evaluate(
        """(async () => {
            const until = async (what, test) => {
                for (let tries = 0; tries < 100; tries += 1) {
                    if (test()) return;
                    await new Promise((resolve) => setTimeout(resolve, 100));
                }
                throw new Error(`${what}: ${JSON.stringify(demo.events)}`);
            };
            const level = () => Number(document.getElementById("meter-out").ariaValueNow ??
                document.getElementById("meter-out").getAttribute("aria-valuenow"));
            await until("ready", () => document.getElementById("app")?.dataset.ready === "");
            document.getElementById("call").click();
            await until("open", () => demo.call?.state === "open");
            await until("level", () => level() > 50);
            document.getElementById("hangup").click();
            await until("end", () => demo.end !== null);
            const tracks = demo.call.localStream.getTracks().map((track) => track.readyState);
            return [demo.end.cause, tracks, demo.error];
        })()"""
    )
    assert done == ["hangup", ["ended"], None]
