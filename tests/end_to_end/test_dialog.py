"""The dialog of a call: progress, forks, early and later changes, routes, answers that repeat."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from gateway.caller.sound import RATE
from tests.end_to_end.odd_calls import (
    OTHER_TONE,
    TRUNK_TONE,
    Dialed,
    Rig,
    Stories,
    StoryTests,
    answered,
    hang_up,
    talk,
)
from tests.end_to_end.odd_messages import origin_of, sequence, tag_of
from tests.end_to_end.odd_sound import open_sound
from tests.end_to_end.odd_trunk import Line, describe
from tests.end_to_end.recording import assert_heard

if TYPE_CHECKING:
    from tests.peers.sipp import SipMessage

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

STORIES = story = Stories()


# -- progress and forks


def early(dialed: Dialed) -> list[bool]:
    return [each["earlyMedia"] for each in dialed.call.messages if each["type"] == "ringing"]


@story
async def progress_in_any_order(rig: Rig) -> None:
    """Ringing first, early media then, and what comes later takes it back no more."""
    async with rig.dial() as dialed:
        line, call, sound = dialed
        text = describe(sound.port)
        line.respond(180)
        await call.hear("ringing")
        for code, body in ((182, ""), (180, ""), (183, ""), (181, ""), (183, text), (180, "")):
            line.respond(code, body)
        await call.hear("ringing", count=2)
        for code, body in ((180, text), (183, ""), (183, text), (182, ""), (180, "")):
            line.respond(code, body)
        await sound.hear(1)
        await line.answer(text)
        await call.hear("answered")
        await talk(dialed)
        await hang_up(dialed)
        assert early(dialed) == [False, True]


@story
async def early_media_at_once(rig: Rig) -> None:
    async with rig.dial() as dialed:
        line, call, sound = dialed
        line.respond(183, describe(sound.port))
        await call.hear("ringing")
        await sound.hear(20)
        assert early(dialed) == [True]
        quiet = np.abs(sound.samples(0.3)).max()
        assert quiet < 100, "the caller is heard before the answer"
        await line.answer("")
        await talk(dialed)
        await hang_up(dialed)


@story
async def a_fork_answers(rig: Rig) -> None:
    """Two phones ring, with early media each; media follows the one that answers.

    The other one answers as well, a moment later: ACK and BYE (RFC 3261 section 13.2.2.4).
    """
    async with rig.dial() as dialed, open_sound(OTHER_TONE) as other:
        line, call, sound = dialed
        line.respond(183, describe(other.port), tag="a")
        await other.hear(5)
        line.respond(183, describe(sound.port), tag="b")
        line.respond(200, describe(sound.port), tag="b")
        await _acknowledged(line, "b")
        await call.hear("answered")
        line.respond(200, describe(other.port), tag="a")
        await _acknowledged(line, "a")
        assert tag_of(await line.hear("BYE")) == "a"
        line.tag = "b"
        await talk(dialed)
        assert other.heard[-1].at < sound.heard[-30].at, "media still goes to the other phone"
        await hang_up(dialed)
        assert call.kinds.count("answered") == 1


async def _acknowledged(line: Line, tag: str) -> None:
    assert tag_of(await line.hear("ACK")) == tag


@story
async def a_fork_answers_that_was_silent(rig: Rig) -> None:
    """An announcement from one phone, and the answer from one that only rang."""
    async with rig.dial() as dialed, open_sound(OTHER_TONE) as other:
        line, call, sound = dialed
        line.respond(183, describe(other.port), tag="a")
        line.respond(180, tag="b")
        await other.hear(10)
        line.respond(200, describe(sound.port), tag="b")
        await _acknowledged(line, "b")
        await call.hear("answered")
        line.tag = "b"
        await talk(dialed)
        assert (await line.request("INFO")).status == 200
        await hang_up(dialed)
        assert call.kinds.count("answered") == 1


@story
async def early_media_of_the_last_fork(rig: Rig) -> None:
    """Of two announcements the caller hears the one that began last, alone."""
    async with rig.dial() as dialed, open_sound(OTHER_TONE) as other:
        line, call, sound = dialed
        line.respond(183, describe(other.port), tag="a")
        await other.hear(5)
        line.respond(183, describe(sound.port), tag="b")
        await sound.hear(40)
        line.respond(486, tag="b")
        outcome = await call.end()
        assert call.ended() == ("remote", "busy", 486)
        assert outcome.heard is not None
        assert_heard(outcome.heard[-RATE // 3 :], RATE, present=[TRUNK_TONE], absent=[OTHER_TONE])


@story
async def reliable_progress_of_two_forks(rig: Rig) -> None:
    """Each has its own numbers; each PRACK goes to the right one (RFC 3262 section 4)."""
    async with rig.dial() as dialed:
        line, call, sound = dialed
        assert tag_of(await line.respond_reliably(180, "", number=7, tag="a")) == "a"
        assert tag_of(await line.respond_reliably(180, "", number=3, tag="b")) == "b"
        line.respond(200, describe(sound.port), tag="b")
        await _acknowledged(line, "b")
        await call.hear("answered")
        line.tag = "b"
        await talk(dialed)
        await hang_up(dialed)


# -- PRACK and early UPDATE


@story
async def reliable_progress(rig: Rig) -> None:
    """Each is acknowledged once, by number; a repetition is no news."""
    async with rig.dial() as dialed:
        line, call, sound = dialed
        assert line.invite is not None
        assert "100rel" in (line.invite.header("supported") or "")
        cseq = sequence(line.invite)
        ringing = await line.respond_reliably(180, "", number=100)
        assert ringing.header("rack") == f"100 {cseq} INVITE"
        line.respond(183, describe(sound.port), "Require: 100rel", "RSeq: 101")
        line.send_again()
        progress = await line.hear("PRACK")
        line.respond(200, to=progress)
        assert progress.header("rack") == f"101 {cseq} INVITE"
        await call.hear("ringing", count=2)
        await sound.hear(5)
        await line.answer("")
        await call.hear("answered")
        await talk(dialed)
        await hang_up(dialed)
        assert line.requests() == ["INVITE", "PRACK", "PRACK", "ACK", "BYE"]
        assert early(dialed) == [False, True]


@story
async def early_update(rig: Rig) -> None:
    """The announcement moves and is held before the answer, by UPDATE (RFC 3311)."""
    async with rig.dial() as dialed, open_sound(OTHER_TONE) as other:
        line, call, sound = dialed
        await line.respond_reliably(183, describe(other.port))
        await other.hear(5)
        assert (await line.request("UPDATE")).status == 200  # it refreshes, and changes nothing
        held = await line.request("UPDATE", describe(other.port, version=2, direction="inactive"))
        assert held.status == 200
        assert "a=inactive" in held.body
        await other.expect_silence()
        moved = await line.request("UPDATE", describe(sound.port, version=3))
        assert moved.status == 200
        await sound.hear(5)
        assert "answered" not in call.kinds
        await line.answer("")
        await call.hear("answered")
        await talk(dialed)
        await hang_up(dialed)


@story
async def an_update_before_our_offer_has_its_answer(rig: Rig) -> None:
    """491 (RFC 3311 section 5.2), and the call goes on."""
    async with rig.dial() as dialed:
        line, call, sound = dialed
        await line.respond_reliably(180, "")
        response = await line.request("UPDATE", describe(9, version=2))
        assert response.status == 491
        await line.answer(describe(sound.port))
        await call.hear("answered")
        await talk(dialed)
        await hang_up(dialed)


# -- changes in mid-call, by either method


async def change(line: Line, method: str, offer: str) -> SipMessage:
    """Make an offer in mid-call; return our answer, which must be one."""
    if method == "INVITE":
        response = await line.reinvite(offer)
    else:
        response = await line.request(method, offer)
    assert response.status == 200, response.start_line
    assert response.header("content-type") == "application/sdp"
    return response


async def moved(rig: Rig, method: str) -> None:
    async with answered(rig) as dialed, open_sound(OTHER_TONE) as other:
        line, call, sound = dialed
        await change(line, method, describe(other.port, version=2))
        await talk(Dialed(line, call, other))
        assert sound.heard[-1].at < other.heard[0].at + 0.1, "media still goes to the old port"
        await hang_up(dialed, heard=OTHER_TONE)


@story
async def moved_before_the_old_port_was_heard(rig: Rig) -> None:
    """What comes late from there does not lead the media back: the new port waits for it."""
    async with rig.dial() as dialed, open_sound(OTHER_TONE) as other:
        line, call, sound = dialed
        sound.silent = other.silent = True
        await line.answer(describe(sound.port))
        await call.hear("answered")
        await sound.hear(1)
        await change(line, "INVITE", describe(other.port, version=2))
        await other.hear(5)
        sound.silent = False
        await asyncio.sleep(0.2)  # ten packets of the old port
        await other.hear(5)
        sound.silent, other.silent = True, False
        await talk(Dialed(line, call, other))
        await hang_up(dialed, heard=OTHER_TONE)


async def other_codec(rig: Rig, method: str) -> None:
    async with answered(rig) as dialed:
        line, _, sound = dialed
        rtpmaps = ("8 PCMA/8000", "101 telephone-event/8000")
        offer = describe(sound.port, version=2, formats="8 101", rtpmaps=rtpmaps)
        response = await change(line, method, offer)
        assert "RTP/AVP 8 101\r\n" in response.body
        sound.change_codec("PCMA")
        await talk(dialed)
        await hang_up(dialed)


async def other_events(rig: Rig, method: str) -> None:
    """The numbers are the trunk's to choose, and a row of digits goes on by the new one."""
    async with answered(rig, dtmf="12345678") as dialed:
        line, call, sound = dialed
        rtpmaps = ("0 PCMU/8000", "96 telephone-event/8000")
        offer = describe(sound.port, version=2, formats="0 96", rtpmaps=rtpmaps)
        response = await change(line, method, offer)
        assert "RTP/AVP 0 96\r\n" in response.body
        sound.event = 96
        # The gateway takes the new number once it uses it itself, which may be after its answer
        await sound.until(lambda: bool(sound.digits_by(96)), 8.0, "a digit as 96")
        sound.press("7")
        assert (await call.hear("dtmf"))["digit"] == "7"
        await sound.until(lambda: sound.digits_by(96).endswith("8"), 8.0, "the last digit as 96")
        assert sound.digits_by(101, 96) == "12345678"
        await talk(dialed)
        await hang_up(dialed)


async def held_and_resumed(rig: Rig, method: str) -> None:
    async with answered(rig) as dialed:
        line, _, sound = dialed
        kinds = (("sendonly", "recvonly"), ("inactive", "inactive"), ("recvonly", "sendonly"))
        for version, (theirs, ours) in enumerate(kinds, start=2):
            offer = describe(sound.port, version=version, direction=theirs)
            response = await change(line, method, offer)
            assert f"a={ours}" in response.body
            if theirs == "recvonly":
                await sound.hear(10)
            else:
                await sound.expect_silence()
        await change(line, method, describe(sound.port, version=9))
        await talk(dialed)
        await hang_up(dialed)


for tell in (moved, other_codec, other_events, held_and_resumed):
    for method in ("INVITE", "UPDATE"):
        STORIES[f"{tell.__name__}_by_{method}"] = partial(tell, method=method)


@story
async def our_version_counts(rig: Rig) -> None:
    """An answer that repeats itself keeps its version, another one counts (RFC 3264 section 8)."""
    async with answered(rig) as dialed:
        line, _, sound = dialed
        first = await change(line, "INVITE", describe(sound.port, version=2))
        held = await change(line, "INVITE", describe(sound.port, version=3, direction="inactive"))
        assert line.invite is not None
        numbers = [origin_of(each) for each in (line.invite, first, held)]
        assert len({session for session, _ in numbers}) == 1
        versions = [version for _, version in numbers]
        assert versions[0] <= versions[1] < versions[2] <= versions[0] + 2
        await change(line, "INVITE", describe(sound.port, version=4))
        await talk(dialed)
        await hang_up(dialed)


# -- where requests go


@story
async def through_a_proxy(rig: Rig) -> None:
    """Requests go by the route of the answer, to whom its Contact names (RFC 3261, 12.1.2)."""
    async with rig.dial() as dialed:
        line, call, sound = dialed
        proxy = f"<sip:127.0.0.1:{rig.trunk.port};lr>"
        contact = "Contact: <sip:desk@192.0.2.9:5090>"
        ack = await line.answer(describe(sound.port), f"Record-Route: {proxy}", contact)
        await call.hear("answered")
        await talk(dialed)
        await call.hang_up()
        for message in (ack, await line.hear("BYE")):
            assert "sip:desk@192.0.2.9:5090" in message.start_line
            assert message.header("route") == proxy


@story
async def a_contact_that_changes(rig: Rig) -> None:
    """A re-INVITE moves the far end of the dialog as well (RFC 3261 section 12.2.2)."""
    async with answered(rig) as dialed:
        line, call, sound = dialed
        contact = f"Contact: <sip:desk@127.0.0.1:{rig.trunk.port}>"
        assert (await line.reinvite(describe(sound.port, version=2), contact)).status == 200
        await talk(dialed)
        await call.hang_up()
        assert (await line.hear("BYE")).start_line.startswith("BYE sip:desk@")


# -- answers that come again, or too late


@story
async def an_answer_repeated(rig: Rig) -> None:
    async with rig.dial() as dialed:
        line, call, sound = dialed
        await line.answer(describe(sound.port))
        for _ in range(2):
            line.respond(200, describe(sound.port))
            await line.hear("ACK")
        await talk(dialed)
        await hang_up(dialed)
        assert call.kinds.count("answered") == 1


@story
async def an_answer_that_crosses_the_cancel(rig: Rig) -> None:
    async with rig.dial() as dialed:
        line, call, sound = dialed
        line.yields = False
        line.respond(180)
        await call.hear("ringing")
        hanging_up = asyncio.create_task(call.hang_up())
        await line.hear("CANCEL")
        line.respond(200, describe(sound.port))
        await line.hear("ACK")
        await line.hear("BYE")
        await hanging_up
        assert call.ended() == ("local", "canceled", 487)
        assert "answered" not in call.kinds
        assert not sound.heard


# The tests


class TestStories(StoryTests):
    """Each of them, and what is left of all."""
