"""Outbound proxies and Record-Route: where each request of a dialog goes, and what it carries."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.trunk import Answered, Trunk, TrunkEndpoint
from gateway.trunk.message import Message
from tests.gateway.trunk.conftest import OFFER, Phone
from tests.gateway.trunk.script import ACK, BYE, DONE, INVITE, OK, RINGING, write_script
from tests.gateway.trunk.wire import Wire, open_wire
from tests.peers.kamailio import run_proxy
from tests.peers.process import wait_until
from tests.peers.sipp import run_trunk

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRUNK = Trunk("test", "sip:trunk.example:5070", caller_id="+15550001")


def routes(message: Message) -> list[str]:
    """Return the Route set of a request, one entry each."""
    values = [value for name, value in message.headers if name == "route"]
    return [each.strip() for value in values for each in value.split(",")]


def to(proxy: Wire, *, loose: bool = True) -> Trunk:
    return replace(TRUNK, outbound_proxy=f"{proxy.uri}{';lr' if loose else ''}")


@pytest.mark.parametrize("loose", [True, False])
async def test_the_proxy_gets_the_request_for_the_trunk(phone: Phone, loose: bool) -> None:
    """Whether it stands in a Route header or not; the trunk's own name is not even looked up."""
    async with open_wire() as proxy:
        _, ear = await phone.dial(to(proxy, loose=loose))
        invite = await proxy.hear("INVITE")
        proxy.answer(invite, 486, "Busy Here")
        await ear.end()
    assert invite.start == "INVITE sip:+15557654@trunk.example:5070 SIP/2.0"
    assert routes(invite) == ([f"<{proxy.uri};lr>"] if loose else [])


@pytest.mark.usefixtures("own_engine")
async def test_options_and_register_go_there_too(endpoint: TrunkEndpoint) -> None:
    async with open_wire() as proxy:
        proxy.answering = 200
        assert await endpoint.ask(to(proxy), 5.0) == 200
        registered = replace(to(proxy), register=True)
        registration = endpoint.register(registered, lambda state: None)
        register = await proxy.hear("REGISTER")
        await registration.close()
        options = await proxy.hear("OPTIONS")
    assert options.start == "OPTIONS sip:trunk.example:5070 SIP/2.0"
    assert register.start == "REGISTER sip:trunk.example:5070 SIP/2.0"
    assert routes(options) == routes(register) == [f"<{proxy.uri};lr>"]


A, B, C = ("<sip:{0}:{1};lr;n=a>", "<sip:b.example;lr>", '"C, of c" <sip:c.example:5080;lr>;x=";,"')


@pytest.mark.parametrize(
    "headers",
    [
        (A,),
        (C, B, A),
        (f"{C}, {B}, {A}",),
        (f"{C},{B}", A),
        (B, f"{C} , {A}"),
        (C, f"{B},{C}", B, A),
    ],
)
async def test_the_route_set_is_followed_backwards(phone: Phone, headers: tuple[str, ...]) -> None:
    """RFC 3261 section 12.1.2: any number of headers, one or more in each; the last is first."""
    async with open_wire() as far, open_wire() as proxy:
        first = A.format("127.0.0.1", proxy.port)
        filled = [each.replace(A, first) for each in headers]
        leg, ear = await phone.dial(f"sip:127.0.0.1:{far.port}")
        invite = await far.hear("INVITE")
        record = [f"Record-Route: {each}" for each in filled]
        far.answer(invite, 200, "OK", *record, sdp=OFFER)
        await ear.hear(Answered)
        ack = await proxy.hear("ACK")
        await leg.hangup()
        bye = await proxy.hear("BYE")
        proxy.answer(bye, 200, "OK")
        await ear.end()
        assert not [each for each in far.heard if each.method in ("ACK", "BYE")]
    named = ", ".join(filled)
    order = [each for each in (first, "b.example", "c.example") if each in named]
    order.sort(key=named.index, reverse=True)
    assert order[0] == first
    for request in (ack, bye):
        assert request.start == f"{request.method} {far.uri} SIP/2.0"
        whole = ", ".join(value for name, value in request.headers if name == "route")
        places = [whole.index(each) for each in order]
        assert places == sorted(places)
        assert whole.count("<sip:") == named.count("<sip:")


async def test_a_strict_router(phone: Phone) -> None:
    """RFC 3261 section 12.2.1.1: without lr it stands in the Request-URI, the target comes last."""
    async with open_wire() as far, open_wire() as proxy:
        leg, ear = await phone.dial(f"sip:127.0.0.1:{far.port}")
        invite = await far.hear("INVITE")
        record = f"Record-Route: <sip:b.example;lr>, <{proxy.uri}>"
        far.answer(invite, 200, "OK", record, sdp=OFFER)
        await ear.hear(Answered)
        await leg.hangup()
        bye = await proxy.hear("BYE")
        proxy.answer(bye, 200, "OK")
        await ear.end()
    assert bye.start == f"BYE {proxy.uri} SIP/2.0"
    assert routes(bye) == ["<sip:b.example;lr>", f"<{far.uri}>"]


async def test_without_record_route_the_proxy_is_out_of_the_dialog(phone: Phone) -> None:
    async with open_wire() as far, open_wire() as proxy:
        leg, ear = await phone.dial(to(proxy))
        invite = await proxy.hear("INVITE")
        proxy.contact = f"<{far.uri}>"
        proxy.answer(invite, 200, "OK", sdp=OFFER)
        await ear.hear(Answered)
        await far.hear("ACK")
        await leg.hangup()
        bye = await far.hear("BYE")
        far.answer(bye, 200, "OK")
        await ear.end()
    assert routes(bye) == []


@pytest.mark.peer
async def test_two_proxies(phone: Phone, tmp_path: Path) -> None:
    """Kamailio twice, the first by TCP and UDP: it is three entries, and all of them are followed.

    sipp fails the call where a request comes that it does not expect, or none does.
    """
    ringing, ok = (replace(each, proxied=True) for each in (RINGING, OK))
    async with (
        run_trunk(write_script(tmp_path, INVITE, ringing, ok, ACK, BYE, DONE), tmp_path) as sipp,
        run_proxy(tmp_path / "inner", f"127.0.0.1:{sipp.port}") as inner,
        run_proxy(tmp_path / "outer", f"127.0.0.1:{inner.port}") as outer,
    ):
        trunk = Trunk("test", sipp.uri, outbound_proxy=outer.uri("tcp"))
        leg, ear = await phone.dial(trunk)
        await ear.hear(Answered)
        await wait_until(lambda: len(inner.requests()) == 2, limit=5, what="the ACK comes")
        await leg.hangup()
        await ear.end()
        messages = await sipp.finish()
    assert outer.requests() == ["INVITE tcp", "ACK tcp", "BYE tcp"]
    assert inner.requests() == ["INVITE udp", "ACK udp", "BYE udp"]
    invite, *_, bye = (each for each in messages if not each.sent)
    assert [name for name, _ in invite.headers].count("record-route") == 3
    assert (bye.method, bye.header("route")) == ("BYE", None)


async def test_the_route_set_of_an_early_dialog_is_replaced(phone: Phone) -> None:
    """What the 200 says counts (section 13.2.2.4), not what the 180 has said."""
    async with open_wire() as far, open_wire() as proxy:
        leg, ear = await phone.dial(f"sip:127.0.0.1:{far.port}")
        invite = await far.hear("INVITE")
        far.answer(invite, 180, "Ringing", "Record-Route: <sip:127.0.0.1:9;lr>")
        await asyncio.sleep(0)
        far.answer(invite, 200, "OK", f"Record-Route: <{proxy.uri};lr>", sdp=OFFER)
        await ear.hear(Answered)
        ack = await proxy.hear("ACK")
        await leg.hangup()
        proxy.answer(await proxy.hear("BYE"), 200, "OK")
        await ear.end()
    assert routes(ack) == [f"<{proxy.uri};lr>"]
