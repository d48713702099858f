"""Comfort noise stands for a trunk's silence until it speaks again (RFC 3389)."""

from __future__ import annotations

import numpy as np
import pytest

from tests.gateway.media.engine.rig import Rig
from tests.gateway.media.engine.trunk_call import NOISE, SIZE, TONE, Call, sequences, timestamps
from tests.tones import assert_tone
from tests.voice.signals import levels_of
from voice.codec import PCMU


def quieten(call: Call, level: int = 50, *, codec: str = "PCMU") -> None:
    """Let the trunk speak, and then say what its silence sounds like."""
    call.speak(codec, 25)
    call.sent.clear()
    call.packet(bytes([level]), NOISE)


@pytest.mark.parametrize("codec", ["PCMU", "G722", "L16", "OPUS"])
def test_noise_goes_on_every_20_ms(call: Call, codec: str) -> None:
    quieten(call, codec=codec)
    call.tick(4 * 100)
    assert len(call.sent) == 100
    assert set(timestamps(call.sent)) == {960}
    assert set(sequences(call.sent)) == {1}
    levels = levels_of(call.heard().reshape(-1, 320))
    assert abs(int(np.median(levels)) - 50) <= 4


def test_where_the_browser_speaks_g711(rig: Rig) -> None:
    for codec in ("PCMU", "G722"):
        call = Call(rig, "PCMU", 0)
        quieten(call, codec=codec)
        call.tick(4 * 100)
        assert len(call.sent) == 100
        codes = np.frombuffer(b"".join(packet.payload for packet in call.sent), np.uint8)
        levels = levels_of(PCMU.decode(codes).reshape(-1, SIZE))
        assert abs(int(np.median(levels)) - 50) <= 5


def test_a_stall_is_not_made_up_for_in_a_burst(call: Call) -> None:
    quieten(call)
    call.tick()
    call.rig.number += 1000
    call.tick()
    assert len(call.sent) <= 4


def test_it_stops_with_audio_and_the_clock_goes_on(call: Call) -> None:
    quieten(call)
    call.tick(4 * 50)
    call.timestamp += 50 * SIZE
    call.speak(frames=25)
    assert len(call.sent) == 75
    assert set(sequences(call.sent)) == {1}
    assert set(timestamps(call.sent)) == {960}
    call.tick(40)
    assert len(call.sent) == 75
    assert_tone(call.heard()[55 * 320 :], 16000, present=[TONE])


def test_more_noise_packets_change_its_sound_and_not_its_pace(call: Call) -> None:
    quieten(call, 60)
    for frame in range(100):
        if frame == 50:
            call.packet(bytes([40]), NOISE)
        call.pass_frame()
    assert len(call.sent) == 100
    levels = levels_of(call.heard().reshape(-1, 320))
    assert abs(int(np.median(levels[:50])) - 60) <= 5
    assert abs(int(np.median(levels[55:])) - 40) <= 4


def test_a_late_packet_of_audio_does_not_end_it(call: Call) -> None:
    quieten(call)
    call.tick(4 * 10)
    call.packet(bytes(SIZE), sequence=call.sequence - 2)
    call.tick(4 * 10)
    assert len(call.sent) == 20
    assert call.counted("rejected_late") == 1


@pytest.mark.parametrize("payload", [b"", b"\x80"])
def test_noise_that_says_nothing_is_counted(call: Call, payload: bytes) -> None:
    call.packet(payload, NOISE)
    call.tick(8)
    assert call.counted("rejected_comfort-noise") == (payload == b"")
    assert len(call.sent) == (0 if payload == b"" else 2)


def test_noise_before_any_audio(call: Call) -> None:
    call.packet(bytes([50]), NOISE)
    call.tick(4 * 10)
    assert len(call.sent) == 10


def test_nothing_is_sent_while_there_is_no_browser(rig: Rig) -> None:
    call = Call(rig, connected=False)
    quieten(call)
    call.tick(4 * 10)
    assert call.sent == []
    call.browser.connect()
    call.tick(4 * 10)
    assert 10 <= len(call.sent) <= 12


def test_nothing_is_sent_on_hold(call: Call) -> None:
    quieten(call)
    call.browser.leg.hold(True)
    call.tick(4 * 10)
    assert call.sent == []
    call.browser.leg.hold(False)
    call.tick(4 * 10)
    assert 10 <= len(call.sent) <= 12


def test_in_a_conference_the_jitter_buffer_makes_it(rig: Rig) -> None:
    """And every frame is one: noise is not sent beside what is mixed."""
    call, third = Call(rig), Call(rig)
    third.bridge.leave(third.browser.leg)
    call.bridge.join(third.browser.leg)
    quieten(call)
    call.tick(4 * 50)
    assert len(call.sent) == 50
    assert set(sequences(call.sent)) == {1}


def test_noise_from_one_trunk_to_another_is_not_sent_beside_its_frames(rig: Rig) -> None:
    call, other = Call(rig), Call(rig)
    call.bridge.leave(call.browser.leg)
    other.bridge.leave(other.trunk.leg)
    other.trunk.leg.sender.set_codec("PCMA", 8)
    call.bridge.join(other.trunk.leg)
    call.speak(frames=25)
    other.trunk.heard()
    call.packet(bytes([50]), NOISE)
    call.tick(4 * 50)
    assert abs(len(other.trunk.heard()) - 50) <= 1
