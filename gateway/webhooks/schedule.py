"""When an attempt that has failed is made again. Pure."""

from __future__ import annotations

# A server that is being restarted is back by then; one that is broken for a night is asked hourly
FIRST_WAIT = 5.0  # seconds
LONGEST_WAIT = 3600.0
_MOST_DOUBLINGS = 16


def wait_after(failures: int, chance: float, retry_after: float | None = None) -> float:
    """Return how many seconds to wait after so many failures in a row, one at least.

    Doubled each time, and somewhere between half of that and all, so that gateways whose server was
    away do not come back at once. `chance` is from 0 to 1. A Retry-After is kept, up to the longest
    wait.
    """
    longest = min(FIRST_WAIT * 2.0 ** min(failures - 1, _MOST_DOUBLINGS), LONGEST_WAIT)
    return max(longest * (0.5 + 0.5 * chance), min(retry_after or 0.0, LONGEST_WAIT))
