"""All that can happen to a call: one closed set, one inbox, one consumer.

The trunk and the media plane have closed sets of their own; the rest is what the client, the clock
and the registry want of the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.calls.end import CallEnd
from gateway.calls.request import CallRequest
from gateway.media.events import MediaEvent, TrunkDigit, TrunkSilent
from gateway.trunk import (
    Answered,
    DialogName,
    Offered,
    Progress,
    Referred,
    Refused,
    Settled,
    TransferOver,
    TransferProgress,
    TrunkEvent,
)

if TYPE_CHECKING:
    from gateway.calls.browser_description import Offer
    from gateway.calls.news import News


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
class Unfollowed:
    """The trunk has agreed to a change of ours, by a description that nobody can follow."""

    why: str


@dataclass(frozen=True, slots=True)
class TransferWanted:
    """The page wants the far end to talk to a number, or to the far end of another call."""

    to: str | DialogName


@dataclass(frozen=True, slots=True)
class TransferLate:
    """The trunk has reported nothing of a transfer for too long."""


@dataclass(frozen=True, slots=True)
class RestartWanted:
    """A page wants another media path for the call; `tell` takes its news.

    `is_heir` where it has not the call, and will once that path is up. `restart_id` is what the
    page knows it by. `reply` is set once the page has its answer, or to the reason why there is
    none.
    """

    offer: Offer
    tell: Callable[[News], None]
    reply: asyncio.Future[None] = field(repr=False)
    restart_id: str | None = None
    is_heir: bool = False


@dataclass(frozen=True, slots=True)
class RestartGivenUp:
    """The page that takes its news by `tell` wants the call no more; its media path comes up."""

    tell: Callable[[News], None]


@dataclass(frozen=True, slots=True)
class InviteDue:
    """The INVITE is sent now, though the browser has not said yet where it can be reached."""


@dataclass(frozen=True, slots=True)
class BrowserLate:
    """The browser, which was lost, has been waited for long enough."""


@dataclass(frozen=True, slots=True)
class RedirectWanted:
    """The client has let in whom the far end has referred us to (`Referred` of this token)."""

    token: int
    request: CallRequest


@dataclass(frozen=True, slots=True)
class RedirectRefused:
    """The client has not, and says why."""

    token: int
    code: int
    why: str


@dataclass(frozen=True, slots=True)
class OfRedirect:
    """Something has happened to the leg of whom we have been referred to.

    `attempt` is the redirect's own: one that has failed goes on telling how it ends.
    """

    event: CallEvent
    attempt: object


HoldEvent = HoldWanted | ChangeDue | Refused | Unfollowed
TransferEvent = TransferWanted | TransferLate | TransferProgress | TransferOver
RedirectEvent = Referred | RedirectWanted | RedirectRefused | OfRedirect

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


OfFarEnd = TrunkEvent | Located | NotPlaced | Unfollowed | TransferLate | TrunkDigit | TrunkSilent
"""What has happened to the far end that a call has; nobody's, once it has another one."""

CallEvent = (
    TrunkEvent
    | MediaEvent
    | EndWanted
    | NotPlaced
    | Located
    | HoldWanted
    | ChangeDue
    | Unfollowed
    | TransferWanted
    | TransferLate
    | RestartWanted
    | RestartGivenUp
    | BrowserLate
    | InviteDue
    | RedirectWanted
    | RedirectRefused
    | OfRedirect
)
