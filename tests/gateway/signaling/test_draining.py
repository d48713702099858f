"""Pages are told that the gateway goes out of service, whenever they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.gateway.signaling.conftest import Gateway


async def test_pages_are_told(gateway: Gateway) -> None:
    """Those that are there once, and one that comes meanwhile; one that has gone is forgotten."""
    async with gateway.client():
        pass
    async with gateway.client() as there:
        gateway.room.draining.begin(60)
        assert await there.receive() == {"type": "draining", "seconds": 60}
        async with gateway.client() as late:
            told = await late.receive()
            assert told["type"] == "draining"
            assert 0 < told["seconds"] <= 60


async def test_who_has_not_said_hello_is_told_nothing(gateway: Gateway) -> None:
    async with gateway.raw() as client:
        gateway.room.draining.begin(60)
        await client.send(type="hello")
        assert (await client.receive())["type"] == "welcome"
        assert (await client.receive())["type"] == "draining"
