"""The state of a call, and the pure function that moves it."""

from __future__ import annotations

from enum import Enum, auto

from gateway import trunk
from gateway.calls.events import (
    BrowserLate,
    CallEvent,
    ChangeDue,
    EndWanted,
    HoldWanted,
    InviteDue,
    Located,
    NotPlaced,
    OfRedirect,
    RedirectRefused,
    RedirectWanted,
    RestartGivenUp,
    RestartWanted,
    TransferLate,
    TransferWanted,
    Unfollowed,
)
from gateway.media import events as media


class CallState(Enum):
    """Where a call stands."""

    CALLING = auto()  # the INVITE is out, nothing but 100 has come
    RINGING = auto()  # 180: the browser makes its own ringback tone
    EARLY = auto()  # 183 or 180 with a description: the far end's tones are heard
    ANSWERED = auto()
    ENDED = auto()


_C, _R, _E, _A, _X = CallState

# Next state, for each event in the order of the states above. Once early media flows a later 180
# does not take it back: 180 and 183 may alternate (RFC 3960 section 3.2). Nothing leaves ENDED, and
# what comes late (183 after 200, a digit after BYE) changes nothing.
_TABLE: dict[type[CallEvent], tuple[CallState, CallState, CallState, CallState, CallState]] = {
    trunk.Trying: (_C, _R, _E, _A, _X),
    trunk.Ringing: (_R, _R, _E, _A, _X),
    trunk.Progress: (_E, _E, _E, _A, _X),
    trunk.Answered: (_A, _A, _A, _A, _X),
    trunk.Offered: (_C, _R, _E, _A, _X),
    trunk.Settled: (_C, _R, _E, _A, _X),
    trunk.Withdrawn: (_C, _R, _E, _A, _X),
    trunk.Refused: (_C, _R, _E, _A, _X),
    trunk.TransferProgress: (_C, _R, _E, _A, _X),
    trunk.TransferOver: (_C, _R, _E, _A, _X),
    Located: (_C, _R, _E, _A, _X),
    HoldWanted: (_C, _R, _E, _A, _X),
    ChangeDue: (_C, _R, _E, _A, _X),
    Unfollowed: (_C, _R, _E, _A, _X),
    TransferWanted: (_C, _R, _E, _A, _X),
    TransferLate: (_C, _R, _E, _A, _X),
    InviteDue: (_C, _R, _E, _A, _X),
    RestartWanted: (_C, _R, _E, _A, _X),
    RestartGivenUp: (_C, _R, _E, _A, _X),
    trunk.Referred: (_C, _R, _E, _A, _X),
    RedirectWanted: (_C, _R, _E, _A, _X),
    RedirectRefused: (_C, _R, _E, _A, _X),
    OfRedirect: (_C, _R, _E, _A, _X),
    trunk.Digit: (_C, _R, _E, _A, _X),
    trunk.Ended: (_X, _X, _X, _X, _X),
    media.BrowserReachable: (_C, _R, _E, _A, _X),
    media.BrowserConnected: (_C, _R, _E, _A, _X),
    # What is lost may come back: the call's end, if that is what follows, is decided elsewhere
    media.BrowserLost: (_C, _R, _E, _A, _X),
    media.RenewalFailed: (_C, _R, _E, _A, _X),
    BrowserLate: (_C, _R, _E, _A, _X),
    media.MediaFailed: (_X, _X, _X, _X, _X),
    media.BrowserDigit: (_C, _R, _E, _A, _X),
    media.TrunkDigit: (_C, _R, _E, _A, _X),
    media.TrunkSilent: (_X, _X, _X, _A, _X),  # once it is answered there is a dialog to ask
    media.Quality: (_C, _R, _E, _A, _X),
    media.TrunkQuality: (_C, _R, _E, _A, _X),
    EndWanted: (_X, _X, _X, _X, _X),
    NotPlaced: (_X, _X, _X, _X, _X),
}
_COLUMN = {state: column for column, state in enumerate(CallState)}


def advance(state: CallState, event: CallEvent) -> CallState:
    """Return the state that follows when `event` happens in `state`."""
    return _TABLE[type(event)][_COLUMN[state]]
