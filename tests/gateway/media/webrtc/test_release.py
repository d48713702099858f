"""A closed endpoint is freed at once: nothing of it waits for the garbage collector."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest
from aiortc import rtcdtlstransport
from OpenSSL import SSL

from gateway.media.events import BrowserConnected
from gateway.media.parameters import DtlsRole, MediaConfig
from gateway.media.webrtc.ice import HEAD_START
from tests.gateway.media.webrtc.peers import make_check
from tests.gateway.media.webrtc.sides import QUICK, WRONG, Side, open_side, remote_of, rtp


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def parts_of(side: Side) -> dict[str, weakref.ref[object]]:
    """Weak references to all that an endpoint is made of."""
    transport = side.endpoint._transport
    connection, dtls = transport._connection, transport._dtls  # which is there for the handshake
    parts = {
        "endpoint": side.endpoint,
        "transport": transport,
        "port": side.port,
        "connection": connection,
        "protocol": connection._protocol,
        "dtls": dtls,
        "established": transport._established,
        "datagrams": dtls and dtls.transport,
        "ssl": dtls and dtls._ssl,
        **{f"pair {number}": pair for number, pair in enumerate(connection._check_list)},
    }
    return {name: weakref.ref(part) for name, part in parts.items() if part is not None}


def alive(parts: dict[str, weakref.ref[object]]) -> list[str]:
    return [name for name, part in parts.items() if part() is not None]


async def close(side: Side, parts: dict[str, weakref.ref[object]]) -> None:
    parts.update(parts_of(side))
    await side.endpoint.close()


async def connect(browser: Side, gateway: Side) -> None:
    browser.endpoint.connect(remote_of(gateway, DtlsRole.CLIENT))
    gateway.endpoint.connect(remote_of(browser, DtlsRole.SERVER))
    assert await gateway.report() == BrowserConnected()
    assert await browser.report() == BrowserConnected()


@pytest.mark.parametrize("first", ["browser", "gateway"])
async def test_after_a_call(first: str) -> None:
    browser, gateway = await open_side(controlling=True), await open_side(controlling=False)
    parts: dict[str, weakref.ref[object]] = {}
    others: dict[str, weakref.ref[object]] = {}
    await connect(browser, gateway)
    browser.send(rtp(1))
    assert await gateway.packet() == rtp(1)
    gateway.endpoint.watch(1.0)
    if first == "browser":
        await close(browser, others)
        await gateway.report()
        await close(gateway, parts)
    else:
        await close(gateway, parts)
        await browser.report()
        await close(browser, others)
    assert {"endpoint", "established", "pair 0"} <= parts.keys()
    del browser, gateway
    assert alive(parts) == []
    assert alive(others) == []
    assert len(asyncio.all_tasks()) == 1


async def test_what_the_handshake_needed_is_gone_after_it() -> None:
    browser, gateway = await open_side(controlling=True), await open_side(controlling=False)
    parts = parts_of(gateway)
    connections: list[weakref.ref[SSL.Connection]] = []

    def note(context: SSL.Context) -> SSL.Connection:
        made = SSL.Connection(context)
        connections.append(weakref.ref(made))
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rtcdtlstransport, "SSL", SimpleNamespace(**{**vars(SSL), "Connection": note}))
        await connect(browser, gateway)
    await asyncio.sleep(0)  # the task that aiortc had begun ends before its first step
    assert [each() for each in connections] == [None, None]
    assert {"dtls", "datagrams"} & set(alive(parts)) == set()
    assert "connection" in alive(parts)
    await gateway.endpoint.close()
    await browser.endpoint.close()


async def test_when_no_browser_ever_came() -> None:
    browser = await open_side(controlling=True)
    gateway = await open_side(controlling=False, config=MediaConfig(ice_timeout=HEAD_START + 0.2))
    parts: dict[str, weakref.ref[object]] = {}
    remote = remote_of(browser, DtlsRole.SERVER, candidates=False)
    candidates = ("1 1 udp 1 127.0.0.3 9 typ host", "1 1 udp 1 127.0.0.4 9 typ host")
    gateway.endpoint.connect(replace(remote, candidates=candidates))
    await gateway.report()
    await close(gateway, parts)
    await browser.endpoint.close()
    del gateway
    assert alive(parts) == []


@pytest.mark.parametrize("pause", [0.0, 0.001, 0.005, 0.02, HEAD_START + 0.1])
async def test_in_mid_set_up(pause: float) -> None:
    browser, gateway = await open_side(controlling=True), await open_side(controlling=False)
    parts: dict[str, weakref.ref[object]] = {}
    browser.endpoint.connect(remote_of(gateway, DtlsRole.CLIENT))
    await asyncio.sleep(0.01)
    gateway.endpoint.connect(remote_of(browser, DtlsRole.SERVER))
    await asyncio.sleep(pause)
    await close(gateway, parts)
    await browser.endpoint.close()
    del gateway
    assert alive(parts) == []


async def test_when_the_handshake_failed() -> None:
    for fingerprints, role in ((WRONG, DtlsRole.CLIENT), (None, DtlsRole.SERVER)):
        browser = await open_side(controlling=True)
        gateway = await open_side(controlling=False, config=replace(QUICK, dtls_timeout=0.2))
        parts: dict[str, weakref.ref[object]] = {}
        browser.endpoint.connect(remote_of(gateway, role))
        gateway.endpoint.connect(remote_of(browser, DtlsRole.SERVER, fingerprints=fingerprints))
        await gateway.report()
        await close(gateway, parts)
        await browser.endpoint.close()
        del gateway
        assert alive(parts) == []


async def test_after_checks_that_were_never_answered() -> None:
    """From addresses that nobody is at: the checks go on, fail, or are cut off by the close."""
    browser, gateway = await open_side(controlling=True), await open_side(controlling=False)
    parts: dict[str, weakref.ref[object]] = {}
    await connect(browser, gateway)
    check = make_check(gateway.endpoint.ice, browser.endpoint.ice[0])
    for number in range(5):
        gateway.port.datagram_received(check, ("127.0.0.3", 1000 + number))
    await asyncio.sleep(0.01)
    connection = gateway.endpoint._transport._connection
    assert len(connection._check_list) == 6
    # One fails in time
    transactions = connection._protocol.transactions
    next(iter(transactions.values()))._Transaction__tries = 99  # type: ignore[attr-defined]
    await asyncio.sleep(0.6)
    assert len(connection._check_list) == 5
    del connection, transactions
    await close(gateway, parts)
    await close(browser, parts)
    del gateway, browser
    assert alive(parts) == []
