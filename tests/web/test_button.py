"""The element as a caller meets it: by pointer, by keyboard, and when the call fails."""

from __future__ import annotations

from playwright.async_api import expect

from tests.web.button import NUMBER, Button, busy_line, open_button
from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session, answer_call

# Chromium's fake devices cannot be unplugged: what the browser would say is said in its place
UNPLUG = """async (gone) => {
    const { mediaDevices } = navigator;
    const list = mediaDevices.enumerateDevices.bind(mediaDevices);
    const open = mediaDevices.getUserMedia.bind(mediaDevices);
    mediaDevices.enumerateDevices = async () => (await list()).filter((d) => d.deviceId !== gone);
    mediaDevices.getUserMedia = async (wanted) => {
        const { exact } = wanted.audio.deviceId ?? {};
        if (exact === gone) throw new DOMException("gone", "OverconstrainedError");
        return open(wanted);
    };
    mediaDevices.dispatchEvent(new Event("devicechange"));
    await mediaDevices.enumerateDevices();
}"""

PLUG = """(label) => {
    const { mediaDevices } = navigator;
    const list = mediaDevices.enumerateDevices.bind(mediaDevices);
    const device = { kind: "audioinput", deviceId: "plugged", label };
    mediaDevices.enumerateDevices = async () => [...await list(), device];
    mediaDevices.dispatchEvent(new Event("devicechange"));
}"""

TONES = """window.tones = [];
const { start } = OscillatorNode.prototype;
OscillatorNode.prototype.start = function (...when) {
  tones.push(this.frequency.value);
  return start.apply(this, when);
};"""


async def called(gateway: FakeGateway) -> Session:
    session = await gateway.session()
    await session.wait_for("call")
    return session


async def test_button_becomes_panel_and_is_back(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    button = await open_button(fake_gateway, open_page)
    await button.call()
    await button.expect_state("open", "busy", "expanded")
    assert (await called(fake_gateway)).find("call")[0]["to"] == NUMBER
    assert await button.focused() == "panel"
    await expect(button.launcher).to_be_hidden()
    await expect(button.status).to_have_text("Connected")
    await expect(button.panel.get_by_role("timer")).to_have_text("0:01")
    await button.press("Mute")
    await button.expect_state("muted")
    await expect(button.button("Mute")).to_have_attribute("aria-pressed", "true")
    await expect(button.status).to_have_text("Your microphone is off")
    await button.press("Hang up")
    await button.expect_state("ended")
    await expect(button.status).to_contain_text("ended")
    assert await button.focused() == "panel"
    await button.press("Close")
    await button.expect_state("idle")
    assert await button.focused() == "launcher"
    await expect(button.status).to_have_text("")
    states = [told["state"] for told in await button.told("state")]
    assert states == ["starting", "connecting", "ringing", "open", "ended", "idle"]
    assert button.problems == []


async def test_all_by_keyboard(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    button = await open_button(fake_gateway, open_page)
    keyboard = button.page.keyboard
    await button.page.locator("#before").focus()
    await keyboard.press("Tab")
    await keyboard.press("Enter")
    await button.expect_state("open")
    session = await called(fake_gateway)
    for _ in range(3):
        await keyboard.down("4")  # held down, it repeats
    await keyboard.up("4")
    await keyboard.type("#")
    await session.wait_for("dtmf", digits="#")
    assert [frame["digits"] for frame in session.find("dtmf")] == ["4", "#"]
    await keyboard.press("Escape")  # puts the panel away, not the call
    await expect(button.panel).to_be_hidden()
    assert await button.focused() == "launcher"
    await expect(button.launcher).to_contain_text("0:0")
    await keyboard.press("Enter")
    await expect(button.panel).to_be_visible()
    order = []
    for _ in range(6):
        await keyboard.press("Tab")
        order.append(
            await button.element.evaluate("e => e.shadowRoot.activeElement.getAttribute('part')")
        )
    assert order == [
        "minimize",
        "control mute",
        "control keypad",
        "control hold",
        "control settings",
        "hangup",
    ]
    await keyboard.press("Enter")
    await button.expect_state("ended")
    await keyboard.press("Escape")
    await button.expect_state("idle")
    assert await button.focused() == "launcher"


async def test_second_click_places_no_second_call(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    button = await open_button(fake_gateway, open_page, f'to="{NUMBER}" variant="floating"')
    await button.settle()  # so that the page's load is no turn of the panel
    await button.launcher.click()
    await button.page.mouse.down(click_count=2)
    await button.page.mouse.up(click_count=2)
    await button.element.evaluate("e => { e.dial(); e.dial() }")
    await button.expect_state("open", "expanded")
    assert len((await called(fake_gateway)).find("call")) == 1
    # It meets no "Cancel" either, which stands where the button was
    assert await button.told("ended") == []
    # Nor does the second click on "Hang up" meet "Call again"
    await button.settle()
    await button.button("Hang up").dblclick()
    await button.expect_state("ended")
    assert len(fake_gateway.opened[0].find("call")) == 1


async def test_second_element_shows_the_call_of_the_first(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    two = "".join(f'<click-to-call to="{to}"></click-to-call>' for to in (NUMBER, "+15550002"))
    button = await open_button(fake_gateway, open_page, elements=two)
    await button.call()
    await button.expect_state("open")
    await button.press("Minimize")
    await expect(button.panel).to_be_hidden()
    await Button(button.page, 1).launcher.click()
    await expect(button.panel).to_be_visible()
    assert [frame["to"] for frame in fake_gateway.opened[0].find("call")] == [NUMBER]
    assert len(fake_gateway.opened) == 1


async def test_refused_call_tells_why_and_what_to_do(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    fake_gateway.story = busy_line
    button = await open_button(
        fake_gateway, open_page, f'to="{NUMBER}" feedback fallback-tel="+1 555 123"'
    )
    await button.call()
    await button.expect_state("ended", "failed", "unanswered")
    # As a line that is busy, not as a fault
    shown = button.panel.locator(".status")
    await expect(shown).to_have_css("color", "rgb(154, 98, 0)")
    text = "The line is busy. Please try again in a few minutes."
    await expect(button.status).to_have_text(text)
    await expect(button.panel).to_contain_text("Please try again in a few minutes.")
    link = button.panel.get_by_role("link")
    await expect(link).to_have_attribute("href", "tel:+1555123")
    await expect(button.panel.get_by_role("radio")).to_have_count(0)  # nobody has talked
    fake_gateway.story = answer_call
    await button.press("Call again")
    await button.expect_state("open")


async def test_microphone_refused(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    button = await open_button(fake_gateway, open_page, permitted=False)
    await button.call()
    await button.expect_state("ended", "failed")
    await expect(button.status).to_contain_text("microphone")
    await expect(button.panel.locator(".status")).to_have_css("color", "rgb(200, 40, 60)")
    assert await button.element.evaluate("e => e.matches(':state(unanswered)')") is False
    assert await button.element.evaluate("e => e.error.name") == "microphone-refused"


async def test_given_up_while_it_rings(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    async def ring(session: Session) -> None:
        await session.reply("trying")
        await session.reply("ringing", earlyMedia=False)

    fake_gateway.story = ring
    button = await open_button(fake_gateway, open_page)
    await button.call()
    await button.expect_state("ringing")
    await button.press("Cancel")
    await button.expect_state("idle")
    assert await button.focused() == "launcher"
    await (await fake_gateway.session()).wait_for("hangup")


async def test_unfolding(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    button = await open_button(fake_gateway, open_page)
    await button.call()
    await button.expect_state("open")
    session = await called(fake_gateway)
    await button.press("Keypad")
    await expect(button.button("Keypad")).to_have_attribute("aria-expanded", "true")
    await button.press("7")
    await button.press("Star")
    await session.wait_for("dtmf", digits="7")
    await session.wait_for("dtmf", digits="*")
    await expect(button.panel.locator(".sent")).to_have_text("7*")
    await button.press("Settings")
    await expect(button.panel.locator(".keys")).to_be_hidden()
    microphone = button.panel.get_by_role("combobox", name="Microphone")
    await expect(microphone.locator("option").nth(1)).to_be_attached()
    meter = button.panel.get_by_role("meter", name="Other side")
    await expect(meter).not_to_have_attribute("aria-valuenow", "0")
    [chosen] = await microphone.select_option(index=1)
    await button.page.keyboard.press("Escape")
    await expect(microphone).to_be_hidden()
    assert await button.focused() == "tool"
    await button.expect_state("open", "expanded")
    # A microphone that was chosen and is gone hinders no later call
    await button.press("Hang up")
    await button.expect_state("ended")
    await button.page.evaluate(UNPLUG, chosen)
    await button.press("Call again")
    await button.expect_state("open")
    await button.press("Settings")
    await expect(microphone).to_have_value("")


async def test_hold_and_a_gateway_without_it(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    button = await open_button(fake_gateway, open_page)
    await button.call()
    await button.expect_state("open")
    session = await called(fake_gateway)
    await button.press("Hold")
    await session.wait_for("hold")
    await session.reply("held", by="local")
    await button.expect_state("held")
    await expect(button.status).to_have_text("On hold")
    await button.press("Hold")
    await session.wait_for("resume")
    await session.reply("resumed", by="local")
    await expect(button.status).to_have_text("Connected")
    await button.press("Hold")
    await session.wait_for_count("hold", 2)
    await session.reply("error", name="not-supported", code=501, message="none", fatal=False)
    await expect(button.button("Hold")).to_be_hidden()
    await expect(button.panel.locator(".notice")).to_be_visible()
    await button.expect_state("open")


async def test_number_by_keys_and_plus_by_long_press(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    button = await open_button(fake_gateway, open_page, 'heading="Any number"', script=TONES)
    await button.call()
    await button.expect_state("number")
    assert await button.focused() == "field"
    zero = button.button("0")
    await button.settle()
    await zero.click(delay=600)
    await button.button("1").click()
    await zero.click()
    field = button.panel.get_by_role("textbox", name="Phone number")
    await expect(field).to_have_value("+10")
    await field.press("Enter")
    await button.expect_state("open")
    session = await called(fake_gateway)
    assert await button.page.evaluate("tones") == [440, 480]  # as it rings in America
    await button.press("Hang up")
    await button.expect_state("ended")
    await button.press("Call again")
    await session.wait_for_count("call", 2)
    assert [frame["to"] for frame in session.find("call")] == ["+10", "+10"]


async def test_number_that_the_page_calls_is_the_one_shown_and_called_again(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    fake_gateway.story = busy_line
    button = await open_button(fake_gateway, open_page, f'to="{NUMBER}" variant="panel"')
    heading = button.panel.locator(".name")
    await button.element.evaluate("e => e.dial({ to: '+15550002' })")
    await button.expect_state("ended")
    await button.press("Call again")
    session = await called(fake_gateway)
    await session.wait_for_count("call", 2)
    assert [frame["to"] for frame in session.find("call")] == ["+15550002", "+15550002"]
    await button.expect_state("ended")
    await expect(heading).to_have_text("+15550002")
    await button.press("Close")
    await expect(heading).to_have_text(NUMBER)
    await button.element.evaluate("e => e.setAttribute('to', '+15550003')")
    await expect(heading).to_have_text("+15550003")


async def test_transfer(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    button = await open_button(fake_gateway, open_page, f'to="{NUMBER}" transfer')
    await button.call()
    await button.expect_state("open")
    session = await called(fake_gateway)
    await button.press("Transfer")
    assert await button.focused() == "field"
    await button.button("Mute").focus()
    await button.element.evaluate("e => e.setAttribute('heading', 'Ann')")
    assert await button.focused() == "tool"  # the page takes nobody back into the field
    await button.panel.get_by_role("textbox").focus()
    await button.page.keyboard.type("+15550002")
    await button.page.keyboard.press("Enter")
    assert (await session.wait_for("transfer"))["to"] == "+15550002"
    await expect(button.status).to_have_text("Transferring…")
    await session.reply("transferFailed", sipCode=486, reason="Busy Here")
    await expect(button.status).to_contain_text("could not be transferred")
    await button.expect_state("open")
    await button.press("Transfer")
    field = button.panel.get_by_role("textbox")
    assert await field.evaluate("e => [e.inputMode, e.autocapitalize]") == ["text", "none"]
    await field.fill("support")  # no number, but whoever is registered so
    await field.press("Enter")
    await session.wait_for("transfer", identity="support")
    await session.reply("transferFailed", sipCode=501, reason="Not Implemented")
    await expect(button.status).to_contain_text("could not be transferred")
    await expect(button.button("Hold")).to_be_visible()  # the trunk's word is of the transfer alone
    await button.press("Transfer")
    targets = {"#31": "to", "(212) 555-0123": "to", "tel:+15550003": "to", "2nd-line": "identity"}
    for target, kind in targets.items():
        await field.fill(target)
        await field.press("Enter")
        await session.wait_for("transfer", **{kind: target})
        if target != "2nd-line":
            await session.reply("transferFailed", sipCode=486, reason="Busy Here")
            await expect(button.status).to_contain_text("could not be transferred")
            await button.press("Transfer")
    await session.reply("error", name="bad-target", code=404, message="none", fatal=False)
    sentence = "The call could not be transferred. It goes on."
    reason = "This is not a number that can be called. Please check the number."
    await expect(button.status).to_have_text(f"Connected {sentence} {reason}")
    await button.press("Transfer")
    await field.fill("+15550003")
    await field.press("Enter")
    await session.wait_for("transfer", to="+15550003")
    await session.reply("error", name="not-supported", code=501, message="none", fatal=False)
    await expect(button.button("Transfer")).to_be_hidden()
    await expect(button.button("Hold")).to_be_visible()


async def test_quality_sign(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    button = await open_button(fake_gateway, open_page)
    await button.call()
    await button.expect_state("open")
    session = await called(fake_gateway)
    await session.reply("quality", browser={"mos": 4.4}, trunk={"mos": 2.0})
    await button.expect_state("quality-poor")
    await expect(button.panel.get_by_role("img", name="Poor connection")).to_be_visible()
    await session.reply("quality", browser={"mos": 4.4}, trunk={"mos": None})
    await expect(button.panel.get_by_role("img", name="Good connection")).to_be_visible()


async def test_list_of_devices_follows_what_is_plugged_in_and_out(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    button = await open_button(fake_gateway, open_page)
    await button.call()
    await button.expect_state("open")
    await button.press("Settings")
    microphone = button.panel.get_by_role("combobox", name="Microphone")
    await expect(microphone.locator("option").nth(1)).to_be_attached()
    count = await microphone.locator("option").count()
    [chosen] = await microphone.select_option(index=1)
    await expect(microphone).to_have_value(chosen)
    await microphone.focus()
    await button.page.evaluate(PLUG, "Headset")
    await expect(microphone.locator("option", has_text="Headset")).to_be_attached()
    await expect(microphone).to_have_value(chosen)
    await button.page.evaluate(UNPLUG, chosen)
    await expect(microphone.locator("option")).to_have_count(count)
    await expect(microphone).to_have_value("")
    assert await button.focused() == "field"
