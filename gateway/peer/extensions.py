"""The peer's telephone numbers: a table of what each does with a call, step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.peer.sounds import Echo, Playback, ReadBack, Source, clip, clock, steady


@dataclass(frozen=True, slots=True)
class Ring:
    """180, then nothing for so many seconds (None: until the caller gives up)."""

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Early:
    """183: what follows is heard before the answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """200."""


@dataclass(frozen=True, slots=True)
class Play:
    """A sound, to its end or for so many seconds."""

    source: Callable[[], Source]
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """A final refusal."""

    code: int
    reason: str


Step = Ring | Early | Answer | Play | Refuse


@dataclass(frozen=True, slots=True)
class Extension:
    """A number: what it is called, and what it does. After the last step the peer hangs up.

    With `calls_back` it then calls the caller, and does that once the call is answered.
    """

    number: str
    name: str
    description: str
    steps: tuple[Step, ...]
    calls_back: tuple[Play, ...] = ()


EXTENSIONS = (
    Extension("600", "echo", "sends back what it hears", (Answer(), Play(Echo))),
    Extension("603", "tone", "plays 440 Hz", (Answer(), Play(lambda: Playback(steady(440.0))))),
    Extension("670", "clock", "tells the time", (Answer(), Play(lambda: Playback(clock())))),
    Extension(
        "671",
        "announcement",
        "says a sentence and hangs up",
        (Answer(), Play(lambda: Playback(clip("welcome")))),
    ),
    Extension(
        "650",
        "digits",
        "plays the digits that you press, after # or a pause",
        (Answer(), Play(ReadBack)),
    ),
    Extension(
        "610",
        "early",
        "rings with a tone of its own (early media), then echoes",
        (
            *(Early(), Play(lambda: Playback(steady(425.0)), seconds=3.0)),
            *(Answer(), Play(Echo)),
        ),
    ),
    Extension(
        "800",
        "callback",
        'hangs up, and two seconds later calls the pages that take calls as "sales"',
        (Answer(), Play(lambda: Playback(steady(425.0)), seconds=0.5)),
        calls_back=(Play(lambda: Playback(clock())),),
    ),
    Extension("620", "busy", "is busy", (Refuse(486, "Busy Here"),)),
    Extension("630", "ring", "rings for ever", (Ring(),)),
)
UNKNOWN = Extension("", "", "a number that does not exist", (Refuse(404, "Not Found"),))

_BY_NAME = {key: each for each in EXTENSIONS for key in (each.number, each.name)}


def find(user: str) -> Extension:
    """Return what a dialed user or number leads to; of a long number the last three digits."""
    known = _BY_NAME.get(user)
    if known is None and user.removeprefix("+").isdigit():
        known = _BY_NAME.get(user[-3:])
    return known or UNKNOWN
