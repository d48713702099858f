"""A bucket that fills at a rate: whoever takes out of it may have a burst, and then the rate."""

from __future__ import annotations


def spend(full_at: float, now: float, rate: float, most: float) -> tuple[float, bool]:
    """Take one out of a bucket, if there is one.

    The bucket is kept as the time at which it will be full (GCRA, as ITU-T I.371 has it): one
    number, and nothing to fill while nobody takes.

    Parameters
    ----------
    full_at
        When the bucket will be full; 0 for a new one.
    rate
        How many it gains in a second.
    most
        How many it holds.

    Returns
    -------
    tuple[float, bool]
        When it will be full now, and whether there was one.
    """
    latest = now + most / rate
    # A clock that went back must not lock anybody out for the difference
    full_at = min(max(full_at, now), latest)
    # Sums of 1 / rate are not exact: half a one is room enough for that
    if full_at + 0.5 / rate > latest:
        return full_at, False
    return full_at + 1 / rate, True
