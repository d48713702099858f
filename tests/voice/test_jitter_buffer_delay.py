"""How long packets wait, over minutes and hours: as long as the network asks for, and no longer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.voice.network import (
    START,
    Listener,
    Sent,
    Step,
    actions,
    delays,
    jitter,
    played,
    speak,
)
from voice.jitter_buffer import Action

HOUR = 3600  # seconds
TOO_MUCH = 0.0101  # seconds of delay more than before that are no harm


def pauses(now: float) -> bool:
    """Somebody who speaks three seconds and listens for one."""
    return now % 4 < 1


def never(now: float) -> bool:
    return False


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


@pytest.mark.parametrize("drift", [200e-6, -200e-6])
def test_an_hour_of_drift_is_heard_by_nobody(drift: float) -> None:
    sent = speak(HOUR * 50, drift=drift)
    listener = Listener(sent, quiet=pauses)
    steps = listener.listen(HOUR - 1)
    assert max(delays(steps[50:])) < 0.045
    assert median(delays(steps)) < 0.025
    moved = [each for each in steps if each.action in (Action.DROP, Action.CONCEAL)]
    # 720 ms in an hour are 36 frames of 20 ms
    assert 30 <= len(moved) <= 42
    assert {each.action for each in moved} == {Action.DROP if drift > 0 else Action.CONCEAL}
    assert all(each.quiet for each in moved)
    assert actions(steps)[Action.ACCELERATE] == 0
    assert listener.counters["packets_lost"] == 0


@pytest.mark.parametrize("drift", [200e-6, -200e-6])
def test_drift_is_borne_even_by_those_who_never_pause(drift: float) -> None:
    listener = Listener(speak(1200 * 50, drift=drift), quiet=never)
    steps = listener.listen(1195)
    assert max(delays(steps[50:])) < 0.05
    assert actions(steps)[Action.DROP] == 0
    # A packet that has no time left is concealed for once, and then there is a frame of delay
    assert actions(steps)[Action.CONCEAL] <= 14


def test_drift_with_jitter_keeps_its_delay() -> None:
    listener = Listener(speak(600 * 50, drift=200e-6, delay=jitter(1, 0.03)), quiet=pauses)
    listener.listen(20)
    steps = listener.listen(575)
    assert max(delays(steps)) < 0.08
    assert median(delays(steps)) < 0.055
    assert actions(steps)[Action.CONCEAL] < 0.01 * len(steps)


def burst(size: float, at: int) -> Callable[[int], float]:
    """Return a network that holds everything for `size` seconds, and then lets it go at once."""
    return lambda number: max(0.0, size - (number - at) * 0.02) if number >= at else 0.0


def after(steps: list[Step], seconds: float) -> list[Step]:
    return [each for each in steps if each.now >= START + seconds]


def between_words(now: float) -> bool:
    return now % 0.5 < 0.1


@pytest.mark.parametrize("at", [500, 517, 560, 603])
@pytest.mark.parametrize(("quiet", "most"), [(between_words, TOO_MUCH), (never, 0.0301)])
def test_a_burst_is_over_within_a_second(
    quiet: Callable[[float], bool], most: float, at: int
) -> None:
    """Who never pauses keeps a frame more, since only whole periods can be taken out of words."""
    listener = Listener(speak(1000, delay=burst(0.15, at)), quiet=quiet)
    steps = listener.listen(19)
    before = median(delays(steps[: at - 10]))
    # The last packet of the burst is the newest that was held
    settled = after(steps, at * 0.02 + 0.15 + 1.0)
    assert max(delays(settled)) <= before + most
    assert listener.counters["packets_lost"] == 0
    assert played(settled)[-1] > 900


@pytest.mark.parametrize("seconds", [0.08, 0.2, 0.5, 1.0])
def test_after_a_stall_of_the_process_the_delay_is_back_at_once(seconds: float) -> None:
    listener = Listener(speak(1000), quiet=never)
    listener.listen(8)
    before = median(delays(listener.steps))
    listener.stall(seconds)
    listener.listen(8)
    steps = after(listener.steps, 8 + seconds + 0.1)
    assert max(delays(steps)) <= before + 0.0201
    steps = after(listener.steps, 8 + seconds + 1.0)
    assert max(delays(steps)) <= before + TOO_MUCH
    concealed = [each for each in after(listener.steps, 8) if each.action is Action.CONCEAL]
    assert not concealed


def test_a_stall_is_no_reason_to_wait_longer() -> None:
    """What was read late has not come late."""
    listener = Listener(speak(1000), quiet=never)
    listener.listen(8)
    for _ in range(5):
        listener.stall(0.15)
        listener.listen(1)
    assert listener.buffer.delay.target < 0.001


def shift(sent: list[Sent], at: int, seconds: float) -> list[Sent]:
    """Return the packets with a network that takes so much longer from packet `at` on."""
    return [
        each._replace(arrival=each.arrival + seconds) if each.number >= at else each
        for each in sent
    ]


def test_a_longer_way_costs_what_it_is_longer() -> None:
    listener = Listener(shift(speak(1500), 500, 0.1), quiet=pauses)
    steps = listener.listen(28)
    assert max(delays(after(steps, 15))) <= 0.1 + TOO_MUCH
    assert listener.counters["packets_lost"] == 0


def test_a_shorter_way_is_taken() -> None:
    sent = sorted(shift(speak(1500), 0, 0.1), key=lambda each: each.arrival)
    sent = sorted(shift(sent, 500, -0.1), key=lambda each: each.arrival)
    listener = Listener(sent, quiet=pauses)
    steps = listener.listen(28)
    assert max(delays(after(steps, 20))) <= TOO_MUCH


def busy(late: float) -> Callable[[int], float]:
    """Return a sender that sends nothing for so long at first, and then all at once."""
    return lambda number: max(0.0, late - number * 0.02)


def catching_up(late: float, seconds: float) -> Callable[[int], float]:
    """Return a sender that catches up evenly."""
    return lambda number: max(0.0, late * (1 - number * 0.02 / seconds))


def held(late: float, seconds: float) -> Callable[[int], float]:
    """Return a sender that is late for so long, and then sends what waits at once."""
    last = round(seconds / 0.02)
    return lambda number: late if number < last else max(0.0, late - (number - last + 1) * 0.02)


class TestStart:
    """A call whose first packets are late: what they took says nothing of the network."""

    @pytest.mark.parametrize("late", [0.1, 0.2, 0.35])
    @pytest.mark.parametrize(
        "sender",
        [busy, lambda late: catching_up(late, 0.5), lambda late: held(late, 0.3)],
        ids=["busy", "catching up", "held"],
    )
    def test_after_a_second_and_a_half_the_delay_is_short(
        self, sender: Callable[[float], Callable[[int], float]], late: float
    ) -> None:
        listener = Listener(speak(400, delay=sender(late)), quiet=never)
        steps = listener.listen(7)
        settled = after(steps, steps[0].now - START + 1.5)
        assert max(delays(settled)) <= 0.04
        assert actions(steps)[Action.ACCELERATE] == 0
        # One gap, and no longer than it must be
        dropped = [each.now for each in steps if each.action is Action.DROP]
        assert len(dropped) <= late / 0.02
        assert not dropped or dropped[-1] - dropped[0] < 0.001
        assert listener.counters["packets_discarded"] == 0

    @pytest.mark.parametrize("late", [0.1, 0.2, 0.35])
    def test_who_takes_two_seconds_is_waited_for(self, late: float) -> None:
        listener = Listener(speak(400, delay=catching_up(late, 1.9)), quiet=never)
        steps = listener.listen(7)
        assert max(delays(after(steps, 3.3))) <= 0.04
        assert actions(steps)[Action.ACCELERATE] == 0

    def test_a_pause_is_as_good_a_place_as_any(self) -> None:
        sent = speak(400, delay=held(0.2, 0.3))
        steps = Listener(sent, quiet=lambda now: now >= START + 0.9).listen(3)
        dropped = [each.now for each in steps if each.action is Action.DROP]
        assert dropped[0] == pytest.approx(START + 0.9, abs=0.0201)

    @pytest.mark.parametrize(("spread", "most"), [(0.04, 1.2), (0.08, 2.0), (0.12, 3.0)])
    def test_jitter_is_learned_from_few_packets(self, spread: float, most: float) -> None:
        """Frames that are concealed once the first half second is over, in the mean of 40 calls."""
        concealed = 0
        for seed in range(40):
            listener = Listener(speak(200, delay=jitter(seed, spread)))
            listener.listen(0.5)
            concealed += actions(listener.listen(3.4))[Action.CONCEAL]
        assert concealed / 40 < most
