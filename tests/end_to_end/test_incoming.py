"""Calls from a trunk into pages: who rings, who gets the call, and how it ends without one."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from gateway.caller.description import make_offer
from gateway.caller.sound import RATE
from tests.end_to_end.calling_trunk import trunk_call
from tests.end_to_end.conftest import TONE
from tests.end_to_end.odd_sound import Sound, open_sound
from tests.end_to_end.odd_trunk import describe
from tests.end_to_end.page import Page, open_page
from tests.end_to_end.phone import PhoneCall, waiting
from tests.end_to_end.recording import assert_heard
from tests.end_to_end.test_headless_call import run_command
from tests.end_to_end.trunks import idle, open_trunk
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.ports import free_port
from tests.tones import read_wav

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

NUMBER = "+15550100"
TRUNK_TONE = 440.0
INCOMING: list[dict[str, object]] = [
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
        assert second.ended() == ("gateway", "answered-elsewhere", 487)
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


async def test_an_ack_that_answers_nothing_means_nothing(gateway: Gateway, tone: Path) -> None:
    """A description where the 200 has had the answer: at the beginning and in mid-call."""
    name = "gateway_sdp_stray_answers_total"
    before = (await gateway.metrics())[name]
    async with (
        waiting(gateway, "sales", play=tone, pick_up=0) as page,
        open_sound(TRUNK_TONE) as sound,
        trunk_call(gateway, NUMBER) as call,
    ):
        call.ack_body = "v=0\r\nm=nonsense\r\n"
        call.invite(describe(sound.port))
        await page.hear("answered")
        call.ack_body = describe(9).replace("PCMU", "G729")
        call.request("INVITE", describe(sound.port))
        await call.hear(200, count=2)
        await both_hear(sound, page)
        await call.hear("BYE")
    metrics = await idle(gateway)
    assert metrics[name] - before == 2


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
            first.vanish()
        await last.hear("incoming")
        assert max(call.statuses, default=0) < 300
        last.vanish()
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
        assert loser.ended() == ("gateway", "answered-elsewhere", 487)
        await winner.hear("answered")
        assert "error" not in first.kinds + second.kinds
        await winner.hang_up()
    await idle(gateway)


BAD = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 RTP/AVP 96\r\n"


@asynccontextmanager
async def bare_page(gateway: Gateway, identity: str) -> AsyncIterator[Page]:
    """Register a page that may send what the headless caller would not."""
    async with open_page(gateway) as page:
        await page.send(type="register", identity=identity)
        assert (await page.hear("registered"))["identity"] == identity
        yield page


async def test_an_accept_that_will_not_do_rings_on(gateway: Gateway) -> None:
    """For that page and the other, which then has the call; what the first one says is late."""
    offer = {"type": "offer", "sdp": BAD}
    async with (
        bare_page(gateway, "sales") as page,
        waiting(gateway, "sales") as other,
        open_sound(TRUNK_TONE) as sound,
        trunk_call(gateway, NUMBER) as call,
    ):
        call.invite(describe(sound.port))
        ring = (await page.hear("incoming"))["call"]
        for _ in range(2):
            await page.send(type="accept", call=ring, offer=offer)
            error = await page.hear("error")
            assert (error["call"], error["name"], error["fatal"]) == (ring, "bad-offer", False)
        await page.send(type="dtmf", call=ring, digits="1")
        assert (await page.hear("error"))["name"] == "bad-request"
        await page.send(type="candidate", call=ring, candidate=None)
        await other.hear("incoming")
        await other.accept()
        assert (await page.hear("ended"))["cause"] == "answered-elsewhere"
        await page.send(type="accept", call=ring, offer=offer)
        assert (await page.hear("error"))["name"] == "unknown-call"
        await other.hear("answered")
        await other.hang_up()
    await idle(gateway)


async def test_an_accept_comes_twice(gateway: Gateway) -> None:
    async with (
        waiting(gateway, "sales") as page,
        open_sound(TRUNK_TONE) as sound,
        trunk_call(gateway, NUMBER) as call,
    ):
        call.invite(describe(sound.port))
        await page.hear("incoming")
        await page.accept()
        await page.accept()
        error = await page.hear("error")
        assert (error["name"], error["fatal"]) == ("bad-request", False)
        await page.reject()
        await page.hear("error", count=2)
        await page.hear("answered")
        await page.hang_up()
    await idle(gateway)


async def test_an_accept_after_the_cancel(gateway: Gateway) -> None:
    async with bare_page(gateway, "sales") as page, trunk_call(gateway, NUMBER) as call:
        call.invite(describe(9))
        ring = (await page.hear("incoming"))["call"]
        await call.hear(180)
        call.cancel()
        assert (await page.hear("ended"))["cause"] == "canceled"
        await page.send(type="accept", call=ring, offer={"type": "offer", "sdp": BAD})
        error = await page.hear("error")
        assert (error["name"], error["code"]) == ("unknown-call", 481)
    await idle(gateway)


async def test_a_page_that_can_send_nothing_ends_the_call(gateway: Gateway) -> None:
    """It hangs up before its media is there: no 200 has left, and the trunk hears 603."""
    async with waiting(gateway, "sales") as page, trunk_call(gateway, NUMBER) as call:
        call.invite(describe(9))
        await page.hear("incoming")
        await page.accept()
        await page.hang_up()
        assert page.ended() == ("local", "rejected", 603)
        await call.hear(603)
        assert 200 not in call.statuses
    await idle(gateway)


async def test_the_page_is_gone_once_it_has_accepted(gateway: Gateway) -> None:
    certificate = ("sha-256", ":".join(["AB"] * 32))
    sdp = make_offer(session=1, ssrc=1, ice=("abcd", "0" * 22), fingerprint=certificate)
    async with trunk_call(gateway, NUMBER) as call:
        async with bare_page(gateway, "sales") as page:
            call.invite(describe(9))
            ring = (await page.hear("incoming"))["call"]
            await page.send(type="accept", call=ring, offer={"type": "offer", "sdp": sdp})
            await page.hear("answer")
        await call.hear(480)
        assert 200 not in call.statuses
    async with trunk_call(gateway, NUMBER) as other:
        other.invite(describe(9))
        await other.hear(480)
    await idle(gateway)


async def test_the_command_takes_a_call(gateway: Gateway, tmp_path: Path, tone: Path) -> None:
    """`gateway call --answer`: what it prints, what it records, and its exit status."""
    recording = tmp_path / "heard.wav"
    async with open_sound(TRUNK_TONE) as sound, trunk_call(gateway, NUMBER) as call:
        arguments = ("--answer", "sales", "--play", str(tone), "--record", str(recording))
        running = asyncio.create_task(run_command(gateway, *arguments, "--duration", "2"))
        await registered(gateway)
        call.invite(describe(sound.port))
        await sound.hear(50)
        assert_heard(sound.samples(0.5), sound.rate, present=[TONE], absent=[TRUNK_TONE])
        lines, status = await running
    assert status == 0, lines
    assert lines[:3] == [
        "waiting for calls to sales",
        f"+15550001 calls {NUMBER}",
        "answered: opus <-> PCMU",
    ]
    assert lines[-1] == "ended by local: hangup (200): You ended the call."
    heard, rate = read_wav(recording)
    assert_heard(heard[rate:], rate, present=[TRUNK_TONE], absent=[TONE])


async def test_the_command_waits_in_vain(gateway: Gateway) -> None:
    lines, status = await run_command(gateway, "--answer", "sales", "--give-up", "0.2")
    assert (status, lines[-1]) == (1, "refused: nobody has called")
    lines, status = await run_command(gateway, "--answer", " ")
    assert status == 1
    assert lines[-1].startswith("refused: an identity has 1 to")


async def registered(gateway: Gateway, limit: float = 10.0) -> None:
    """Wait until a page is registered."""
    for _ in range(int(limit / 0.05)):
        if await pages(gateway):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"no page has registered within {limit:g} s")


async def pages(gateway: Gateway) -> int:
    """Return how many pages are registered."""
    return int((await gateway.metrics())["gateway_pages_registered"])


async def test_what_the_operator_sees(gateway: Gateway) -> None:
    before = await gateway.metrics()
    async with waiting(gateway, "sales") as page, trunk_call(gateway, NUMBER) as call:
        assert await pages(gateway) == 1
        call.invite(describe(9))
        await page.hear("incoming")
        now = await gateway.metrics()
        assert now["gateway_calls_active"] == now['gateway_trunk_calls_active{trunk="open"}'] == 1
        await page.reject()
        await page.end()
    after = await idle(gateway)
    received = "gateway_calls_received_total"
    assert after[received] == before[received] + 1
    assert after["gateway_calls_placed_total"] == 0
    assert after['gateway_calls_received_ended_total{cause="rejected"}'] >= 1
    line = gateway.log().rpartition("call ended: ")[2]
    assert "direction=incoming" in line
    assert "cause=rejected(603)" in line
