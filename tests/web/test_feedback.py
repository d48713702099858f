"""What a page tells of a call: the opinion of its person, and what its browser hears."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session
from tests.web.test_call_stories import end_of, events, until
from tests.web.test_hold_and_transfer import asked, opened, outcome

# Samples are taken each second
HURRY = """
    const repeat = window.setInterval;
    window.setInterval = (act, ms, ...rest) => repeat(act, ms / 20, ...rest);
    null
"""
# The longest time that a session without calls is kept
IDLE = """async () => {
    const wait = window.setTimeout, times = [];
    window.setTimeout = (act, ms, ...rest) => (times.push(ms), wait(act, ms, ...rest));
    await harness.device.prepare();
    return Math.max(...times);
}"""
# What ends a session without calls after half a minute ends it at once
IMPATIENT = """
    const wait = window.setTimeout;
    window.setTimeout = (act, ms, ...rest) => wait(act, ms === 30_000 ? 0 : ms, ...rest);
    null
"""


async def taken(session: Session, number: int = 1) -> dict[str, Any]:
    """Wait for so many of them, and take the last one."""
    await session.wait_for_count("feedback", number)
    frame: dict[str, Any] = session.find("feedback")[-1]
    await session.send("feedbackTaken", call=frame["call"])
    return frame


async def test_a_call_is_rated_during_it_and_after_its_end(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await opened(fake_gateway, open_page)
    call = session.call["call"]
    await asked(page, "postFeedback", 5)
    assert await taken(session) == {"type": "feedback", "call": call, "score": 5}
    assert await outcome(page) is None
    await page.evaluate("harness.call.disconnect()")
    await end_of(page)
    assert await page.evaluate(IDLE) > 100_000, "whoever points at the button may rate the call"
    await asked(page, "postFeedback", 2, "echo")
    assert await taken(session, 2) == {
        "type": "feedback",
        "call": call,
        "score": 2,
        "issue": "echo",
    }
    assert await outcome(page) is None
    assert await page.evaluate("harness.ask('postFeedback')") is None, "as with Twilio's"
    assert len(session.find("feedback")) == 2


async def test_feedback_that_is_refused_is_told_to_whoever_gave_it(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await opened(fake_gateway, open_page)
    await asked(page, "postFeedback", 1)
    await session.wait_for("feedback")
    # One that is not about it, which comes first
    await session.reply("error", code=488, name="hold-refused", message="no", fatal=False)
    await until(page, "harness.named('error').length === 1")
    await session.reply("error", code=481, name="unknown-call", message="none", fatal=False)
    error = await outcome(page)
    assert (error["name"], error["fatal"]) == ("unknown-call", False)
    assert [each["name"] for each in await events(page, "error")] == ["hold-refused"]
    assert await page.evaluate("harness.call.state") == "open"


@pytest.mark.parametrize(
    "given", [[0], [6], [4.5], ["5"], [None, "an echo"], [3, 7], [3, "x" * 1001]]
)
async def test_what_is_no_feedback_is_not_sent(
    fake_gateway: FakeGateway, open_page: OpenPage, given: list[object]
) -> None:
    page = await open_page()
    error = await page.evaluate(
        """async (given) => {
            const { checkFeedback } = await import("/sdk/voice/feedback.js");
            return harness.fail(() => checkFeedback(...given));
        }""",
        given,
    )
    assert (error["name"], error["fatal"]) == ("invalid-argument", False)


async def test_session_outlives_its_last_call_by_the_time_for_feedback(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await opened(fake_gateway, open_page)
    await page.evaluate(IMPATIENT)
    await page.evaluate("harness.call.disconnect()")
    await end_of(page)
    await asked(page, "postFeedback", 4)
    await taken(session)
    assert await outcome(page) is None
    await page.evaluate("harness.device.destroy()")
    await session.gone.wait()
    error = await page.evaluate("harness.ask('postFeedback', 4)")
    assert (error["name"], error["fatal"]) == ("network", False)


async def test_gateway_is_told_what_the_browser_hears(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    await page.evaluate(HURRY)
    assert await page.evaluate("harness.dial()") is None
    session = await fake_gateway.session()
    await session.wait_for_count("stats", 2)
    frame = session.find("stats")[-1]
    assert frame["call"] == session.call["call"]
    report = {entry["type"]: entry for entry in frame["report"]}
    assert set(report) >= {"inbound-rtp", "candidate-pair"}
    assert report["inbound-rtp"]["packetsReceived"] > 0
    assert report["inbound-rtp"]["totalSamplesReceived"] > 0
    assert report["candidate-pair"]["nominated"] is True
    assert len(str(frame)) < 1000
