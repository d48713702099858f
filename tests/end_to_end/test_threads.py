"""A gateway with two media threads: each carries half of the calls, at a port of its own."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

import sdp
from gateway.caller.sound import RATE
from tests.end_to_end.phone import PhoneCall, calling
from tests.end_to_end.test_many_calls import require_lines
from tests.end_to_end.trunks import idle, lab_trunk, media_events
from tests.peers.gateway import GatewayConfig, run_gateway
from tests.tones import make_tone, strongest_tone, write_wav

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers.asterisk import AsteriskLab
    from tests.peers.gateway import Gateway

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

THREADS = 2
CALLS = 6
TONES = [500.0 + 50.0 * number for number in range(CALLS)]


async def place(stack: AsyncExitStack, gateway: Gateway, folder: Path) -> list[PhoneCall]:
    """Place a call for each tone, to an echo, and wait until all are answered."""
    calls: list[PhoneCall] = []
    for number, frequency in enumerate(TONES):
        wav = write_wav(
            folder / f"{frequency:g}.wav", make_tone(frequency, seconds=1, rate=RATE), RATE
        )
        to = f"+1555{number:04}600"
        calls.append(await stack.enter_async_context(calling(gateway, to, play=wav)))
    await asyncio.gather(*(call.hear("answered", limit=30) for call in calls))
    return calls


def browser_port(call: PhoneCall) -> int:
    """Return the port that the gateway has told this caller to send to."""
    (answer,) = (message for message in call.messages if message["type"] == "answer")
    return sdp.parse(answer["answer"]["sdp"]).media[0].port


async def test_calls_are_spread_over_the_threads(lab: AsteriskLab, tmp_path: Path) -> None:
    """Each caller hears the tone that it plays, from the far end and back, and no other."""
    config = GatewayConfig(
        [lab_trunk(lab)],
        overrides={"media": {"threads": THREADS}, "admission": {"allow": ["*"]}},
    )
    ports = range(config.media_ports.start, config.media_ports.start + THREADS)
    async with run_gateway(config, tmp_path) as gateway:
        await require_lines(gateway, CALLS)
        for _ in range(2):  # what the first calls have left behind is none of the others'
            async with AsyncExitStack() as stack:
                calls = await place(stack, gateway, tmp_path)
                used = Counter(browser_port(call) for call in calls)
                assert used == dict.fromkeys(ports, CALLS // THREADS)
                await asyncio.sleep(1.5)
                outcomes = await asyncio.gather(*(call.hang_up() for call in calls))
            for outcome, tone in zip(outcomes, TONES, strict=True):
                assert outcome.last["cause"] == "hangup"
                assert outcome.heard is not None
                heard = strongest_tone(outcome.heard[-RATE:], RATE).frequency
                assert heard == pytest.approx(tone, abs=10)
            metrics = await idle(gateway)
        assert media_events(metrics)["trunk_packets_sent"] > 2 * CALLS * 50
        assert "faults" not in media_events(metrics)
        for port in ports:
            assert f"{port}" in gateway.log()
