"""What comes from a trunk's address is heard; what comes from elsewhere gets what is configured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network

import pytest
import pytest_asyncio

from gateway.trunk import (
    Diversion,
    Elsewhere,
    EndpointConfig,
    Identity,
    IncomingCall,
    SipAddress,
    Trunk,
    TrunkEndpoint,
    TrunkEvent,
)
from tests.gateway.trunk.conftest import OFFER, Ear
from tests.gateway.trunk.wire import open_wire
from tests.peers.requirement import require_own_engine
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

STRANGER = "127.0.0.9"
LAB = Trunk(
    "lab",
    "sip:127.0.0.2:5060",
    sources=(ip_network("127.0.0.4/30"),),
    numbers_in=(("00", "+"), ("0", "+49")),
    identity=Identity.ASSERTED,
    headers=("X-CustomerID",),
)
OTHER = Trunk("other", "sip:127.0.0.3:5060", numbers_in=(("", "+"),))
METHODS = ("INVITE", "OPTIONS", "REGISTER", "MESSAGE", "SUBSCRIBE", "REFER", "INFO", "FOO")
OF_A_DIALOG = ("BYE", "CANCEL", "PRACK", "UPDATE")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def silent() -> AsyncIterator[TrunkEndpoint]:
    require_own_engine()
    async with opened(Elsewhere.IGNORED) as endpoint:
        yield endpoint


@asynccontextmanager
async def opened(strangers: Elsewhere) -> AsyncIterator[TrunkEndpoint]:
    config = EndpointConfig(port=0, tcp=True, trunks=(LAB, OTHER), strangers=strangers)
    endpoint = TrunkEndpoint(config)
    await endpoint.start()
    try:
        yield endpoint
    finally:
        await endpoint.close()


@pytest_asyncio.fixture(loop_scope="module")
async def calls(silent: TrunkEndpoint) -> AsyncIterator[asyncio.Queue[IncomingCall]]:
    arrived: asyncio.Queue[IncomingCall] = asyncio.Queue()

    def take(call: IncomingCall) -> Callable[[TrunkEvent], None]:
        arrived.put_nowait(call)
        return Ear()

    silent.on_incoming = take
    yield arrived
    silent.on_incoming = None
    assert arrived.empty()


@pytest.mark.parametrize("method", [*METHODS, *OF_A_DIALOG])
async def test_a_stranger_gets_no_answer(
    silent: TrunkEndpoint, calls: asyncio.Queue[IncomingCall], method: str
) -> None:
    label = (method if method != "FOO" else "other", "none")
    before = silent.strangers.get(label, 0)
    async with open_wire(STRANGER) as stranger:
        stranger.request(method, silent.address.port, sdp=OFFER if method == "INVITE" else "")
        await until(lambda: silent.strangers.get(label, 0) == before + 1)
        # What is sent to one address arrives in the order in which it was sent
        async with open_wire("127.0.0.2") as trunk:
            trunk.request("OPTIONS", silent.address.port)
            await trunk.hear(200)
        assert stranger.heard == []


async def test_the_log_says_that_an_address_is_no_trunk_s(
    silent: TrunkEndpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """Else an operator whose trunk calls from another address would look for it in vain."""
    caplog.set_level("INFO", "gateway.trunk.filter")
    unlogged, trunk_s = "127.0.0.10", "127.0.0.6"  # each source is logged once a minute
    async with open_wire(unlogged) as stranger, open_wire(trunk_s) as trunk:
        stranger.request("INVITE", silent.address.port, sdp=OFFER)
        trunk.request("BYE", silent.address.port)
        await until(lambda: len(caplog.messages) == 2)
    assert sorted(caplog.messages) == [
        "127.0.0.10 sent INVITE, which belongs to no call, not answered; no trunk has this "
        "address (trunks.sources)",
        "127.0.0.6 sent BYE, which belongs to no call, answered 481",
    ]


@pytest.mark.parametrize("method", OF_A_DIALOG)
@pytest.mark.parametrize("tag", ["", ";tag=gone"])
async def test_a_trunk_is_told_that_a_dialog_is_over(
    silent: TrunkEndpoint, method: str, tag: str
) -> None:
    async with open_wire("127.0.0.2") as trunk:
        trunk.request(method, silent.address.port, f"To: <sip:600@127.0.0.1>{tag}")
        assert (await trunk.hear(481)).code == 481


async def test_a_call_goes_on_from_wherever_its_requests_come(
    silent: TrunkEndpoint, calls: asyncio.Queue[IncomingCall]
) -> None:
    """Whoever knows its tags is no stranger: a proxy of the trunk's may have another address."""
    async with open_wire("127.0.0.2") as trunk, open_wire(STRANGER) as proxy:
        trunk.request("INVITE", silent.address.port, sdp=OFFER, call_id="goes-on")
        async with asyncio.timeout(5):
            call = await calls.get()
        await call.leg.answer(OFFER)
        ok = await trunk.hear(200)
        to = f"To: {ok.header('to')}"
        trunk.request("ACK", silent.address.port, to, call_id="goes-on")
        proxy.request("OPTIONS", silent.address.port, to, call_id="goes-on", number=2)
        assert (await proxy.hear(200)).cseq == (2, "OPTIONS")
        proxy.heard.clear()
        proxy.request("BYE", silent.address.port, to, call_id="goes-on", number=3)
        assert (await proxy.hear(200)).cseq == (3, "BYE")
        proxy.heard.clear()
        before = silent.strangers.get(("BYE", "none"), 0)
        proxy.request("BYE", silent.address.port, to, call_id="over", number=4)
        await until(lambda: silent.strangers.get(("BYE", "none"), 0) == before + 1)
        assert proxy.heard == []


async def test_a_stranger_takes_back_nobody_s_call(
    silent: TrunkEndpoint, calls: asyncio.Queue[IncomingCall]
) -> None:
    """Not with the Call-ID alone, which others on the way may have seen, and gets no answer."""
    before = silent.strangers.get(("CANCEL", "none"), 0)
    async with open_wire("127.0.0.2") as trunk, open_wire(STRANGER) as stranger:
        trunk.request("INVITE", silent.address.port, sdp=OFFER, call_id="rings")
        async with asyncio.timeout(5):
            call = await calls.get()
        own = "From: <sip:a@b>;tag=own"
        stranger.request("CANCEL", silent.address.port, own, call_id="rings")
        stranger.request("CANCEL", silent.address.port, call_id="rings", number=2)
        await until(lambda: silent.strangers.get(("CANCEL", "none"), 0) == before + 2)
        await call.leg.reject(486)
        assert (await trunk.hear(486)).code == 486
        assert stranger.heard == []


async def test_a_stranger_gets_no_answer_to_what_nobody_can_read(silent: TrunkEndpoint) -> None:
    before = silent.strangers.get(("OPTIONS", "none"), 0)
    broken = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.9\r\nFrom: x\r\nTo: x\r\n"
    broken += "Call-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n"
    async with open_wire(STRANGER) as stranger, open_wire("127.0.0.2") as trunk:
        stranger.transport.sendto(broken.encode(), ("127.0.0.1", silent.address.port))
        await until(lambda: silent.strangers.get(("OPTIONS", "none"), 0) == before + 1)
        trunk.transport.sendto(broken.encode(), ("127.0.0.1", silent.address.port))
        assert (await trunk.hear(400)).code == 400
        assert stranger.heard == []


async def test_a_trunks_call(silent: TrunkEndpoint, calls: asyncio.Queue[IncomingCall]) -> None:
    """From a network of the trunk's: its name, its numbers, its headers."""
    async with open_wire("127.0.0.6") as trunk:
        trunk.request(
            "INVITE",
            silent.address.port,
            'From: "Ana" <sip:account@127.0.0.6>;tag=stranger',
            'P-Asserted-Identity: "Ana Lima" <sip:0301234@127.0.0.6;user=phone>',
            "Diversion: <tel:0049305678>;reason=no-answer",
            "x-customerid: 7",
            "X-Other: 8",
            sdp=OFFER,
            user="0049309999",
        )
        async with asyncio.timeout(5):
            call = await calls.get()
        assert (call.trunk, call.to, call.caller) == ("lab", "+49309999", "+49301234")
        assert (call.display_name, call.anonymous) == ("Ana Lima", False)
        assert call.diversion == Diversion("+49305678", "no-answer")
        assert call.headers == (("X-CustomerID", "7"),)
        assert call.source == SipAddress("127.0.0.6", trunk.port)
        assert call.offer == OFFER
        await call.leg.reject(486)
        assert (await trunk.hear(486)).code == 486


async def test_an_anonymous_call_of_another_trunk(
    silent: TrunkEndpoint, calls: asyncio.Queue[IncomingCall]
) -> None:
    async with open_wire("127.0.0.3") as trunk:
        trunk.request(
            "INVITE",
            silent.address.port,
            'From: "Ana" <sip:49301234@127.0.0.3>;tag=stranger',
            "Privacy: id",
            "X-Other: 8",
            sdp=OFFER,
            user="49309999",
        )
        async with asyncio.timeout(5):
            call = await calls.get()
        assert (call.trunk, call.to, call.headers) == ("other", "+49309999", (("X-Other", "8"),))
        assert (call.caller, call.display_name, call.anonymous) == ("anonymous", "", True)
        assert call.diversion is None
        await call.leg.reject(603)
        assert (await trunk.hear(603)).code == 603


async def test_a_call_that_cannot_be_read_is_answered(
    silent: TrunkEndpoint, calls: asyncio.Queue[IncomingCall], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> IncomingCall:
        raise ValueError("what is this?")

    monkeypatch.setattr("gateway.trunk.endpoint.incoming_call", fail)
    async with open_wire("127.0.0.2") as trunk:
        trunk.request("INVITE", silent.address.port, sdp=OFFER)
        assert (await trunk.hear(500)).code == 500
    await until(lambda: silent.active == 0)


async def test_the_address_that_a_name_leads_to_is_the_trunks(
    silent: TrunkEndpoint, calls: asyncio.Queue[IncomingCall]
) -> None:
    async with open_wire("127.0.0.1") as trunk:
        trunk.answering = 200
        named = replace(OTHER, uri=f"sip:localhost:{trunk.port}", numbers_in=())
        assert await silent.ask(named, 5) == 200
        trunk.request("INVITE", silent.address.port, sdp=OFFER)
        async with asyncio.timeout(5):
            call = await calls.get()
        assert (call.trunk, call.to) == ("other", "600")
        await call.leg.reject(486)


async def test_a_stranger_is_refused_where_that_is_configured(silent: TrunkEndpoint) -> None:
    """In an endpoint of its own, which there can be one of: the other is closed for it."""
    await silent.close()
    async with opened(Elsewhere.REFUSED) as endpoint, open_wire(STRANGER) as stranger:
        endpoint.on_incoming = lambda call: pytest.fail(f"{call} has come through")
        for method in (*METHODS, *OF_A_DIALOG):
            stranger.request(method, endpoint.address.port)
            assert (await stranger.hear(403)).code == 403
            stranger.heard.clear()
        stranger.request("ACK", endpoint.address.port, sdp=OFFER)
        await until(lambda: endpoint.strangers.get(("ACK", "none"), 0) == 1)
        assert stranger.heard == []
