"""Kamailio 5.6: a registrar that asks for passwords, and a proxy that stays on each call's way.

Behind it are two phones that a test plays by hand. So all of a call's requests and responses go
through Kamailio, both ways.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.end_to_end.odd_sound import Sound, open_sound
from tests.end_to_end.odd_trunk import Line, OddTrunk, describe, odd_trunk, offered_address
from tests.end_to_end.trunks import open_trunk
from tests.interop.matrix.cells import Way
from tests.interop.matrix.house import PEER_TONE, heard_by, judge, judge_peer
from tests.peers.proxy import PASSWORD, Kamailio, run_kamailio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.end_to_end.phone import PhoneCall
    from tests.interop.matrix.cells import Site, Tell
    from tests.interop.matrix.house import House


OTHER_TONE: Final = 880.0


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
            "refer": Way({**open_trunk(md5.port), "transfers": "allow"}),
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
    samples = await heard_by(sound)
    outcome = await call.hang_up()
    await line.hear("BYE")
    assert call.ended() == ("local", "hangup", 200)
    judge(outcome)
    judge_peer(samples, sound.rate)


def talks(way: str = "udp") -> Tell:
    async def tell(house: House, peer: Peer) -> None:
        async with dialed(house, peer, way) as there:
            assert there.line.invite is not None
            # At once, as a phone does: behind a NAT nobody else can speak first
            there.sound.target = offered_address(there.line.invite.body)
            await there.line.answer(describe(there.sound.port))
            await converse(there)

    return tell
