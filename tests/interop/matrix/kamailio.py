"""Kamailio 5.6: the column, and the stories of a call from its beginning to its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from tests.end_to_end.calling_trunk import trunk_call
from tests.end_to_end.odd_sound import open_sound
from tests.end_to_end.odd_trunk import describe
from tests.interop.matrix import usual
from tests.interop.matrix.cells import Column, NotApplicable
from tests.interop.matrix.house import (
    FAILOVER,
    PEER_TONE,
    heard_by,
    judge,
    judge_peer,
    judge_phone,
    picked_up,
)
from tests.interop.matrix.kamailio_dialog import (
    attended,
    fork_answers,
    fork_ringing,
    glare,
    hold,
    hold_remote,
    late_offer,
    prack,
    refer,
    reinvite,
    timer_uac,
    timer_uas,
    transfer,
    update,
)
from tests.interop.matrix.kamailio_peer import Peer, converse, dialed, open_kamailio, talks

if TYPE_CHECKING:
    from tests.interop.matrix.cells import Tell
    from tests.interop.matrix.house import House


GRANTED: Final = 20  # seconds, as proxy.cfg has it


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
        samples = await heard_by(sound)
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


async def fallback(house: House, peer: Peer) -> None:
    async with (
        open_sound(PEER_TONE) as spoken,
        house.fallback() as (number, line, sound),
        trunk_call(house.gateway, number, proxy=peer.md5.port) as call,
    ):
        call.invite(describe(spoken.port))
        judge_phone(await picked_up(line, sound))
        await call.hear("BYE")
        judge_peer(spoken.samples(1.0), spoken.rate)


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
        "names": talks("names"),
        "nat": talks("nat"),
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
        "attended": attended,
        "refer": refer,
        "bye": talks(),
        "bye-remote": bye_remote,
        "cancel": cancel,
        "incoming": incoming,
        "incoming-486": incoming_486,
        "incoming-cancel": incoming_cancel,
        "fallback": fallback,
        "302": usual.refused("302", "redirected", 302),
        "486": usual.refused("486", "busy", 486),
        "603": usual.refused("603", "rejected", 603),
    },
)
