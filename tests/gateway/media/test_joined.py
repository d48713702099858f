"""Two trunks on one bridge: packets are relayed or coded anew, and all is given back."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from gateway.errors import UnavailableError
from gateway.media import MediaPlane
from gateway.media.engine.bridge import BridgeKind
from gateway.media.events import MediaEvent, MediaFailed, TrunkQuality, TrunkSilent
from gateway.media.parameters import Flow
from tests.gateway.media.call import EVENT, Trunk, plane_config
from tests.waiting import until
from voice.g711 import encode_alaw

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.media.joined import JoinedSession
    from gateway.media.parameters import MediaConfig, TrunkRemote


@dataclass
class Pair:
    """Both far ends, and the session between them."""

    plane: MediaPlane
    session: JoinedSession
    caller: Trunk
    callee: Trunk

    async def connect(self, callee: TrunkRemote | None = None) -> None:
        await self.session.caller.connect_trunk(self.caller.remote())
        await self.session.callee.connect_trunk(callee or self.callee.remote())
        for side in (self.session.caller, self.session.callee):
            await side.set_flow(Flow.AUDIO)

    async def spoken(self, payload: bytes, wanted: bytes, payload_type: int = 0) -> None:
        """Say this again and again, until the other side hears what is wanted."""
        speaking = asyncio.create_task(self._speak(payload))
        try:
            async with asyncio.timeout(5):
                while True:
                    packet = await self.callee.packet()
                    if (packet.payload_type, bytes(packet.payload)) == (payload_type, wanted):
                        return
        finally:
            speaking.cancel()
            await asyncio.wait([speaking])

    async def _speak(self, payload: bytes) -> None:
        while True:
            self.caller.send(self.session.caller.local.trunk_port, payload)
            await asyncio.sleep(0.02)


@asynccontextmanager
async def pair(config: MediaConfig | None = None) -> AsyncIterator[Pair]:
    plane = MediaPlane(config or plane_config())
    await plane.start()
    it = Pair(plane, await plane.open_joined(), Trunk(), Trunk())
    try:
        yield it
    finally:
        await it.session.close()
        await it.session.close()  # once more does nothing
        assert plane.stats()["sessions"] == 0
        await plane.close()
        for end in (it.caller, it.callee):
            end.sock.close()


async def test_packets_of_one_codec_are_relayed() -> None:
    async with pair() as it:
        await it.connect()
        payload = bytes(range(160))
        await it.spoken(payload, payload)
        assert it.session.bridge.kind is BridgeKind.RELAY


async def test_packets_of_two_codecs_are_coded_anew() -> None:
    async with pair() as it:
        remote = replace(it.callee.remote(), codec="PCMA", payload_type=8, codecs=((8, "PCMA"),))
        await it.connect(remote)
        silence = encode_alaw(np.zeros(160, np.int16)).tobytes()
        await it.spoken(b"\xff" * 160, silence, 8)
        assert it.session.bridge.kind is BridgeKind.PAIR


async def test_both_get_packets_though_neither_has_sent_any() -> None:
    """Each of them may wait for the other's first packet, and would wait for ever."""
    async with pair() as it:
        await it.connect()
        await it.caller.packets(2)
        await it.callee.packets(2)


async def test_digits_come_as_events() -> None:
    async with pair() as it:
        await it.connect()
        it.session.callee.pass_digit("5", 100)
        assert await it.callee.digits(1) == ["5"]
        assert EVENT.payload_type == 101


async def test_silence_is_told_by_its_side() -> None:
    told: list[MediaEvent] = []
    async with pair(replace(plane_config(), trunk_silence=1.0)) as it:
        it.session.callee.report_to(told.append)
        await it.connect()
        await until(lambda: bool(told))
        assert isinstance(told[0], TrunkSilent)


async def test_a_fault_is_told_once() -> None:
    told: list[MediaEvent] = []
    async with pair() as it:
        it.session.caller.report_to(told.append)
        it.session.failed()
        it.session.failed()
        assert told == [MediaFailed()]


async def test_a_session_needs_two_pairs_of_ports() -> None:
    config = plane_config()
    first = config.ports[0] + config.ports[0] % 2
    async with pair(replace(config, ports=(first, first + 3))) as it:
        assert it.plane.free_pairs == 0
        with pytest.raises(UnavailableError):
            await it.plane.open_joined()
        assert it.plane.stats()["sessions"] == 1


async def test_each_side_tells_how_it_does() -> None:
    """Of the one that speaks more is known than of the one that is silent."""
    heard: dict[str, list[MediaEvent]] = {"caller": [], "callee": []}
    async with pair() as it:
        it.session.caller.report_to(heard["caller"].append)
        it.session.callee.report_to(heard["callee"].append)
        await it.connect()
        speaking = asyncio.create_task(it._speak(b"\xff" * 160))
        await until(lambda: all(any(map(is_quality, each)) for each in heard.values()), limit=8)
        speaking.cancel()
        await asyncio.wait([speaking])
    told = {side: next(filter(is_quality, events)) for side, events in heard.items()}
    assert isinstance(told["caller"], TrunkQuality)
    assert isinstance(told["callee"], TrunkQuality)
    assert told["caller"].trunk.mos is not None
    assert told["callee"].trunk.mos is None


def is_quality(event: MediaEvent) -> bool:
    return isinstance(event, TrunkQuality)
