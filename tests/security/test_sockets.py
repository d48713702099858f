"""WebSockets and frames that cost us more than their sender: too many, too big, too odd."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

import pytest

from tests.security.attack import Got, Refusal, attack
from tests.security.flooding import attacked_call, flood
from tests.security.raw import ask, frame, handshake, to_the_end, upgraded

if TYPE_CHECKING:
    from pathlib import Path

    from tests.security.house import House

TITLE = "WebSockets and frames"
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("unharmed")]

MEBIBYTE = 1024 * 1024


def bad(sentence: str) -> Refusal:
    return Refusal(400, "bad-message", sentence)


@attack("ten bad frames", bad("the frame is not JSON: …"), "closed with 1008 after the tenth")
async def test_ten_bad_frames(house: House, got: Got) -> None:
    async with house.socket() as socket:
        await socket.send(json.dumps({"type": "hello", "token": house.token()}))
        await socket.recv()
        for _ in range(10):
            await socket.send("{")
            got.check(json.loads(await socket.recv()))
        turned = await house.closed(socket)
    assert (turned.code, turned.reason) == (1008, "10 bad frames")


@attack(
    "a frame over 64 KiB",
    bad("the frame has … bytes: at most 65536 are allowed"),
    "the socket stays open",
)
async def test_a_big_frame(house: House, got: Got) -> None:
    async with house.page() as page:
        await page.send(type="ping", a="x" * 65536)
        got.check(await page.receive())
        await page.send(type="ping")
        assert (await page.receive())["type"] == "pong"


DEEP = '{"type":"ping","a":' + 30_000 * "["
ODD_FRAMES: list[tuple[str, str | bytes, str]] = [
    ("a binary frame", b"\0" * 100, "the frame is binary: messages are JSON in text frames"),
    ("30,000 brackets", DEEP, "the frame is not JSON: …"),
    (
        "a number of 10,000 digits",
        '{"type":"ping","a":' + "9" * 10_000 + "}",
        "the frame is not JSON: …",
    ),
    ("a list for an object", "[]", "the frame is not a JSON object"),
    ("`type` as an object", '{"type":{"a":1}}', "`type` is …: that message is unknown"),
    ("a lone surrogate", '{"type":"\\ud800"}', "the frame is not JSON: …"),
    ("`__proto__` and the like", '{"type":"__class__"}', "`type` is …: that message is unknown"),
]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            text,
            id=name,
            marks=attack(name, bad(sentence)),
        )
        for name, text, sentence in ODD_FRAMES
    ],
)
async def test_an_odd_frame(house: House, got: Got, text: str | bytes) -> None:
    async with house.socket() as socket:
        await socket.send(json.dumps({"type": "hello", "token": house.token()}))
        await socket.recv()
        await socket.send(text)
        said = json.loads(await socket.recv())
    got.check(said)


BROKEN: list[tuple[str, list[bytes], int]] = [
    ("a frame over 1 MiB", [frame(0x1, bytes(MEBIBYTE + 1))], 1009),
    ("a frame that announces 2^62 bytes", [b"\x81\xff" + (1 << 62).to_bytes(8, "big")], 1009),
    (
        "a message in fragments without an end",
        [frame(0x1, 65536 * b"a", end=False), *(40 * [frame(0x0, 65536 * b"a", end=False)])],
        1009,
    ),
    ("a frame without a mask", [b"\x81\x04ping"], 1002),
    ("a compressed frame that was not agreed on", [frame(0x41, b"\x00")], 1002),
    ("a text frame that is no UTF-8", [frame(0x1, b"\xff\xfe\xfd")], 1007),
    ("a fragmented control frame", [frame(0x9, b"x", end=False)], 1002),
    ("an unknown opcode", [frame(0x3, b"x")], 1002),
]


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        pytest.param(frames, code, id=name, marks=attack(name, f"closed with {code}"))
        for name, frames, code in BROKEN
    ],
)
async def test_a_broken_frame(house: House, frames: list[bytes], code: int) -> None:
    async with upgraded(house) as (reader, writer):
        writer.write(b"".join(frames))
        assert (await asyncio.wait_for(_closing(reader), 5))[0] == code


async def _closing(reader: asyncio.StreamReader) -> tuple[int, str]:
    """Read to the close frame; return its code and its reason."""
    while True:
        head = await reader.readexactly(2)
        length = head[1]
        if length == 126:
            length = int.from_bytes(await reader.readexactly(2), "big")
        payload = await reader.readexactly(length)
        if head[0] & 0x0F == 8:
            return int.from_bytes(payload[:2], "big"), payload[2:].decode()


@attack(
    "messages without end (`ping`, 100 a second are allowed)",
    "100 are answered, then closed with 1013: too many messages from this address",
)
async def test_endless_messages(house: House) -> None:
    async with house.socket() as socket:
        await socket.send(json.dumps({"type": "hello", "token": house.token()}))
        await socket.recv()
        for _ in range(300):
            await socket.send('{"type":"ping"}')
        turned = await house.closed(socket)
    assert (turned.code, turned.reason) == (1013, "too many messages from this address")


@attack(
    "51 WebSockets from one address",
    Refusal(
        429,
        "limit-reached",
        "this address has 50 WebSockets open: at most 50 are allowed",
    ),
    "audit `session-refused`; others get in",
)
async def test_many_sockets_of_one_address(house: House, got: Got) -> None:
    told, address = len(await house.audit()), house.address()
    async with AsyncExitStack() as stack:
        for _ in range(50):
            await stack.enter_async_context(house.page(address=address))
        status, text = await ask(house, handshake(), address=address)
        assert status == 429
        got.check(json.loads(text.partition("\r\n\r\n")[2]))
        await house.serves()
    assert [
        each for each in await house.audit(told) if each.get("limit") == "websockets-per-address"
    ]


@attack(
    "WebSockets opened and closed without end, one after the other",
    Refusal(
        429,
        "limit-reached",
        "this address opens WebSockets too fast: 20 a second are allowed",
    ),
    "50 at once come before that; audit `session-refused`; others get in",
)
async def test_opened_and_closed(house: House, got: Got) -> None:
    told, address = len(await house.audit()), house.address()
    status, text, opened = 101, "", -1
    async with asyncio.timeout(20):
        while status == 101:
            status, text = await ask(house, handshake(), address=address)
            opened += 1
    assert opened >= 50
    assert status == 429
    got.check(json.loads(text.partition("\r\n\r\n")[2]))
    await house.serves()
    refused = [each for each in await house.audit(told) if each["event"] == "session-refused"]
    assert [(each["limit"], each["address"]) for each in refused] == [
        ("websockets-per-second-per-address", address)
    ]


@attack(
    "20 WebSockets without a token that send 100,000 control frames (ping) a second, while a call "
    "runs",
    "all closed; the call's packets come",
)
async def test_a_call_beside_control_frames(house: House, tone: Path) -> None:
    async with attacked_call(house, tone) as (_, stream):
        stream.told = await flood("control", house.gateway.config.http_port, 20, 3)
    assert stream.told["closed"] == 20
    assert stream.told["sent"] > 20 * 200


PING = frame(0x9, 125 * b"p")
ENDLESS = [
    ("control frames (ping) without end on a WebSocket", 300 * PING),
    (
        "empty fragments without end on a WebSocket",
        frame(0x1, b"", end=False) + 300 * frame(0x0, b"", end=False),
    ),
    (
        "fragments of a byte each without end on a WebSocket",
        frame(0x1, b"{", end=False) + 300 * frame(0x0, b" ", end=False),
    ),
]
TOO_MANY = "too many control frames or fragments"


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param(
            frames,
            id=name,
            marks=attack(name, f"closed with 1008 after 200 ({TOO_MANY})"),
        )
        for name, frames in ENDLESS
    ],
)
async def test_endless_frames(house: House, frames: bytes) -> None:
    async with upgraded(house, address=house.address()) as (reader, writer):
        writer.write(frames)
        assert await asyncio.wait_for(_closing(reader), 2) == (1008, TOO_MANY)
        await asyncio.wait_for(to_the_end(reader), 2)


@attack(
    "60 MB of pings whose answers nobody reads",
    "closed; no memory is left in use",
)
async def test_answers_that_nobody_reads(house: House) -> None:
    before, sent = house.gateway.usage().resident, 0
    async with upgraded(house, address=house.address()) as (_, writer):
        with suppress(ConnectionError):
            for _ in range(600):
                writer.write(800 * PING)
                await writer.drain()
                sent += 1
        grown = house.gateway.usage().resident - before
    assert sent < 600
    assert grown < 20 * MEBIBYTE
