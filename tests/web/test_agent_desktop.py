"""The example of an agent's desktop where something goes wrong, before a scripted gateway."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import (
    DESKTOP,
    FakeGateway,
    Session,
    connect_incoming,
    take_registration,
)

CLIENT = "http://127.0.0.1:8080/sdk/voice-client.min.js"
OFF_DUTY = "Calls do not come here"


async def open_desktop(gateway: FakeGateway, open_page: OpenPage, script: str = "") -> Page:
    """Open the page as it is, with our gateway."""
    html = (DESKTOP / "index.html").read_text().replace(CLIENT, "/sdk/voice-client.js")
    gateway.page = html.replace("<head>", '<head><base href="/desktop/">')
    gateway.token = '{"token": "t"}'
    page = await open_page()
    await page.add_init_script(script)
    await page.goto(f"{gateway.url}/page")
    await page.locator("[data-ready]").wait_for()
    return page


async def go_on_duty(page: Page) -> None:
    await page.get_by_role("switch", name="Take calls").click()
    await expect(page.locator("#reach")).to_have_text("Calls to of the token ring here")


async def expect_duty(page: Page, text: str, *, on: bool) -> None:
    await expect(page.locator("#reach")).to_have_text(text)
    await expect(page.get_by_role("switch")).to_have_attribute("aria-checked", str(on).lower())


async def test_agent_goes_off_duty_while_the_connection_is_lost(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    fake_gateway.greeting = take_registration
    page = await open_desktop(fake_gateway, open_page)
    await go_on_duty(page)
    session = await fake_gateway.session()

    async def shut(session: Session) -> None:
        await session.socket.close(1013)

    fake_gateway.greeting = shut
    await session.socket.close(1013)
    await expect_duty(page, "Connecting again…", on=True)
    await page.get_by_role("switch").click()
    await expect_duty(page, OFF_DUTY, on=False)
    fake_gateway.greeting = take_registration
    await page.evaluate("dispatchEvent(new Event('online'))")  # at which it would try at once
    await go_on_duty(page)


async def test_agent_reads_why_no_calls_come_any_more(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def refuse(session: Session) -> None:
        await session.wait_for("hello")
        await session.send("error", name="bad-token", code=401, message="none", fatal=True)

    fake_gateway.greeting = take_registration
    page = await open_desktop(fake_gateway, open_page)
    await go_on_duty(page)
    fake_gateway.greeting = refuse
    await (await fake_gateway.session()).socket.close(1013)
    await expect_duty(page, OFF_DUTY, on=False)
    await expect(page.get_by_role("alert")).to_contain_text("This page may not call")


async def called(
    gateway: FakeGateway, open_page: OpenPage, script: str = ""
) -> tuple[Page, Session]:
    """Open the page of an agent whom somebody calls."""

    async def ring(session: Session) -> None:
        await take_registration(session)
        await session.ring(displayName="Ann Bell")
        await connect_incoming(session)

    gateway.greeting = ring
    page = await open_desktop(gateway, open_page, script)
    await go_on_duty(page)
    await expect(page.get_by_role("heading", name="Ann Bell")).to_be_visible()
    await expect(page.locator("[data-voice-tone]")).to_have_count(0)  # the page has its own bell
    return page, await gateway.session()


async def test_focus_stays_at_the_call_that_is_taken(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await called(fake_gateway, open_page)
    await page.get_by_role("button", name="Accept").press("Enter")
    card = page.locator(".call")
    await expect(card.locator(".state")).to_have_text("Connected")
    await expect(card).to_be_focused()
    await expect(card).to_have_accessible_name("Ann Bell")
    await page.keyboard.press("Tab")
    await expect(card.get_by_role("button", name="Mute")).to_be_focused()
    await card.get_by_role("button", name="Hang up").press("Enter")
    await session.wait_for("hangup")
    await session.reply("ended", by="local", cause="hangup", sipCode=200)
    await expect(card).to_have_count(0)
    await expect(page.get_by_label("Number", exact=True)).to_be_focused()


# Chromium's fake devices cannot be unplugged, and it plays sound at any time in tests
FAULTS = """
HTMLMediaElement.prototype.play = async () => {
  if (window.silent) throw new DOMException("no click yet", "NotAllowedError");
};
const { mediaDevices } = navigator;
const open = mediaDevices.getUserMedia.bind(mediaDevices);
mediaDevices.getUserMedia = async (wanted) => {
  if (window.unplugged) throw new DOMException("none", "NotFoundError");
  const stream = await open(wanted);
  [window.microphone] = stream.getAudioTracks();
  return stream;
};
"""
UNPLUG = """() => {
  window.unplugged = true;
  microphone.stop();
  microphone.dispatchEvent(new Event("ended"));
}"""
PLUG = """() => {
  window.unplugged = false;
  navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
}"""


async def test_agent_reads_that_one_side_does_not_hear_the_other(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, _ = await called(fake_gateway, open_page, FAULTS)
    await page.evaluate("window.silent = true")
    await page.get_by_role("button", name="Accept").click()
    state = page.locator(".call").get_by_role("status")
    await expect(state).to_have_text("The browser plays no sound: click anywhere to hear them")
    await page.evaluate(UNPLUG)
    await expect(state).to_have_text("The microphone is gone: they do not hear you")
    await page.evaluate(PLUG)
    await expect(state).to_have_text("The browser plays no sound: click anywhere to hear them")
    await page.evaluate("window.silent = false")
    await page.get_by_role("heading", name="Agent desktop").click()
    await expect(state).to_have_text("Connected")
