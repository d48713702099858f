"""A trunk that repeats itself. sipp cannot: it answers a repetition by one, without end."""

from __future__ import annotations

import asyncio
from asyncio import DatagramTransport
from typing import cast

import pytest

from gateway.trunk import Answered
from gateway.trunk.message import Message, read
from tests.gateway.trunk.conftest import OFFER, Phone

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Parrot(asyncio.DatagramProtocol):
    """Answers an INVITE with 200 three times and a late 183, and counts the ACKs."""

    transport: DatagramTransport

    def __init__(self) -> None:
        self.acks = asyncio.Semaphore(0)
        self.ended = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        request = read(data.decode())
        match request.method:
            case "INVITE":
                for status in ("200 OK", "200 OK", "183 Session Progress", "200 OK"):
                    self.transport.sendto(self.response(request, status, OFFER), address)
            case "ACK":
                self.acks.release()
            case "BYE":
                self.transport.sendto(self.response(request, "200 OK", ""), address)
                self.ended.set()

    def response(self, request: Message, status: str, sdp: str) -> bytes:
        host, port = self.transport.get_extra_info("sockname")
        to = request.header("to") or ""
        lines = [
            f"SIP/2.0 {status}",
            f"Via: {request.header('via')}",
            f"From: {request.header('from')}",
            f"To: {to}" if "tag=" in to else f"To: {to};tag=parrot",
            f"Call-ID: {request.header('call-id')}",
            f"CSeq: {request.header('cseq')}",
            f"Contact: <sip:parrot@{host}:{port}>",
            *(["Content-Type: application/sdp"] if sdp else []),
            f"Content-Length: {len(sdp)}",
            "",
            sdp,
        ]
        return "\r\n".join(lines).encode()


async def test_repeated_answer_and_late_progress(phone: Phone) -> None:
    """Every 200 is acknowledged, the 183 after it means nothing, and there is one answer."""
    loop = asyncio.get_running_loop()
    transport, parrot = await loop.create_datagram_endpoint(Parrot, local_addr=("127.0.0.1", 0))
    try:
        leg, ear = await phone.dial(f"sip:127.0.0.1:{transport.get_extra_info('sockname')[1]}")
        await ear.hear(Answered)
        async with asyncio.timeout(5):
            for _ in range(3):
                await parrot.acks.acquire()
        await leg.hangup()
        await ear.end()
        async with asyncio.timeout(5):
            await parrot.ended.wait()
    finally:
        transport.close()
    assert ear.kinds == ["Answered", "Ended"]
