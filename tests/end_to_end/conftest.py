"""One gateway on the lab for the tests of a module, and what they all need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.end_to_end.trunks import lab_trunk
from tests.peers.chromium import Chromium, run_chromium
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.tones import make_tone, write_wav

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.end_to_end.odd_calls import Rig, Together
    from tests.peers.ami import Manager
    from tests.peers.asterisk import AsteriskLab

TONE = 660.0  # Hz, what the caller plays
LAB_TONE = 440.0
RINGBACK = (440.0, 480.0)  # the lab's, as in North America


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    lab: AsteriskLab, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    """A gateway whose trunk is the lab."""
    config = GatewayConfig([lab_trunk(lab)], overrides={"admission": {"allow": ["*"]}})
    async with run_gateway(config, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chromium]:
    """Chromium, 660 Hz at its microphone."""
    async with run_chromium(tmp_path_factory.mktemp("chromium"), tone=TONE) as chromium:
        yield chromium


@pytest_asyncio.fixture(loop_scope="module")
async def manager(lab: AsteriskLab) -> AsyncIterator[Manager]:
    """The lab's manager interface; it has the events since this test began."""
    async with lab.manager() as manager:
        yield manager


@pytest.fixture(scope="session")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file for the caller to play: 660 Hz."""
    samples = make_tone(TONE, seconds=1, rate=48000)
    return write_wav(tmp_path_factory.mktemp("sound") / "tone.wav", samples, 48000)


# Stories that are told beside each other. The fixtures import what needs the tone of this module


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each story of a module (`odd_calls.StoryTests`)."""
    if "story" in metafunc.fixturenames and hasattr(metafunc.module, "STORIES"):
        metafunc.parametrize("story", metafunc.module.STORIES)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(tone: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    """A gateway whose trunk is played by hand."""
    from tests.end_to_end.odd_calls import odd_rig

    async with odd_rig(tmp_path_factory.mktemp("gateway"), tone) as rig:
        yield rig


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(request: pytest.FixtureRequest, rig: Rig) -> AsyncIterator[Together]:
    """The stories of the module that are asked for, some of them at a time."""
    from tests.end_to_end.odd_calls import AT_ONCE, asked_for, together

    at_once = getattr(request.module, "AT_ONCE", AT_ONCE)
    async with together(rig, asked_for(request), at_once=at_once) as told:
        yield told
