"""A call over a trunk of several targets, by SRV, with SIP as it is: the next one rings in time."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import dns.asyncresolver
import pytest

from gateway import trunk
from gateway.calls import news
from gateway.calls.registry import Calls
from gateway.calls.trunks import Route, Trunks
from gateway.trunk.lookup import Resolver
from tests.gateway.calls.fakes import Client
from tests.gateway.calls.seams import REQUEST, FakePlane
from tests.gateway.trunk.script import INVITE, Receive, Respond, write_script
from tests.gateway.trunk.wire import open_wire
from tests.peers.dnsmasq import run_name_server
from tests.peers.ports import free_port
from tests.peers.requirement import require_own_engine
from tests.peers.sipp import Sipp, run_trunk

pytestmark = pytest.mark.peer

# Seconds until it rings. Where no target is silent it takes milliseconds, and what a busy machine
# adds to them is less than the four seconds that a silent one costs
AT_ONCE = 3.0
AFTER_ONE = 7.0

RINGS = (
    *(INVITE, Respond(180, "Ringing"), Receive("CANCEL"), Respond(200, "OK", to_last=True)),
    *(Respond(487, "Request Terminated"), Receive("ACK")),
)


@asynccontextmanager
async def ringing_trunk(directory: Path) -> AsyncIterator[Sipp]:
    """Run a sipp that rings until it gets CANCEL."""
    async with run_trunk(write_script(directory, *RINGS), directory) as sipp:
        yield sipp


@asynccontextmanager
async def calls_by_srv(
    directory: Path, *targets: tuple[str, int], transport: str = "udp"
) -> AsyncIterator[tuple[Calls, list[trunk.TrunkEvent]]]:
    """Open calls over one trunk that these are the targets of, in turn; and what it hears."""
    require_own_engine()
    records = [
        record
        for rank, (host, port) in enumerate(targets, 1)
        for record in (
            f"host-record=host{rank}.example,{host}",
            f"srv-host=_sip._{transport}.trunk.example,host{rank}.example,{port},{rank}",
        )
    ]
    heard: list[trunk.TrunkEvent] = []
    async with run_name_server(directory, *records) as server:
        servers = dns.asyncresolver.Resolver(configure=False)
        servers.nameservers, servers.port = ["127.0.0.1"], server.port
        config = trunk.EndpointConfig(port=free_port(), tcp=True)
        endpoint = trunk.TrunkEndpoint(config, resolver=Resolver(lambda: servers))
        await endpoint.start()
        dialed = trunk.Trunk("lab", f"sip:trunk.example;transport={transport}")
        trunks = Trunks([Route(dialed, ("PCMU",), 10)], lambda to: ["lab"])
        trunks.states["lab"].hear = heard.append
        calls = Calls(endpoint, FakePlane(), trunks, max_duration=60)
        try:
            yield calls, heard
        finally:
            await calls.close()
            await endpoint.close()


@contextmanager
def silent(kind: socket.SocketKind = socket.SOCK_DGRAM) -> Iterator[tuple[str, int]]:
    """Open a port that takes everything and says nothing."""
    with socket.socket(type=kind) as opened:
        opened.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            opened.listen()
        yield "127.0.0.1", opened.getsockname()[1]


async def ring_time(calls: Calls) -> float:
    """Call, wait until it rings, and hang up; return the seconds until it rang."""
    began = time.monotonic()
    call = await calls.place(REQUEST, client := Client())
    await client.hear(news.Ringing, limit=10)
    took = time.monotonic() - began
    await call.hangup()
    await client.hear(news.Ended, limit=5)
    assert sum(isinstance(event, news.AnswerReady) for event in client.told) == 1
    return took


async def test_silence_costs_four_seconds_and_only_once(tmp_path: Path) -> None:
    with silent() as dead:
        async with (
            run_trunk(write_script(tmp_path, *RINGS), tmp_path, calls=2) as sipp,
            calls_by_srv(tmp_path, dead, ("127.0.0.1", sipp.port)) as (calls, heard),
        ):
            assert 3.9 < await ring_time(calls) < AFTER_ONE
            assert await ring_time(calls) < AT_ONCE  # it is known, and tried last
            await sipp.finish()
    assert not [event for event in heard if isinstance(event, trunk.Ended) and event.code == 408]
    assert calls.trunks["lab"].placed == 2
    assert sum(calls.trunks["lab"].ended.values()) == 2  # of calls, not of targets


async def test_a_closed_port_costs_little(tmp_path: Path) -> None:
    async with (
        ringing_trunk(tmp_path) as sipp,
        calls_by_srv(tmp_path, ("127.0.0.1", free_port()), ("127.0.0.1", sipp.port)) as (calls, _),
    ):
        assert await ring_time(calls) < AT_ONCE
        await sipp.finish()


async def test_a_target_out_of_service(tmp_path: Path) -> None:
    async with (
        open_wire() as first,
        ringing_trunk(tmp_path) as sipp,
        calls_by_srv(tmp_path, ("127.0.0.1", first.port), ("127.0.0.1", sipp.port)) as (calls, _),
    ):
        first.answering = 503
        assert await ring_time(calls) < AT_ONCE
        await sipp.finish()


@pytest.mark.parametrize(("refused", "limit"), [(True, AT_ONCE), (False, AFTER_ONE)])
async def test_tcp(tmp_path: Path, refused: bool, limit: float) -> None:
    """A connection that is refused, and one that nothing comes over."""
    with silent(socket.SOCK_STREAM) as dead:
        first = ("127.0.0.1", free_port()) if refused else dead
        async with (
            run_trunk(write_script(tmp_path, *RINGS), tmp_path, options=("-t", "t1")) as sipp,
            calls_by_srv(tmp_path, first, ("127.0.0.1", sipp.port), transport="tcp") as (calls, _),
        ):
            assert await ring_time(calls) < limit
            await sipp.finish()


async def test_a_late_200_is_acknowledged_and_hung_up(tmp_path: Path) -> None:
    """The target that was left answers after all: nobody may be billed for it."""
    sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    sdp += "m=audio 40000 RTP/AVP 0\r\n"
    async with (
        open_wire() as first,
        ringing_trunk(tmp_path) as sipp,
        calls_by_srv(tmp_path, ("127.0.0.1", first.port), ("127.0.0.1", sipp.port)) as (calls, _),
    ):
        assert await ring_time(calls) < AFTER_ONE
        first.answer(await first.hear("INVITE"), 200, "OK", sdp=sdp)
        await first.hear("ACK")
        first.answer(await first.hear("BYE"), 200, "OK")
        await sipp.finish()


async def test_whoever_is_busy_is_busy_at_every_target(tmp_path: Path) -> None:
    async with (
        open_wire() as first,
        open_wire() as second,
        calls_by_srv(tmp_path, ("127.0.0.1", first.port), ("127.0.0.1", second.port)) as (calls, _),
    ):
        first.answering = 486
        await calls.place(REQUEST, client := Client())
        end = await client.hear(news.Ended)
        assert isinstance(end, news.Ended)
        assert end.end.cause == "busy"
        assert not second.heard


async def test_the_last_target_says_how_it_ended(tmp_path: Path) -> None:
    async with (
        open_wire() as first,
        open_wire() as second,
        calls_by_srv(tmp_path, ("127.0.0.1", first.port), ("127.0.0.1", second.port)) as (
            calls,
            heard,
        ),
    ):
        first.answering = second.answering = 503
        await calls.place(REQUEST, client := Client())
        end = await client.hear(news.Ended)
        assert isinstance(end, news.Ended)
        assert (end.end.sip_code, end.end.by) == (503, "remote")
        assert len([each for each in first.heard if each.method == "INVITE"]) == 1
        assert len([event for event in heard if isinstance(event, trunk.Ended)]) == 1
