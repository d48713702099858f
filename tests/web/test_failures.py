"""What a page is told when a call cannot be made, or breaks."""

from __future__ import annotations

import asyncio

import pytest

from tests.web.conftest import INSECURE_HOST, OpenPage
from tests.web.fake_gateway import FakeGateway, Session, answer_call
from tests.web.test_call_stories import NOTHING, dial, end_of, events, open_call, until


async def test_refused_microphone(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_page(permitted=False)
    error = await dial(page)
    assert error is not None
    assert (error["name"], error["code"], error["fatal"]) == ("microphone-refused", 1011, True)
    assert error["message"] == "The microphone is blocked for this page."
    assert error["advice"].startswith("Allow it in")
    assert await page.evaluate("harness.open()") == NOTHING


async def test_no_microphone(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_page(device=False)
    assert (await dial(page) or {})["name"] == "microphone-not-found"


@pytest.mark.parametrize(
    ("exception", "name"),
    [
        ("NotReadableError", "microphone-busy"),
        ("AbortError", "microphone-busy"),
        ("SecurityError", "microphone-refused"),
        ("TypeError", "microphone-failed"),
    ],
)
async def test_other_exceptions_of_get_user_media(
    open_page: OpenPage, exception: str, name: str
) -> None:
    page = await open_page()
    await page.evaluate(
        """name => navigator.mediaDevices.getUserMedia = async () => {
            throw new DOMException("no", name);
        }""",
        exception,
    )
    assert (await dial(page) or {})["name"] == name


async def test_a_microphone_that_the_connection_does_not_take(open_page: OpenPage) -> None:
    page = await open_page()
    broken = "RTCRtpSender.prototype.replaceTrack = async () => { throw new Error('no'); }"
    await page.evaluate(f"() => {{ {broken} }}")
    assert (await dial(page) or {})["name"] == "media-failed"
    assert await page.evaluate("harness.open()") == NOTHING


async def test_insecure_origin(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_page(host=INSECURE_HOST)
    assert not await page.evaluate("isSecureContext")
    error = await dial(page)
    assert error is not None
    assert error["name"] == "insecure-origin"
    assert "https" in error["advice"]
    assert fake_gateway.sessions.empty()


async def test_gateway_that_is_not_there(open_page: OpenPage) -> None:
    page = await open_page()
    # Port 9 (discard) is closed here, and no browser lets a page reach it
    error = await dial(page, device={"url": "ws://127.0.0.1:9009/v1/ws"})
    assert (error or {})["name"] == "gateway-unreachable"
    assert await page.evaluate("harness.open()") == NOTHING


@pytest.mark.parametrize("url", ["/v1/ws", "http://127.0.0.1:{port}/v1/ws"])
async def test_address_as_a_page_writes_it(
    fake_gateway: FakeGateway, open_page: OpenPage, url: str
) -> None:
    """Not all browsers take these for a WebSocket's."""
    page = await open_page()
    assert await dial(page, device={"url": url.format(port=fake_gateway.port)}) is None
    absolute = f"ws://127.0.0.1:{fake_gateway.port}/v1/ws"
    assert await page.evaluate("harness.device.url") == absolute


async def test_address_that_is_none(open_page: OpenPage) -> None:
    page = await open_page()
    error = await dial(page, device={"url": "not a url"})
    assert (error or {})["name"] in {"invalid-argument", "gateway-unreachable"}


async def test_empty_number(open_page: OpenPage) -> None:
    page = await open_page()
    error = await dial(page, to="  ")
    assert (error or {})["name"] == "invalid-argument"


@pytest.mark.parametrize(
    ("code", "name"),
    [(1002, "version-mismatch"), (1008, "session-refused"), (1011, "gateway-unreachable")],
)
async def test_closed_before_welcome(
    fake_gateway: FakeGateway, open_page: OpenPage, code: int, name: str
) -> None:
    async def close(session: Session) -> None:
        await session.socket.close(code)

    fake_gateway.greeting = close
    page = await open_page()
    assert (await dial(page) or {})["name"] == name
    assert await page.evaluate("harness.open()") == NOTHING


async def test_refused_token(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    async def refuse(session: Session) -> None:
        await session.send(
            "error", code=403, name="not-allowed", message="token has expired", fatal=True
        )

    fake_gateway.greeting = refuse
    page = await open_page()
    error = await dial(page) or {}
    assert (error["name"], error["code"], error["sipCode"]) == ("not-allowed", 403, 403)
    assert error["reason"] == "token has expired"
    assert error["message"] == "This call is not allowed from here."


async def test_error_frame_refuses_the_call(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    async def refuse(session: Session) -> None:
        await session.reply("error", code=488, name="bad-offer", message="no fingerprint: RFC 8122")

    fake_gateway.story = refuse
    page = await open_page()
    assert await dial(page) is None
    end = await end_of(page)
    assert (end["by"], end["cause"], end["sipCode"]) == ("gateway", "bad-offer", 488)
    assert end["reason"] == "no fingerprint: RFC 8122"
    assert end["message"] == "The phone service and your browser cannot exchange sound."
    assert (await events(page, "error"))[0]["code"] == 488


async def test_error_frame_in_mid_call_is_told_and_survived(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def complain(session: Session) -> None:
        await answer_call(session)
        await session.reply("error", code=400, name="bad-request", message="dtmf: digits")
        await session.send("error", code=400, name="bad-request", message="no type")

    fake_gateway.story = complain
    page = await open_page()
    await open_call(page)
    await until(page, "harness.named('device-error').length > 0")
    assert [e["fatal"] for e in await events(page, "error")] == [False]
    assert await page.evaluate("harness.call.state") == "open"


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (1000, "network"),
        (1001, "shutdown"),
        (1012, "shutdown"),
        (1008, "session-refused"),
    ],
)
async def test_socket_closes_in_mid_call(
    fake_gateway: FakeGateway, open_page: OpenPage, code: int, cause: str
) -> None:
    page = await open_page()
    await open_call(page)
    await (await fake_gateway.session()).socket.close(code)
    end = await end_of(page)
    assert (end["cause"], end["by"]) == (cause, "local")
    assert end["durationMs"] > 0
    assert [e["name"] for e in await events(page, "error")] == [cause]


async def test_the_next_call_opens_a_new_session(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    await open_call(page)
    await (await fake_gateway.session()).socket.close(1012)
    await end_of(page)
    assert await dial(page) is None
    await until(page, "harness.call.state === 'open'")
    await fake_gateway.session()


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"call": 1}', '"ringing"', "{}" * 40_000])
async def test_nonsense_on_the_socket_is_told_and_survived(
    fake_gateway: FakeGateway, open_page: OpenPage, text: str
) -> None:
    async def babble(session: Session) -> None:
        await session.socket.send_text(text)
        await session.socket.send_bytes(b"\x00\x01")
        await session.send("a-type-of-the-future", call="nobody")
        await session.send("ended", call="nobody")
        await answer_call(session)

    fake_gateway.story = babble
    page = await open_page()
    await open_call(page)
    names = [error["name"] for error in await events(page, "device-error")]
    assert names == ["protocol", "protocol"]
    assert await events(page, "error") == []


@pytest.mark.parametrize(
    "answer", [None, {}, {"type": "answer", "sdp": 7}, {"type": "answer", "sdp": "v=0 nonsense"}]
)
async def test_answer_that_cannot_be_used(
    fake_gateway: FakeGateway, open_page: OpenPage, answer: object
) -> None:
    async def bad_answer(session: Session) -> None:
        await session.reply("answer", answer=answer)

    fake_gateway.story = bad_answer
    page = await open_page()
    assert await dial(page) is None
    assert (await end_of(page))["cause"] == "protocol"
    await (await fake_gateway.session()).wait_for("hangup")


@pytest.mark.parametrize("before", [True, False], ids=["before answer", "after answer"])
async def test_candidate_that_cannot_be_used_is_survived(
    fake_gateway: FakeGateway, open_page: OpenPage, before: bool
) -> None:
    nonsense = {"candidate": "nonsense", "sdpMid": "0"}

    async def bad_candidate(session: Session) -> None:
        if before:
            await session.reply("candidate", candidate=nonsense)
        await answer_call(session)
        if not before:
            await session.reply("candidate", candidate=nonsense)

    fake_gateway.story = bad_candidate
    page = await open_page()
    await open_call(page)
    await until(page, "harness.named('error').length > 0")
    assert [(e["name"], e["fatal"]) for e in await events(page, "error")] == [("protocol", False)]


async def test_frames_after_the_end_change_nothing(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def too_late(session: Session) -> None:
        await session.reply("ended", by="remote", cause="no-answer", sipCode=480)
        await answer_call(session)
        await session.reply("ended", by="remote", cause="busy", sipCode=486)
        await session.send("error", code=500, name="internal", message="the last one")

    fake_gateway.story = too_late
    page = await open_page()
    assert await dial(page) is None
    await until(page, "harness.named('device-error').length > 0")
    assert (await end_of(page))["cause"] == "no-answer"


async def test_given_up_while_the_prompt_is_open(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """The microphone is granted after the call was given up: it must not stay open."""
    page = await open_page()
    error = await page.evaluate(
        """async () => {
            const open = navigator.mediaDevices.getUserMedia;
            let grant;
            const granted = new Promise((resolve) => (grant = resolve));
            navigator.mediaDevices.getUserMedia = async (constraints) => {
                await granted;
                return open(constraints);
            };
            const { Device } = await import("/sdk/voice-client.js");
            const abort = new AbortController();
            const connecting = new Device().connect({ to: "600", signal: abort.signal });
            abort.abort();
            const error = await connecting.catch(harness.brief);
            grant();
            return error;
        }"""
    )
    assert error["name"] == "canceled"
    await until(page, "harness.made().tracks === 1 && harness.open().tracks === 0")
    session = await fake_gateway.session()
    assert "call" not in {frame["type"] for frame in session.received}


async def test_listener_that_throws_does_not_stop_the_clean_up(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    errors: asyncio.Queue[str] = asyncio.Queue()
    page.on("pageerror", lambda error: errors.put_nowait(error.message))
    await open_call(page)
    await page.evaluate(
        """() => {
            harness.call.on("state", () => { throw new Error("a page's bug"); });
            harness.call.disconnect();
        }"""
    )
    await end_of(page)
    async with asyncio.timeout(5):
        assert await errors.get() == "a page's bug"
