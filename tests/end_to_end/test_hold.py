"""Hold and resume: by the page, by the far end, by both, refused, and across other changes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

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
    odd_rig,
    talk,
)
from tests.end_to_end.odd_messages import origin_of
from tests.end_to_end.odd_trunk import Line, describe
from tests.end_to_end.recording import assert_heard
from tests.tones import make_tone, write_wav

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.end_to_end.phone import PhoneCall
    from tests.peers.sipp import SipMessage

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

STORIES = story = Stories()
MUSIC = 1000.0  # Hz
ALL = {TONE, TRUNK_TONE, MUSIC}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(tone: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    """A gateway with music, whose trunk is played by hand."""
    folder = tmp_path_factory.mktemp("gateway")
    music = write_wav(folder / "music.wav", make_tone(MUSIC, seconds=1, rate=16000), 16000)
    overrides = {"media": {"hold_music": str(music)}}
    async with odd_rig(folder, tone, overrides=overrides) as rig:
        yield rig


async def offered(line: Line, direction: str, *, limit: float = 8.0) -> SipMessage:
    """Return our next re-INVITE, which offers this direction."""
    reinvite = await line.hear("INVITE", limit=limit)
    assert f"a={direction}\r\n" in reinvite.body
    return reinvite


async def agree(dialed: Dialed, offer: SipMessage, direction: str, *, version: int = 2) -> None:
    """Answer a re-INVITE of ours."""
    line, _, sound = dialed
    line.respond(200, describe(sound.port, version=version, direction=direction), to=offer)
    await line.hear("ACK")


async def told(call: PhoneCall, kind: str, by: str = "local", *, count: int = 1) -> None:
    """Wait until the page has been told so of one side, so many times."""
    seen = 0
    while sum(each["by"] == by for each in of_kind(call, kind)) < count:
        seen += 1
        await call.hear(kind, count=max(seen, len(of_kind(call, kind)) + 1))


def of_kind(call: PhoneCall, kind: str) -> list[dict[str, str]]:
    return [each for each in call.messages if each["type"] == kind]


async def hold(dialed: Dialed, *, offer: str = "sendonly", answer: str = "recvonly") -> None:
    """Have the page hold the far end, which agrees."""
    before = sum(each["by"] == "local" for each in of_kind(dialed.call, "held"))
    await dialed.call.ask("hold")
    await agree(dialed, await offered(dialed.line, offer), answer)
    await told(dialed.call, "held", count=before + 1)


async def resume(dialed: Dialed, *, answer: str = "sendrecv") -> None:
    """Have the page hold it no longer."""
    before = sum(each["by"] == "local" for each in of_kind(dialed.call, "resumed"))
    await dialed.call.ask("resume")
    await agree(dialed, await offered(dialed.line, "sendrecv"), answer, version=3)
    await told(dialed.call, "resumed", count=before + 1)


async def hear_music(dialed: Dialed) -> None:
    """The far end hears music, and nothing of the caller."""
    sound = dialed.sound
    await sound.hear(TALK)
    assert_heard(sound.samples(JUDGED), sound.rate, present=[MUSIC], absent=ALL - {MUSIC})


# -- by the page


@story
async def held_and_resumed(rig: Rig) -> None:
    async with answered(rig) as dialed:
        line, call, _ = dialed
        await talk(dialed)
        await hold(dialed)
        await hear_music(dialed)
        await resume(dialed)
        await talk(dialed)
        await hang_up(dialed)
        assert line.requests() == ["INVITE", "ACK", "INVITE", "ACK", "INVITE", "ACK", "BYE"]
        invites = [each for each in line.received if each.method == "INVITE"]
        numbers = [origin_of(each) for each in invites]
        assert len({session for session, _ in numbers}) == 1
        assert [version - numbers[0][1] for _, version in numbers] == [0, 1, 2]
        assert call.kinds.count("held") == call.kinds.count("resumed") == 1


@story
async def music_begins_with_the_press(rig: Rig) -> None:
    """Whoever wants to be heard no more is not, long before the far end has agreed."""
    async with answered(rig) as dialed:
        await dialed.call.ask("hold")
        offer = await offered(dialed.line, "sendonly")
        await hear_music(dialed)
        assert not of_kind(dialed.call, "held"), "nothing stands yet"
        await agree(dialed, offer, "recvonly")
        await told(dialed.call, "held")
        await resume(dialed)
        await talk(dialed)
        await hang_up(dialed)


@story
async def nobody_is_heard_who_is_held(rig: Rig) -> None:
    """What the far end sends all the same stays with us."""
    async with answered(rig) as dialed:
        await talk(dialed)
        await hold(dialed)
        await asyncio.sleep(0.2)  # what was on its way
        before = dialed.call.heard.size
        await hear_music(dialed)
        assert dialed.call.heard.size == before, "the caller hears who is on hold"
        await resume(dialed)
        await talk(dialed)
        await hang_up(dialed)


@story
async def hold_before_the_answer(rig: Rig) -> None:
    async with rig.dial() as dialed:
        line, call, sound = dialed
        line.respond(180)
        await call.hear("ringing")
        await call.ask("hold")
        error = await call.hear("error")
        assert (error["name"], error["fatal"]) == ("bad-request", False)
        await line.answer(describe(sound.port))
        await call.hear("answered")
        await talk(dialed)
        await hang_up(dialed)


@story
async def held_twice(rig: Rig) -> None:
    """The second press is answered, and the trunk is not asked again."""
    async with answered(rig) as dialed:
        await hold(dialed)
        await dialed.call.ask("hold")
        await told(dialed.call, "held", count=2)
        await resume(dialed)
        await dialed.call.ask("resume")
        await told(dialed.call, "resumed", count=2)
        await talk(dialed)
        await hang_up(dialed)
        assert dialed.line.requests().count("INVITE") == 3


@story
async def a_mind_that_changes(rig: Rig) -> None:
    """Pressed again before the first has its answer: one re-INVITE after the other."""
    async with answered(rig) as dialed:
        line, call, _ = dialed
        for kind in ("hold", "resume", "hold", "resume"):
            await call.ask(kind)
        await agree(dialed, await offered(line, "sendonly"), "recvonly")
        await agree(dialed, await offered(line, "sendrecv"), "sendrecv", version=3)
        await told(call, "resumed")
        await talk(dialed)
        await hang_up(dialed)


@story
async def hung_up_on_hold(rig: Rig) -> None:
    async with answered(rig) as dialed:
        await hold(dialed)
        await dialed.call.hang_up()
        await dialed.line.hear("BYE")
        assert dialed.call.ended() == ("local", "hangup", 200)


@story
async def the_far_end_leaves_on_hold(rig: Rig) -> None:
    async with answered(rig) as dialed:
        await hold(dialed)
        assert (await dialed.line.request("BYE")).status == 200
        await dialed.call.end()
        assert dialed.call.ended() == ("remote", "hangup", 200)


@story
async def the_far_end_leaves_while_it_is_asked(rig: Rig) -> None:
    async with answered(rig) as dialed:
        line, call, _ = dialed
        await call.ask("hold")
        offer = await offered(line, "sendonly")
        line.respond(100, to=offer)
        assert (await line.request("BYE")).status == 200
        line.respond(487, to=offer)
        await call.end()
        assert call.ended() == ("remote", "hangup", 200)
        assert not of_kind(call, "error")


# -- refusals and crossings


async def refuse(line: Line, offer: SipMessage, code: int, *headers: str) -> None:
    line.respond(code, "", *headers, to=offer)
    await line.hear("ACK")


@story
async def hold_refused(rig: Rig) -> None:
    async with answered(rig) as dialed:
        line, call, _ = dialed
        for count, code in enumerate((488, 603, 500), start=1):
            await call.ask("hold")
            await refuse(line, await offered(line, "sendonly"), code)
            error = await call.hear("error", count=count)
            assert (error["name"], error["code"], error["fatal"]) == ("hold-refused", code, False)
            await talk(dialed)
        assert not of_kind(call, "held")
        await hang_up(dialed)


@story
async def resume_refused(rig: Rig) -> None:
    """Then it stays on hold, and may be asked again."""
    async with answered(rig) as dialed:
        line, call, _ = dialed
        await hold(dialed)
        await call.ask("resume")
        await refuse(line, await offered(line, "sendrecv"), 488)
        assert (await call.hear("error"))["name"] == "resume-refused"
        await hear_music(dialed)
        await resume(dialed)
        await talk(dialed)
        await hang_up(dialed)


@story
async def an_agreement_that_cannot_be_used(rig: Rig) -> None:
    """A 200 without a description, or with one that refuses the audio: the trunk takes it back."""
    async with answered(rig) as dialed:
        line, call, _ = dialed
        for count, text in enumerate(("", describe(0, version=2)), start=1):
            await call.ask("hold")
            line.respond(200, text, to=await offered(line, "sendonly"))
            await line.hear("ACK")
            assert (await call.hear("error", count=count))["name"] == "hold-refused"
            await agree(dialed, await offered(line, "sendrecv"), "sendrecv", version=2 + count)
            await talk(dialed)
        assert not of_kind(call, "resumed")
        await hang_up(dialed)


@story
async def glare(rig: Rig) -> None:
    """Both ask at once: 491 both ways, and ours comes again after 2.1 to 4 s (RFC 3261, 14.1)."""
    async with answered(rig) as dialed:
        line, call, sound = dialed
        await call.ask("hold")
        offer = await offered(line, "sendonly")
        assert (await line.reinvite(describe(sound.port, version=2))).status == 491
        clock = asyncio.get_running_loop().time
        refused = clock()
        await refuse(line, offer, 491)
        again = await offered(line, "sendonly")
        assert clock() - refused > 2.0  # when at the latest is for `offered` to say
        await agree(dialed, again, "recvonly", version=3)
        await told(call, "held")
        assert not of_kind(call, "error")
        await resume(dialed)
        await talk(dialed)
        await hang_up(dialed)


@story
async def glare_and_a_change_of_theirs(rig: Rig) -> None:
    """After the crossing theirs comes first, and is answered; ours still holds."""
    async with answered(rig) as dialed:
        line, call, sound = dialed
        await call.ask("hold")
        await refuse(line, await offered(line, "sendonly"), 491)
        theirs = await line.reinvite(describe(sound.port, version=2))
        assert (theirs.status, "a=sendrecv" in theirs.body) == (200, True)
        await agree(dialed, await offered(line, "sendonly"), "recvonly", version=3)
        await told(call, "held")
        await hear_music(dialed)
        await resume(dialed)
        await talk(dialed)
        await hang_up(dialed)


@story
async def resumed_before_it_was_tried_again(rig: Rig) -> None:
    """Nothing has to be taken back: the trunk is not asked."""
    async with answered(rig) as dialed:
        line, call, _ = dialed
        await call.ask("hold")
        await refuse(line, await offered(line, "sendonly"), 491)
        await call.ask("resume")
        await told(call, "resumed")
        await talk(dialed)
        await asyncio.sleep(4.2)
        await hang_up(dialed)
        assert line.requests().count("INVITE") == 2


@story
async def not_now(rig: Rig) -> None:
    """500 with Retry-After: the trunk was busy with another change (RFC 3261 section 14.2)."""
    async with answered(rig) as dialed:
        line, call, _ = dialed
        await call.ask("hold")
        await refuse(line, await offered(line, "sendonly"), 500, "Retry-After: 1")
        await agree(dialed, await offered(line, "sendonly"), "recvonly")
        await told(call, "held")
        await resume(dialed)
        await talk(dialed)
        await hang_up(dialed)


@story
async def while_a_change_of_theirs_is_under_way(rig: Rig) -> None:
    """Ours waits until theirs has been acknowledged."""
    async with answered(rig) as dialed:
        line, call, sound = dialed
        response = await line.request("INVITE", describe(sound.port, version=2))
        assert response.status == 200
        await call.ask("hold")
        await hear_music(dialed)
        before = line.requests().count("INVITE")
        line.acknowledge(response)
        await agree(dialed, await offered(line, "sendonly"), "recvonly", version=3)
        await told(call, "held")
        assert before == 1
        await resume(dialed)
        await talk(dialed)
        await hang_up(dialed)


# -- by the far end, and by both


async def change(line: Line, method: str, offer: str) -> str:
    """Make an offer in mid-call; return the direction of our answer."""
    response = await (line.reinvite(offer) if method == "INVITE" else line.request(method, offer))
    assert response.status == 200
    return response.body.rpartition("a=")[2].strip()


@story
async def held_by_the_far_end(rig: Rig) -> None:
    async with answered(rig) as dialed:
        line, call, sound = dialed
        ways = (("INVITE", "sendonly", "recvonly"), ("UPDATE", "inactive", "inactive"))
        for count, (method, theirs, ours) in enumerate(ways, start=1):
            held = describe(sound.port, version=2 * count, direction=theirs)
            assert await change(line, method, held) == ours
            await told(call, "held", "remote", count=count)
            await change(line, method, describe(sound.port, version=2 * count + 1))
            await told(call, "resumed", "remote", count=count)
        await talk(dialed)
        await hang_up(dialed)
        assert call.kinds.count("held") == call.kinds.count("resumed") == 2


@story
async def answered_on_hold(rig: Rig) -> None:
    """As a queue does that plays its music to who has just come."""
    async with rig.dial() as dialed:
        line, call, sound = dialed
        await line.answer(describe(sound.port, direction="sendonly"))
        await told(call, "held", "remote")
        assert call.kinds.index("answered") < call.kinds.index("held")
        await change(line, "INVITE", describe(sound.port, version=2))
        await told(call, "resumed", "remote")
        await talk(dialed)
        await hang_up(dialed)


@story
async def held_by_both(rig: Rig) -> None:
    """A stream that only came is held by inactive; each side ends its own hold (RFC 6337, 5.3)."""
    async with answered(rig) as dialed:
        line, call, sound = dialed
        held = describe(sound.port, version=2, direction="sendonly")
        assert await change(line, "INVITE", held) == "recvonly"
        await told(call, "held", "remote")
        await hold(dialed, offer="inactive", answer="inactive")
        await sound.expect_silence()
        assert await change(line, "INVITE", describe(sound.port, version=5)) == "sendonly"
        await told(call, "resumed", "remote")
        assert not any(each["by"] == "local" for each in of_kind(call, "resumed"))
        await hear_music(dialed)
        await resume(dialed)
        await talk(dialed)
        await hang_up(dialed)


@story
async def resumed_by_the_page_alone(rig: Rig) -> None:
    """We offer sendrecv, and the far end goes on holding us."""
    async with answered(rig) as dialed:
        line, call, sound = dialed
        await hold(dialed)
        held = describe(sound.port, version=3, direction="sendonly")
        assert await change(line, "INVITE", held) == "inactive"
        await told(call, "held", "remote")
        await resume(dialed, answer="sendonly")
        assert not any(each["by"] == "remote" for each in of_kind(call, "resumed"))
        await change(line, "UPDATE", describe(sound.port, version=5))
        await told(call, "resumed", "remote")
        await talk(dialed)
        await hang_up(dialed)


@story
async def asked_for_our_offer_on_hold(rig: Rig) -> None:
    """What they get holds them as before."""
    async with answered(rig) as dialed:
        line, call, sound = dialed
        await hold(dialed)
        answer = describe(sound.port, version=3, direction="recvonly")
        response = await line.reinvite(ack=answer)
        assert "a=sendonly" in response.body
        await hear_music(dialed)
        await resume(dialed)
        await talk(dialed)
        await hang_up(dialed)
        assert call.kinds.count("held") == 1


@story
async def moved_on_hold(rig: Rig) -> None:
    """Their media moves to another port while we hold them; music follows."""
    async with answered(rig) as dialed:
        line, _, sound = dialed
        await hold(dialed)
        moved = describe(sound.port, version=3, formats="0", rtpmaps=("0 PCMU/8000",))
        assert await change(line, "UPDATE", moved) == "sendonly"
        await hear_music(dialed)
        await resume(dialed)
        await talk(dialed)
        await hang_up(dialed)


class TestStories(StoryTests):
    """Each of them, and what is left of all."""
