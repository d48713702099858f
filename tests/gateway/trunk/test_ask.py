"""A trunk is asked by OPTIONS whether it lives: the lab, ports that say this or that, and none."""

from __future__ import annotations

import asyncio
import time

import pytest

from gateway.trunk import Origin, Reply, Trunk, TrunkEndpoint
from tests.gateway.trunk.conftest import OFFER, Phone
from tests.gateway.trunk.wire import open_wire
from tests.peers.asterisk import AsteriskLab
from tests.peers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")


def at(port: int, transport: str = "udp") -> Trunk:
    return Trunk("asked", f"sip:127.0.0.1:{port};transport={transport}", caller_id="+15550001")


@pytest.mark.peer
@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.usefixtures("own_engine")
async def test_a_challenge_is_an_answer(
    endpoint: TrunkEndpoint, lab: AsteriskLab, transport: str
) -> None:
    assert await endpoint.ask(Trunk("lab", lab.uri(transport)), 5.0) in (200, 401)


@pytest.mark.usefixtures("own_engine")
async def test_unavailable(endpoint: TrunkEndpoint) -> None:
    async with open_wire() as trunk:
        asking = asyncio.create_task(endpoint.inquire(at(trunk.port), 5.0))
        asked = await trunk.hear("OPTIONS")
        trunk.answer(asked, 503, "Going Home", "Retry-After: 120 (maintenance);duration=60")
        reply = await asking
    assert reply == Reply(503, "Going Home", 120)
    assert asked.start == f"OPTIONS sip:127.0.0.1:{trunk.port} SIP/2.0"
    assert "<sip:+15550001@127.0.0.1>" in (asked.header("from") or "")


@pytest.mark.usefixtures("own_engine")
async def test_silence(endpoint: TrunkEndpoint) -> None:
    """The time is kept; an answer to the first question that comes during the second counts."""
    async with open_wire() as trunk:
        began = time.monotonic()
        reply = await endpoint.inquire(at(trunk.port), 0.3)
        took = time.monotonic() - began
        first = await trunk.hear("OPTIONS")
        asking = asyncio.create_task(endpoint.ask(at(trunk.port), 5.0))
        await trunk.find(lambda each: each.call_id != first.call_id)
        trunk.answer(first, 200, "OK")
        assert await asking == 200
    assert reply == Reply(None, "The trunk did not answer OPTIONS within 0.3 s.")
    assert took < 2


@pytest.mark.usefixtures("own_engine")
@pytest.mark.parametrize(
    ("transport", "why"),
    [
        ("udp", "Nobody listens at the trunk's port."),
        ("tcp", "No connection to the trunk could be made."),
    ],
)
async def test_closed_port(endpoint: TrunkEndpoint, transport: str, why: str) -> None:
    began = time.monotonic()
    reply = await endpoint.inquire(at(free_port(), transport), 5.0)
    assert reply == Reply(None, why)
    assert time.monotonic() - began < 2


@pytest.mark.usefixtures("own_engine")
async def test_no_address(endpoint: TrunkEndpoint) -> None:
    trunk = Trunk("nowhere", "sip:nowhere.invalid")
    assert await endpoint.ask(trunk, 5.0) is None
    assert "'nowhere.invalid' has no address" in (await endpoint.inquire(trunk, 5.0)).reason


@pytest.mark.usefixtures("own_engine")
async def test_many_at_once(endpoint: TrunkEndpoint) -> None:
    """More trunks than the engine has accounts for take turns, and none gets another's answer."""
    async with open_wire() as trunk:
        trunk.answering = 200
        trunks = [
            Trunk("t", f"sip:127.0.0.1:{trunk.port}", caller_id=f"{number}")
            for number in range(250)
        ]
        for some in (trunks[:150], trunks[150:]):
            answers = await asyncio.gather(*(endpoint.ask(each, 5.0) for each in some))
            assert set(answers) == {200}


async def test_closed_port_ends_a_call(phone: Phone) -> None:
    """The host says so at once, and the caller does not wait for the trunk's ten seconds."""
    began = time.monotonic()
    _, ear = await phone.dial(f"sip:127.0.0.1:{free_port()}")
    end = await ear.end()
    assert (end.by, end.cause) == (Origin.NETWORK, "unreachable")
    assert time.monotonic() - began < 2


async def test_given_up_early(phone: Phone) -> None:
    """A call with an alternative waits less; the late 200 gets its ACK and BYE."""
    async with open_wire() as trunk:
        _, ear = await phone.dial(trunk.uri, response_timeout=0.7)
        invite = await trunk.hear("INVITE")
        began = time.monotonic()
        end = await ear.end()
        assert (end.by, end.cause) == (Origin.NETWORK, "unreachable")
        assert end.sentence == "The trunk did not answer within 0.7 s."
        assert time.monotonic() - began < 2
        trunk.answer(invite, 200, "OK", sdp=OFFER)
        await trunk.hear("ACK")
        bye = await trunk.hear("BYE")
        trunk.answer(bye, 200, "OK")
    assert bye.call_id == invite.call_id
