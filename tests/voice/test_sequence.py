"""Wrapping counters made endless, and sources that start anew."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.sequence import SEQUENCE_BITS, SequenceTracker, TimestampUnwrapper, Unwrapper


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 1, 2], [0, 1, 2]),
        ([65534, 65535, 0, 1], [65534, 65535, 65536, 65537]),
        ([65534, 0, 65535, 1], [65534, 65536, 65535, 65537]),  # reordered across the wrap
        ([0, 65535, 65534, 1], [0, -1, -2, 1]),  # from before the first
        ([10, 10, 10], [10, 10, 10]),
        ([0, 32768], [0, 32768]),  # half a cycle is ahead
        ([0, 32769], [0, -32767]),
        ([5, 32768, 65535, 5], [5, 32768, 65535, 65541]),
        ([65535, 100, 65400, 101], [65535, 65636, 65400, 65637]),
    ],
)
def test_sequence_numbers(values: list[int], expected: list[int]) -> None:
    unwrap = Unwrapper(SEQUENCE_BITS)
    assert [unwrap(value) for value in values] == expected


def test_timestamps() -> None:
    unwrap = TimestampUnwrapper()
    assert [unwrap(value) for value in (2**32 - 160, 0, 160, 2**32 - 1)] == [
        2**32 - 160,
        2**32,
        2**32 + 160,
        2**32 - 1,
    ]


@given(
    st.integers(0, 65535),
    st.lists(st.integers(-32000, 32000), max_size=50),
    st.sampled_from([16, 32]),
)
def test_any_walk_is_followed(start: int, steps: list[int], bits: int) -> None:
    """Each value is within half a cycle of the highest: the unwrapped walk is the true one."""
    unwrap, highest = Unwrapper(bits), start
    assert unwrap(start) == start
    for step in steps:
        true = highest + step
        assert unwrap(true % 2**bits) == true
        highest = max(highest, true)


@pytest.mark.parametrize("bits", [0, 33])
def test_widths_that_there_are_none_of(bits: int) -> None:
    with pytest.raises(ValueError, match=f"values of {bits} bits"):
        Unwrapper(bits)


class TestTracker:
    def test_a_steady_stream(self) -> None:
        track = SequenceTracker()
        assert [track(n % 65536) for n in range(65000, 67000)] == list(range(65000, 67000))
        assert track.restarts == 0

    def test_loss_and_reordering(self) -> None:
        track = SequenceTracker()
        assert [track(n) for n in (1, 2, 5, 4, 10)] == [1, 2, 5, 4, 10]

    def test_a_lone_stray_is_not_believed(self) -> None:
        track = SequenceTracker()
        track(1000)
        assert track(30000) is None
        assert track(1001) == 1001
        assert track(30001) is None  # a second one, but not in a row
        assert track(1002) == 1002
        assert track.restarts == 0

    @pytest.mark.parametrize("new", [30000, 65535, 500])
    def test_two_in_a_row_are_a_restart(self, new: int) -> None:
        track = SequenceTracker()
        for n in range(1000, 1500):
            track(n)
        assert track(new) is None
        first = track((new + 1) % 65536)
        assert first is not None
        assert first > 1500
        assert first % 65536 == (new + 1) % 65536
        assert track((new + 2) % 65536) == first + 1
        assert track.restarts == 1

    @pytest.mark.parametrize(
        ("sequence", "believed"), [(3999, True), (4000, False), (901, True), (900, False)]
    )
    def test_limits(self, sequence: int, believed: bool) -> None:
        track = SequenceTracker()
        track(1000)
        assert (track(sequence) is not None) == believed

    def test_more_than_16_bits_are_no_sequence_number(self) -> None:
        with pytest.raises(OverflowError):
            SequenceTracker()(65536)

    @given(st.lists(st.integers(0, 65535), max_size=100))
    def test_any_numbers_in_any_order(self, sequences: list[int]) -> None:
        track = SequenceTracker()
        for sequence in sequences:
            found = track(sequence)
            assert found is None or found % 65536 == sequence
        assert track.restarts <= len(sequences) // 2
