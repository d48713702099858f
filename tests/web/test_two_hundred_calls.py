"""One page that calls all day: two hundred calls, one after the other, leave nothing behind.

Here are those that come to nothing, by the button, which is the client's most demanding user. Those
with sound are `test_browser_call.py`'s.
"""

from __future__ import annotations

import pytest

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session
from tests.web.left import CLOSED, look, watch

CALLS = 160
WARM = 40  # calls after which code is compiled and pools are filled
# A call's own objects are some 30 KB: one in ten that stays would be seen
GROWTH = 3_000  # bytes for each call
ANSWER = {"type": "answer", "sdp": "v=0 nonsense"}

# The far end refuses each call, some are given up, and some fail: each way out
CALL = """async (count) => {
    await import("/sdk/click-to-call.js");
    let element = document.querySelector("click-to-call");
    if (!element) {
        element = document.createElement("click-to-call");
        for (const name of ["feedback", "transfer"]) element.setAttribute(name, "");
        for (const [name, value] of [["to", "600"], ["ringback", "us"]]) {
            element.setAttribute(name, value);
        }
        document.body.append(element);
    }
    const reach = (state) => new Promise((resolve) =>
        element.addEventListener(`click-to-call:${state}`, resolve, { once: true }));
    for (let number = 0; number < count; number += 1) {
        const placed = reach("connecting"), ended = reach("ended");
        element.dial();
        await placed;
        if (number % 2) element.hangUp();
        await ended;
    }
}"""


async def refuse(session: Session) -> None:
    """Say no, by an end or by an answer that no browser takes."""
    await session.reply("ringing", earlyMedia=False)
    if len(session.find("call")) % 4:
        await session.reply("ended", by="remote", cause="busy", sipCode=486, reason="Busy Here")
    else:
        await session.reply("answer", answer=ANSWER)


@pytest.mark.timeout(60)
async def test_nothing_is_left(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    fake_gateway.story = refuse
    page = await open_page()
    cdp = await watch(page)
    await page.evaluate(CALL, WARM)
    before = await look(page, cdp)
    await page.evaluate(CALL, CALLS - WARM)
    after = await look(page, cdp)
    assert after.open == CLOSED
    assert len(fake_gateway.opened) == 1
    assert len(fake_gateway.opened[0].find("call")) == CALLS
    assert after.nodes <= before.nodes + 2
    assert after.listeners <= before.listeners + 2
    assert (after.heap - before.heap) / (CALLS - WARM) < GROWTH
