"""Where trunks are is looked up without anybody who calls them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from gateway.trunk import (
    Elsewhere,
    EndpointConfig,
    IncomingCall,
    Trunk,
    TrunkEndpoint,
    TrunkEvent,
    TrunkLookupError,
)
from gateway.trunk.whereabouts import Whereabouts
from tests.gateway.trunk.conftest import OFFER, Ear
from tests.gateway.trunk.wire import open_wire
from tests.peers.requirement import require_own_engine
from tests.waiting import until

ONE, OTHER = Trunk("one", "sip:one.example"), Trunk("other", "sip:other.example")


@asynccontextmanager
async def looking(find: Callable[[Trunk], None], *trunks: Trunk) -> AsyncIterator[Whereabouts]:
    async def found(trunk: Trunk) -> None:
        find(trunk)

    looks = Whereabouts(trunks, found, interval=0.001)
    try:
        yield looks
    finally:
        await looks.close()


async def test_each_trunk_is_looked_for_again_and_again() -> None:
    seen: list[str] = []
    async with looking(lambda trunk: seen.append(trunk.name), ONE, OTHER):
        await until(lambda: min(seen.count("one"), seen.count("other")) > 2)
    count = len(seen)
    await asyncio.sleep(0.01)
    assert len(seen) == count, "it is closed"


async def test_what_cannot_be_found_is_said_once_each_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tries: list[str] = []

    def find(trunk: Trunk) -> None:
        tries.append(trunk.name)
        if trunk is ONE and len(tries) != 10:
            raise TrunkLookupError("no such name")

    async with looking(find, ONE):
        await until(lambda: len(tries) > 20)
    lines = [each.getMessage() for each in caplog.records if "one" in each.getMessage()]
    assert lines == ["calls from the trunk one may get no answer: no such name"] * 2


async def test_a_fault_ends_no_search(caplog: pytest.LogCaptureFixture) -> None:
    tries: list[str] = []

    def find(trunk: Trunk) -> None:
        tries.append(trunk.name)
        if len(tries) == 1:
            raise ZeroDivisionError

    async with looking(find, ONE):
        await until(lambda: len(tries) > 2)
    assert "where the trunk one is could not be found out" in caplog.text


async def test_without_trunks_there_is_nothing_to_do() -> None:
    async with looking(lambda _: pytest.fail("nobody is to be found")):
        pass


async def test_a_trunk_that_nobody_has_called_is_known_by_its_name() -> None:
    require_own_engine()
    arrived: asyncio.Queue[IncomingCall] = asyncio.Queue()

    def take(call: IncomingCall) -> Callable[[TrunkEvent], None]:
        arrived.put_nowait(call)
        return Ear()

    config = EndpointConfig(
        port=0, trunks=(Trunk("named", "sip:localhost"),), strangers=Elsewhere.IGNORED
    )
    endpoint = TrunkEndpoint(config, take)
    await endpoint.start()
    try:
        async with open_wire() as wire:

            def knows_us() -> bool:
                """Whether we are answered: the name may not have been looked up yet."""
                wire.request("OPTIONS", endpoint.address.port)
                return bool(wire.heard)

            await until(knows_us)
            wire.request("INVITE", endpoint.address.port, sdp=OFFER)
            async with asyncio.timeout(5):
                call = await arrived.get()
            assert call.trunk == "named"
            await call.leg.reject(486)
            await wire.hear(486)
    finally:
        await endpoint.close()
