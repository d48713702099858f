"""Session timers (RFC 4028): we refresh, or the trunk does, or nobody; and glare.

The shortest interval is 90 seconds, so that most of this is waiting; all of it is done at once.
"""

from __future__ import annotations

import asyncio
import re
from functools import partial

import pytest

from tests.end_to_end.odd_calls import (
    Dialed,
    Rig,
    Stories,
    StoryTests,
    answered,
    hang_up,
    talk,
)
from tests.end_to_end.odd_messages import sequence, tag_of
from tests.end_to_end.odd_trunk import describe

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

STORIES = story = Stories()
AT_ONCE = 10  # some of them wait for a minute

ASKED_EXPIRY = 300  # seconds: a call whose gateway was killed is not paid for much longer
SHORTEST_EXPIRY = 90  # RFC 4028 section 5
WITHOUT_UPDATE = "Allow: INVITE, ACK, CANCEL, BYE"
WITH_UPDATE = f"{WITHOUT_UPDATE}, UPDATE"


def expiry(refresher: str, seconds: int = SHORTEST_EXPIRY) -> tuple[str, ...]:
    return ("Require: timer", f"Session-Expires: {seconds};refresher={refresher}")


async def _timed(dialed: Dialed, refresher: str, allow: str) -> None:
    answer = describe(dialed.sound.port)
    await dialed.line.answer(answer, *expiry(refresher), "Supported: timer", allow)
    await dialed.call.hear("answered")


@story
async def refreshed_by_us_with_update(rig: Rig) -> None:
    """After half of the time, and without a description: nothing changes."""
    async with rig.dial() as dialed:
        await _timed(dialed, "uac", WITH_UPDATE)
        update = await dialed.line.hear("UPDATE", limit=SHORTEST_EXPIRY / 2 + 5)
        assert update.body == ""
        assert (update.header("session-expires") or "").startswith(f"{SHORTEST_EXPIRY}")
        dialed.line.respond(200, "", *expiry("uac"), to=update)
        await talk(dialed)
        await hang_up(dialed)


@story
async def refreshed_by_us_with_reinvite_and_glare(rig: Rig) -> None:
    """Where the trunk has no UPDATE. Its own re-INVITE crosses ours: each refuses the other's.

    RFC 3261 section 14.1: we, who made the Call-ID, try again after 2.1 to 4 seconds.
    """
    async with rig.dial() as dialed:
        line, _, sound = dialed
        await _timed(dialed, "uac", WITHOUT_UPDATE)
        ours = await line.hear("INVITE", limit=SHORTEST_EXPIRY / 2 + 5)
        theirs = await line.reinvite(describe(sound.port, version=2))
        assert theirs.status == 491
        refused = asyncio.get_running_loop().time()
        line.respond(491, to=ours)
        await line.hear("ACK")
        again = await line.hear("INVITE", limit=8)
        assert 2.0 <= asyncio.get_running_loop().time() - refused <= 6
        assert sequence(again) > sequence(ours)
        assert again.body == ours.body, "a refresh repeats what stands (RFC 4028 section 7.4)"
        line.respond(200, describe(sound.port), *expiry("uac"), to=again)
        await line.hear("ACK")
        await talk(dialed)
        await hang_up(dialed)


@story
async def not_refreshed_by_the_trunk(rig: Rig) -> None:
    """The trunk was to refresh and does not: it is gone (RFC 4028 section 10)."""
    async with rig.dial() as dialed:
        await _timed(dialed, "uas", WITH_UPDATE)
        await dialed.line.hear("BYE", limit=SHORTEST_EXPIRY - 20)
        end = (await dialed.call.end()).last
        assert dialed.call.ended() == ("gateway", "connection-lost", 408)
        assert end["durationMs"] >= 1000 * (SHORTEST_EXPIRY - 35)


@story
async def refreshed_by_the_trunk(rig: Rig) -> None:
    """A refresh in time, and the call outlives the moment at which it would have ended."""
    async with rig.dial() as dialed:
        line, call, _ = dialed
        await _timed(dialed, "uas", WITH_UPDATE)
        await asyncio.sleep(SHORTEST_EXPIRY / 2)
        response = await line.request("UPDATE", "", *expiry("uac")[1:], "Supported: timer")
        assert response.status == 200
        await asyncio.sleep(20)
        assert "ended" not in call.kinds
        await talk(dialed)
        await hang_up(dialed)


@story
async def what_is_asked_for(rig: Rig) -> None:
    async with rig.dial() as dialed:
        line, _, sound = dialed
        assert line.invite is not None
        asked = line.invite.header("session-expires") or ""
        assert int(asked.split(";")[0]) == ASKED_EXPIRY
        assert "timer" in (line.invite.header("supported") or "")
        assert "timer" not in (line.invite.header("require") or "")
        await line.answer(describe(sound.port))  # by a trunk that knows no timers
        await talk(dialed)
        await hang_up(dialed)


@story
async def an_interval_that_is_too_small(rig: Rig) -> None:
    """422 says what the trunk wants at least, and it gets that."""
    async with rig.dial() as dialed:
        line, _, sound = dialed
        first = line.invite
        assert first is not None
        line.respond(422, "", "Min-SE: 600")
        await line.hear("ACK")
        second = line.invite = await line.hear("INVITE")
        assert sequence(second) == sequence(first) + 1
        assert tag_of(second) == ""
        assert second.body == first.body
        for name in ("session-expires", "min-se"):
            assert (second.header(name) or "").split(";")[0] == "600", name
        await line.answer(describe(sound.port), *expiry("uac", 600))
        await talk(dialed)
        await hang_up(dialed)


async def refresh(rig: Rig, method: str) -> None:
    """The trunk refreshes: 200 says for how long, and who is to do it the next time."""
    async with answered(rig) as dialed:
        line, _, sound = dialed
        body = describe(sound.port) if method == "INVITE" else ""
        wanted = ("Supported: timer", "Session-Expires: 300;refresher=uac")
        response = await line.request(method, body, *wanted)
        assert response.status == 200
        if method == "INVITE":
            line.acknowledge(response)
        assert re.fullmatch(r"300 ?; ?refresher=uac", response.header("session-expires") or "")
        assert "timer" in (response.header("require") or "")
        small = await line.request(method, body, "Supported: timer", "Session-Expires: 60")
        if method == "INVITE":
            line.acknowledge(small)
        assert small.status == 422
        assert int(small.header("min-se") or 0) >= SHORTEST_EXPIRY
        await talk(dialed)
        await hang_up(dialed)


STORIES["refreshed_with_reinvite"] = partial(refresh, method="INVITE")
STORIES["refreshed_with_update"] = partial(refresh, method="UPDATE")


# The tests


class TestStories(StoryTests):
    """Each of them, and what is left of all."""
