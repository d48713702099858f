"""A trunk of several targets, by SRV: asked at all of them, registered where one takes us."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import dns.asyncresolver
import pytest

from gateway.trunk import EndpointConfig, Origin, Reply, Secret, Trunk, TrunkEndpoint
from gateway.trunk.lookup import Resolver
from gateway.trunk.registrar import NEXT_AFTER
from gateway.trunk.registration import FIRST_WAIT
from tests.gateway.trunk.conftest import Phone
from tests.gateway.trunk.test_registration import Told
from tests.gateway.trunk.wire import Wire, open_wire
from tests.peers.dnsmasq import run_name_server
from tests.peers.ports import free_port

pytestmark = [pytest.mark.peer, pytest.mark.usefixtures("own_engine")]

TRUNK = Trunk("test", "sip:trunk.example", caller_id="+15550001")
REGISTERED = Trunk(
    "registered", "sip:trunk.example", "ana", Secret("secret"), "+15550001", register=True
)


@asynccontextmanager
async def by_srv(directory: Path, *ports: int) -> AsyncIterator[Phone]:
    """Open an endpoint for which these ports are the trunk, the first one the best."""
    records = (
        f"srv-host=_sip._udp.trunk.example,here.example,{port},{priority}"
        for priority, port in enumerate(ports, 1)
    )
    async with run_name_server(directory, "host-record=here.example,127.0.0.1", *records) as server:
        servers = dns.asyncresolver.Resolver(configure=False)
        servers.nameservers, servers.port = ["127.0.0.1"], server.port
        endpoint = TrunkEndpoint(EndpointConfig(port=0), resolver=Resolver(lambda: servers))
        await endpoint.start()
        try:
            yield Phone(endpoint)
        finally:
            await endpoint.close()


@asynccontextmanager
async def two_wires() -> AsyncIterator[tuple[Wire, Wire]]:
    async with open_wire() as first, open_wire() as second:
        yield first, second


async def test_the_invite_goes_to_the_best_and_names_the_trunk(tmp_path: Path) -> None:
    async with two_wires() as (first, second), by_srv(tmp_path, first.port, second.port) as phone:
        _, ear = await phone.dial(TRUNK)
        invite = await first.hear("INVITE")
        first.answer(invite, 486, "Busy Here")
        await ear.end()
        assert invite.start == "INVITE sip:+15557654@trunk.example SIP/2.0"
        assert "<sip:+15550001@trunk.example>" in (invite.header("from") or "")
        assert not invite.header("route")
        assert not second.heard


@pytest.mark.parametrize("silent", [True, False])
async def test_one_that_has_failed_comes_last(tmp_path: Path, silent: bool) -> None:
    async with two_wires() as (first, second), by_srv(tmp_path, first.port, second.port) as phone:
        _, ear = await phone.dial(TRUNK, response_timeout=0.3 if silent else 3.0)
        if not silent:
            first.answer(await first.hear("INVITE"), 503, "Later")
        assert (await ear.end()).by is (Origin.NETWORK if silent else Origin.REMOTE)
        targets = await phone.endpoint.targets(TRUNK)
        assert [each.port for each in targets] == [second.port, first.port]


async def test_a_trunk_is_up_while_one_target_is(tmp_path: Path) -> None:
    """The one that answers counts at once; whoever does not is known, and called last."""
    async with two_wires() as (first, second), by_srv(tmp_path, first.port, second.port) as phone:
        second.answering = 200
        began = time.monotonic()
        assert await phone.endpoint.inquire(TRUNK, 3.0) == Reply(200, "As Always")
        assert time.monotonic() - began < 2
        await first.hear("OPTIONS")
        for _ in range(160):
            targets = await phone.endpoint.targets(TRUNK)
            if targets[0].port == second.port:
                break
            await asyncio.sleep(0.05)
        assert [each.port for each in targets] == [second.port, first.port]
        second.answering = 503
        assert (await phone.endpoint.inquire(TRUNK, 3.0)).code == 503


async def test_no_target_answers(tmp_path: Path) -> None:
    async with open_wire() as silent, by_srv(tmp_path, free_port(), silent.port) as phone:
        reply = await phone.endpoint.inquire(TRUNK, 1.0)
        assert reply.code is None


@pytest.mark.parametrize("how", ["silent", "503", "closed"])
async def test_whoever_answers_registers_us(tmp_path: Path, how: str) -> None:
    """Without the back-off, and our calls go there then; the other one is called last."""
    async with two_wires() as (first, second):
        port = free_port() if how == "closed" else first.port
        first.answering = 503 if how == "503" else 0
        second.answering, second.adding = 200, ("Expires: 60",)
        async with by_srv(tmp_path, port, second.port) as phone:
            began = time.monotonic()
            phone.endpoint.register(REGISTERED, told := Told())
            state = await told.registered()
            limit = 3 if how == "503" else NEXT_AFTER + 3
            assert time.monotonic() - began < limit < NEXT_AFTER + FIRST_WAIT
            assert (state.failures, len(told.states)) == (0, 1)
            targets = await phone.endpoint.targets(REGISTERED)
            assert [each.port for each in targets] == [second.port, port]


async def test_one_that_registers_us_too_late_is_told_that_we_are_gone(tmp_path: Path) -> None:
    async with two_wires() as (first, second):
        second.answering, second.adding = 200, ("Expires: 60",)
        async with by_srv(tmp_path, first.port, second.port) as phone:
            phone.endpoint.register(REGISTERED, told := Told())
            register = await first.hear("REGISTER")
            await told.registered()
            first.answer(register, 200, "OK", f"Contact: {register.header('contact')};expires=60")
            gone = await first.find(lambda each: each.cseq > register.cseq)
            assert gone.header("expires") == "0"
            assert (await phone.endpoint.targets(REGISTERED))[0].port == second.port


async def test_a_wrong_password_is_no_reason_for_the_next(tmp_path: Path) -> None:
    async with two_wires() as (first, second), by_srv(tmp_path, first.port, second.port) as phone:
        first.answering = 403
        phone.endpoint.register(REGISTERED, told := Told())
        (state, *_) = await told.until(1)
        assert state.code == 403
        assert not second.heard
