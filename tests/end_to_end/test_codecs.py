"""A call by each codec of a trunk, how wide its band is, and a change of codec in mid-call."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.caller.sound import RATE
from tests.end_to_end.conftest import LAB_TONE, TONE
from tests.end_to_end.phone import calling
from tests.end_to_end.recording import (
    assert_heard,
    longest_fault,
    read_recording,
)
from tests.end_to_end.trunks import idle, lab_trunk, media_events, refused
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.tones import make_tone, measure_tone, write_wav

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.peers.ami import Manager
    from tests.peers.asterisk import AsteriskLab
    from tests.tones import Samples

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

LONGEST_CLICK = 0.04  # seconds that a change of codec may take from the sound


@dataclass(frozen=True, slots=True)
class Trunk:
    """A kind of trunk: the lab's user name, our name of its codec, and how high its band reaches.

    `recorder` is the lab's extension that records at the rate of the codec or above.
    """

    username: str
    codec: str
    recorder: str
    present: tuple[float, ...]
    absent: tuple[float, ...]


# What the caller plays all at once; Hz
LOW, HIGH, HIGHEST = 660.0, 6000.0, 11000.0
TRUNKS = {
    "PCMU": Trunk("trunk-ulaw", "PCMU", "691", (LOW,), (HIGH,)),
    "PCMA": Trunk("trunk-alaw", "PCMA", "691", (LOW,), (HIGH,)),
    "G722": Trunk("trunk-g722", "G722", "691", (LOW, HIGH), ()),
    # Fullband at the far end: the packets were not decoded on the way, or there were 16 kHz at most
    "opus": Trunk("trunk-opus", "opus", "693", (LOW, HIGH, HIGHEST), ()),
}


@asynccontextmanager
async def trunk_by(
    lab: AsteriskLab, folder: Path, username: str, codecs: Sequence[str]
) -> AsyncIterator[Gateway]:
    """Run a gateway whose trunk is this one of the lab's."""
    trunk = lab_trunk(lab, username=username, codecs=codecs)
    config = GatewayConfig([trunk], overrides={"admission": {"allow": ["*"]}})
    async with run_gateway(config, folder / "gateway") as gateway:
        yield gateway
        metrics = media_events(await idle(gateway))
        assert refused(metrics) == {}


@pytest.mark.parametrize("name", TRUNKS)
async def test_a_call_by_each_codec(
    lab: AsteriskLab, manager: Manager, tmp_path: Path, tone: Path, name: str
) -> None:
    """Each side hears the other and not itself, and no frequency is missing that could be there."""
    trunk = TRUNKS[name]
    async with trunk_by(lab, tmp_path, trunk.username, [trunk.codec]) as gateway:
        await check_both_ways(gateway, manager, tone, trunk)
        await check_band(gateway, manager, tmp_path, trunk)


async def check_both_ways(gateway: Gateway, manager: Manager, tone: Path, trunk: Trunk) -> None:
    async with calling(gateway, "9603", play=tone) as call:
        answered = await call.hear("answered")
        await asyncio.sleep(2)
        outcome = await call.hang_up()
    assert answered["codec"] == {"browser": "opus", "trunk": trunk.codec}
    assert outcome.heard is not None
    assert outcome.lost == 0
    assert_heard(outcome.heard[-RATE:], RATE, present=[LAB_TONE], absent=[TONE])
    record = await manager.wait("LabRecord")
    hangup = await manager.wait("LabHangup", CallID=record["CallID"])
    assert float(hangup["RxPloss"]) == 0
    received, rate = await read_recording(Path(record["Rx"]))
    assert_heard(received[-rate:], rate, present=[TONE], absent=[LAB_TONE])


async def check_band(gateway: Gateway, manager: Manager, folder: Path, trunk: Trunk) -> None:
    """Three tones to a recorder, and to an echo and back."""
    tones = make_tone(LOW, HIGH, HIGHEST, seconds=1, rate=RATE, level=-18.0)
    wav = write_wav(folder / "tones.wav", tones, RATE)
    async with calling(gateway, trunk.recorder, play=wav) as call:
        await call.hear("answered")
        await asyncio.sleep(2)
        await call.hang_up()
    record = await manager.wait("LabRecord", count=2)
    await manager.wait("LabHangup", CallID=record["CallID"])
    samples, rate = await read_recording(Path(record["Rx"]))
    check_tones(samples[-rate:], rate, trunk)
    async with calling(gateway, "600", play=wav) as call:
        await call.hear("answered")
        await asyncio.sleep(2)
        outcome = await call.hang_up()
    assert outcome.heard is not None
    check_tones(outcome.heard[-RATE:], RATE, trunk)


def check_tones(samples: Samples, rate: int, trunk: Trunk) -> None:
    levels = {each: measure_tone(samples, rate, each).level for each in (LOW, HIGH, HIGHEST)}
    for frequency in trunk.present:
        assert levels[frequency] > -30, f"{frequency:g} Hz is missing: {levels}"
    for frequency in trunk.absent:
        assert levels[frequency] < -50, f"{frequency:g} Hz is there: {levels}"


async def test_another_codec_in_mid_call(
    lab: AsteriskLab, manager: Manager, tmp_path: Path, tone: Path
) -> None:
    """From PCMU to PCMA by the lab's re-INVITE; the tones go on, both ways."""
    async with (
        trunk_by(lab, tmp_path, "trunk-digest", ["PCMU", "PCMA"]) as gateway,
        calling(gateway, "9674", play=tone) as call,
    ):
        answered = await call.hear("answered")
        record = await manager.wait("LabRecord")
        await asyncio.sleep(4)  # the change comes two seconds after the answer
        outcome = await call.hang_up()
    hangup = await manager.wait("LabHangup", CallID=record["CallID"])
    assert answered["codec"]["trunk"] == "PCMU"
    assert hangup["Codec"] == "alaw", "the codec was to change"
    assert outcome.heard is not None
    assert outcome.lost == 0
    check_unbroken(outcome.heard, RATE, LAB_TONE, "the caller")
    received, rate = await read_recording(Path(record["Rx"]))
    check_unbroken(received, rate, TONE, "the trunk")


def check_unbroken(samples: Samples, rate: int, tone: float, who: str) -> None:
    """Fail for a stretch that is too long in which the tone is not what is heard."""
    sound = samples[rate // 2 : -rate // 10]  # in the beginning ICE, buffers, encoders settle
    assert len(sound) > 2.5 * rate
    seconds, at = longest_fault(sound, rate, tone)
    assert seconds <= LONGEST_CLICK, (
        f"{who} hears {1000 * seconds:.0f} ms of no tone, at {at:.2f} s"
    )
