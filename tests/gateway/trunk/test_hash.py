"""A number with # is %23 in every SIP URI of its dialog (RFC 3261 section 25.1), and # to us."""

from __future__ import annotations

import asyncio

import pytest

from gateway.trunk import Answered
from gateway.trunk.message import Message
from gateway.trunk.party import party
from tests.gateway.trunk.conftest import OFFER, Phone
from tests.gateway.trunk.wire import Wire, open_wire

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBER = "*31#600#"
ESCAPED = "*31%23600%23"


def answer(wire: Wire, invite: Message, port: int, code: str, contact: str) -> None:
    """Send a response, with the number in its Contact."""
    lines = [
        f"SIP/2.0 {code}",
        *(f"{name}: {value}" for name, value in invite.headers if name in ("via", "from", "cseq")),
        f"To: {invite.header('to')};tag=trunk",
        f"Call-ID: {invite.header('call-id')}",
        f"Contact: <sip:{contact}@127.0.0.1:{wire.port}>",
        "Content-Type: application/sdp",
        f"Content-Length: {len(OFFER)}",
        "",
        OFFER,
    ]
    wire.transport.sendto("\r\n".join(lines).encode(), ("127.0.0.1", port))


def uris(wire: Wire, method: str) -> list[str]:
    """The lines of a request that hold the called number: its first, and To."""
    request = next(raw.decode() for raw in wire.raw if raw.startswith(method.encode()))
    return [
        line
        for line in request.split("\r\n")
        if line.startswith(method) or line.partition(":")[0].lower() in ("to", "t")
    ]


@pytest.mark.parametrize("contact", [ESCAPED, NUMBER])
async def test_a_hash_is_escaped_in_the_whole_dialog(phone: Phone, contact: str) -> None:
    """Also where the trunk's own Contact has it as it stands, which some do."""
    async with open_wire() as trunk:
        leg, ear = await phone.dial(trunk.uri, NUMBER)
        invite = await trunk.hear("INVITE")
        answer(trunk, invite, phone.endpoint.address.port, "200 OK", contact)
        await ear.hear(Answered)
        await trunk.hear("ACK")
        hanging_up = asyncio.create_task(leg.hangup())
        bye = await trunk.hear("BYE")
        answer(trunk, bye, phone.endpoint.address.port, "200 OK", contact)
        await hanging_up
        await ear.end()
    lines = [line for method in ("INVITE", "ACK", "BYE") for line in uris(trunk, method)]
    assert len(lines) == 6
    assert [line for line in lines if ESCAPED not in line or "#" in line] == []
    assert party(invite.header("to") or "").user == NUMBER


async def test_a_hash_is_escaped_when_the_call_is_taken_back(phone: Phone) -> None:
    async with open_wire() as trunk:
        leg, ear = await phone.dial(trunk.uri, NUMBER)
        invite = await trunk.hear("INVITE")
        answer(trunk, invite, phone.endpoint.address.port, "180 Ringing", ESCAPED)
        hanging_up = asyncio.create_task(leg.hangup())
        cancel = await trunk.hear("CANCEL")
        answer(trunk, cancel, phone.endpoint.address.port, "200 OK", ESCAPED)
        answer(trunk, invite, phone.endpoint.address.port, "487 Request Terminated", ESCAPED)
        await hanging_up
        await ear.end()
    assert all(ESCAPED in line and "#" not in line for line in uris(trunk, "CANCEL"))


@pytest.mark.parametrize("user", [ESCAPED, NUMBER])
async def test_a_hash_that_comes_back_is_one_again(user: str) -> None:
    heard = party(f'"Ana" <sip:{user}@127.0.0.1:5060>;tag=1')
    assert (heard.display_name, heard.user) == ("Ana", NUMBER)
