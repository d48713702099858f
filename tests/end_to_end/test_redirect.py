"""A REFER of the trunk's: whom the page talks to then, and what of it may not be."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.end_to_end.conftest import TONE
from tests.end_to_end.odd_calls import (
    JUDGED,
    OTHER_TONE,
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
from tests.end_to_end.odd_sound import open_sound
from tests.end_to_end.odd_trunk import Line, describe
from tests.end_to_end.recording import assert_heard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.end_to_end.phone import PhoneCall
    from tests.peers.sipp import SipMessage

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

STORIES = story = Stories()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(tone: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    """A gateway whose trunk, played by hand, may refer it to others."""
    folder = tmp_path_factory.mktemp("gateway")
    async with odd_rig(folder, tone, transfers="allow") as rig:
        yield rig


def names(to: str) -> str:
    return f"Refer-To: <sip:{to}@127.0.0.1>"


async def refer(line: Line, to: str, *headers: str) -> int | None:
    """Send a REFER; return what it is answered with."""
    return (await line.request("REFER", "", names(to), *headers)).status


async def report(line: Line) -> tuple[str, str]:
    """Return the next report, without its version, and whether there are more to come."""
    notify = await line.hear("NOTIFY")
    line.respond(200, to=notify)
    assert (notify.header("event") or "").startswith("refer")
    assert notify.header("content-type") == "message/sipfrag;version=2.0"
    state = (notify.header("subscription-state") or "").partition(";")[0]
    return notify.body.strip().removeprefix("SIP/2.0 "), state


@asynccontextmanager
async def handed_over(rig: Rig, dialed: Dialed, other: Line) -> AsyncIterator[Dialed]:
    """Have another line answer whom the page is handed over to; go on when both hear each other."""
    async with open_sound(OTHER_TONE) as sound:
        await other.hear("INVITE")
        other.respond(180)
        await other.answer(describe(sound.port))
        await dialed.call.hear("redirected")
        await sound.hear(5)
        yield Dialed(other, dialed.call, sound)


async def talk_to(dialed: Dialed) -> None:
    """Wait until the page and the other one have spoken for a while."""
    sound = dialed.sound
    await sound.hear(TALK)
    last = sound.samples(JUDGED)
    assert_heard(last, sound.rate, present=[TONE], absent=[TRUNK_TONE, OTHER_TONE])


def told(call: PhoneCall) -> list[tuple[str, int | None]]:
    kinds = ("redirecting", "redirected", "redirectFailed")
    return [(e["type"], e.get("sipCode")) for e in call.messages if e["type"] in kinds]


def of(message: SipMessage, name: str) -> str:
    return message.header(name) or ""


@story
async def handed_over_to_another_phone(rig: Rig) -> None:
    """A tone from each side before and after; who has referred us is told, and hangs up."""
    async with answered(rig) as dialed:
        await talk(dialed)
        other = rig.trunk.line()
        by = "Referred-By: <sip:ana@127.0.0.1>"
        assert await refer(dialed.line, other.number, by) == 202
        async with handed_over(rig, dialed, other) as now:
            assert other.invite is not None
            assert of(other.invite, "referred-by") == "<sip:ana@127.0.0.1>"
            reports = [await report(dialed.line) for _ in range(3)]
            assert reports == [
                ("100 Trying", "active"),
                ("180 Ringing", "active"),
                ("200 OK", "terminated"),
            ]
            assert (await dialed.line.request("BYE")).status == 200
            await talk_to(now)
            now.sound.press("7")
            assert (await now.call.hear("dtmf"))["digit"] == "7"
            await talk_to(now)
            await hang_up(now, heard=OTHER_TONE)
    assert told(now.call) == [("redirecting", 100), ("redirecting", 180), ("redirected", None)]
    redirected = await now.call.hear("redirected")
    assert redirected["to"] == other.number
    assert redirected["codec"] == {"browser": "opus", "trunk": "PCMU"}


@story
async def from_hold_and_without_its_bye(rig: Rig) -> None:
    """Phones hold before they refer; whoever does not hang up then, is hung up."""
    async with answered(rig) as dialed:
        held = describe(dialed.sound.port, direction="sendonly", version=2)
        assert (await dialed.line.reinvite(held)).status == 200
        await dialed.call.hear("held")
        other = rig.trunk.line()
        assert await refer(dialed.line, other.number, "Refer-Sub: false") == 202
        async with handed_over(rig, dialed, other) as now:
            assert (await now.call.hear("resumed"))["by"] == "remote"
            await talk_to(now)
            bye = await dialed.line.hear("BYE")
            assert "Q.850;cause=16" in of(bye, "reason")
            await talk_to(now)
            await hang_up(now, heard=OTHER_TONE)
        assert "NOTIFY" not in dialed.line.requests()


@story
async def busy(rig: Rig) -> None:
    async with answered(rig) as dialed:
        other = rig.trunk.line()
        assert await refer(dialed.line, other.number) == 202
        await other.hear("INVITE")
        assert await refer(dialed.line, "+15557777") == 491  # one at a time
        other.respond(486)
        await dialed.call.hear("redirectFailed")
        assert await report(dialed.line) == ("100 Trying", "active")
        assert await report(dialed.line) == ("486 Busy Here", "terminated")
        assert told(dialed.call) == [("redirecting", 100), ("redirectFailed", 486)]
        await talk(dialed)
        await hang_up(dialed)


@story
async def who_refers_us_is_gone_at_once(rig: Rig) -> None:
    """The page waits for the answer alone, and gets it."""
    async with answered(rig) as dialed:
        other = rig.trunk.line()
        assert await refer(dialed.line, other.number) == 202
        await other.hear("INVITE")
        assert (await dialed.line.request("BYE")).status == 200
        async with open_sound(OTHER_TONE) as sound:
            other.respond(180)
            await other.answer(describe(sound.port))
            await dialed.call.hear("redirected")
            now = Dialed(other, dialed.call, sound)
            await talk_to(now)
            await hang_up(now, heard=OTHER_TONE)


@story
async def who_refers_us_knows_no_reports(rig: Rig) -> None:
    """The engine ends a dialog that answers 481; whom it has named is talked to all the same."""
    async with answered(rig) as dialed:
        other = rig.trunk.line()
        assert await refer(dialed.line, other.number) == 202
        dialed.line.respond(481, to=await dialed.line.hear("NOTIFY"))
        await other.hear("INVITE")
        await dialed.line.hear("BYE")
        async with open_sound(OTHER_TONE) as sound:
            await other.answer(describe(sound.port))
            await dialed.call.hear("redirected")
            now = Dialed(other, dialed.call, sound)
            await talk_to(now)
            await hang_up(now, heard=OTHER_TONE)


@story
async def nobody_is_left(rig: Rig) -> None:
    async with answered(rig) as dialed:
        other = rig.trunk.line()
        assert await refer(dialed.line, other.number) == 202
        await other.hear("INVITE")
        assert (await dialed.line.request("BYE")).status == 200
        other.respond(486)
        await dialed.call.end()
        assert dialed.call.ended() == ("remote", "busy", 486)


@story
async def the_page_hangs_up_meanwhile(rig: Rig) -> None:
    async with answered(rig) as dialed:
        other = rig.trunk.line()
        assert await refer(dialed.line, other.number) == 202
        await other.hear("INVITE")
        other.respond(180)
        await dialed.call.hear("redirecting", count=2)
        await dialed.call.hang_up()
        await other.hear("CANCEL")
        await dialed.line.hear("BYE")
        assert dialed.call.ended() == ("local", "hangup", 200)


@story
async def whom_the_page_may_not_call(rig: Rig) -> None:
    """The dial plan holds, and nothing leaves for whom it does not allow."""
    async with answered(rig) as dialed:
        line, call, _ = dialed
        for count, to in enumerate(("+442071838750", "112", "operator"), start=1):
            assert await refer(line, to) == 603
            failed = await call.hear("redirectFailed", count=count)
            assert (failed["to"], failed["sipCode"]) == (to, 403)
        for odd in ("", "<sip:127.0.0.1>", "<http://x.example>", "<sip:1@h;method=BYE>", "<"):
            assert (await line.request("REFER", "", f"Refer-To: {odd}")).status == 400
        assert (await line.request("REFER", "")).status == 400
        assert await refer(line, "x" * 300) == 603
        await talk(dialed)
        await hang_up(dialed)
        assert set(line.requests()) == {"INVITE", "ACK", "BYE"}


@story
async def before_the_answer(rig: Rig) -> None:
    async with rig.dial() as dialed:
        line, call, sound = dialed
        line.respond(180)
        await call.hear("ringing")
        assert await refer(line, "+15557777") == 491
        await line.answer(describe(sound.port))
        await call.hear("answered")
        await talk(dialed)
        await hang_up(dialed)


@story
async def in_place_of_a_dialog(rig: Rig) -> None:
    """An attended transfer of the trunk's: the INVITE names the dialog that it replaces."""
    async with answered(rig) as dialed:
        other = rig.trunk.line()
        replaces = "?Replaces=a%40b%3Bto-tag%3Dx%3Bfrom-tag%3Dy"
        target = f"Refer-To: <sip:{other.number}@127.0.0.1{replaces}>"
        assert (await dialed.line.request("REFER", "", target)).status == 202
        async with handed_over(rig, dialed, other) as now:
            assert other.invite is not None
            assert of(other.invite, "replaces") == "a@b;to-tag=x;from-tag=y"
            await talk_to(now)
            await hang_up(now, heard=OTHER_TONE)


class TestStories(StoryTests):
    """Each of them, and what is left of all."""
