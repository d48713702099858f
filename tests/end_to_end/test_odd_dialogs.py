"""What trunks send within a call, each request in a call of its own, which must outlive it."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import TYPE_CHECKING, TypedDict, Unpack

import pytest

from tests.end_to_end.odd_calls import (
    OTHER_TONE,
    Dialed,
    Rig,
    Stories,
    StoryTests,
    answered,
    hang_up,
    talk,
)
from tests.end_to_end.odd_messages import origin_of
from tests.end_to_end.odd_requests import ASKED, DTMF, RELAY, Ask
from tests.end_to_end.odd_sound import Sound, open_sound
from tests.end_to_end.odd_trunk import SDP, describe, offered_port

if TYPE_CHECKING:
    from tests.peers.sipp import SipMessage

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

STORIES = story = Stories()


async def ask(rig: Rig, asked: Ask) -> None:
    async with answered(rig) as dialed:
        line, call, _ = dialed
        response = await line.request(asked.method, asked.body, *asked.headers, kind=asked.kind)
        assert response.status == asked.code, response.start_line
        for header in asked.has:
            assert response.header(header), f"no {header} in {response.headers}"
        if asked.digit:
            pressed = await call.hear("dtmf")
            assert (pressed["digit"], pressed["duration"]) == (asked.digit, asked.duration)
        await talk(dialed)
        await hang_up(dialed)
        assert call.kinds.count("dtmf") == len(asked.digit)
        assert line.requests() == ["INVITE", "ACK", "BYE"]


STORIES |= {name: partial(ask, asked=asked) for name, asked in ASKED.items()}


@story
async def what_we_say_of_ourselves(rig: Rig) -> None:
    """Allow and Supported are true, and the same in INVITE and in OPTIONS."""
    async with answered(rig) as dialed:
        line = dialed.line
        response = await line.request("OPTIONS")
        assert line.invite is not None
        for message in (line.invite, response):
            assert listed(message, "allow") == {
                "INVITE", "ACK", "CANCEL", "BYE", "PRACK", "UPDATE", "INFO", "OPTIONS"
            }  # fmt: skip
            assert listed(message, "supported") == {"100rel", "timer"}
        assert listed(response, "accept") >= {SDP, RELAY, DTMF}
        await talk(dialed)
        await hang_up(dialed)


def listed(message: SipMessage, name: str) -> set[str]:
    """Return the values of a header, in however many lines."""
    values = [value for header, value in message.headers if header == name]
    return {each.strip() for value in values for each in value.split(",")}


@story
async def a_digit_repeated_is_one(rig: Rig) -> None:
    """A retransmission gets the same answer again, and is no second digit."""
    async with answered(rig) as dialed:
        line, call, _ = dialed
        await line.request("INFO", "Signal=5\r\nDuration=160\r\n", kind=RELAY)
        line.send_again()
        await line.hear(200)
        await line.request("INFO", "Signal=5\r\nDuration=160\r\n", kind=RELAY)
        await call.hear("dtmf", count=2)
        await talk(dialed)
        await hang_up(dialed)
        assert call.kinds.count("dtmf") == 2


@story
async def digits_in_a_row(rig: Rig) -> None:
    """None is lost and none changes places, as quickly as they come."""
    async with answered(rig) as dialed:
        line, call, _ = dialed
        for number, digit in enumerate("0123456789", start=1):
            line.start_request("INFO", f"Signal={digit}", kind=RELAY, cseq=number)
        await call.hear("dtmf", count=10)
        for _ in range(10):
            await line.hear(200)
        await talk(dialed)
        await hang_up(dialed)
        digits = [each["digit"] for each in call.messages if each["type"] == "dtmf"]
        assert "".join(digits) == "0123456789"


@story
async def a_request_that_comes_too_late(rig: Rig) -> None:
    """A lower CSeq than the last one's is out of order: 500 (RFC 3261 section 12.2.2)."""
    async with answered(rig) as dialed:
        line, call, _ = dialed
        assert (await line.request("INFO", cseq=20)).status == 200
        late = await line.request("INFO", "Signal=5", kind=RELAY, cseq=10)
        assert late.status == 500
        assert (await line.reinvite(changed(dialed.sound), cseq=11)).status == 500
        assert (await line.request("INFO", cseq=21)).status == 200
        await talk(dialed)
        await hang_up(dialed)
        assert "dtmf" not in call.kinds


@story
async def an_unknown_dialog(rig: Rig) -> None:
    """The tag of another call: 481 (RFC 3261 section 12.2.2), and the call goes on."""
    async with answered(rig) as dialed:
        line = dialed.line
        line.tag = "somebody-else"
        response = await line.request("INFO", "Signal=5", kind=RELAY)
        assert response.status == 481
        line.tag = "trunk"
        await talk(dialed)
        await hang_up(dialed)
        assert "dtmf" not in dialed.call.kinds


# re-INVITEs


class How(TypedDict, total=False):
    """What else of a description changes, as `describe` has it."""

    host: str
    direction: str
    rtpmaps: tuple[str, ...]


def changed(sound: Sound, version: int = 2, **how: Unpack[How]) -> str:
    return describe(sound.port, version=version, **how)


async def refused(rig: Rig, offer: str) -> None:
    """Expect 488 with a Warning that says why, and the call to go on (RFC 3261 section 14.2)."""
    async with answered(rig) as dialed:
        response = await dialed.line.reinvite(offer)
        assert response.status == 488, response.start_line
        assert re.fullmatch(r'3\d\d \S+ ".+"', response.header("warning") or ""), response.headers
        await talk(dialed)
        await hang_up(dialed)


IMAGE = "m=image 40000 udptl t38"


@story
async def an_image_only(rig: Rig) -> None:
    """A fax machine has been heard: pjproject up to 2.17 is said to abort at this."""
    offer = describe(9, version=2).replace("m=audio 9 RTP/AVP 0 101", IMAGE)
    await refused(rig, re.sub(r"a=rtpmap.*\r\n", "", offer))


@story
async def an_image_in_place_of_the_audio(rig: Rig) -> None:
    offer = describe(9, version=2).replace("m=audio 9", "m=audio 0")
    await refused(rig, f"{offer}{IMAGE}\r\na=T38FaxVersion:0\r\n")


@story
async def no_medium(rig: Rig) -> None:
    await refused(rig, describe(9, version=2).partition("m=audio")[0])


@story
async def a_codec_that_nobody_has(rig: Rig) -> None:
    await refused(rig, describe(9, version=2, formats="18", rtpmaps=("18 G729/8000",)))


@story
async def encryption(rig: Rig) -> None:
    await refused(rig, describe(9, version=2).replace("RTP/AVP", "RTP/SAVP"))


@story
async def an_offer_that_is_nonsense(rig: Rig) -> None:
    async with answered(rig) as dialed:
        response = await dialed.line.reinvite("nonsense\r\n")
        assert response.status in (400, 488)
        await talk(dialed)
        await hang_up(dialed)


@story
async def an_offer_with_odd_lines(rig: Rig) -> None:
    """What an answer may have odd, an offer may as well."""
    async with answered(rig) as dialed:
        odd = "a=ssrc:1\r\na=fmtp:107\r\nb=AS:\r\n\r\na=rtpmap:96\r\na=ptime:\r\n"
        offer = changed(dialed.sound).replace("s=-", "s=").replace("o=trunk 1", "o= 1")
        response = await dialed.line.reinvite(offer + odd + "m=video 0 RTP/AVP 31\r\n")
        assert response.status == 200
        assert [line.split()[:2] for line in response.body.split("\r\n") if line[:2] == "m="] == [
            ["m=audio", str(offered_port(dialed.line))],
            ["m=video", "0"],
        ]
        await talk(dialed)
        await hang_up(dialed)


@story
async def an_offer_repeated(rig: Rig) -> None:
    """A retransmission while the offer is considered is no second one."""
    async with answered(rig) as dialed:
        line, _, sound = dialed
        line.cseq = 1
        line.start_request("INVITE", changed(sound), cseq=1)
        line.send_again()
        line.send_again()
        line.acknowledge(await line.hear(200))
        await talk(dialed)
        responses = [each for each in line.received if (each.status or 0) >= 200]
        assert {(each.status, each.body) for each in responses} == {(200, responses[0].body)}
        await hang_up(dialed)


@story
async def an_offer_and_the_end(rig: Rig) -> None:
    """A BYE right behind a re-INVITE: each is answered (RFC 3261 section 15.1.2), and all ends."""
    async with answered(rig) as dialed:
        line, call, sound = dialed
        offering = asyncio.create_task(line.request("INVITE", changed(sound), cseq=1))
        ending = asyncio.create_task(line.request("BYE", cseq=2))
        assert (await ending).status == 200
        response = await offering
        assert response.status in (200, 487), response.start_line
        line.acknowledge(response)
        await call.end()
        assert call.ended() == ("remote", "hangup", 200)


@story
async def hold_as_it_was_before_rfc_3264(rig: Rig) -> None:
    """c=0.0.0.0, no rtpmap, no direction: nothing is sent there, until it is over."""
    async with answered(rig) as dialed:
        line, _, sound = dialed
        held = changed(sound, host="0.0.0.0", rtpmaps=()).replace("a=sendrecv\r\n", "")
        response = await line.reinvite(held)
        assert response.status == 200
        await sound.expect_silence()
        response = await line.reinvite(changed(sound, 3))
        assert response.status == 200
        assert direction(response) == "sendrecv"
        await talk(dialed)
        await hang_up(dialed)


def direction(response: SipMessage) -> str:
    found = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)\r?$", response.body, re.M)
    return found[1] if found else "sendrecv"


async def _resume_without_sdp(dialed: Dialed, ack: str) -> SipMessage:
    """Hold, then ask for an offer by a re-INVITE without SDP, as PBXs resume a call."""
    line, _, sound = dialed
    held = await line.reinvite(changed(sound, direction="sendonly"))
    assert direction(held) == "recvonly"
    await sound.expect_silence()
    offer = await line.reinvite(ack=ack)
    assert offer.status == 200
    assert line.invite is not None
    # RFC 3261 section 14.2: an offer as of a brand new call
    assert direction(offer) == "sendrecv"
    assert formats(offer) == formats(line.invite)
    offered, held_by, first = map(origin_of, (offer, held, line.invite))
    assert offered.version > held_by.version > first.version
    return offer


def formats(message: SipMessage) -> list[str]:
    return message.body.partition("m=audio ")[2].partition("\r\n")[0].split()[2:]


@story
async def resumed_without_sdp(rig: Rig) -> None:
    async with answered(rig) as dialed:
        await _resume_without_sdp(dialed, changed(dialed.sound, 3))
        await talk(dialed)
        await hang_up(dialed)


@story
async def resumed_without_sdp_elsewhere(rig: Rig) -> None:
    """The ACK's address, codec and event number take effect, and digits outlive the hold."""
    async with (
        answered(rig, dtmf="123456") as dialed,
        open_sound(OTHER_TONE, codec="PCMA") as other,
    ):
        line, call, sound = dialed
        rtpmaps = ("8 PCMA/8000", "96 telephone-event/8000")
        ack = describe(other.port, version=3, formats="8 96", rtpmaps=rtpmaps)
        await _resume_without_sdp(dialed, ack)
        other.event = 101  # the number that our offer gave it is what we receive
        await other.hear(1)
        other.press("4")
        assert (await call.hear("dtmf"))["digit"] == "4"
        await other.until(lambda: other.digits_by(96).endswith("6"), 8.0, "the last digit as 96")
        await talk(Dialed(line, call, other))
        assert not sound.heard or sound.heard[-1].at < other.heard[0].at
        await hang_up(dialed, heard=OTHER_TONE)


@story
async def held_by_the_ack(rig: Rig) -> None:
    """The trunk answers our offer with a hold; a later re-INVITE ends it."""
    async with answered(rig) as dialed:
        line, _, sound = dialed
        await _resume_without_sdp(dialed, changed(sound, 3, direction="sendonly"))
        await sound.expect_silence()
        assert (await line.reinvite(changed(sound, 4))).status == 200
        await talk(dialed)
        await hang_up(dialed)


@story
async def an_ack_without_the_answer(rig: Rig) -> None:
    """Nothing was agreed, so that all stays as it was."""
    async with answered(rig) as dialed:
        line, _, sound = dialed
        await line.reinvite()
        assert (await line.reinvite(changed(sound, 3))).status == 200
        await talk(dialed)
        await hang_up(dialed)


@story
async def a_bye_twice(rig: Rig) -> None:
    """The second gets an answer as well, and the page hears of one end."""
    async with answered(rig) as dialed:
        line, call, _ = dialed
        assert (await line.request("BYE")).status == 200
        line.send_again()
        assert (await line.hear(200)).status == 200
        assert (await line.request("BYE")).status in (200, 481)
        await call.end()
        assert call.ended() == ("remote", "hangup", 200)


# The tests


class TestStories(StoryTests):
    """Each of them, and what is left of all."""
