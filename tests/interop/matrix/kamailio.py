"""Kamailio 5.6: a registrar that asks for passwords, and a proxy that stays on each call's way.

Behind it are two phones that a test plays by hand. So all of a call's requests and responses go
through Kamailio, both ways.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.end_to_end.calling_trunk import trunk_call
from tests.end_to_end.odd_messages import sequence, tag_of
from tests.end_to_end.odd_sound import Sound, open_sound
from tests.end_to_end.odd_trunk import Line, OddTrunk, describe, odd_trunk
from tests.end_to_end.trunks import open_trunk
from tests.interop.matrix import usual
from tests.interop.matrix.cells import Column, NotApplicable, Way
from tests.interop.matrix.house import FAILOVER, PEER_TONE, hushed, judge, judge_peer
from tests.peers.proxy import PASSWORD, Kamailio, run_kamailio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.end_to_end.phone import PhoneCall
    from tests.interop.matrix.cells import Site, Tell
    from tests.interop.matrix.house import House

OTHER_TONE: Final = 880.0
GRANTED: Final = 20  # seconds, as proxy.cfg has it
INTERVAL: Final = 90  # seconds: the shortest session timer (RFC 4028 section 5)
TIMER: Final = ("Require: timer", "Supported: timer")
CHANGES: Final = (("sendonly", "recvonly"), ("sendrecv", "sendrecv"))  # of a hold: ours, theirs
TERMINATED: Final = "terminated;reason=noresource"
ALLOW: Final = "Allow: INVITE, ACK, CANCEL, BYE"


@dataclass(frozen=True)
class Peer:
    """The proxies, one for each digest algorithm, and the phones behind them."""

    md5: Kamailio
    sha256: Kamailio
    phone: OddTrunk
    other: OddTrunk
    ways: dict[str, Way]


class Dialed(NamedTuple):
    """A call that has come to the phone: both ends of it, and the phone's sound."""

    line: Line
    call: PhoneCall
    sound: Sound


@asynccontextmanager
async def open_kamailio(site: Site) -> AsyncIterator[Peer]:
    async with AsyncExitStack() as stack:
        phone = await stack.enter_async_context(odd_trunk())
        other = await stack.enter_async_context(odd_trunk())
        proxies = [
            await stack.enter_async_context(
                run_kamailio(
                    site.folder / algorithm,
                    phones=(phone.port, other.port),
                    gateway=site.lab.gateway_port,
                    algorithm=algorithm,
                    pair=site.pair(),
                )
            )
            for algorithm in ("MD5", "SHA-256")
        ]
        md5, sha256 = proxies
        known = {"username": "caller", "password": PASSWORD, "register": True}
        ways = {
            "udp": Way({**open_trunk(md5.port), "options": 5}),
            "tcp": Way(open_trunk(md5.port, "tcp")),
            "tls": Way({**open_trunk(md5.port + 1, "tls"), "ca": str(site.authority.file)}),
            "info": Way({**open_trunk(md5.port), "dtmf": "info"}),
            "md5": Way({**open_trunk(md5.port), **known}),
            "sha256": Way({**open_trunk(sha256.port), **known}),
        }
        yield Peer(md5, sha256, phone, other, ways)


@asynccontextmanager
async def dialed(
    house: House, peer: Peer, way: str = "udp", *, extension: str = "100", dtmf: str = ""
) -> AsyncIterator[Dialed]:
    """Call the phone, and go on when the INVITE is there."""
    number = house.unique(extension)
    line = peer.phone.line(number)
    async with (
        open_sound(PEER_TONE) as sound,
        house.dial(number, way, dtmf=dtmf) as call,
    ):
        await line.hear("INVITE")
        yield Dialed(line, call, sound)


async def converse(there: Dialed) -> None:
    """Talk, and have the page hang up; both ends have heard each other."""
    line, call, sound = there
    await call.hear("answered")
    await sound.hear(60)
    samples = sound.samples(1.0)
    outcome = await call.hang_up()
    await line.hear("BYE")
    assert call.ended() == ("local", "hangup", 200)
    judge(outcome)
    judge_peer(samples, sound.rate)


def talks(way: str = "udp") -> Tell:
    async def tell(house: House, peer: Peer) -> None:
        async with dialed(house, peer, way) as there:
            await there.line.answer(describe(there.sound.port))
            await converse(there)

    return tell


async def ringing(house: House, peer: Peer) -> None:
    async with dialed(house, peer) as there:
        there.line.respond(180)
        assert not (await there.call.hear("ringing"))["earlyMedia"]
        await there.line.answer(describe(there.sound.port))
        await converse(there)


async def early_media(house: House, peer: Peer) -> None:
    async with dialed(house, peer) as there:
        text = describe(there.sound.port)
        there.line.respond(183, text)
        assert (await there.call.hear("ringing"))["earlyMedia"]
        await there.sound.hear(20)
        await there.line.answer(text)
        await converse(there)


async def digits(house: House, peer: Peer) -> None:
    async with dialed(house, peer, dtmf="159*#") as there:
        await there.line.answer(describe(there.sound.port))
        await there.sound.hear_digits("159*#")
        await converse(there)


async def digits_remote(house: House, peer: Peer) -> None:
    async with dialed(house, peer) as there:
        await there.line.answer(describe(there.sound.port))
        await there.call.hear("answered")
        await there.sound.hear(1)
        there.sound.press("7A")
        assert (await there.call.hear("dtmf", count=2))["digit"] == "A"
        await converse(there)


async def info(house: House, peer: Peer) -> None:
    async with dialed(house, peer, "info", dtmf="5#") as there:
        await there.line.answer(describe(there.sound.port))
        for digit in "5#":
            asked = await there.line.hear("INFO")
            there.line.respond(200, to=asked)
            assert asked.body.startswith(f"Signal={digit}")
        await converse(there)


async def info_remote(house: House, peer: Peer) -> None:
    async with dialed(house, peer) as there:
        await there.line.answer(describe(there.sound.port))
        await there.call.hear("answered")
        kind = "application/dtmf-relay"
        body = "Signal=7\r\nDuration=160\r\n"
        assert (await there.line.request("INFO", body, kind=kind)).status == 200
        assert (await there.call.hear("dtmf"))["digit"] == "7"
        await converse(there)


def register(algorithm: str) -> Tell:
    """Twice: the second time before the first has run out."""

    async def tell(house: House, peer: Peer) -> None:
        proxy = peer.md5 if algorithm == "MD5" else peer.sha256
        await proxy.said(f"saved caller by {algorithm}", count=2, limit=GRANTED + 10)

    return tell


def known(algorithm: str, way: str) -> Tell:
    """407, and the password's digest."""

    async def tell(house: House, peer: Peer) -> None:
        proxy = peer.md5 if algorithm == "MD5" else peer.sha256
        async with dialed(house, peer, way, extension="407") as there:
            await proxy.said(f"let caller call by {algorithm}")
            await there.line.answer(describe(there.sound.port))
            await converse(there)

    return tell


async def failover(house: House, peer: Peer) -> None:
    began = asyncio.get_running_loop().time()
    async with dialed(house, peer, FAILOVER) as there:
        took = asyncio.get_running_loop().time() - began
        await there.line.answer(describe(there.sound.port))
        await converse(there)
    assert took < usual.TAKES, f"{took:.1f} s until the second trunk rings"


async def options_remote(house: House, peer: Peer) -> None:
    """Of its dispatcher, as where a proxy watches its gateways."""
    await peer.md5.said("OPTIONS answered with 200")


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


async def bye_remote(house: House, peer: Peer) -> None:
    async with dialed(house, peer) as there:
        await there.line.answer(describe(there.sound.port))
        await there.call.hear("answered")
        assert (await there.line.request("BYE")).status == 200
        await there.call.end()
        assert there.call.ended() == ("remote", "hangup", 200)


async def cancel(house: House, peer: Peer) -> None:
    async with dialed(house, peer) as there:
        there.line.respond(180)
        await there.call.hear("ringing")
        await there.call.hang_up()
        await there.line.hear("CANCEL")
        assert there.call.ended() == ("local", "canceled", 487)


async def incoming(house: House, peer: Peer) -> None:
    async with (
        open_sound(PEER_TONE) as sound,
        house.page("incoming") as (page, number),
        trunk_call(house.gateway, number, proxy=peer.md5.port) as call,
    ):
        call.invite(describe(sound.port))
        await page.hear("incoming")
        await page.accept()
        await page.hear("answered")
        await sound.hear(60)
        samples = sound.samples(1.0)
        outcome = await page.hang_up()
        await call.hear("BYE")
    judge(outcome)
    judge_peer(samples, sound.rate)


async def incoming_486(house: House, peer: Peer) -> None:
    async with (
        house.page("incoming-486") as (page, number),
        trunk_call(house.gateway, number, proxy=peer.md5.port) as call,
    ):
        call.invite(describe(9))
        await usual.rejected(page)
        await call.hear(486)


async def incoming_cancel(house: House, peer: Peer) -> None:
    async with (
        house.page("incoming-cancel") as (page, number),
        trunk_call(house.gateway, number, proxy=peer.md5.port) as call,
    ):
        call.invite(describe(9))
        await page.hear("incoming")
        await call.hear(180)
        call.cancel()
        await usual.given_up(page)
        await call.hear(487)


NO_MEDIA: Final = NotApplicable("It carries descriptions, and no audio.")

COLUMN: Final = Column(
    "kamailio",
    "Kamailio 5.6",
    open_kamailio,
    {
        "call": talks(),
        "tcp": talks("tcp"),
        "tls": talks("tls"),
        "srtp": NO_MEDIA,
        "srtp-refused": NO_MEDIA,
        "ringing": ringing,
        "early-media": early_media,
        "digits": digits,
        "digits-remote": digits_remote,
        "info": info,
        "info-remote": info_remote,
        "register-md5": register("MD5"),
        "register-sha256": register("SHA-256"),
        "invite-md5": known("MD5", "md5"),
        "invite-sha256": known("SHA-256", "sha256"),
        "failover": failover,
        "options": usual.watched(),
        "options-remote": options_remote,
        "prack": prack,
        "update": update,
        "timer-uac": timer_uac,
        "timer-uas": timer_uas,
        "reinvite": reinvite,
        "late-offer": late_offer,
        "fork-ringing": fork_ringing,
        "fork-answers": fork_answers,
        "glare": glare,
        "hold": hold,
        "hold-remote": hold_remote,
        "transfer": transfer,
        "bye": talks(),
        "bye-remote": bye_remote,
        "cancel": cancel,
        "incoming": incoming,
        "incoming-486": incoming_486,
        "incoming-cancel": incoming_cancel,
        "302": usual.refused("302", "redirected", 302),
        "486": usual.refused("486", "busy", 486),
        "603": usual.refused("603", "rejected", 603),
    },
)
