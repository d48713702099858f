"""One endpoint on 0.0.0.0, and a trunk in each of two networks, which knows no way but its own.

Run in a namespace of its own (`run_isolated`). Each trunk answers to the address in Via, as RFC
3261 section 18.2.2 has it without rport, and sends its BYE to the Contact: what names the other
network's address does not arrive. Prints what each has seen.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
from contextlib import ExitStack, suppress
from uuid import uuid4

from gateway.trunk import DialRequest, EndpointConfig, Secret, Trunk, TrunkEndpoint, TrunkEvent
from gateway.trunk.events import Answered, Ended
from gateway.trunk.message import Message, read
from tests.gateway.trunk.conftest import OFFER, Ear
from tests.gateway.trunk.test_registration import Told
from tests.peers.hosts import Host
from tests.peers.namespace import run_until_told

NETWORKS = {"first": ("192.0.2.1", "192.0.2.2"), "second": ("198.51.100.1", "198.51.100.2")}
PORT = 5060
SENT_BY = re.compile(r"SIP/2\.0/(UDP|TCP) ([0-9.]+):([0-9]+)")
CONTACT = re.compile(r"<sip:[^@>]*@([0-9.]+):([0-9]+)")


def addresses(message: Message) -> tuple[str, str]:
    """Return the hosts in Via and Contact of a request."""
    via = SENT_BY.search(message.header("via") or "")
    contact = CONTACT.search(message.header("contact") or "")
    return (via[2] if via else "", contact[1] if contact else "")


class Far:
    """A trunk by hand, over UDP."""

    def __init__(self, opened: socket.socket, address: str) -> None:
        self._socket = opened
        self._address = address
        self.seen: dict[str, tuple[str, str]] = {}
        self.bye_answered = False

    async def serve(self) -> None:
        """Answer everything with 200; hang up a call once it is acknowledged."""
        loop = asyncio.get_running_loop()
        while True:
            data, address = await loop.sock_recvfrom(self._socket, 65536)
            message = read(data.decode(), f"{address[0]}:{address[1]}")
            if message.code:
                self.bye_answered = self.bye_answered or message.code == 200
            elif message.method == "ACK":
                self._hang_up(message)
            elif message.method:
                self.seen.setdefault(message.method, addresses(message))
                self._answer(message)
                if message.method == "INVITE":
                    self._invite = message

    def _send(self, lines: list[str], host: str, port: str) -> None:
        with suppress(OSError):  # no way there: that is what the test looks for
            self._socket.sendto("\r\n".join(lines).encode(), (host, int(port)))

    def _answer(self, request: Message) -> None:
        sent_by = SENT_BY.search(request.header("via") or "")
        assert sent_by is not None
        body = OFFER.replace("127.0.0.1", self._address) if request.method == "INVITE" else ""
        lines = [
            "SIP/2.0 200 OK",
            *(
                f"{name}: {value}"
                for name, value in request.headers
                if name in ("via", "from", "call-id", "cseq")
            ),
            f"To: {request.header('to')};tag=far",
            f"Contact: <sip:far@{self._address}:{PORT}>",
            *(["Expires: 60"] if request.method == "REGISTER" else []),
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
            "",
            body,
        ]
        self._send(lines, sent_by[2], sent_by[3])

    def _hang_up(self, ack: Message) -> None:
        contact = CONTACT.search(self._invite.header("contact") or "")
        assert contact is not None
        lines = [
            f"BYE sip:{contact[1]}:{contact[2]} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._address}:{PORT};branch=z9hG4bK{uuid4().hex}",
            f"From: {ack.header('to')}",
            f"To: {ack.header('from')}",
            f"Call-ID: {ack.call_id}",
            "CSeq: 7 BYE",
            "Max-Forwards: 70",
            "Content-Length: 0",
            "",
            "",
        ]
        self._send(lines, contact[1], contact[2])


async def call(endpoint: TrunkEndpoint, trunk: Trunk) -> list[str]:
    """Call a trunk, which hangs up; return what was told."""
    ear = Ear()
    await endpoint.dial(DialRequest(trunk, "+15557654", OFFER, response_timeout=1.0), ear)
    with suppress(TimeoutError):
        await ear.hear(Ended, limit=3)
    told: list[TrunkEvent] = [each for each in ear.events if isinstance(each, Answered | Ended)]
    return [type(each).__name__ for each in told]


async def main(listen: str) -> None:
    """Call both, ask both, register with both."""
    report = {}
    with ExitStack() as stack:
        fars: dict[str, Far] = {}
        for name, (ours, theirs) in NETWORKS.items():
            host = Host.new()
            Host.here().link(host, name, f"{ours}/24", f"{theirs}/24")
            with host.entered():
                opened = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
            opened.bind((theirs, PORT))
            opened.setblocking(False)
            fars[name] = Far(opened, theirs)
        serving = [asyncio.create_task(far.serve()) for far in fars.values()]
        endpoint = TrunkEndpoint(EndpointConfig(address=listen, port=PORT))
        await endpoint.start()
        try:
            for name, far in fars.items():
                uri = f"sip:{NETWORKS[name][1]}:{PORT}"
                told = await call(endpoint, Trunk(name, uri, options=0))
                reply = await endpoint.ask(Trunk(name, uri), 1.0)
                known = Trunk(name, uri, "ana", Secret("secret"), register=True)
                registration = endpoint.register(known, states := Told())
                with suppress(TimeoutError):
                    await states.registered(limit=2)
                await registration.close()
                report[name] = {
                    "told": told,
                    "reply": reply,
                    "registered": any(state.registered for state in states.states),
                    "bye_answered": far.bye_answered,
                    "seen": far.seen,
                }
        finally:
            await endpoint.close(1)
            for task in serving:
                task.cancel()
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    run_until_told(main(sys.argv[1]))
