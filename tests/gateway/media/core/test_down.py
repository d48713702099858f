"""What the browser gets keeps the shape of what came from the trunk."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.media.core.down import FRAME_SAMPLES, OPUS_TICKS, DownStream, Frame

SEQUENCE, TIMESTAMP = 65534, 2**32 - 500
STEP = FRAME_SAMPLES * OPUS_TICKS


class Trunk:
    """Feeds a stream; every packet has 20 ms unless it says otherwise."""

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()
        self.stream = DownStream(SEQUENCE, TIMESTAMP, self.counters)

    def send(
        self,
        sequence: int,
        timestamp: int,
        size: int = FRAME_SAMPLES,
        *,
        ssrc: int = 7,
        now: float = 0.0,
    ) -> list[Frame]:
        codes = bytes(size)
        return list(self.stream.cut(ssrc, sequence & 0xFFFF, timestamp, False, codes, now))


def test_the_first_packet_starts_our_clock_with_a_marker() -> None:
    (frame,) = Trunk().send(1, 9000)
    assert (frame.sequence, frame.timestamp, frame.marker) == (SEQUENCE, TIMESTAMP, True)


def test_sequence_and_timestamp_go_on_and_wrap() -> None:
    trunk = Trunk()
    frames = [frame for n in range(4) for frame in trunk.send(65534 + n, n * FRAME_SAMPLES)]
    assert [frame.sequence for frame in frames] == [65534, 65535, 0, 1]
    assert [frame.timestamp for frame in frames] == [
        (TIMESTAMP + n * STEP) % 2**32 for n in range(4)
    ]
    assert [frame.marker for frame in frames] == [True, False, False, False]


def test_a_lost_packet_stays_a_gap_in_both() -> None:
    trunk = Trunk()
    (first,) = trunk.send(1, 0)
    (after,) = trunk.send(4, 3 * FRAME_SAMPLES)
    assert (after.sequence - first.sequence) & 0xFFFF == 3
    assert (after.timestamp - first.timestamp) % 2**32 == 3 * STEP


def test_a_pause_stays_a_pause_in_time_only() -> None:
    trunk = Trunk()
    (first,) = trunk.send(1, 0)
    (after,) = trunk.send(2, 8000)
    assert (after.sequence - first.sequence) & 0xFFFF == 1
    assert (after.timestamp - first.timestamp) % 2**32 == 8000 * OPUS_TICKS


def test_events_between_packets_are_no_loss() -> None:
    trunk = Trunk()
    (first,) = trunk.send(1, 0)
    for sequence in (2, 3, 4):
        trunk.stream.pass_over(7, sequence)
    (after,) = trunk.send(5, 5 * FRAME_SAMPLES)
    assert (after.sequence - first.sequence) & 0xFFFF == 1


def test_packets_of_another_length_are_cut_to_frames() -> None:
    trunk = Trunk()
    frames = [frame for n in range(4) for frame in trunk.send(n, n * 240, 240)]  # 30 ms each
    assert len(frames) == 6
    steps = {(b.timestamp - a.timestamp) % 2**32 for a, b in pairwise(frames)}
    assert steps == {STEP}


def test_late_and_doubled_packets_are_dropped_and_counted() -> None:
    trunk = Trunk()
    trunk.send(5, 0)
    assert trunk.send(5, 0) == []
    assert trunk.send(4, 0) == []
    assert trunk.counters == {"trunk_rejected_late": 2}


def test_a_new_source_goes_on_after_the_time_that_passed() -> None:
    trunk = Trunk()
    (before,) = trunk.send(1, 0, now=1.0)
    (after,) = trunk.send(5000, 123456, ssrc=8, now=1.5)
    assert after.marker
    assert (after.sequence - before.sequence) & 0xFFFF == 1
    assert (after.timestamp - before.timestamp) % 2**32 == STEP + 4000 * OPUS_TICKS


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),  # ssrc
            st.integers(0, 65535),
            st.integers(0, 2**32 - 1),
            st.booleans(),
            st.binary(max_size=700),
            st.floats(0, 1e6),
        ),
        max_size=50,
    )
)
def test_whatever_comes_makes_whole_frames_with_fields_that_fit(
    packets: list[tuple[int, int, int, bool, bytes, float]],
) -> None:
    stream = DownStream(SEQUENCE, TIMESTAMP, Counter())
    for packet in packets:
        for frame in stream.cut(*packet):
            assert len(frame.codes) == FRAME_SAMPLES
            assert 0 <= frame.sequence < 2**16
            assert 0 <= frame.timestamp < 2**32
