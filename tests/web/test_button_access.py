"""The element for everybody: axe finds no fault in any state, and its order can be read."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Literal

from playwright.async_api import Page, expect

from tests.peers.requirement import missing
from tests.web.button import NUMBER, Button, open_button
from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session, take_registration

AXE = Path(sys.prefix) / "web" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

IN_CALL = """
- group "+15551234567":
  - img "Good connection"
  - button "Minimize"
  - strong: "+15551234567"
  - paragraph: Connected
  - timer "Call duration"
  - button "Mute"
  - button "Keypad"
  - button "Hold"
  - button "Transfer"
  - button "Settings"
  - button "Hang up"
- status: Connected
"""

INCOMING = """
- group "Ann Bell":
  - button "Minimize"
  - strong: Ann Bell
  - paragraph: Incoming call
  - paragraph: "+15551234567"
  - button "Answer"
  - button "Decline"
- status: Ann Bell is calling
"""

# How the page may be shown: light, dark, and in the few colors that a reader has chosen
LOOKS: list[tuple[Literal["light", "dark"], Literal["active", "none"]]] = [
    ("light", "none"),
    ("dark", "none"),
    ("light", "active"),
]

FIND_FAULTS = """async (tags) => {
    // What fades in is measured when it has come
    const { shadowRoot } = document.querySelector("click-to-call");
    const passing = shadowRoot.getAnimations().filter((a) => a.effect.getTiming().iterations < 9);
    await Promise.allSettled(passing.map((animation) => animation.finished));
    const runOnly = { type: "tag", values: tags };
    const { violations } = await axe.run(document, { runOnly, resultTypes: ["violations"] });
    return violations.map(({ id, nodes }) =>
        `${id}: ${nodes.map(({ html, failureSummary }) => html + failureSummary).join()}`);
}"""


# What can be pressed: tag, name, and the smaller one of its sides in pixels
TARGETS = """({ shadowRoot }) => [...shadowRoot.querySelectorAll("a, button, label, select")]
    .filter((each) => each.checkVisibility({ visibilityProperty: true }))
    .map((each) => {
        const { width, height } = each.getBoundingClientRect();
        return [each.localName, each.textContent || each.ariaLabel, Math.min(width, height)];
    })"""
LEAST = 24  # WCAG 2.2, 2.5.8
MOVING = "e => e.shadowRoot.getAnimations().length"


async def find_faults(page: Page) -> list[str]:
    """Return what axe finds on the page as it stands, in each look."""
    if not AXE.exists():
        missing("axe-core is not installed: run make web")
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text())
    faults: list[str] = []
    for scheme, forced in LOOKS:
        await page.emulate_media(color_scheme=scheme, forced_colors=forced)
        found = await page.evaluate(FIND_FAULTS, TAGS)
        faults += [f"{scheme}, forced colors {forced}: {fault}" for fault in found]
    return faults


class Walk:
    """A caller's way through all that the element shows; each stop is looked at and measured."""

    def __init__(self, button: Button) -> None:
        self.button = button
        self.faults: dict[str, list[str]] = {}
        self.targets: dict[str, set[str]] = {}

    async def look(self, stop: str) -> None:
        faults = await find_faults(self.button.page)
        targets = await self.button.element.evaluate(TARGETS)
        faults += [f"small: {target}" for target in targets if target[-1] < LEAST]
        self.faults[stop] = faults
        self.targets[stop] = {tag for tag, *_ in targets}

    async def unfold(self, name: str) -> None:
        await self.button.press(name)
        await self.look(name)
        await self.button.press(name)


async def test_no_faults_in_any_state(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    answered, over = asyncio.Event(), asyncio.Event()

    async def story(session: Session) -> None:
        await session.reply("trying")
        await session.reply("answer", answer=await session.make_answer())
        await session.reply("ringing", earlyMedia=False)
        await answered.wait()
        await session.reply("answered", codec={"browser": "opus", "trunk": "PCMU"})
        await session.reply("quality", browser={"mos": 3.2}, trunk={"mos": 3.2})
        await over.wait()
        await session.reply("ended", by="remote", cause="hangup", sipCode=200, durationMs=1000)

    fake_gateway.story = story
    attributes = f'to="{NUMBER}" heading="Ann" consent feedback transfer'
    button = await open_button(fake_gateway, open_page, attributes)
    walk = Walk(button)
    await walk.look("idle")
    await button.call()
    await walk.look("consent")
    await button.press("Agree and call")
    await button.expect_state("ringing")
    await walk.look("ringing")
    answered.set()
    await button.expect_state("open", "quality-fair")
    await walk.look("open")
    for name in ("Mute", "Keypad", "Transfer", "Settings"):
        await walk.unfold(name)
    over.set()
    await button.expect_state("ended")
    await button.panel.get_by_role("radio", name="2 stars: bad").check()
    await walk.look("feedback")
    await button.press("Send")
    await walk.look("thanks")
    assert {stop: faults for stop, faults in walk.faults.items() if faults} == {}
    assert all("button" in tags for tags in walk.targets.values())
    assert "label" in walk.targets["feedback"]
    assert "select" in walk.targets["Settings"]


async def test_no_faults_when_a_call_comes_in_and_fails(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def ring(session: Session) -> None:
        await take_registration(session)
        await session.ring("in-1", displayName="Ann Bell")
        await session.accepted()
        await session.reply("error", name="no-capacity", code=503, message="none", fatal=True)

    fake_gateway.greeting = ring
    button = await open_button(
        fake_gateway, open_page, 'identity="sales" fallback-tel="+1 555 123" variant="floating"'
    )
    walk = Walk(button)
    await button.expect_state("incoming")
    await expect(button.page.locator("main")).to_match_aria_snapshot(INCOMING)
    await walk.look("incoming")
    await button.press("Answer")
    await button.expect_state("ended", "failed")
    await walk.look("failed")
    await button.press("Close")
    await walk.look("idle")
    await button.call()
    await button.expect_state("number")
    await walk.look("number")
    assert {stop: faults for stop, faults in walk.faults.items() if faults} == {}
    assert "a" in walk.targets["failed"]
    assert "button" in walk.targets["number"]


async def test_order_of_what_a_screen_reader_says(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    button = await open_button(fake_gateway, open_page, f'to="{NUMBER}" transfer')
    await button.call()
    await button.expect_state("open")
    session = await fake_gateway.session()
    await session.wait_for("call")
    await session.reply("quality", browser={"mos": 4.4}, trunk={"mos": 4.4})
    await expect(button.panel.locator(".quality")).to_be_visible()
    await expect(button.page.locator("main")).to_match_aria_snapshot(IN_CALL)


async def test_targets_are_large_and_motion_can_be_off(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    answered = asyncio.Event()

    async def story(session: Session) -> None:
        await session.reply("trying")
        await session.reply("answer", answer=await session.make_answer())
        await session.reply("ringing", earlyMedia=False)
        await answered.wait()
        await session.reply("answered", codec={"browser": "opus", "trunk": "PCMU"})

    fake_gateway.story = story
    button = await open_button(fake_gateway, open_page, f'to="{NUMBER}" transfer feedback')
    await button.call()
    await button.expect_state("ringing")
    assert await button.element.evaluate(MOVING) > 0, "what never moves proves nothing"
    await button.page.emulate_media(reduced_motion="reduce")
    assert await button.element.evaluate(MOVING) == 0
    answered.set()
    await button.expect_state("open")
    await button.press("Keypad")
    sizes = await button.element.evaluate(
        "({ shadowRoot }) => [...shadowRoot.querySelectorAll('button, select')]"
        ".filter((e) => e.getClientRects().length && !e.closest('.away'))"
        ".map((e) => [e.getAttribute('part'), e.offsetWidth, e.offsetHeight])"
    )
    assert len(sizes) > 16
    assert [size for size in sizes if min(size[1:]) < 36] == []
    assert await button.element.evaluate(MOVING) == 0


# A dialog of the page's own around the element, as for a form
DIALOG = f"""<dialog id="dialog"><click-to-call to="{NUMBER}" {{attributes}}></click-to-call>
</dialog>"""
IS_OPEN = "document.getElementById('dialog').open"


async def test_escape_in_the_panel_closes_no_dialog_of_the_page(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    button = await open_button(fake_gateway, open_page, elements=DIALOG.format(attributes=""))
    await button.page.evaluate("document.getElementById('dialog').showModal()")
    await button.call()
    await button.expect_state("open")
    await button.press("Settings")
    await button.page.keyboard.press("Escape")
    await expect(button.panel.locator(".settings")).to_be_hidden()
    assert await button.page.evaluate(IS_OPEN)
    await button.page.keyboard.press("Escape")
    await expect(button.panel).to_be_hidden()
    assert await button.page.evaluate(IS_OPEN)
    assert await button.focused() == "launcher"
    await button.page.keyboard.press("Escape")  # outside of the panel it is the page's
    await button.page.wait_for_function(f"!{IS_OPEN}")
    await button.expect_state("open")


async def test_escape_closes_the_pages_dialog_where_the_panel_has_nothing_to_close(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    elements = DIALOG.format(attributes='variant="panel"')
    button = await open_button(fake_gateway, open_page, elements=elements)
    await button.page.evaluate("document.getElementById('dialog').showModal()")
    await button.button("Call").focus()
    await button.page.keyboard.press("Escape")
    await button.page.wait_for_function(f"!{IS_OPEN}")


# What a reader of the screen hears, one after the other
HEAR = """() => {
  window.said = [];
  const live = document.querySelector("click-to-call").shadowRoot.querySelector("[role=status]");
  const told = { childList: true, characterData: true, subtree: true };
  new MutationObserver(() => said.push(live.textContent)).observe(live, told);
}"""


async def test_microphone_that_is_allowed_is_not_asked_for(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """Where the gateway, or the site's token server, takes its time."""

    async def say_nothing(session: Session) -> None:
        await asyncio.Event().wait()

    fake_gateway.greeting = say_nothing
    button = await open_button(fake_gateway, open_page)
    await button.page.evaluate(HEAR)
    await button.call()
    await (await fake_gateway.session()).wait_for("hello")
    await button.settle()
    await button.settle()
    await button.expect_state("starting")
    assert await button.page.evaluate("said") == ["Calling…"]
    await button.press("Cancel")
    await button.expect_state("idle")
    # As before somebody has allowed it, which the flag of this browser has done
    await button.page.evaluate("() => { navigator.permissions.query = async () => ({}); }")
    await button.call()
    await expect(button.status).to_have_text("Please allow the microphone")


async def test_refused_microphone_is_said_of_a_call_that_comes_in(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def ring(session: Session) -> None:
        await take_registration(session)
        await session.ring("in-1")

    fake_gateway.greeting = ring
    button = await open_button(fake_gateway, open_page, 'identity="sales"', permitted=False)
    await button.expect_state("incoming")
    await expect(button.status).to_have_text("+15551234567 is calling")
    await button.press("Answer")
    await expect(button.status).to_have_text(
        "+15551234567 is calling The microphone is blocked for this page. "
        "Allow it in the browser's address bar or settings, then call again."
    )


async def test_consent_is_described_to_who_does_not_see_it(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    button = await open_button(fake_gateway, open_page, f'to="{NUMBER}" consent="We record it."')
    await button.call()
    await button.expect_state("consent")
    assert await button.focused() == "panel"
    await expect(button.panel).to_have_accessible_description("We record it.")
    await button.press("Agree and call")
    await button.expect_state("open")
    await expect(button.panel).to_have_accessible_description("")
