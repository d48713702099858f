"""sipp 3.6: a script per story, which fails at anything else than it waits for.

It speaks no audio. A port of the test's own does, which the script's description names.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.end_to_end.odd_sound import Sound, open_sound
from tests.end_to_end.trunks import open_trunk, trunk_sdp
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
    write_script,
)
from tests.interop.matrix import usual
from tests.interop.matrix.cells import Column, NotApplicable, Way
from tests.interop.matrix.house import FAILOVER, PEER_TONE, judge, judge_peer, talk
from tests.interop.matrix.rows import SLOW
from tests.interop.matrix.steps import (
    CHALLENGE,
    RELIABLE,
    TIMED,
    WITHOUT_UPDATE,
    Again,
    Fork,
    RefusedAck,
    Verified,
)
from tests.peers.ports import free_port
from tests.peers.process import wait_until
from tests.peers.requirement import require
from tests.peers.sipp import Sipp, run_caller, run_trunk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

    from tests.end_to_end.phone import PhoneCall
    from tests.interop.matrix.cells import Site, Tell
    from tests.interop.matrix.house import House

POOL: Final = ("one", "two", "three")  # ways of the stories that need no way of their own
SECRET: Final = "sipp-secret"
OTHER_TONE: Final = 880.0
LIMIT: Final = 30.0  # seconds for a script
SLOW_LIMIT: Final = 90.0
REGISTERED: Final = 20  # seconds that its registrar grants
SIGNAL: Final = re.compile(r"^Signal=(.)", re.M)
REFRESH: Final = 60_000  # ms to wait for a refresh at most


@dataclass
class Peer:
    """Ports for sipp, and what listens on some of them from the beginning."""

    ways: dict[str, Way]
    ports: dict[str, int]
    registrar: Sipp
    pool: asyncio.Queue[str] = field(default_factory=asyncio.Queue)


@asynccontextmanager
async def open_sipp(site: Site) -> AsyncIterator[Peer]:
    require("sipp")
    digest: dict[str, object] = {"username": "caller", "password": SECRET}
    keys: dict[str, dict[str, object]] = {
        "udp": {},
        **{way: {} for way in POOL},
        "tcp": {},
        "info": {"dtmf": "info"},
        "digest": digest,
        "register": {**digest, "register": True, "expires": 60},
        "options": {"options": 5},
        "timer-uac": {},
        "timer-uas": {},
        "glare": {},
        "transfer": {},
    }
    ports = {way: free_port() for way in keys}
    ways = {
        way: Way({**open_trunk(ports[way], "tcp" if way == "tcp" else "udp"), **each})
        for way, each in keys.items()
    }
    registrar = _script(site.folder / "registrar", _registrar())
    counting = _script(site.folder / "options", [Receive("OPTIONS"), DONE])
    async with (
        run_trunk(registrar, site.folder / "registrar", port=ports["register"], limit=100) as sipp,
        run_trunk(counting, site.folder / "options", port=ports["options"], calls=100, limit=100),
    ):
        peer = Peer(ways, ports, sipp)
        for way in POOL:
            peer.pool.put_nowait(way)
        yield peer


def _registrar() -> list[Step]:
    granted = Respond(200, "OK", headers=f"Expires: {REGISTERED}", to_last=True)
    return [
        Receive("REGISTER", REFRESH),
        Respond(401, "Unauthorized", headers=CHALLENGE, to_last=True),
        Verified("REGISTER", "caller", SECRET),
        granted,
        Receive("REGISTER", REFRESH),
        granted,
    ]


def _script(folder: Path, steps: Sequence[Step]) -> str:
    folder.mkdir()
    name = write_script(folder, *steps)
    if INVITE not in steps:  # then nothing of it is remembered
        file = folder / "script.xml"
        file.write_text(re.sub(r"<Reference .*/>\n", "", file.read_text()))
    return name


@asynccontextmanager
async def _dial(
    house: House,
    peer: Peer,
    row: str,
    *steps: Step,
    way: str = "",
    prefix: str = "",
    dtmf: str = "",
    options: Sequence[str] = (),
) -> AsyncIterator[tuple[PhoneCall, Sipp]]:
    """Have a script take a call by a way, any of the pool if none is named.

    `prefix` names a way that leads there by a detour.
    """
    async with AsyncExitStack() as stack:
        if not way:
            way = await peer.pool.get()
            stack.callback(peer.pool.put_nowait, way)
        folder = house.folder / row
        script, limit = _script(folder, steps), SLOW_LIMIT if row in SLOW else LIMIT
        running = run_trunk(script, folder, port=peer.ports[way], limit=limit, options=options)
        sipp = await stack.enter_async_context(running)
        dialed = house.dial(house.unique("100"), prefix or way, dtmf=dtmf)
        yield await stack.enter_async_context(dialed), sipp


def _answer(sound: Sound, headers: str = "") -> list[Step]:
    return [INVITE, RINGING, Respond(200, "OK", trunk_sdp(sound.port), headers), ACK]


async def _talk(call: PhoneCall, sound: Sound, sipp: Sipp) -> None:
    """Speak, and have the page hang up; both ends have heard each other."""
    await call.hear("answered")
    await sound.hear(60)
    samples = sound.samples(1.0)
    outcome = await call.hang_up()
    await sipp.finish()
    judge(outcome)
    judge_peer(samples, sound.rate)


def talks(row: str, *middle: Step, way: str = "", options: Sequence[str] = ()) -> Tell:
    """Answer, do what is in the middle, and talk."""

    async def tell(house: House, peer: Peer) -> None:
        async with open_sound(PEER_TONE) as sound:
            steps: list[Step] = [*_answer(sound), *middle, BYE, DONE]
            async with _dial(house, peer, row, *steps, way=way, options=options) as (call, sipp):
                await _talk(call, sound, sipp)

    return tell


async def early_media(house: House, peer: Peer) -> None:
    async with open_sound(PEER_TONE) as sound:
        text = trunk_sdp(sound.port)
        steps: list[Step] = [
            *(INVITE, Respond(183, "Session Progress", text), Pause(1500)),
            *(Respond(200, "OK", text), ACK, BYE, DONE),
        ]
        async with _dial(house, peer, "early-media", *steps) as (call, sipp):
            assert (await call.hear("ringing"))["earlyMedia"]
            await sound.hear(20)
            assert "answered" not in call.kinds
            await _talk(call, sound, sipp)


async def digits(house: House, peer: Peer) -> None:
    async with open_sound(PEER_TONE) as sound:
        steps: list[Step] = [*_answer(sound), BYE, DONE]
        async with _dial(house, peer, "digits", *steps, dtmf="159*#") as (call, sipp):
            await call.hear("answered")
            await sound.hear_digits("159*#")
            await call.hang_up()
            await sipp.finish()


async def digits_remote(house: House, peer: Peer) -> None:
    async with open_sound(PEER_TONE) as sound:
        steps: list[Step] = [*_answer(sound), BYE, DONE]
        async with _dial(house, peer, "digits-remote", *steps) as (call, sipp):
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
        steps: list[Step] = [*_answer(sound), *both, *both, BYE, DONE]
        async with _dial(house, peer, "info", *steps, way="info", dtmf="5#") as (call, sipp):
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
        steps: list[Step] = [*_answer(sound), theirs, Receive(200), BYE, DONE]
        async with _dial(house, peer, "info-remote", *steps) as (call, sipp):
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
            *(Verified("INVITE", "caller", SECRET), *_answer(sound)[1:], BYE, DONE),
        ]
        async with _dial(house, peer, "invite-md5", *steps, way="digest") as (call, sipp):
            await _talk(call, sound, sipp)


async def failover(house: House, peer: Peer) -> None:
    async with open_sound(PEER_TONE) as sound:
        steps: list[Step] = [*_answer(sound), BYE, DONE]
        there = _dial(house, peer, "failover", *steps, way="udp", prefix=FAILOVER)
        async with there as (call, sipp):
            await _talk(call, sound, sipp)


async def options_remote(house: House, peer: Peer) -> None:
    port = house.gateway.config.sip_port
    async with run_caller(
        "caller-options", house.folder / "caller-options", target=port, number=""
    ) as sipp:
        await sipp.finish()


async def prack(house: House, peer: Peer) -> None:
    async with open_sound(PEER_TONE) as sound:
        text = trunk_sdp(sound.port)
        steps: list[Step] = [
            *(INVITE, Respond(183, "Session Progress", text, RELIABLE), Receive("PRACK"), DONE),
            *(Respond(200, "OK"), ACK, BYE, DONE),
        ]
        async with _dial(house, peer, "prack", *steps) as (call, sipp):
            await _talk(call, sound, sipp)
            acknowledged = next(m for m in sipp.messages() if m.method == "PRACK")
    assert (acknowledged.header("rack") or "").split()[::2] == ["1", "INVITE"]


async def timer_uac(house: House, peer: Peer) -> None:
    """We refresh by UPDATE, as it says that it takes it."""
    async with open_sound(PEER_TONE) as sound:
        timed = TIMED.format("uac")
        steps: list[Step] = [
            *_answer(sound, f"{timed}\n{WITHOUT_UPDATE}, UPDATE"),
            *(Receive("UPDATE", REFRESH), Respond(200, "OK", headers=timed, to_last=True)),
            *(BYE, DONE),
        ]
        async with _dial(house, peer, "timer-uac", *steps, way="timer-uac") as (call, sipp):
            await call.hear("answered")
            await _refreshed(sipp, "UPDATE")
            await _talk(call, sound, sipp)


async def _refreshed(sipp: Sipp, method: str) -> None:
    def came() -> bool:
        return any(m.method == method and m.status is None for m in sipp.messages())

    await wait_until(came, limit=60, what=f"{method} comes", interval=0.5)


async def timer_uas(house: House, peer: Peer) -> None:
    """It refreshes by UPDATE after half of the time."""
    async with open_sound(PEER_TONE) as sound:
        refresh = "Supported: timer\nSession-Expires: 90;refresher=uac"
        steps: list[Step] = [
            *_answer(sound, f"{TIMED.format('uas')}\n{WITHOUT_UPDATE}, UPDATE"),
            *(Pause(45_000), Request("UPDATE", 901, headers=refresh), Receive(200)),
            *(BYE, DONE),
        ]
        async with _dial(house, peer, "timer-uas", *steps, way="timer-uas") as (call, sipp):
            await call.hear("answered")
            await _refreshed(sipp, "UPDATE")
            await _talk(call, sound, sipp)


async def reinvite(house: House, peer: Peer) -> None:
    """The media moves to another port."""
    async with open_sound(OTHER_TONE) as old, open_sound(PEER_TONE) as sound:
        steps: list[Step] = [
            *_answer(old),
            Request("INVITE", 901, trunk_sdp(sound.port, version=2)),
            *(Receive(200), Request("ACK", 901), BYE, DONE),
        ]
        async with _dial(house, peer, "reinvite", *steps) as (call, sipp):
            await _talk(call, sound, sipp)


async def late_offer(house: House, peer: Peer) -> None:
    async with open_sound(OTHER_TONE) as old, open_sound(PEER_TONE) as sound:
        steps: list[Step] = [
            *_answer(old),
            *(Request("INVITE", 901), Receive(200)),
            *(Request("ACK", 901, trunk_sdp(sound.port, version=2)), BYE, DONE),
        ]
        async with _dial(house, peer, "late-offer", *steps) as (call, sipp):
            await _talk(call, sound, sipp)


async def fork_ringing(house: House, peer: Peer) -> None:
    async with open_sound(PEER_TONE) as sound:
        steps: list[Step] = [
            *(INVITE, Fork(180, "Ringing", tag="a"), Fork(180, "Ringing", tag="b")),
            *(Fork(200, "OK", trunk_sdp(sound.port), tag="b"), ACK, BYE, DONE),
        ]
        async with _dial(house, peer, "fork-ringing", *steps) as (call, sipp):
            await _talk(call, sound, sipp)


async def fork_answers(house: House, peer: Peer) -> None:
    """The second one gets ACK and BYE (RFC 3261 section 13.2.2.4)."""
    async with open_sound(PEER_TONE) as sound, open_sound(OTHER_TONE) as other:
        steps: list[Step] = [
            *(INVITE, Fork(180, "Ringing", tag="a"), Fork(180, "Ringing", tag="b")),
            *(Fork(200, "OK", trunk_sdp(sound.port), tag="b"), ACK),
            *(Fork(200, "OK", trunk_sdp(other.port), tag="a"), ACK, BYE, DONE),
            *(BYE, DONE),
        ]
        async with _dial(house, peer, "fork-answers", *steps) as (call, sipp):
            await _talk(call, sound, sipp)
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
            *_answer(sound, f"{timed}\n{WITHOUT_UPDATE}"),
            *(again, Again(theirs), Receive(491), Again(RefusedAck(theirs))),
            *(Again(Respond(491, "Request Pending")), ACK),
            *(again, Again(Respond(200, "OK", text, timed)), ACK, BYE, DONE),
        ]
        async with _dial(house, peer, "glare", *steps, way="glare") as (call, sipp):
            await call.hear("answered")

            def agreed() -> bool:
                acks = [m for m in sipp.messages() if m.method == "ACK" and not m.sent]
                return len(acks) == 3

            await wait_until(agreed, limit=60, what="the refresh is agreed", interval=0.5)
            await _talk(call, sound, sipp)


async def hold(house: House, peer: Peer) -> None:
    async with open_sound(PEER_TONE) as sound:
        held = trunk_sdp(sound.port, version=2, direction="recvonly")
        resumed = trunk_sdp(sound.port, version=3)
        steps: list[Step] = [*_answer(sound)]
        for text in (held, resumed):
            steps += [INVITE, Again(Respond(200, "OK", text)), ACK]
        async with _dial(house, peer, "hold", *steps, BYE, DONE) as (call, sipp):
            await call.hear("answered")
            await usual.hold(call)
            await _talk(call, sound, sipp)


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
    async with _dial(house, peer, "transfer", *steps, BYE, DONE, way="transfer") as (call, sipp):
        await call.hear("answered")
        await call.ask("transfer", to=house.prefixes["transfer"] + target)
        await usual.transferred(call)
        messages = await sipp.finish()
    asked = next(each for each in messages if each.method == "REFER")
    assert f"sip:{target}@" in (asked.header("refer-to") or "")


async def hold_remote(house: House, peer: Peer) -> None:
    async with open_sound(PEER_TONE) as sound:
        held = trunk_sdp(sound.port, version=2, direction="sendonly")
        steps: list[Step] = [
            *_answer(sound),
            *(Pause(500), Request("INVITE", 901, held), Receive(200), Request("ACK", 901)),
            Pause(1000),
            Request("INVITE", 902, trunk_sdp(sound.port, version=3)),
            *(Receive(200), Request("ACK", 902), BYE, DONE),
        ]
        async with _dial(house, peer, "hold-remote", *steps) as (call, sipp):
            await call.hear("answered")
            await usual.held_by_peer(call)
            await usual.resumed_by_peer(call)
            await _talk(call, sound, sipp)


async def bye_remote(house: House, peer: Peer) -> None:
    steps: list[Step] = [*ANSWER, Pause(300), *HANG_UP]
    async with _dial(house, peer, "bye-remote", *steps) as (call, sipp):
        await call.end()
        await sipp.finish()
    assert call.ended() == ("remote", "hangup", 200)


async def cancel(house: House, peer: Peer) -> None:
    steps: list[Step] = [
        *(INVITE, RINGING, Receive("CANCEL"), DONE, Respond(487, "Request Terminated"), ACK),
    ]
    async with _dial(house, peer, "cancel", *steps) as (call, sipp):
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


async def converse(page: PhoneCall) -> None:
    """Accept, and talk."""
    await page.accept()
    await talk(page)
    await page.hang_up()


def refused(code: int, cause: str, headers: str = "") -> Tell:
    async def tell(house: House, peer: Peer) -> None:
        steps: list[Step] = [INVITE, Respond(code, "No", headers=headers), ACK]
        async with _dial(house, peer, str(code), *steps) as (call, sipp):
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
        "bye": talks("bye"),
        "bye-remote": bye_remote,
        "cancel": cancel,
        "incoming": calls("incoming", "caller-talks", converse),
        "incoming-486": calls("incoming-486", "caller-is-rejected", usual.rejected),
        "incoming-cancel": calls("incoming-cancel", "caller-gives-up", usual.given_up),
        "302": refused(302, "redirected", "Contact: <sip:elsewhere@192.0.2.1>"),
        "486": refused(486, "busy"),
        "603": refused(603, "rejected"),
    },
)
