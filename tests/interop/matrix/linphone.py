"""liblinphone 5.1: linphonec, as a phone (tests/peers/linphone.py)."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.end_to_end.trunks import open_trunk
from tests.interop.matrix import phones, usual
from tests.interop.matrix.cells import Column, NotApplicable, Way
from tests.interop.matrix.house import judge, talk
from tests.peers.linphone import Linphone, LinphoneCall, run_linphone
from tests.peers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.interop.matrix.cells import Site
    from tests.interop.matrix.house import House

NUMBER: Final = "100"  # it takes any, and one call at a time


@dataclass(frozen=True)
class Peer:
    """The phone, another one for a call that lasts, and one that says 183."""

    phone: Linphone
    patient: Linphone
    early: Linphone
    ways: dict[str, Way]

    number = NUMBER

    async def ring(self, number: str) -> LinphoneCall:
        return await self.phone.ring(number)

    async def call(self, uri: str) -> LinphoneCall:
        return await self.phone.call(uri)


@asynccontextmanager
async def open_linphone(site: Site) -> AsyncIterator[Peer]:
    async with (
        run_linphone(site.folder / "phone") as phone,
        run_linphone(site.folder / "patient") as patient,
        run_linphone(site.folder / "early", early=True) as early,
    ):
        way = open_trunk(phone.port)
        ways = {
            # In a call of its own it describes the machine's address, and sends from loopback's
            "udp": Way({**way, "options": 5, "symmetric_rtp": "any"}),
            "tcp": Way(open_trunk(phone.port, "tcp")),
            "srtp": Way({**way, "srtp": "required"}),
            "info": Way({**way, "dtmf": "info"}),
            "refer": Way({**way, "transfers": "allow"}),
            "patient": Way(open_trunk(patient.port)),
            "early": Way(open_trunk(early.port)),
        }
        yield Peer(phone, patient, early, ways)


async def early_media(house: House, peer: Peer) -> None:
    """It says 183, plays nothing, and then answers."""
    async with house.dial(NUMBER, "early") as call:
        ring = await peer.early.ring(NUMBER)
        assert (await call.hear("ringing"))["earlyMedia"]
        await ring.answer()
        await phones.converse(call, ring)


async def timer_uas(house: House, peer: Peer) -> None:
    async with house.dial(NUMBER, "patient") as call:
        ring = await peer.patient.ring(NUMBER)
        await ring.answer()
        since = len(peer.patient.trace())

        def refreshed() -> bool:
            return "UPDATE sip:" in peer.patient.trace()[since:]

        await wait_until(refreshed, limit=60, what="a refresh", interval=0.5)
        await talk(call)
        outcome = await call.hang_up()
        await ring.over()
    judge(outcome)


async def busy(house: House, peer: Peer) -> None:
    """It is engaged by another call."""
    async with phones.dialed(house, peer) as (call, ring):
        await ring.answer()
        await call.hear("answered")
        async with house.dial(NUMBER) as second:
            await second.end()
        assert second.ended() == ("remote", "busy", 486)
        await call.hang_up()
        await ring.over()


CALLS_ITSELF: Final = NotApplicable("It would have to call itself, which it gets stuck in.")
NO_COMMAND: Final = NotApplicable("linphonec has no command for it.")

COLUMN: Final = Column(
    "linphone",
    "linphonec 5.1",
    open_linphone,
    {
        "call": phones.talks(),
        "tcp": phones.talks("tcp"),
        "tls": NotApplicable("linphonec shows a certificate to nobody who calls."),
        "srtp": phones.talks("srtp"),
        "srtp-refused": NotApplicable("It takes encrypted audio where that is offered."),
        "ringing": phones.ringing(),
        "early-media": early_media,
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
        "options-remote": NO_COMMAND,
        "prack": NotApplicable("It sends no reliable 18x unless a program of its own asks for it."),
        "update": NO_COMMAND,
        "timer-uac": NotApplicable("It takes the refreshing upon itself."),
        "timer-uas": timer_uas,
        "reinvite": NO_COMMAND,
        "late-offer": NO_COMMAND,
        "fork-ringing": phones.NO_FORK,
        "fork-answers": phones.NO_FORK,
        "glare": phones.NO_GLARE,
        "hold": phones.hold(),
        "hold-remote": phones.hold_remote(),
        "transfer": CALLS_ITSELF,
        "attended": CALLS_ITSELF,
        "refer": phones.refer,
        "bye": phones.bye,
        "bye-remote": phones.bye_remote,
        "cancel": phones.cancel,
        "incoming": phones.incoming,
        "incoming-486": phones.incoming_486,
        "incoming-cancel": phones.incoming_cancel,
        "fallback": phones.fallback,
        "302": phones.refused(302, "redirected"),
        "486": busy,
        "603": phones.refused(603, "rejected"),
    },
    at_once=1,
)
