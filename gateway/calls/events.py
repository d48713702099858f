"""All that can happen to a call: one closed set, one inbox, one consumer.

The trunk and the media plane have closed sets of their own; the rest is what the client, the clock
and the registry want of the call.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.calls.end import CallEnd
from gateway.media.events import MediaEvent
from gateway.trunk import (
    Answered,
    DialogName,
    Offered,
    Progress,
    Refused,
    Settled,
    TransferOver,
    TransferProgress,
    TrunkEvent,
)


@dataclass(frozen=True, slots=True)
class EndWanted:
    """Somebody on our side wants the call to end, and says how that is to be told."""

    end: CallEnd


@dataclass(frozen=True, slots=True)
class NotPlaced:
    """The INVITE could not be sent; `end` says why, should there be nowhere else to send it."""

    end: CallEnd


@dataclass(frozen=True, slots=True)
class HoldWanted:
    """The page wants the far end on hold, or no longer."""

    held: bool


@dataclass(frozen=True, slots=True)
class ChangeDue:
    """It is time to propose once more what could not be, or was refused for now."""


@dataclass(frozen=True, slots=True)
class TransferWanted:
    """The page wants the far end to talk to a number, or to the far end of another call."""

    to: str | DialogName


@dataclass(frozen=True, slots=True)
class TransferLate:
    """The trunk has reported nothing of a transfer for too long."""


HoldEvent = HoldWanted | ChangeDue | Refused
TransferEvent = TransferWanted | TransferLate | TransferProgress | TransferOver

Described = Progress | Answered | Offered | Settled
"""What brings a description of the trunk's."""


@dataclass(frozen=True, slots=True)
class Located:
    """The name that the trunk's description gives for its host has an address (or none: "").

    `described` is the event with that description, which has waited for it.
    """

    name: str
    address: str
    described: Described


CallEvent = (
    TrunkEvent
    | MediaEvent
    | EndWanted
    | NotPlaced
    | Located
    | HoldWanted
    | ChangeDue
    | TransferWanted
    | TransferLate
)
