"""Compiled callers are told what the table of codecs says."""

from __future__ import annotations

import pytest

from voice.codec import CODECS, Codec, PayloadCodec, StreamCodec
from voice.codec_facts import facts


@pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.name)
def test_the_numbers_are_those_of_the_table(codec: PayloadCodec | StreamCodec) -> None:
    assert facts(codec.index) == {
        "clock_rate": codec.clock_rate,
        "sample_rate": codec.sample_rate,
        "highest_rate": codec.highest_rate,
        "bytes_per_unit": codec.bytes_per_unit or 0,
        "payload_type": -1 if codec.payload_type is None else codec.payload_type,
        "units_per_frame": codec.clock_rate // 50,
        "samples_per_frame": codec.sample_rate // 50,
        "bytes_per_frame": codec.clock_rate // 50 * (codec.bytes_per_unit or 0),
        "has_state": isinstance(codec, StreamCodec),
        "silence": codec.silence if isinstance(codec, PayloadCodec) else 0,
    }


def test_a_frame_of_twenty_milliseconds() -> None:
    frames = {name: facts(codec.index)["bytes_per_frame"] for name, codec in CODECS.items()}
    assert frames == {"PCMU": 160, "PCMA": 160, "G722": 160, "L16": 640, "OPUS": 0}


@pytest.mark.parametrize("index", [-1, len(CODECS), 31, 32, 1 << 30])
def test_there_is_nothing_to_say_of_other_numbers(index: int) -> None:
    assert set(facts(index).values()) == {0}


def test_the_index_is_the_place_in_the_table() -> None:
    codecs: list[Codec] = list(CODECS.values())
    assert [codec.index for codec in codecs] == list(range(len(codecs)))
