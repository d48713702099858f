"""One try to reach the far end, over one trunk; a call makes the next one where that makes sense.

A trunk may have several targets (RFC 3263): where one does not answer, or says 503, the next one is
tried, and then the next trunk. The browser hears nothing of it: it has its answer, and rings on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from gateway import trunk
from gateway.admission.limits import LimitReachedError
from gateway.calls.end import By, CallEnd
from gateway.calls.endings import end_of
from gateway.calls.events import CallEvent, NotPlaced
from gateway.calls.trunk_negotiation import TrunkNegotiation
from gateway.calls.trunks import TrunkCalls

N = TypeVar("N", bound=TrunkNegotiation)

# Sends the offer of the attempt's negotiation, and takes who hears what becomes of it
Dial = Callable[[Callable[[trunk.TrunkEvent], None]], Awaitable[trunk.TrunkLeg]]


class Targets:
    """Where one trunk is tried for one call, in turn: found when the first INVITE is to go out."""

    def __init__(self, find: Callable[[], Awaitable[Sequence[trunk.Target]]]) -> None:
        self._find = find
        self._left: list[trunk.Target] | None = None

    async def next(self) -> trunk.Target:
        """Return the next one; TrunkError if there is none."""
        if self._left is None:
            self._left = list(await self._find())
        if not self._left:
            raise trunk.TrunkError("the trunk has no other target")
        return self._left.pop(0)

    @property
    def more(self) -> bool:
        """Whether there is another one; not known, and hence false, before the first."""
        return bool(self._left)


@dataclass(frozen=True, slots=True)
class Attempt(Generic[N]):
    """A trunk, the descriptions that are agreed with it, and how its INVITE is sent.

    `targets` are those where the trunk can be tried again.
    """

    trunk: TrunkCalls
    negotiation: N
    dial: Dial
    targets: Targets | None = None
    again: bool = False  # it is not the first target of this trunk

    @property
    def place(self) -> str:
        """Name it for a log."""
        return f"{'another target of ' if self.again else ''}trunk {self.trunk.name}"


class Attempts(Generic[N]):
    """The trunks of one call, tried in turn. A line of one at a time is held.

    Parameters
    ----------
    candidates
        Those to try, the best first; one is passed over if it has no room when its turn comes.
    make
        Makes the attempt on one of them; on the same one again if it is given its targets.
    on_next
        Told of each trunk that is tried.

    Raises
    ------
    LimitReachedError
        None of them has room.
    """

    def __init__(
        self,
        candidates: Iterator[TrunkCalls],
        make: Callable[[TrunkCalls, Targets | None], Attempt[N]],
        on_next: Callable[[TrunkCalls], None],
    ) -> None:
        self._candidates = candidates
        self._make = make
        self._on_next = on_next
        self._held: TrunkCalls | None = None
        self._last: Attempt[N] | None = None
        first = self._take()
        if first is None:
            raise no_room()
        self.first = first

    def next(self, end: CallEnd) -> Attempt[N] | None:
        """Return the next attempt, None if there is none; `end` is what became of the last."""
        last, failed = self._last, self._held
        targets = last.targets if last is not None else None
        if last is not None and targets is not None and targets.more and target_failed(end):
            self._last = self._make(last.trunk, targets)
            return self._last
        attempt = self._take()
        if failed is not None and attempt is not None:  # else the call's own end is counted
            failed.count_end(end, answered=False)
        return attempt

    def _take(self) -> Attempt[N] | None:
        state = next((each for each in self._candidates if each.has_room), None)
        if state is None:
            return None
        self._last = attempt = self._make(state, None)
        self.release()
        self._held = state
        state.active += 1
        state.placed += 1
        self._on_next(state)
        return attempt

    def release(self) -> None:
        """Give the line back; the second time does nothing."""
        held, self._held = self._held, None
        if held is not None:
            held.active -= 1


def failure(event: CallEvent) -> CallEnd | None:
    """Return how a try has ended, if another trunk may do better.

    That is so where the trunk is at fault: it does not answer, or says that it cannot (408, 5xx).
    Whoever is busy, unknown or unwilling is so over every trunk.
    """
    match event:
        case NotPlaced(end=end):
            return end
        case trunk.Ended(by=trunk.Origin.NETWORK):
            return end_of(event)
        case trunk.Ended(by=trunk.Origin.REMOTE, code=code) if code == 408 or 500 <= code < 600:
            return end_of(event)
    return None


def target_failed(end: CallEnd) -> bool:
    """Tell whether another target of the same trunk may do better (RFC 3263 section 4.3).

    Nobody answered there, or it said 503; whatever else it says, the others would say as well.
    """
    return end.by is not By.REMOTE or end.sip_code == 503


def no_room() -> LimitReachedError:
    """Refuse a call: its trunks carry no more (`max_calls`)."""
    return LimitReachedError(
        "calls-at-once-per-trunk",
        "all lines of the trunks for this number are in use; try again later",
    )
