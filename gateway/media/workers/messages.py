"""What the gateway and a media worker say to each other: two closed sets of plain values.

Down go commands, each answered by one reply; up come replies and the events of sessions
(`gateway.media.events`). Which call a message belongs to stands in its frame (`wire.py`), so that
a command is nothing but what `MediaSession`'s method of that name takes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

from gateway import errors
from gateway.errors import GatewayError
from gateway.media.events import MediaEvent
from gateway.media.parameters import BrowserRemote, Flow, LocalMedia, MediaConfig, TrunkRemote


@dataclass(frozen=True, slots=True)
class Start:
    """Make the media plane; the first command of all."""

    config: MediaConfig


@dataclass(frozen=True, slots=True)
class Open:
    """Open a session, under the number in the frame. The reply is `Opened`."""


@dataclass(frozen=True, slots=True)
class ConnectBrowser:
    remote: BrowserRemote


@dataclass(frozen=True, slots=True)
class AddCandidate:
    candidate: str | None


@dataclass(frozen=True, slots=True)
class ConnectTrunk:
    remote: TrunkRemote


@dataclass(frozen=True, slots=True)
class SetFlow:
    flow: Flow


@dataclass(frozen=True, slots=True)
class SendDigits:
    digits: str
    duration_ms: int
    gap_ms: int


@dataclass(frozen=True, slots=True)
class Close:
    """Close the session, whether it is open or still opening."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Say that you live, and how you are: the answer is a `Report`."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Close every session and end."""


SessionCommand = ConnectBrowser | AddCandidate | ConnectTrunk | SetFlow | SendDigits
Command = Start | Open | Close | Ping | Stop | SessionCommand


@dataclass(frozen=True, slots=True)
class Done:
    """The command has been carried out."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The session is open."""

    local: LocalMedia


@dataclass(frozen=True, slots=True)
class Refused:
    """The command failed: a `GatewayError`, by its name, and its text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """How a worker is doing.

    `cpu` is the share of one core since the last report, `late` how many seconds its event loop
    runs behind its timers on average. `counters` holds what has changed since the last report.
    """

    cpu: float = 0.0
    late: float = 0.0
    counters: dict[str, int] = field(default_factory=dict)


Reply = Done | Opened | Refused
Message = Command | Reply | Report | MediaEvent

# A frame says by its place in this tuple what it holds: the two ends are the same code
MESSAGES: tuple[type[Message], ...] = get_args(Message)

_ERRORS: dict[str, type[GatewayError]] = {
    kind.name: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, GatewayError)
}


def refusal(error: GatewayError) -> Refused:
    """Write an error down, to be raised again at the other end."""
    return Refused(error.name, str(error))


def error_of(refused: Refused) -> GatewayError:
    """Return the error that was written down: the same type, the same text."""
    return _ERRORS.get(refused.name, GatewayError)(refused.text)
