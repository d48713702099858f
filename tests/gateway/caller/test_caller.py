"""The headless caller: its offer is one that the gateway takes, and it says what goes wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from gateway.caller import command, sound
from gateway.caller.call import SUBPROTOCOL, CallerCall, CallOptions, Outcome
from gateway.caller.description import OPUS, make_offer, read_answer
from gateway.caller.leg import CallerLeg
from gateway.caller.options import origin_of
from gateway.calls.browser_description import BITRATE, read_offer
from gateway.calls.negotiation import Negotiation
from gateway.cli import main
from gateway.errors import RequestError, UnavailableError
from gateway.media.events import BrowserConnected, BrowserLost
from gateway.media.parameters import DtlsRole, MediaConfig
from gateway.media.ports import PortRange
from gateway.media.webrtc.endpoint import WebRtcEndpoint
from gateway.media.webrtc.own_socket import OwnSocketPort
from sdp import SdpError
from tests.gateway.calls.fakes import LOCAL
from tests.peers.ports import free_ports
from tests.tones import assert_tone, make_tone, read_wav, write_wav
from tests.waiting import until
from voice.counters import Counters
from voice.opus import Bandwidth, OpusEncoder
from voice.rtp import pack_header, parse

FINGERPRINT = ("sha-256", ":".join(["CD"] * 32))
Behavior = Callable[[ServerConnection], Awaitable[None]]


def offer() -> str:
    return make_offer(
        session=1, ssrc=2, ice=("abcd", "0123456789012345678901"), fingerprint=FINGERPRINT
    )


def test_its_offer_is_answered_and_its_answer_is_read() -> None:
    answer = Negotiation(read_offer(offer()), LOCAL, ("PCMU",)).browser_answer
    accepted = read_answer(answer)
    assert accepted.remote.ice_ufrag == LOCAL.ice_ufrag
    assert accepted.remote.dtls_role is DtlsRole.CLIENT
    assert accepted.remote.payload_type == OPUS
    assert accepted.remote.event is not None
    assert accepted.remote.event.clock_rate == 48000
    assert accepted.bitrate == BITRATE
    assert accepted.bandwidth is Bandwidth.NARROWBAND


@pytest.mark.parametrize(
    ("codec", "bandwidth"), [("G722", Bandwidth.WIDEBAND), ("opus", Bandwidth.FULLBAND)]
)
def test_it_speaks_as_wide_as_the_trunk_can_hear(codec: str, bandwidth: Bandwidth) -> None:
    answer = Negotiation(read_offer(offer()), LOCAL, (codec,)).browser_answer
    assert read_answer(answer).bandwidth is bandwidth


def test_an_answer_that_is_none_is_refused() -> None:
    with pytest.raises(SdpError):
        read_answer("v=0\r\n")


def test_a_file_is_played_at_48_khz_and_repeated(tmp_path: Path) -> None:
    file = write_wav(tmp_path / "tone.wav", make_tone(440, seconds=0.5, rate=8000), 8000)
    frames = list(islice(sound.play(file), 60))
    assert {frame.shape for frame in frames} == {(sound.FRAME_SAMPLES,)}
    assert_tone(np.concatenate(frames[:25]), sound.RATE, present=[440])
    period = next(n for n in range(20, 60) if np.array_equal(frames[n], frames[0]))
    assert period == pytest.approx(25, abs=1)


@pytest.mark.parametrize("content", [None, b"", b"no sound at all"])
def test_a_file_that_cannot_be_played_says_so(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "tone.wav"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(RequestError, match=r"tone\.wav"):
        sound.play(file)


def test_what_was_heard_is_written_as_it_was(tmp_path: Path) -> None:
    samples = make_tone(440, seconds=0.1, rate=sound.RATE)
    sound.write(tmp_path / "heard.wav", samples)
    written, rate = read_wav(tmp_path / "heard.wav")
    assert rate == sound.RATE
    assert np.array_equal(written, samples)


@pytest.mark.parametrize("path", ["/dev/full", "no such folder/heard.wav"])
def test_what_cannot_be_written_is_said(path: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="cannot be written: No "):
        sound.write(tmp_path / path, make_tone(440, seconds=0.1, rate=sound.RATE))


async def test_a_leg_and_an_endpoint_hear_each_other() -> None:
    block = free_ports(10)
    ports = PortRange("127.0.0.1", block.start, block.stop - 1)
    got: asyncio.Queue[bytes] = asyncio.Queue()
    counters, reports = Counters(), list[BrowserConnected | BrowserLost]()
    port = OwnSocketPort(ports.bind_one(), counters, on_rtp=got.put_nowait)
    gateway = WebRtcEndpoint(MediaConfig(), port, counters, report=reports.append)
    gateway.open()
    up = asyncio.Event()
    leg = CallerLeg(ports, MediaConfig(), sound.silence(), keep=60, on_change=lambda _: up.set())
    ufrag, password = gateway.ice
    local = replace(
        LOCAL,
        ice_ufrag=ufrag,
        ice_password=password,
        candidates=gateway.candidates,
        fingerprints=gateway.fingerprints,
    )
    negotiation = Negotiation(read_offer(leg.open()), local, ("opus",))
    gateway.connect(negotiation.browser_remote)
    leg.connect(read_answer(negotiation.browser_answer))
    async with asyncio.timeout(5):
        await up.wait()
        packets = [parse(await got.get()) for _ in range(3)]
    assert [packet.payload_type for packet in packets] == [OPUS] * 3
    encoder = OpusEncoder(sound.RATE)
    tone = make_tone(440, seconds=0.6, rate=sound.RATE).reshape(-1, sound.FRAME_SAMPLES)
    for number, frame in enumerate(tone):
        if number != 10:
            header = pack_header(OPUS, number, number * sound.FRAME_SAMPLES, 7)
            port.send_rtp(header + encoder.encode(frame))
    await until(lambda: leg.received == len(tone) - 1)
    assert (leg.lost, leg.heard.size) == (1, tone.size)
    assert_tone(leg.heard[-18 * sound.FRAME_SAMPLES :], sound.RATE, present=[440])
    await leg.close()
    await until(lambda: len(reports) == 2)
    await gateway.close()


@asynccontextmanager
async def server(behavior: Behavior) -> AsyncIterator[str]:
    async with serve(behavior, "127.0.0.1", 0, subprotocols=[SUBPROTOCOL]) as running:
        port = next(iter(running.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/v1/ws"


async def close(socket: ServerConnection) -> None:
    await socket.recv()
    await socket.close()


async def talk_nonsense(socket: ServerConnection) -> None:
    await socket.send("[]")
    await socket.wait_closed()


async def refuse(socket: ServerConnection) -> None:
    await socket.send(
        '{"type": "error", "code": 403, "name": "not-allowed", "message": "No.", "fatal": true}'
    )
    await socket.wait_closed()


@pytest.mark.parametrize(
    ("behavior", "words"), [(close, "before the call had ended"), (talk_nonsense, "protocol")]
)
async def test_a_gateway_that_misbehaves_is_said(behavior: Behavior, words: str) -> None:
    async with server(behavior) as url, asyncio.timeout(10):
        with pytest.raises(UnavailableError, match=words):
            await CallerCall(CallOptions(to="600", url=url)).run()


async def test_why_a_websocket_was_refused_is_said() -> None:
    bodies = [b'{"error": "forbidden", "message": "Not from here."}', b"[]", b"<html>", b"\xff"]

    def deny(connection: ServerConnection, request: Request) -> Response:
        return Response(403, "Forbidden", Headers(), bodies.pop(0))

    async with serve(close, "127.0.0.1", 0, process_request=deny) as running, asyncio.timeout(10):
        url = f"ws://127.0.0.1:{next(iter(running.sockets)).getsockname()[1]}/v1/ws"
        for line in ("HTTP 403: Not from here.", *["HTTP 403"] * 3):
            with pytest.raises(UnavailableError) as refused:
                await CallerCall(CallOptions(to="600", url=url)).run()
            assert str(refused.value) == f"{url}: {line}"


async def test_the_origin_is_said() -> None:
    heard: asyncio.Queue[str | None] = asyncio.Queue()

    async def listen(socket: ServerConnection) -> None:
        assert socket.request is not None
        heard.put_nowait(socket.request.headers.get("Origin"))
        await refuse(socket)

    for origin in ("https://shop.example", None):
        async with server(listen) as url, asyncio.timeout(10):
            await CallerCall(CallOptions(to="600", url=url, origin=origin)).run()
        assert await heard.get() == origin


ANSWERED = '{"type": "answered", "call": "1", "codec": {"browser": "opus", "trunk": "PCMU"}}'
ENDED = (
    '{{"type": "ended", "call": "1", "by": "{}", "cause": "x", "sipCode": {}, "message": "So.", '
    '"reason": "x", "durationMs": 5}}'
)
ENDS = {
    # What came, the exit status, the last lines
    "hung up, no sound": (
        (ANSWERED, ENDED.format("local", 200)),
        command.DEAD,
        ["dead: no sound came from the other side", "ended by local: x (200): So."],
    ),
    "lost": (
        (ANSWERED, ENDED.format("gateway", 408)),
        command.FAILED,
        ["dead: no sound came from the other side", "ended by gateway: x (408): So."],
    ),
    "busy": ((ENDED.format("remote", 486),), command.REFUSED, ["ended by remote: x (486): So."]),
    "no gateway any more": (
        (ANSWERED,),
        command.FAILED,
        ["failed: {url} closed the connection before the call had ended"],
    ),
    "a fault of the gateway": (
        (
            ANSWERED,
            '{"type": "error", "code": 500, "name": "internal", "message": "No.", "fatal": true}',
        ),
        command.FAILED,
        ["failed: No."],
    ),
}


@pytest.mark.parametrize(("messages", "status", "lines"), ENDS.values(), ids=ENDS)
async def test_the_exit_status_tells_how_a_call_ended(
    messages: Sequence[str], status: int, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    async def tell(socket: ServerConnection) -> None:
        await socket.send('{"type": "welcome", "session": "s", "iceServers": []}')
        while json.loads(await socket.recv()).get("candidate", "") is not None:
            pass  # until the call has been placed, with its last candidate
        for message in messages:
            await socket.send(message)
        if len(messages) > 1 or messages[0] != ANSWERED:
            await socket.wait_closed()

    async with server(tell) as url, asyncio.timeout(10):
        arguments = ["call", "600", "--url", url]
        assert await asyncio.to_thread(main, arguments) == status
    said = capsys.readouterr().out.splitlines()
    assert said[-len(lines) :] == [line.format(url=url) for line in lines]


def test_sound_that_came_and_a_hang_up_are_a_call() -> None:
    outcome = Outcome(messages=[json.loads(ENDED.format("remote", 200))], answered=True, received=1)
    assert command.status(outcome) == 0


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("ws://127.0.0.1:8080/v1/ws", "http://127.0.0.1:8080"),
        ("wss://Gateway.example/v1/ws", "https://gateway.example"),
        ("wss://gateway.example:443/v1/ws", "https://gateway.example"),
        ("ws://gateway.example:443/v1/ws", "http://gateway.example:443"),
        ("ws://[::1]:8080/v1/ws", "http://[::1]:8080"),
        ("http://127.0.0.1/", None),
        ("ws://127.0.0.1:x/", None),
        ("", None),
    ],
)
def test_the_gateways_own_origin(url: str, origin: str | None) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("options", "expected"),
    [([], "http://{host}"), (["--origin", "https://a"], "https://a"), (["--origin", ""], None)],
)
async def test_the_command_says_to_be_the_gateways_own_page(
    options: list[str], expected: str | None
) -> None:
    heard: asyncio.Queue[tuple[str | None, str]] = asyncio.Queue()

    async def listen(socket: ServerConnection) -> None:
        assert socket.request is not None
        headers = socket.request.headers
        heard.put_nowait((headers.get("Origin"), headers["Host"]))
        await refuse(socket)

    async with server(listen) as url, asyncio.timeout(10):
        assert await asyncio.to_thread(main, ["call", "600", "--url", url, *options]) == 1
    origin, host = await heard.get()
    assert origin == (None if expected is None else expected.format(host=host))


async def test_a_token_may_stand_in_a_file(tmp_path: Path) -> None:
    file, heard = tmp_path / "token", asyncio.Queue[str]()
    file.write_text("a.b.c\n")

    async def listen(socket: ServerConnection) -> None:
        heard.put_nowait(str(await socket.recv()))
        await refuse(socket)

    async with server(listen) as url, asyncio.timeout(10):
        arguments = ["call", "600", "--url", url, "--token-file", str(file)]
        assert await asyncio.to_thread(main, arguments) == 1
    assert json.loads(await heard.get()) == {"type": "hello", "token": "a.b.c"}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (None, "No such file or directory"),
        (b" \n", "it is empty"),
        (b"\xff", "a token is ASCII"),
    ],
)
def test_a_file_without_a_token_is_said(
    tmp_path: Path, content: bytes | None, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    assert main(["call", "600", "--url", "ws://127.0.0.1:9", "--token-file", str(file)]) == 1
    assert capsys.readouterr().err == f"gateway: --token-file {file}: {line}\n"


async def test_a_record_that_cannot_be_written_is_told_before_the_call(tmp_path: Path) -> None:
    file = tmp_path / "no such folder" / "heard.wav"

    async def never(socket: ServerConnection) -> None:
        pytest.fail("the gateway was called")

    async with server(never) as url:
        with pytest.raises(RequestError, match=r"heard\.wav cannot be written: No such file"):
            await CallerCall(CallOptions(to="600", url=url, record=file)).run()


async def test_a_refusal_is_an_outcome() -> None:
    async with server(refuse) as url, asyncio.timeout(10):
        outcome = await CallerCall(CallOptions(to="600", url=url)).run()
    assert not outcome.answered
    assert outcome.last["name"] == "not-allowed"


async def test_a_digit_that_is_none_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(
        RequestError, match=r"'X' is no digit: .* D, and for pauses , \(2 s\) and w"
    ):
        await CallerCall(CallOptions(to="600", url="ws://127.0.0.1:9", dtmf="12x")).run()


@pytest.mark.parametrize("more", [[], ["--dtmf", "1,2w3W4d"], ["--json"]])
def test_the_last_line_says_that_the_gateway_cannot_be_reached(
    more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"ws://127.0.0.1:{free_ports(1).start}/v1/ws"
    assert main(["call", "600", "--url", url, *more]) == 1
    said = capsys.readouterr()
    assert said.out.splitlines()[-1].startswith(f"failed: {url}: ")
    assert said.err == ""


def test_the_token_does_not_show() -> None:
    assert "secret" not in repr(CallOptions(to="600", token="secret"))
