"""How workers share what there is: ports, calls, and time after a failure. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.errors import ConfigError
from gateway.media.clock import TICK
from gateway.media.workers.messages import Report

# A session needs a pair for the trunk and a port for the browser, and each starts on an even one
PORTS_PER_SESSION = 4

# The first restart is at once: a single crash should cost nobody a call. One that comes again and
# again (a library that cannot be loaded any more) must not keep a core busy with starting.
FIRST_DELAY = 0.0  # seconds
DELAYS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


def split_ports(ports: tuple[int, int], count: int) -> list[tuple[int, int]]:
    """Split a range into one part for each worker: disjoint, even at the start, equal in size.

    Parameters
    ----------
    ports
        First and last port, both inclusive.

    Raises
    ------
    ConfigError
        The range is too small to give every worker the ports of one session.
    """
    first, last = ports[0] + ports[0] % 2, ports[1]
    size = (last - first + 1) // count // 2 * 2
    if size < PORTS_PER_SESSION:
        raise ConfigError(
            f"media.ports = [{ports[0]}, {ports[1]}]: {count} media workers need at least "
            f"{PORTS_PER_SESSION} ports each"
        )
    return [(start, start + size - 1) for start in range(first, first + size * count, size)]


def burden(sessions: int, report: Report) -> float:
    """Return what one more session would mean to a worker; the least burdened one gets it.

    Mostly its number of sessions. What they cost (a call that is passed through costs a tenth of
    one that is transcoded) counts by its share of a core, and a loop that runs behind by more than
    a tick is a worker that has no time left, whatever the reason.
    """
    behind = max(0.0, report.late - TICK) / TICK
    return (sessions + 1) * (1.0 + report.cpu + behind)


def delays() -> Iterator[float]:
    """Yield how many seconds to wait before each start after a failure."""
    yield FIRST_DELAY
    yield from DELAYS
    while True:
        yield DELAYS[-1]
