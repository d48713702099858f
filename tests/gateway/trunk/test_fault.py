"""The SIP thread dies: everybody is told, every call gets its end, and closing works."""

from __future__ import annotations

import asyncio

import pytest

from gateway.trunk import EndpointConfig, Origin, TrunkEndpoint, TrunkError
from gateway.trunk.stack import Stack
from tests.gateway.trunk.conftest import Phone
from tests.gateway.trunk.wire import open_wire

FAULT = "SIP has stopped by a fault: ValueError: injected."


async def test_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    endpoint = TrunkEndpoint(EndpointConfig(port=0), on_fault=told.set_result)
    before = endpoint.fault
    await endpoint.start()
    assert (before, endpoint.fault) == ("The trunk endpoint is not started.", None)
    async with open_wire() as trunk:
        _, ear = await Phone(endpoint).dial(trunk.uri)
        monkeypatch.setattr(Stack, "_turn", broken)
        async with asyncio.timeout(5):
            assert await told == FAULT
        assert endpoint.fault == FAULT
        end = await ear.end()
        assert (end.by, end.cause) == (Origin.GATEWAY, "gateway-closed")
        with pytest.raises(TrunkError, match="ValueError: injected"):
            await Phone(endpoint).dial(trunk.uri)
    async with asyncio.timeout(5):
        await endpoint.close()
    assert endpoint.fault == "The trunk endpoint is not started."


async def test_no_fault_by_closing() -> None:
    told: list[str] = []
    endpoint = TrunkEndpoint(EndpointConfig(port=0), on_fault=told.append)
    await endpoint.start()
    closing = asyncio.create_task(endpoint.close())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert endpoint.fault == "The trunk endpoint is closing."
    await closing
    assert told == []


def broken(stack: Stack) -> None:
    raise ValueError("injected")
