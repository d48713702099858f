"""Bodies as sloppy stacks send them: in parts, with a wrong length, in pieces."""

from __future__ import annotations

import asyncio
import re
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.odd_calls import (
    Rig,
    Stories,
    StoryTests,
    odd_rig,
    said_why,
    use,
)
from tests.end_to_end.odd_descriptions import NO_DESCRIPTION
from tests.end_to_end.odd_trunk import SDP, describe
from tests.end_to_end.trunks import idle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

STORIES = story = Stories()
TCP_STORIES = tcp_story = Stories()


# Multipart bodies: SDP beside what a switch of the telephone network adds

ISUP = bytes(range(256)) + b"\r\n--nothing\r\n\r\n\x00\xff"
ISUP_HEADERS = ("Content-Type: application/ISUP;version=itu-t92+", "Content-Disposition: signal")


def multipart(boundary: str, *parts: tuple[tuple[str, ...], bytes], around: bytes = b"") -> bytes:
    """Write parts of headers and content; `around` is a preamble and an epilogue."""
    text = around
    for headers, content in parts:
        head = "".join(f"{header}\r\n" for header in headers)
        text += f"--{boundary}\r\n{head}\r\n".encode() + content + b"\r\n"
    return text + f"--{boundary}--\r\n".encode() + around


async def _in_parts(rig: Rig, body: Callable[[bytes], bytes], kind: str, *headers: str) -> None:
    async with rig.dial(dtmf="5") as dialed:
        await dialed.line.answer(body(describe(dialed.sound.port).encode()), *headers, kind=kind)
        await use(dialed)


@story
async def multipart_with_isup(rig: Rig) -> None:
    sdp_headers = (f"Content-Type: {SDP}",)
    await _in_parts(
        rig,
        lambda sdp: multipart("isup", (sdp_headers, sdp), (ISUP_HEADERS, ISUP)),
        "multipart/mixed;boundary=isup",
        "MIME-Version: 1.0",
    )


@story
async def multipart_with_isup_first_and_a_boundary_in_quotes(rig: Rig) -> None:
    boundary = "a b:c"
    sdp_headers = ("Content-Disposition: session;handling=required", "Content-ID: <1@x>")
    headers = (*sdp_headers, "content-type:application/sdp")
    await _in_parts(
        rig,
        lambda sdp: multipart(boundary, (ISUP_HEADERS, ISUP), (headers, sdp)),
        f'multipart/mixed; charset=utf-8; boundary="{boundary}"',
    )


@story
async def multipart_with_text_around(rig: Rig) -> None:
    headers = (f"Content-Type: {SDP}; charset=utf-8", "Content-Length: 7")
    await _in_parts(
        rig,
        lambda sdp: multipart("x", (headers, sdp), around=b"not for you\r\n"),
        'Multipart/Mixed;Boundary="x"',
    )


@story
async def multipart_alternative(rig: Rig) -> None:
    text = (("Content-Type: text/plain",), b"m=audio 9 RTP/AVP 0")
    await _in_parts(
        rig,
        lambda sdp: multipart("x", text, ((f"Content-Type: {SDP}",), sdp)),
        "multipart/alternative; boundary=x",
    )


@story
async def multipart_without_its_end(rig: Rig) -> None:
    await _in_parts(
        rig,
        lambda sdp: multipart("x", ((f"Content-Type: {SDP}",), sdp)).removesuffix(b"--x--\r\n"),
        "multipart/mixed; boundary=x",
    )


@story
async def multipart_without_sdp(rig: Rig) -> None:
    async with rig.dial() as dialed:
        body = multipart("x", (ISUP_HEADERS, ISUP))
        await dialed.line.answer(body, kind="multipart/mixed;boundary=x")
        await said_why(rig, dialed, NO_DESCRIPTION)


# The body's length (RFC 3261 section 18.3), and its headers


def _length(value: str | None) -> Callable[[bytes], bytes]:
    """Write another Content-Length, or none."""
    line = b"" if value is None else f"Content-Length: {value}\r\n".encode()
    return lambda data: re.sub(rb"Content-Length: \d+\r\n", line, data, count=1)


async def _shaped(rig: Rig, shape: Callable[[bytes], bytes], kind: str = SDP) -> None:
    async with rig.dial(dtmf="5") as dialed:
        line = dialed.line
        line.put(shape(line.response(200, describe(dialed.sound.port), kind=kind)))
        await line.hear("ACK")
        await use(dialed)


@story
async def bytes_after_the_body(rig: Rig) -> None:
    await _shaped(rig, lambda data: data + b"m=audio 0 RTP/AVP 0\r\n\0\0\xff")


@story
async def a_message_after_the_body(rig: Rig) -> None:
    await _shaped(rig, lambda data: data + b"SIP/2.0 486 Busy Here\r\n\r\n")


@story
async def no_content_length(rig: Rig) -> None:
    await _shaped(rig, _length(None))


@story
async def compact_headers(rig: Rig) -> None:
    compact = ((b"Content-Length", b"l"), (b"Content-Type", b"c"), (b"Via", b"v"), (b"To", b"t"))

    def shape(data: bytes) -> bytes:
        for name, letter in compact:
            data = data.replace(name + b": ", letter + b" : ", 1)
        return data

    await _shaped(rig, shape)


@story
async def content_type_in_capitals(rig: Rig) -> None:
    await _shaped(rig, lambda data: data, "Application/SDP ; charset=UTF-8")


@story
async def content_length_0_before_a_body(rig: Rig) -> None:
    """What follows is no body: there is none."""
    async with rig.dial() as dialed:
        line, _, sound = dialed
        line.put(_length("0")(line.response(200, describe(sound.port))))
        await line.hear("ACK")
        await said_why(rig, dialed, NO_DESCRIPTION)


@story
async def content_length_past_the_end(rig: Rig) -> None:
    """Such a response is discarded (RFC 3261 section 18.3); its repetition is whole."""
    async with rig.dial(dtmf="5") as dialed:
        line, _, sound = dialed
        text = describe(sound.port)
        line.put(_length(str(len(text) + 1))(line.response(200, text)))
        await asyncio.sleep(0.2)  # as long as it would take to hang up
        assert line.requests() == ["INVITE"]
        await line.answer(text)
        await use(dialed)


# TCP: messages begin and end anywhere


@tcp_story
async def two_messages_at_once(rig: Rig) -> None:
    async with rig.dial(dtmf="5") as dialed:
        line, _, sound = dialed
        line.put(line.response(180) + line.response(200, describe(sound.port)))
        await line.hear("ACK")
        await use(dialed)


@tcp_story
async def a_message_in_pieces(rig: Rig) -> None:
    async with rig.dial(dtmf="5") as dialed:
        line, _, sound = dialed
        whole = line.response(200, describe(sound.port))
        line.put(b"\r\n\r\n")  # a keep-alive before it
        cuts = (0, 5, whole.index(b"Content-Length") + 9, whole.index(b"\r\n\r\n") + 3, len(whole))
        for start, end in pairwise(cuts):
            line.put(whole[start:end])
            await asyncio.sleep(0.05)  # a segment of its own
        await line.hear("ACK")
        await use(dialed)


@tcp_story
async def binary_isup_by_tcp(rig: Rig) -> None:
    await multipart_with_isup(rig)


# The tests


class TestStories(StoryTests):
    """Each of them, and what is left of all."""


async def test_tcp(tone: Path, tmp_path: Path) -> None:
    async with odd_rig(tmp_path, tone, transport="TCP") as rig:
        for tell in TCP_STORIES.values():  # one by one: they share a connection
            await tell(rig)
        await idle(rig.gateway)
