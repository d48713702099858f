"""Which targets have failed lately: they are tried after the others (RFC 3263 section 4.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from gateway.trunk.events import Ended, Origin, Reply, TrunkEvent
from gateway.trunk.questions import is_good
from gateway.trunk.targets import Target

PENALTY: Final = 60.0  # seconds: one call a minute finds out whether the target is back
LONGEST_PENALTY: Final = 3600.0  # of a Retry-After
UNAVAILABLE: Final = 503


class Failures:
    """What is known of targets. It decides about an order, and never that one is not tried."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: dict[Target, float] = {}

    def order(self, targets: Sequence[Target]) -> tuple[Target, ...]:
        """Return the targets, those that have failed lately at the end."""
        now = self._clock()
        self._until = {target: until for target, until in self._until.items() if until > now}
        return tuple(sorted(targets, key=self._until.__contains__))

    def failed(self, target: Target, retry_after: int | None = None) -> None:
        """Note that it did not answer, or said 503, for so many seconds if it said how many."""
        penalty = min(retry_after or PENALTY, LONGEST_PENALTY)
        self._until[target] = self._clock() + penalty

    def works(self, target: Target) -> None:
        """Note that it answers."""
        self._until.pop(target, None)

    def heard(self, target: Target, event: TrunkEvent) -> None:
        """Note what an event of a call there says."""
        if isinstance(event, Ended):
            lost = event.by is Origin.NETWORK
            refused = event.by is Origin.REMOTE and event.code == UNAVAILABLE
            if lost or refused:
                self.failed(target, event.retry_after)
            return
        self.works(target)

    def replied(self, target: Target, reply: Reply) -> None:
        """Note what an answer to OPTIONS says."""
        if is_good(reply):
            self.works(target)
        else:
            self.failed(target, reply.retry_after)
