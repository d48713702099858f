"""Asterisk 22, the lab (asterisk-lab/): how it is reached, and what it says of its calls."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tests.end_to_end.trunks import lab_trunk
from tests.interop.matrix.cells import Way
from tests.peers.asterisk import require_lab

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.interop.matrix.cells import Site
    from tests.peers.ami import Manager
    from tests.peers.asterisk import AsteriskLab


LIMIT: Final = 20.0  # seconds for what Asterisk does at once on an idle machine
EXPIRES: Final = 60  # seconds, the least that a gateway asks for


# A line of `pjsip show history`: number, time, direction, address, start line
PACKET: Final = re.compile(r"^(\d+) +(\d+) \* (==>|<==) \S+ +(.*\S)", re.M)


class Packet(NamedTuple):
    """A message that Asterisk has sent or got."""

    number: int
    time: int  # seconds
    sent: bool
    text: str

    def is_request(self, *methods: str) -> bool:
        """Whether it is a request of Asterisk's own, of one of these methods."""
        return self.sent and self.text.partition(" ")[0] in methods


@dataclass(frozen=True)
class Lab:
    """The lab, and its manager."""

    lab: AsteriskLab
    manager: Manager
    ways: dict[str, Way]

    async def call_id(self, number: str) -> str:
        """Wait for the call to a number that nobody else calls; return its Call-ID."""
        return (await self.manager.wait("LabCall", Dialed=number, limit=LIMIT))["CallID"]

    async def over(self, number: str) -> None:
        """Wait until the call to such a number is over here as well."""
        await self.manager.wait("LabHangup", CallID=await self.call_id(number), limit=LIMIT)

    async def packets(self, call_id: str = "", *, where: str = "") -> list[Packet]:
        """Return what went over the wire, of one call or of all."""
        condition = f'sip.msg.call-id = "{call_id}"' if call_id else where
        only = f" where {condition}" if condition else ""
        text = await self.manager.command(f"pjsip show history{only}")
        return [
            Packet(int(each[1]), int(each[2]), each[3] == "==>", each[4])
            for each in PACKET.finditer(text)
        ]


@asynccontextmanager
async def open_lab(site: Site) -> AsyncIterator[Lab]:
    require_lab()
    lab = site.lab

    def way(username: str, transport: str = "udp", **keys: object) -> Way:
        return Way({**lab_trunk(lab, transport, username=username), **keys})

    register: dict[str, Any] = {"register": True, "expires": EXPIRES}
    ways = {
        "udp": way("trunk-digest", options=5, codecs=["PCMU", "PCMA"]),
        "tcp": way("trunk-ulaw", "tcp"),
        "tls": way("acct1002", "tls"),
        "srtp": way("trunk-srtp", srtp="required"),
        "srtp-refused": way("trunk-digest", srtp="required"),
        "info": way("trunk-info", dtmf="info"),
        "prack": way("trunk-prack"),
        "timers": way("trunk-timers"),
        # Whom it hands over is to call 600, and so does the gateway then
        "refer": replace(way("trunk-digest", transfers="allow"), numbers=["600"]),
        "md5": way("acct1001", **register),
        # Whose name has to stand in From, too
        "sha256": way("trunk-sha256", caller_id="trunk-sha256", **register),
    }
    async with lab.manager() as manager:
        await manager.command("pjsip set history on")
        try:
            yield Lab(lab, manager, ways)
        finally:
            await manager.command("pjsip set history off")
            await manager.command("pjsip set history clear")
