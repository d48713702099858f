"""Media that is bound to any address: who has been told one of ours hears from that one alone.

On loopback each address of 127.0.0.0/8 is ours, and the kernel would send from 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gateway.errors import UnavailableError
from gateway.media import MediaPlane
from gateway.media.engine.pktinfo import send_from
from gateway.media.events import BrowserConnected
from gateway.media.parameters import Flow, MediaConfig
from tests.gateway.media.call import Call, accepted, browser_remote, plane_config
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TO_TRUNK, TO_BROWSER = "127.0.0.2", "127.0.0.3"  # ours

ANY = pytest.mark.parametrize("address", ["0.0.0.0", "::"])


@asynccontextmanager
async def open_plane(config: MediaConfig) -> AsyncIterator[MediaPlane]:
    plane = MediaPlane(config)
    await plane.start()
    try:
        yield plane
    finally:
        await plane.close()


@ANY
async def test_each_side_hears_from_the_address_that_it_was_told(address: str) -> None:
    """The browser's ICE takes answers and media from the candidate that it has checked only."""
    config = replace(plane_config(), address=address, loopback=True)
    async with open_plane(config) as plane:
        call = Call(plane, await plane.open())
        try:
            call.caller.open()
            await call.session.connect_browser(browser_remote(call.caller))
            answer = accepted(call.session.local)
            (port,) = {each.split()[5] for each in answer.remote.candidates}
            told = replace(answer.remote, candidates=(f"1 1 udp 9 {TO_BROWSER} {port} typ host",))
            call.caller.connect(replace(answer, remote=told))
            await call.session.connect_trunk(replace(call.trunk.remote(), own=TO_TRUNK))
            await call.session.set_flow(Flow.AUDIO)
            assert await call.event() == BrowserConnected()
            await call.trunk.speak(call.port, 25)
            await until(lambda: len(call.caller.heard) > 48000 // 4)
            loop = asyncio.get_running_loop()
            _, (source, _) = await loop.sock_recvfrom(call.trunk.sock, 2000)
            assert source == TO_TRUNK
            pair = call.caller._endpoint._transport._connection._pair
            assert pair is not None
            assert pair.remote_addr == (TO_BROWSER, int(port))
        finally:
            await call.close()


@ANY
async def test_what_a_nat_translates_leaves_as_the_route_has_it(address: str) -> None:
    """The public address is none of this machine's: nothing could be sent from it."""
    public = "192.0.2.9"
    config = replace(plane_config(), address=address, public_address=public)
    async with open_plane(config) as plane:
        assert plane.own_host("127.0.0.1") == public
        session = await plane.open()
        call = Call(plane, session)
        try:
            await session.connect_trunk(replace(call.trunk.remote(), own=public))
            _, (source, _) = await asyncio.get_running_loop().sock_recvfrom(call.trunk.sock, 2000)
            assert source == "127.0.0.1"
        finally:
            await call.close()


@pytest.mark.parametrize(
    ("address", "public", "trunk", "told"),
    [
        ("127.0.0.4", None, "127.0.0.1", "127.0.0.4"),
        ("127.0.0.4", "192.0.2.9", "127.0.0.1", "192.0.2.9"),
        ("0.0.0.0", None, "127.0.0.9", "127.0.0.1"),
        ("::", None, "127.0.0.9", "127.0.0.1"),
        ("::", None, "::1", "::1"),
        ("::", "192.0.2.9", "127.0.0.9", "192.0.2.9"),
        ("::", "192.0.2.9", "::1", "::1"),
    ],
)
def test_what_a_trunk_is_told(address: str, public: str | None, trunk: str, told: str) -> None:
    assert MediaPlane(MediaConfig(address, public)).own_host(trunk) == told


def test_no_address_leads_to_a_trunk() -> None:
    plane = MediaPlane(MediaConfig("0.0.0.0"))
    with pytest.raises(UnavailableError, match="has no IPv6 address for a trunk at ::1"):
        plane.own_host("::1")
    with pytest.raises(UnavailableError, match=r"no address of ours leads to 255\.255\.255\.255"):
        plane.own_host("255.255.255.255")


@pytest.mark.parametrize(
    ("bound", "host", "source"),
    [
        ("0.0.0.0", "127.0.0.1", TO_TRUNK),
        ("::", "127.0.0.1", TO_TRUNK),
        ("::", "::1", "::1"),
        ("0.0.0.0", "127.0.0.1", None),
        ("::", "127.0.0.1", None),
    ],
)
def test_a_datagram_leaves_from_an_address(bound: str, host: str, source: str | None) -> None:
    family = {True: socket.AF_INET6, False: socket.AF_INET}
    with (
        socket.socket(family[":" in bound], socket.SOCK_DGRAM) as near,
        socket.socket(family[":" in host], socket.SOCK_DGRAM) as far,
    ):
        near.bind((bound, 0))
        far.bind((host, 0))
        far.settimeout(2)
        send_from(near, b"x", host, far.getsockname()[1], source)
        data, address = far.recvfrom(9)
    assert (data, address[0]) == (b"x", source or host)


def test_nothing_leaves_from_an_address_that_is_not_ours() -> None:
    near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with near, pytest.raises(OSError, match="Errno"):
        send_from(near, b"x", "127.0.0.1", 9, "192.0.2.9")
