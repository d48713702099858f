"""A PBX behind a NAT: it describes an address that nobody reaches, and its audio comes anyway."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

import sdp
from gateway.caller.sound import RATE
from tests.end_to_end.conftest import TONE
from tests.end_to_end.phone import calling
from tests.end_to_end.recording import assert_heard
from tests.end_to_end.trunk_audio import HOST, TrunkAudio, trunk_audio
from tests.end_to_end.trunk_audio import RATE as TRUNK_RATE
from tests.end_to_end.trunks import idle, media_events, open_trunk, scripted_trunk, trunk_sdp
from tests.gateway.trunk.script import ACK, BYE, DONE, INVITE, RINGING, Respond, Step
from tests.peers.gateway import GatewayConfig, run_gateway
from tests.peers.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers.sipp import Sipp

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

NUMBER = "+15550100"
TRUNK_TONE = 440.0
BEHIND_NAT = "10.255.255.1"  # what it describes; its SIP and its audio come from loopback


def steps(sound: TrunkAudio) -> tuple[Step, ...]:
    answer = trunk_sdp(sound.port).replace("c=IN IP4 [local_ip]", f"c=IN IP4 {BEHIND_NAT}")
    return (INVITE, RINGING, Respond(200, "OK", answer), ACK, BYE, DONE)


def speak_to_offer(sound: TrunkAudio, trunk: Sipp) -> None:
    """Begin to speak to where the gateway's offer says, as nothing comes before."""
    offer = sdp.parse(trunk.messages()[0].body + "\n")
    sound.gateway = (HOST, offer.media[0].port)
    sound.found.set()


@pytest.mark.parametrize("rule", [None, "auto", "any", "strict"])
async def test_audio_of_an_address_that_was_not_described(
    rule: str | None, tmp_path: Path, tone: Path
) -> None:
    port = free_port()
    settings = {} if rule is None else {"symmetric_rtp": rule}
    config = GatewayConfig([{**open_trunk(port), **settings}])
    async with run_gateway(config, tmp_path) as gateway:
        async with (
            trunk_audio(TRUNK_TONE) as sound,
            scripted_trunk(port, tmp_path / "sipp", *steps(sound)) as trunk,
            calling(gateway, NUMBER, play=tone) as call,
        ):
            await call.hear("answered")
            speak_to_offer(sound, trunk)
            await asyncio.sleep(2.0)
            outcome = await call.hang_up()
            await trunk.finish()
        counted = media_events(await idle(gateway))
        told = [line for line in gateway.log().splitlines() if BEHIND_NAT in line]
    assert outcome.heard is not None
    if rule == "strict":
        assert not sound.heard
        assert counted["trunk_rejected_stranger"] > 50
        assert not outcome.heard.any()
        assert not told
    else:
        assert_heard(outcome.heard[-RATE:], RATE, present=[TRUNK_TONE], absent=[TONE])
        assert_heard(sound.samples()[-TRUNK_RATE:], TRUNK_RATE, present=[TONE], absent=[TRUNK_TONE])
        assert counted.get("trunk_rejected_stranger", 0) == 0
        assert len(told) == 1, "the log says whom the gateway believes, and that once"
