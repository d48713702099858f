"""How long a call from a trunk takes until the page rings, and until both sides hear each other.

For a machine that has little else to do: `tests/scheduling.py` sees to it.
"""

from __future__ import annotations

import sys
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.end_to_end.calling_trunk import trunk_call
from tests.end_to_end.odd_sound import Sound, open_sound
from tests.end_to_end.odd_trunk import HOST, describe
from tests.end_to_end.phone import waiting
from tests.end_to_end.trunks import idle, open_trunk
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

NUMBER = "+15550100"
TRUNK_TONE = 440.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    incoming: list[dict[str, object]] = [{"to": NUMBER, "identity": "sales"}]
    config = GatewayConfig([open_trunk(free_port())], incoming=incoming)
    async with run_gateway(config, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


async def test_how_long_it_takes(
    gateway: Gateway, tone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the INVITE until the page rings, and from its click until each side hears the other.

    The goals are 20 and 300 ms; the bounds are for a machine that does other things as well.
    """
    rings, speaks, hears = [], [], []
    for _ in range(5):
        async with (
            waiting(gateway, "sales", play=tone) as page,
            open_sound(TRUNK_TONE) as sound,
            trunk_call(gateway, NUMBER) as call,
        ):
            sent = call.invite(describe(sound.port))
            await page.hear("incoming")
            rings.append(page.came("incoming")[0] - sent)
            clicked = await page.accept()
            await call.hear(200)
            port = int((await call.hear(200)).body.partition("m=audio ")[2].split()[0])
            sound.target = (HOST, port)  # as a phone does once it has been answered
            await sound.until(partial(has_sound, sound), 8, "sound")
            speaks.append((heard_sound(sound) or 0.0) - clicked)
            await page.hear("answered")
            await sound.hear(10)
            outcome = await page.hang_up()
            hears.append(outcome.times["sound"] - clicked)
    with capsys.disabled():
        for what, times in (("rings", rings), ("is heard", speaks), ("hears", hears)):
            shown = ", ".join(f"{1000 * each:.0f}" for each in sorted(times))
            sys.stdout.write(f"\n  a page {what} after {shown} ms")
    assert min(rings) < 0.02
    assert median(rings) < 0.1
    assert min(max(pair) for pair in zip(speaks, hears, strict=True)) < 0.3
    assert median(speaks) < 1
    assert median(hears) < 1
    await idle(gateway)


def has_sound(sound: Sound) -> bool:
    return heard_sound(sound) is not None


def heard_sound(sound: Sound) -> float | None:
    """Return when the first packet came that is no silence: the page's tone."""
    silence = {0xFF, 0x7F, 0xD5, 0x55}
    return next(
        (each.at for each in sound.heard if len(set(each.packet.payload) - silence) > 9), None
    )
