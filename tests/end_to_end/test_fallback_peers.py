"""Calls from Asterisk and sipp that no page takes; Asterisk, sipp or a tone is the fallback."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.end_to_end.conftest import LAB_TONE
from tests.end_to_end.odd_sound import open_sound
from tests.end_to_end.odd_trunk import OddTrunk, describe, odd_trunk
from tests.end_to_end.recording import assert_heard, read_recording
from tests.end_to_end.trunks import idle, lab_trunk, open_trunk
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.ports import free_port
from tests.peers.process import PeerError
from tests.peers.sipp import run_caller, run_trunk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.peers.ami import Manager
    from tests.peers.asterisk import AsteriskLab

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

TO_ECHO, TO_BUSY, TO_SILENCE, TO_TONE, TO_SIPP = (f"+1555010{each}" for each in range(5))
TONE_AT, SIPP_AT = "+15550199", "+15550198"
FALLBACK_TONE = 660.0


@dataclass
class World:
    gateway: Gateway
    far: OddTrunk
    sipp_port: int


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(lab: AsteriskLab, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A gateway where the lab looks for one; fallbacks are at the lab, at a tone, and at sipp."""
    fallbacks = {
        TO_ECHO: "+15550600",
        TO_BUSY: "+15550620",
        TO_SILENCE: "+15550630",
        TO_TONE: TONE_AT,
        TO_SIPP: SIPP_AT,
    }
    async with odd_trunk("127.0.0.2") as far:
        port = free_port()
        config = GatewayConfig(
            [
                {
                    **lab_trunk(lab, codecs=["PCMU", "PCMA"]),
                    "srtp": "optional",
                    "numbers": [["+15550", ""]],
                },
                {**open_trunk(0), "name": "far", "uri": far.uri, "codecs": ["PCMU", "PCMA"]},
                {**open_trunk(port), "name": "sipp"},
            ],
            sip_port=lab.gateway_port,
            incoming=[
                {"to": to, "identity": "nobody", "fallback": fallback}
                for to, fallback in fallbacks.items()
            ],
            routes=[
                {"to": TONE_AT, "trunks": ["far"]},
                {"to": SIPP_AT, "trunks": ["sipp"]},
                {"to": "*", "trunks": ["lab"]},
            ],
            overrides={"admission": {"max_ringing": 3, "premium": True}},
        )
        async with run_gateway(config, tmp_path_factory.mktemp("gateway")) as gateway:
            yield World(gateway, far, port)


@pytest.mark.parametrize("endpoint", ["gateway", "gateway-ulaw", "gateway-srtp"])
@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
async def test_asterisk_and_the_fallback_hear_each_other(
    world: World, manager: Manager, endpoint: str, codec: str
) -> None:
    """Packets are relayed or coded anew, and a side with SRTP talks to one without."""
    world.far._dialed.clear()
    line = world.far.line(TONE_AT)
    number = 8 if codec == "PCMA" else 0
    async with open_sound(FALLBACK_TONE, codec=codec) as sound:
        await manager.originate(
            TO_TONE, endpoint=endpoint, extension="9603", caller='"Alice" <+15550001>'
        )
        invite = await line.hear("INVITE")
        assert '"Alice" <sip:+15550001@' in (invite.header("from") or "")
        maps = (f"{number} {codec}/8000", "101 telephone-event/8000")
        await line.answer(describe(sound.port, formats=f"{number} 101", rtpmaps=maps))
        await sound.hear(100)
        assert_heard(sound.samples(1), sound.rate, present=[LAB_TONE], absent=[FALLBACK_TONE])
        assert (await line.request("BYE")).status == 200
    record = await manager.wait("LabRecord")
    await manager.wait("LabHangup", CallID=record["CallID"])
    received, rate = await read_recording(Path(record["Rx"]))
    assert_heard(received[-rate:], rate, present=[FALLBACK_TONE], absent=[LAB_TONE])
    await idle(world.gateway)


@pytest.mark.parametrize("endpoint", ["gateway", "gateway-timers", "gateway-info"])
async def test_asterisk_is_both(world: World, manager: Manager, endpoint: str) -> None:
    """Its tone goes through the gateway, is echoed at the fallback, and comes back."""
    await manager.originate(TO_ECHO, endpoint=endpoint, extension="9603")
    record = await manager.wait("LabRecord")
    await asyncio.sleep(2)  # of sound
    assert await world.gateway.metrics()
    await manager.command("channel request hangup all")
    await manager.wait("LabHangup", CallID=record["CallID"])
    received, rate = await read_recording(Path(record["Rx"]))
    assert_heard(received[-rate:], rate, present=[LAB_TONE])
    await idle(world.gateway)


async def test_the_fallback_is_busy(world: World, manager: Manager) -> None:
    await manager.originate(TO_BUSY)
    await manager.wait("Hangup", Cause="17")  # of Q.850: user busy
    await idle(world.gateway)


async def test_the_fallback_does_not_answer(world: World, tmp_path: Path) -> None:
    async with run_caller(
        "uac", tmp_path, target=world.gateway.config.sip_port, number=TO_SILENCE
    ) as sipp:
        with pytest.raises(PeerError):  # sipp counts any refusal as a failed call
            await sipp.finish()
        statuses = [each.status for each in sipp.messages() if each.method == "INVITE"]
        assert [each for each in statuses if each] == [100, 180, 480]
    await idle(world.gateway)


async def test_sipp_is_both(world: World, tmp_path: Path) -> None:
    async with (
        run_trunk("uas", tmp_path / "uas", port=world.sipp_port) as callee,
        run_caller(
            "uac",
            tmp_path / "uac",
            target=world.gateway.config.sip_port,
            number=TO_SIPP,
            options=("-d", "500"),
        ) as caller,
    ):
        messages = await caller.finish()
        taken = await callee.finish()
    statuses = [each.status for each in messages if not each.sent and each.method == "INVITE"]
    assert statuses == [100, 180, 200]
    assert [each.method for each in taken if not each.sent] == ["INVITE", "ACK", "BYE"]
    await idle(world.gateway)


async def test_sipp_gives_up(world: World, tmp_path: Path) -> None:
    async with run_caller(
        "caller-gives-up",
        tmp_path,
        target=world.gateway.config.sip_port,
        number=TO_SILENCE,
        options=("-key", "sound", str(free_port())),
    ) as sipp:
        await sipp.finish()
    await idle(world.gateway)
