"""baresip 1.0, as a phone (tests/peers/baresip.py)."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.end_to_end.trunks import open_trunk
from tests.interop.matrix import phones, usual
from tests.interop.matrix.cells import Column, NotApplicable, Way
from tests.peers.baresip import EARLY, PHONE, SECRET, Baresip, BaresipCall, run_baresip
from tests.peers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.interop.matrix.cells import Site
    from tests.interop.matrix.house import House


@dataclass(frozen=True)
class Peer:
    """The phone, and how it is reached."""

    phone: Baresip
    ways: dict[str, Way]

    number = PHONE

    async def ring(self, number: str) -> BaresipCall:
        return await self.phone.ring(number)

    async def call(self, uri: str) -> BaresipCall:
        return await self.phone.call(uri)


@asynccontextmanager
async def open_baresip(site: Site) -> AsyncIterator[Peer]:
    async with run_baresip(site.folder, site.pair()) as phone:
        way = open_trunk(phone.port)
        ways = {
            "udp": Way({**way, "options": 5}),
            "tcp": Way(open_trunk(phone.port, "tcp")),
            "tls": Way({**open_trunk(phone.port + 1, "tls"), "ca": str(site.authority.file)}),
            "srtp": Way({**way, "srtp": "required"}),
            "srtp-refused": Way({**way, "srtp": "required"}),
            "info": Way({**way, "dtmf": "info"}),
            "refer": Way({**way, "transfers": "allow"}),
        }
        yield Peer(phone, ways)


async def options_remote(house: House, peer: Peer) -> None:
    await peer.phone.do("options", f"sip:127.0.0.1:{house.gateway.config.sip_port}")
    await wait_until(
        lambda: "SIP/2.0 200" in peer.phone.trace(), limit=5, what="OPTIONS is answered"
    )


NO_TIMERS: Final = NotApplicable("baresip 1.0 knows no session timers.")

COLUMN: Final = Column(
    "baresip",
    "baresip 1.0",
    open_baresip,
    {
        "call": phones.talks(),
        "tcp": phones.talks("tcp"),
        "tls": phones.talks("tls"),
        "srtp": phones.talks("srtp", number=SECRET),
        "srtp-refused": usual.unencrypted(PHONE),
        "ringing": phones.ringing(),
        "early-media": phones.early_media(EARLY, plays=False),
        "digits": phones.digits(),
        "digits-remote": phones.digits_remote(),
        "info": phones.digits("info", info=True),
        "info-remote": NotApplicable("baresip 1.0 sends digits as telephone events alone."),
        "register-md5": phones.NO_REGISTRAR,
        "register-sha256": phones.NO_REGISTRAR,
        "invite-md5": phones.NO_PASSWORD,
        "invite-sha256": phones.NO_PASSWORD,
        "failover": phones.failover,
        "names": phones.talks("names"),
        "nat": phones.talks("nat"),
        "options": usual.watched(),
        "options-remote": options_remote,
        "prack": NotApplicable("baresip 1.0 sends no reliable 18x."),
        "update": NotApplicable("baresip 1.0 knows no UPDATE."),
        "timer-uac": NO_TIMERS,
        "timer-uas": NO_TIMERS,
        "reinvite": phones.reinvite(),
        "late-offer": NotApplicable("Each of its re-INVITEs has an offer."),
        "fork-ringing": phones.NO_FORK,
        "fork-answers": phones.NO_FORK,
        "glare": phones.NO_GLARE,
        "hold": phones.hold(records=False),
        "hold-remote": phones.hold_remote(records=False),
        "transfer": phones.transfer,
        "attended": NotApplicable("baresip 1.0 leaves Replaces in the URI that it calls."),
        "refer": phones.refer,
        "bye": phones.bye,
        "bye-remote": phones.bye_remote,
        "cancel": phones.cancel,
        "incoming": phones.incoming,
        "incoming-486": phones.incoming_486,
        "incoming-cancel": phones.incoming_cancel,
        "fallback": phones.fallback,
        "302": NotApplicable("It refuses with 486 alone."),
        "486": phones.refused(486, "busy"),
        "603": NotApplicable("It refuses with 486 alone."),
    },
    at_once=1,
)
