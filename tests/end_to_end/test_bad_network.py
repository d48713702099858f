"""Calls over a network that loses, delays and reorders: what the trunk gets, and the caller."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
import pytest_asyncio

from gateway.caller.sound import RATE
from tests.end_to_end.bad_network import bad_network, trouble
from tests.end_to_end.conftest import TONE
from tests.end_to_end.phone import calling
from tests.end_to_end.recording import assert_heard
from tests.end_to_end.trunk_audio import FRAME, trunk_audio
from tests.end_to_end.trunk_audio import RATE as TRUNK_RATE
from tests.end_to_end.trunks import idle, media_events, open_trunk, scripted_trunk, trunk_sdp
from tests.gateway.trunk.script import ACK, BYE, DONE, INVITE, RINGING, Respond
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.ports import free_port
from tests.tones import make_tone, write_wav

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from tests.end_to_end.trunk_audio import Heard
    from tests.peers.ami import Manager

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

NUMBER = "+15550100"
TRUNK_TONE = 440.0
SECONDS = 6.0


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scripted(port: int, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway whose trunk is whatever listens on `port`."""
    config = GatewayConfig([open_trunk(port)])
    async with run_gateway(config, tmp_path_factory.mktemp("scripted")) as gateway:
        yield gateway


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """A tone that swells four times a second: a steady one is no speech to Opus, and has no FEC."""
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * 4 * np.arange(RATE) / RATE)
    samples = (make_tone(TONE, seconds=1, rate=RATE) * swell).astype(np.int16)
    return write_wav(tmp_path / "words.wav", samples, RATE)


def left_out(heard: Sequence[Heard]) -> int:
    """Return how many frames have no packet; of one source, with no number missing."""
    assert len({each.packet.ssrc for each in heard}) == 1
    frames = 0
    for before, after in pairwise(each.packet for each in heard):
        assert (after.sequence - before.sequence) & 0xFFFF == 1
        step = (after.timestamp - before.timestamp) & 0xFFFFFFFF
        assert step % FRAME == 0, f"{step} ticks"
        assert step >= FRAME, f"{step} ticks"
        frames += step // FRAME - 1
    return frames


@pytest.mark.parametrize(
    ("loss", "jitter"),
    [(0.05, 0.0), (0.0, 0.04), (0.05, 0.04)],
    ids=["5 % lost", "40 ms of jitter", "both"],
)
async def test_the_trunk_gets_one_steady_stream(
    scripted: Gateway, port: int, tmp_path: Path, words: Path, loss: float, jitter: float
) -> None:
    """What the browser's network does to packets is repaired or made up for, not passed on."""
    before = media_events(await idle(scripted))
    async with trunk_audio(TRUNK_TONE) as sound:
        answer = Respond(200, "OK", trunk_sdp(sound.port))
        async with (
            bad_network(scripted, up=trouble(loss=loss, jitter=jitter)) as network,
            scripted_trunk(port, tmp_path, INVITE, RINGING, answer, ACK, BYE, DONE) as trunk,
            calling(scripted, NUMBER, play=words, url=network.url) as call,
        ):
            await call.hear("answered")
            await asyncio.sleep(SECONDS)
            outcome = await call.hang_up()
            await trunk.finish()
        after = media_events(await scripted.metrics())
        counted = {name: after[name] - before.get(name, 0) for name in after}
        # Where the whole process has stood still, time passes, and nothing else makes it
        assert left_out(sound.heard) <= counted.get("trunk_frames_skipped", 0), counted
        assert_heard(sound.samples()[-TRUNK_RATE:], TRUNK_RATE, present=[TONE])
    lost, passed = network.up.lost, network.up.passed
    assert lost + passed > 0.9 * SECONDS * 50
    if loss:
        assert lost > 5
        repaired = counted.get("browser_frames_repaired", 0)
        made_up = repaired + counted.get("browser_frames_concealed", 0)
        assert repaired >= 0.5 * lost, (lost, counted)
        assert made_up >= 0.8 * lost, (lost, counted)
    assert outcome.lost == 0  # the other way nothing was wrong
    assert outcome.heard is not None
    assert_heard(outcome.heard[-RATE:], RATE, present=[TRUNK_TONE], absent=[TONE])
    await idle(scripted)


async def test_the_browser_sees_what_is_lost_on_its_way(
    scripted: Gateway, port: int, tmp_path: Path, tone: Path
) -> None:
    """It has the means to hide a gap; it is not to be told that there is none."""
    async with trunk_audio(TRUNK_TONE) as sound:
        answer = Respond(200, "OK", trunk_sdp(sound.port))
        async with (
            bad_network(scripted, down=trouble(loss=0.05)) as network,
            scripted_trunk(port, tmp_path, INVITE, RINGING, answer, ACK, BYE, DONE) as trunk,
            calling(scripted, NUMBER, play=tone, url=network.url) as call,
        ):
            await call.hear("answered")
            await asyncio.sleep(SECONDS)
            outcome = await call.hang_up()
            await trunk.finish()
        assert_heard(sound.samples()[-TRUNK_RATE:], TRUNK_RATE, present=[TONE])
    assert network.down.lost > 5
    # The first and the last may be among them
    assert network.down.lost - 2 <= outcome.lost <= network.down.lost
    await idle(scripted)


@pytest.mark.parametrize("jitter", [0.0, 0.04])
async def test_digits_survive(
    gateway: Gateway, manager: Manager, tone: Path, jitter: float
) -> None:
    """None is lost and none is doubled, where one packet in ten is lost."""
    digits = "0123456789*ABCD1122"
    async with (
        bad_network(gateway, up=trouble(loss=0.1, jitter=jitter)) as network,
        calling(gateway, "650", dtmf=f"{digits}#", play=tone, url=network.url) as call,
    ):
        heard = await manager.wait("LabDTMF", limit=20)
        await call.hang_up()
    assert network.up.lost > 5
    assert heard["Digits"] == digits
    await idle(gateway)
