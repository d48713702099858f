"""The element as the author of a page meets it: attributes, texts, events, and what it keeps."""

from __future__ import annotations

import base64
import json
from typing import Any

from playwright.async_api import expect

from tests.web.button import NUMBER, Button, open_button
from tests.web.conftest import OpenPage
from tests.web.fake_gateway import (
    FakeGateway,
    Session,
    answer_call,
    connect_incoming,
    take_registration,
)


async def answer_and_hang_up(session: Session) -> None:
    await answer_call(session)
    await session.reply("ended", by="remote", cause="hangup", sipCode=200, durationMs=83_000)


async def dialed(gateway: FakeGateway) -> dict[str, Any]:
    return await (await gateway.session()).wait_for("call")


async def test_consent_is_asked_for_once(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    element = f"""<click-to-call to="{NUMBER}" consent="We record this call."
      consent-key="recording"><a slot="footer" href="/policy">Policy</a></click-to-call>"""
    button = await open_button(fake_gateway, open_page, elements=element)
    await button.call()
    await button.expect_state("consent", "expanded")
    assert await button.focused() == "panel"
    await expect(button.panel).to_contain_text("We record this call.")
    await expect(button.status).to_have_text("Before you call")
    await button.press("Do not call")
    await button.expect_state("idle")
    await button.call()
    await button.page.get_by_role("link", name="Policy").focus()
    await button.page.keyboard.press("Escape")  # out of what is the page's own
    await button.expect_state("idle")
    assert await button.focused() == "launcher"
    assert fake_gateway.opened == []  # though the button was pointed at
    assert await button.told("agreed") == []
    await button.call()
    await button.press("Agree and call")
    await button.expect_state("open")
    assert [len(await button.told(name)) for name in ("consent", "agreed")] == [3, 1]
    assert await button.page.evaluate("localStorage.getItem('recording')")
    await button.press("Hang up")
    await button.expect_state("ended")
    await button.press("Call again")
    await button.expect_state("open")


async def test_feedback(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    fake_gateway.story = answer_and_hang_up
    button = await open_button(fake_gateway, open_page, f'to="{NUMBER}" feedback')
    await button.call()
    await button.expect_state("ended")
    await expect(button.panel.get_by_role("timer")).to_have_text("1:23")
    stars = button.panel.get_by_role("group", name="How was the sound of this call?")
    await stars.get_by_role("radio", name="4 stars: good").check()
    await button.panel.get_by_role("textbox").fill("An echo")
    await button.press("Send")
    await expect(button.status).to_have_text("Thank you!")
    await expect(stars).to_be_hidden()
    [told] = await button.told("feedback")
    assert (told["score"], told["issue"]) == (4, "An echo")


async def test_nobody_is_asked_for_stars_that_cannot_be_sent(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    fake_gateway.story = answer_call
    button = await open_button(fake_gateway, open_page, f'to="{NUMBER}" feedback')
    await button.call()
    await button.expect_state("open")
    await (await fake_gateway.session()).socket.close(4000)  # the session is another page's
    await button.expect_state("ended")
    await expect(button.panel.get_by_role("timer")).to_be_visible()
    await expect(button.panel.get_by_role("group", name="How was the sound")).to_be_hidden()


async def test_page_sets_parameters_before_the_call(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    script = """addEventListener("click-to-call:before", ({ detail }) => {
      detail.parameters.headers = { "X-Cart": "42" };
    });"""
    attributes = f'to="{NUMBER}" from="+15550009" display-name="Ann"'
    button = await open_button(fake_gateway, open_page, attributes, script=script)
    await button.call()
    frame = await dialed(fake_gateway)
    assert (frame["to"], frame["from"], frame["displayName"]) == (NUMBER, "+15550009", "Ann")
    assert frame["headers"] == {"X-Cart": "42"}


async def test_page_prevents_a_call(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    script = (
        'addEventListener("click-to-call:before", (event) => event.preventDefault(), {once: true});'
    )
    button = await open_button(fake_gateway, open_page, script=script)
    await button.call()
    await button.expect_state("idle")
    assert [told["state"] for told in await button.told("state")] == []
    await button.call()
    await button.expect_state("open")


async def test_page_has_texts_and_parts_of_its_own(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    element = f"""<click-to-call to="{NUMBER}" heading="Ada &amp; Co">
      <b slot="label">Talk to us</b><em slot="heading">The workshop</em></click-to-call>"""
    button = await open_button(fake_gateway, open_page, elements=element)
    await button.element.evaluate(
        "e => { e.texts = { 'state.open': 'On the line', 'button.hangup': 'Bye' } }"
    )
    await expect(button.page.get_by_role("button", name="Talk to us")).to_be_visible()
    await button.call()
    await expect(button.status).to_have_text("On the line")
    await expect(button.button("Bye")).to_be_visible()
    await expect(button.page.get_by_text("The workshop")).to_be_visible()


async def test_what_is_set_before_the_class_is_loaded(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    script = """new MutationObserver((_, observer) => {
      const element = document.querySelector("click-to-call");
      if (!element) return;
      observer.disconnect();
      element.texts = { "button.call": "Ring us" };
      element.parameters = { displayName: "Bob" };
    }).observe(document, { childList: true, subtree: true });"""
    button = await open_button(fake_gateway, open_page, script=script)
    await expect(button.launcher).to_have_text("Ring us")
    await button.call()
    assert (await dialed(fake_gateway))["displayName"] == "Bob"


async def test_language(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    elements = "".join(
        f"<click-to-call to='1' {attributes}></click-to-call>"
        for attributes in ("", 'lang="es-MX"', 'lang="xx"')
    )
    button = await open_button(fake_gateway, open_page, elements=elements, lang="de")
    for number, text in enumerate(("Anrufen", "Llamar", "Call")):
        await expect(Button(button.page, number).launcher).to_have_text(text)
    await button.page.evaluate("document.querySelector('click-to-call').lang = 'fr'")
    await expect(button.launcher).to_have_text("Appeler")


async def test_right_to_left(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    attributes = f'to="{NUMBER}" variant="floating" fallback-tel="+1 555 123"'
    button = await open_button(fake_gateway, open_page, attributes, lang="ar", direction="rtl")
    await expect(button.launcher).to_have_attribute("dir", "rtl")
    box = await button.launcher.bounding_box()
    assert box
    assert box["x"] < 40
    await button.call()
    await button.expect_state("open")
    panel, minimize = (
        await button.panel.bounding_box(),
        await button.panel.locator(".corner").bounding_box(),
    )
    assert panel
    assert minimize
    assert panel["x"] < 40
    assert minimize["x"] < panel["x"] + panel["width"] / 2
    # Numbers run as everywhere, with their plus sign at the left
    name = button.panel.locator(".name")
    assert await name.evaluate("e => getComputedStyle(e).direction") == "ltr"
    await expect(button.panel.locator(".fallback")).to_contain_text("\u2068+1 555 123\u2069")
    assert button.problems == []


async def test_call_that_comes_in(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    async def ring_twice(session: Session) -> None:
        await take_registration(session)
        await session.ring("in-1", displayName="Ann Bell")
        await session.wait_for("reject")
        await session.ring("in-2")
        await connect_incoming(session)

    fake_gateway.greeting = ring_twice
    button = await open_button(fake_gateway, open_page, 'identity="sales" variant="floating"')
    await button.page.locator("#before").focus()
    await button.expect_state("incoming", "expanded")
    await expect(button.status).to_have_text("Ann Bell is calling")
    await expect(button.page.locator("[data-voice-tone]")).to_be_attached()
    await expect(button.panel).to_contain_text("+15551234567")
    assert await button.page.evaluate("document.activeElement.id") == "before"
    await button.press("Decline")
    await expect(button.status).to_have_text("+15551234567 is calling")
    await button.settle()
    await button.button("Answer").click()
    # As a double click: it does not meet "Hang up", which stands there now
    await button.page.mouse.down(click_count=2)
    await button.page.mouse.up(click_count=2)
    await button.expect_state("open")
    assert [told["state"] for told in await button.told("state")][-3:] == [
        "incoming",
        "connecting",
        "open",
    ]


async def test_call_that_another_page_takes(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    """It stops ringing, and says why; that is no fault, and nothing to call again."""

    async def ring_and_stop(session: Session) -> None:
        await take_registration(session)
        await session.ring("in-1")
        await session.reply("ended", by="gateway", cause="answered-elsewhere", sipCode=487)

    fake_gateway.greeting = ring_and_stop
    button = await open_button(fake_gateway, open_page, 'identity="sales" variant="floating"')
    await button.expect_state("ended", "expanded")
    await expect(button.status).to_have_text("The call was answered on another device.")
    await expect(button.page.locator("click-to-call:state(failed)")).to_have_count(0)
    await expect(button.button("Call again")).to_be_hidden()
    await button.button("Close").press("Enter")
    await button.expect_state("idle")


async def test_calls_come_in_though_the_gateway_was_away_and_the_page_changes_its_mind(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    opened = fake_gateway.opened

    async def take_the_second_one(session: Session) -> None:
        if len(opened) == 1:
            await session.socket.close(1013)
        else:
            await take_registration(session)

    fake_gateway.greeting = take_the_second_one
    button = await open_button(fake_gateway, open_page, 'identity="sales"')
    gone, second = await fake_gateway.session(), await fake_gateway.session()
    await second.wait_for("register", identity="sales")
    assert len(await button.told("error")) == 1
    assert gone.find("register") == []
    await button.element.evaluate("e => e.setAttribute('token', 'first')")
    third = await fake_gateway.session()
    await third.wait_for("hello", token="first")
    await third.wait_for("register", identity="sales")
    # A token that takes another one's place needs no other session
    await button.element.evaluate("e => e.setAttribute('token', 'next')")
    await third.wait_for("hello", token="next")
    await third.send("welcome", session="s1", resumeToken="r", iceServers=[], calls=[])
    await button.launcher.hover()
    await third.ring("in-1")
    await button.expect_state("incoming")
    assert len(opened) == 3
    await expect(button.status).to_have_text("+15551234567 is calling")


async def test_missed_call(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    async def ring_and_give_up(session: Session) -> None:
        await take_registration(session)
        await session.ring("in-1")
        await session.reply("ended", by="remote", cause="canceled", sipCode=487)

    fake_gateway.greeting = ring_and_give_up
    button = await open_button(fake_gateway, open_page, 'identity="sales" feedback')
    await expect(button.status).to_have_text("Missed call")
    assert await button.element.evaluate("e => e.matches(':state(failed)')") is False


def token_for(**call: list[str]) -> str:
    """Return a token with this claim `call`, as the page reads it."""
    claims = base64.urlsafe_b64encode(json.dumps({"call": call}).encode()).decode()
    return f"h.{claims.rstrip('=')}.s"


async def test_token_of_the_sites_server_says_whether_a_call_can_be_transferred(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    granting = [
        {"to": [NUMBER, "+15550002"]},
        {"to": ["+1555*"]},
        {"to": [NUMBER], "transferTo": ["support*"]},
    ]
    fake_gateway.token = json.dumps({"token": token_for(**granting[1])})
    button = await open_button(fake_gateway, open_page, f'to="{NUMBER}" token-url="/token"')
    await button.call()
    hello = await (await fake_gateway.session()).wait_for("hello")
    assert hello["token"] == token_for(**granting[1])
    await button.expect_state("open")
    await expect(button.button("Transfer")).to_be_visible()
    read = """async (tokens) => {
      const { grantsTransfer } = await import("/sdk/button/token.js");
      return tokens.map(grantsTransfer);
    }"""
    others = [token_for(), token_for(to=[NUMBER]), "no token", "a.b.c"]
    tokens = [*(token_for(**call) for call in granting), *others]
    assert await button.page.evaluate(read, tokens) == [True] * 3 + [False] * 4


async def test_whoever_comes_near_the_panel_has_everything_ready(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """The launcher is not to be seen: the call begins by a button of the panel."""
    button = await open_button(fake_gateway, open_page, f'variant="panel" to="{NUMBER}"')
    await button.button("Call").hover()
    session = await fake_gateway.session()
    await session.wait_for("hello")
    assert session.find("call") == []
    await button.button("Call").click()
    await button.expect_state("open")
    assert len(session.find("call")) == 1


async def test_page_says_later_where_tokens_come_from(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    button = await open_button(fake_gateway, open_page)
    await button.launcher.hover()
    assert "token" not in await (await fake_gateway.session()).wait_for("hello")
    await button.element.evaluate("e => { e.fetchToken = async () => 'late' }")
    await button.call()
    await (await fake_gateway.session()).wait_for("hello", token="late")
    await button.expect_state("open")


async def test_no_token_to_be_had_and_the_page_calls_again_at_once(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    script = """addEventListener("click-to-call:ended", ({ target }) => {
      target.setAttribute("token-url", "/token");
      target.dial();
    }, { once: true });"""
    fake_gateway.token = "t"
    button = await open_button(
        fake_gateway, open_page, f'to="{NUMBER}" token-url="/none"', script=script
    )
    await button.call()
    await button.expect_state("open")
    assert [told["state"] for told in await button.told("state")][:3] == [
        "starting",
        "ended",
        "starting",
    ]


async def test_gateway_that_is_no_address(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    button = await open_button(fake_gateway, open_page, f'to="{NUMBER}" gateway="https://"')
    await button.call()
    await button.expect_state("ended", "failed")
    assert await button.element.evaluate("e => e.error.name") == "invalid-argument"
    assert button.problems == []


async def test_element_that_is_taken_off_the_page_ends_its_call(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    button = await open_button(fake_gateway, open_page)
    await button.call()
    await button.expect_state("open")
    session = await fake_gateway.session()
    await button.element.evaluate("e => e.parentNode.prepend(e)")  # moved: it goes on
    await button.expect_state("open")
    assert await is_above_the_page(button)
    await button.press("Minimize")
    await button.element.evaluate("e => e.remove()")
    await session.wait_for("hangup")
    assert button.problems == []


async def is_above_the_page(button: Button) -> bool:
    above: bool = await button.panel.evaluate("e => e.matches(':popover-open')")
    return above


async def test_variant_changes_during_a_call(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    button = await open_button(fake_gateway, open_page)
    await button.call()
    await button.expect_state("open")
    assert await is_above_the_page(button)
    await button.element.evaluate("e => e.setAttribute('variant', 'panel')")
    assert not await is_above_the_page(button)
    await expect(button.button("Minimize")).to_be_hidden()
    await button.panel.press("Escape")
    await button.expect_state("open", "expanded")
    await button.element.evaluate("e => e.setAttribute('variant', 'floating')")
    assert await is_above_the_page(button)
    right = "({ shadowRoot }) => innerWidth - "
    right += "shadowRoot.querySelector('.panel').getBoundingClientRect().right"
    assert await button.element.evaluate(right) < 100
    await button.element.evaluate("e => e.setAttribute('placement', 'bottom-start')")
    assert await button.element.evaluate(right) > 100
    assert button.problems == []


async def test_second_element_is_free_when_the_first_has_gone(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    two = f'<click-to-call to="{NUMBER}"></click-to-call>' * 2
    button = await open_button(fake_gateway, open_page, elements=two)
    await button.call()
    await button.expect_state("open")
    await button.element.evaluate("e => e.remove()")
    rest = Button(button.page)
    await rest.call()
    await rest.expect_state("open")
