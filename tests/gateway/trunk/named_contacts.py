"""Trunks whose Contact is a name: where ACK and BYE go, and whether SIP stands still meanwhile.

Run in a namespace of its own (`run_isolated`), where dnsmasq answers for all names. Prints what was
seen.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import suppress
from pathlib import Path

from gateway.trunk import Answered, DialRequest, EndpointConfig, Trunk, TrunkEndpoint, TrunkLeg
from tests.gateway.trunk.conftest import OFFER, Ear
from tests.gateway.trunk.wire import Wire, open_wire
from tests.peers.dnsmasq import NameServer, run_name_server
from tests.peers.namespace import run_until_told

ASKED = 20  # times that SIP is asked whether it lives, while a name is not found


async def answered(endpoint: TrunkEndpoint, wire: Wire, contact: str) -> TrunkLeg:
    """Have a call answered with this Contact."""
    wire.heard.clear()
    wire.contact = f"<{contact}>"
    ear = Ear()
    leg = await endpoint.dial(DialRequest(Trunk("test", wire.uri), "+15557654", OFFER), ear)
    wire.answer(await wire.hear("INVITE"), 200, "OK", sdp=OFFER)
    await ear.hear(Answered)
    return leg


async def follow(endpoint: TrunkEndpoint, wire: Wire, far: Wire, contact: str) -> list[str]:
    """Hang up a call with this Contact; return what has come to the other port."""
    far.heard.clear()
    leg = await answered(endpoint, wire, contact)
    with suppress(TimeoutError):
        await far.hear("ACK", limit=3)
        await leg.hangup()
        far.answer(await far.hear("BYE", limit=3), 200, "OK")
    return [message.method for message in far.heard]


async def stand_still(endpoint: TrunkEndpoint, wire: Wire, server: NameServer) -> float:
    """Return for how many seconds SIP did not answer while a name was looked up."""
    server.hang()
    await answered(endpoint, wire, "sip:far@slow.example:5070")
    longest = 0.0
    for _ in range(ASKED):
        began = time.monotonic()
        await endpoint.alive()
        longest = max(longest, time.monotonic() - began)
        await asyncio.sleep(0.02)
    server.go_on()
    return longest


async def main(folder: str) -> None:
    """Follow names of each kind, then one that nobody answers for."""
    async with open_wire() as wire, open_wire() as far:
        records = (
            "host-record=far.example,127.0.0.1",
            f"srv-host=_sip._udp.sip.example,far.example,{far.port},1,1",
        )
        async with run_name_server(Path(folder), *records, port=53) as server:
            endpoint = TrunkEndpoint(EndpointConfig(port=5060))
            await endpoint.start()
            try:
                report = {
                    "host": await follow(endpoint, wire, far, f"sip:far@far.example:{far.port}"),
                    "service": await follow(endpoint, wire, far, "sip:far@sip.example"),
                    "still": await stand_still(endpoint, wire, server),
                }
            finally:
                await endpoint.close(1)
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    run_until_told(main(sys.argv[1]))
