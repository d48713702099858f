"""A page hands its call over to another page: what each side hears, and what the trunk sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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
    hang_up,
    talk,
)
from tests.end_to_end.odd_trunk import describe
from tests.end_to_end.phone import waiting
from tests.end_to_end.recording import assert_heard
from tests.tones import make_tone, write_wav

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.phone import PhoneCall

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

STORIES = story = Stories()
SECOND_TONE = 990.0  # Hz, what the second page says
ALL = {TONE, TRUNK_TONE, SECOND_TONE}


def other_tone(rig: Rig) -> Path:
    """Return a file for the second page to play."""
    path = rig.tone.with_name("second.wav")
    if not path.exists():
        write_wav(path, make_tone(SECOND_TONE, seconds=1, rate=48000), 48000)
    return path


async def taken(dialed: Dialed, second: PhoneCall, identity: str) -> None:
    """Have the second page take the call, of which the first one is told."""
    await dialed.call.ask("transfer", identity=identity)
    ring = await second.hear("incoming")
    assert (ring["from"], ring["to"]) == (dialed.line.number, identity)
    await second.accept()
    await second.hear("answered")
    await dialed.call.end()
    assert [each["type"] for each in dialed.call.messages][-2:] == ["transferred", "ended"]
    assert dialed.call.ended() == ("local", "handed-over", 200)


async def talk_to(dialed: Dialed, second: PhoneCall) -> None:
    """Wait until the trunk and the second page have spoken for a while."""
    heard = second.heard.size
    sound = dialed.sound
    await sound.hear(2 * TALK)
    last = sound.samples(JUDGED)
    assert_heard(last, sound.rate, present=[SECOND_TONE], absent=ALL - {SECOND_TONE})
    last = second.heard[-round(JUDGED * RATE) :]
    assert second.heard.size > heard
    assert_heard(last, RATE, present=[TRUNK_TONE], absent=ALL - {TRUNK_TONE})


@story
async def while_they_talk(rig: Rig) -> None:
    """The trunk hears another voice in the same stream, and no word of SIP."""
    async with (
        waiting(rig.gateway, "sales-1", play=other_tone(rig)) as second,
        answered(rig) as dialed,
    ):
        await talk(dialed)
        await taken(dialed, second, "sales-1")
        await talk_to(dialed, second)
        assert len({each.packet.ssrc for each in dialed.sound.heard}) == 1
        assert dialed.line.requests() == ["INVITE", "ACK"]
        await second.ask("dtmf", digits="7")
        await dialed.sound.hear_digits("7")
        await second.hang_up()
        await dialed.line.hear("BYE")
        assert second.ended() == ("local", "hangup", 200)


@story
async def from_hold(rig: Rig) -> None:
    """As most people do it; whoever accepts is heard."""
    async with (
        waiting(rig.gateway, "sales-2", play=other_tone(rig)) as second,
        answered(rig) as dialed,
    ):
        line, call, sound = dialed
        await call.ask("hold")
        held = await line.hear("INVITE")
        assert "a=sendonly" in held.body
        line.respond(200, describe(sound.port, direction="recvonly", version=2), to=held)
        await call.hear("held")
        await taken(dialed, second, "sales-2")
        resumed = await line.hear("INVITE")
        assert "a=sendrecv" in resumed.body
        line.respond(200, describe(sound.port, version=3), to=resumed)
        await second.hear("resumed")
        await talk_to(dialed, second)
        assert (await line.request("BYE")).status == 200
        await second.end()
        assert second.ended() == ("remote", "hangup", 200)


@story
async def rejected(rig: Rig) -> None:
    async with waiting(rig.gateway, "sales-3") as second, answered(rig) as dialed:
        await dialed.call.ask("transfer", identity="sales-3")
        await second.hear("incoming")
        await second.reject(486)
        assert (await dialed.call.hear("transferFailed"))["sipCode"] == 486
        await talk(dialed)
        await hang_up(dialed)


@story
async def nobody_there(rig: Rig) -> None:
    async with answered(rig) as dialed:
        await dialed.call.ask("transfer", identity="nobody")
        assert (await dialed.call.hear("transferFailed"))["sipCode"] == 480
        await talk(dialed)
        await hang_up(dialed)


class TestStories(StoryTests):
    """Each of them, and what is left of all."""
