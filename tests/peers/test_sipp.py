"""Each trunk scenario does what its comment says, seen by a caller that writes its own datagrams.

A story is a line of steps: a request that the caller sends, `<` and what it must receive next, or
the status with which it answers a request.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.peers.host import HOST
from tests.peers.process import PeerError
from tests.peers.sipp import run_trunk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ANSWERED = "INVITE <180 <200 ACK BYE <200"

STORIES = {
    "trunk-answer": ANSWERED,
    "trunk-hangs-up": "INVITE <180 <200 ACK <BYE 200",
    "trunk-unavailable": "INVITE <503 ACK",
    "trunk-rings": "INVITE <180 CANCEL <200 <487 ACK",
    "trunk-crossing": "INVITE <180 CANCEL <200 <200 ACK BYE <200",
    "trunk-no-sdp": ANSWERED,
    "trunk-malformed-sdp": ANSWERED,
    "trunk-late-progress": "INVITE <180 <200 ACK <183 BYE <200",
    "trunk-repeats": "INVITE <180 <180 <180 <200 <200 <200 ACK <200 BYE <200",
    "trunk-early-bye": "INVITE <180 <BYE 481 <487 ACK",
}


class Caller(asyncio.DatagramProtocol):
    """A caller without a transaction layer: it sends what it is told, and repeats nothing."""

    def __init__(self, target: int) -> None:
        self.received: asyncio.Queue[str] = asyncio.Queue()
        self._target = (HOST, target)
        self._last = ""
        self._to = f"<sip:600@{HOST}>"

    def open(self, transport: asyncio.DatagramTransport) -> Caller:
        self._transport = transport
        self._port = transport.get_extra_info("sockname")[1]
        return self

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.received.put_nowait(data.decode())

    def request(self, method: str) -> None:
        # RFC 3261: CANCEL has number and branch of the INVITE (9.1), ACK its number (13.2.2.4)
        sequence = 2 if method == "BYE" else 1
        branch = "INVITE" if method == "CANCEL" else method
        self._send(
            f"{method} sip:600@{HOST}:{self._target[1]} SIP/2.0",
            f"Via: SIP/2.0/UDP {HOST}:{self._port};branch=z9hG4bK-{branch}",
            f"From: <sip:+15550100@{HOST}>;tag=caller",
            f"To: {self._to}",
            f"Call-ID: one@{HOST}",
            f"CSeq: {sequence} {method}",
            f"Contact: <sip:caller@{HOST}:{self._port}>",
        )

    def answer(self, status: str) -> None:
        copied = re.findall(r"^(?:Via|From|To|Call-ID|CSeq):.*", self._last, re.M)
        self._send(f"SIP/2.0 {status} Whatever", *(line.rstrip("\r") for line in copied))

    async def expect(self, what: str) -> str:
        """Return the next message, which must be a response of this status or such a request."""
        async with asyncio.timeout(3):
            self._last = await self.received.get()
        words = self._last.split()
        assert what in (words[0], words[1]), self._last
        if words[0] == "SIP/2.0" and (to := re.search(r"^To: ?(.*;tag=.*)\r$", self._last, re.M)):
            self._to = to[1]
        return self._last

    def _send(self, *lines: str) -> None:
        text = "\r\n".join([*lines, "Max-Forwards: 70", "Content-Length: 0", "", ""])
        self._transport.sendto(text.encode(), self._target)


@asynccontextmanager
async def _calling(target: int) -> AsyncIterator[Caller]:
    loop = asyncio.get_running_loop()
    transport, caller = await loop.create_datagram_endpoint(
        lambda: Caller(target), local_addr=(HOST, 0)
    )
    try:
        yield caller.open(transport)
    finally:
        transport.close()


@pytest.mark.parametrize("scenario", STORIES)
async def test_a_trunk_tells_its_story(scenario: str, tmp_path: Path) -> None:
    async with (
        run_trunk(scenario, tmp_path, limit=10) as trunk,
        _calling(trunk.port) as caller,
    ):
        for step in STORIES[scenario].split():
            if step.startswith("<"):
                await caller.expect(step[1:])
            elif step.isdigit():
                caller.answer(step)
            else:
                caller.request(step)
        messages = await trunk.finish()
    steps = [step for step in STORIES[scenario].split() if step.isalpha()]
    assert [m.method for m in messages if not m.sent and m.status is None] == steps


async def test_a_silent_trunk_says_nothing(tmp_path: Path) -> None:
    async with run_trunk("trunk-silent", tmp_path) as trunk, _calling(trunk.port) as caller:
        for _ in range(3):
            caller.request("INVITE")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await caller.received.get()
        assert [m.method for m in trunk.messages()] == ["INVITE"] * 3


async def test_what_the_answer_lacks(tmp_path: Path) -> None:
    for scenario, body in (("trunk-no-sdp", ""), ("trunk-malformed-sdp", "m=audio many")):
        async with run_trunk(scenario, tmp_path) as trunk, _calling(trunk.port) as caller:
            caller.request("INVITE")
            await caller.expect("180")
            answer = (await caller.expect("200")).partition("\r\n\r\n")[2]
        assert (body in answer) if body else (answer == "")


async def test_a_story_that_goes_otherwise_fails(tmp_path: Path) -> None:
    async with (
        run_trunk("trunk-answer", tmp_path, limit=1) as trunk,
        _calling(trunk.port) as caller,
    ):
        caller.request("INVITE")
        with pytest.raises(PeerError, match="exit status"):
            await trunk.finish()


async def test_a_scenario_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no scenario 'trunk-none': there are"):
        async with run_trunk("trunk-none", tmp_path):
            pass
