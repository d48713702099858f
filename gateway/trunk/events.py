"""What happens on a leg to the trunk: a closed set of plain values.

A leg tells its events in order, exactly one `Ended` among them, and nothing after it. Messages
that SIP repeats (a 183 every minute, a retransmitted 200) make one event.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.trunk.referred import ReferredTo


class Origin(StrEnum):
    """Who ended a leg."""

    LOCAL = "local"  # our side asked for it (TrunkLeg.hangup, reject, the endpoint's close)
    REMOTE = "remote"  # the trunk said so: a final response, BYE, or CANCEL
    NETWORK = "network"  # the trunk did not answer or could not be reached; the code is ours
    GATEWAY = "gateway"  # the trunk's answer could not be used, or a time limit of ours ran out


@dataclass(frozen=True, slots=True)
class Trying:
    """The trunk has the INVITE (100)."""


@dataclass(frozen=True, slots=True)
class Ringing:
    """A provisional response without SDP (180, 181, 182, 183): ring locally."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """A provisional response with SDP: early media, to be heard instead of a local ring.

    180 and 183 may alternate, with SDP and without: the last one tells what to do. `source` is the
    address of the host that it came from, empty where that is not known.
    """

    code: int
    reason: str
    sdp: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """The call is answered.

    `sdp` is the description of the 200, empty where an agreement stands already (RFC 3261 section
    13.2.1: a reliable 183 carried it, or an UPDATE changed it). For an incoming call `sdp` is the
    one in the ACK if our answer was the offer, else empty. `source` is as in Progress;
    `takes_info` tells whether the trunk says that it takes digits by INFO.
    """

    sdp: str
    source: str = ""
    takes_info: bool = False


@dataclass(frozen=True, slots=True)
class Offered:
    """The trunk wants to change the session (re-INVITE or UPDATE), and waits for an answer.

    `sdp` is its offer; empty, it asks for ours. Either `TrunkLeg.accept_offer` or
    `TrunkLeg.refuse_offer` takes the `token`, within 32 s; what comes of an accepted one is told
    as `Settled` or `Withdrawn`.
    """

    token: int
    sdp: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What was offered last is agreed: packets follow it from now on.

    `sdp` is the trunk's answer where the offer was ours, and empty where our answer to its offer
    stands. `source` is as in Progress.
    """

    sdp: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What was accepted last will not be: it was canceled, or has crossed an offer of ours."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The trunk refuses what we have proposed (`TrunkLeg.propose`); all stays as it was.

    With 491 two offers have crossed (RFC 3261 section 14.1). `retry_after` is as in Ended.
    """

    code: int
    reason: str
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class TransferProgress:
    """What the trunk reports of a transfer meanwhile: the status of the new call, below 200."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class TransferOver:
    """What became of a transfer (`TrunkLeg.transfer`); below 300 the far end talks to another now.

    The status is that of the new call, or of the refusal of the REFER. Our call stands either way.
    `remark`: what the trunk says of it in its own words, which is for the operator.
    """

    code: int
    reason: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Referred:
    """The far end wants us to talk to somebody else in its place (REFER), and waits for an answer.

    Either `TrunkLeg.accept_referral` or `TrunkLeg.refuse_referral` takes the `token`, within 32 s.
    The call stands as before, whatever becomes of it.
    """

    token: int
    referral: ReferredTo


@dataclass(frozen=True, slots=True)
class Digit:
    """A digit by SIP INFO (application/dtmf-relay or application/dtmf)."""

    digit: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The leg is over.

    `cause` is a stable kebab-case word (the table in `gateway.trunk.status`), `q850` the ISUP cause
    of the Reason header if the trunk gave one, `sentence` for a person. `code` is the final status
    of the INVITE, or 200 for an answered call that ended by BYE. `retry_after`: seconds for which
    the trunk wants no other call, if it says so (RFC 3261 section 20.33). `said`: what the page
    hears in place of the sentence, where that is for the operator alone.
    """

    by: Origin
    code: int
    reason: str
    cause: str
    q850: int | None
    sentence: str
    retry_after: int | None = None
    said: str = ""


TrunkEvent = (
    Trying
    | Ringing
    | Progress
    | Answered
    | Offered
    | Settled
    | Withdrawn
    | Refused
    | TransferProgress
    | TransferOver
    | Referred
    | Digit
    | Ended
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of an OPTIONS: a final status, or None and a sentence that says why there is none.

    `retry_after` is as in Ended.
    """

    code: int | None
    reason: str
    retry_after: int | None = None
