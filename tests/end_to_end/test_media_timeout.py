"""A trunk that falls silent: the call ends by itself, unless anything says that all is well.

That may be RTCP, a hold, or the trunk's answer when it is asked whether it still knows the call.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from gateway.calls.side import PROBE_TIMEOUT
from tests.end_to_end.phone import calling
from tests.end_to_end.trunk_audio import HOST, TrunkAudio, trunk_audio
from tests.end_to_end.trunks import idle, open_trunk, scripted_trunk, trunk_sdp
from tests.gateway.trunk.script import (
    ACK,
    BYE,
    DONE,
    HANG_UP,
    INVITE,
    RINGING,
    Pause,
    Receive,
    Request,
    Respond,
    Step,
)
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.ports import free_port
from voice.rtcp import ReceiverReport, ReportBlock, describe, pack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

NUMBER = "+15550100"
TRUNK_TONE = 440.0
TIMEOUT, EARLY_TIMEOUT = 2.0, 3.0  # seconds
LONG = 2.5 * TIMEOUT  # of silence that must not end a call

ASKED = Receive("OPTIONS", timeout_ms=12_000)
GONE = Respond(481, "Call/Transaction Does Not Exist", to_last=True)


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(port: int, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway that is soon tired of silence."""
    media = {"timeout": TIMEOUT, "early_timeout": EARLY_TIMEOUT}
    config = GatewayConfig([open_trunk(port)], overrides={"media": media})
    async with run_gateway(config, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


def answered_at(media_port: int, *then: Step) -> tuple[Step, ...]:
    answer = Respond(200, "OK", trunk_sdp(media_port))
    return (INVITE, RINGING, answer, ACK, *then, BYE, DONE)


async def test_an_answer_and_then_nothing(gateway: Gateway, port: int, tmp_path: Path) -> None:
    """Not even to OPTIONS. The page is told, and the trunk gets a BYE: nobody pays for silence."""
    async with trunk_audio(TRUNK_TONE, speaks=False) as sound:
        async with (
            scripted_trunk(port, tmp_path, *answered_at(sound.port, ASKED)) as trunk,
            calling(gateway, NUMBER) as call,
        ):
            await call.hear("answered")
            end = (await call.end(limit=TIMEOUT + PROBE_TIMEOUT + 5)).last
            await trunk.finish()
        assert sound.heard, "the gateway speaks all the same"
    assert (end["by"], end["cause"], end["sipCode"]) == ("gateway", "media-timeout", 408)
    # Sessions are looked after once a second
    asked = TIMEOUT + PROBE_TIMEOUT
    assert 1000 * asked - 100 <= end["durationMs"] <= 1000 * (asked + 2)
    metrics = await idle(gateway)
    assert metrics['gateway_calls_ended_total{cause="media-timeout"}'] == 1


async def test_a_far_end_that_suppresses_silence(
    gateway: Gateway, port: int, tmp_path: Path
) -> None:
    """Muted for ever, and without RTCP: whatever it answers to OPTIONS, it is there."""
    refusal = Respond(500, "Unhandled by dialog usages", to_last=True)
    steps = (ASKED, DONE, ASKED, refusal, Pause(500), *HANG_UP)
    async with trunk_audio(TRUNK_TONE, speaks=False) as sound:
        answer = Respond(200, "OK", trunk_sdp(sound.port))
        async with (
            scripted_trunk(port, tmp_path, INVITE, RINGING, answer, ACK, *steps) as trunk,
            calling(gateway, NUMBER) as call,
        ):
            await call.hear("answered")
            end = (await call.end(limit=2 * TIMEOUT + 8)).last
            await trunk.finish()
    assert (end["by"], end["cause"]) == ("remote", "hangup")
    assert end["durationMs"] >= 1000 * 2 * TIMEOUT
    await idle(gateway)


async def test_words_and_then_nothing(gateway: Gateway, port: int, tmp_path: Path) -> None:
    """The wait begins with the last packet, not with the answer; the trunk has lost the call."""
    async with (
        trunk_audio(TRUNK_TONE) as sound,
        scripted_trunk(port, tmp_path, *answered_at(sound.port, ASKED, GONE)) as trunk,
        calling(gateway, NUMBER) as call,
    ):
        await call.hear("answered")
        await asyncio.sleep(1)
        sound.fall_silent()
        end = (await call.end()).last
        await trunk.finish()
    assert end["cause"] == "connection-lost"
    assert 1000 * (TIMEOUT + 1) - 100 <= end["durationMs"] <= 1000 * (TIMEOUT + 3)
    await idle(gateway)


async def test_early_media_and_then_nothing(gateway: Gateway, port: int, tmp_path: Path) -> None:
    """Before the answer it has a time of its own, and the trunk gets a CANCEL."""
    async with trunk_audio(TRUNK_TONE, speaks=False) as sound:
        early = Respond(183, "Session Progress", trunk_sdp(sound.port))
        gone = (Receive("CANCEL"), DONE, Respond(487, "Request Terminated"), ACK)
        async with (
            scripted_trunk(port, tmp_path, INVITE, early, *gone) as trunk,
            calling(gateway, NUMBER) as call,
        ):
            await call.hear("ringing")
            end = (await call.end()).last
            await trunk.finish()
        waited = call.came("ended")[0] - call.came("ringing")[0]
    assert (end["by"], end["cause"], end["sipCode"]) == ("gateway", "media-timeout", 408)
    assert EARLY_TIMEOUT - 0.1 <= waited <= EARLY_TIMEOUT + 2
    await idle(gateway)


@asynccontextmanager
async def reporting(sound: TrunkAudio) -> AsyncIterator[None]:
    """Report to the gateway on its stream every half second, and send nothing else."""

    async def reports() -> None:
        await sound.found.wait()
        assert sound.gateway is not None
        host, rtp = sound.gateway
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.bind((HOST, 0))
            while True:
                newest = sound.heard[-1].packet
                block = ReportBlock(newest.ssrc, 0, 0, newest.sequence, 0, 0, 0)
                report = ReceiverReport(sound.ssrc, (block,))
                sock.sendto(pack(report, describe(sound.ssrc, "trunk")), (host, rtp + 1))
                await asyncio.sleep(0.5)

    task = asyncio.create_task(reports(), name="trunk-rtcp")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_rtcp_alone_keeps_a_call(gateway: Gateway, port: int, tmp_path: Path) -> None:
    """A far end that is muted may stop its RTP, and still say that it is there."""
    async with (
        trunk_audio(TRUNK_TONE, speaks=False) as sound,
        reporting(sound),
        scripted_trunk(port, tmp_path, *answered_at(sound.port)) as trunk,
        calling(gateway, NUMBER) as call,
    ):
        await call.hear("answered")
        await asyncio.sleep(LONG)
        assert not call.running.done(), call.messages[-1]
        end = (await call.hang_up()).last
        await trunk.finish()
    assert (end["by"], end["cause"]) == ("local", "hangup")
    await idle(gateway)


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
async def test_a_hold_is_no_silence(
    gateway: Gateway, port: int, tmp_path: Path, direction: str
) -> None:
    """A call on hold may last, with no music from a trunk that has none."""
    async with trunk_audio(TRUNK_TONE) as sound:
        held = trunk_sdp(sound.port, version=2, direction=direction)
        hold = (Pause(500), Request("INVITE", 2, held), Receive(200), Request("ACK", 2))
        async with (
            scripted_trunk(port, tmp_path, *answered_at(sound.port, *hold)) as trunk,
            calling(gateway, NUMBER) as call,
        ):
            await call.hear("answered")
            await asyncio.sleep(1)
            sound.fall_silent()
            await asyncio.sleep(LONG)
            assert not call.running.done(), call.messages[-1]
            end = (await call.hang_up()).last
            await trunk.finish()
    assert (end["by"], end["cause"]) == ("local", "hangup")
    await idle(gateway)


async def test_the_wait_begins_anew_when_a_hold_ends(
    gateway: Gateway, port: int, tmp_path: Path
) -> None:
    async with trunk_audio(TRUNK_TONE, speaks=False) as sound:
        inactive = trunk_sdp(sound.port, version=2, direction="inactive")
        active = trunk_sdp(sound.port, version=3)
        steps = (
            *(Request("INVITE", 2, inactive), Receive(200), Request("ACK", 2)),
            Pause(round(1000 * LONG)),
            *(Request("INVITE", 3, active), Receive(200), Request("ACK", 3)),
            *(ASKED, GONE),
        )
        async with (
            scripted_trunk(port, tmp_path, *answered_at(sound.port, *steps)) as trunk,
            calling(gateway, NUMBER) as call,
        ):
            await call.hear("answered")
            end = (await call.end(limit=LONG + TIMEOUT + 5)).last
            await trunk.finish()
    assert end["cause"] == "connection-lost"
    assert 1000 * (LONG + TIMEOUT) - 200 <= end["durationMs"] <= 1000 * (LONG + TIMEOUT + 2.5)
    await idle(gateway)
