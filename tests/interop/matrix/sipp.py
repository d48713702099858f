"""sipp 3.6: the column, and the stories of a call from its beginning to its end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tests.end_to_end.odd_sound import open_sound
from tests.end_to_end.trunks import trunk_sdp
from tests.gateway.trunk.script import (
    ACK,
    ANSWER,
    BYE,
    DONE,
    HANG_UP,
    INVITE,
    RINGING,
    Pause,
    Receive,
    Request,
    Respond,
    Step,
)
from tests.interop.matrix import usual
from tests.interop.matrix.cells import Column, NotApplicable
from tests.interop.matrix.house import (
    FAILOVER,
    PEER_TONE,
    judge,
    judge_peer,
    judge_phone,
    picked_up,
    talk,
)
from tests.interop.matrix.sipp_dialog import (
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
)
from tests.interop.matrix.sipp_peer import (
    LIMIT,
    SECRET,
    Peer,
    answers,
    converse,
    dialed,
    open_sipp,
    talks,
)
from tests.interop.matrix.steps import (
    CHALLENGE,
    Verified,
)
from tests.peers.process import wait_until
from tests.peers.sipp import Sipp, run_caller

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.end_to_end.phone import PhoneCall
    from tests.interop.matrix.cells import Tell
    from tests.interop.matrix.house import House


SIGNAL: Final = re.compile(r"^Signal=(.)", re.M)


async def early_media(house: House, peer: Peer) -> None:
    async with open_sound(PEER_TONE) as sound:
        text = trunk_sdp(sound.port)
        steps: list[Step] = [
            *(INVITE, Respond(183, "Session Progress", text), Pause(1500)),
            *(Respond(200, "OK", text), ACK, BYE, DONE),
        ]
        async with dialed(house, peer, "early-media", *steps) as (call, sipp):
            assert (await call.hear("ringing"))["earlyMedia"]
            await sound.hear(20)
            assert "answered" not in call.kinds
            await converse(call, sound, sipp)


async def digits(house: House, peer: Peer) -> None:
    async with open_sound(PEER_TONE) as sound:
        steps: list[Step] = [*answers(sound), BYE, DONE]
        async with dialed(house, peer, "digits", *steps, dtmf="159*#") as (call, sipp):
            await call.hear("answered")
            await sound.hear_digits("159*#")
            await call.hang_up()
            await sipp.finish()


async def digits_remote(house: House, peer: Peer) -> None:
    async with open_sound(PEER_TONE) as sound:
        steps: list[Step] = [*answers(sound), BYE, DONE]
        async with dialed(house, peer, "digits-remote", *steps) as (call, sipp):
            await call.hear("answered")
            await sound.hear(1)
            sound.press("7A")
            await call.hear("dtmf", count=2)
            outcome = await call.hang_up()
            await sipp.finish()
    assert outcome.digits == "7A"


async def info(house: House, peer: Peer) -> None:
    async with open_sound(PEER_TONE) as sound:
        both = (Receive("INFO"), DONE)
        steps: list[Step] = [*answers(sound), *both, *both, BYE, DONE]
        async with dialed(house, peer, "info", *steps, way="info", dtmf="5#") as (call, sipp):
            await call.hear("answered")
            await wait_until(lambda: len(_digits(sipp)) == 2, limit=LIMIT, what="two digits")
            await call.hang_up()
            await sipp.finish()
    assert _digits(sipp) == ["5", "#"]


def _digits(sipp: Sipp) -> list[str]:
    """Return the digits that came as INFO."""
    bodies = [m.body for m in sipp.messages() if m.method == "INFO" and m.status is None]
    return [found[1] for found in map(SIGNAL.search, bodies) if found]


async def info_remote(house: House, peer: Peer) -> None:
    async with open_sound(PEER_TONE) as sound:
        body = "Signal=7\nDuration=160\n"
        theirs = Request("INFO", 901, body, "Content-Type: application/dtmf-relay")
        steps: list[Step] = [*answers(sound), theirs, Receive(200), BYE, DONE]
        async with dialed(house, peer, "info-remote", *steps) as (call, sipp):
            await call.hear("dtmf")
            outcome = await call.hang_up()
            await sipp.finish()
    assert outcome.digits == "7"


async def register_md5(house: House, peer: Peer) -> None:
    await peer.registrar.finish()


async def invite_md5(house: House, peer: Peer) -> None:
    async with open_sound(PEER_TONE) as sound:
        steps: list[Step] = [
            *(INVITE, Respond(401, "Unauthorized", headers=CHALLENGE), ACK),
            *(Verified("INVITE", "caller", SECRET), *answers(sound)[1:], BYE, DONE),
        ]
        async with dialed(house, peer, "invite-md5", *steps, way="digest") as (call, sipp):
            await converse(call, sound, sipp)


async def failover(house: House, peer: Peer) -> None:
    async with open_sound(PEER_TONE) as sound:
        steps: list[Step] = [*answers(sound), BYE, DONE]
        there = dialed(house, peer, "failover", *steps, way="udp", prefix=FAILOVER)
        async with there as (call, sipp):
            await converse(call, sound, sipp)


async def options_remote(house: House, peer: Peer) -> None:
    port = house.gateway.config.sip_port
    async with run_caller(
        "caller-options", house.folder / "caller-options", target=port, number=""
    ) as sipp:
        await sipp.finish()


async def bye_remote(house: House, peer: Peer) -> None:
    steps: list[Step] = [*ANSWER, Pause(300), *HANG_UP]
    async with dialed(house, peer, "bye-remote", *steps) as (call, sipp):
        await call.end()
        await sipp.finish()
    assert call.ended() == ("remote", "hangup", 200)


async def cancel(house: House, peer: Peer) -> None:
    steps: list[Step] = [
        *(INVITE, RINGING, Receive("CANCEL"), DONE, Respond(487, "Request Terminated"), ACK),
    ]
    async with dialed(house, peer, "cancel", *steps) as (call, sipp):
        await call.hear("ringing")
        await call.hang_up()
        await sipp.finish()
    assert call.ended() == ("local", "canceled", 487)


def calls(row: str, scenario: str, middle: Callable[[PhoneCall], Awaitable[None]]) -> Tell:
    """Have a script call a page."""

    async def tell(house: House, peer: Peer) -> None:
        port = house.gateway.config.sip_port
        async with open_sound(PEER_TONE) as sound, house.page(row) as (page, number):
            async with run_caller(
                scenario,
                house.folder / row,
                target=port,
                number=number,
                options=["-key", "sound", str(sound.port)],
            ) as sipp:
                await page.hear("incoming")
                await middle(page)
                await sipp.finish()
            if scenario == "caller-talks":
                judge(await page.end())
                judge_peer(sound.samples(1.0), sound.rate)

    return tell


async def taken(page: PhoneCall) -> None:
    """Accept, and talk."""
    await page.accept()
    await talk(page)
    await page.hang_up()


async def fallback(house: House, peer: Peer) -> None:
    target = house.gateway.config.sip_port
    async with (
        open_sound(PEER_TONE) as spoken,
        house.fallback() as (number, line, sound),
        run_caller(
            "caller-talks",
            house.folder / "fallback",
            target=target,
            number=number,
            options=["-key", "sound", str(spoken.port)],
        ) as sipp,
    ):
        judge_phone(await picked_up(line, sound))
        await sipp.finish()
        judge_peer(spoken.samples(1.0), spoken.rate)


def refused(code: int, cause: str, headers: str = "") -> Tell:
    async def tell(house: House, peer: Peer) -> None:
        steps: list[Step] = [INVITE, Respond(code, "No", headers=headers), ACK]
        async with dialed(house, peer, str(code), *steps) as (call, sipp):
            await call.end()
            await sipp.finish()
        assert call.ended() == ("remote", cause, code)

    return tell


UNKNOWN: Final = NotApplicable("sipp 3.6 can neither ask for a SHA-256 digest nor check one.")
COLUMN: Final = Column(
    "sipp",
    "sipp 3.6",
    open_sipp,
    {
        "call": talks("call"),
        "tcp": talks("tcp", way="tcp", options=["-t", "t1"]),
        "tls": NotApplicable("Debian's sipp is built without TLS."),
        "srtp": NotApplicable("It speaks no audio."),
        "srtp-refused": NotApplicable("It speaks no audio."),
        "ringing": talks("ringing"),
        "early-media": early_media,
        "digits": digits,
        "digits-remote": digits_remote,
        "info": info,
        "info-remote": info_remote,
        "register-md5": register_md5,
        "register-sha256": UNKNOWN,
        "invite-md5": invite_md5,
        "invite-sha256": UNKNOWN,
        "failover": failover,
        "names": talks("names", way="names"),
        "nat": talks("nat", way="nat"),
        "options": usual.watched("options"),
        "options-remote": options_remote,
        "prack": prack,
        "update": talks("update", Request("UPDATE", 901), Receive(200)),
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
        "attended": NotApplicable("It runs one script at a port, and the two calls differ."),
        "refer": refer,
        "bye": talks("bye"),
        "bye-remote": bye_remote,
        "cancel": cancel,
        "incoming": calls("incoming", "caller-talks", taken),
        "incoming-486": calls("incoming-486", "caller-is-rejected", usual.rejected),
        "incoming-cancel": calls("incoming-cancel", "caller-gives-up", usual.given_up),
        "fallback": fallback,
        "302": refused(302, "redirected", "Contact: <sip:elsewhere@192.0.2.1>"),
        "486": refused(486, "busy"),
        "603": refused(603, "rejected"),
    },
)
