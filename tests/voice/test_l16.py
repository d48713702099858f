"""L16: the standard library's byte order is the reference."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from voice import l16

EDGES = [0, 1, -1, 255, 256, 32767, -32768]


class TestL16:
    def test_most_significant_byte_first(self) -> None:
        codes = l16.encode(np.array(EDGES, np.int16))
        assert codes.dtype == np.uint8
        assert codes.tobytes() == struct.pack(f">{len(EDGES)}h", *EDGES)

    @given(payload=st.binary(max_size=700))
    def test_any_bytes_decode_or_are_refused(self, payload: bytes) -> None:
        codes = np.frombuffer(payload, np.uint8)
        if len(payload) % 2:
            with pytest.raises(ValueError, match=f"{len(payload)} bytes: L16 has 2"):
                l16.decode(codes)
            return
        samples = l16.decode(codes)
        assert samples.dtype == np.int16
        assert samples.tolist() == list(struct.unpack(f">{len(payload) // 2}h", payload))
        assert l16.encode(samples).tobytes() == payload

    def test_a_batch_equals_its_rows(self) -> None:
        pcm = np.random.default_rng(1).integers(-32768, 32767, (5, 320)).astype(np.int16)
        codes, back = np.zeros((5, 640), np.uint8), np.zeros((5, 320), np.int16)
        assert l16.encode(pcm, codes) is codes
        np.testing.assert_array_equal(codes, np.stack([l16.encode(row) for row in pcm]))
        assert l16.decode(codes, back) is back
        np.testing.assert_array_equal(back, pcm)

    def test_rows_of_a_wider_array(self) -> None:
        """RTP headers stand before the payloads of a batch."""
        packets = np.full((4, 12 + 640), 77, np.uint8)
        pcm = np.random.default_rng(2).integers(-999, 999, (4, 320)).astype(np.int16)
        l16.encode(pcm, packets[:, 12:])
        assert (packets[:, :12] == 77).all()
        np.testing.assert_array_equal(l16.decode(packets[:, 12:]), pcm)

    def test_silence(self) -> None:
        silence = np.full(2 * 160, l16.SILENCE, np.uint8)
        assert not l16.decode(silence).any()

    @pytest.mark.parametrize(
        ("codes", "error"),
        [
            (np.zeros(4), TypeError),
            (np.zeros(8, np.uint8)[::2], ValueError),
            (np.zeros(3, np.uint8), ValueError),
        ],
    )
    def test_what_cannot_be_read(self, codes: NDArray[np.uint8], error: type[Exception]) -> None:
        with pytest.raises(error):
            l16.decode(codes)

    @pytest.mark.parametrize(
        ("pcm", "out", "error"),
        [
            (np.zeros(4), None, TypeError),
            (np.zeros(4, np.int16), np.zeros(8, np.int8), TypeError),
            (np.zeros(4, np.int16), np.zeros(4, np.uint8), ValueError),
            (np.zeros(4, np.int16), np.zeros(16, np.uint8)[::2], ValueError),
        ],
    )
    def test_what_cannot_be_written(
        self, pcm: NDArray[np.int16], out: NDArray[np.uint8] | None, error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            l16.encode(pcm, out)

    @pytest.mark.parametrize(
        ("out", "error"), [(np.zeros(2, np.int32), TypeError), (np.zeros(3, np.int16), ValueError)]
    )
    def test_where_it_cannot_be_read_to(
        self, out: NDArray[np.int16], error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            l16.decode(np.zeros(4, np.uint8), out)
