"""The media path to the browser: another one takes its place, it is lost, or never comes up."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect

from gateway.caller.line import SUBPROTOCOL
from gateway.caller.sound import RATE
from tests.end_to_end.conftest import TONE
from tests.end_to_end.odd_calls import (
    JUDGED,
    TALK,
    TRUNK_TONE,
    Dialed,
    Rig,
    Stories,
    StoryTests,
    answered,
    odd_rig,
    talk,
)
from tests.end_to_end.odd_trunk import describe
from tests.end_to_end.recording import assert_heard
from tests.gateway.calls.descriptions import fixture
from tests.tones import make_tone, measure_tone, write_wav

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from voice.rtp import RtpPacket

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

STORIES = story = Stories()
NEW_TONE = 880.0  # Hz, what the caller says by its new media path

NOWHERE = "candidate:1 1 udp 1 127.0.0.3 9 typ host"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(tone: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    """A gateway that waits for a browser which is lost, with a trunk that is played by hand."""
    overrides = {"sessions": {"resume_window": 10.0}}
    async with odd_rig(tmp_path_factory.mktemp("gateway"), tone, overrides=overrides) as rig:
        yield rig


def new_tone(rig: Rig) -> Path:
    """Return a file with the tone of the new media path."""
    path = Path(rig.tone).with_name("new-tone.wav")
    if not path.exists():
        write_wav(path, make_tone(NEW_TONE, seconds=1, rate=48000), 48000)
    return path


async def hear_new_tone(dialed: Dialed) -> None:
    """Wait until the trunk hears the new media path, and then for what each side says."""
    sound = dialed.sound

    def heard() -> bool:
        last = sound.samples(0.2)
        return last.size > 0 and measure_tone(last, sound.rate, NEW_TONE).level > -40

    await sound.until(heard, 8.0, "the new tone")
    await sound.hear(TALK)
    assert_heard(sound.samples(JUDGED), sound.rate, present=[NEW_TONE], absent=[TONE, TRUNK_TONE])
    back = dialed.call.heard[-round(JUDGED * RATE) :]
    assert_heard(back, RATE, present=[TRUNK_TONE], absent=[TONE, NEW_TONE])


def assert_one_stream(packets: list[RtpPacket]) -> None:
    """Expect one SSRC, every sequence number, and timestamps that go on by whole frames."""
    assert len({packet.ssrc for packet in packets}) == 1
    for before, packet in pairwise(packets):
        assert packet.sequence == (before.sequence + 1) & 0xFFFF
        frames, rest = divmod((packet.timestamp - before.timestamp) & 0xFFFFFFFF, 160)
        assert (rest, 1 <= frames <= 10) == (0, True), f"{frames} frames and {rest} samples"


async def hang_up(dialed: Dialed) -> None:
    await dialed.call.hang_up()
    await dialed.line.hear("BYE")
    assert dialed.call.ended() == ("local", "hangup", 200)
    assert dialed.line.requests() == ["INVITE", "ACK", "BYE"], "the trunk has heard of nothing"
    assert_one_stream(dialed.sound.packets())


@story
async def another_path_in_mid_call(rig: Rig) -> None:
    async with answered(rig) as dialed:
        await talk(dialed)
        await dialed.call.restart(new_tone(rig))
        await dialed.call.hear("answer", count=2)
        await hear_new_tone(dialed)
        await hang_up(dialed)


@story
async def another_path_before_the_answer(rig: Rig) -> None:
    async with rig.dial() as dialed:
        dialed.line.respond(180)
        await dialed.call.hear("ringing")
        await dialed.call.restart(new_tone(rig))
        await dialed.call.hear("answer", count=2)
        await dialed.line.answer(describe(dialed.sound.port))
        await dialed.call.hear("answered")
        await hear_new_tone(dialed)
        await hang_up(dialed)


@story
async def another_path_after_the_old_one_was_closed(rig: Rig) -> None:
    """The trunk's stream goes on all the time."""
    async with answered(rig) as dialed:
        await talk(dialed)
        await dialed.call.close_media()
        await dialed.sound.hear(50)
        assert measure_tone(dialed.sound.samples(0.4), dialed.sound.rate, TONE).level < -40
        await dialed.call.restart(new_tone(rig))
        await hear_new_tone(dialed)
        await hang_up(dialed)


@story
async def an_offer_of_no_use_leaves_the_call(rig: Rig) -> None:
    async with answered(rig) as dialed:
        await dialed.call.ask("restart", offer={"type": "offer", "sdp": "v=0\r\n"})
        error = await dialed.call.hear("error")
        assert (error["name"], error["code"], error["fatal"]) == ("bad-offer", 488, False)
        await talk(dialed)
        await hang_up(dialed)


@story
async def a_path_that_does_not_come_up_leaves_the_call(rig: Rig) -> None:
    async with answered(rig) as dialed:
        offer = {"type": "offer", "sdp": fixture("chrome-156-audio.sdp")}
        await dialed.call.ask("restart", offer=offer)
        await dialed.call.ask("candidate", candidate=None)
        error = await dialed.call.hear("error")
        assert (error["name"], error["fatal"]) == ("restart-failed", False)
        await talk(dialed)
        await hang_up(dialed)


@story
async def a_hang_up_that_the_close_of_the_media_has_overtaken(rig: Rig) -> None:
    async with answered(rig) as dialed:
        await dialed.call.close_media()
        await asyncio.sleep(0.1)
        await hang_up(dialed)


# Who cannot be heard


@asynccontextmanager
async def page(rig: Rig, number: str) -> AsyncIterator[ClientConnection]:
    """A page that has placed a call, and has named no address yet."""
    url = rig.gateway.websocket_url
    async with connect(url, subprotocols=[SUBPROTOCOL]) as socket:
        await socket.send(json.dumps({"type": "hello"}))
        offer = {"type": "offer", "sdp": fixture("chrome-156-audio.sdp")}
        await socket.send(json.dumps({"type": "call", "call": "c1", "to": number, "offer": offer}))
        yield socket


async def name(socket: ClientConnection, candidate: str | None) -> None:
    wire = None if candidate is None else {"candidate": candidate}
    await socket.send(json.dumps({"type": "candidate", "call": "c1", "candidate": wire}))


async def hear_end(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["type"] == "ended":
                return message


@story
async def no_invite_is_sent_for_a_browser_without_an_address(rig: Rig) -> None:
    line = rig.trunk.line()
    async with page(rig, line.number) as socket:
        began = perf_counter()
        await name(socket, "candidate:1 1 tcp 1 127.0.0.1 9 typ host tcptype active")
        await name(socket, None)
        end = await hear_end(socket)
        assert (end["by"], end["cause"]) == ("gateway", "no-media-path")
        assert "can neither send nor receive audio" in end["message"]
        assert perf_counter() - began < 3.0
    await asyncio.sleep(0.6)  # longer than an INVITE is held back
    assert line.requests() == []


@story
async def a_browser_that_no_check_reaches_is_hung_up_a_moment_after_the_answer(
    rig: Rig,
) -> None:
    line = rig.trunk.line()
    async with page(rig, line.number) as socket:
        await name(socket, NOWHERE)
        await name(socket, None)
        await line.hear("INVITE")
        picked_up = perf_counter()
        await line.answer(describe(9))
        end = await hear_end(socket)
        assert (end["cause"], end["by"]) == ("no-media-path", "gateway")
        assert perf_counter() - picked_up < 3.0
    await line.hear("BYE")


@story
async def a_phone_that_rings_for_such_a_browser_stops_after_five_seconds(rig: Rig) -> None:
    line = rig.trunk.line()
    async with page(rig, line.number) as socket:
        began = perf_counter()
        await name(socket, NOWHERE)
        await name(socket, None)
        await line.hear("INVITE")
        line.respond(180)
        assert (await hear_end(socket))["cause"] == "no-media-path"
        assert 4.0 < perf_counter() - began < 8.0
    await line.hear("CANCEL")


class TestStories(StoryTests):
    """Each of them, and what is left of all."""
