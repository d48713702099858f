"""The gateway under attack, one for each module, and what every attack must leave as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.security.exchange import Exchange, open_exchange
from tests.security.house import House, open_house
from tests.tones import make_tone, write_wav

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.security.attack import Got

TONE = 660.0  # Hz, what the caller plays


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "attack(name, got): an attack, and what it got")


@pytest.fixture
def got(request: pytest.FixtureRequest) -> Got:
    """What the test has declared that its attack gets."""
    mark = request.node.get_closest_marker("attack")
    expected: Got = mark.args[1]
    return expected


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def exchange() -> AsyncIterator[Exchange]:
    """The trunk."""
    async with open_exchange() as exchange:
        yield exchange


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(
    exchange: Exchange, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[House]:
    """The gateway, with the `LIMITS` and the `ADMISSION` that the module asks for."""
    limits = getattr(request.module, "LIMITS", {})
    overrides = {"admission": getattr(request.module, "ADMISSION", {})}
    folder = tmp_path_factory.mktemp("house")
    async with open_house(exchange, folder, limits=limits, overrides=overrides) as house:
        yield house
        assert faults(house) == []


@pytest_asyncio.fixture(loop_scope="module")
async def unharmed(house: House) -> AsyncIterator[None]:
    """After the attack: no INVITE left but those that the test allowed, nothing in the log is an
    error, and whoever may call does.
    """
    before = len(house.exchange.invites) - house.sent_out
    assert before == 0
    told = len(house.gateway.log())
    yield
    assert len(house.exchange.invites) == house.sent_out, house.exchange.invited[-5:]
    await house.serves()
    assert faults(house, told) == []


def faults(house: House, skip: int = 0) -> list[str]:
    """Return the lines of the log that an operator would be woken for."""
    lines = house.gateway.log()[skip:].splitlines()
    return [line for line in lines if " ERROR " in line or " CRITICAL " in line or _is_odd(line)]


def _is_odd(line: str) -> bool:
    """Whether it is no line of the log: a traceback, or what somebody else has made us write."""
    ours = line[:4].isdigit() or line.startswith("The gateway is at http")
    return "Traceback" in line or not ours


@pytest.fixture(scope="session")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file for the caller to play: 660 Hz."""
    samples = make_tone(TONE, seconds=1, rate=48000)
    return write_wav(tmp_path_factory.mktemp("sound") / "tone.wav", samples, 48000)
