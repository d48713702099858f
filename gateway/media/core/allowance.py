"""How much of something a far end may ask for. Pure.

What was not used is saved up, but only to a limit, so that what waited during a stall passes at
once and a flood does not. A token bucket, kept as the time by which all that was used is earned:
that is one number, and packets are many.
"""

from __future__ import annotations


class Allowance:
    """So much per second, and at most so much at once.

    Parameters
    ----------
    rate
        What is allowed per second.
    burst
        What may be saved up, and is there at the beginning.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._price = 1 / rate  # seconds in which one is earned
        self._ahead = burst / rate  # seconds
        self._earned = float("-inf")  # when all that was used will be

    def allows(self, now: float) -> bool:
        """Say whether anything is left at `now`, in seconds of a clock that never goes back."""
        if self._earned < now:
            self._earned = now
        return self._earned - now < self._ahead

    def spend(self, amount: float) -> None:
        """Use so much; the last of it may be more than is left, and is owed then."""
        self._earned += amount * self._price


# Seconds of audio that are taken per second, and at once: the backlog of a stall passes, a flood
# that would take more than a call's share of a core does not
AUDIO_RATE = 2.0
AUDIO_BURST = 0.5
SHORTEST_PACKET = 0.01  # seconds; whatever it holds, a packet costs as much as one of these


class AudioAllowance(Allowance):
    """Of one stream of packets, in seconds of audio."""

    def __init__(self) -> None:
        super().__init__(AUDIO_RATE, AUDIO_BURST)

    def spend(self, amount: float) -> None:
        """Use what one packet holds."""
        if amount < SHORTEST_PACKET:
            amount = SHORTEST_PACKET
        self._earned += amount * self._price
