"""What is killed and stalled, and who survives it.

A case is a row of CASES: what is done, when, and what is expected. Where calls are to survive what
they do not yet, only `survivors` and `cause` change.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.chaos.preloaded import MAIN

if TYPE_CHECKING:
    from tests.chaos.world import World

CALLS = 50
MEDIA_TIMEOUT = 6  # seconds; shorter than the default, so that a dead trunk shows within the suite
HOUR = 3600

BEFORE, AFTER = 0.5, 1.0  # seconds of sound before and after the fault
WITHIN = 0.1  # seconds that a gap may be longer than the outage

Action = Callable[["World"], None]
Faults = tuple[tuple[float, Action], ...]  # when, in seconds of the fault; what


@dataclass(frozen=True)
class Case:
    """One fault.

    Parameters
    ----------
    faults
        What is done.
    lasts
        Seconds that the fault takes.
    outage
        Seconds for which no sound can pass; nothing is missing in the sound of a survivor but that.
    survivors
        How many of the calls are still talking afterwards.
    cause
        Why the others have ended, as the records have it.
    meanwhile
        How calls go that are placed during the fault; None where none is.
    back
        What pages or the gateway do once the sound is over; who survives is seen by more of it.
    gone
        Whether `back` starts another gateway, which knows nothing of the calls.
    forgotten
        Whether the trunk knows nothing of the calls any more.
    soak
        Whether it takes too long for each run of the tests.
    """

    faults: Faults
    lasts: float
    outage: float = 0.0
    survivors: int = CALLS
    cause: str = ""
    meanwhile: str | None = None
    back: Action | None = None
    gone: bool = False
    forgotten: bool = False
    soak: bool = False

    @property
    def seconds(self) -> float:
        return BEFORE + self.lasts + (AFTER if self.back is None else 0)


def both(first: Action, second: Action) -> Action:
    def do(world: World) -> None:
        first(world)
        second(world)

    return do


def network_away(seconds: float, *, back: Action | None = None, soak: bool = False) -> Case:
    """Return a case in which the browsers are cut off for a while: audio and WebSocket."""
    cut: Faults = (
        (0.0, lambda world: world.cut_browsers()),
        (seconds, lambda world: world.network.mend()),
    )
    return Case(cut, seconds, seconds, back=back, soak=soak)


def stalled(thread: str, seconds: float, outage: float) -> Case:
    """Return a case in which one thread stands still."""
    return Case(((0.0, lambda world: world.stall(thread, seconds)),), seconds, outage)


ALL: dict[str, Case] = {
    "nothing": Case((), 0.5),
    "trunk silent for 5 s": Case(
        (
            (0.0, both(lambda w: w.trunk.send(signal.SIGSTOP), lambda w: w.cut_trunk())),
            (5.0, both(lambda w: w.trunk.send(signal.SIGCONT), lambda w: w.network.mend())),
        ),
        lasts=5.0,
        outage=5.0,
    ),
    "media thread stalled for 1 s": stalled("media", 1.0, 1.0),
    "SIP thread stalled for 1 s": stalled("sip", 1.0, 0.0),
    "event loop stalled for 1 s": stalled(MAIN, 1.0, 0.0),
    "process stopped for 2 s": Case(
        (
            (0.0, lambda w: w.signal(signal.SIGSTOP)),
            (2.0, lambda w: w.signal(signal.SIGCONT)),
        ),
        lasts=2.0,
        outage=2.0,
    ),
    "clock an hour ahead, two hours back": Case(
        (
            (0.0, lambda w: w.set_clock(HOUR)),
            (0.6, lambda w: w.call_meanwhile()),
            (1.0, lambda w: w.set_clock(-HOUR)),
            (1.6, lambda w: w.call_meanwhile()),
            (2.0, lambda w: w.set_clock(0)),
        ),
        lasts=2.0,
        meanwhile="up",
    ),
    "disk full": Case(
        (
            (0.0, lambda w: w.fill_disk()),
            (0.2, lambda w: w.call_meanwhile()),
            (1.5, lambda w: w.empty_disk()),
        ),
        lasts=1.5,
        meanwhile="up",
    ),
    "database locked for 2.5 s": Case(
        (
            (0.0, lambda w: w.lock_database()),
            (0.2, lambda w: w.call_meanwhile()),
            (2.5, lambda w: w.unlock_database()),
        ),
        lasts=2.5,
        meanwhile="up",
    ),
    "descriptors exhausted": Case(
        (
            (0.0, lambda w: w.exhaust_descriptors()),
            (0.2, lambda w: w.call_meanwhile()),
            (2.0, lambda w: w.allow_descriptors()),
        ),
        lasts=2.0,
        meanwhile="up",
    ),
    "browsers' network away for 2 s": network_away(2.0),
    "browsers' network away for 5 s": network_away(5.0),
    # ICE has given up: the page restarts its media
    "browsers' network away for 20 s": network_away(
        20.0, back=lambda w: w.crowd.restart(), soak=True
    ),
    "pages loaded again": Case((), lasts=0.5, back=lambda w: w.crowd.restart()),
    "trunk killed and restarted": Case(
        ((0.0, both(lambda w: w.trunk.send(signal.SIGKILL), lambda w: w.restart_trunk())),),
        lasts=2.0,
        forgotten=True,
    ),
    "trunk killed, and another one in its place": Case(
        (
            (0.0, both(lambda w: w.trunk.send(signal.SIGKILL), lambda w: w.cut_trunk())),
            (0.5, lambda w: w.restart_trunk()),
            (MEDIA_TIMEOUT + 2.5, lambda w: w.network.mend()),
        ),
        lasts=MEDIA_TIMEOUT + 2.5,
        survivors=0,
        cause="connection-lost(481)",
    ),
    "WebSockets cut": Case(
        ((0.0, lambda w: w.cut_sockets()),),
        lasts=1.0,
    ),
    "process killed and restarted": Case(
        ((0.0, lambda w: w.signal(signal.SIGKILL)),),
        lasts=0.5,
        survivors=0,
        cause="interrupted(500)",
        back=both(lambda w: w.start_again(), lambda w: w.trunk.hang_up()),
        gone=True,
    ),
    "drained and restarted": Case(
        (
            (0.0, lambda w: w.signal(signal.SIGTERM)),
            (0.5, lambda w: w.call_meanwhile()),
        ),
        lasts=2.0,
        cause="shutdown(503)",
        meanwhile="error 503 draining",
        back=lambda w: w.restart_gateway(),
        gone=True,
    ),
}

CASES = {name: case for name, case in ALL.items() if not case.soak}
