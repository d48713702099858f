"""The far end of the trunk: answers every call at once, with a bare socket for its media."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import sdp
from gateway.bench.player import PlainLeg
from gateway.media.ports import PortRange
from gateway.trunk import (
    Ended,
    EndpointConfig,
    IncomingCall,
    Offered,
    SipAddress,
    TrunkEndpoint,
    TrunkEvent,
    TrunkLeg,
)

log = logging.getLogger(__name__)

POLICY = sdp.TrunkPolicy(codecs=("PCMU", "PCMA", "opus"))


class TrunkEnd(PlainLeg):
    """One call's media at the trunk's side, RTP without encryption.

    Attributes
    ----------
    media
        What was agreed.
    answered_at
        CLOCK_REALTIME in ns when the 200 was given to the SIP engine; 0 before.
    """

    def __init__(self, pair: tuple[socket.socket, socket.socket], offer: str) -> None:
        super().__init__(pair[0])
        # RTCP is taken by nobody; without a socket the gateway would be told that its port is shut
        self._rtcp = pair[1]
        self.ssrc = secrets.randbits(32)
        self.answered_at = 0
        self.over = asyncio.Event()
        self._host, self._port = pair[0].getsockname()[:2]
        self._versions = itertools.count(1)
        self.media: sdp.TrunkMedia | None = None
        self.answer = self.negotiate(offer)

    def negotiate(self, offer: str) -> str:
        """Answer an offer, and send where it says from now on; SdpError if it cannot be used."""
        answer, self.media = sdp.answer_trunk(
            sdp.read(offer).description,
            policy=POLICY,
            address=sdp.RtpAddress(self._host, self._port),
            session_id=self._port,
            version=next(self._versions),
            current=self.media.codec if self.media is not None else None,
        )
        address = self.media.address
        self.socket.connect((address.host, address.port))
        return sdp.render(answer)

    def close(self) -> None:
        """Close both sockets."""
        self.socket.close()
        self._rtcp.close()


class Answerer:
    """The calls that came, by the number that was dialled.

    They ring until `gate` is set, and it is at first.
    """

    def __init__(self, ports: PortRange) -> None:
        self._ports = ports
        self._tasks: set[asyncio.Task[None]] = set()
        self.calls: dict[str, TrunkEnd] = {}
        self.refused = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self._came = asyncio.Condition()

    async def arrival(self, number: str) -> TrunkEnd:
        """Wait for the INVITE to a number."""
        name = digits(number)
        async with self._came:
            await self._came.wait_for(lambda: name in self.calls)
        return self.calls[name]

    def accept(self, incoming: IncomingCall) -> Callable[[TrunkEvent], None]:
        """Take a call."""
        try:
            end = TrunkEnd(self._ports.bind_pair(), incoming.offer)
        except sdp.SdpError as error:
            log.warning("an INVITE to %s is refused: %s", incoming.to, error)
            self.refused += 1
            self._start(incoming.leg.reject(488, "Not Acceptable Here"))
            return _ignore
        self.calls[digits(incoming.to)] = end
        self._start(self._answer(incoming, end))

        def notify(event: TrunkEvent) -> None:
            if isinstance(event, Ended):
                end.over.set()
            elif isinstance(event, Offered):
                self._start(_follow(incoming.leg, end, event))

        return notify

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, incoming: IncomingCall, end: TrunkEnd) -> None:
        try:
            async with self._came:
                self._came.notify_all()
            await incoming.leg.ring()
            await self.gate.wait()
            end.answered_at = time.time_ns()
            await incoming.leg.answer(end.answer)
            await end.over.wait()
        finally:
            end.close()
            await incoming.leg.hangup()

    async def close(self) -> None:
        """Hang up every call."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _follow(leg: TrunkLeg, end: TrunkEnd, offered: Offered) -> None:
    """Take what the caller wants to change, or refuse it."""
    try:
        answer = end.negotiate(offered.sdp)
    except sdp.SdpError as error:
        await leg.refuse_offer(offered.token, str(error))
    else:
        await leg.accept_offer(offered.token, answer)


def _ignore(event: TrunkEvent) -> None:
    """A refused call has nothing more to say."""


def digits(number: str) -> str:
    """Return a number as it can be compared: trunks add and drop what is no digit."""
    return "".join(each for each in number if each.isdecimal())


@asynccontextmanager
async def run_answerer(sip: SipAddress, ports: PortRange) -> AsyncIterator[Answerer]:
    """Answer calls at an address by UDP and TCP; TrunkError if that cannot be."""
    answerer = Answerer(ports)
    config = EndpointConfig(sip.host, sip.port, tcp=True, user_agent="gateway-bench")
    endpoint = TrunkEndpoint(config, answerer.accept)
    await endpoint.start()
    try:
        yield answerer
    finally:
        await answerer.close()
        await endpoint.close(2.0)
