"""A gateway whose media runs in two worker processes: one is killed in the middle of calls."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.caller.sound import RATE
from tests.end_to_end.phone import PhoneCall, calling
from tests.end_to_end.test_many_calls import require_lines
from tests.end_to_end.trunks import lab_trunk, media_events
from tests.peers.gateway import GatewayConfig, run_gateway
from tests.peers.process import wait_until
from tests.tones import make_tone, strongest_tone, write_wav

if TYPE_CHECKING:
    from tests.peers.ami import Manager
    from tests.peers.asterisk import AsteriskLab
    from tests.peers.gateway import Gateway

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

WORKERS = 2
CALLS = 6
RESTART = 20.0  # seconds that a start may take on a busy machine
MODULE = "gateway.media.workers"


def workers(gateway: Gateway) -> list[int]:
    """Return the worker processes of a gateway, by their command lines."""
    tasks = Path(f"/proc/{gateway.pid}/task").glob("*/children")
    children = [int(pid) for task in tasks for pid in task.read_text().split()]
    return [pid for pid in children if MODULE in words(pid)]


def words(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:  # it has ended since
        return []


async def up(gateway: Gateway, count: int) -> None:
    """Wait until so many workers have said that they take calls."""
    await wait_until(
        lambda: gateway.log().count(" runs, process ") >= count,
        limit=RESTART,
        what=f"the start of {count} workers",
    )


async def place(
    stack: AsyncExitStack, gateway: Gateway, folder: Path, tones: list[float]
) -> list[PhoneCall]:
    """Place a call for each tone, to an echo, and wait until all are answered."""
    calls: list[PhoneCall] = []
    for number, frequency in enumerate(tones):
        wav = folder / f"{frequency:g}.wav"
        write_wav(wav, make_tone(frequency, seconds=1, rate=RATE), RATE)
        to = f"+1555{number:04}600"
        calls.append(await stack.enter_async_context(calling(gateway, to, play=wav)))
    await asyncio.gather(*(call.hear("answered", limit=30) for call in calls))
    return calls


async def check_sound(calls: list[PhoneCall], tones: list[float]) -> None:
    """Hang up, and find in the last second of each call the tone that it has played."""
    outcomes = await asyncio.gather(*(call.hang_up() for call in calls))
    for outcome, tone in zip(outcomes, tones, strict=True):
        assert outcome.last["cause"] == "hangup"
        assert outcome.heard is not None
        heard = strongest_tone(outcome.heard[-RATE:], RATE).frequency
        assert heard == pytest.approx(tone, abs=10)


async def test_a_killed_worker_ends_its_calls_on_both_sides_and_no_other(
    lab: AsteriskLab, manager: Manager, tmp_path: Path
) -> None:
    config = GatewayConfig(
        [lab_trunk(lab)],
        overrides={"media": {"workers": WORKERS}, "admission": {"allow": ["*"]}},
    )
    async with (
        run_gateway(config, tmp_path) as gateway,
        AsyncExitStack() as stack,
    ):
        await require_lines(gateway, CALLS)
        first = workers(gateway)
        assert len(first) == WORKERS
        tones = [500.0 + 50.0 * number for number in range(CALLS)]
        calls = await place(stack, gateway, tmp_path, tones)
        os.kill(first[0], signal.SIGKILL)
        done, running = await asyncio.wait({call.running for call in calls}, timeout=2.0)
        assert done, "the killed worker had calls"
        assert running, "and so had the other"
        lost = [call for call in calls if call.running in done]
        for call in lost:
            end = (await call.end()).last
            assert (end["by"], end["cause"]) == ("gateway", "media-worker")
        await manager.wait("LabHangup", count=len(lost), limit=3)
        await asyncio.sleep(1.5)  # of sound that has come after the kill
        assert len(manager.matching("LabHangup")) == len(lost)
        await check_sound(
            [call for call in calls if call.running in running],
            [tone for call, tone in zip(calls, tones, strict=True) if call.running in running],
        )
        await up(gateway, WORKERS + 1)
        assert len(workers(gateway)) == WORKERS
        assert (await gateway.get("/readyz"))[0] == 200
        again = await place(stack, gateway, tmp_path, tones)
        await asyncio.sleep(1.5)
        await check_sound(again, tones)
        metrics = await gateway.metrics()
        assert metrics['gateway_calls_ended_total{cause="media-worker"}'] == len(lost)
        assert media_events(metrics)["workers_lost"] == 1
        assert media_events(metrics)["trunk_packets_sent"] > CALLS * 50
        second = workers(gateway)
    assert not any(MODULE in words(pid) for pid in (*first, *second)), "all end with the gateway"
    assert "worker=2" in gateway.log()
