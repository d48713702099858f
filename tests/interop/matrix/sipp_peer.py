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
from tests.end_to_end.odd_trunk import offered_address
from tests.end_to_end.trunks import open_trunk, trunk_sdp
from tests.gateway.trunk.script import (
    ACK,
    BYE,
    DONE,
    INVITE,
    RINGING,
    Receive,
    Respond,
    Step,
    write_script,
)
from tests.interop.matrix.cells import Way
from tests.interop.matrix.house import PEER_TONE, heard_by, judge, judge_peer
from tests.interop.matrix.rows import NATTED, SLOW
from tests.interop.matrix.steps import (
    CHALLENGE,
    Verified,
)
from tests.peers.ports import free_port
from tests.peers.requirement import require
from tests.peers.sipp import Sipp, run_trunk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
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
        "refer": {"transfers": "allow"},
        **{way: {} for way in NATTED},
    }
    ports = {way: free_port() for way in keys}
    ways = {
        way: Way({**open_trunk(ports[way], "tcp" if way == "tcp" else "udp"), **each})
        for way, each in keys.items()
    }
    registrar = script(site.folder / "registrar", _registrar())
    counting = script(site.folder / "options", [Receive("OPTIONS"), DONE])
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


def script(folder: Path, steps: Sequence[Step]) -> str:
    folder.mkdir()
    name = write_script(folder, *steps)
    if INVITE not in steps:  # then nothing of it is remembered
        file = folder / "script.xml"
        file.write_text(re.sub(r"<Reference .*/>\n", "", file.read_text()))
    return name


@asynccontextmanager
async def dialed(
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
        name, limit = script(folder, steps), SLOW_LIMIT if row in SLOW else LIMIT
        running = run_trunk(name, folder, port=peer.ports[way], limit=limit, options=options)
        sipp = await stack.enter_async_context(running)
        call = house.dial(house.unique("100"), prefix or way, dtmf=dtmf)
        yield await stack.enter_async_context(call), sipp


def answers(sound: Sound, headers: str = "") -> list[Step]:
    return [INVITE, RINGING, Respond(200, "OK", trunk_sdp(sound.port), headers), ACK]


async def converse(call: PhoneCall, sound: Sound, sipp: Sipp) -> None:
    """Speak, and have the page hang up; both ends have heard each other."""
    await call.hear("answered")
    if sound.target is None:  # behind a NAT nobody else can speak first
        invite = next(each for each in sipp.messages() if each.method == "INVITE")
        sound.target = offered_address(invite.body)
    samples = await heard_by(sound)
    outcome = await call.hang_up()
    await sipp.finish()
    judge(outcome)
    judge_peer(samples, sound.rate)


def talks(row: str, *middle: Step, way: str = "", options: Sequence[str] = ()) -> Tell:
    """Answer, do what is in the middle, and talk."""

    async def tell(house: House, peer: Peer) -> None:
        async with open_sound(PEER_TONE) as sound:
            steps: list[Step] = [*answers(sound), *middle, BYE, DONE]
            async with dialed(house, peer, row, *steps, way=way, options=options) as (call, sipp):
                await converse(call, sound, sipp)

    return tell
