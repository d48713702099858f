"""libopus only touches the memory that it is given, whatever bytes come from the network."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.voice.signals import make_speech
from voice.opus import SAMPLE_RATES, OpusDecoder, OpusEncoder, OpusError
from voice.opus_frames import packet_samples
from voice.opus_packet import BAD_ARGUMENT, BUFFER_TOO_SMALL, INVALID_PACKET

CANARY = 0x5A5A


@pytest.fixture(scope="module")
def packet() -> bytes:
    encoder = OpusEncoder(8000)
    return [encoder.encode(row) for row in make_speech(8000, 0.5).reshape(-1, 160)][-1]


class TestBuffers:
    def test_a_row_of_a_batch_is_filled_alone(self, packet: bytes) -> None:
        batch = np.full((5, 160), CANARY, np.int16)
        assert OpusDecoder(8000).decode(packet, batch[2]) == 160
        assert (batch[[0, 1, 3, 4]] == CANARY).all()

    @pytest.mark.parametrize("kind", [bytearray, memoryview])
    def test_any_bytes_are_taken(self, packet: bytes, kind: type) -> None:
        expected, out = np.zeros((2, 160), np.int16)
        OpusDecoder(8000).decode(packet, expected)
        OpusDecoder(8000).decode(kind(packet), out)
        np.testing.assert_array_equal(out, expected)

    def test_a_slice_of_a_datagram_is_taken(self, packet: bytes) -> None:
        expected, out = np.zeros((2, 160), np.int16)
        OpusDecoder(8000).decode(packet, expected)
        datagram = memoryview(b"x" * 12 + packet + b"y" * 40)
        OpusDecoder(8000).decode(datagram[12 : 12 + len(packet)], out)
        np.testing.assert_array_equal(out, expected)

    def test_an_out_that_is_too_small_is_refused(self, packet: bytes) -> None:
        batch = np.full(480, CANARY, np.int16)
        with pytest.raises(OpusError, match="159 samples") as caught:
            OpusDecoder(8000).decode(packet, batch[160:319])
        assert caught.value.code == BUFFER_TOO_SMALL
        assert (batch == CANARY).all()
        with pytest.raises(ValueError, match="do not fit 159"):
            OpusDecoder(8000).conceal(batch[:159], 160)
        with pytest.raises(ValueError, match="do not fit 300 of 2 channels"):
            OpusDecoder(8000, channels=2).decode_fec(packet, batch[:300], 160)

    def test_an_empty_out_is_refused(self, packet: bytes) -> None:
        with pytest.raises(OpusError):
            OpusDecoder(8000).decode(packet, np.zeros(0, np.int16))

    @pytest.mark.parametrize("empty", [b"", bytearray(), memoryview(b"")])
    def test_an_empty_packet_is_refused(self, empty: bytes) -> None:
        out = np.full(160, CANARY, np.int16)
        decoder = OpusDecoder(8000)
        with pytest.raises(OpusError, match="0 bytes") as caught:
            decoder.decode(empty, out)
        assert caught.value.code == BAD_ARGUMENT
        with pytest.raises(OpusError, match="0 bytes"):
            decoder.decode_fec(empty, out, 160)
        assert (out == CANARY).all()

    def test_arrays_of_another_kind_are_refused(self, packet: bytes) -> None:
        decoder, encoder = OpusDecoder(8000), OpusEncoder(8000)
        row: Any
        for row in (np.zeros(160, np.int32), np.zeros(160, np.uint8), np.zeros(160, ">i2")):
            with pytest.raises(TypeError, match="int16"):
                decoder.decode(packet, row)
            with pytest.raises(TypeError, match="int16"):
                encoder.encode(row)
        for row in (bytearray(320), [0] * 160, None):
            with pytest.raises(TypeError, match="array of int16"):
                decoder.decode(packet, row)

    def test_arrays_with_gaps_are_refused(self, packet: bytes) -> None:
        column = np.zeros((160, 3), np.int16)[:, 1]
        with pytest.raises(ValueError, match="contiguous"):
            OpusDecoder(8000).decode(packet, column)
        with pytest.raises(ValueError, match="contiguous"):
            OpusEncoder(8000).encode(column)

    def test_read_only_arrays_can_be_encoded_but_not_filled(self, packet: bytes) -> None:
        row = np.zeros(160, np.int16)
        row.flags.writeable = False
        with pytest.raises(ValueError, match="read-only"):
            OpusDecoder(8000).decode(packet, row)
        assert OpusEncoder(8000).encode(row)

    @pytest.mark.parametrize("samples", [0, 1, 159, 161, 200, 1120])
    def test_frames_of_another_duration_are_refused(self, samples: int) -> None:
        with pytest.raises(ValueError, match=f"{samples} samples at 8000 Hz"):
            OpusEncoder(8000).encode(np.zeros(samples, np.int16))

    @pytest.mark.parametrize("kind", [OpusDecoder, OpusEncoder])
    def test_what_is_closed_is_refused(
        self, packet: bytes, kind: type[OpusDecoder] | type[OpusEncoder]
    ) -> None:
        with kind(8000) as state:
            pass
        state.close()
        row = np.zeros(160, np.int16)
        with pytest.raises(ValueError, match="closed"):
            state.reset()
        with pytest.raises(ValueError, match="closed"):
            state.decode(packet, row) if isinstance(state, OpusDecoder) else state.encode(row)

    def test_memory_is_given_back(self) -> None:
        states_made_and_let_go(500)
        before = resident_bytes()
        states_made_and_let_go(3000)  # some 60 kB each: it would be 180 MB
        assert resident_bytes() - before < 30e6


def states_made_and_let_go(count: int) -> None:
    for _ in range(count):
        OpusDecoder(8000).close()
        OpusEncoder(8000)  # freed with its last reference


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module")
def decoders() -> dict[int, OpusDecoder]:
    return {rate: OpusDecoder(rate) for rate in SAMPLE_RATES}


class TestRandomPayloads:
    @given(payload=st.binary(min_size=1, max_size=200), rate=st.sampled_from(SAMPLE_RATES))
    def test_decode(self, decoders: dict[int, OpusDecoder], payload: bytes, rate: int) -> None:
        longest = rate * 120 // 1000
        memory = np.full(longest + 200, CANARY, np.int16)
        out = memory[100 : 100 + longest]
        codes = {0}
        try:
            written = decoders[rate].decode(payload, out)
        except OpusError as error:
            written, codes = longest, {error.code}
        assert codes <= {0, INVALID_PACKET}
        assert codes == {INVALID_PACKET} or written == packet_samples(payload, rate)
        assert (out[written:] == CANARY).all()
        assert (memory[:100] == CANARY).all()
        assert (memory[100 + longest :] == CANARY).all()

    @given(
        payload=st.binary(min_size=1, max_size=200),
        room=st.integers(0, 960),
        blocks=st.integers(1, 48),
    )
    def test_decode_into_little_room_and_repair(
        self, decoders: dict[int, OpusDecoder], payload: bytes, room: int, blocks: int
    ) -> None:
        memory = np.full(1160, CANARY, np.int16)
        out = memory[100 : 100 + room]
        for repair in (False, True):
            with contextlib.suppress(ValueError):  # OpusError is one
                if repair:
                    decoders[8000].decode_fec(payload, out, 20 * blocks)
                else:
                    decoders[8000].decode(payload, out)
        assert (memory[:100] == CANARY).all()
        assert (memory[100 + room :] == CANARY).all()

    @given(damage=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 255)), min_size=1))
    def test_damaged_packets(
        self, decoders: dict[int, OpusDecoder], packet: bytes, damage: list[tuple[int, int]]
    ) -> None:
        damaged = bytearray(packet)
        for place, value in damage:
            damaged[place % len(damaged)] = value
        memory = np.full(1160, CANARY, np.int16)
        with contextlib.suppress(OpusError):
            decoders[8000].decode(bytes(damaged), memory[100:1060])
        assert (memory[:100] == CANARY).all()
        assert (memory[1060:] == CANARY).all()
