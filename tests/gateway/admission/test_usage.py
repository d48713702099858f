from __future__ import annotations

from decimal import Decimal
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.limits import LimitReachedError, LimitRules
from gateway.admission.rates import UNITS, Rates, as_money, parse_rates
from gateway.admission.usage import DayUsage, Usage
from tests.gateway.admission.clock import Clock

RATES = parse_rates("44,0.6,,1/1\n1,0.6,,60/60\n33,0.07,,30/6\nlocal,0")
BY_SECOND, BY_MINUTE, LOCAL = "+442079460000", "+15551234567", "600"
NOON = 1_772_366_400.0  # 2026-03-01T12:00:00Z


class Day:
    """A usage, and two clocks that go together."""

    def __init__(
        self,
        minutes: int = 0,
        spend: str = "0",
        rates: Rates | None = RATES,
        margin: float = 0.0,
        wall: float = NOON,
    ) -> None:
        self.clock, self.wall = Clock(), Clock(wall)
        rules = LimitRules(minutes_per_day=minutes, spend_per_day=Decimal(spend))
        self.usage = Usage(rules, rates, self.clock, self.wall, margin)

    def go_on(self, seconds: float) -> None:
        self.clock.now += seconds
        self.wall.now += seconds

    @property
    def spent(self) -> Decimal:
        return as_money(self.usage.state.spend)


def refused(usage: Usage, to: str = BY_SECOND) -> str:
    with pytest.raises(LimitReachedError) as found:
        usage.take(to)
    return found.value.limit


def test_running_calls_count_as_they_run() -> None:
    day = Day()
    call = day.usage.take(BY_SECOND)
    day.go_on(30)  # it rings
    assert day.usage.state == DayUsage("2026-03-01")
    call.begin()
    day.go_on(10)
    call.begin()
    assert day.usage.state.milliseconds == 10_000
    assert day.spent == Decimal("0.1")
    call.end()
    call.end()
    call.begin()
    day.go_on(10)
    assert day.usage.state.milliseconds == 10_000
    assert day.spent == Decimal("0.1")


def test_a_call_that_nobody_answers_costs_nothing() -> None:
    day = Day(spend="1")
    day.usage.take(BY_MINUTE).end()
    assert day.usage.state == DayUsage("2026-03-01")


def test_minutes_of_parallel_calls_end_together() -> None:
    day = Day(minutes=10)
    calls = [day.usage.take(LOCAL) for _ in range(100)]
    assert day.usage.exhausted_in() is None
    for call in calls:
        call.begin()
    assert day.usage.exhausted_in() == 6
    day.go_on(4)
    calls.pop().end()
    assert day.usage.exhausted_in() == pytest.approx(2 * 100 / 99)
    day.go_on(3)
    assert day.usage.next_cap() == (0, "minutes-per-day")
    assert refused(day.usage) == "minutes-per-day"


@pytest.mark.parametrize(
    ("to", "spend", "seconds"),
    [
        (BY_SECOND, "1", 100),  # 0.01 a second
        (BY_SECOND, "1.005", 100),
        (BY_MINUTE, "1", 60),  # the second minute would not fit
        (BY_MINUTE, "1.2", 120),
        (BY_MINUTE, "0.6", 60),
    ],
)
def test_a_call_ends_before_the_step_that_does_not_fit(to: str, spend: str, seconds: float) -> None:
    day = Day(spend=spend)
    day.usage.take(to).begin()
    assert day.usage.exhausted_in() == seconds
    day.go_on(seconds)
    assert day.usage.next_cap() == (0, "spend-per-day")
    assert day.spent <= Decimal(spend)
    day.go_on(0.001)
    assert day.spent > Decimal(spend)


def test_calls_end_before_the_cap_by_what_a_bye_takes() -> None:
    day = Day(spend="1", margin=0.25)
    day.usage.take(BY_SECOND).begin()
    assert day.usage.exhausted_in() == 99.75
    day.go_on(99.8)
    assert day.usage.exhausted_in() == 0


def test_a_hundred_phones_that_are_picked_up_at_once_do_not_break_the_cap() -> None:
    day = Day(spend="6")  # ten first minutes
    calls = [day.usage.take(BY_MINUTE) for _ in range(10)]
    assert refused(day.usage, BY_MINUTE) == "spend-per-day"
    for call in calls:
        call.begin()
    assert day.spent == 6
    assert day.usage.exhausted_in() == 60
    for call in calls:
        call.end()
    assert refused(day.usage, BY_SECOND) == "spend-per-day"
    day.usage.take(LOCAL)  # but no call passes once all is spent, free or not
    assert day.spent == 6


def test_what_waits_shortens_what_runs() -> None:
    day = Day(spend="1")
    day.usage.take(BY_SECOND).begin()
    waiting = day.usage.take(BY_MINUTE)
    assert day.usage.exhausted_in() == 40
    waiting.end()
    assert day.usage.exhausted_in() == 100


def test_without_rates_spend_is_not_counted() -> None:
    day = Day(spend="0.01", rates=None)
    day.usage.take(BY_MINUTE).begin()
    day.go_on(3600)
    assert day.usage.exhausted_in() is None
    assert day.spent == 0
    assert day.usage.state.milliseconds == 3_600_000


def test_free_calls_never_reach_the_cap() -> None:
    day = Day(spend="1")
    day.usage.take(LOCAL).begin()
    assert day.usage.exhausted_in() is None


def test_no_cap_is_no_cap() -> None:
    day = Day()
    day.usage.take(BY_MINUTE).begin()
    day.go_on(80_000)
    assert day.usage.exhausted_in() is None
    day.usage.take(BY_MINUTE)


def test_a_call_over_midnight_counts_on_each_day_for_its_part() -> None:
    day = Day(minutes=60, spend="100", wall=NOON + 43_200 - 10)
    by_second, by_minute = day.usage.take(BY_SECOND), day.usage.take(BY_MINUTE)
    by_second.begin()
    by_minute.begin()
    day.go_on(9)
    assert day.usage.state == DayUsage("2026-03-01", 18_000, int(Decimal("0.69") * UNITS))
    day.go_on(6)
    # the minute was paid for yesterday
    assert day.usage.state == DayUsage("2026-03-02", 10_000, int(Decimal("0.05") * UNITS))
    day.go_on(50)
    by_minute.end()
    assert day.usage.state == DayUsage("2026-03-02", 110_000, int(Decimal("1.15") * UNITS))
    by_second.end()
    assert day.usage.state == DayUsage("2026-03-02", 110_000, int(Decimal("1.15") * UNITS))


def test_midnight_moves_the_cap_away() -> None:
    day = Day(spend="1", wall=NOON + 43_200 - 50)
    day.usage.take(BY_SECOND).begin()
    assert day.usage.exhausted_in() == 100
    day.go_on(60)
    assert day.usage.exhausted_in() == 90  # 0.1 of the new day is spent


def test_a_wall_clock_that_is_set_back_over_midnight_brings_no_second_cap() -> None:
    day = Day(spend="1", wall=NOON + 43_200 + 1)
    call = day.usage.take(BY_SECOND)
    call.begin()
    day.go_on(50)
    day.wall.now -= 3600
    assert day.spent == Decimal("0.5")
    assert day.usage.state.day == "2026-03-02"
    day.wall.now += 3600
    assert day.spent == Decimal("0.5")


def test_a_wall_clock_that_was_years_ahead_does_not_keep_its_day() -> None:
    day = Day(minutes=1, wall=NOON + 3e8)
    day.usage.take(BY_SECOND).begin()
    day.go_on(60)
    day.wall.now = NOON
    assert day.usage.state == DayUsage("2026-03-01", 60_000, int(Decimal("0.6") * UNITS))
    day.wall.now += 86_400
    assert day.usage.state.day == "2026-03-02"


def test_how_long_a_call_lasts_is_no_matter_of_the_wall_clock() -> None:
    day = Day()
    day.usage.take(BY_SECOND).begin()
    day.clock.now += 10
    day.wall.now += 5000
    assert day.usage.state.milliseconds == 10_000
    day.clock.now -= 100
    assert day.usage.state.milliseconds == 0


@pytest.mark.parametrize(
    ("saved", "spent"),
    [("2026-03-01", 7), ("2026-02-28", 0), ("2031-01-01", 7)],
)
def test_a_restart_goes_on_from_the_same_day(saved: str, spent: int) -> None:
    day = Day(spend="10")
    day.usage.restore(DayUsage(saved, 60_000, 7 * UNITS))
    assert day.spent == spent
    assert day.usage.state.milliseconds == (60_000 if spent else 0)
    assert day.usage.state.day == "2026-03-01"


def test_rules_and_rates_change_while_calls_run() -> None:
    day = Day()
    day.usage.take(BY_SECOND).begin()
    day.usage.rules = LimitRules(spend_per_day=Decimal(1))
    day.usage.rates = parse_rates("44,6")
    assert day.usage.exhausted_in() == 100
    day.usage.take(BY_SECOND).begin()  # 0.1 a second: its first is due
    assert day.usage.exhausted_in() == 9


calls = st.lists(
    st.tuples(st.sampled_from([BY_SECOND, BY_MINUTE, "+33123456789"]), st.integers(0, 90_000)),
    min_size=1,
    max_size=12,
)


@given(calls, st.integers(1, 3000))
def test_the_moment_is_the_last_that_holds_the_cap(
    begun: list[tuple[str, int]], cents: int
) -> None:
    spend = Decimal(cents) / 100
    day = Day(spend=str(spend))
    for to, pause in begun:
        try:
            day.usage.take(to).begin()
        except LimitReachedError:
            continue
        found = day.usage.exhausted_in()
        assert found is not None
        day.go_on(min(found, pause / 1000))
        assert day.spent <= spend
    found = day.usage.exhausted_in()
    if found is None:
        return  # none could begin
    day.go_on(found)
    assert day.spent <= spend
    day.go_on(0.001)
    assert day.spent > spend


def test_a_thousand_calls_are_asked_for_in_a_moment() -> None:
    day = Day(spend="100000", minutes=10**9)
    for _ in range(1000):
        day.usage.take(BY_SECOND).begin()
        day.go_on(0.1)
    start = perf_counter()
    for _ in range(5):
        assert day.usage.exhausted_in() is not None
    assert (perf_counter() - start) / 5 < 0.1  # 8 ms where it was written; nobody may hear it
