"""The gateway's process stands still for 200 ms in mid-call, as it does when a machine is busy."""

from __future__ import annotations

import asyncio
import os
import signal
from itertools import pairwise
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from gateway.caller.sound import RATE
from tests.end_to_end.conftest import TONE
from tests.end_to_end.phone import calling
from tests.end_to_end.recording import assert_heard
from tests.end_to_end.trunk_audio import FRAME, trunk_audio
from tests.end_to_end.trunk_audio import RATE as TRUNK_RATE
from tests.end_to_end.trunks import idle, media_events, open_trunk, scripted_trunk, trunk_sdp
from tests.gateway.trunk.script import ACK, BYE, DONE, INVITE, RINGING, Respond
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from tests.end_to_end.trunk_audio import Heard

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

NUMBER = "+15550100"
TRUNK_TONE = 440.0
STALL = 0.2  # seconds
RECOVERY = 0.2  # seconds after the stall in which the sound must be back
BURST = 0.005  # seconds; packets nearer to each other than this are one
SOME = 10  # packets of each side that are compared
FEW = 3  # of these there may be, where a busy machine has held the clock up as well


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(port: int, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway whose trunk is whatever listens on `port`."""
    config = GatewayConfig([open_trunk(port)])
    async with run_gateway(config, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


async def stand_still(pid: int) -> tuple[float, float]:
    """Stop a process for a while; return from when to when, by `perf_counter`."""
    began = perf_counter()
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(STALL)
    finally:
        ended = perf_counter()
        os.kill(pid, signal.SIGCONT)
    return began, ended


def assert_one_steady_stream(heard: Sequence[Heard]) -> None:
    """One source, no number left out or said twice, and a clock that never goes back."""
    assert len({each.packet.ssrc for each in heard}) == 1
    for before, after in pairwise(each.packet for each in heard):
        assert (after.sequence - before.sequence) & 0xFFFF == 1
        step = (after.timestamp - before.timestamp) & 0xFFFFFFFF
        assert step % FRAME == 0, f"{step} ticks"
        assert FRAME <= step <= 2 * TRUNK_RATE * STALL + FRAME, f"{step} ticks"


def lateness(heard: Sequence[Heard], first: int) -> float:
    """Return how late packets come by their own clock, whose zero is at the timestamp `first`.

    Of one packet a busy machine decides that.
    """
    spoken = ((each.packet.timestamp - first) & 0xFFFFFFFF for each in heard)
    passed = (each.at for each in heard)
    return median(at - ticks / TRUNK_RATE for at, ticks in zip(passed, spoken, strict=True))


async def test_what_a_stall_costs(gateway: Gateway, port: int, tmp_path: Path, tone: Path) -> None:
    async with trunk_audio(TRUNK_TONE) as sound:
        answer = Respond(200, "OK", trunk_sdp(sound.port))
        async with (
            scripted_trunk(port, tmp_path, INVITE, RINGING, answer, ACK, BYE, DONE) as trunk,
            calling(gateway, NUMBER, play=tone) as call,
        ):
            await call.hear("answered")
            await asyncio.sleep(1.5)
            began, ended = await stand_still(gateway.pid)
            await asyncio.sleep(1.5)
            outcome = await call.hang_up()
            await trunk.finish()
        before = [each for each in sound.heard if each.at < began]
        during = [each for each in sound.heard if began + 0.01 < each.at < ended]
        after = [each for each in sound.heard if each.at >= ended]
        assert len(before) > SOME
        assert not during, "the process has not stood still"
        assert after[0].at - ended < RECOVERY, f"silent for {after[0].at - ended:.3f} s more"
        assert_one_steady_stream(sound.heard)
        near = [b.at - a.at for a, b in pairwise(after) if b.at - a.at < BURST]
        assert len(near) <= FEW, f"{len(near)} of {len(after)} packets in bursts"
        # Nothing is sent that is late for good, nor is the time of the stall lost for good: what
        # came after it is as many frames as there was time for
        first = before[-SOME].packet.timestamp
        later = lateness(after[-SOME:], first) - lateness(before[-SOME:], first)
        assert abs(later) < 0.06, f"the stream is {later:.3f} s later than before"
        recovered = [each for each in after if each.at >= ended + RECOVERY]
        back = len(sound.heard) - len(recovered)
        assert_heard(sound.samples()[back * FRAME :], TRUNK_RATE, present=[TONE])
    assert outcome.heard is not None
    assert_heard(outcome.heard[-RATE:], RATE, present=[TRUNK_TONE], absent=[TONE])
    # The trunk's packets have waited in the socket, and none of them is lost
    assert outcome.lost == 0
    counted = media_events(await idle(gateway))
    assert counted["trunk_frames_skipped"] >= 1
    assert "faults" not in counted
