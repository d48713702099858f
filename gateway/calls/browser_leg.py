"""The state of a browser's leg in a call, and the pure function that moves it.

A browser that is lost does not end its call: its page may be loading anew, or be on its way to
another network. The call waits for it, and ends only if it does not come back. One that closes
while it comes up may be a page that hangs up, whose word for that is waited for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from gateway.calls.events import BrowserLate, RestartWanted
from gateway.media.events import BrowserConnected, BrowserLost, LossReason, RenewalFailed

BrowserEvent = BrowserConnected | BrowserLost | RenewalFailed | RestartWanted | BrowserLate


class BrowserState(Enum):
    """Where a browser's leg stands."""

    CONNECTING = auto()  # ICE and DTLS of the first one come up
    UP = auto()
    LOST = auto()  # it was up, and may come back
    UNREACHED = auto()  # the first one did not come up; the restart that is under way may
    GONE = auto()  # the first one did not come up, and a hang-up may be on its way
    OVER = auto()  # nobody waits for it any more: the call ends


@dataclass(frozen=True, slots=True)
class BrowserLeg:
    """A browser's leg: its state, whether a new one comes up beside it, and why it was lost.

    `late` says that it has been waited for long enough.
    """

    state: BrowserState = BrowserState.CONNECTING
    renewing: bool = False
    late: bool = False
    loss: LossReason | None = None


_C, _U, _L, _N, _G, _X = BrowserState

# What a page does that hangs up: it closes its media, and the handshake fails if that is not done
_GOODBYES: Final = (LossReason.CLOSED, LossReason.DTLS_FAILED)

# Next state, for each event in the order of the states above: first without a restart that is under
# way, then with one
_TABLE: Final[dict[type[BrowserEvent], tuple[tuple[BrowserState, ...], ...]]] = {
    BrowserConnected: ((_U, _U, _U, _U, _U, _X), (_U, _U, _U, _U, _U, _X)),
    BrowserLost: ((_X, _L, _L, _X, _G, _X), (_N, _L, _L, _N, _N, _X)),
    RestartWanted: ((_C, _U, _L, _N, _N, _X), (_C, _U, _L, _N, _N, _X)),
    RenewalFailed: ((_C, _U, _L, _X, _G, _X), (_C, _U, _L, _X, _X, _X)),
    BrowserLate: ((_C, _U, _X, _X, _X, _X), (_C, _U, _L, _N, _N, _X)),
}
_COLUMN = {state: column for column, state in enumerate(BrowserState)}


def advance_browser(leg: BrowserLeg, event: BrowserEvent) -> BrowserLeg:
    """Return what becomes of a browser's leg when `event` happens."""
    state = _TABLE[type(event)][leg.renewing][_COLUMN[leg.state]]
    match event:
        case BrowserConnected(renewed=""):
            return BrowserLeg(state, leg.renewing)
        case BrowserConnected():
            return BrowserLeg(state)
        case BrowserLost(reason=LossReason.INTERNAL):  # the media session is of no use any more
            return BrowserLeg(_X, loss=event.reason)
        case BrowserLost():
            if leg.state is _C and state is _X and event.reason in _GOODBYES:
                state = _G
            return replace(leg, state=state, loss=leg.loss or event.reason)
        case RestartWanted():
            return replace(leg, state=state, renewing=True)
        case RenewalFailed():
            if leg.late and state is _L:
                state = _X
            return replace(leg, state=state, renewing=False)
        case BrowserLate():
            return replace(leg, state=state, late=leg.state in (_L, _N))
