"""The element on a page of somebody else's, under the strictest policy that it can live with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.async_api import Locator, Page, expect

from tests.web.fake_gateway import FakeGateway, Session

if TYPE_CHECKING:
    from tests.web.conftest import OpenPage

NUMBER = "+15551234567"

SITE = """<!doctype html><html lang="{lang}" dir="{dir}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<title>A site</title>
<script type="module" src="/sdk/click-to-call.js"></script>
<main><h1>A site</h1><button id="before">Before</button>
{elements}
<button id="after">After</button></main></html>"""

# Keeps what the element tells, before any of it happens
RECORDER = """
window.told = [];
for (const name of [
  "before", "state", "consent", "agreed", "open", "ended", "feedback", "digit", "error",
]) {
  addEventListener("click-to-call:" + name, ({ detail }) => told.push([name, detail]));
}
"""


def policy(gateway: FakeGateway) -> dict[str, str]:
    """No inline style, script or string made into markup; and nothing from elsewhere."""
    return {
        "Content-Security-Policy": "default-src 'none'; script-src 'self'; "
        f"connect-src 'self' ws://127.0.0.1:{gateway.port}; media-src blob: mediastream:; "
        "require-trusted-types-for 'script'; trusted-types 'none'; base-uri 'none'; "
        "report-uri /violation"
    }


class Button:
    """The element on its page."""

    def __init__(self, page: Page, number: int = 0) -> None:
        self.page = page
        self.element = page.locator("click-to-call").nth(number)
        self.launcher = self.element.locator(".launcher")
        self.panel = self.element.locator(".panel")
        self.status = self.element.locator("[role=status]")
        self.problems: list[str] = []
        page.on("console", lambda entry: self._note(entry.type, entry.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def _note(self, kind: str, text: str) -> None:
        if kind == "error" and "favicon" not in text and "404" not in text:
            self.problems.append(text)

    def button(self, name: str) -> Locator:
        """Return the button of this name in the panel."""
        return self.panel.get_by_role("button", name=name, exact=True)

    async def expect_state(self, *states: str) -> None:
        """Wait until all of these hold."""
        matching = "".join(f":state({state})" for state in states)
        await expect(self.page.locator(f"click-to-call{matching}").first).to_be_attached()

    async def settle(self) -> None:
        """Wait until a click is no longer taken for the second one of a double click."""
        await self.page.wait_for_timeout(450)

    async def press(self, name: str) -> None:
        """Press the button of this name by the keyboard, which no double click can be."""
        await self.button(name).press("Enter")

    async def call(self) -> None:
        await self.launcher.click()

    async def focused(self) -> str:
        """Which part of the element has the focus: its first class, or its tag."""
        focused: str = await self.element.evaluate(
            "({ shadowRoot: { activeElement: f } }) => f ? f.classList[0] ?? f.localName : ''"
        )
        return focused

    async def told(self, name: str) -> list[Any]:
        """Return some fields of the events of this name."""
        fields = "({ state, previous, score, issue, parameters, digit }) => "
        fields += "({ state, previous, score, issue, parameters, digit })"
        told: list[Any] = await self.page.evaluate(
            f"told.filter(([n]) => n === {name!r}).map(([, d]) => ({fields})(d))"
        )
        return told


async def open_button(
    gateway: FakeGateway,
    open_page: OpenPage,
    attributes: str = f'to="{NUMBER}"',
    *,
    elements: str | None = None,
    lang: str = "en",
    direction: str = "ltr",
    script: str = "",
    **options: Any,
) -> Button:
    """Open a page with the element."""
    elements = elements or f"<click-to-call {attributes}></click-to-call>"
    gateway.page = SITE.format(lang=lang, dir=direction, elements=elements)
    gateway.page_headers = policy(gateway)
    page = await open_page("/blank", **options)
    await page.add_init_script(RECORDER + script)
    button = Button(page)
    await page.goto(f"{gateway.url}/page")
    await expect(page.locator("click-to-call:defined").first).to_be_attached()
    return button


async def busy_line(session: Session) -> None:
    await session.reply("ended", by="remote", cause="busy", sipCode=486, reason="Busy Here")
