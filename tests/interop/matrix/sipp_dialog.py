"""sipp 3.6: what changes while a call stands, and what is agreed before the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.end_to_end.odd_sound import open_sound
from tests.end_to_end.trunks import trunk_sdp
from tests.gateway.trunk.script import (
    ACK,
    ANSWER,
    BYE,
    DONE,
    HANG_UP,
    INVITE,
    Pause,
    Receive,
    Request,
    Respond,
    Step,
)
from tests.interop.matrix import usual
from tests.interop.matrix.house import PEER_TONE
from tests.interop.matrix.sipp_peer import OTHER_TONE, REFRESH, Peer, answers, converse, dialed
from tests.interop.matrix.steps import (
    RELIABLE,
    TIMED,
    WITHOUT_UPDATE,
    Again,
    Fork,
    RefusedAck,
)
from tests.peers.process import wait_until
from tests.peers.sipp import Sipp

if TYPE_CHECKING:
    from tests.interop.matrix.house import House


async def prack(house: House, peer: Peer) -> None:
    async with open_sound(PEER_TONE) as sound:
        text = trunk_sdp(sound.port)
        steps: list[Step] = [
            *(INVITE, Respond(183, "Session Progress", text, RELIABLE), Receive("PRACK"), DONE),
            *(Respond(200, "OK"), ACK, BYE, DONE),
        ]
        async with dialed(house, peer, "prack", *steps) as (call, sipp):
            await converse(call, sound, sipp)
            acknowledged = next(m for m in sipp.messages() if m.method == "PRACK")
    assert (acknowledged.header("rack") or "").split()[::2] == ["1", "INVITE"]


async def timer_uac(house: House, peer: Peer) -> None:
    """We refresh by UPDATE, as it says that it takes it."""
    async with open_sound(PEER_TONE) as sound:
        timed = TIMED.format("uac")
        steps: list[Step] = [
            *answers(sound, f"{timed}\n{WITHOUT_UPDATE}, UPDATE"),
            *(Receive("UPDATE", REFRESH), Respond(200, "OK", headers=timed, to_last=True)),
            *(BYE, DONE),
        ]
        async with dialed(house, peer, "timer-uac", *steps, way="timer-uac") as (call, sipp):
            await call.hear("answered")
            await _refreshed(sipp, "UPDATE")
            await converse(call, sound, sipp)


async def _refreshed(sipp: Sipp, method: str) -> None:
    def came() -> bool:
        return any(m.method == method and m.status is None for m in sipp.messages())

    await wait_until(came, limit=60, what=f"{method} comes", interval=0.5)


async def timer_uas(house: House, peer: Peer) -> None:
    """It refreshes by UPDATE after half of the time."""
    async with open_sound(PEER_TONE) as sound:
        refresh = "Supported: timer\nSession-Expires: 90;refresher=uac"
        steps: list[Step] = [
            *answers(sound, f"{TIMED.format('uas')}\n{WITHOUT_UPDATE}, UPDATE"),
            *(Pause(45_000), Request("UPDATE", 901, headers=refresh), Receive(200)),
            *(BYE, DONE),
        ]
        async with dialed(house, peer, "timer-uas", *steps, way="timer-uas") as (call, sipp):
            await call.hear("answered")
            await _refreshed(sipp, "UPDATE")
            await converse(call, sound, sipp)


async def reinvite(house: House, peer: Peer) -> None:
    """The media moves to another port."""
    async with open_sound(OTHER_TONE) as old, open_sound(PEER_TONE) as sound:
        steps: list[Step] = [
            *answers(old),
            Request("INVITE", 901, trunk_sdp(sound.port, version=2)),
            *(Receive(200), Request("ACK", 901), BYE, DONE),
        ]
        async with dialed(house, peer, "reinvite", *steps) as (call, sipp):
            await converse(call, sound, sipp)


async def late_offer(house: House, peer: Peer) -> None:
    async with open_sound(OTHER_TONE) as old, open_sound(PEER_TONE) as sound:
        steps: list[Step] = [
            *answers(old),
            *(Request("INVITE", 901), Receive(200)),
            *(Request("ACK", 901, trunk_sdp(sound.port, version=2)), BYE, DONE),
        ]
        async with dialed(house, peer, "late-offer", *steps) as (call, sipp):
            await converse(call, sound, sipp)


async def fork_ringing(house: House, peer: Peer) -> None:
    async with open_sound(PEER_TONE) as sound:
        steps: list[Step] = [
            *(INVITE, Fork(180, "Ringing", tag="a"), Fork(180, "Ringing", tag="b")),
            *(Fork(200, "OK", trunk_sdp(sound.port), tag="b"), ACK, BYE, DONE),
        ]
        async with dialed(house, peer, "fork-ringing", *steps) as (call, sipp):
            await converse(call, sound, sipp)


async def fork_answers(house: House, peer: Peer) -> None:
    """The second one gets ACK and BYE (RFC 3261 section 13.2.2.4)."""
    async with open_sound(PEER_TONE) as sound, open_sound(OTHER_TONE) as other:
        steps: list[Step] = [
            *(INVITE, Fork(180, "Ringing", tag="a"), Fork(180, "Ringing", tag="b")),
            *(Fork(200, "OK", trunk_sdp(sound.port), tag="b"), ACK),
            *(Fork(200, "OK", trunk_sdp(other.port), tag="a"), ACK, BYE, DONE),
            *(BYE, DONE),
        ]
        async with dialed(house, peer, "fork-answers", *steps) as (call, sipp):
            await converse(call, sound, sipp)
            ends = [m for m in sipp.messages() if m.method == "BYE" and m.status is None]
    assert [(each.header("to") or "")[-6:] for each in ends] == [";tag=a", ";tag=b"]


async def glare(house: House, peer: Peer) -> None:
    """Our refresh and its re-INVITE cross: each says 491 to the other, and ours comes again."""
    async with open_sound(PEER_TONE) as sound:
        timed = TIMED.format("uac")
        text = trunk_sdp(sound.port, version=2)
        theirs = Request("INVITE", 901, text)
        again = Receive("INVITE", REFRESH)
        steps: list[Step] = [
            *answers(sound, f"{timed}\n{WITHOUT_UPDATE}"),
            *(again, Again(theirs), Receive(491), Again(RefusedAck(theirs))),
            *(Again(Respond(491, "Request Pending")), ACK),
            *(again, Again(Respond(200, "OK", text, timed)), ACK, BYE, DONE),
        ]
        async with dialed(house, peer, "glare", *steps, way="glare") as (call, sipp):
            await call.hear("answered")

            def agreed() -> bool:
                acks = [m for m in sipp.messages() if m.method == "ACK" and not m.sent]
                return len(acks) == 3

            await wait_until(agreed, limit=60, what="the refresh is agreed", interval=0.5)
            await converse(call, sound, sipp)


async def hold(house: House, peer: Peer) -> None:
    async with open_sound(PEER_TONE) as sound:
        held = trunk_sdp(sound.port, version=2, direction="recvonly")
        resumed = trunk_sdp(sound.port, version=3)
        steps: list[Step] = [*answers(sound)]
        for text in (held, resumed):
            steps += [INVITE, Again(Respond(200, "OK", text)), ACK]
        async with dialed(house, peer, "hold", *steps, BYE, DONE) as (call, sipp):
            await call.hear("answered")
            await usual.hold(call)
            await converse(call, sound, sipp)


async def transfer(house: House, peer: Peer) -> None:
    """202 at once, and two reports: it rings there, it is answered there (RFC 3515)."""
    target = house.unique("101")
    event = "Event: refer\nSubscription-State: {}\nContent-Type: message/sipfrag;version=2.0"
    reports = [
        Request("NOTIFY", 901, "SIP/2.0 180 Ringing\n", event.format("active;expires=60")),
        Request("NOTIFY", 902, "SIP/2.0 200 OK\n", event.format("terminated;reason=noresource")),
    ]
    steps: list[Step] = [*ANSWER, Receive("REFER"), Respond(202, "Accepted", to_last=True)]
    for report in reports:
        steps += [report, Receive(200)]
    async with dialed(house, peer, "transfer", *steps, BYE, DONE, way="transfer") as (call, sipp):
        await call.hear("answered")
        await call.ask("transfer", to=house.prefixes["transfer"] + target)
        await usual.transferred(call)
        messages = await sipp.finish()
    asked = next(each for each in messages if each.method == "REFER")
    assert f"sip:{target}@" in (asked.header("refer-to") or "")


async def refer(house: House, peer: Peer) -> None:
    """It is told of each stage, and hangs up."""
    async with open_sound(PEER_TONE) as sound, house.somebody() as somebody:
        asking = Request("REFER", 901, headers=f"Refer-To: <{somebody.to}>")
        steps: list[Step] = [*answers(sound), asking, Receive(202)]
        steps += [Receive("NOTIFY"), DONE] * len(usual.STAGES)
        async with dialed(house, peer, "refer", *steps, *HANG_UP, way="refer") as (call, sipp):
            await usual.handed_over(call, somebody, sipp.finish)
            said = [m.body for m in sipp.messages() if m.method == "NOTIFY" and not m.sent]
    assert [each.split()[1] for each in said] == list(usual.STAGES)


async def hold_remote(house: House, peer: Peer) -> None:
    async with open_sound(PEER_TONE) as sound:
        held = trunk_sdp(sound.port, version=2, direction="sendonly")
        steps: list[Step] = [
            *answers(sound),
            *(Pause(500), Request("INVITE", 901, held), Receive(200), Request("ACK", 901)),
            Pause(1000),
            Request("INVITE", 902, trunk_sdp(sound.port, version=3)),
            *(Receive(200), Request("ACK", 902), BYE, DONE),
        ]
        async with dialed(house, peer, "hold-remote", *steps) as (call, sipp):
            await call.hear("answered")
            await usual.held_by_peer(call)
            await usual.resumed_by_peer(call)
            await converse(call, sound, sipp)
