"""A trunk that goes on speaking after a call: its port is nobody else's until it is quiet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from gateway.caller.sound import RATE
from gateway.errors import UnavailableError
from tests.end_to_end.conftest import TONE
from tests.end_to_end.phone import calling
from tests.end_to_end.recording import assert_heard
from tests.end_to_end.trunk_audio import RATE as TRUNK_RATE
from tests.end_to_end.trunk_audio import TrunkAudio, trunk_audio
from tests.end_to_end.trunks import (
    idle,
    media_events,
    media_ports,
    open_trunk,
    scripted_trunk,
    trunk_sdp,
)
from tests.gateway.trunk.script import ACK, BYE, DONE, INVITE, RINGING, Respond
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.ports import free_port, reserve_ports
from tests.peers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.tones import Samples

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

NUMBER = "+15550100"
RUDE_TONE, TRUNK_TONE = 1200.0, 440.0
PORTS = 6  # the browsers', the one after it that has no pair, and two pairs for calls


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(port: int, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway with ports for two calls."""
    config = GatewayConfig([open_trunk(port)], media_ports=reserve_ports(PORTS))
    async with run_gateway(config, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


async def talk(
    gateway: Gateway, port: int, folder: Path, sound: TrunkAudio, tone: Path
) -> tuple[int, Samples]:
    """Call for as long as a second of sound takes; return our port and what the caller heard."""
    answer = Respond(200, "OK", trunk_sdp(sound.port))
    async with (
        scripted_trunk(port, folder, INVITE, RINGING, answer, ACK, BYE, DONE) as trunk,
        calling(gateway, NUMBER, play=tone) as call,
    ):
        await call.hear("answered")
        await wait_until(lambda: len(sound.heard) > 75, limit=10, what="1.5 s of sound")
        outcome = await call.hang_up()
        await trunk.finish()
    assert sound.gateway is not None
    assert outcome.heard is not None
    return sound.gateway[1], outcome.heard


async def test_a_port_is_not_used_again_while_packets_come(
    gateway: Gateway, port: int, tmp_path: Path, tone: Path
) -> None:
    async with trunk_audio(RUDE_TONE) as rude:
        taken, _ = await talk(gateway, port, tmp_path / "rude", rude, tone)
        for number in range(3):
            # Of the call itself everything is given back, of the trunk's port nothing
            await wait_until(
                lambda: media_ports(gateway) == {taken, taken + 1},
                limit=5,
                what="only the noisy ports are open",
            )
            async with trunk_audio(TRUNK_TONE) as sound:
                ours, heard = await talk(gateway, port, tmp_path / str(number), sound, tone)
                assert ours != taken
                assert_heard(heard[-RATE:], RATE, present=[TRUNK_TONE], absent=[RUDE_TONE])
                assert_heard(sound.samples()[-TRUNK_RATE:], TRUNK_RATE, present=[TONE])
    metrics = await idle(gateway)  # quiet at last
    assert "faults" not in media_events(metrics)


async def test_a_call_that_finds_no_port_is_refused(
    gateway: Gateway, port: int, tmp_path: Path, tone: Path
) -> None:
    """And the one after it, when the trunks are quiet, is not."""
    async with trunk_audio(RUDE_TONE) as rude, trunk_audio(TRUNK_TONE) as sound:
        await talk(gateway, port, tmp_path / "rude", rude, tone)  # its ports are not free yet
        answer = Respond(200, "OK", trunk_sdp(sound.port))
        async with (
            scripted_trunk(port, tmp_path, INVITE, RINGING, answer, ACK, BYE, DONE) as trunk,
            calling(gateway, NUMBER, play=tone) as call,
        ):
            await call.hear("answered")
            async with calling(gateway, NUMBER) as refused:
                error = (await refused.end()).last
            assert (error["type"], error["code"], error["fatal"]) == ("error", 503, True)
            assert error["message"] == UnavailableError("").said
            assert "(setting media.ports)" in gateway.log()
            await call.hang_up()
            await trunk.finish()
    await idle(gateway)
    async with trunk_audio(TRUNK_TONE) as sound:
        await talk(gateway, port, tmp_path / "again", sound, tone)
    await idle(gateway)
