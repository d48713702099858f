"""The element in WebKit, as Safari shows it: it stands, opens, and says why there is no call."""

from __future__ import annotations

from tests.peers.webkit import run_webkit
from tests.web.button import NUMBER, SITE, policy
from tests.web.fake_gateway import FakeGateway

STORY = """(async () => {
    await import("/sdk/click-to-call.js");
    const element = document.querySelector("click-to-call");
    const until = async (test) => {
        for (let tries = 0; tries < 200 && !test(); tries += 1) {
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
    };
    const find = (selector) => element.shadowRoot.querySelector(selector);
    find(".launcher").click();
    await until(() => element.state === "ended");
    await Promise.allSettled(find(".panel").getAnimations().map(({ finished }) => finished));
    const panel = find(".panel").getBoundingClientRect();
    const told = {
        styled: element.matches(":state(ended):state(failed):state(expanded)"),
        status: find("[role=status]").textContent,
        focused: element.shadowRoot.activeElement?.className,
        top: find(".panel").matches(":popover-open"),
        width: find(".panel").offsetWidth,
        inside: panel.left >= 0 && panel.bottom <= innerHeight,
        color: getComputedStyle(find(".panel")).backgroundColor,
        speakers: find(".settings select[hidden]") !== null,
    };
    find("[part=secondary]:not([hidden])").click();
    await until(() => element.state === "idle");
    return { ...told, back: element.shadowRoot.activeElement?.className };
})()"""


async def test_webkit(fake_gateway: FakeGateway) -> None:
    element = f'<click-to-call to="{NUMBER}"></click-to-call>'
    fake_gateway.page = SITE.format(lang="en", dir="ltr", elements=element)
    fake_gateway.page_headers = policy(fake_gateway)
    async with run_webkit() as webkit:
        await webkit.goto(f"{fake_gateway.url}/page")
        told = await webkit.evaluate(STORY)
    assert told == {
        "styled": True,
        "status": "This browser cannot make calls. Update your browser, or use another one.",
        "focused": "panel",
        "top": True,
        "width": 336,
        "inside": True,
        "color": "rgb(255, 255, 255)",
        "speakers": True,  # the choice of one is not offered: WebKit has no setSinkId here
        "back": "launcher",
    }
