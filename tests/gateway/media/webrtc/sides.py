"""Two end points, one of which plays the browser, and a connection between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gateway.media.events import BrowserConnected, BrowserLost
from gateway.media.parameters import BrowserRemote, DtlsRole, MediaConfig
from gateway.media.ports import PortRange
from gateway.media.webrtc.endpoint import WebRtcEndpoint
from gateway.media.webrtc.own_socket import OwnSocketPort
from tests.peers.ports import free_ports
from voice.counters import Counters
from voice.rtp import pack_header

QUICK = MediaConfig(ice_timeout=3.0, dtls_timeout=3.0, browser_silence=12.0)
WRONG = (("sha-256", ":".join(["00"] * 32)),)


@dataclass
class Side:
    """An endpoint, and what it got and reported."""

    endpoint: WebRtcEndpoint
    port: OwnSocketPort
    counters: Counters
    got: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    reports: asyncio.Queue[BrowserConnected | BrowserLost] = field(default_factory=asyncio.Queue)

    def send(self, packet: bytes) -> None:
        self.port.send_rtp(packet)

    async def report(self) -> BrowserConnected | BrowserLost:
        async with asyncio.timeout(5):
            return await self.reports.get()

    async def packet(self) -> bytes:
        async with asyncio.timeout(5):
            return await self.got.get()


async def open_side(*, controlling: bool, config: MediaConfig = QUICK) -> Side:
    ports = free_ports(10)
    got: asyncio.Queue[bytes] = asyncio.Queue()
    reports: asyncio.Queue[BrowserConnected | BrowserLost] = asyncio.Queue()
    counters = Counters()
    port = OwnSocketPort(
        PortRange("127.0.0.1", ports.start, ports.stop - 1).bind_one(),
        counters,
        on_rtp=got.put_nowait,
        on_rtcp=got.put_nowait,
    )
    endpoint = WebRtcEndpoint(
        config, port, counters, report=reports.put_nowait, controlling=controlling
    )
    endpoint.open()
    return Side(endpoint, port, counters, got, reports)


def remote_of(
    side: Side,
    role: DtlsRole,
    *,
    candidates: bool = True,
    fingerprints: tuple[tuple[str, str], ...] | None = None,
) -> BrowserRemote:
    ufrag, password = side.endpoint.ice
    return BrowserRemote(
        ice_ufrag=ufrag,
        ice_password=password,
        candidates=side.endpoint.candidates if candidates else (),
        fingerprints=fingerprints or side.endpoint.fingerprints,
        dtls_role=role,
        codec="OPUS",
        payload_type=111,
        event=None,
    )


@asynccontextmanager
async def two_sides(config: MediaConfig = QUICK) -> AsyncIterator[tuple[Side, Side]]:
    browser = await open_side(controlling=True)
    gateway = await open_side(controlling=False, config=config)
    try:
        yield browser, gateway
    finally:
        await gateway.endpoint.close()
        await browser.endpoint.close()


@asynccontextmanager
async def connected(config: MediaConfig = QUICK) -> AsyncIterator[tuple[Side, Side]]:
    async with two_sides(config) as (browser, gateway):
        browser.endpoint.connect(remote_of(gateway, DtlsRole.CLIENT))
        gateway.endpoint.connect(remote_of(browser, DtlsRole.SERVER))
        assert await browser.report() == BrowserConnected()
        assert await gateway.report() == BrowserConnected()
        yield browser, gateway


def rtp(number: int) -> bytes:
    return pack_header(111, number, number * 960, 7) + b"payload %d" % number
