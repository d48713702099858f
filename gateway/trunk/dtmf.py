"""How digits go to a trunk: as telephone events (RFC 4733), as SIP INFO, or as tones in the audio.

A trunk that gets them in a form it does not read misses them without a word. So one pure function
decides, from what the operator set and what the trunk has said that it takes.
"""

from __future__ import annotations

from enum import Enum, StrEnum, auto
from typing import Final

from gateway.trunk.message import DIGITS, Message

INFO_TYPE: Final = "application/dtmf-relay"


class Dtmf(StrEnum):
    """What an operator may set for a trunk, as `trunks.dtmf`."""

    AUTO = "auto"  # the best that the trunk says it takes
    RFC4733 = "rfc4733"  # events; tones for a trunk that does not agree to any
    INFO = "info"  # INFO, whatever the trunk says: some take it and do not list it in Allow
    INBAND = "inband"  # tones, for equipment behind the trunk that listens to nothing else


class DigitRoute(Enum):
    """The form in which a digit is sent."""

    EVENTS = auto()
    INFO = auto()
    TONES = auto()


def offers_events(dtmf: Dtmf) -> bool:
    """Tell whether our descriptions list telephone-event.

    Not for INFO and INBAND, as with Asterisk's dtmf_mode: a trunk that agrees to events waits for
    events and need not listen for anything else, and may send its own digits both ways, so that
    each is heard twice.
    """
    return dtmf in (Dtmf.AUTO, Dtmf.RFC4733)


def digit_route(dtmf: Dtmf, *, event_agreed: bool, info_allowed: bool) -> DigitRoute:
    """Decide how digits go.

    Parameters
    ----------
    event_agreed
        The description in force has telephone-event at the clock rate of the codec.
    info_allowed
        The trunk's Allow lists INFO; see `allows_info`. Tones come last, for they suffer from
        codecs and loss, and Asterisk for one does not listen for them by default.
    """
    if dtmf is Dtmf.INFO:
        return DigitRoute.INFO
    if event_agreed and offers_events(dtmf):
        return DigitRoute.EVENTS
    if dtmf is Dtmf.AUTO and info_allowed:
        return DigitRoute.INFO
    return DigitRoute.TONES


def allows_info(message: Message) -> bool:
    """Tell whether Allow lists INFO: in a 18x or 2xx to our INVITE, or in an INVITE to us."""
    return any(
        method.strip().upper() == "INFO"
        for name, value in message.headers
        if name == "allow"
        for method in value.split(",")
    )


def info_body(digit: str, duration_ms: int) -> str:
    """Write the body of an INFO of type `INFO_TYPE` that tells one digit.

    Raises
    ------
    ValueError
        When `digit` is none of 0 to 9, *, #, A to D, or the duration is not positive.
    """
    if digit not in DIGITS:
        raise ValueError(f"{digit!r} is no digit")
    if duration_ms <= 0:
        raise ValueError(f"a digit cannot last {duration_ms} ms")
    return f"Signal={digit}\r\nDuration={duration_ms}\r\n"
