"""Why a call ended, as both sides say it: Reason (RFC 3326), Warning, and redirections."""

from __future__ import annotations

import asyncio

import pytest

from tests.end_to_end.odd_calls import (
    Rig,
    Stories,
    StoryTests,
    answered,
)
from tests.end_to_end.odd_trunk import describe

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

STORIES = story = Stories()


async def refused_with(rig: Rig, code: int, *headers: str) -> dict[str, str]:
    async with rig.dial() as dialed:
        dialed.line.respond(code, "", *headers)
        await dialed.line.hear("ACK")
        end = (await dialed.call.end()).last
        assert dialed.call.ended()[0] == "remote"
        await asyncio.sleep(0.1)
        assert dialed.line.requests() == ["INVITE", "ACK"]
    assert end["sipCode"] == code
    return end


def assert_for_the_log(rig: Rig, end: dict[str, str], words: str) -> None:
    """They may name hosts and accounts, and so the page does not hear them."""
    assert words not in str(end)
    assert f'The trunk says: "{words}"' in rig.gateway.log()


@story
async def a_redirection(rig: Rig) -> None:
    """It is not followed: whom it names has passed no admission."""
    elsewhere = f"Contact: <sip:+15559999@127.0.0.1:{rig.trunk.port}>"
    end = await refused_with(rig, 302, elsewhere)
    assert end["cause"] == "redirected"
    said = "The call is diverted to another address; redirects are not followed."
    assert end["message"] == said
    assert not rig.trunk.strays


@story
async def a_refusal_with_a_warning(rig: Rig) -> None:
    end = await refused_with(rig, 488, 'Warning: 305 trunk.example "Only G.729, please"')
    assert end["cause"] == "incompatible-media"
    assert_for_the_log(rig, end, "Only G.729, please")


@story
async def a_refusal_with_a_reason(rig: Rig) -> None:
    end = await refused_with(rig, 503, 'Reason: Q.850;cause=34;text="Group 7 is full"')
    assert end["cause"] == "congestion"
    assert_for_the_log(rig, end, "Group 7 is full")


@story
async def a_refusal_with_two_reasons(rig: Rig) -> None:
    reason = 'Reason: SIP;cause=480;text="no, thanks" , Q.850 ; cause = 17 ; text="User busy"'
    end = await refused_with(rig, 480, reason)
    assert end["cause"] == "busy"


async def ended_with(rig: Rig, reason: str) -> dict[str, str]:
    async with answered(rig) as dialed:
        await dialed.line.request("BYE", "", reason)
        end = (await dialed.call.end()).last
        assert dialed.call.ended()[::2] == ("remote", 200)
    return end


@story
async def a_bye_with_a_reason(rig: Rig) -> None:
    end = await ended_with(rig, 'Reason: Q.850;cause=41;text="Temporary failure"')
    assert end["cause"] == "network-failure"


@story
async def a_bye_as_usual(rig: Rig) -> None:
    end = await ended_with(rig, 'Reason: Q.850;cause=16;text="Normal call clearing"')
    assert end["cause"] == "hangup"
    assert end["message"] == "The other side ended the call."


# What the trunk's records are to say (RFC 3326)
UNUSABLE = 'Q.850;cause=88;text="Incompatible session description"'
PAGE_GONE = 'Q.850;cause=41;text="Connection to the browser lost"'


@story
async def why_we_hang_up_on_an_answer(rig: Rig) -> None:
    """Its answer was the matter."""
    async with rig.dial() as dialed:
        line, call, _ = dialed
        await line.answer(describe(0))
        bye = await line.hear("BYE")
        await call.end()
        assert bye.header("reason") == UNUSABLE


@story
async def why_we_hang_up_for_a_page_that_is_gone(rig: Rig) -> None:
    async with answered(rig) as dialed:
        dialed.call.vanish()
        bye = await dialed.line.hear("BYE")
        assert bye.header("reason") == PAGE_GONE


@story
async def why_we_cancel_for_a_page_that_is_gone(rig: Rig) -> None:
    async with rig.dial() as dialed:
        dialed.line.respond(180)
        await dialed.call.hear("ringing")
        dialed.call.vanish()
        cancel = await dialed.line.hear("CANCEL")
        assert cancel.header("reason") == PAGE_GONE
        await dialed.line.hear("ACK")


# The tests


class TestStories(StoryTests):
    """Each of them, and what is left of all."""
