"""Call stories at the client's public surface: what the page is told, and what is left open."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session, answer_call

NOTHING = {"peers": 0, "tracks": 0, "contexts": 0, "elements": 0, "calls": 0}
RAW = {"echoCancellation": False, "noiseSuppression": False, "autoGainControl": False}


KEEP_CONNECTIONS = """
    window.connections = [];
    window.RTCPeerConnection = class extends RTCPeerConnection {
        constructor(...options) {
            super(...options);
            window.connections.push(this);
        }
    };
    null
"""


async def dial(page: Page, **options: object) -> dict[str, Any] | None:
    error: dict[str, Any] | None = await page.evaluate("o => harness.dial(o)", options)
    return error


async def until(page: Page, expression: str) -> None:
    await page.wait_for_function(expression)


async def events(page: Page, name: str) -> list[Any]:
    found: list[Any] = await page.evaluate("name => harness.named(name)", name)
    return found


async def end_of(page: Page) -> dict[str, Any]:
    """Wait for the end, check that it came once and left nothing open, and return it."""
    await until(page, "harness.named('disconnect').length > 0")
    ends = await events(page, "disconnect")
    assert len(ends) == 1
    assert ends[0].pop("open") == NOTHING
    assert (await page.evaluate("harness.made()"))["peers"] > 0
    assert await page.evaluate("harness.call.state") == "closed"
    end: dict[str, Any] = ends[0]
    return end


async def open_call(page: Page, **options: object) -> None:
    assert await dial(page, **options) is None
    await until(page, "harness.call.state === 'open'")
    await until(page, "harness.heard()")


async def test_call_is_answered_and_hung_up_here(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    await open_call(page)
    assert await events(page, "state") == ["ringing", "open"]
    assert await events(page, "ringing") == [False]
    assert await events(page, "accept") == [{"browser": "opus", "trunk": "PCMU"}]
    await page.evaluate("harness.call.disconnect(); harness.call.hangup()")
    end = await end_of(page)
    assert (end["by"], end["cause"], end["message"]) == ("local", "hangup", "You ended the call.")
    assert end["durationMs"] > 0
    session = await fake_gateway.session()
    await session.wait_for("hangup")
    assert [f["type"] for f in session.received].count("hangup") == 1


async def test_first_frames_are_hello_call_then_candidates(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    headers = {"X-Order": "17"}
    device = {"token": "t0ken"}
    assert (
        await dial(page, to=" +15551234567 ", displayName="A", headers=headers, device=device)
        is None
    )
    session = await fake_gateway.session()
    await session.wait_for("candidate", candidate=None)
    hello, call, *candidates = session.received
    assert hello == {"type": "hello", "token": "t0ken"}
    assert (call["type"], call["to"], call["displayName"]) == ("call", "+15551234567", "A")
    assert call["headers"] == headers
    assert call["offer"]["type"] == "offer"
    assert "a=candidate" not in call["offer"]["sdp"]
    assert {f["type"] for f in candidates} == {"candidate"}
    assert {f["call"] for f in candidates} == {call["call"]}
    assert candidates[0]["candidate"]["candidate"].startswith("candidate:")
    assert candidates[-1]["candidate"] is None


async def test_levels_are_measured_in_both_directions_and_mute_shows(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    assert await dial(page, audio=RAW) is None
    # A meter shows 60 dB: -12 dBFS here, and -18 dBFS there, of which aiortc's stereo takes 3 dB
    await until(page, "harness.volume && Math.abs(harness.volume[0] - 0.8) < 0.02")
    await until(page, "Math.abs(harness.volume[1] - 0.65) < 0.02")
    await page.evaluate("harness.call.mute(true)")
    await until(page, "harness.volume[0] === 0")
    assert await page.evaluate("harness.call.isMuted()")
    await page.evaluate("harness.call.toggleMute()")
    await until(page, "harness.volume[0] > 0.5")
    assert await events(page, "mute") == [True, False]


async def test_early_media_and_codes_of_a_refusal(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def busy(session: Session) -> None:
        await session.reply("ringing", earlyMedia=False)
        await session.reply("ringing", earlyMedia=True)
        await session.reply("ringing", earlyMedia=True)
        await session.reply(
            "ended", by="remote", cause="busy", sipCode=486, reason="Busy Here", durationMs=0
        )

    fake_gateway.story = busy
    page = await open_page()
    assert await dial(page) is None
    end = await end_of(page)
    assert await events(page, "ringing") == [False, True]
    assert await events(page, "reject") == ["busy"]
    assert await events(page, "error") == []
    assert end == {
        "by": "remote",
        "cause": "busy",
        "sipCode": 486,
        "reason": "Busy Here",
        "message": "The line is busy.",
        "advice": "Please try again in a few minutes.",
        "durationMs": 0,
    }


async def test_a_gateway_without_time_is_no_busy_line(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def overloaded(session: Session) -> None:
        await session.reply(
            "error", code=503, name="busy", message="the gateway is at its limit", fatal=True
        )

    fake_gateway.story = overloaded
    page = await open_page()
    await dial(page)
    end = await end_of(page)
    assert (end["cause"], end["sipCode"]) == ("busy", 503)
    assert end["reason"] == "the gateway is at its limit"
    assert end["message"] == "All lines are busy."


async def test_unknown_cause_gets_its_sentence_from_the_sip_status(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def gone(session: Session) -> None:
        await session.reply("ended", by="remote", cause="moved-away", sipCode=410, reason="Gone")

    fake_gateway.story = gone
    page = await open_page()
    assert await dial(page) is None
    end = await end_of(page)
    assert end["cause"] == "moved-away"
    assert end["message"] == "This number is not in service."
    assert await events(page, "reject") == ["moved-away"]


async def test_giving_up_while_it_rings_is_a_cancel(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def ring(session: Session) -> None:
        await session.reply("ringing", earlyMedia=False)

    fake_gateway.story = ring
    page = await open_page()
    assert await dial(page) is None
    await until(page, "harness.call.state === 'ringing'")
    await page.evaluate("harness.call.terminate()")
    assert (await end_of(page))["cause"] == "canceled"
    assert await events(page, "cancel") == ["canceled"]
    await (await fake_gateway.session()).wait_for("hangup")


async def test_candidates_before_the_answer_wait_for_it(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """The answer comes without candidates; they were sent before it."""

    async def early_candidates(session: Session) -> None:
        await session.reply("trying")
        answer = await session.make_answer()
        lines = answer["sdp"].split("\r\n")
        for line in lines:
            if line.startswith("a=candidate"):
                candidate = {"candidate": line.removeprefix("a="), "sdpMLineIndex": 0}
                await session.reply("candidate", candidate=candidate)
        await session.reply("candidate", candidate=None)
        bare = [x for x in lines if not x.startswith(("a=candidate", "a=end-of-candidates"))]
        await session.reply("answer", answer={"type": "answer", "sdp": "\r\n".join(bare)})
        await session.reply("answered", codec={"browser": "opus", "trunk": "PCMA"})

    fake_gateway.story = early_candidates
    page = await open_page()
    await open_call(page)
    assert await events(page, "error") == []


async def test_a_second_answer_is_ignored(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    async def twice(session: Session) -> None:
        await answer_call(session)
        await session.reply("answer", answer={"type": "answer", "sdp": "v=0 nonsense"})
        await session.reply("dtmf", digit="7", duration=120)

    fake_gateway.story = twice
    page = await open_page()
    await open_call(page)
    await until(page, "harness.named('dtmf').length > 0")
    assert await events(page, "dtmf") == [{"digit": "7", "direction": "received", "duration": 120}]
    assert await page.evaluate("harness.call.state") == "open"


GOOD = {"mos": 4.31, "loss": 0.0, "jitterMs": 1.2, "rttMs": 24.5, "level": 28, "packets": 100}
UNKNOWN = dict.fromkeys(GOOD)


async def test_the_gateways_view_of_both_legs_is_handed_on(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def judge(session: Session) -> None:
        await answer_call(session)
        await session.reply("quality", browser=GOOD, trunk={**UNKNOWN, "loss": 0.25, "mos": "4"})
        await session.reply("quality", browser=None)

    fake_gateway.story = judge
    page = await open_page()
    await open_call(page)
    await until(page, "harness.named('quality').length === 2")
    assert await events(page, "quality") == [
        {"browser": GOOD, "trunk": {**UNKNOWN, "loss": 0.25}},
        {"browser": UNKNOWN, "trunk": UNKNOWN},
    ]
    assert await events(page, "error") == []


async def test_digits_go_as_a_message_without_telephone_event(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    await open_call(page)
    await page.evaluate("harness.call.sendDigits('12#', { duration: 100, gap: 50 })")
    frame = await (await fake_gateway.session()).wait_for("dtmf")
    assert (frame["digits"], frame["duration"], frame["gap"]) == ("12#", 100, 50)
    sent = [event["digit"] for event in await events(page, "dtmf")]
    assert sent == ["1", "2", "#"]


async def test_pauses_among_digits(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    """A browser takes the comma; with a `w` the whole goes to the gateway, which knows both."""

    async def with_events(session: Session) -> None:
        await answer_call(session, telephone_event=True)

    fake_gateway.story = with_events
    page = await open_page()
    await open_call(page)
    await page.evaluate("harness.call.sendDigits('1w,2')")
    frame = await (await fake_gateway.session()).wait_for("dtmf")
    assert frame["digits"] == "1W,2"
    assert [event["digit"] for event in await events(page, "dtmf")] == ["1", "2"]
    await page.evaluate("harness.call.sendDigits('3,4')")
    await until(page, "harness.named('dtmf').length === 4")
    assert [event["digit"] for event in await events(page, "dtmf")] == ["1", "2", "3", "4"]


async def test_digits_go_in_the_audio_with_telephone_event_and_queue(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def with_events(session: Session) -> None:
        await answer_call(session, telephone_event=True)

    fake_gateway.story = with_events
    page = await open_page()
    await page.evaluate(KEEP_CONNECTIONS)
    await open_call(page)
    # A busy machine's Chromium knows of the codec a moment later
    await until(page, "connections[0].getSenders()[0].dtmf.canInsertDTMF")
    await page.evaluate("harness.call.sendDigits('12'); harness.call.sendDigits('3a')")
    await until(page, "harness.named('dtmf').length === 4")
    assert [event["digit"] for event in await events(page, "dtmf")] == ["1", "2", "3", "A"]
    session = await fake_gateway.session()
    assert "dtmf" not in {frame["type"] for frame in session.received}
    # A pause of half a second goes by message, and so do those behind and before it
    await page.evaluate("['123456', 'w7', '8'].forEach((each) => harness.call.sendDigits(each))")
    await session.wait_for_count("dtmf", 3)
    before, *others = [frame["digits"] for frame in session.find("dtmf")]
    assert others == ["W7", "8"]
    assert before[:2] in ("W1", "W2")
    assert before.endswith("3456")


async def test_bad_digits_are_refused_with_the_rule(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    await open_call(page)
    attempt = """([digits, options]) => {
        try { harness.call.sendDigits(digits, options); return null; }
        catch (error) { return harness.brief(error); }
    }"""
    for digits, options in [("12x", {}), ("", {}), ("1", {"duration": 39}), ("1", {"gap": 29})]:
        error = await page.evaluate(attempt, [digits, options])
        assert (error["name"], error["fatal"]) == ("invalid-argument", False)
    assert await page.evaluate("harness.call.state") == "open"
    await page.evaluate("harness.call.disconnect()")
    assert (await page.evaluate(attempt, ["1", {}]))["name"] == "invalid-state"


async def test_microphone_is_swapped_in_mid_call(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    await open_call(page)
    await page.evaluate("harness.call.mute()")
    swap = """async () => {
        const devices = await navigator.mediaDevices.enumerateDevices();
        const { deviceId } = devices.find(({ kind }) => kind === "audioinput");
        await harness.call.setInputDevice(deviceId);
        return [harness.open().tracks, harness.call.localStream.getTracks()[0].enabled];
    }"""
    assert await page.evaluate(swap) == [1, False]
    missing = "harness.call.setInputDevice('none').catch(harness.brief)"
    assert (await page.evaluate(missing))["name"] == "microphone-not-found"
    assert await page.evaluate("harness.call.state") == "open"


async def test_two_calls_one_session_and_nothing_left_after_both(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def ring(session: Session) -> None:
        await session.reply("ringing", earlyMedia=False)

    fake_gateway.story = ring
    page = await open_page()
    assert await dial(page, to="600", device={"allowSeveralCalls": True}) is None
    assert await dial(page, to="602") is None
    assert await page.evaluate("harness.device.calls.map((call) => call.to)") == ["600", "602"]
    await page.evaluate("harness.device.destroy()")
    assert await page.evaluate("harness.open()") == NOTHING
    session = await fake_gateway.session()
    await session.gone.wait()
    assert [f["type"] for f in session.received].count("hangup") == 2
    assert fake_gateway.sessions.empty()
    assert (await dial(page) or {})["name"] == "invalid-state"


async def test_leaving_the_page_ends_the_call_for_the_gateway(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    await open_call(page)
    session = await fake_gateway.session()
    await page.goto("about:blank")
    await session.wait_for("hangup")


async def test_page_is_told_that_the_gateway_goes(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """Its call goes on; a message that says nothing useful is left alone."""
    page = await open_page()
    await open_call(page)
    session = fake_gateway.opened[-1]
    await session.send("draining", seconds="soon")
    await session.send("draining", seconds=300)
    await until(page, "harness.named('draining').length > 0")
    assert await events(page, "draining") == [300]
    assert await page.evaluate("harness.call.state") == "open"
