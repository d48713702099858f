"""The trunks: what each carries now, what became of its calls, and which are to be tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway import trunk
from gateway.calls.browser_description import BITRATE
from gateway.calls.end import By, CallEnd
from gateway.calls.news import Answered, Ended, News, Redirected
from gateway.calls.symmetric_rtp import SymmetricRtp
from gateway.errors import ForbiddenError
from gateway.trunk import Dtmf
from sdp import Srtp

REDIRECTED: Final = CallEnd.made_here(
    By.REMOTE, "transferred", 200, "The far end has transferred the call."
)


@dataclass(frozen=True, slots=True)
class Route:
    """A trunk and how calls on it are described.

    `codecs` are what the trunk is offered and `passthrough` those of them that a browser's audio
    is to come in as well, the best first of each; `bitrate` (bit/s) is asked of the browser
    otherwise. `symmetric_rtp` says whose audio is believed besides the described host's, `dtmf` how
    digits go, `srtp` whether audio is encrypted, `number` how the trunk wants a number written.
    """

    trunk: trunk.Trunk
    codecs: tuple[str, ...]
    max_calls: int
    passthrough: tuple[str, ...] = ()
    bitrate: int = BITRATE
    symmetric_rtp: SymmetricRtp = SymmetricRtp.AUTO
    dtmf: Dtmf = Dtmf.AUTO
    srtp: Srtp = Srtp.OFF
    number: Callable[[str], str] = str


@dataclass(slots=True)
class TrunkCalls:
    """The calls of one trunk, and what is known of it.

    `up` is None while nothing is known, `why` says what was last seen. `hear` is told of whatever
    comes from it. `order` is as of `Trunks`.
    """

    route: Route
    active: int = 0
    up: bool | None = None
    why: str = ""
    hear: Callable[[trunk.TrunkEvent], None] = lambda event: None
    order: Callable[[str], Sequence[str]] | None = None  # None: every number goes here
    placed: int = 0
    answered: int = 0
    ended: Counter[str] = field(default_factory=Counter)  # by cause
    answers: Counter[str] = field(default_factory=Counter)  # final ones, by status

    @property
    def name(self) -> str:
        return self.route.trunk.name

    @property
    def capacity(self) -> int:
        """Calls at a time."""
        return self.route.max_calls

    @property
    def has_room(self) -> bool:
        return self.active < self.route.max_calls

    def number(self, to: str) -> str:
        """Return an admitted target as the trunk itself is to call it.

        Raises
        ------
        ForbiddenError
            No route leads to it by this trunk.
        """
        if self.order is not None and self.name not in self.order(to):
            raise ForbiddenError(
                f"{to} may not be called: no route leads to it by the trunk of this call",
                rule="route",
            )
        return self.route.number(to)

    def hold(self) -> Callable[[], None]:
        """Take a line; return what gives it back, of which the second time does nothing."""
        self.active += 1
        left = [1]

        def release() -> None:
            if left:
                self.active -= left.pop()

        return release

    def count(self, event: News, *, answered: bool) -> None:
        """Count what happens to a call that was placed here; `answered` says how far it was."""
        if isinstance(event, Answered):
            self.count_answer()
        elif isinstance(event, Redirected):  # the far end here has handed the call over
            self.count_end(REDIRECTED, answered=True)
        elif isinstance(event, Ended):
            self.count_end(event.end, answered=answered)

    def count_answer(self) -> None:
        """Count a call that was picked up."""
        self.answered += 1
        self.answers["200"] += 1

    def count_end(self, end: CallEnd, *, answered: bool) -> None:
        """Count the end of a call, or of a try to place one."""
        self.ended[end.cause] += 1
        if not answered:
            self.answers[final_answer(end)] += 1


def final_answer(end: CallEnd) -> str:
    """Return the status that the trunk has ended an unanswered call with."""
    if end.by is By.REMOTE:
        return str(end.sip_code)
    # Ours is a CANCEL, which 487 answers (RFC 3261 section 9.2), unless nobody is there
    return "487" if end.cause in ("canceled", "no-answer", "page-lost", "stopped") else "none"


class Trunks:
    """All of them.

    Parameters
    ----------
    order
        Returns the names of those to try for a number, in turn, or raises `ForbiddenError`.
    """

    def __init__(self, routes: Sequence[Route], order: Callable[[str], Sequence[str]]) -> None:
        self.states = {route.trunk.name: TrunkCalls(route, order=order) for route in routes}
        self._order = order

    def first(self) -> Route | None:
        """Return the one that is configured first."""
        return next((state.route for state in self.states.values()), None)

    @property
    def capacity(self) -> int:
        """Calls at a time that all of them carry."""
        return sum(state.capacity for state in self.states.values())

    @property
    def has_room(self) -> bool:
        """Whether there is one that takes another call."""
        return any(state.has_room for state in self.states.values())

    def candidates(self, to: str) -> tuple[TrunkCalls, ...]:
        """Return those to try for a call to `to`, in turn.

        One that is known to be down comes after the others: it may be up again before its next
        OPTIONS, and nobody else would take the call.
        """
        named = [self.states[name] for name in self._order(to)]
        return tuple(sorted(named, key=lambda each: each.up is False))
