"""A trunk that breaks the rules, or makes full use of them: sipp tells the story, step by step.

sipp fails a story in which anything else arrives, so each is an exact account of what the gateway
sends as well. However it goes, the page is told how the call ended, and nothing is left behind.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

import pytest
import pytest_asyncio

from gateway.caller.sound import RATE
from tests.end_to_end import trunk_audio as audio
from tests.end_to_end.conftest import TONE
from tests.end_to_end.phone import calling
from tests.end_to_end.recording import assert_heard
from tests.end_to_end.trunk_audio import trunk_audio
from tests.end_to_end.trunks import idle, open_trunk
from tests.end_to_end.trunks import trunk_sdp as sdp
from tests.gateway.trunk.script import (
    ACK,
    ANSWER,
    BYE,
    DONE,
    EARLY,
    HANG_UP,
    INVITE,
    OK,
    RINGING,
    SDP,
    Pause,
    Receive,
    Request,
    Respond,
    Step,
    write_script,
)
from tests.gateway.trunk.test_repeats import Parrot
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.ports import free_port
from tests.peers.process import wait_until
from tests.peers.sipp import Sipp, run_trunk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

NUMBER = "+15550100"
TRUNK_TONE, OTHER_TONE = 440.0, 880.0


@pytest.fixture(scope="module")
def port() -> int:
    """The trunk's port: a story for each test, one after the other."""
    return free_port()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(port: int, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway whose trunk is whatever listens on `port`."""
    config = GatewayConfig([open_trunk(port)])
    async with run_gateway(config, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


class Tell(Protocol):
    """Have sipp tell a story at the trunk's port."""

    def __call__(self, *steps: Step) -> AbstractAsyncContextManager[Sipp]: ...


@pytest.fixture
def tell(port: int, tmp_path: Path) -> Tell:
    def start(*steps: Step) -> AbstractAsyncContextManager[Sipp]:
        return run_trunk(write_script(tmp_path, *steps), tmp_path, port=port)

    return start


def acknowledge(cseq: int) -> Request:
    return Request("ACK", cseq)


ISUP_BUSY = 'Reason: Q.850;cause=17;text="User busy"'
TERMINATED = Respond(487, "Request Terminated")

# What the trunk does, and how the call ends: by whom, why, with which code
ENDINGS: dict[str, tuple[tuple[Step, ...], tuple[str, str, int]]] = {
    "an answer without description": (
        (INVITE, RINGING, Respond(200, "OK"), ACK, BYE, DONE),
        ("gateway", "incompatible-media", 488),
    ),
    "BYE before the answer": (
        (INVITE, RINGING, Request("BYE", 2), Receive(200)),
        ("remote", "hangup", 200),
    ),
    "487 without CANCEL, after early media": (
        (INVITE, EARLY, TERMINATED, ACK),
        ("remote", "canceled", 487),
    ),
    "486 after early media": (
        (INVITE, EARLY, Respond(486, "Busy Here"), ACK),
        ("remote", "busy", 486),
    ),
    "BYE right after the ACK": ((*ANSWER, *HANG_UP), ("remote", "hangup", 200)),
    "500 for a busy line": (
        (INVITE, Respond(500, "Server Internal Error", headers=ISUP_BUSY), ACK),
        ("remote", "busy", 500),
    ),
    "503 for a full network": (
        (INVITE, Respond(503, "Service Unavailable", headers="Reason: Q.850;cause=34"), ACK),
        ("remote", "congestion", 503),
    ),
    "503, and when to come again": (
        (INVITE, Respond(503, "Service Unavailable", headers="Retry-After: 120"), ACK),
        ("remote", "trunk-unavailable", 503),
    ),
    "603 with a reason of SIP": (
        (INVITE, Respond(603, "Decline", headers='Reason: SIP;cause=603;text="no"'), ACK),
        ("remote", "rejected", 603),
    ),
    "608, which few know": (
        (INVITE, Respond(608, "Rejected"), ACK),
        ("remote", "rejected", 608),
    ),
    "a code that nobody knows": (
        (INVITE, Respond(699, "Whatever"), ACK),
        ("remote", "rejected", 699),
    ),
}


@pytest.mark.parametrize("story", ENDINGS)
async def test_the_trunk_ends_the_call(gateway: Gateway, tell: Tell, story: str) -> None:
    steps, end = ENDINGS[story]
    async with tell(*steps) as trunk, calling(gateway, NUMBER) as call:
        await call.end()
        await trunk.finish()
    assert call.ended() == end
    await idle(gateway)


async def test_no_connection(tmp_path: Path) -> None:
    """Nobody listens at the trunk's TCP port."""
    config = GatewayConfig([open_trunk(free_port(), "tcp")])
    async with run_gateway(config, tmp_path) as gateway:
        async with calling(gateway, NUMBER) as call:
            end = (await call.end(limit=5)).last
        assert call.ended() == ("gateway", "unreachable", 503)
        assert end["message"] == "No connection to the trunk could be made."
        await idle(gateway)


async def test_silence(gateway: Gateway, tell: Tell) -> None:
    """The trunk takes the INVITE and says nothing: that is given up long before SIP's own 32 s."""
    async with tell(INVITE, Pause(40_000)) as trunk, calling(gateway, NUMBER) as call:
        end = (await call.end(limit=14)).last
        messages = trunk.messages()
    assert call.ended() == ("gateway", "unreachable", 503)
    assert end["message"] == "The trunk did not answer within 10 s."
    assert len(messages) == 5  # it was asked again and again
    assert {each.method for each in messages} == {"INVITE"}
    await idle(gateway)


async def test_progress_after_the_answer(gateway: Gateway, tell: Tell, tone: Path) -> None:
    """A 183 that comes after the 200 changes nothing, and the sound goes on."""
    async with trunk_audio(TRUNK_TONE) as sound:
        answer = Respond(200, "OK", sdp(sound.port))
        late = Respond(183, "Session Progress", sdp(sound.port))
        steps = (INVITE, RINGING, answer, ACK, late, BYE, DONE)
        async with tell(*steps) as trunk, calling(gateway, NUMBER, play=tone) as call:
            await call.hear("answered")
            await asyncio.sleep(1.5)
            outcome = await call.hang_up()
            await trunk.finish()
        assert call.kinds.count("ringing") == 1
        assert call.kinds.index("ringing") < call.kinds.index("answered")
        assert outcome.heard is not None
        assert_heard(outcome.heard[-RATE:], RATE, present=[TRUNK_TONE], absent=[TONE])
        assert_heard(
            sound.samples()[-audio.RATE :], audio.RATE, present=[TONE], absent=[TRUNK_TONE]
        )
    await idle(gateway)


async def test_the_answer_comes_three_times(gateway: Gateway, port: int) -> None:
    """The page hears of it once; the trunk gets an ACK for each (RFC 3261, 13.2.2.4)."""
    loop = asyncio.get_running_loop()
    transport, trunk = await loop.create_datagram_endpoint(Parrot, local_addr=("127.0.0.1", port))
    try:
        async with calling(gateway, NUMBER) as call, asyncio.timeout(10):
            for _ in range(3):
                await trunk.acks.acquire()
            await call.hear("answered")
            await call.hang_up()
            await trunk.ended.wait()
    finally:
        transport.close()
    assert call.kinds.count("answered") == 1
    assert "ringing" not in call.kinds  # the 183 came after the first 200
    assert call.ended() == ("local", "hangup", 200)
    await idle(gateway)


async def test_progress_comes_three_times(gateway: Gateway, tell: Tell) -> None:
    """180 and 183, each repeated: the page hears of each once."""
    rings, progress = (RINGING,) * 3, (EARLY,) * 3
    steps = (INVITE, *rings, *progress, OK, ACK, BYE, DONE)
    async with tell(*steps) as trunk, calling(gateway, NUMBER) as call:
        await call.hear("answered")
        await call.hang_up()
        await trunk.finish()
    early = [each["earlyMedia"] for each in call.messages if each["type"] == "ringing"]
    assert early == [False, True]
    assert call.kinds.count("answered") == 1
    await idle(gateway)


async def test_an_answer_that_crosses_the_cancel(gateway: Gateway, tell: Tell) -> None:
    """No zombie: the trunk gets its ACK and a BYE, and the page hears of no answer."""
    steps = (INVITE, RINGING, Receive("CANCEL"), DONE, OK, ACK, BYE, DONE)
    async with tell(*steps) as trunk, calling(gateway, NUMBER) as call:
        await call.hear("ringing")
        await call.hang_up()
        messages = await trunk.finish()
    assert "answered" not in call.kinds
    assert call.ended() == ("local", "canceled", 487)
    requests = [each.method for each in messages if not each.sent and each.status is None]
    assert requests == ["INVITE", "CANCEL", "ACK", "BYE"]
    await idle(gateway)


async def test_giving_up_before_the_trunk_has_said_anything(gateway: Gateway, tell: Tell) -> None:
    """A CANCEL has to wait for a provisional response (RFC 3261, 9.1); the page does not."""
    steps = (INVITE, Pause(3000), RINGING, Receive("CANCEL"), DONE, TERMINATED, ACK)
    async with tell(*steps) as trunk, calling(gateway, NUMBER) as call:
        await call.hear("trying")
        await call.hang_up(limit=2.5)
        await trunk.finish()
    assert call.ended() == ("local", "canceled", 487)
    await idle(gateway)


async def test_hold_and_resume(gateway: Gateway, tell: Tell, tone: Path) -> None:
    """While the trunk holds the call it gets no sound, and sends its own; then all is as before."""
    async with trunk_audio(TRUNK_TONE) as sound:
        steps = (
            *(INVITE, RINGING, Respond(200, "OK", sdp(sound.port)), ACK, Pause(700)),
            Request("INVITE", 2, sdp(sound.port, version=2, direction="sendonly")),
            *(Receive(200), acknowledge(2), Pause(1000)),
            Request("INVITE", 3, sdp(sound.port, version=3)),
            *(Receive(200), acknowledge(3), Pause(1500), *HANG_UP),
        )
        async with tell(*steps) as trunk, calling(gateway, NUMBER, play=tone) as call:
            outcome = await call.end()
            messages = await trunk.finish()
        answers = [each.body for each in messages if not each.sent and each.status == 200]
        assert ["a=recvonly" in answer for answer in answers] == [True, False, False]  # and BYE
        assert 0.8 < sound.longest_gap() < 1.5
        assert_heard(sound.samples()[-audio.RATE :], audio.RATE, present=[TONE])
        assert outcome.heard is not None
        assert_heard(outcome.heard[-3 * RATE :], RATE, present=[TRUNK_TONE], absent=[TONE])
    assert call.ended() == ("remote", "hangup", 200)
    await idle(gateway)


async def test_the_media_moves_elsewhere(gateway: Gateway, tell: Tell, tone: Path) -> None:
    """A re-INVITE with another address: from then on only that one is spoken to, and heard."""
    async with trunk_audio(TRUNK_TONE) as first, trunk_audio(OTHER_TONE) as second:
        moved = Request("INVITE", 2, sdp(second.port, version=2))
        steps = (
            *(INVITE, RINGING, Respond(200, "OK", sdp(first.port)), ACK, Pause(700)),
            *(moved, Receive(200), acknowledge(2), Pause(1500), *HANG_UP),
        )
        async with tell(*steps) as trunk, calling(gateway, NUMBER, play=tone) as call:
            outcome = await call.end()
            await trunk.finish()
        assert second.heard, "nobody speaks to the new address"
        assert first.heard[-1].at < second.heard[0].at + 0.1
        for sound in (first, second):
            assert_heard(sound.samples()[-audio.RATE // 2 :], audio.RATE, present=[TONE])
        assert outcome.heard is not None
        assert_heard(outcome.heard[-RATE:], RATE, present=[OTHER_TONE], absent=[TRUNK_TONE])
    assert call.ended() == ("remote", "hangup", 200)
    await idle(gateway)


async def test_early_media_from_one_server_and_the_call_from_another(
    gateway: Gateway, tell: Tell, tone: Path
) -> None:
    """The 200 brings another description than the 183 did: the last one holds."""
    async with trunk_audio(TRUNK_TONE) as announcement, trunk_audio(OTHER_TONE) as person:
        steps = (
            *(INVITE, Respond(183, "Session Progress", sdp(announcement.port)), Pause(1000)),
            *(Respond(200, "OK", sdp(person.port, version=2)), ACK, Pause(1500), *HANG_UP),
        )
        async with tell(*steps) as trunk, calling(gateway, NUMBER, play=tone) as call:
            await call.hear("answered")
            before = len(announcement.heard)
            outcome = await call.end()
            await trunk.finish()
        assert before > 20  # silence, so that the announcement finds its way
        assert not announcement.samples().any(), "the caller was heard before the answer"
        assert_heard(person.samples()[-audio.RATE :], audio.RATE, present=[TONE])
        assert outcome.heard is not None
        assert_heard(outcome.heard[-RATE:], RATE, present=[OTHER_TONE], absent=[TRUNK_TONE])
        early = outcome.heard[RATE // 4 : round(0.7 * RATE)]
        assert_heard(early, RATE, present=[TRUNK_TONE], absent=[OTHER_TONE])
    await idle(gateway)


async def test_an_offer_in_mid_call_that_cannot_be_taken(gateway: Gateway, tell: Tell) -> None:
    """488, and the call goes on as it was (RFC 3261, 14.2)."""
    g729 = SDP.replace("AVP 0 101", "AVP 18 101").replace("0 PCMU", "18 G729")
    offer = Request("INVITE", 2, g729)
    steps = (*ANSWER, offer, Receive(488), acknowledge(2), BYE, DONE)
    async with tell(*steps) as trunk, calling(gateway, NUMBER) as call:
        await call.hear("answered")
        await wait_until(
            lambda: any(each.status == 488 for each in trunk.messages()),
            limit=5,
            what="the offer is refused",
        )
        await call.hang_up()
        await trunk.finish()
    assert call.ended() == ("local", "hangup", 200)
    await idle(gateway)
