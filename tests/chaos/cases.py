"""What is killed and stalled, and who survives it.

A case is a row of a lane: what is done, when, and what is expected. Where calls are to survive what
they do not yet, only `survivors` and `cause` change.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.chaos.preloaded import MAIN

if TYPE_CHECKING:
    from tests.chaos.world import World

CALLS = 50
HOUR = 3600
AWAY = 1.5  # seconds that a server of rows is away for, at least

BEFORE, AFTER = 0.4, 0.7  # seconds of sound before and after the fault
WITHIN = 0.1  # seconds that a gap may be longer than the outage
LATE = 0.5  # seconds that the machine may stand still for and gaps still mean something
BACK = 3.0  # seconds from a restart of all pages at once until all have sound both ways

# What is seen of a fault itself
UP = "seconds until a call was up"
WAITED = "seconds that a row waited"
RESUMED = "pages that came back"
AHEAD, BEHIND = "rows an hour ahead", "rows an hour behind"

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
    queues
        Whether rows have to wait for their database, and are in it afterwards as they came.
    shows
        What must be seen of the fault itself where no gap tells of it, and how much of it at least.
    look
        Looks for it once all is over.
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
    queues: bool = False
    shows: Mapping[str, float] = field(default_factory=dict)
    look: Action | None = None

    @property
    def seconds(self) -> float:
        return BEFORE + self.lasts + (AFTER if self.back is None else 0)

    @property
    def sounds_on(self) -> bool:
        """Whether the sound goes on by itself after the outage."""
        return self.back is None or self.gone


@dataclass(frozen=True)
class Lane:
    """Cases that share a gateway and its calls, one after the other.

    Parameters
    ----------
    cases
        Those without `back` that starts another gateway come first: what has grown shows then.
    postgresql
        Whether a server has the rows of calls, and not a file.
    media_timeout
        Seconds of silence after which the gateway asks; shorter than the default, so that a dead
        trunk shows within the suite, and longer than any silence that a call here is to survive.
    """

    cases: dict[str, Case]
    postgresql: bool
    media_timeout: int


def both(first: Action, second: Action) -> Action:
    def do(world: World) -> None:
        first(world)
        second(world)

    return do


def network_away(seconds: float, *, back: Action | None = None) -> Case:
    """Return a case in which the browsers are cut off for a while: audio and WebSocket."""
    cut: Faults = (
        (0.0, lambda world: world.cut_browsers()),
        (seconds, lambda world: world.network.mend()),
    )
    return Case(cut, seconds, seconds, back=back)


def media_stalled(seconds: float) -> Case:
    """Return a case in which the thread of all media stands still."""
    return Case(((0.0, lambda world: world.stall("media", seconds)),), seconds, seconds)


def stalled(thread: str, seconds: float) -> Case:
    """Return a case in which a thread stands still that a call needs to come up."""
    faults: Faults = (
        (0.0, both(lambda w: w.stall(thread, seconds), lambda w: w.call_meanwhile())),
    )
    return Case(faults, seconds, meanwhile="up", shows={UP: 0.8 * seconds})


def server_away(lose: Action, find: Action) -> Case:
    """Return a case in which the server that rows go to is away, and calls come and go."""
    faults: Faults = ((0.0, lambda world: world.lose_server(lose, find)),)
    return Case(faults, lasts=AWAY, queues=True)


SECOND_TIMEOUT = 4

_FILE: dict[str, Case] = {
    "nothing": Case((), 0.5),
    "trunk silent for 5 s": Case(
        (
            (0.0, both(lambda w: w.trunk.send(signal.SIGSTOP), lambda w: w.cut_trunk())),
            (5.0, both(lambda w: w.trunk.send(signal.SIGCONT), lambda w: w.network.mend())),
        ),
        lasts=5.0,
        outage=5.0,
    ),
    "media thread stalled for 1 s": media_stalled(1.0),
    "SIP thread stalled for 1 s": stalled("sip", 1.0),
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
            (0.3, lambda w: w.call_meanwhile()),
            (0.8, lambda w: w.set_clock(-HOUR)),
            (1.1, lambda w: w.call_meanwhile()),
            (1.6, lambda w: w.set_clock(0)),
        ),
        lasts=1.6,
        meanwhile="up",
        shows={AHEAD: 1, BEHIND: 1},
        look=lambda w: w.count_hours(),
    ),
    "disk full": Case(
        (
            (0.0, lambda w: w.fill_disk()),
            (0.2, lambda w: w.come_and_go()),
            (1.5, lambda w: w.empty_disk()),
        ),
        lasts=1.5,
        meanwhile="up",
        shows={WAITED: 0.5},
    ),
    "database locked for 2.5 s": Case(
        (
            (0.0, lambda w: w.file.lock()),
            (0.2, lambda w: w.come_and_go()),
            (2.5, lambda w: w.file.unlock()),
        ),
        lasts=2.5,
        meanwhile="up",
        shows={WAITED: 1.0},
    ),
    "descriptors exhausted": Case(
        (
            (0.0, lambda w: w.exhaust_descriptors()),
            (0.2, lambda w: w.call_meanwhile()),
            (1.5, lambda w: w.allow_descriptors()),
        ),
        lasts=1.5,
        meanwhile="up",
        shows={UP: 1.0},
    ),
    "browsers' network away for 5 s": network_away(5.0),
}

# As long as a third of the others together: so it is beside them
_LONG: dict[str, Case] = {
    # ICE has given up: the page restarts its media
    "browsers' network away for 20 s": network_away(20.0, back=lambda w: w.crowd.restart()),
}

_SERVER: dict[str, Case] = {
    "PostgreSQL stopped (SIGSTOP)": server_away(
        lambda w: w.server.pause(),
        lambda w: w.server.go_on(),
    ),
    "PostgreSQL shut down and started": server_away(
        lambda w: w.server.stop(),
        lambda w: w.server.start(),
    ),
    "event loop stalled for 1 s": stalled(MAIN, 1.0),
    "browsers' network away for 2 s": network_away(2.0),
    "pages loaded again": Case(
        (), lasts=0.5, back=lambda w: w.crowd.restart(), shows={RESUMED: CALLS}
    ),
    "trunk killed and restarted": Case(
        ((0.0, both(lambda w: w.trunk.send(signal.SIGKILL), lambda w: w.restart_trunk())),),
        lasts=1.0,
        forgotten=True,
    ),
    "trunk killed, and another one in its place": Case(
        (
            (0.0, both(lambda w: w.trunk.send(signal.SIGKILL), lambda w: w.cut_trunk())),
            (0.5, lambda w: w.restart_trunk()),
            (SECOND_TIMEOUT + 2.0, lambda w: w.network.mend()),
        ),
        lasts=SECOND_TIMEOUT + 2.0,
        survivors=0,
        cause="connection-lost(481)",
    ),
    "WebSockets cut": Case(
        ((0.0, lambda w: w.cut_sockets()),),
        lasts=1.0,
        shows={RESUMED: CALLS},
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
            (0.3, lambda w: w.call_meanwhile()),
        ),
        lasts=1.0,
        cause="shutdown(503)",
        meanwhile="error 503 draining",
        back=lambda w: w.restart_gateway(),
        gone=True,
    ),
}

LANES = {
    "SQLite": Lane(_FILE, postgresql=False, media_timeout=6),
    "PostgreSQL": Lane(_SERVER, postgresql=True, media_timeout=SECOND_TIMEOUT),
    "long": Lane(_LONG, postgresql=False, media_timeout=6),
}
ALL = {name: case for lane in LANES.values() for name, case in lane.cases.items()}
