"""Answers as sloppy stacks write them: no call is lost to a line that it can do without.

Each is taken from what PBXs and carriers send. Up means up: sound both ways, and a digit both ways.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.odd_calls import (
    OTHER_TONE,
    Dialed,
    Rig,
    Stories,
    StoryTests,
    hang_up,
    odd_rig,
    said_why,
    talk,
    use,
)
from tests.end_to_end.odd_descriptions import NO_DESCRIPTION, UP, USELESS, Change, written
from tests.end_to_end.odd_sound import open_sound
from tests.end_to_end.odd_trunk import describe
from tests.end_to_end.trunks import idle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

STORIES = story = Stories()


async def up(rig: Rig, changes: tuple[Change, ...]) -> None:
    async with rig.dial(dtmf="5") as dialed:
        line, _, sound = dialed
        line.respond(180)
        await line.answer(written(sound.port, *changes))
        await use(dialed)


async def of_no_use(rig: Rig, changes: tuple[Change, ...], words: str) -> None:
    async with rig.dial() as dialed:
        line, call, sound = dialed
        line.respond(180)
        await line.answer(written(sound.port, *changes))
        await said_why(rig, dialed, words)
        assert not call.came("answered")


STORIES |= {name: partial(up, changes=changes) for name, changes in UP.items()}
STORIES |= {
    name: partial(of_no_use, changes=changes, words=words)
    for name, (changes, words) in USELESS.items()
}


# Stories that take more than one answer


@story
async def no_sdp_anywhere(rig: Rig) -> None:
    async with rig.dial() as dialed:
        dialed.line.respond(180)
        await dialed.line.answer("")
        await said_why(rig, dialed, NO_DESCRIPTION)


@story
async def text_in_place_of_sdp(rig: Rig) -> None:
    async with rig.dial() as dialed:
        await dialed.line.answer("welcome to our service", kind="text/plain")
        await said_why(rig, dialed, NO_DESCRIPTION)


@story
async def nonsense_in_place_of_sdp(rig: Rig) -> None:
    async with rig.dial() as dialed:
        await dialed.line.answer("nonsense\r\n")
        await said_why(rig, dialed, '"nonsense" is not <type>=<value>')


@story
async def sdp_that_is_cut_off(rig: Rig) -> None:
    async with rig.dial() as dialed:
        await dialed.line.answer("v=0\r\nm=audio")
        await said_why(rig, dialed, '"audio" is not <media> <port>')


async def _good_after_bad_progress(rig: Rig, *changes: Change) -> None:
    """A 183 that cannot be used costs nothing: the 200 counts."""
    async with rig.dial(dtmf="5") as dialed:
        line, _, sound = dialed
        line.respond(183, written(sound.port, *changes))
        await asyncio.sleep(0.2)  # as long as it would take to hang up
        await line.answer(describe(sound.port, version=2))
        await use(dialed)


@story
async def progress_with_port_0(rig: Rig) -> None:
    await _good_after_bad_progress(rig, ("m=audio {port}", "m=audio 0"))


@story
async def progress_that_is_inactive(rig: Rig) -> None:
    await _good_after_bad_progress(rig, ("a=sendrecv", "a=inactive"))


@story
async def progress_with_another_codec(rig: Rig) -> None:
    await _good_after_bad_progress(rig, ("RTP/AVP 0 101", "RTP/AVP 18"))


@story
async def progress_with_nonsense(rig: Rig) -> None:
    await _good_after_bad_progress(rig, ("v=0", "nonsense"), ("m=audio", "m=audi"))


@story
async def no_sdp_after_early_media(rig: Rig) -> None:
    """RFC 3261 section 13.2.1 wants it in the 200 as well; Asterisk and others leave it out."""
    async with rig.dial(dtmf="5") as dialed:
        dialed.line.respond(183, describe(dialed.sound.port))
        await dialed.line.answer("")
        await use(dialed)


@story
async def no_sdp_after_an_agreement_by_prack(rig: Rig) -> None:
    async with rig.dial(dtmf="5") as dialed:
        line, call, sound = dialed
        await line.respond_reliably(183, describe(sound.port))
        await call.hear("ringing")
        await line.answer("")
        await use_after_prack(dialed)


async def use_after_prack(dialed: Dialed) -> None:
    line = dialed.line
    await dialed.call.hear("answered")
    await dialed.sound.hear_digits("5")
    await talk(dialed)
    await hang_up(dialed)
    assert line.requests() == ["INVITE", "PRACK", "ACK", "BYE"]


@story
async def sdp_repeated_after_an_agreement_by_prack(rig: Rig) -> None:
    """What was agreed stands; the 200's SDP is no answer any more (RFC 6337 section 2.2)."""
    async with rig.dial(dtmf="5") as dialed, open_sound(OTHER_TONE) as other:
        line, call, sound = dialed
        await line.respond_reliably(183, describe(sound.port))
        await call.hear("ringing")
        await line.answer(describe(other.port, version=2))
        await use_after_prack(dialed)
        assert not other.heard


async def _agree_by_update(rig: Rig, last: Callable[[int], str]) -> None:
    """The early dialog moves the media by UPDATE; `last` makes the 200's SDP of the first port."""
    async with rig.dial(dtmf="5") as dialed, open_sound(OTHER_TONE) as first:
        line, call, sound = dialed
        await line.respond_reliably(183, describe(first.port))
        await call.hear("ringing")
        response = await line.request("UPDATE", describe(sound.port, version=2))
        assert response.status == 200
        assert "m=audio" in response.body
        await line.answer(last(first.port))
        await use_after_prack(dialed)
        left = first.heard[-1].at if first.heard else 0.0
        assert left < call.came("answered")[0] + 0.1, "the media went back to the first port"


@story
async def no_sdp_after_an_agreement_by_update(rig: Rig) -> None:
    await _agree_by_update(rig, lambda port: "")


@story
async def sdp_repeated_after_an_agreement_by_update(rig: Rig) -> None:
    await _agree_by_update(rig, describe)


# Opus: what RFC 7587 wants to be written as opus/48000/2

OPUS_UP = ("opus/48000/2", "opus/48000/1", "opus/48000", "OPUS/48000/2")


async def opus_up(rig: Rig, spelling: str) -> None:
    async with rig.dial(dtmf="5", codec="opus") as dialed:
        line, call, sound = dialed
        sound.event = 103  # at 48 kHz
        rtpmaps = (f"107 {spelling}", "103 telephone-event/48000")
        await line.answer(describe(sound.port, formats="107 103", rtpmaps=rtpmaps))
        answered = await call.hear("answered")
        assert answered["codec"] == {"browser": "opus", "trunk": "opus"}
        await use(dialed)


# The tests


class TestStories(StoryTests):
    """Each of them, and what is left of all."""


async def test_opus(tone: Path, tmp_path: Path) -> None:
    async with odd_rig(tmp_path, tone, codecs=("opus", "PCMU")) as rig:
        calls = [opus_up(rig, spelling) for spelling in OPUS_UP]
        ends = await asyncio.gather(*calls, return_exceptions=True)
        failed = [each for each in zip(OPUS_UP, ends, strict=True) if each[1] is not None]
        assert not failed
        await idle(rig.gateway)
