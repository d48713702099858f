"""What is played when packets come in order, late, twice, or never."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.voice.network import (
    START,
    Listener,
    actions,
    delays,
    jitter,
    make_buffer,
    make_packet,
    played,
    speak,
)
from tests.voice.play_queue import FRAME, LOSSES_REMEMBERED, UNITS, Queue, numbers_of
from voice.jitter_buffer import (
    LONGEST_REPAIR_MS,
    MOST_WAITING,
    Action,
)


class TestOrder:
    def test_packets_are_played_in_order_of_their_numbers(self) -> None:
        assert numbers_of(Queue(10, 12, 11).take(3)) == [10, 11, 12]

    def test_numbers_wrap(self) -> None:
        first = 65534
        assert numbers_of(Queue(*range(first, first + 5)).take(5)) == [*range(first, first + 5)]

    def test_timestamps_wrap(self) -> None:
        first = 2**32 // UNITS - 1
        listener = Listener(speak(200, first=first))
        steps = listener.listen(3)
        assert actions(steps) == {Action.PLAY: 150}
        assert played(steps) == [*range(first, first + 150)]

    def test_a_duplicate_is_counted_and_not_played(self) -> None:
        queue = Queue(1, 2, 2, 3)
        assert queue.buffer.counters.counted() == {"rejected_duplicate": 1}
        assert numbers_of(queue.take(3)) == [1, 2, 3]

    def test_what_comes_after_its_time_is_counted_and_not_played(self) -> None:
        queue = Queue(1, 2, 3)
        queue.take(2)
        queue.put(1)
        assert queue.buffer.counters.counted() == {"rejected_late": 1}
        assert numbers_of(queue.take(1)) == [3]

    def test_reordering_is_undone_once_its_delay_is_known(self) -> None:
        """Each third packet is overtaken by two others."""
        sent = speak(1500, delay=lambda number: 0.045 if number % 3 == 0 else 0.0)
        listener = Listener(sent)
        listener.listen(4)
        steps = listener.listen(20)
        assert actions(steps) == {Action.PLAY: len(steps)}
        assert all(after == before + 1 for before, after in pairwise(played(steps)))
        assert listener.counters["packets_lost"] == 0


class TestTiming:
    def test_nothing_is_expected_before_the_first_packet(self) -> None:
        buffer = make_buffer()
        assert buffer.pop(START, quiet=True) is Action.SILENCE
        assert buffer.pop(START, quiet=False) is Action.SILENCE

    def test_a_packet_that_is_just_late_is_waited_for_by_slots(self) -> None:
        listener = Listener(speak(100, delay=lambda number: 0.008 if number >= 20 else 0.0))
        steps = listener.listen(2)
        assert actions(steps)[Action.LATER] == 2
        assert actions(steps)[Action.CONCEAL] == 0
        assert played(steps) == [*range(100)]

    def test_what_was_concealed_for_a_late_packet_is_beside_the_stream(self) -> None:
        """It is played when it comes, and everything after it as much later."""
        listener = Listener(speak(100, delay=lambda number: 0.06 if number >= 30 else 0.0))
        steps = listener.listen(1.5)
        assert actions(steps)[Action.CONCEAL] in (2, 3)
        assert played(steps) == [*range(played(steps)[-1] + 1)]
        assert listener.counters["packets_lost"] == 0
        assert delays(steps)[-1] == pytest.approx(0.06, abs=0.0101)

    def test_a_stream_that_stops_delays_one_frame_only(self) -> None:
        """Each later frame keeps its time: the trunk's clock must not run slow."""
        listener = Listener(speak(50))
        listener.listen(20)
        assert actions(listener.steps)[Action.LATER] <= 4
        assert listener.frames >= 998

    def test_jitter_is_waited_out(self) -> None:
        listener = Listener(speak(1000, delay=jitter(7, 0.04)))
        listener.listen(5)
        steps = listener.listen(14)
        concealed = actions(steps)[Action.CONCEAL]
        assert concealed <= 7  # one per cent, where a buffer of no delay would make up half
        assert max(delays(steps)) < 0.075

    def test_delay_that_is_not_needed_any_more_is_given_back_in_slots(self) -> None:
        listener = Listener(speak(1500, delay=lambda n: jitter(8, 0.015)(n) if n < 250 else 0.0))
        before = delays(listener.listen(5))[-50:]
        steps = listener.listen(15)
        assert min(before) > 0.012
        assert max(delays(steps)[-50:]) < 0.008
        assert actions(steps)[Action.DROP] == actions(steps)[Action.CONCEAL] == 0


class TestLoss:
    def test_a_loss_without_repair_is_concealed(self) -> None:
        queue = Queue(1, 3)
        assert [action for action, _ in queue.take(3)] == [Action.PLAY, Action.CONCEAL, Action.PLAY]
        assert queue.buffer.counters.counted() == {"packets_lost": 1}

    def test_a_loss_is_repaired_from_the_packet_after_it(self) -> None:
        queue = Queue(1, 3, fec=True)
        assert queue.take(3) == [(Action.PLAY, 1), (Action.REPAIR, 3), (Action.PLAY, 3)]
        assert queue.buffer.counters.counted() == {"packets_lost": 1}

    def test_of_two_losses_the_first_is_concealed_and_the_second_repaired(self) -> None:
        done = Queue(1, 4, fec=True).take(4)
        assert [action for action, _ in done] == [
            Action.PLAY,
            Action.CONCEAL,
            Action.REPAIR,
            Action.PLAY,
        ]

    def test_what_was_concealed_stands_in_for_a_packet_that_never_comes(self) -> None:
        """A loss costs no delay: as many frames are concealed as were lost."""
        listener = Listener(speak(200, lost={60, 100, 101}))
        steps = listener.listen(3.9)
        assert actions(steps)[Action.CONCEAL] == 3
        assert listener.counters["packets_lost"] == 3
        assert delays(steps)[-1] == pytest.approx(delays(steps)[0], abs=0.0101)

    def test_while_losses_last_one_packet_is_kept_in_hand(self) -> None:
        lost = range(50, 1500, 20)
        listener = Listener(speak(1500, lost=lost, fec=True))
        steps = listener.listen(29)
        after = steps[100:]
        assert actions(after)[Action.REPAIR] == len(range(110, 1440, 20))
        assert actions(after)[Action.CONCEAL] == 0
        assert min(delays(steps[200:])) > 0.012

    def test_the_packet_in_hand_is_given_back_ten_seconds_after_the_last_loss(self) -> None:
        lost = range(50, 300, 10)
        listener = Listener(speak(1200, lost=lost, fec=True), quiet=lambda now: now % 4 < 1)
        end = (lost[-1] + 1) * FRAME
        listener.listen(end + LOSSES_REMEMBERED - 1)
        assert min(delays(listener.steps[200:])) > 0.012
        steps = listener.listen(23.5 - end - LOSSES_REMEMBERED)
        assert max(delays(steps[-50:])) < 0.01

    def test_losses_that_nothing_can_repair_keep_nothing_in_hand(self) -> None:
        listener = Listener(speak(500, lost=range(50, 500, 20)))
        steps = listener.listen(9)
        assert sorted(delays(steps))[len(delays(steps)) // 2] < 0.012

    def test_a_wide_gap_is_jumped_over(self) -> None:
        wide = round(LONGEST_REPAIR_MS / 1000 / FRAME) + 2
        queue = Queue(1, 2 + wide)
        assert numbers_of(queue.take(2)) == [1, 2 + wide]
        assert queue.buffer.counters.counted() == {"packets_lost": wide}

    def test_lost_numbers_that_took_no_time_are_not_concealed(self) -> None:
        """Packets without audio that were lost: the packet after them follows right on."""
        buffer = make_buffer()
        for number, sequence in enumerate((1, 2, 40, 41)):
            buffer.push(sequence, number * UNITS, make_packet(number), START, stale=False)
        done = [buffer.pop(START + n * FRAME, quiet=False, filled=0.001) for n in range(4)]
        assert done == [Action.PLAY] * 4
        assert buffer.counters.counted() == {"packets_lost": 37}


class TestGaps:
    def test_a_gap_in_the_timestamps_alone_is_a_pause(self) -> None:
        """As browsers leave it with DTX: what follows is played when its time has come."""
        pause = 50
        sent = [
            each._replace(
                timestamp=each.timestamp + (pause * UNITS if each.number >= 50 else 0),
                arrival=each.arrival + (pause * FRAME if each.number >= 50 else 0),
                made=each.made + (pause * FRAME if each.number >= 50 else 0),
            )
            for each in speak(100)
        ]
        listener = Listener(sent)
        steps = listener.listen(2.9)
        assert listener.counters["packets_lost"] == 0
        assert played(steps) == [*range(len(played(steps)))]
        assert max(delays(steps)) < 0.02

    def test_a_telephone_event_is_a_pause_and_no_loss(self) -> None:
        queue = Queue(1)
        for number in (2, 3, 4):
            queue.put(number, None)
        assert [action for action, _ in queue.take(3)] == [
            Action.PLAY,
            Action.SILENCE,
            Action.SILENCE,
        ]
        queue.put(5)
        assert numbers_of(queue.take(1)) == [5]
        assert queue.buffer.counters["packets_lost"] == 0

    def test_a_lost_packet_of_a_telephone_event_is_not_concealed(self) -> None:
        buffer = make_buffer()
        buffer.push(1, 0, make_packet(1), START, stale=False)
        for sequence in (2, 4, 5):  # all have the timestamp of the key
            buffer.push(sequence, UNITS, None, START, stale=True)
        done = [buffer.pop(START + n * FRAME, quiet=False, filled=0.001) for n in range(3)]
        assert done == [Action.PLAY, Action.SILENCE, Action.SILENCE]

    def test_events_are_not_waiting_for_ever(self) -> None:
        buffer = make_buffer()
        for sequence in range(500):
            buffer.push(sequence, 0, None, START + sequence * FRAME, stale=True)
            buffer.pop(START + sequence * FRAME, quiet=True)
        assert buffer.waiting == 0

    @pytest.mark.parametrize("jump", [2**31, -(2**31), 48000 * 3600, -48000 * 3600, 5 * 48000])
    def test_timestamps_that_jump_are_followed(self, jump: int) -> None:
        """As after a suspended computer or a change of the microphone."""
        sent = [
            each._replace(timestamp=each.timestamp + (jump if each.number >= 100 else 0))
            for each in speak(400)
        ]
        listener = Listener(sent)
        steps = listener.listen(7.5)
        assert played(steps)[-1] >= 370
        assert delays(steps)[-1] < 0.03
        assert len(played(steps)) >= 365


class TestDiscarded:
    """What has come and is never played is as bad as lost, and told once."""

    def test_late_packets_are(self) -> None:
        queue = Queue(1, 2, 4)
        queue.take(4)
        queue.put(2)
        queue.put(3)
        assert queue.buffer.discarded_since() == 2
        assert queue.buffer.discarded_since() == 0

    def test_packets_that_are_let_go_are(self) -> None:
        queue = Queue(*range(MOST_WAITING + 3))
        assert queue.buffer.discarded_since() == 3

    def test_packets_of_a_stream_that_ended_are(self) -> None:
        queue = Queue(1, 2, 3)
        queue.put(40000)
        queue.put(40001)
        assert queue.buffer.discarded_since() == 3

    def test_events_and_doubled_packets_and_those_that_are_played_are_not(self) -> None:
        queue = Queue(1, 2, 4, 4)
        queue.put(3, None)
        queue.take(4)
        queue.put(3, None)
        assert queue.buffer.discarded_since() == 0


class TestRestart:
    def test_a_source_that_starts_anew_is_followed(self) -> None:
        queue = Queue(1, 2)
        queue.take(2)
        queue.put(40000)
        queue.put(40001)
        assert numbers_of(queue.take(1)) == [40001]
        assert queue.buffer.counters.counted() == {"rejected_sequence": 1}

    def test_one_stray_packet_is_not_believed(self) -> None:
        queue = Queue(1, 40000, 2)
        assert numbers_of(queue.take(2)) == [1, 2]

    def test_what_waits_of_the_old_stream_is_let_go(self) -> None:
        queue = Queue(1, 2, 3, 40000, 40001)
        assert queue.buffer.waiting == 1
        assert queue.buffer.counters["packets_discarded"] == 3


class TestTooMuch:
    def test_a_stream_that_runs_away_lets_the_oldest_go(self) -> None:
        queue = Queue(*range(1, MOST_WAITING + 4))
        assert queue.buffer.waiting == MOST_WAITING
        assert queue.buffer.counters.counted() == {"packets_discarded": 3}
        assert numbers_of(queue.take(1)) == [4]

    def test_after_a_stall_the_delay_is_what_it_was(self) -> None:
        listener = Listener(speak(600))
        listener.listen(5)
        before = delays(listener.steps)[-1]
        listener.stall(0.2)
        steps = listener.listen(1)
        done = steps[0].now + 0.2
        assert max(delays(each for each in steps if each.now > done - 0.1)) < before + 0.0201
        assert max(delays(each for each in steps if each.now > done + 0.2)) < before + 0.0101
        # What the pause cost, and no more: 140 ms of the 200 are not concealed for
        assert actions(steps)[Action.DROP] <= 7
        assert actions(steps)[Action.CONCEAL] == 0

    def test_a_short_stall_costs_nothing(self) -> None:
        listener = Listener(speak(600))
        listener.listen(5)
        listener.stall(0.055)
        assert actions(listener.listen(5)) == {Action.PLAY: 250}
