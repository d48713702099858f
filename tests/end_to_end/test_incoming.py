"""Calls from a trunk into pages: who rings, who gets the call, and how it ends without one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from gateway.caller.sound import RATE
from tests.end_to_end.calling_trunk import trunk_call
from tests.end_to_end.conftest import TONE
from tests.end_to_end.odd_sound import Sound, open_sound
from tests.end_to_end.odd_trunk import describe
from tests.end_to_end.phone import PhoneCall, waiting
from tests.end_to_end.recording import assert_heard
from tests.end_to_end.trunks import idle, open_trunk
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

NUMBER = "+15550100"
TRUNK_TONE = 440.0
INCOMING = [
    {"to": NUMBER, "identity": "sales"},
    {"to": "+15550101", "identity": "brief", "ring": 1},
    {"to": "+15550102", "identity": "elsewhere", "trunk": "other"},
    {"to": "+155502*", "identity": "nobody"},
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    other = {**open_trunk(free_port()), "name": "other", "uri": "sip:127.0.0.9"}
    config = GatewayConfig([open_trunk(free_port()), other], incoming=INCOMING)
    async with run_gateway(config, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


async def both_hear(sound: Sound, page: PhoneCall) -> None:
    """Check that each side hears the other's tone, and not its own; then hang up."""
    await sound.hear(75)
    spoken = sound.samples(1)
    outcome = await page.hang_up()
    assert_heard(spoken, sound.rate, present=[TONE], absent=[TRUNK_TONE])
    assert outcome.heard is not None
    assert_heard(outcome.heard[-RATE:], RATE, present=[TRUNK_TONE], absent=[TONE])


async def test_the_first_of_two_pages_has_it(gateway: Gateway, tone: Path) -> None:
    """Both ring; the first that accepts is heard and hears, the other is told."""
    async with (
        waiting(gateway, "sales", play=tone) as first,
        waiting(gateway, "sales") as second,
        open_sound(TRUNK_TONE) as sound,
        trunk_call(gateway, NUMBER) as call,
    ):
        call.invite(describe(sound.port))
        for page in (first, second):
            ring = await page.hear("incoming")
            assert (ring["from"], ring["displayName"]) == ("+15550001", "Alice Example")
            assert ring["to"] == NUMBER
            assert "headers" not in ring
        await call.hear(180)
        await first.accept()
        answered = await first.hear("answered")
        assert answered["codec"] == {"browser": "opus", "trunk": "PCMU"}
        await second.end()
        assert second.ended() == ("gateway", "answered-elsewhere", 200)
        await both_hear(sound, first)
        assert first.ended() == ("local", "hangup", 200)
        await call.hear("BYE")
    assert call.statuses.count(200) == 1
    await idle(gateway)


async def test_the_page_hangs_up_and_so_may_the_trunk(gateway: Gateway) -> None:
    async with (
        waiting(gateway, "sales", pick_up=0) as page,
        open_sound(TRUNK_TONE) as sound,
        trunk_call(gateway, NUMBER) as call,
    ):
        call.invite(describe(sound.port))
        await page.hear("answered")
        assert page.kinds == ["welcome", "registered", "incoming", "answer", "answered"]
        call.request("BYE")
        await page.end()
        assert page.ended() == ("remote", "hangup", 200)
        await call.hear(200, method="BYE")
    await idle(gateway)


async def test_the_trunk_asks_for_our_offer(gateway: Gateway, tone: Path) -> None:
    """An INVITE without a description: ours comes in the 200, the trunk's in the ACK."""
    async with (
        waiting(gateway, "sales", play=tone, pick_up=0) as page,
        open_sound(TRUNK_TONE) as sound,
        trunk_call(gateway, NUMBER) as call,
    ):
        call.ack_body = describe(sound.port)
        call.invite()
        answer = await call.hear(200)
        assert "m=audio" in answer.body
        await page.hear("answered")
        await both_hear(sound, page)
    await idle(gateway)


async def test_the_trunk_cancels(gateway: Gateway) -> None:
    async with (
        waiting(gateway, "sales") as first,
        waiting(gateway, "sales") as second,
        trunk_call(gateway, NUMBER) as call,
    ):
        call.invite(describe(9))
        await call.hear(180)
        await first.hear("incoming")
        call.cancel()
        await call.hear(487)
        for page in (first, second):
            await page.end()
            assert page.ended() == ("remote", "canceled", 487)
    await idle(gateway)


async def test_answered_on_another_phone_of_the_trunks(gateway: Gateway) -> None:
    """A CANCEL with the reason that RFC 3326 has for it."""
    async with waiting(gateway, "sales") as page, trunk_call(gateway, NUMBER) as call:
        call.invite(describe(9))
        await page.hear("incoming")
        await call.hear(180)
        call.cancel('Reason: SIP;cause=200;text="Call completed elsewhere"')
        await page.end()
        assert page.ended() == ("remote", "answered-elsewhere", 487)
    await idle(gateway)


@pytest.mark.parametrize(
    ("codes", "status"), [((603, 486), 603), ((480, 486), 486), ((480, 480), 480)]
)
async def test_every_page_rejects(gateway: Gateway, codes: tuple[int, int], status: int) -> None:
    """The caller hears it ring until the last has; what it is told is what most of them mean."""
    async with (
        waiting(gateway, "sales") as first,
        waiting(gateway, "sales") as second,
        trunk_call(gateway, NUMBER) as call,
    ):
        call.invite(describe(9))
        for page, code in zip((first, second), codes, strict=True):
            await page.hear("incoming")
            assert max(call.statuses, default=0) < 300
            await page.reject(code)
            await page.end()
            assert page.ended() == ("local", "rejected", code)
        await call.hear(status)
    await idle(gateway)


async def test_nobody_accepts(gateway: Gateway) -> None:
    async with waiting(gateway, "brief") as page, trunk_call(gateway, "+15550101") as call:
        call.invite(describe(9))
        await call.hear(480)
        await page.end()
        assert page.ended() == ("gateway", "no-answer", 480)
        assert page.messages[-1]["message"] == "Nobody accepted the call within 1 seconds."
    await idle(gateway)


@pytest.mark.parametrize(
    ("number", "status"), [("+15550200", 480), ("+15550300", 404), ("+15550102", 404)]
)
async def test_nobody_is_called(gateway: Gateway, number: str, status: int) -> None:
    """An identity that nobody holds, a number of nobody's, and one of another trunk."""
    async with waiting(gateway, "sales") as page, trunk_call(gateway, number) as call:
        call.invite(describe(9))
        await call.hear(status)
        assert 180 not in call.statuses
        assert "incoming" not in page.kinds
    await idle(gateway)


VIDEO = describe(9).replace("m=audio", "m=video")
SECURED = describe(9).replace("RTP/AVP", "UDP/TLS/RTP/SAVPF")


@pytest.mark.parametrize("offer", [VIDEO, SECURED, describe(9, formats="18", rtpmaps=())])
async def test_an_offer_without_audio_of_ours_rings_nobody(gateway: Gateway, offer: str) -> None:
    async with waiting(gateway, "sales") as page, trunk_call(gateway, NUMBER) as call:
        call.invite(offer)
        await call.hear(488)
        assert 180 not in call.statuses
        assert "incoming" not in page.kinds
    await idle(gateway)


async def test_a_page_vanishes_while_it_rings(gateway: Gateway) -> None:
    """The others ring on; once the last one is gone the caller hears that nobody is there."""
    async with (
        waiting(gateway, "sales") as last,
        trunk_call(gateway, NUMBER) as call,
    ):
        async with waiting(gateway, "sales") as first:
            call.invite(describe(9))
            await first.hear("incoming")
        await last.hear("incoming")
        assert max(call.statuses, default=0) < 300
        await last.take_down()
        await call.hear(480)
    await idle(gateway)


async def test_two_accepts_at_once(gateway: Gateway) -> None:
    """One of them has the call, the other is told so; neither hears of an error."""
    async with (
        waiting(gateway, "sales") as first,
        waiting(gateway, "sales") as second,
        open_sound(TRUNK_TONE) as sound,
        trunk_call(gateway, NUMBER) as call,
    ):
        call.invite(describe(sound.port))
        await first.hear("incoming")
        await second.hear("incoming")
        await asyncio.gather(first.accept(), second.accept())
        await call.hear(200)
        await asyncio.wait({first.running, second.running}, return_when=asyncio.FIRST_COMPLETED)
        winner, loser = (first, second) if second.running.done() else (second, first)
        assert loser.ended() == ("gateway", "answered-elsewhere", 200)
        await winner.hear("answered")
        assert "error" not in first.kinds + second.kinds
        await winner.hang_up()
    await idle(gateway)
