"""One endpoint for each module: pjsua2 is a singleton, and closing it takes a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
import pytest_asyncio

from gateway.trunk import (
    DialRequest,
    Ended,
    EndpointConfig,
    Trunk,
    TrunkEndpoint,
    TrunkEvent,
    TrunkLeg,
)
from tests.peers.requirement import require_own_engine

OFFER = "\r\n".join(
    (
        "v=0",
        "o=- 7 1 IN IP4 127.0.0.1",
        "s=-",
        "c=IN IP4 127.0.0.1",
        "t=0 0",
        "m=audio 40000 RTP/AVP 0 101",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=ptime:20",
        "a=x-not-known-to-pjsip:kept",
        "a=sendrecv",
        "",
    )
)

E = TypeVar("E", bound=TrunkEvent)


@dataclass
class Ear:
    """Listens to a leg; everything is kept, and can be waited for."""

    events: list[TrunkEvent] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, event: TrunkEvent) -> None:
        self.events.append(event)
        self.news.set()

    async def hear(self, kind: type[E], limit: float = 10) -> E:
        """Wait for the first event of a kind."""
        return await self.hear_count(kind, 1, limit)

    async def hear_count(self, kind: type[E], count: int, limit: float = 10) -> E:
        """Wait until so many events of a kind have come; return the last of them."""
        async with asyncio.timeout(limit):
            while True:
                found = [event for event in self.events if isinstance(event, kind)]
                if len(found) >= count:
                    return found[count - 1]
                self.news.clear()
                await self.news.wait()

    async def end(self, limit: float = 10) -> Ended:
        """Wait for the end, and let whatever wrongly comes after it come."""
        end = await self.hear(Ended, limit)
        await asyncio.sleep(0.05)
        assert self.events[-1] is end
        assert self.kinds.count("Ended") == 1
        return end

    @property
    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


@dataclass
class Phone:
    """Places calls through an endpoint."""

    endpoint: TrunkEndpoint

    async def dial(
        self,
        trunk: str | Trunk,
        to: str = "+15557654",
        *,
        display_name: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        offer: str = OFFER,
        response_timeout: float | None = None,
    ) -> tuple[TrunkLeg, Ear]:
        if isinstance(trunk, str):
            trunk = Trunk("test", trunk, caller_id="+15550001")
        request = DialRequest(
            trunk,
            to,
            offer,
            display_name=display_name,
            headers=headers,
            response_timeout=response_timeout,
        )
        leg = await self.endpoint.dial(request, ear := Ear())
        return leg, ear


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def endpoint() -> AsyncIterator[TrunkEndpoint]:
    endpoint = TrunkEndpoint(EndpointConfig(port=0, tcp=True))
    await endpoint.start()
    yield endpoint
    await endpoint.close()
    assert endpoint.active == 0


@pytest.fixture
def own_engine() -> None:
    """For what the stock wheel does otherwise: it has no filter."""
    require_own_engine()


@pytest.fixture(scope="module")
def phone(endpoint: TrunkEndpoint) -> Phone:
    return Phone(endpoint)
