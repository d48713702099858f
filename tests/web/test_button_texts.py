"""Every text of the element's is the page's to replace: no English one is left anywhere."""

from __future__ import annotations

import asyncio
import re

from playwright.async_api import expect

from tests.web.button import Button, open_button
from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session, take_registration

CALLED, CALLER, CALLEE = "+15550002", "Ann Bell", "Ada"
MARK = "§"
# Replaces each text by its key, and keeps from then on what the element shows or says
REPLACE = """async (mark) => {
    const { ENGLISH } = await import("/sdk/texts/index.js");
    const element = document.querySelector("click-to-call"), root = element.shadowRoot;
    const said = ["aria-label", "aria-description", "aria-valuetext", "placeholder", "title"];
    const seen = (window.seen = new Set());
    const keep = () => {
        const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
        while (texts.nextNode()) {
            const { data, parentElement } = texts.currentNode;
            // A device is named by the system
            if (!parentElement.matches("option:not([value=''])")) seen.add(data);
        }
        for (const each of root.querySelectorAll("*")) {
            for (const name of said) if (each.hasAttribute(name)) seen.add(each.getAttribute(name));
        }
    };
    element.texts = Object.fromEntries(Object.keys(ENGLISH).map((key) => [key, mark + key]));
    const all = { attributes: true, characterData: true, childList: true, subtree: true };
    new MutationObserver(keep).observe(root, all);
    keep();
    return ENGLISH;
}"""
KEPT = "() => [...seen]"
# On the keys of a phone, and what the page and the caller have said themselves
OTHERS = {"ABC", "DEF", "GHI", "JKL", "MNO", "PQRS", "TUV", "WXYZ", CALLER}
# Where the walk does not come by: a connection that is lost, a device without a name, what the
# browser alone may show, and the ends of calls in a page of one's own
UNSEEN = {"state.reconnecting", "button.device", "button.leave"} | {
    f"state.{end}" for end in ("closed", "hung-up", "hung-up-remote", "declined", "given-up")
}
# As where a person is asked for the microphone, and takes a while
NOT_ALLOWED_YET = """() => {
    const { mediaDevices, permissions } = navigator, open = mediaDevices.getUserMedia;
    const allowed = new Promise((resolve) => (window.allow = resolve));
    permissions.query = async () => ({ state: "prompt" });
    mediaDevices.getUserMedia = (wanted) => allowed.then(() => open.call(mediaDevices, wanted));
}"""


class Walk:
    """A caller's way through the element whose texts are keys."""

    def __init__(self, button: Button) -> None:
        self.button = button
        self.answered, self.refused, self.over = (asyncio.Event() for _ in range(3))

    async def story(self, session: Session) -> None:
        """Let the first call be talked in, and refuse the next one."""
        if len(session.find("call")) > 1:
            await session.reply("ended", by="remote", cause="busy", sipCode=486)
            return
        await session.reply("trying")
        await session.reply("answer", answer=await session.make_answer())
        await session.reply("ringing", earlyMedia=False)
        await self.answered.wait()
        await session.reply("answered", codec={"browser": "opus", "trunk": "PCMU"})
        await self.refused.wait()
        await session.reply("transferFailed", sipCode=486, reason="Busy Here")
        await self.over.wait()
        await session.reply("ended", by="remote", cause="hangup", sipCode=200, durationMs=1000)

    async def press(self, name: str) -> None:
        await self.button.press(f"{MARK}button.{name}")

    async def expect_status(self, key: str) -> None:
        await expect(self.button.status).to_contain_text(f"{MARK}{key}")

    async def call_out(self) -> None:
        await self.button.call()
        await self.button.expect_state("number")
        await self.button.panel.get_by_role("textbox").fill(CALLED)
        await self.press("call")
        await self.press("agree")
        await self.expect_status("state.microphone")
        await self.button.page.evaluate("allow()")
        await self.button.expect_state("ringing")
        self.answered.set()
        await self.button.expect_state("open")

    async def talk(self, session: Session) -> None:
        for mos, grade in ((4.4, "good"), (3.2, "fair"), (2.0, "poor")):
            await session.reply("quality", browser={"mos": mos}, trunk={"mos": mos})
            await self.button.expect_state(f"quality-{grade}")
        await self.press("mute")
        await self.expect_status("state.muted")
        await self.press("hold")
        await session.wait_for("hold")
        await session.reply("held", by="local")
        await self.expect_status("state.held")
        await session.reply("resumed", by="local")
        await session.reply("held", by="remote")
        await self.expect_status("state.held-remote")
        for name in ("keypad", "settings", "transfer"):
            await self.press(name)
        await self.button.panel.get_by_role("textbox").fill(CALLED)
        await self.press("transfer-now")
        await session.wait_for("transfer")
        await self.expect_status("state.transferring")
        self.refused.set()
        await self.expect_status("error.transfer-failed")
        await self.press("minimize")
        await expect(self.button.launcher).to_have_accessible_name(re.compile("button.open"))
        await self.button.call()

    async def rate(self) -> None:
        self.over.set()
        await self.button.expect_state("ended")
        await self.button.panel.get_by_role("radio", name="button.star-2").check()
        await self.press("send")
        await self.expect_status("button.thanks")

    async def be_refused(self) -> None:
        await self.press("again")
        await self.expect_status("error.busy")
        await self.press("close")
        await self.button.expect_state("idle")

    async def be_called(self, session: Session) -> None:
        await session.ring("in-1", displayName=CALLER)
        await self.expect_status("state.pending-from")
        await session.reply("ended", by="remote", cause="canceled", sipCode=487)
        await self.expect_status("state.missed")
        await session.ring("in-2", **{"from": "anonymous"})
        await self.button.expect_state("incoming")
        await self.press("decline")
        await session.wait_for("reject")
        await self.button.element.evaluate("(e, name) => e.setAttribute('heading', name)", CALLEE)
        await expect(self.button.launcher).to_have_accessible_name(f"{MARK}button.call-to")


async def test_no_text_is_left_in_english(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    fake_gateway.greeting = take_registration
    attributes = 'identity="sales" consent feedback transfer fallback-tel="+1 555 123"'
    button = await open_button(fake_gateway, open_page, attributes)
    session = await fake_gateway.session()
    walk = Walk(button)
    fake_gateway.story = walk.story
    await session.wait_for("register")
    english: dict[str, str] = await button.page.evaluate(REPLACE, MARK)
    await button.page.evaluate(NOT_ALLOWED_YET)
    await walk.call_out()
    await walk.talk(session)
    await walk.rate()
    await walk.be_refused()
    await walk.be_called(session)
    seen: list[str] = await button.page.evaluate(KEPT)
    # Of a text with places, what stands around them
    parts = {part for text in english.values() for part in re.split(r"\{\w+\}", text)}
    english_words = {part for part in parts if len(part.strip()) > 2}
    assert [text for text in seen if any(part in text for part in english_words)] == []
    words = {text for text in seen if re.search("[A-Za-z]", text)}
    assert {text for text in words if MARK not in text} == OTHERS
    shown = {key for text in seen for key in re.findall(rf"{MARK}([\w.-]*\w)", text)}
    own = {key for key in english if key.startswith(("button.", "state."))}
    assert own - shown == UNSEEN
