"""How much of something a far end may ask for. Pure.

A token bucket: what was not used is saved up, but only to a limit, so that what waited during a
stall passes at once and a flood does not.
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
        self._rate = rate
        self._burst = self._left = burst
        self._since = float("-inf")

    def allows(self, now: float) -> bool:
        """Say whether anything is left at `now`, in seconds of a clock that never goes back."""
        if now > self._since:
            self._left = min(self._burst, self._left + self._rate * (now - self._since))
            self._since = now
        return self._left > 0

    def spend(self, amount: float) -> None:
        """Use so much; the last of it may be more than is left, and is owed then."""
        self._left -= amount


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
        super().spend(max(amount, SHORTEST_PACKET))
