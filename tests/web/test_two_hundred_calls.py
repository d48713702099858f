"""One page that calls all day: two hundred calls, one after the other, leave nothing behind."""

from __future__ import annotations

import pytest
from playwright.async_api import CDPSession

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session

CALLS = 200
WARM = 40  # calls after which code is compiled and pools are filled
# A call's own objects are some 30 KB: one in ten that stays would be seen
GROWTH = 3_000  # bytes for each call
ANSWER = {"type": "answer", "sdp": "v=0 nonsense"}

# The far end refuses each call, some are given up, and some fail: each way out
CALL = """async ([count, device]) => {
    const { Device } = await import("/sdk/voice-client.js");
    harness.device ??= new Device(device);
    for (let number = 0; number < count; number += 1) {
        const call = await harness.device.connect({ to: "600" });
        const ended = new Promise((resolve) => call.on("disconnect", resolve));
        if (number % 2) call.disconnect();
        await ended;
    }
    return harness.open();
}"""


async def refuse(session: Session) -> None:
    """Say no, by an end or by an answer that no browser takes."""
    await session.reply("ringing", earlyMedia=False)
    if len(session.find("call")) % 4:
        await session.reply("ended", by="remote", cause="busy", sipCode=486, reason="Busy Here")
    else:
        await session.reply("answer", answer=ANSWER)


async def settled(cdp: CDPSession) -> dict[str, float]:
    """Collect garbage until no more goes; return what is left."""
    before: dict[str, float] = {}
    for _ in range(8):
        await cdp.send("HeapProfiler.collectGarbage")
        metrics = (await cdp.send("Performance.getMetrics"))["metrics"]
        now = {each["name"]: each["value"] for each in metrics}
        if before and abs(now["JSHeapUsedSize"] - before["JSHeapUsedSize"]) < 1_000:
            break
        before = now
    return now


@pytest.mark.timeout(60)
async def test_nothing_is_left(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    fake_gateway.story = refuse
    page = await open_page()
    # The harness holds on to what it counts, so it counts as it goes
    await page.evaluate("harness.forget()")
    cdp = await page.context.new_cdp_session(page)
    await cdp.send("Performance.enable")
    device = {"ringback": "us"}
    await page.evaluate(CALL, [WARM, device])
    before = await settled(cdp)
    left = await page.evaluate(CALL, [CALLS - WARM, device])
    after = await settled(cdp)
    assert left == {"peers": 0, "tracks": 0, "contexts": 0, "elements": 0, "calls": 0}
    assert len(fake_gateway.opened) == 1
    assert len(fake_gateway.opened[0].find("call")) == CALLS
    assert after["Nodes"] <= before["Nodes"] + 2
    assert after["JSEventListeners"] <= before["JSEventListeners"] + 2
    assert (after["JSHeapUsedSize"] - before["JSHeapUsedSize"]) / (CALLS - WARM) < GROWTH
