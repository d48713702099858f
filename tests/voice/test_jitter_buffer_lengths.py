"""Packets of other lengths than a frame, and all that may happen in any order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.voice.network import (
    START,
    Listener,
    actions,
    delays,
    make_buffer,
    make_packet,
    played,
    speak,
)
from tests.voice.play_queue import FRAME, UNITS
from voice.codec import PCMU
from voice.counters import Counters
from voice.jitter_buffer import (
    MOST_WAITING,
    Action,
    JitterBuffer,
)
from voice.pcm import PcmDecoder
from voice.sequence import SequenceTracker


class TestOtherLengths:
    @pytest.mark.parametrize("milliseconds", [10, 20, 40, 60])
    def test_every_packet_is_played_once(self, milliseconds: int) -> None:
        listener = Listener(speak(6000 // milliseconds, milliseconds=milliseconds))
        steps = listener.listen(5)
        assert actions(steps)[Action.CONCEAL] == 0
        assert played(steps) == [*range(len(played(steps)))]
        assert len(played(steps)) * milliseconds >= 4900

    @pytest.mark.parametrize("milliseconds", [10, 20, 40, 60])
    def test_delay_is_given_back(self, milliseconds: int) -> None:
        """Packets of 10 ms are asked for twice in a frame: the move must not be lost by that."""
        late = 250 * 20 // milliseconds
        sent = speak(
            20000 // milliseconds,
            milliseconds=milliseconds,
            delay=lambda number: 0.019 if number < late and number % 7 == 0 else 0.0,
        )
        listener = Listener(sent)
        listener.listen(5)
        steps = listener.listen(14)
        # A frame of two packets needs the second one, too
        assert max(delays(steps)[-20:]) < 0.0101 + abs(milliseconds - 20) / 1000

    @pytest.mark.parametrize("fec", [True, False])
    @pytest.mark.parametrize("milliseconds", [10, 20, 40, 60])
    def test_what_is_concealed_is_as_long_as_what_was_lost(
        self, milliseconds: int, fec: bool
    ) -> None:
        """Else each loss would cost delay, or eat it up."""
        count = 20000 // milliseconds
        lost = range(count // 4, count * 3 // 4, 11)
        sent = speak(count, milliseconds=milliseconds, lost=lost, fec=fec)
        listener = Listener(sent)
        steps = listener.listen(19)
        assert listener.counters["packets_lost"] == len(lost)
        concealed = actions(steps)[Action.REPAIR] + actions(steps)[Action.CONCEAL]
        # A packet of 60 ms may be found missing frame by frame
        assert len(lost) <= concealed <= len(lost) * max(1, milliseconds // 20) + 2
        assert actions(steps)[Action.DROP] == 0
        assert actions(steps)[Action.ACCELERATE] == 0
        kept = milliseconds / 1000 if fec else 0.0
        assert max(delays(steps)) <= 0.0301 + kept + max(0, milliseconds - 20) / 1000
        assert max(delays(steps[-20:])) <= max(delays(steps[:20])) + kept + 0.0201

    def test_packets_without_repair_and_of_another_clock(self) -> None:
        buffer = JitterBuffer(Counters(), PcmDecoder(PCMU, 8000))
        buffer.push(1, 0, bytes(160), START, stale=False)
        buffer.push(3, 320, bytes(160), START, stale=False)
        done = [buffer.pop(START + n * FRAME, quiet=False, filled=0.001) for n in range(3)]
        assert done == [Action.PLAY, Action.CONCEAL, Action.PLAY]
        assert buffer.one_frame


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(
            st.just("put"),
            st.one_of(st.integers(0, 65535), st.integers(0, 30), st.integers(65500, 65535)),
            st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 30).map(lambda n: n * UNITS)),
            st.one_of(st.none(), st.binary(max_size=4), st.integers(0, 99).map(make_packet)),
            st.booleans(),
        ),
        st.tuples(st.just("take"), st.booleans(), st.sampled_from([0.0, 0.01, 0.0175])),
        st.tuples(st.just("following")),
        st.tuples(st.just("skip"), st.integers(0, 100)),
        st.tuples(st.just("wait"), st.floats(0, 1) | st.floats(0, 1e6)),
    ),
    max_size=150,
)


@given(OPERATIONS, st.sampled_from([0.0, -5.0, 1e9]))
def test_whatever_happens_each_packet_is_played_once_and_in_order(
    operations: list[tuple[object, ...]], now: float
) -> None:
    buffer = make_buffer()
    track = SequenceTracker()
    numbers: dict[bytes, int] = {}  # by payload
    pushed = 0
    out: list[int] = []
    for operation in operations:
        match operation:
            case ("put", int(sequence), int(timestamp), payload, bool(stale)):
                number = track(sequence)
                unique = None
                if isinstance(payload, bytes) and number is not None:
                    pushed += 1
                    unique = payload + pushed.to_bytes(4, "big")
                    numbers[unique] = number
                buffer.push(sequence, timestamp, unique, now, stale=stale)
            case ("take", bool(quiet), float(filled)):
                action = buffer.pop(now, quiet=quiet, filled=filled)
                if action in (Action.PLAY, Action.DROP, Action.ACCELERATE):
                    out.append(numbers.pop(buffer.payload))
            case ("following",):
                if buffer.next_packet():
                    out.append(numbers.pop(buffer.payload))
            case ("skip", int(frames)):
                buffer.skip_frames(frames)
            case ("wait", float(seconds)):
                now += seconds
        assert buffer.waiting <= MOST_WAITING
    assert out == sorted(set(out))
