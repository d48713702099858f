"""Calls from a trunk: sipp calls us."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.trunk import (
    Answered,
    IncomingCall,
    Origin,
    TrunkEndpoint,
    TrunkError,
    TrunkEvent,
)
from tests.gateway.trunk.conftest import OFFER, Ear
from tests.peers.process import PeerError
from tests.peers.sipp import run_caller

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

ANSWER = OFFER


@pytest_asyncio.fixture(loop_scope="module")
async def reception(endpoint: TrunkEndpoint) -> AsyncIterator[Reception]:
    reception = Reception()
    endpoint.on_incoming = reception
    yield reception
    endpoint.on_incoming = None


class Reception:
    """Takes one call and keeps it."""

    def __init__(self) -> None:
        self.ear = Ear()
        self._call: asyncio.Future[IncomingCall] = asyncio.get_running_loop().create_future()

    def __call__(self, call: IncomingCall) -> Callable[[TrunkEvent], None]:
        self._call.set_result(call)
        return self.ear

    async def call(self) -> IncomingCall:
        async with asyncio.timeout(5):
            return await self._call


async def test_answered(endpoint: TrunkEndpoint, reception: Reception, tmp_path: Path) -> None:
    async with run_caller(
        "uac", tmp_path, target=endpoint.address.port, number="600", options=("-d", "300")
    ) as sipp:
        call = await reception.call()
        await call.leg.ring()
        await call.leg.progress(ANSWER)
        with pytest.raises(TrunkError, match="repeats the description"):
            await call.leg.answer(ANSWER.replace("40000", "40002"))
        await call.leg.answer(ANSWER)
        await reception.ear.hear(Answered)
        end = await reception.ear.end()
        messages = await sipp.finish()
    assert (call.to, call.caller) == ("600", "sipp")
    assert "m=audio" in call.offer
    assert call.source.host == "127.0.0.1"
    assert reception.ear.kinds == ["Answered", "Ended"]
    assert (end.by, end.code) == (Origin.REMOTE, 200)
    described = [each for each in messages if not each.sent and each.body]
    assert [each.status for each in described] == [183, 200]
    for each in described:
        assert_ours(each.body)


async def test_answered_at_once(
    endpoint: TrunkEndpoint, reception: Reception, tmp_path: Path
) -> None:
    async with run_caller(
        "uac", tmp_path, target=endpoint.address.port, number="600", options=("-d", "3000")
    ) as sipp:
        call = await reception.call()
        await call.leg.answer(ANSWER)
        await reception.ear.hear(Answered)
        await call.leg.hangup()
        end = await reception.ear.end()
        messages = sipp.messages()
    assert (end.by, end.code, end.cause) == (Origin.LOCAL, 200, "hangup")
    answers = [each for each in messages if not each.sent and each.status == 200]
    assert_ours(answers[0].body)


async def test_rejected(endpoint: TrunkEndpoint, reception: Reception, tmp_path: Path) -> None:
    async with run_caller("uac", tmp_path, target=endpoint.address.port, number="620") as sipp:
        call = await reception.call()
        await call.leg.ring()
        await call.leg.reject(486, "Busy Here")
        end = await reception.ear.end()
        with pytest.raises(PeerError):  # sipp counts any refusal as a failed call
            await sipp.finish()
        assert 486 in [each.status for each in sipp.messages()]
    assert (end.by, end.code, end.cause) == (Origin.LOCAL, 486, "rejected")


async def test_not_taken(endpoint: TrunkEndpoint, tmp_path: Path) -> None:
    """Without anybody to take calls an INVITE is refused."""
    async with run_caller("uac", tmp_path, target=endpoint.address.port, number="600") as sipp:
        with pytest.raises(PeerError):  # sipp counts any refusal as a failed call
            await sipp.finish()
        assert 404 in [each.status for each in sipp.messages()]
    assert endpoint.active == 0


def assert_ours(sdp: str) -> None:
    """sipp offers PCMU alone: the engine strikes the rest, and writes the origin anew."""
    assert "m=audio 40000 RTP/AVP 0\n" in sdp
    assert "a=x-not-known-to-pjsip:kept" in sdp
