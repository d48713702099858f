"""pjsua 2.17, as a phone (tests/peers/pjsua.py)."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.end_to_end.trunks import open_trunk
from tests.interop.matrix import phones, usual
from tests.interop.matrix.cells import Column, NotApplicable, Way
from tests.peers.pjsua import Pjsua, PjsuaCall, run_pjsua
from tests.peers.requirement import require_own_engine

RELIABLE: Final = "7725"  # as tests/peers/pjsua_phone.py has it

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.interop.matrix.cells import Site
    from tests.interop.matrix.house import House


@dataclass(frozen=True)
class Peer:
    """The phone, and how it is reached."""

    phone: Pjsua
    ways: dict[str, Way]

    number = ""  # it takes any

    async def ring(self, number: str) -> PjsuaCall:
        return await self.phone.ring(number)

    async def call(self, uri: str) -> PjsuaCall:
        return await self.phone.call(uri)


@asynccontextmanager
async def open_pjsua(site: Site) -> AsyncIterator[Peer]:
    require_own_engine()  # the stock one takes four calls at a time
    async with run_pjsua(site.folder, site.pair()) as phone:
        way = open_trunk(phone.port)
        ways = {
            "udp": Way({**way, "options": 5}),
            "tcp": Way(open_trunk(phone.port, "tcp")),
            "tls": Way({**open_trunk(phone.port + 1, "tls"), "ca": str(site.authority.file)}),
            "srtp-refused": Way({**way, "srtp": "required"}),
            "info": Way({**way, "dtmf": "info"}),
            "refer": Way({**way, "transfers": "allow"}),
        }
        yield Peer(phone, ways)


async def prack(house: House, peer: Peer) -> None:
    async with phones.dialed(house, peer, number=RELIABLE) as (call, ring):
        await ring.reply(180)
        await call.hear("ringing")
        await ring.acknowledged()
        await ring.answer()
        await phones.converse(call, ring)


async def update(house: House, peer: Peer) -> None:
    async with phones.dialed(house, peer) as (call, ring):
        await ring.answer()
        await ring.update()
        await phones.converse(call, ring)


async def options_remote(house: House, peer: Peer) -> None:
    await peer.phone.do("options", uri=f"sip:127.0.0.1:{house.gateway.config.sip_port}")
    await peer.phone.wait(event="asked", code=200)


TIMER: Final = NotApplicable(
    "It leaves interval and refreshing to the caller: 150 s are too late for a run."
)

COLUMN: Final = Column(
    "pjsua",
    "pjsua 2.17",
    open_pjsua,
    {
        "call": phones.talks(),
        "tcp": phones.talks("tcp"),
        "tls": phones.talks("tls"),
        "srtp": NotApplicable("Our build of pjsua, which this is too, has no SRTP of its own."),
        "srtp-refused": usual.unencrypted(),
        "ringing": phones.ringing(),
        "early-media": phones.early_media(),
        "digits": phones.digits(),
        "digits-remote": phones.digits_remote(),
        "info": phones.digits("info", info=True),
        "info-remote": phones.digits_remote("info", info=True),
        "register-md5": phones.NO_REGISTRAR,
        "register-sha256": phones.NO_REGISTRAR,
        "invite-md5": phones.NO_PASSWORD,
        "invite-sha256": phones.NO_PASSWORD,
        "failover": phones.failover,
        "names": phones.talks("names"),
        "nat": phones.talks("nat"),
        "options": usual.watched(),
        "options-remote": options_remote,
        "prack": prack,
        "update": update,
        "timer-uac": TIMER,
        "timer-uas": TIMER,
        "reinvite": phones.reinvite(),
        "late-offer": phones.reinvite(late=True),
        "fork-ringing": phones.NO_FORK,
        "fork-answers": phones.NO_FORK,
        "glare": phones.NO_GLARE,
        "hold": phones.hold(),
        "hold-remote": phones.hold_remote(),
        "transfer": phones.transfer,
        "attended": NotApplicable(
            "It replaces a call of its own, and crashes at times then (SIGSEGV)."
        ),
        "refer": phones.refer,
        "bye": phones.bye,
        "bye-remote": phones.bye_remote,
        "cancel": phones.cancel,
        "incoming": phones.incoming,
        "incoming-486": phones.incoming_486,
        "incoming-cancel": phones.incoming_cancel,
        "fallback": phones.fallback,
        "302": phones.refused(302, "redirected"),
        "486": phones.refused(486, "busy"),
        "603": phones.refused(603, "rejected"),
    },
)
