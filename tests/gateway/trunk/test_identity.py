"""Who calls, as Asterisk says it and as Asterisk understands it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
import pytest_asyncio

from gateway.trunk import (
    DialRequest,
    Identity,
    IncomingCall,
    Ringing,
    Secret,
    Trunk,
    TrunkEndpoint,
    TrunkEvent,
)
from tests.gateway.trunk.conftest import OFFER, Ear
from tests.peers.asterisk import AsteriskLab

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]


def trunk(lab: AsteriskLab, identity: str) -> Trunk:
    return Trunk(
        name="lab",
        uri=lab.uri(),
        username="trunk-digest",
        password=Secret(lab.secret),
        caller_id="+15550001",
        numbers_in=(("00", "+"), ("0", "+49")),
        identity=Identity(identity),
    )


# Asterisk reads P-Asserted-Identity and Remote-Party-ID before From
@pytest.mark.parametrize("identity", ["from", "pai", "rpid"])
@pytest.mark.parametrize(
    ("caller", "number", "name", "presentation"),
    [
        ("+15550199", "+15550199", "Ana", "allowed_not_screened"),
        (None, "+15550001", "Ana", "allowed_not_screened"),
        ("anonymous", "+15550001", "", "prohib_not_screened"),
    ],
)
async def test_asterisk_learns_who_calls(
    endpoint: TrunkEndpoint,
    lab: AsteriskLab,
    identity: str,
    caller: str | None,
    number: str,
    name: str,
    presentation: str,
) -> None:
    async with lab.manager() as manager:
        request = DialRequest(
            trunk(lab, identity), "630", OFFER, from_user=caller, display_name="Ana"
        )
        leg = await endpoint.dial(request, ear := Ear())
        await ear.hear(Ringing)
        heard = await manager.wait("LabCall", Dialed="630", CallID=leg.call_id)
        await leg.hangup()
        await ear.end()
    if identity == "from" and caller == "anonymous":
        number, name = "anonymous", "Anonymous"
        presentation = "allowed"  # it reads Privacy only together with an identity
    assert (heard["CallerNum"], heard["CallerName"]) == (number, name)
    assert heard["CallerPres"].startswith(presentation)


@pytest_asyncio.fixture(loop_scope="module")
async def calls(endpoint: TrunkEndpoint) -> AsyncIterator[asyncio.Queue[IncomingCall]]:
    arrived: asyncio.Queue[IncomingCall] = asyncio.Queue()

    def take(call: IncomingCall) -> Callable[[TrunkEvent], None]:
        arrived.put_nowait(call)
        return Ear()

    endpoint.on_incoming = take
    yield arrived
    endpoint.on_incoming = None


@pytest.mark.parametrize(
    ("way", "identity"), [("gateway-private", "pai"), ("gateway-rpid", "rpid"), ("gateway", "from")]
)
@pytest.mark.parametrize("hidden", [False, True])
async def test_asterisk_says_who_calls(
    endpoint: TrunkEndpoint,
    calls: asyncio.Queue[IncomingCall],
    lab: AsteriskLab,
    way: str,
    identity: str,
    hidden: bool,
) -> None:
    known = replace(trunk(lab, identity), headers=("X-Lab-*",))
    assert await endpoint.ask(known, 5), "from now on it is known by its address"
    async with lab.manager() as manager:
        await manager.action(
            "Originate",
            Channel="Local/600@originated/n",
            Application="Dial",
            Data=f"PJSIP/{way}/sip:0301234@127.0.0.1:{endpoint.address.port}",
            CallerID='"Ana Lima" <0309999>',
            Variable="CALLERID(pres)=prohib" if hidden else "CALLERID(pres)=allowed",
            Async="true",
        )
        async with asyncio.timeout(5):
            call = await calls.get()
        await call.leg.reject(486)
    assert (call.trunk, call.to) == ("lab", "+49301234")
    if hidden:
        assert (call.caller, call.display_name, call.anonymous) == ("anonymous", "", True)
    else:
        assert (call.caller, call.display_name) == ("+49309999", "Ana Lima")
        assert not call.anonymous
