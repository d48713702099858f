"""Minutes and money of the day, and the moment at which a cap on them is reached.

A cap that is looked at only when a call begins is none: a hundred calls that run go on past it. So
running calls count as they run, and `exhausted_in` says when to end them. What a call costs grows
in steps, a second or a minute at a time. Calls end before the step that would not fit.

A call holds back its first step from the moment at which it is placed. Nobody asks us before the
phone is picked up, and a hundred phones may be at once.

The day is that of UTC. A call that crosses midnight counts on each day for its part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.admission.limits import LimitReachedError, LimitRules
from gateway.admission.rates import Rate, Rates, as_units

DAY = 86_400  # seconds; UTC as computers count it has no leap seconds
MARGIN = 0.25  # seconds that a timer and a BYE may take, so that the next step is not due yet


@dataclass(frozen=True, slots=True)
class DayUsage:
    """What has to be remembered over a restart.

    `day` is a date such as 2026-03-01, `spend` is in the units of `rates.UNITS`.
    """

    day: str
    milliseconds: int = 0
    spend: int = 0


class Meter:
    """One call: placed, perhaps answered, ended."""

    __slots__ = ("_usage", "answered", "rate", "settled")

    def __init__(self, usage: Usage, rate: Rate | None) -> None:
        self._usage = usage
        self.rate = rate
        self.answered: int | None = None  # milliseconds of the clock
        self.settled = 0  # milliseconds of talk that belong to days before this one

    def begin(self) -> None:
        """Let it count from now: the call is answered. The second time does nothing."""
        self._usage.answer(self)

    def end(self) -> None:
        """Count it, if it was answered, and let it go. The second time does nothing."""
        self._usage.end(self)

    def talked(self, now: int) -> int:
        """Return milliseconds since the answer."""
        return 0 if self.answered is None else max(now - self.answered, 0)

    def cost(self, talked: int) -> int:
        """Return what the call costs on this day when it has talked so long."""
        return 0 if self.rate is None else self.rate.units(talked) - self.settled_cost

    @property
    def settled_cost(self) -> int:
        """What it has cost on days before this one."""
        return self.rate.units(self.settled) if self.rate is not None and self.settled else 0


class Usage:
    """Counts the day's minutes and money.

    `rules` and `rates` may be replaced while calls run; those keep the rate they began with.

    Parameters
    ----------
    rules
        `minutes_per_day` and `spend_per_day`.
    rates
        The table of prices; without one, money is not counted.
    clock
        Seconds of a clock that does not jump (time.monotonic), for how long calls are.
    wall
        Seconds since the epoch (time.time), for the day.
    margin
        Seconds by which calls end before the cap.
    """

    def __init__(
        self,
        rules: LimitRules,
        rates: Rates | None,
        clock: Callable[[], float],
        wall: Callable[[], float],
        margin: float = MARGIN,
    ) -> None:
        self.rules = rules
        self.rates = rates
        self._clock = clock
        self._wall = wall
        self._margin = margin
        self._day = int(wall() // DAY)  # days since the epoch
        self._milliseconds = 0  # of calls that ended, this day
        self._spend = 0
        self._meters: set[Meter] = set()

    @property
    def running(self) -> int:
        """How many calls are placed and have not ended."""
        return len(self._meters)

    @property
    def is_spent(self) -> bool:
        """Whether the day's money is used up, and not only held back."""
        cap = as_units(self.rules.spend_per_day)
        return bool(cap) and self.state.spend >= cap

    @property
    def state(self) -> DayUsage:
        """What the day holds so far, running calls included."""
        now = self._turn()
        milliseconds, spend = self._counted(now)
        return DayUsage(_date(self._day), milliseconds, spend)

    def restore(self, saved: DayUsage) -> None:
        """Go on from a saved day, if it is today.

        A day that is yet to come was saved by a clock that was wrong: it counts as today, since a
        cap must not be escaped by setting the clock.
        """
        self._turn()
        if saved.day >= _date(self._day):
            self._milliseconds += saved.milliseconds
            self._spend += saved.spend

    def take(self, to: str) -> Meter:
        """Return the meter of a call that is about to be placed.

        Raises
        ------
        LimitReachedError
            A cap is reached, or the first step of this call would not fit.
        """
        now = self._turn()
        meter = Meter(self, None if self.rates is None else self.rates.of(to))
        milliseconds, spend = self._due(now)
        # What has been spent is the operator's business: the page hears of none of the numbers
        minutes = self.rules.minutes_per_day
        if minutes and milliseconds >= minutes * 60_000:
            raise LimitReachedError(
                "minutes-per-day", "the gateway's minutes of this day (UTC) are used up"
            )
        cap = as_units(self.rules.spend_per_day)
        costs = meter.rate is not None and meter.rate.price > 0
        if cap and costs and (spend >= cap or spend + meter.cost(0) > cap):
            raise LimitReachedError(
                "spend-per-day",
                "what the gateway may spend on this day (UTC) is used up, or held back for calls "
                "that ring",
            )
        self._meters.add(meter)
        return meter

    def answer(self, meter: Meter) -> None:
        """Let a meter count from now."""
        now = self._turn()
        if meter.answered is None and meter in self._meters:
            meter.answered = now

    def end(self, meter: Meter) -> None:
        """Count what a meter has, and let it go."""
        now = self._turn()
        if meter not in self._meters:
            return
        self._meters.remove(meter)
        if meter.answered is not None:
            talked = meter.talked(now)
            self._milliseconds += talked - meter.settled
            self._spend += meter.cost(talked)

    def exhausted_in(self) -> float | None:
        """Return in how many seconds calls have to end for a cap to hold, None while none will.

        It holds for the calls that there are now: ask again when one is placed, answered or ended,
        when the rules change, and when the time is over (at midnight the cap moves away). 0.0 says
        that the calls have to end now.
        """
        found = self.next_cap()
        return None if found is None else found[0]

    def next_cap(self) -> tuple[float, str] | None:
        """Return `exhausted_in`, and which limit it is, by the word of `LIMITS`."""
        now = self._turn()
        caps = [
            (seconds, limit)
            for seconds, limit in (
                (self._until_minutes(now), "minutes-per-day"),
                (self._until_spend(now), "spend-per-day"),
            )
            if seconds is not None
        ]
        if not caps:
            return None
        seconds, limit = min(caps)
        return max(seconds - self._margin, 0.0), limit

    def _until_minutes(self, now: int) -> float | None:
        if not self.rules.minutes_per_day:
            return None
        talking = sum(meter.answered is not None for meter in self._meters)
        if not talking:
            return None
        left = self.rules.minutes_per_day * 60_000 - self._counted(now)[0]
        return max(left, 0) / talking / 1000

    def _until_spend(self, now: int) -> float | None:
        if not self.rules.spend_per_day:
            return None
        left = as_units(self.rules.spend_per_day) - self._spend
        running: list[tuple[Rate, int]] = []
        for meter in self._meters:
            if meter.answered is None:
                left -= meter.cost(0)
            elif meter.rate is not None and meter.rate.price:
                left += meter.settled_cost
                running.append((meter.rate, meter.talked(now)))
        if not running:
            return None
        return _longest(running, left) / 1000

    def _counted(self, now: int) -> tuple[int, int]:
        """Return milliseconds and money of this day."""
        milliseconds, spend = self._milliseconds, self._spend
        for meter in self._meters:
            if meter.answered is not None:
                talked = meter.talked(now)
                milliseconds += talked - meter.settled
                spend += meter.cost(talked)
        return milliseconds, spend

    def _due(self, now: int) -> tuple[int, int]:
        """Return the same with what calls that are not answered yet hold back."""
        milliseconds, spend = self._counted(now)
        return milliseconds, spend + sum(
            meter.cost(0) for meter in self._meters if meter.answered is None
        )

    def _turn(self) -> int:
        """Begin a new day if there is one, and return the clock's milliseconds.

        A clock that is set back across midnight must not bring the old day's cap again, and one
        that was days ahead must not keep its day until then.
        """
        now, wall = round(self._clock() * 1000), self._wall()
        today, since_midnight = int(wall // DAY), round(wall % DAY * 1000)
        if today > self._day:
            self._milliseconds = self._spend = 0
            for meter in self._meters:
                meter.settled = meter.talked(now - since_midnight)
            self._day = today
        elif today < self._day - 1:
            self._day = today
        return now


def _longest(running: list[tuple[Rate, int]], left: int) -> int:
    """Return for how many milliseconds more the calls cost no more than `left` together.

    Each is a rate, and the milliseconds that it has lasted. What it costs is never below its price
    by the second, and never above it by more than a step: that leaves a few moments to look at.
    """

    def fits(milliseconds: int) -> bool:
        return sum(rate.units(talked + milliseconds) for rate, talked in running) <= left

    if not fits(0):
        return 0
    a_second = sum(rate.price for rate, _ in running)
    thousandths = 1000 * left - sum(rate.price * talked for rate, talked in running)
    slack = 1000 * sum(rate.price * max(rate.first, rate.then) for rate, _ in running)
    low, high = max((thousandths - slack) // a_second, 0), thousandths // a_second + 1
    while high - low > 1:  # `low` always fits, `high` never
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY, UTC).date().isoformat()
