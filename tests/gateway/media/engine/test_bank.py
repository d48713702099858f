"""The rows of one tick: they grow with the legs, and are encoded at whatever rate a codec has."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.media.engine.bank import Bank
from gateway.media.engine.leg import FrameLeg
from tests.gateway.media.engine.rig import Browser, Owner, Rig, Talker, Trunk, join
from tests.gateway.media.engine.trunk_call import NUMBERS
from tests.tones import assert_tone
from voice.codec import CODECS, PayloadCodec


@pytest.mark.parametrize("rate", [8000, 16000])
def test_what_is_in_the_rows_stays_when_they_grow(rate: int) -> None:
    bank = Bank(rate, 3)
    bank.pcm_array[:] = np.arange(3 * rate // 50, dtype=np.int16).reshape(3, -1)
    bank.level_array[:] = (1, 2, 3)
    before = bank.pcm_array.copy()
    bank.grow(10)
    assert bank.capacity == len(bank.pcm_array) == len(bank.level_array) == 10
    assert (bank.pcm_array[:3] == before).all()
    assert bank.level_array[:4].tolist() == [1, 2, 3, 0]
    bank.grow(5)
    assert bank.capacity == 10


def test_rows_grow_with_the_legs(rig: Rig) -> None:
    before = rig.engine.narrow.capacity
    for _ in range(before):
        Talker(rig, 440)
    assert rig.engine.narrow.capacity > 2 * before


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "L16", "G722"])
@pytest.mark.parametrize("others", ["PCMU", "G722"])
def test_in_a_conference_each_hears_its_own_codec(rig: Rig, codec: str, others: str) -> None:
    """Whose sum is made at the highest rate among them."""
    listener = Trunk(rig, codec, NUMBERS[codec])
    other = Trunk(rig, others, NUMBERS[others])
    browser = Browser(rig, "PCMA", 8)
    talker = Talker(rig, 500)
    join(rig, listener.leg, other.leg, browser.leg, talker.leg)
    codes = []
    for _ in range(60):
        rig.tick(4)
        codes += [packet.payload for packet in listener.heard()]
    kind = CODECS[codec]
    if isinstance(kind, PayloadCodec):
        sound = kind.decode(np.frombuffer(b"".join(codes), np.uint8))
    else:
        decoder = kind.decoder()
        sound = np.zeros((len(codes), kind.samples_per_frame), np.int16)
        for frame, payload in zip(sound, codes, strict=True):
            decoder.decode(payload, frame)
        sound = sound.reshape(-1)
    assert len(codes) == 60
    assert_tone(sound[kind.sample_rate // 5 :], kind.sample_rate, present=[500], ratio=20)
    packets = browser.heard()
    assert len(packets) >= 59
    heard = CODECS["PCMA"]
    assert isinstance(heard, PayloadCodec)
    sound = heard.decode(np.frombuffer(b"".join(p.payload for p in packets[10:]), np.uint8))
    assert_tone(sound, 8000, present=[500], ratio=20)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "L16"])
def test_a_frame_is_encoded_as_a_batch_is(rig: Rig, codec: str) -> None:
    kind = CODECS[codec]
    assert isinstance(kind, PayloadCodec)
    size = kind.samples_per_frame
    said = np.arange(-(1 << 15), 1 << 15, 5, dtype=np.int16)[: 30 * size].reshape(-1, size)
    frames = iter(said)

    def give(frame: NDArray[np.int16]) -> bool:
        frame[:] = next(frames)
        return True

    trunk, engine = Trunk(rig, codec, NUMBERS[codec]), rig.engine
    talker = FrameLeg(Owner(), engine.frame_counters, engine.narrow, engine.wide, give=give)
    engine.add(talker)
    join(rig, talker, trunk.leg)
    rig.tick(4 * len(said) - 4)
    heard = b"".join(packet.payload for packet in trunk.heard())
    assert len(heard) > 20 * size
    assert kind.encode(said).tobytes().startswith(heard)


def test_a_conference_mirrors_nothing_into_narrowband(rig: Rig) -> None:
    """A wideband voice, heard by a trunk that speaks G.711."""
    listener, other = Trunk(rig, "PCMU", 0), Trunk(rig, "G722", NUMBERS["G722"])
    join(rig, listener.leg, other.leg, Talker(rig, 6000).leg)
    rig.tick(4 * 60)
    codes = b"".join(packet.payload for packet in listener.heard())
    assert isinstance(CODECS["PCMU"], PayloadCodec)
    sound = CODECS["PCMU"].decode(np.frombuffer(codes, np.uint8))[800:].astype(float)
    assert np.abs(sound).max() < 6000 / 100
