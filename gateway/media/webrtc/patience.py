"""How long ICE and DTLS may take before a call is given up: pure, in seconds of one clock.

Until they are up nobody can be heard, while a phone may ring, be picked up, and cost money. A
browser that has a way through finds it within a few round trips; what takes time is a relay, whose
address comes late. So the time of ICE counts from the last address that the browser has named.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

# From the answer, or the browser's last candidate, on: checks that are lost are repeated after 0.5,
# 1.5 and 3.5 s, and whoever answers none of those has no way through
PATIENT: Final = 5.0

# The same once the far end has picked up: it says hello, hears nothing, and pays
ANSWERED: Final = 1.0

# From the answer on, for the handshake after ICE: two round trips, and one repetition of what was
# lost, which comes after 1 s (RFC 6347 section 4.2.4.1)
HANDSHAKE_ANSWERED: Final = 2.0


@dataclass(frozen=True, slots=True)
class Patience:
    """When ICE began, what has happened since, and the time that it may take at most."""

    began: float
    limit: float
    named: float | None = None  # the last candidate that may be of use
    answered: float | None = None  # the far end has picked up
    gathered: bool = False  # there will be no more candidates

    @property
    def deadline(self) -> float:
        """When there is no hope any more; the past if there is none now."""
        named = self.began if self.named is None else max(self.named, self.began)
        if self.named is None and self.gathered:
            return self.began
        patient = min(named + PATIENT, self.began + self.limit)
        if self.answered is None or self.named is None:  # who has named none yet waits for a relay
            return patient
        return min(patient, max(self.answered, named) + ANSWERED)

    def name(self, now: float) -> Patience:
        """Take note of a candidate."""
        return replace(self, named=now)

    def answer(self, now: float) -> Patience:
        """Take note that the far end has picked up."""
        return self if self.answered is not None else replace(self, answered=now)

    def end(self) -> Patience:
        """Take note of the end of candidates."""
        return replace(self, gathered=True)


def handshake_deadline(began: float, limit: float, answered: float | None) -> float:
    """Return when a handshake has to be done that `began` as soon as ICE was up."""
    patient = began + limit
    if answered is None:
        return patient
    return min(patient, max(answered, began) + HANDSHAKE_ANSWERED)
