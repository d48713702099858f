"""The browser's end of a benchmark's call against an endpoint, its socket in the player's hands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from gateway.bench.browser import BrowserLeg
from gateway.bench.description import Wanted
from gateway.bench.player import Stream, play, rtp_packets
from gateway.errors import UnavailableError
from gateway.media.events import BrowserConnected, BrowserLost, LossReason
from gateway.media.parameters import BrowserRemote, DtlsRole, MediaConfig
from gateway.media.ports import PortRange
from gateway.media.webrtc.endpoint import WebRtcEndpoint
from gateway.media.webrtc.own_socket import OwnSocketPort
from sdp import parse, read_browser_offer
from tests.peers.ports import free_ports
from voice.counters import Counters
from voice.rtcp import ReceiverReport, describe
from voice.rtcp import pack as pack_rtcp
from voice.rtp import pack_header
from voice.rtp import parse as parse_rtp

REPORT = pack_rtcp(ReceiverReport(7), describe(7, "cname"))


def some_ports() -> PortRange:
    block = free_ports(10)
    return PortRange("127.0.0.1", block.start, block.stop - 1)


@dataclass
class Far:
    """The gateway's end of the call."""

    endpoint: WebRtcEndpoint
    port: OwnSocketPort
    rtp: list[bytes]
    rtcp: list[bytes]
    reports: asyncio.Queue[BrowserConnected | BrowserLost]


def open_far() -> Far:
    rtp: list[bytes] = []
    rtcp: list[bytes] = []
    reports: asyncio.Queue[BrowserConnected | BrowserLost] = asyncio.Queue()
    counters = Counters()
    port = OwnSocketPort(some_ports().bind_one(), counters, on_rtp=rtp.append, on_rtcp=rtcp.append)
    endpoint = WebRtcEndpoint(MediaConfig(), port, counters, report=reports.put_nowait)
    endpoint.open()
    return Far(endpoint, port, rtp, rtcp, reports)


def wanted_by(far: Far, **changes: tuple[tuple[str, str], ...]) -> Wanted:
    ufrag, password = far.endpoint.ice
    return Wanted(
        ufrag=ufrag,
        password=password,
        candidates=far.endpoint.candidates,
        fingerprints=changes.get("fingerprints", far.endpoint.fingerprints),
        passive=True,
        codec="OPUS",
        payload_type=111,
        bitrate=None,
        playback_rate=None,
    )


def connect_far(far: Far, offer: str) -> None:
    browser = read_browser_offer(parse(offer))
    far.endpoint.connect(
        BrowserRemote(
            ice_ufrag=browser.ice.ufrag,
            ice_password=browser.ice.password,
            candidates=(),
            fingerprints=tuple((each.algorithm, each.value) for each in browser.fingerprints),
            dtls_role=DtlsRole.SERVER,
            codec="OPUS",
            payload_type=111,
            event=None,
        )
    )


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[BrowserLeg, Far]]:
    leg, far = BrowserLeg(some_ports()), open_far()
    try:
        connect_far(far, leg.open())
        async with asyncio.timeout(5):
            await leg.connect(wanted_by(far))
            assert await far.reports.get() == BrowserConnected()
        yield leg, far
    finally:
        await leg.close()
        await far.endpoint.close()


async def test_the_player_sends_and_receives_in_its_stead() -> None:
    async with connected() as (leg, far):
        far.port.send_rtp(pack_header(111, 1, 2, 3) + b"too early")
        await asyncio.sleep(0.01)
        leg.take()
        leg.take()
        far.port.send_rtp(pack_header(111, 2, 962, 3) + b"hello")
        stream = Stream(leg, rtp_packets([b"word"], payload_type=111, step=960, ssrc=5), [0.0, 0.0])
        recording = play([leg], [stream], tail=0.01)
        # What waits in the socket when a run begins is not of that run
        assert recording.arrivals == [[]]
        await asyncio.sleep(0.01)
        assert [parse_rtp(packet).payload for packet in far.rtp] == [b"word", b"word"]
        leg.socket.send(leg.wire_rtcp(REPORT))
        far.port.send_rtp(pack_header(111, 3, 1922, 3) + b"goodbye")
        await asyncio.sleep(0.01)
        assert far.rtcp == [REPORT]
        datagram = leg.socket.recv(2000)
        assert parse_rtp(leg.unwire(datagram)).payload == b"goodbye"
        with pytest.raises(ValueError, match="no SRTP packet"):
            leg.unwire(datagram)


async def test_what_is_no_media_goes_back_to_ice_and_dtls() -> None:
    async with connected() as (leg, far):
        leg.take()
        await far.endpoint.close()
        leg.control(leg.socket.recv(2000))  # close_notify
        leg.control(b"\x50" * 20)
        await asyncio.sleep(0.01)
        # Its own endpoint has heard of it and sends no goodbye of its own any more
        await leg.close()
        assert leg.socket.fileno() == -1


async def test_another_certificate_than_announced_is_a_connection_error() -> None:
    leg, far = BrowserLeg(some_ports()), open_far()
    connect_far(far, leg.open())
    wrong = (("sha-256", ":".join(["00"] * 32)),)
    with pytest.raises(ConnectionError, match=LossReason.DTLS_FAILED):
        await leg.connect(wanted_by(far, fingerprints=wrong))
    await leg.close()
    await far.endpoint.close()


async def test_a_leg_that_is_not_open_says_so() -> None:
    leg, far = BrowserLeg(some_ports()), open_far()
    assert leg.candidates == ()
    leg.add_candidate("1 1 udp 1 127.0.0.1 5000 typ host")
    with pytest.raises(ConnectionError, match="not open"):
        await leg.connect(wanted_by(far))
    with pytest.raises(ConnectionError, match="not open"):
        leg.take()
    await leg.close()
    await far.endpoint.close()


async def test_a_range_without_a_free_port_says_so() -> None:
    ports = some_ports()
    sockets = [ports.bind_one() for _ in range(5)]
    leg = BrowserLeg(ports)
    with pytest.raises(UnavailableError, match="no free media port"):
        leg.open()
    await leg.close()
    for sock in sockets:
        sock.close()
