"""Kamailio 5.6: what changes while a call stands, and what is agreed before the answer."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from tests.end_to_end.odd_messages import sequence, tag_of
from tests.end_to_end.odd_sound import open_sound
from tests.end_to_end.odd_trunk import Line, describe
from tests.end_to_end.page import open_page
from tests.interop.matrix import usual
from tests.interop.matrix.house import PEER_TONE, hushed
from tests.interop.matrix.kamailio_peer import OTHER_TONE, Dialed, Peer, converse, dialed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.interop.matrix.house import House


INTERVAL: Final = 90  # seconds: the shortest session timer (RFC 4028 section 5)
TIMER: Final = ("Require: timer", "Supported: timer")
CHANGES: Final = (("sendonly", "recvonly"), ("sendrecv", "sendrecv"))  # of a hold: ours, theirs
TERMINATED: Final = "terminated;reason=noresource"
ALLOW: Final = "Allow: INVITE, ACK, CANCEL, BYE"


async def prack(house: House, peer: Peer) -> None:
    async with dialed(house, peer) as there:
        asked = await there.line.respond_reliably(183, describe(there.sound.port))
        assert (asked.header("rack") or "").startswith("1 ")
        await there.line.answer("")
        await converse(there)


async def update(house: House, peer: Peer) -> None:
    async with dialed(house, peer) as there:
        await there.line.answer(describe(there.sound.port))
        assert (await there.line.request("UPDATE")).status == 200
        await converse(there)


def _timed(refresher: str) -> tuple[str, ...]:
    return (*TIMER, f"Session-Expires: {INTERVAL};refresher={refresher}")


async def timer_uac(house: House, peer: Peer) -> None:
    async with dialed(house, peer) as there:
        line = there.line
        await line.answer(describe(there.sound.port), *_timed("uac"), f"{ALLOW}, UPDATE")
        asked = await line.hear("UPDATE", limit=INTERVAL / 2 + 10)
        line.respond(200, "", *_timed("uac"), to=asked)
        await converse(there)


async def timer_uas(house: House, peer: Peer) -> None:
    async with dialed(house, peer) as there:
        line = there.line
        await line.answer(describe(there.sound.port), *_timed("uas"), f"{ALLOW}, UPDATE")
        await asyncio.sleep(INTERVAL / 2)
        refreshed = await line.request("UPDATE", "", *_timed("uac")[1:])
        assert refreshed.status == 200
        assert (refreshed.header("session-expires") or "").startswith(str(INTERVAL))
        await converse(there)


async def reinvite(house: House, peer: Peer) -> None:
    """The media moves to another port."""
    async with open_sound(OTHER_TONE) as old, dialed(house, peer) as there:
        await there.line.answer(describe(old.port))
        await old.hear(5)
        moved = await there.line.reinvite(describe(there.sound.port, version=2))
        assert moved.status == 200
        await converse(there)


async def late_offer(house: House, peer: Peer) -> None:
    async with open_sound(OTHER_TONE) as old, dialed(house, peer) as there:
        await there.line.answer(describe(old.port))
        await old.hear(5)
        moved = await there.line.reinvite(ack=describe(there.sound.port, version=2))
        assert moved.status == 200
        await converse(there)


@asynccontextmanager
async def forked(house: House, peer: Peer) -> AsyncIterator[tuple[Dialed, Line]]:
    """Call both phones, and go on when both ring."""
    number = house.unique("222")
    other = peer.other.line(number)
    line = peer.phone.line(number)
    line.tag, other.tag = "a", "b"
    async with open_sound(PEER_TONE) as sound, house.dial(number) as call:
        for each in (line, other):
            await each.hear("INVITE")
            each.respond(180)
        await call.hear("ringing")
        yield Dialed(line, call, sound), other


async def fork_ringing(house: House, peer: Peer) -> None:
    """One answers, and Kamailio takes the call from the other."""
    async with forked(house, peer) as (there, other):
        await there.line.answer(describe(there.sound.port))
        await other.hear("CANCEL")
        await converse(there)


async def fork_answers(house: House, peer: Peer) -> None:
    """Both answer: the second gets ACK and BYE (RFC 3261 section 13.2.2.4)."""
    async with forked(house, peer) as (there, other), open_sound(OTHER_TONE) as late:
        other.yields = False
        await there.line.answer(describe(there.sound.port))
        await there.call.hear("answered")
        await other.answer(describe(late.port))
        assert tag_of(await other.hear("BYE")) == "b"
        await converse(there)


async def glare(house: House, peer: Peer) -> None:
    """Our refresh and its re-INVITE cross: each says 491 to the other, and ours comes again."""
    async with dialed(house, peer) as there:
        line, text = there.line, describe(there.sound.port)
        await line.answer(text, *_timed("uac"), ALLOW)
        ours = await line.hear("INVITE", limit=INTERVAL / 2 + 10)
        theirs = await line.reinvite(describe(there.sound.port, version=2))
        assert theirs.status == 491
        line.respond(491, to=ours)
        await line.hear("ACK")
        again = await line.hear("INVITE")
        assert sequence(again) > sequence(ours)
        line.respond(200, text, *_timed("uac"), to=again)
        await line.hear("ACK")
        await converse(there)


async def hold(house: House, peer: Peer) -> None:
    async with dialed(house, peer) as there:
        line, call, sound = there
        await line.answer(describe(sound.port))
        await call.hear("answered")
        holding = asyncio.create_task(usual.hold(call))
        for version, (ours, theirs) in enumerate(CHANGES, start=2):
            asked = await line.hear("INVITE")
            assert f"a={ours}" in asked.body
            line.respond(200, describe(sound.port, version=version, direction=theirs), to=asked)
            await line.hear("ACK")
        await holding
        await converse(there)


async def transfer(house: House, peer: Peer) -> None:
    """202 at once, and two reports: it rings there, it is answered there (RFC 3515)."""
    async with dialed(house, peer) as there:
        line, call, _ = there
        await line.answer(describe(there.sound.port))
        await call.hear("answered")
        target = house.unique("100")
        await call.ask("transfer", to=house.prefixes["udp"] + target)
        asked = await line.hear("REFER")
        assert f"sip:{target}@" in (asked.header("refer-to") or "")
        line.respond(202, to=asked)
        for said, state in (("180 Ringing", "active;expires=60"), ("200 OK", TERMINATED)):
            headers = ("Event: refer", f"Subscription-State: {state}")
            kind = "message/sipfrag;version=2.0"
            report = await line.request("NOTIFY", f"SIP/2.0 {said}\r\n", *headers, kind=kind)
            assert report.status == 200
        await usual.transferred(call)


async def attended(house: House, peer: Peer) -> None:
    """The first phone says that the second has been reached, which ends its own call with us."""
    numbers = house.unique("100"), house.unique("100")
    first, second = lines = [peer.phone.line(number) for number in numbers]
    first.tag, second.tag = "first", "second"
    async with open_page(house.gateway) as page:
        calling = asyncio.create_task(usual.two_calls(page, house, *numbers))
        for line in lines:
            await line.hear("INVITE")
            await line.answer(describe(9))
        await calling
        joining = asyncio.create_task(usual.joined(page))
        asked = await first.hear("REFER")
        assert "to-tag%3Dsecond" in (asked.header("refer-to") or "")
        first.respond(202, to=asked)
        headers = ("Event: refer", f"Subscription-State: {TERMINATED}")
        kind = "message/sipfrag;version=2.0"
        report = await first.request("NOTIFY", "SIP/2.0 200 OK\r\n", *headers, kind=kind)
        assert report.status == 200
        assert (await second.request("BYE")).status == 200
        await joining


async def refer(house: House, peer: Peer) -> None:
    """It is told of each stage, and hangs up."""
    async with house.somebody() as somebody, dialed(house, peer, "refer") as there:
        line = there.line
        await line.answer(describe(there.sound.port))
        await there.call.hear("answered")

        async def ask() -> None:
            asked = await line.request("REFER", "", f"Refer-To: <{somebody.to}>")
            assert asked.status == 202
            for stage in usual.STAGES:
                report = await line.hear("NOTIFY")
                line.respond(200, to=report)
                assert report.body.startswith(f"SIP/2.0 {stage} "), report.body
            assert (await line.request("BYE")).status == 200

        await usual.handed_over(there.call, somebody, ask)


async def hold_remote(house: House, peer: Peer) -> None:
    async with dialed(house, peer) as there:
        line, port = there.line, there.sound.port
        await line.answer(describe(port))
        await there.sound.hear(5)
        held = await line.reinvite(describe(port, version=2, direction="sendonly"))
        assert "a=recvonly" in held.body
        await usual.held_by_peer(there.call)
        await hushed(there.sound)
        assert (await line.reinvite(describe(port, version=3))).status == 200
        await usual.resumed_by_peer(there.call)
        await converse(there)
