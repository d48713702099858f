"""A caller that offers nothing: the peer does, and follows the answer in the ACK."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.peer.server import run_peer
from gateway.trunk import SipAddress
from gateway.trunk.message import Message
from sdp import parse
from tests.gateway.peer.caller import Recorder
from tests.gateway.trunk.wire import Wire, open_wire
from tests.peers.requirement import require_own_engine
from tests.tones import assert_tone

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANSWER = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {} RTP/AVP {}\r\n"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def peer() -> AsyncIterator[int]:
    require_own_engine()
    async with run_peer(SipAddress("127.0.0.1", 0)) as endpoint:
        yield endpoint.address.port


class Caller:
    """One call by hand: requests that carry a description only in ACK."""

    def __init__(self, wire: Wire, port: int) -> None:
        self._wire = wire
        self._port = port
        self._to = f"<sip:603@127.0.0.1:{port}>"
        self._cseq = 0

    async def invite(self) -> str:
        """Send an INVITE without description; return the one in its 200."""
        answer = await self._ask("INVITE")
        self._to = answer.header("to") or ""
        return answer.sdp

    def ack(self, sdp: str = "") -> None:
        self._send("ACK", sdp)

    async def bye(self) -> None:
        await self._ask("BYE")

    async def _ask(self, method: str) -> Message:
        self._cseq += 1
        self._send(method)
        return await self._wire.find(
            lambda message: message.code >= 200 and message.cseq[0] == self._cseq
        )

    def _send(self, method: str, sdp: str = "") -> None:
        wire = self._wire
        lines = [
            f"{method} sip:603@127.0.0.1:{self._port} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{wire.port};branch=z9hG4bK{method}{self._cseq}{wire.port}",
            f"From: <{wire.uri}>;tag=caller",
            f"To: {self._to}",
            f"Call-ID: late{wire.port}",
            f"CSeq: {self._cseq} {method}",
            f"Contact: <{wire.uri}>",
            "Max-Forwards: 70",
            *(["Content-Type: application/sdp"] if sdp else []),
            f"Content-Length: {len(sdp)}",
        ]
        data = "\r\n".join([*lines, "", sdp]).encode()
        wire.transport.sendto(data, ("127.0.0.1", self._port))


async def listen(recorder: Recorder, packets: int) -> None:
    async with asyncio.timeout(5):
        while len(recorder.packets) < packets:
            recorder.news.clear()
            await recorder.news.wait()


async def test_late_offer(peer: int) -> None:
    """The answer in the ACK says where to, at first and after a re-INVITE that offers nothing."""
    loop = asyncio.get_running_loop()
    async with open_wire() as wire:
        caller = Caller(wire, peer)
        offers = []
        for _ in range(2):
            transport, recorder = await loop.create_datagram_endpoint(
                Recorder, local_addr=("127.0.0.1", 0)
            )
            offers.append(parse(await caller.invite()))
            caller.ack(ANSWER.format(transport.get_extra_info("sockname")[1], 0))
            await listen(recorder, 25)
            assert_tone(recorder.samples, 8000, present=[440], ratio=15)
            transport.close()
        await caller.bye()
    assert offers[0].media[0].formats == ("0", "8", "101")
    assert offers[1] == offers[0]  # the same version too: nothing of it has changed


@pytest.mark.parametrize("formats", ["3", "x"])
async def test_answer_that_cannot_be_used(peer: int, formats: str) -> None:
    async with open_wire() as wire:
        caller = Caller(wire, peer)
        await caller.invite()
        caller.ack(ANSWER.format(5000, formats))
        await wire.hear("BYE")
