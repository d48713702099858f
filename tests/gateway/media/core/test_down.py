"""What the browser gets keeps the shape of what came from the trunk."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.core.down import HISTORY, MOST_MADE_UP, WIDEST_GAP, DownPacket, DownStream, Frame
from voice.codec import L16, OPUS, PCMA, PCMU, Codec

SEQUENCE, TIMESTAMP = 65534, 2**32 - 500
SIZE = 160  # bytes of G.711 in a frame
STEP = 960  # ticks of Opus in a frame
RATIO = 6  # of the clocks


class Trunk:
    """Feeds a stream; every packet has 20 ms of G.711 unless it says otherwise."""

    def __init__(self, clock_rate: int = 48000) -> None:
        self.counters: Counter[str] = Counter()
        self.stream = DownStream(SEQUENCE, TIMESTAMP, self.counters, clock_rate)

    def frames(
        self,
        sequence: int,
        timestamp: int,
        size: int = SIZE,
        *,
        ssrc: int = 7,
        now: float = 0.0,
        marker: bool = False,
        codec: Codec = PCMU,
    ) -> list[Frame]:
        """Return all frames, those that were made up as well."""
        gap = self.stream.begin(ssrc, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, codec, now)
        if gap < 0:
            return []
        codes = bytes([sequence & 0xFF]) * size
        return self.stream.cut(DownPacket(codes, timestamp & 0xFFFFFFFF, marker, 1), SIZE, gap)

    def send(
        self, sequence: int, timestamp: int, size: int = SIZE, *, ssrc: int = 7, now: float = 0.0
    ) -> list[Frame]:
        """Return the frames that are sent to the browser."""
        frames = self.frames(sequence, timestamp, size, ssrc=ssrc, now=now)
        return [frame for frame in frames if frame.codes]


class TestTiming:
    def test_the_first_packet_starts_our_clock_with_a_marker(self) -> None:
        (frame,) = Trunk().send(1, 9000)
        assert (frame.sequence, frame.timestamp, frame.marker) == (SEQUENCE, TIMESTAMP, True)

    def test_sequence_and_timestamp_go_on_and_wrap(self) -> None:
        trunk = Trunk()
        frames = [frame for n in range(4) for frame in trunk.send(65534 + n, n * SIZE - 200)]
        assert [frame.sequence for frame in frames] == [65534, 65535, 0, 1]
        expected = [(TIMESTAMP + n * STEP) % 2**32 for n in range(4)]
        assert [frame.timestamp for frame in frames] == expected
        assert [frame.marker for frame in frames] == [True, False, False, False]

    def test_a_pause_stays_a_pause_in_time_only(self) -> None:
        trunk = Trunk()
        (first,) = trunk.send(1, 0)
        (after,) = trunk.send(2, 8000)
        assert (after.sequence - first.sequence) & 0xFFFF == 1
        assert (after.timestamp - first.timestamp) % 2**32 == 8000 * RATIO

    def test_a_marker_passes(self) -> None:
        trunk = Trunk()
        trunk.frames(1, 0)
        assert [frame.marker for frame in trunk.frames(2, 8000, marker=True)] == [True]

    @pytest.mark.parametrize("size", [80, 240, 320, 480])
    def test_packets_of_another_length_are_cut_to_frames(self, size: int) -> None:
        trunk = Trunk()
        frames = [frame for n in range(12) for frame in trunk.send(n, n * size, size)]
        assert len(frames) == 12 * size // SIZE
        assert {(b.timestamp - a.timestamp) % 2**32 for a, b in pairwise(frames)} == {STEP}
        assert {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(frames)} == {1}
        heard = b"".join(frame.codes for frame in frames)
        assert heard == b"".join(bytes([n]) * size for n in range(12))[: len(heard)]

    def test_a_browser_that_speaks_g711_has_the_trunks_own_clock(self) -> None:
        trunk = Trunk(8000)
        (first,) = trunk.send(1, 0)
        (second,) = trunk.send(2, SIZE)
        assert (second.timestamp - first.timestamp) % 2**32 == SIZE


class TestLoss:
    def test_a_lost_packet_stays_a_gap_in_both(self) -> None:
        trunk = Trunk()
        (first,) = trunk.send(1, 0)
        (after,) = trunk.send(4, 3 * SIZE)
        assert (after.sequence - first.sequence) & 0xFFFF == 3
        assert (after.timestamp - first.timestamp) % 2**32 == 3 * STEP
        assert trunk.counters == {"trunk_packets_lost": 2}

    @pytest.mark.parametrize(("lost", "made_up"), [(1, 1), (2, 2), (7, MOST_MADE_UP)])
    def test_the_encoder_hears_what_was_lost(self, lost: int, made_up: int) -> None:
        trunk = Trunk()
        for n in range(5):
            trunk.frames(n, n * SIZE)
        frames = trunk.frames(5 + lost, (5 + lost) * SIZE)
        assert [bool(frame.history) for frame in frames] == [True] * made_up + [False]
        assert frames[0].history == tuple(bytes([n]) * SIZE for n in range(5 - HISTORY, 5))
        assert not any(frame.codes for frame in frames[:-1])

    def test_with_nothing_heard_nothing_is_made_up(self) -> None:
        trunk = Trunk()
        trunk.stream.begin(7, 1, 0, PCMU, 0.0)
        assert len(trunk.frames(3, 2 * SIZE)) == 1

    def test_a_wide_gap_is_a_new_start(self) -> None:
        trunk = Trunk()
        (first,) = trunk.send(1, 0)
        (after,) = trunk.send(3 + WIDEST_GAP, (2 + WIDEST_GAP) * SIZE)
        assert (after.sequence - first.sequence) & 0xFFFF == 1

    def test_what_was_left_of_a_packet_before_a_gap_is_dropped(self) -> None:
        trunk = Trunk()
        trunk.send(0, 0, 240)
        frames = trunk.send(2, 480, 240)
        assert [frame.codes for frame in frames] == [bytes([2]) * SIZE]
        assert (frames[0].timestamp - TIMESTAMP) % 2**32 == 480 * RATIO

    def test_late_and_doubled_packets_are_dropped_and_counted(self) -> None:
        trunk = Trunk()
        trunk.send(5, 0)
        assert trunk.send(5, 0) == []
        assert trunk.send(4, 0) == []
        assert trunk.counters == {"trunk_rejected_late": 2}

    def test_events_between_packets_are_no_loss(self) -> None:
        trunk = Trunk()
        (first,) = trunk.send(1, 0)
        for sequence in (2, 3, 4):
            trunk.stream.pass_over(7, sequence)
        (after,) = trunk.send(5, 5 * SIZE)
        assert (after.sequence - first.sequence) & 0xFFFF == 1
        assert trunk.counters == {}

    def test_events_of_another_source_change_nothing(self) -> None:
        trunk = Trunk()
        trunk.send(1, 0)
        trunk.stream.pass_over(8, 500)
        assert len(trunk.send(2, SIZE)) == 1


class TestSource:
    def test_a_new_source_goes_on_after_the_time_that_passed(self) -> None:
        trunk = Trunk()
        (before,) = trunk.send(1, 0, now=1.0)
        (after,) = trunk.send(5000, 123456, ssrc=8, now=1.5)
        assert after.marker
        assert (after.sequence - before.sequence) & 0xFFFF == 1
        assert (after.timestamp - before.timestamp) % 2**32 == 4000 * RATIO

    def test_a_source_that_starts_anew_is_followed_from_its_second_packet(self) -> None:
        trunk = Trunk()
        (before,) = trunk.send(1, 0, now=1.0)
        assert trunk.send(40000, 99, now=1.5) == []
        (after,) = trunk.send(40001, 99 + SIZE, now=1.52)
        assert after.marker
        assert (after.sequence - before.sequence) & 0xFFFF == 1
        assert (after.timestamp - before.timestamp) % 2**32 == round(0.52 * 48000)

    def test_a_new_source_has_no_history(self) -> None:
        trunk = Trunk()
        for n in range(5):
            trunk.frames(n, n * SIZE)
        trunk.frames(100, 0, ssrc=8)
        frames = trunk.frames(102, 2 * SIZE, ssrc=8)
        assert frames[0].history == (bytes([100]) * SIZE,)

    def test_a_codec_of_another_clock_goes_on_where_the_last_ended(self) -> None:
        trunk = Trunk()
        trunk.send(1, 0, now=1.0)
        gap = trunk.stream.begin(7, 2, 320, L16, 1.02)
        (frame,) = trunk.stream.cut(DownPacket(bytes(640), 320, False, 2), 640, gap)
        assert gap == 0
        assert (frame.timestamp - TIMESTAMP) % 2**32 == STEP
        assert frame.marker

    def test_another_codec_of_the_same_clock_has_neither_rest_nor_history(self) -> None:
        trunk = Trunk()
        for n in range(3):
            trunk.frames(n, n * SIZE)
        trunk.frames(3, 3 * SIZE, SIZE + 80)
        (frame,) = trunk.frames(4, 4 * SIZE + 80, codec=PCMA)
        assert frame.codes == bytes([4]) * SIZE
        frames = trunk.frames(6, 6 * SIZE + 80, codec=PCMA)
        assert frames[0].history == (bytes([4]) * SIZE,)
        frames = trunk.frames(8, 8 * SIZE + 80, codec=PCMU)
        assert [bool(frame.codes) for frame in frames] == [True]


class TestNoise:
    def test_noise_follows_audio_and_audio_follows_noise(self) -> None:
        trunk = Trunk()
        (before,) = trunk.send(1, 0)
        noise = [trunk.stream.extend() for _ in range(3)]
        (after,) = trunk.send(2, 8000)
        frames = [before, *noise, after]
        assert {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(frames)} == {1}
        assert {(b.timestamp - a.timestamp) % 2**32 for a, b in pairwise(frames)} == {STEP}

    def test_the_trunks_clock_counts_again_after_noise(self) -> None:
        trunk = Trunk()
        trunk.send(1, 0)
        trunk.stream.extend()
        (first,) = trunk.send(2, 8000)
        (second,) = trunk.send(3, 8000 + 3 * SIZE)
        assert (second.timestamp - first.timestamp) % 2**32 == 3 * STEP


class TestWhole:
    def test_packets_pass_as_they_are(self) -> None:
        stream = DownStream(SEQUENCE, TIMESTAMP, Counter())
        frames = []
        for sequence in (10, 11, 14):
            timestamp = sequence * STEP
            gap = stream.begin(7, sequence, timestamp, OPUS, 0.0)
            packet = DownPacket(b"opus%d" % sequence, timestamp, False, 1)
            frames.append(stream.whole(packet, STEP, gap))
        assert [frame.codes for frame in frames] == [b"opus10", b"opus11", b"opus14"]
        assert [(frame.sequence - SEQUENCE) & 0xFFFF for frame in frames] == [0, 1, 4]
        assert [(frame.timestamp - TIMESTAMP) % 2**32 for frame in frames] == [0, STEP, 4 * STEP]

    def test_losses_of_a_relayed_stream_are_counted(self) -> None:
        counters: Counter[str] = Counter()
        stream = DownStream(SEQUENCE, TIMESTAMP, counters)
        for sequence in (10, 13):
            gap = stream.begin(7, sequence, sequence * STEP, OPUS, 0.0)
            stream.whole(DownPacket(b"opus", sequence * STEP, False, 1), STEP, gap)
        assert counters == {"trunk_packets_lost": 2}


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),  # ssrc
            st.integers(0, 65535) | st.integers(0, 20),
            st.integers(0, 2**32 - 1),
            st.sampled_from([(PCMU, 1, 160), (PCMA, 1, 160), (L16, 2, 640), (OPUS, 1, 0)]),
            st.booleans(),
            st.binary(max_size=700),
            st.floats(0, 1e6),
            st.integers(0, 3),  # frames of noise after it
        ),
        max_size=50,
    ),
    st.sampled_from([48000, 8000]),
)
def test_whatever_comes_makes_whole_frames_with_fields_that_fit(
    packets: list[tuple[int, int, int, tuple[Codec, int, int], bool, bytes, float, int]],
    ours: int,
) -> None:
    stream = DownStream(SEQUENCE, TIMESTAMP, Counter(), ours)
    for ssrc, sequence, timestamp, (codec, per_tick, size), marker, codes, now, noise in packets:
        gap = stream.begin(ssrc, sequence, timestamp, codec, now)
        if gap < 0:
            continue
        packet = DownPacket(codes, timestamp, marker, per_tick)
        frames = stream.cut(packet, size, gap) if size else [stream.whole(packet, 960, gap)]
        frames += [stream.extend() for _ in range(noise)]
        for frame in frames:
            assert not size or len(frame.codes) in (0, size)
            assert 0 <= frame.sequence < 2**16
            assert 0 <= frame.timestamp < 2**32
        assert len(stream._rest) <= 700 + max(size, 1)
