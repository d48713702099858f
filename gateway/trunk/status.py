"""What a SIP status means: one table from code (and ISUP cause) to a stable word and a sentence.

`cause` is for programs and never changes once published; the sentence is for a person. The codes
are those of RFC 3261 section 21 and the IANA registry, the ISUP causes those of ITU-T Q.850, their
meaning for SIP that of RFC 3398. Codes that we make ourselves (no response, no connection) are
told apart from the trunk's own by `Local`.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple


class Meaning(NamedTuple):
    """What to tell a program and a person."""

    cause: str
    sentence: str


class Local(Enum):
    """An end that no message of the trunk stands behind. `{}` takes a number of seconds."""

    NO_RESPONSE = Meaning("unreachable", "The trunk did not answer within {} s.")
    NO_CONNECTION = Meaning("unreachable", "No connection to the trunk could be made.")
    NO_FINAL = Meaning("no-answer", "The trunk stopped answering while the call was set up.")
    BROKEN = Meaning(
        "connection-lost", "The connection to the trunk broke while the call was set up."
    )
    LOST = Meaning("connection-lost", "The trunk stopped answering during the call.")
    CANCELED = Meaning("canceled", "The call was canceled before it was answered.")
    HUNG_UP = Meaning("hangup", "The call was ended.")
    REJECTED = Meaning("rejected", "The call was rejected.")
    BAD_ANSWER = Meaning(
        "incompatible-media", "The trunk answered with a media description that cannot be used."
    )
    CLOSED = Meaning("gateway-closed", "The gateway is going out of service.")


CODES: Final = {
    200: Meaning("hangup", "The other side ended the call."),
    300: Meaning("redirected", "The trunk redirected the call, which is not followed."),
    400: Meaning("bad-request", "The trunk found the call request malformed."),
    401: Meaning("unauthorized", "The trunk did not accept the credentials."),
    402: Meaning("payment-required", "The trunk asks for payment."),
    403: Meaning("forbidden", "The trunk does not allow this call."),
    404: Meaning("not-found", "The number does not exist."),
    407: Meaning("unauthorized", "The trunk did not accept the credentials."),
    408: Meaning("no-answer", "The call was not answered in time."),
    410: Meaning("not-found", "The number is no longer in service."),
    415: Meaning("incompatible-media", "The other side cannot use the offered audio formats."),
    421: Meaning("bad-request", "The trunk asks for an extension that is not supported."),
    480: Meaning("unavailable", "The other side is not available at the moment."),
    481: Meaning("connection-lost", "The trunk no longer knows the call."),
    482: Meaning("loop", "The call went in a circle."),
    483: Meaning("loop", "The call passed too many hops."),
    484: Meaning("incomplete-number", "The number is incomplete."),
    485: Meaning("not-found", "The number is ambiguous."),
    486: Meaning("busy", "The line is busy."),
    487: Meaning("canceled", "The call was canceled before it was answered."),
    488: Meaning("incompatible-media", "The other side cannot use the offered audio formats."),
    493: Meaning("incompatible-media", "The other side could not read the call request."),
    500: Meaning("trunk-error", "The trunk had an internal error."),
    501: Meaning("trunk-error", "The trunk cannot do this."),
    502: Meaning("trunk-error", "The trunk got a bad answer from the network behind it."),
    503: Meaning("trunk-unavailable", "The trunk cannot take calls at the moment."),
    504: Meaning("trunk-unavailable", "The network behind the trunk did not answer."),
    580: Meaning("incompatible-media", "The trunk could not reserve what the call needs."),
    600: Meaning("busy", "The line is busy."),
    603: Meaning("rejected", "The other side declined the call."),
    604: Meaning("not-found", "The number does not exist anywhere."),
    606: Meaning("incompatible-media", "The other side cannot use the offered audio formats."),
    607: Meaning("rejected", "The other side does not want calls from this number."),
    608: Meaning("rejected", "The call was rejected on the way, by an analytics service."),
}

CLASSES: Final = {
    3: CODES[300],
    4: Meaning("rejected", "The trunk refused the call."),
    5: CODES[500],
    6: CODES[603],
}

Q850: Final = {
    1: CODES[404],
    2: Meaning("not-found", "There is no route to the number."),
    3: Meaning("not-found", "There is no route to the number."),
    17: CODES[486],
    18: Meaning("no-answer", "The other side did not respond."),
    19: Meaning("no-answer", "The other side rang but nobody answered."),
    20: Meaning("unavailable", "The phone of the other side is switched off or out of coverage."),
    21: CODES[603],
    22: CODES[410],
    27: Meaning("unavailable", "The line of the other side is out of order."),
    28: CODES[484],
    34: Meaning("congestion", "All lines of the network are busy."),
    38: Meaning("network-failure", "The telephone network is out of order."),
    41: Meaning("network-failure", "The telephone network had a temporary failure."),
    42: Meaning("congestion", "The telephone network is congested."),
    44: Meaning("congestion", "The requested line is not available."),
    47: Meaning("congestion", "The telephone network lacks resources."),
    50: CODES[403],
    55: CODES[403],
    57: CODES[403],
    58: CODES[488],
    65: CODES[488],
    79: CODES[488],
    88: CODES[488],
    102: Meaning("network-failure", "A timer of the telephone network ran out."),
}

VAGUE: Final = frozenset({200, 400, 408, 480, 500, 502, 503, 504, 603})
"""Codes that gateways to the telephone network use for many things: there the ISUP cause, if the
trunk gives one, says more."""


def meaning(code: int, q850: int | None = None) -> Meaning:
    """Return what a final status from the trunk means.

    `code` is 200 for a BYE. Unknown codes take the meaning of their class (RFC 3261 section
    8.1.3.2), anything that is no final status that of 500.
    """
    if code in VAGUE and q850 in Q850:
        return Q850[q850]
    return CODES.get(code) or CLASSES.get(code // 100) or CODES[500]
