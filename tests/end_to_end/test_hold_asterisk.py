"""Hold with Asterisk: what it records of us, what it says and sends, and both tones after it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from gateway.caller.sound import RATE
from tests.end_to_end.conftest import LAB_TONE, TONE
from tests.end_to_end.phone import PhoneCall, calling
from tests.end_to_end.recording import assert_heard, in_turn, read_recording
from tests.end_to_end.trunks import idle, lab_trunk
from tests.peers.gateway import Gateway, GatewayConfig, Table, run_gateway
from tests.peers.process import wait_until
from tests.tones import make_tone, write_wav

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.peers.ami import Manager
    from tests.peers.asterisk import AsteriskLab

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

MUSIC = 1000.0  # Hz
JUDGED = RATE  # samples
SAID = {"caller": TONE, "music": MUSIC}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    lab: AsteriskLab, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    """A gateway with music, whose trunk is the lab."""
    folder = tmp_path_factory.mktemp("gateway")
    music = write_wav(folder / "music.wav", make_tone(MUSIC, seconds=1, rate=16000), 16000)
    overrides: dict[str, Table] = {
        "admission": {"allow": ["*"]},
        "media": {"hold_music": str(music)},
    }
    config = GatewayConfig([lab_trunk(lab)], overrides=overrides)
    async with run_gateway(config, folder) as gateway:
        yield gateway


async def hear(call: PhoneCall, tone: float) -> None:
    """Wait until the caller hears a tone."""
    before = call.heard.size
    enough = before + JUDGED
    await wait_until(lambda: call.heard.size >= enough, limit=8, what="a second of sound")
    assert_heard(call.heard[-JUDGED // 2 :], RATE, present=[tone])


async def test_held_and_resumed(gateway: Gateway, manager: Manager, tone: Path) -> None:
    """Each side hears the other before and after, and the far end music in between."""
    async with calling(gateway, "9603", play=tone) as call:
        record = await manager.wait("LabRecord")
        await call.hear("answered")
        await hear(call, LAB_TONE)
        for count in (1, 2):
            await call.ask("hold")
            assert (await call.hear("held", count=count))["by"] == "local"
            await asyncio.sleep(0.1)  # what was on its way
            before = call.heard.size
            await asyncio.sleep(1.0)
            assert call.heard.size == before, "the caller hears who is on hold"
            await call.ask("resume")
            assert (await call.hear("resumed", count=count))["by"] == "local"
            await hear(call, LAB_TONE)
        await call.hang_up()
        assert call.ended() == ("local", "hangup", 200)
    samples, rate = await read_recording(Path(record["Rx"]))
    assert in_turn(samples, rate, SAID) == ["caller", "music", "caller", "music", "caller"]
    await idle(gateway)


async def test_asterisk_knows_that_it_is_held(
    gateway: Gateway, manager: Manager, tone: Path
) -> None:
    """AMI says Hold and Unhold, as for a telephone of its own."""
    async with calling(gateway, "603", play=tone) as call:
        await call.hear("answered")
        await call.ask("hold")
        await call.hear("held")
        await manager.wait("Hold")
        await call.ask("resume")
        await call.hear("resumed")
        await manager.wait("Unhold")
        await call.hang_up()


async def test_held_by_asterisk(gateway: Gateway, manager: Manager, tone: Path) -> None:
    """670 holds the gateway for three seconds, and then again: the page is told of each."""
    async with calling(gateway, "670", play=tone) as call:
        await call.hear("answered")
        await hear(call, LAB_TONE)
        assert (await call.hear("held"))["by"] == "remote"
        await manager.wait("LabHold", State="hold")
        assert (await call.hear("resumed"))["by"] == "remote"
        await hear(call, LAB_TONE)
        await call.hang_up()
        assert call.ended() == ("local", "hangup", 200)


async def test_both_hold(gateway: Gateway, tone: Path) -> None:
    """Asterisk's hold ends while ours goes on; then ours ends as well."""
    async with calling(gateway, "670", play=tone) as call:
        await call.hear("answered")
        assert (await call.hear("held"))["by"] == "remote"
        await call.ask("hold")
        assert (await call.hear("held", count=2))["by"] == "local"
        assert (await call.hear("resumed"))["by"] == "remote"
        before = call.heard.size
        await asyncio.sleep(0.5)
        assert call.heard.size == before, "the caller hears who is on hold"
        await call.ask("resume")
        assert (await call.hear("resumed", count=2))["by"] == "local"
        await hear(call, LAB_TONE)
        await call.hang_up()


async def test_encrypted(lab: AsteriskLab, manager: Manager, tone: Path, tmp_path: Path) -> None:
    """The keys stay as they are, and music goes by them, too."""
    music = write_wav(tmp_path / "music.wav", make_tone(MUSIC, seconds=1, rate=16000), 16000)
    trunk = {**lab_trunk(lab, username="trunk-srtp"), "srtp": "required"}
    overrides: dict[str, Table] = {
        "admission": {"allow": ["*"]},
        "media": {"hold_music": str(music)},
    }
    async with (
        run_gateway(GatewayConfig([trunk], overrides=overrides), tmp_path / "gateway") as gateway,
        calling(gateway, "9603", play=tone) as call,
    ):
        record = await manager.wait("LabRecord")
        await call.hear("answered")
        await hear(call, LAB_TONE)
        await call.ask("hold")
        await call.hear("held")
        await asyncio.sleep(1.0)
        await call.ask("resume")
        await call.hear("resumed")
        await hear(call, LAB_TONE)
        await call.hang_up()
    samples, rate = await read_recording(Path(record["Rx"]))
    assert in_turn(samples, rate, SAID) == ["caller", "music", "caller"]
