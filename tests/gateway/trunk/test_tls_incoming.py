"""Calls of Asterisk to the port where trunks reach us by TLS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.trunk import Answered, EndpointConfig, IncomingCall, SipAddress, Tls, TrunkEndpoint
from tests.gateway.trunk.conftest import OFFER, Ear
from tests.peers.asterisk import AsteriskLab
from tests.peers.authority import Authority
from tests.peers.requirement import require_own_engine

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"  # of RFC 4568 section 6.1
ANSWER = OFFER.replace("RTP/AVP", "RTP/SAVP").replace(
    "a=ptime", f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\na=ptime"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def listening(
    lab: AsteriskLab, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[TrunkEndpoint]:
    require_own_engine()
    pair = Authority(tmp_path_factory.mktemp("authority")).issue("127.0.0.1")
    config = EndpointConfig(
        port=0,
        tls_listen=SipAddress("127.0.0.1", lab.gateway_port + 1),
        tls=Tls(str(lab.authority), str(pair.certificate), str(pair.key)),
    )
    endpoint = TrunkEndpoint(config)
    await endpoint.start()
    yield endpoint
    await endpoint.close()


async def test_a_call_of_asterisk(lab: AsteriskLab, listening: TrunkEndpoint) -> None:
    """It comes where nothing but TLS is spoken, and our BYE goes where its Contact says."""
    calls: asyncio.Queue[IncomingCall] = asyncio.Queue()
    ear = Ear()

    def take(call: IncomingCall) -> Ear:
        calls.put_nowait(call)
        return ear

    listening.on_incoming = take
    async with lab.manager() as manager:
        await manager.action(
            "Originate",
            Channel="PJSIP/5551234@gateway-tls",
            Context="originated",
            Exten="600",
            Priority="1",
            Async="true",
        )
        async with asyncio.timeout(5):
            call = await calls.get()
        await call.leg.answer(ANSWER)
        await ear.hear(Answered)
        assert await call.leg.probe(5)
        await call.leg.hangup()
        end = await ear.end()
        await manager.wait("Hangup", ChannelStateDesc="Up")  # our BYE has come
    assert (call.to, end.cause) == ("5551234", "hangup")
