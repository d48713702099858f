#!/bin/sh
# aioice nominates every pair that it checks, unless the other end is a lite one.
#
# Software: aioice 0.13.0 as the controlling end, with one candidate of its own. The other end has
#   two candidates and answers each check after 200 ms.
# Surprise: RFC 8445 has no aggressive nomination any more (sections 8.1.1 and 21): checks without
#   USE-CANDIDATE come first, then one pair is nominated, and no other after it. aioice, which goes
#   by RFC 8445 elsewhere, does it so for a lite peer only. To any other it sends USE-CANDIDATE in
#   the first check of each pair, as RFC 5245 allowed, and there is no setting for it. Who has such
#   an end for a peer must expect that several pairs are nominated.
# Seen: both pairs' first checks have USE-CANDIDATE; with remote_is_lite neither has, and a third
#   check, to the candidate that answered first, does.
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare aioice==0.13.0

run 60 <<'PYTHON'
import asyncio
from importlib.metadata import version

import aioice
from aioice import stun
from expect import end, expect

HOST = "127.0.0.1"
DELAY = 0.2
USER, PASSWORD = "peer", "password-of-22-letters"

aioice.ice.get_host_addresses = lambda **_: [HOST]  # it leaves out loopback otherwise


class Candidate(asyncio.DatagramProtocol):
    """One candidate of the other end: notes the checks and answers them."""

    def __init__(self, name, checks):
        self._name, self._checks, self._seen = name, checks, set()

    def connection_made(self, transport):
        self._transport = transport

    def datagram_received(self, data, address):
        request = stun.parse_message(data)
        if request.transaction_id in self._seen:
            return
        self._seen.add(request.transaction_id)
        assert request.check_message_integrity(PASSWORD.encode())
        assert "ICE-CONTROLLING" in request.attributes
        self._checks.append((self._name, "USE-CANDIDATE" in request.attributes))
        response = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.RESPONSE,
            transaction_id=request.transaction_id,
        )
        response.attributes["XOR-MAPPED-ADDRESS"] = address
        response.add_message_integrity(PASSWORD.encode())
        response.add_fingerprint()
        later = asyncio.get_running_loop().call_later
        later(DELAY, self._transport.sendto, bytes(response), address)


async def checks(lite):
    """Return the checks until it was connected: to which candidate, and nominating or not."""
    came = []
    loop = asyncio.get_running_loop()
    ours = aioice.Connection(ice_controlling=True, use_ipv6=False)
    ours.remote_username, ours.remote_password = USER, PASSWORD
    ours.remote_is_lite = lite
    await ours.gather_candidates()
    transports = []
    for name, priority in (("first", 2000), ("second", 1000)):
        transport, _ = await loop.create_datagram_endpoint(
            lambda name=name: Candidate(name, came), local_addr=(HOST, 0)
        )
        transports.append(transport)
        port = transport.get_extra_info("sockname")[1]
        line = f"{name} 1 udp {priority} {HOST} {port} typ host"
        await ours.add_remote_candidate(aioice.Candidate.from_sdp(line))
    await ours.add_remote_candidate(None)
    await ours.connect()
    await ours.close()
    for transport in transports:
        transport.close()
    return came


print(f"aioice {version('aioice')}")
full = [("first", True), ("second", True)]
expect(asyncio.run(checks(lite=False)), full, "checks, with USE-CANDIDATE or not")
lite = [("first", False), ("second", False), ("first", True)]
expect(asyncio.run(checks(lite=True)), lite, "the same, the other end being lite")
end()
PYTHON
