"""Hold, resume and transfer at the client's public surface: what settles them, and what is told."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session
from tests.web.test_call_stories import RAW, dial, end_of, events, open_call, until

LOCAL = {"local": True, "remote": False}
REMOTE = {"local": False, "remote": True}
BOTH = {"local": True, "remote": True}
NEITHER = {"local": False, "remote": False}


async def asked(page: Page, *args: object) -> None:
    """Ask something of the call, and keep what comes of it for `outcome`."""
    await page.evaluate("args => { harness.asked = harness.ask(...args); }", list(args))


async def outcome(page: Page) -> Any:
    return await page.evaluate("harness.asked")


async def opened(
    fake_gateway: FakeGateway, open_page: OpenPage, **device: object
) -> tuple[Page, Session]:
    page = await open_page()
    await open_call(page, device=device)
    return page, await fake_gateway.session()


async def test_hold_and_resume_wait_for_the_gateway(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await opened(fake_gateway, open_page)
    await asked(page, "hold")
    await session.wait_for("hold")
    assert await page.evaluate("harness.call.held") == NEITHER
    await session.reply("held", by="local")
    assert await outcome(page) is None
    assert await page.evaluate("harness.call.held") == LOCAL
    await asked(page, "resume")
    await session.wait_for("resume")
    await session.reply("resumed", by="local")
    assert await outcome(page) is None
    assert await events(page, "held") == [["local", LOCAL]]
    assert await events(page, "resumed") == [["local", NEITHER]]
    assert await page.evaluate("harness.call.state") == "open"


async def test_nothing_of_the_page_is_heard_on_hold(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    assert await dial(page, audio=RAW) is None
    session = await fake_gateway.session()
    await until(page, "harness.call.state === 'open' && harness.volume?.[0] > 0.5")
    await session.reply("held", by="local")
    await until(page, "harness.volume[0] === 0")
    assert not await page.evaluate("harness.call.isMuted()")
    await page.evaluate("harness.call.mute()")
    await session.reply("resumed", by="local")
    await until(page, "harness.named('resumed').length === 1")
    enabled = "harness.call.localStream.getAudioTracks()[0].enabled"
    assert await page.evaluate(enabled) is False  # it is muted still
    await page.evaluate("harness.call.unmute()")
    await until(page, "harness.volume[0] > 0.5")
    await session.reply("held", by="remote")  # theirs takes nothing from this side
    await until(page, "harness.named('held').length === 2")
    assert await page.evaluate(enabled) is True


async def test_both_sides_hold(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page, session = await opened(fake_gateway, open_page)
    await session.reply("held", by="remote")
    await session.reply("held", by="remote")  # told once
    await asked(page, "hold")
    await session.wait_for("hold")
    await session.reply("held", by="local")
    await outcome(page)
    await session.reply("resumed", by="remote")
    await until(page, "harness.named('resumed').length === 1")
    assert await events(page, "held") == [["remote", REMOTE], ["local", BOTH]]
    assert await events(page, "resumed") == [["remote", LOCAL]]


async def test_what_stands_already_is_not_asked_for(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await opened(fake_gateway, open_page)
    assert await page.evaluate("harness.ask('resume')") is None
    await session.reply("held", by="local")
    await until(page, "harness.call.held.local")
    assert await page.evaluate("harness.ask('hold')") is None
    assert session.find("hold") == session.find("resume") == []


async def test_two_clicks_ask_once_and_the_opposite_has_to_wait(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await opened(fake_gateway, open_page)
    await page.evaluate(
        "() => { harness.asked = Promise.all(['hold', 'hold', 'resume'].map(harness.ask)); }"
    )
    await session.wait_for("hold")
    await session.reply("held", by="local")
    first, second, third = await outcome(page)
    assert (first, second) == (None, None)
    assert (third["name"], third["fatal"]) == ("invalid-state", False)
    assert len(session.find("hold")) == 1
    assert session.find("resume") == []


@pytest.mark.parametrize(
    ("code", "name"), [(488, "hold-refused"), (501, "not-supported"), (400, "bad-request")]
)
async def test_refused_hold(
    fake_gateway: FakeGateway, open_page: OpenPage, code: int, name: str
) -> None:
    page, session = await opened(fake_gateway, open_page)
    await asked(page, "hold")
    await session.wait_for("hold")
    await session.reply("error", code=code, name=name, message="488 Not Acceptable", fatal=False)
    error = await outcome(page)
    assert (error["name"], error["sipCode"], error["fatal"]) == (name, code, False)
    assert error["reason"] == "488 Not Acceptable"
    assert await page.evaluate("harness.call.held") == NEITHER
    assert await events(page, "error") == []  # it has been said to whoever asked
    await asked(page, "hold")  # and may be tried again
    await session.wait_for_count("hold", 2)
    await session.reply("held", by="local")
    assert await outcome(page) is None


async def test_blind_transfer(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page, session = await opened(fake_gateway, open_page)
    await asked(page, "transfer", " +15557654321 ")
    frame = await session.wait_for("transfer")
    assert (frame["to"], "replaces" in frame) == ("+15557654321", False)
    await session.reply("transferProgress", sipCode=180, reason="Ringing")
    await session.reply("transferred", sipCode=200, reason="OK")
    await session.reply("ended", by="local", cause="hangup", sipCode=200)
    assert await outcome(page) == {"sipCode": 200, "reason": "OK"}
    assert await events(page, "transferprogress") == [{"sipCode": 180, "reason": "Ringing"}]
    assert (await end_of(page))["cause"] == "hangup"


async def test_handed_over_by_the_other_side(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await opened(fake_gateway, open_page)
    ringing = {"to": "+15557777", "sipCode": 180, "reason": "Ringing"}
    failed = {"to": "+15557777", "sipCode": 486, "reason": "The line is busy."}
    await session.reply("redirecting", **ringing)
    await session.reply("redirectFailed", **failed)
    await session.reply("redirecting")  # an odd one harms nobody
    await session.reply("redirected", to="+15557777", codec={"browser": "opus", "trunk": "G722"})
    await until(page, "harness.named('redirected').length === 1")
    odd = {"to": "", "sipCode": None, "reason": ""}
    assert await events(page, "redirecting") == [ringing, odd]
    assert await events(page, "redirectfailed") == [failed]
    assert await events(page, "redirected") == [{**odd, "to": "+15557777"}]
    assert await page.evaluate("harness.call.codec") == {"browser": "opus", "trunk": "G722"}
    assert await page.evaluate("harness.call.state") == "open"


async def test_transfer_to_the_other_call(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page, session = await opened(fake_gateway, open_page, allowSeveralCalls=True)
    await page.evaluate("harness.first = harness.call")
    await open_call(page)
    await page.evaluate("() => { harness.asked = harness.ask('transfer', harness.first); }")
    frame = await session.wait_for("transfer")
    ids = await page.evaluate("[harness.call.id, harness.first.id]")
    assert [frame["call"], frame["replaces"]] == ids
    await session.send("transferred", call=frame["call"], sipCode=200, reason="OK")
    assert (await outcome(page))["sipCode"] == 200


async def test_transfer_to_another_page(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page, session = await opened(fake_gateway, open_page)
    await asked(page, "transfer", {"identity": "sales"})
    frame = await session.wait_for("transfer")
    assert frame["identity"] == "sales"
    assert not {"to", "replaces"} & frame.keys()
    await session.reply("transferred", sipCode=200, reason="OK")
    await session.reply("ended", by="local", cause="handed-over", sipCode=200)
    assert await outcome(page) == {"sipCode": 200, "reason": "OK"}
    assert (await end_of(page))["cause"] == "handed-over"


async def test_failed_transfer_leaves_the_call(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await opened(fake_gateway, open_page)
    await asked(page, "transfer", "620")
    await session.wait_for("transfer")
    await session.reply("transferFailed", sipCode=486, reason="Busy Here")
    error = await outcome(page)
    assert (error["name"], error["sipCode"], error["fatal"]) == ("transfer-failed", 486, False)
    assert "Busy Here" in error["reason"]
    assert await page.evaluate("harness.call.state") == "open"
    assert await events(page, "error") == []


async def test_transfer_that_is_not_allowed(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page, session = await opened(fake_gateway, open_page)
    await asked(page, "transfer", "+1900555")
    await session.wait_for("transfer")
    await session.reply("error", code=403, name="not-allowed", message="+1900 is denied")
    error = await outcome(page)
    assert (error["name"], error["reason"]) == ("not-allowed", "+1900 is denied")


async def test_errors_go_to_the_request_that_they_name(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await opened(fake_gateway, open_page)
    await page.evaluate("() => { harness.holding = harness.ask('hold'); }")
    await asked(page, "transfer", "600")
    await session.wait_for("transfer")
    await session.reply("error", code=491, name="hold-refused", message="491", fatal=False)
    assert (await page.evaluate("harness.holding"))["name"] == "hold-refused"
    await session.reply("transferred", sipCode=200, reason="OK")
    assert (await outcome(page))["sipCode"] == 200


async def test_refusal_that_names_neither_is_of_the_transfer(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """The gateway refuses a number by many names, and a hold by one of its own."""
    page, session = await opened(fake_gateway, open_page)
    await page.evaluate("() => { harness.holding = harness.ask('hold'); }")
    await asked(page, "transfer", "+1900555")
    await session.wait_for("transfer")
    refusal = {"code": 403, "name": "not-allowed", "message": "+1900 is denied", "fatal": False}
    await session.reply("error", **refusal)
    assert (await outcome(page))["name"] == "not-allowed"
    await session.reply("held", by="local")
    assert await page.evaluate("harness.holding") is None
    assert await events(page, "error") == []
    await asked(page, "transfer", "600")  # nothing is under way
    await session.wait_for("transfer", to="600")


async def test_one_transfer_at_a_time(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page, session = await opened(fake_gateway, open_page)
    await asked(page, "transfer", "600")
    error = await page.evaluate("harness.ask('transfer', '602')")
    assert (error["name"], error["fatal"]) == ("invalid-state", False)
    await session.wait_for("transfer")
    assert len(session.find("transfer")) == 1


@pytest.mark.parametrize("target", ["", "  ", None, 600])
async def test_bad_target(fake_gateway: FakeGateway, open_page: OpenPage, target: object) -> None:
    page, session = await opened(fake_gateway, open_page)
    error = await page.evaluate("target => harness.ask('transfer', target)", target)
    assert (error["name"], error["fatal"]) == ("invalid-argument", False)
    assert session.find("transfer") == []


async def test_the_end_of_the_call_settles_what_was_asked(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page, session = await opened(fake_gateway, open_page)
    await page.evaluate("() => { harness.holding = harness.ask('hold'); }")
    await asked(page, "transfer", "600")
    await session.wait_for("transfer")
    await session.reply("ended", by="remote", cause="hangup", sipCode=200)
    assert (await outcome(page))["name"] == "hangup"
    assert (await page.evaluate("harness.holding"))["name"] == "hangup"
    await end_of(page)


async def test_only_calls_that_are_open(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    async def ring(session: Session) -> None:
        await session.reply("ringing", earlyMedia=False)

    fake_gateway.story = ring
    page = await open_page()
    assert await dial(page) is None
    await until(page, "harness.call.state === 'ringing'")
    for request in (["hold"], ["resume"], ["transfer", "600"]):
        error = await page.evaluate("args => harness.ask(...args)", request)
        assert (error["name"], error["fatal"]) == ("invalid-state", False)
    await page.evaluate("harness.call.disconnect()")
    assert (await page.evaluate("harness.ask('hold')"))["name"] == "invalid-state"
