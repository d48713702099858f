"""Transfers: what the page is told of them, what the trunk is asked, and what never leaves."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

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
from tests.end_to_end.odd_trunk import Line, describe
from tests.end_to_end.page import Page, open_page
from tests.gateway.calls.descriptions import fixture

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.end_to_end.phone import PhoneCall

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

STORIES = story = Stories()
OFFER = fixture("chrome-156-audio.sdp")
NUMBER = "+15557777"
SIPFRAG = "message/sipfrag;version=2.0"


async def report(line: Line, status: str, *, last: bool = False) -> None:
    """Send a NOTIFY, which has to be answered."""
    state = "terminated;reason=noresource" if last else "active;expires=60"
    headers = ("Event: refer", f"Subscription-State: {state}")
    body = f"SIP/2.0 {status}\r\n" if status else ""
    assert (await line.request("NOTIFY", body, *headers, kind=SIPFRAG)).status == 200


async def accept(line: Line) -> str:
    """Take our REFER; return whom it names."""
    refer = await line.hear("REFER")
    line.respond(202, to=refer)
    return refer.header("refer-to") or ""


def told(call: PhoneCall) -> list[tuple[str, int]]:
    kinds = ("transferProgress", "transferred", "transferFailed")
    return [(each["type"], each["sipCode"]) for each in call.messages if each["type"] in kinds]


@story
async def blind(rig: Rig) -> None:
    """The 202 is told to nobody, each stage is, and the call ends with the last."""
    async with answered(rig) as dialed:
        line, call, _ = dialed
        await talk(dialed)
        await call.ask("transfer", to=NUMBER)
        assert await accept(line) == f"<sip:{NUMBER}@127.0.0.1:{rig.trunk.port}>"
        await asyncio.sleep(0.2)
        assert told(call) == []
        for status in ("100 Trying", "180 Ringing", "180 Ringing", "183 Session Progress"):
            await report(line, status)
        await report(line, "200 OK", last=True)
        await call.end()
        await line.hear("BYE")
        progress = [("transferProgress", code) for code in (100, 180, 183)]
        assert told(call) == [*progress, ("transferred", 200)]
        assert call.ended() == ("local", "transferred", 200)


async def goes_on(dialed: Dialed, *failures: int) -> None:
    """The call is as it was, and the page knows of the failures."""
    line, call, _ = dialed
    await call.hear("transferFailed", count=len(failures))
    assert [code for kind, code in told(call) if kind == "transferFailed"] == [*failures]
    await talk(dialed)
    await hang_up(dialed)
    assert line.requests().count("REFER") == len(failures)


@story
async def refused_by_the_trunk(rig: Rig) -> None:
    async with answered(rig) as dialed:
        line, call, _ = dialed
        for count, code in enumerate((405, 603, 501), start=1):
            await call.ask("transfer", to=NUMBER)
            line.respond(code, to=await line.hear("REFER"))
            assert (await call.hear("transferFailed", count=count))["sipCode"] == code
        await goes_on(dialed, 405, 603, 501)


@story
async def refused_by_the_phone(rig: Rig) -> None:
    async with answered(rig) as dialed:
        line, call, _ = dialed
        await call.ask("transfer", to=NUMBER)
        await accept(line)
        await report(line, "100 Trying")
        await report(line, "486 Busy Here", last=True)
        assert (await call.hear("transferFailed"))["reason"] == "Busy Here"
        await goes_on(dialed, 486)


@story
async def reports_that_end_without_an_outcome(rig: Rig) -> None:
    """No body, and no more to come: nobody knows, and that is no success."""
    async with answered(rig) as dialed:
        line, call, _ = dialed
        await call.ask("transfer", to=NUMBER)
        await accept(line)
        await report(line, "")
        await report(line, "100 Trying")
        await report(line, "", last=True)
        assert (await call.hear("transferFailed"))["sipCode"] == 500
        await goes_on(dialed, 500)


@story
async def the_far_end_leaves_first(rig: Rig) -> None:
    async with answered(rig) as dialed:
        line, call, _ = dialed
        await call.ask("transfer", to=NUMBER)
        await accept(line)
        await line.request("BYE")
        await call.end()
        assert told(call) == []
        assert call.ended() == ("remote", "hangup", 200)


@story
async def a_late_success(rig: Rig) -> None:
    """After the outcome reports are still answered, and change nothing."""
    async with answered(rig) as dialed:
        line, call, _ = dialed
        await call.ask("transfer", to=NUMBER)
        await accept(line)
        await report(line, "404 Not Found")
        await report(line, "200 OK", last=True)
        await goes_on(dialed, 404)


@story
async def on_hold(rig: Rig) -> None:
    async with answered(rig) as dialed:
        line, call, sound = dialed
        await call.ask("hold")
        reinvite = await line.hear("INVITE")
        line.respond(200, describe(sound.port, version=2, direction="recvonly"), to=reinvite)
        await line.hear("ACK")
        await call.hear("held")
        await call.ask("transfer", to=NUMBER)
        await accept(line)
        await report(line, "200 OK", last=True)
        await call.end()
        assert call.ended() == ("local", "transferred", 200)


# -- what never leaves


async def refused(call: PhoneCall, name: str, **fields: Any) -> None:
    count = call.kinds.count("error") + 1
    await call.ask("transfer", **fields)
    error = await call.hear("error", count=count)
    assert (error["name"], error["fatal"], error["call"]) == (name, False, "1")


@story
async def what_may_not_be_called(rig: Rig) -> None:
    """A target passes admission as a call does; the trunk hears of none of these."""
    async with answered(rig) as dialed:
        line, call, _ = dialed
        for to in ("+442071838750", "operator", "600"):
            await refused(call, "not-allowed", to=to)
        for to in ("", "+1555\r\nRefer-To: x", "sip:600@example.org", "600>", '"600"'):
            await refused(call, "bad-target", to=to)
        await refused(call, "unknown-call", replaces="2")
        await refused(call, "bad-request", replaces="1")
        await refused(call, "bad-message")
        await refused(call, "bad-message", to=NUMBER, replaces="2")
        await talk(dialed)
        await hang_up(dialed)
        assert "REFER" not in line.requests()


@story
async def two_at_once(rig: Rig) -> None:
    async with answered(rig) as dialed:
        line, call, _ = dialed
        await call.ask("transfer", to=NUMBER)
        await accept(line)
        await refused(call, "bad-request", to="+15558888")
        await report(line, "603 Decline", last=True)
        await goes_on(dialed, 603)


@story
async def before_the_answer(rig: Rig) -> None:
    async with rig.dial() as dialed:
        line, call, sound = dialed
        line.respond(180)
        await call.hear("ringing")
        await refused(call, "bad-request", to=NUMBER)
        await line.answer(describe(sound.port))
        await call.hear("answered")
        await talk(dialed)
        await hang_up(dialed)


# -- to another call of the page


@asynccontextmanager
async def two_calls(rig: Rig) -> AsyncIterator[tuple[Page, Line, Line]]:
    """A page with two calls that are answered; nobody speaks."""
    lines = rig.trunk.line(), rig.trunk.line()
    async with open_page(rig.gateway) as page:
        for name, line in zip(("first", "second"), lines, strict=True):
            line.tag = f"trunk-{name}"
            assert (await page.call(line.number, OFFER, call=name))["type"] == "trying"
            await line.hear("INVITE")
            await line.answer(describe(9))
            await page.until("answered", call=name)
        yield page, *lines


@story
async def attended(rig: Rig) -> None:
    async with two_calls(rig) as (page, first, second):
        await page.send(type="transfer", call="first", replaces="second")
        uri, _, replaces = (await accept(first)).strip("<>").partition("?Replaces=")
        assert uri == f"sip:trunk@127.0.0.1:{rig.trunk.port};transport=udp"
        assert second.invite is not None
        ours = (second.invite.header("from") or "").partition("tag=")[2]
        assert unquote(replaces) == (
            f"{second.invite.header('call-id')};to-tag=trunk-second;from-tag={ours}"
        )
        await report(first, "200 OK", last=True)
        assert (await page.until("transferred"))["call"] == "first"
        assert (await page.until("ended", call="first"))["cause"] == "transferred"
        await first.hear("BYE")
        await second.request("BYE")  # whoever has taken our place ends the replaced dialog
        assert (await page.until("ended", call="second"))["by"] == "remote"


@story
async def attended_with_one_that_is_gone(rig: Rig) -> None:
    async with two_calls(rig) as (page, first, second):
        await second.request("BYE")
        await page.until("ended", call="second")
        await page.send(type="transfer", call="first", replaces="second")
        assert (await page.until("error"))["name"] == "unknown-call"
        assert "REFER" not in first.requests()
        await page.send(type="hangup", call="first")
        await page.until("ended", call="first")


@story
async def attended_with_one_that_rings(rig: Rig) -> None:
    async with two_calls(rig) as (page, first, _):
        third = rig.trunk.line()
        await page.call(third.number, OFFER, call="third")
        await third.hear("INVITE")
        third.respond(180)
        await page.until("ringing", call="third")
        await page.send(type="transfer", call="first", replaces="third")
        assert (await page.until("error"))["name"] == "bad-request"
        assert "REFER" not in first.requests()


class TestStories(StoryTests):
    """Each of them, and what is left of all."""
