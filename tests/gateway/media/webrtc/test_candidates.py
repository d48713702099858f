"""A browser's candidates: few, bounded, and never a way to have us send where we should not."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from time import monotonic

import pytest

from gateway.media.events import BrowserConnected, BrowserLost, LossReason
from gateway.media.parameters import DtlsRole, MediaConfig
from gateway.media.webrtc.endpoint import MAX_CANDIDATES, WebRtcEndpoint
from gateway.media.webrtc.ice import HEAD_START, MAX_PAIRS
from tests.gateway.media.webrtc.peers import RecordingPort, make_check
from tests.gateway.media.webrtc.sides import (
    QUICK,
    open_side,
    remote_of,
    two_sides,
)
from tests.waiting import until
from voice.counters import Counters


async def test_a_flood_of_candidates_is_cut_off() -> None:
    async with two_sides() as (_, gateway):
        for number in range(MAX_CANDIDATES + 5):
            gateway.endpoint.add_candidate(
                f"candidate:1 1 udp 1 127.0.0.1 {40000 + number} typ host"
            )
        assert gateway.counters["rejected_candidate"] == 5


@pytest.mark.parametrize(
    "candidate",
    [
        "nonsense",
        "candidate:1 1 udp x 192.0.2.1 1 typ host",
        "candidate:1 1 udp 1 192.0.2.1 99999999 typ host",
        "candidate:1 1 udp 1 not-an-address 5000 typ host",
        "candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active",
        "candidate:1 2 udp 1 192.0.2.1 5000 typ host",
        "candidate:1 1 udp 1 0f8a.local 5000 typ host",
    ],
)
async def test_candidates_of_no_use_do_no_harm(candidate: str) -> None:
    async with two_sides() as (browser, gateway):
        gateway.endpoint.add_candidate(candidate)
        browser.endpoint.connect(remote_of(gateway, DtlsRole.CLIENT))
        gateway.endpoint.connect(remote_of(browser, DtlsRole.SERVER))
        assert await gateway.report() == BrowserConnected()


@pytest.mark.parametrize(
    "candidate",
    ["candidate:1 1 udp 1 0f8a.local 5000 typ host", "candidate:1 1 udp 1 2001:db8::1 5 typ host"],
)
async def test_a_browser_with_no_candidate_of_use_is_found_by_its_checks(candidate: str) -> None:
    async with two_sides() as (browser, gateway):
        remote = remote_of(browser, DtlsRole.SERVER, candidates=False)
        gateway.endpoint.connect(replace(remote, candidates=(candidate,)))
        gateway.endpoint.add_candidate(None)
        await asyncio.sleep(0.1)  # time enough to give up, were it to
        browser.endpoint.connect(remote_of(gateway, DtlsRole.CLIENT))
        assert await gateway.report() == BrowserConnected()


@pytest.mark.parametrize(
    "candidate",
    [
        None,
        "candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active",
        "candidate:1 1 tcp 1 0f8a.local 9 typ host tcptype active",
        "candidate:1 2 udp 1 192.0.2.1 5000 typ host",
        "candidate:1 1 udp 1 169.254.0.1 5000 typ host",
        "nonsense",
    ],
)
@pytest.mark.parametrize("trickled", [False, True])
async def test_a_browser_that_media_cannot_come_from_is_given_up_at_once(
    candidate: str | None, trickled: bool
) -> None:
    async with two_sides() as (browser, gateway):
        remote = remote_of(browser, DtlsRole.SERVER, candidates=False)
        named = () if candidate is None else (candidate,)
        gateway.endpoint.connect(replace(remote, candidates=named, candidates_end=not trickled))
        if trickled:
            await asyncio.sleep(0)
            gateway.endpoint.add_candidate("")
        async with asyncio.timeout(0.5):
            assert await gateway.report() == BrowserLost(LossReason.NO_CANDIDATE)


async def test_a_browser_that_has_found_us_needs_no_candidate() -> None:
    async with two_sides() as (browser, gateway):
        remote = remote_of(browser, DtlsRole.SERVER, candidates=False)
        browser.endpoint.connect(remote_of(gateway, DtlsRole.CLIENT))
        await until(lambda: gateway.endpoint._transport.was_checked)
        gateway.endpoint.connect(replace(remote, candidates_end=True))
        assert await gateway.report() == BrowserConnected()


@pytest.mark.parametrize(
    ("candidate", "reachable"),
    [
        ("candidate:1 1 udp 1 127.0.0.1 5000 typ host", 1),
        ("candidate:1 1 udp 1 0f8a.local 5000 typ host", 1),
        ("candidate:1 1 udp 1 2001:db8::1 5000 typ host", 1),
        ("candidate:1 1 tcp 1 127.0.0.1 9 typ host tcptype active", 0),
        ("nonsense", 0),
        (None, 0),
    ],
)
async def test_that_a_browser_may_be_reached_is_told_once(
    candidate: str | None, reachable: int
) -> None:
    told: list[bool] = []
    endpoint = WebRtcEndpoint(
        QUICK,
        RecordingPort(("127.0.0.1", 5000)),
        Counters(),
        report=lambda event: None,
        on_reachable=lambda: told.append(True),
    )
    endpoint.add_candidate(candidate)
    endpoint.add_candidate(candidate)
    assert len(told) == reachable
    await endpoint.close()


async def test_the_far_end_that_has_picked_up_waits_for_a_moment() -> None:
    nowhere = ("candidate:1 1 udp 1 127.0.0.3 9 typ host",)
    async with two_sides(MediaConfig()) as (browser, gateway):
        remote = remote_of(browser, DtlsRole.SERVER, candidates=False)
        gateway.endpoint.connect(replace(remote, candidates=nowhere))
        began = monotonic()
        gateway.endpoint.hurry()
        assert await gateway.report() == BrowserLost(LossReason.ICE_TIMEOUT)
        assert 0.9 < monotonic() - began < 3


HIDDEN = [
    *("224.0.0.1", "255.255.255.255", "0.0.0.0", "169.254.169.254", "127.0.0.1"),
    *("ff02::1", "::ffff:192.0.2.1", "2001:db8::1", "example.com"),
]


async def test_checks_are_not_aimed_at_groups_and_hidden_services() -> None:
    port, counters = RecordingPort(("192.0.2.7", 5000)), Counters()
    endpoint = WebRtcEndpoint(QUICK, port, counters, report=lambda event: None)
    endpoint.open()
    browser = await open_side(controlling=True)
    remote = remote_of(browser, DtlsRole.SERVER)
    candidates = [f"candidate:1 1 udp 1 {host} 5000 typ host" for host in HIDDEN]
    candidates.append("candidate:1 1 udp 1 192.0.2.8 5000 typ host")
    endpoint.connect(replace(remote, candidates=tuple(candidates)))
    await until(lambda: len(port.sent) > 0)
    await asyncio.sleep(0.1)  # five turns of aioice, which takes the next candidate in each
    assert {address for _, address in port.sent} == {("192.0.2.8", 5000)}
    assert port.admitted == {("192.0.2.8", 5000)}
    await endpoint.close()
    await browser.endpoint.close()
    assert port.closed


async def test_a_browser_whose_checks_come_is_sent_no_others() -> None:
    """Its own candidates are not looked at, unless it has been silent for a while."""
    async with two_sides() as (browser, gateway):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
            elsewhere.bind(("127.0.0.1", 0))
            elsewhere.setblocking(False)
            candidate = f"candidate:1 1 udp 1 127.0.0.1 {elsewhere.getsockname()[1]} typ host"
            gateway.endpoint.connect(
                replace(remote_of(browser, DtlsRole.SERVER), candidates=(candidate,))
            )
            browser.endpoint.connect(remote_of(gateway, DtlsRole.CLIENT))
            assert await gateway.report() == BrowserConnected()
            gateway.endpoint.add_candidate(candidate)
            await asyncio.sleep(HEAD_START + 0.1)
            with pytest.raises(BlockingIOError):
                elsewhere.recv(1)


async def test_pairs_are_bounded() -> None:
    """Checks that know the password and come from everywhere take no more than their share."""
    port, counters = RecordingPort(("127.0.0.1", 5000)), Counters()
    endpoint = WebRtcEndpoint(QUICK, port, counters, report=lambda event: None)
    endpoint.open()
    browser = await open_side(controlling=True)
    endpoint.connect(remote_of(browser, DtlsRole.SERVER, candidates=False))
    await asyncio.sleep(0)
    check = make_check(endpoint.ice, browser.endpoint.ice[0])
    for number in range(MAX_PAIRS + 5):
        port.receive(check, ("127.0.0.3", 1000 + number))
    assert len(port.admitted) == MAX_PAIRS
    assert counters["rejected_pairs"] == 5
    await endpoint.close()
    await browser.endpoint.close()
