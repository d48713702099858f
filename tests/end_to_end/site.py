"""A page of somebody's site with `<click-to-call>`, and the demo page: what a test asks of either.

It is all JavaScript, as Firefox has nothing else, so that one test can have both kinds of page in
both browsers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.peers.browser import quoted

if TYPE_CHECKING:
    from tests.peers.browser import BrowserPage

ELEMENT = "document.querySelector('click-to-call')"

# Any page of the gateway will do: its origin may call. One that a test makes up has none that
# Chromium lets speak to loopback
PLACE = "/sdk/button/consent.js"
# A pure tone is noise to a browser, and would be suppressed
PUT = """async (attributes) => {
    await import("/sdk/click-to-call.js");
    const element = document.createElement("click-to-call");
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.parameters = { audio: {
        echoCancellation: false, noiseSuppression: false, autoGainControl: false } };
    document.body.replaceChildren(element);
}"""

_UNTIL = """(async (holds) => {
    const end = performance.now() + %d;
    while (!holds() && performance.now() < end) await new Promise((r) => setTimeout(r, 20));
    return Boolean(holds());
})(() => %s)"""
_SHADOW = f"{ELEMENT}.shadowRoot"

# Whether the browser takes noise out of the call's microphone
PROCESSED = f"{ELEMENT}.call.localStream.getAudioTracks()[0].getSettings().noiseSuppression"


@dataclass(frozen=True)
class Kind:
    """How a page is used: expressions of JavaScript.

    Attributes
    ----------
    call
        The present call, or the last one.
    said
        What the page says of it to everybody, by a live region.
    caller, hangup
        What is pressed for a call, and for its end.
    """

    call: str
    said: str
    caller: str
    hangup: str

    @property
    def remote(self) -> str:
        """What the page plays."""
        return f"{self.call}.remoteStream"


DEMO = Kind(
    "demo.call",
    "document.querySelector('#notice').hidden"
    " ? document.querySelector('#state-text').textContent"
    " : document.querySelector('#notice-text').textContent",
    "document.querySelector('#call')",
    "document.querySelector('#hangup')",
)
SITE = Kind(
    f"{ELEMENT}.call",
    f"{_SHADOW}.querySelector('[role=status]').textContent",
    f"{_SHADOW}.querySelector('.launcher')",
    f"{_SHADOW}.querySelector('[part=hangup]')",
)


async def until(page: BrowserPage, condition: str, *, limit: float = 10.0) -> None:
    """Wait until something holds in the page."""
    held = await page.evaluate(_UNTIL % (1000 * limit, condition))
    assert held, f"not within {limit:g} s: {condition}"


async def says(page: BrowserPage, kind: Kind, text: str, *, limit: float = 10.0) -> None:
    """Wait until the page says this to everybody."""
    held = await page.evaluate(_UNTIL % (1000 * limit, f"({kind.said}) === {quoted(text)}"))
    assert held, f"{text!r} is not said within {limit:g} s, but {await page.evaluate(kind.said)!r}"


async def open_page(page: BrowserPage, kind: Kind, url: str, number: str, token: str = "") -> None:
    """Open a page that will call a number, its microphone without processing."""
    if kind is DEMO:
        await page.goto(f"{url}/#token={token}" if token else f"{url}/")
        await until(page, "document.querySelector('#app[data-ready]')", limit=30)
        await page.evaluate("document.querySelector('#processing').click()")
    else:
        await page.goto(f"{url}{PLACE}")
        await put_button(page, to=number, **({"token": token} if token else {}))
    await use_number(page, kind, number)


async def put_button(page: BrowserPage, **attributes: str) -> None:
    """Have the element on a page of the gateway's, and nothing else."""
    await page.evaluate(f"({PUT})({quoted({'feedback': '', **attributes})})")


async def use_number(page: BrowserPage, kind: Kind, number: str) -> None:
    """Have the next call go to a number."""
    if kind is DEMO:
        await page.evaluate(f"document.querySelector('#number').value = {quoted(number)}")
    else:
        await page.evaluate(f"{ELEMENT}.setAttribute('to', {quoted(number)})")


async def press_call(page: BrowserPage, kind: Kind) -> None:
    """Press what calls."""
    await page.evaluate(f"{kind.caller}.click()")
