"""Whether a trunk can be expected to take a call, by all that has been learned of it.

Pure: what happened in, a state out, the clock an argument. A state is a hint for the order in which
trunks are tried, never a ban: where every trunk is down, one that is called may still answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.trunk.events import Ended, Origin, Reply
from gateway.trunk.registration import RegistrationState

MOST_SILENCES: Final = 2  # in a row; one packet may be lost, not all that SIP repeats of two
LONGEST_PAUSE: Final = 3600  # seconds, whatever Retry-After says
SILENT_PAUSE: Final = 30  # seconds without calls, where no OPTIONS can tell that they work again
REFUSED_PAUSE: Final = 300  # seconds; a wrong password does not right itself sooner
UNAVAILABLE: Final = 503
TIMEOUT: Final = 408
CHALLENGES: Final = (401, 407)
# A server error that comes from a server in good order
NOT_IMPLEMENTED: Final = (501, 505, 513)


@dataclass(frozen=True, slots=True)
class TrunkState:
    """Whether a trunk works: `up` is None while nobody knows.

    `why` is a sentence, `since` the clock's reading when `up` became what it is.
    """

    up: bool | None
    why: str
    since: float


def is_fault(code: int) -> bool:
    """Tell whether a final status says that the trunk is out of order, not that it says no."""
    return code // 100 == 5 and code not in NOT_IMPLEMENTED


class Health:
    """What is known of one trunk.

    Parameters
    ----------
    clock
        Returns seconds, which never go back.
    asks
        Whether OPTIONS are sent. Without, only calls can tell that a trunk is there again, so two
        calls that got no answer make a pause, and no more.
    """

    def __init__(self, clock: Callable[[], float], *, asks: bool = True) -> None:
        self._clock = clock
        self._asks = asks
        self._silences = 0
        self._answers: bool | None = None
        self._why = "Nothing is known of the trunk yet."
        self._refused = ""  # what the trunk says to our REGISTER
        self._pause: tuple[float, str] | None = None  # until when, and why
        self._state = TrunkState(None, self._why, clock())

    @property
    def state(self) -> TrunkState:
        """What all of it means now."""
        now = self._clock()
        if self._pause is not None and now >= self._pause[0]:
            until, self._pause = self._pause[0], None
            self._note(until)
        self._note(now)
        return self._state

    @property
    def up(self) -> bool | None:
        """Whether it works, None while nobody knows."""
        return self.state.up

    @property
    def why(self) -> str:
        """A sentence that says why it is up or down."""
        return self.state.why

    @property
    def since(self) -> float:
        """The clock's reading when `up` became what it is."""
        return self.state.since

    @property
    def pause(self) -> float:
        """Seconds until a pause ends; 0 without one."""
        return 0.0 if self._pause is None else max(0.0, self._pause[0] - self._clock())

    @property
    def unsure(self) -> bool:
        """Tell whether one answer is missing: it is worth asking again soon."""
        return 0 < self._silences < MOST_SILENCES

    def _note(self, when: float) -> None:
        up, why = self._judge()
        since = self._state.since if up is self._state.up else when
        self._state = TrunkState(up, why, since)

    def _judge(self) -> tuple[bool | None, str]:
        if self._pause is not None:
            return False, self._pause[1]
        if self._refused:
            return False, self._refused
        return self._answers, self._why

    # -- OPTIONS

    def replied(self, reply: Reply) -> None:
        """Take what came of an OPTIONS."""
        code = reply.code
        if code is None or code == TIMEOUT:
            self._silent(reply.reason if code is None else "The trunk says 408 to OPTIONS.")
        elif is_fault(code):
            self._silences = 0
            self._answers = False
            self._why = f"The trunk says {code} {reply.reason} to OPTIONS.".replace("  ", " ")
            if code == UNAVAILABLE and reply.retry_after:
                self._rest(reply.retry_after, self._why)
        else:
            self._heard("The trunk answers OPTIONS.")
        self._note(self._clock())

    # -- calls

    def call_answered(self) -> None:
        """Take that a call was answered: whatever was wrong with the trunk is over."""
        self._pause = None
        self._heard("The trunk answers calls.")
        self._note(self._clock())

    def call_ended(self, end: Ended) -> bool:
        """Take the end of a call; return whether the trunk is suspect and to be asked at once."""
        suspect = self._judge_end(end)
        self._note(self._clock())
        return suspect and self._asks

    def _judge_end(self, end: Ended) -> bool:
        if end.by is Origin.NETWORK:
            if end.cause == "unreachable":
                self._silent(end.sentence)
            return True
        if end.by is not Origin.REMOTE:
            return False
        if end.code in CHALLENGES:
            self._rest(REFUSED_PAUSE, end.sentence)
            return False
        if end.code == TIMEOUT or is_fault(end.code):
            if end.code == UNAVAILABLE and end.retry_after:
                self._rest(end.retry_after, end.sentence)
            return True
        self._heard("The trunk answers calls.")
        return False

    # -- registration

    def registered(self, state: RegistrationState) -> None:
        """Take what came of a REGISTER."""
        if state.registered:
            self._refused = ""
            self._heard("The trunk has registered us.")
        else:
            self._refused = state.sentence
        self._note(self._clock())

    # -- what these have in common

    def _heard(self, why: str) -> None:
        self._silences = 0
        self._answers, self._why = True, why

    def _silent(self, why: str) -> None:
        self._silences += 1
        if self._silences < MOST_SILENCES:
            return
        if self._asks:
            self._answers, self._why = False, why
        else:
            self._answers, self._why = None, "The trunk did not answer its last calls."
            self._rest(SILENT_PAUSE, why)

    def _rest(self, seconds: float, why: str) -> None:
        self._pause = self._clock() + min(seconds, LONGEST_PAUSE), why
