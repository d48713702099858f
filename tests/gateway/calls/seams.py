"""A registry of calls between seams that are fakes: sessions of media, and trunks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from gateway import trunk
from gateway.calls.registry import Calls
from gateway.calls.request import CallRequest
from gateway.calls.symmetric_rtp import SymmetricRtp
from gateway.calls.trunks import Route, Trunks
from gateway.errors import UnavailableError
from tests.gateway.calls.descriptions import ANSWER, fixture
from tests.gateway.calls.fakes import LOCAL, FakeEcho, FakeJoined, FakeSession, FakeTrunk

PCMU_ANSWERED = trunk.Answered(ANSWER.replace("PCMA", "PCMU").replace(" 8 ", " 0 "))

REQUEST = CallRequest(to="600", offer=fixture("chrome-156-audio.sdp"), caller="+15550001")

TARGET = trunk.Target("127.0.0.1", 5060, "udp")


class FakePlane:
    """Opens fake sessions."""

    overloaded = False
    load = 0.0
    pairs = 1000
    calls_by_load: int | None = None

    def __init__(self) -> None:
        self.sessions: list[FakeSession] = []
        self.joined: list[FakeJoined] = []
        self.echoes: list[FakeEcho] = []
        self.own: dict[str, str] = {}  # our address, by that of a trunk; empty: none leads there

    async def start(self) -> None: ...

    def own_host(self, trunk: str) -> str:
        own = self.own.get(trunk, LOCAL.trunk_host)
        if not own:
            raise UnavailableError(f"no address of ours leads to {trunk}")
        return own

    async def open(self) -> FakeSession:
        await asyncio.sleep(0)  # binding takes a turn of the loop
        self.sessions.append(FakeSession())
        return self.sessions[-1]

    async def open_joined(self) -> FakeJoined:
        await asyncio.sleep(0)
        self.joined.append(FakeJoined())
        return self.joined[-1]

    async def open_echo(self) -> FakeEcho:
        await asyncio.sleep(0)
        self.echoes.append(FakeEcho())
        return self.echoes[-1]

    def stats(self) -> dict[str, int]:
        return {"sessions": len(self.sessions)}

    async def close(self) -> None: ...


class FakeEndpoint:
    """Dials fake trunks."""

    capacity = 3

    def __init__(self) -> None:
        self.trunks: list[FakeTrunk] = []
        self.requests: list[trunk.DialRequest] = []
        self.dialed = asyncio.Event()

        self.targets_of: dict[str, tuple[trunk.Target, ...]] = {}

    async def targets(self, configured: trunk.Trunk) -> tuple[trunk.Target, ...]:
        return self.targets_of.get(configured.name, (TARGET,))

    async def locate(self, name: str, like: str) -> str:
        raise trunk.TrunkError(f"{name!r} has no address")

    async def dial(
        self, request: trunk.DialRequest, notify: Callable[[trunk.TrunkEvent], None]
    ) -> trunk.TrunkLeg:
        self.requests.append(request)
        self.trunks.append(FakeTrunk())
        self.dialed.set()
        return await self.trunks[-1].dial(request.offer, notify)


class Gateway:
    """A registry between its seams."""

    def __init__(
        self,
        max_calls: int = 100,
        passthrough: tuple[str, ...] = (),
        symmetric_rtp: SymmetricRtp = SymmetricRtp.AUTO,
    ) -> None:
        self.plane = FakePlane()
        self.endpoint = FakeEndpoint()
        lab = trunk.Trunk("lab", "sip:127.0.0.1:5060")
        route = Route(lab, ("PCMU",), max_calls, passthrough, 16_000, symmetric_rtp)
        self.calls = Calls(
            cast(trunk.TrunkEndpoint, self.endpoint),
            self.plane,
            Trunks([route], lambda to: ["lab"]),
            max_duration=60,
        )
