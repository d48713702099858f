"""What a SIP status means: one table from code (and ISUP cause) to a stable word and a sentence.

`cause` is for programs and never changes once published; the sentence is for a person. The codes
are those of RFC 3261 section 21 and the IANA registry, the ISUP causes those of ITU-T Q.850, their
meaning for SIP that of RFC 3398. Codes that we make ourselves (no response, no connection) are
told apart from the trunk's own by `Local`. What a trunk says in its own words (Warning, Reason) is
quoted after the sentence, for the operator.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from gateway.trunk.message import Message
from gateway.trunk.reason import isup_cause, read_reasons, remark


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


# Sentences that stand for more than one status
_REDIRECTED: Final = Meaning(
    "redirected", "The trunk redirected the call to another address; redirects are not followed."
)
_CREDENTIALS: Final = Meaning("unauthorized", "The trunk did not accept the credentials.")
_FORMATS: Final = Meaning(
    "incompatible-media", "The other side cannot use the offered audio formats."
)
_TOO_LARGE: Final = Meaning("bad-request", "The call request is too large for the trunk.")
_IDENTITY: Final = Meaning("forbidden", "The trunk does not accept how the caller is identified.")
_NOT_FOUND: Final = Meaning("not-found", "The number does not exist.")
_GONE: Final = Meaning("not-found", "The number is no longer in service.")
_BUSY: Final = Meaning("busy", "The line is busy.")
_DECLINED: Final = Meaning("rejected", "The other side declined the call.")
_FORBIDDEN: Final = Meaning("forbidden", "The trunk does not allow this call.")
_INCOMPLETE: Final = Meaning("incomplete-number", "The number is incomplete.")
_FAULT: Final = Meaning("trunk-error", "The trunk had an internal error.")

# Final statuses of the IANA registry (Session Initiation Protocol, Response Codes)
CODES: Final = {
    200: Meaning("hangup", "The other side ended the call."),
    300: _REDIRECTED,
    301: Meaning(
        "redirected", "The number has moved to another address; redirects are not followed."
    ),
    302: Meaning(
        "redirected", "The call is diverted to another address; redirects are not followed."
    ),
    305: Meaning(
        "redirected", "The trunk wants the call through a proxy; redirects are not followed."
    ),
    380: Meaning(
        "redirected", "The trunk offers another service instead; redirects are not followed."
    ),
    400: Meaning("bad-request", "The trunk found the call request malformed."),
    401: _CREDENTIALS,
    402: Meaning("payment-required", "The trunk asks for payment."),
    403: _FORBIDDEN,
    404: _NOT_FOUND,
    405: Meaning("trunk-error", "The trunk takes no calls at this address."),
    406: Meaning("incompatible-media", "The trunk cannot answer in a form that is understood."),
    407: _CREDENTIALS,
    408: Meaning("no-answer", "The call was not answered in time."),
    410: _GONE,
    412: Meaning("bad-request", "The trunk found a condition of the call request not met."),
    413: _TOO_LARGE,
    414: Meaning("bad-request", "The called address is too long for the trunk."),
    415: _FORMATS,
    416: Meaning("bad-request", "The trunk does not know this kind of address."),
    417: Meaning("bad-request", "The trunk does not know the priority that the call asks for."),
    420: Meaning("bad-request", "The trunk does not know an extension that the call needs."),
    421: Meaning("bad-request", "The trunk asks for an extension that is not supported."),
    422: Meaning("bad-request", "The trunk wants longer session timer intervals."),
    423: Meaning("bad-request", "The trunk wants longer registrations."),
    424: Meaning("bad-request", "The trunk cannot use the caller's location."),
    425: Meaning("bad-request", "The trunk cannot use the alert."),
    428: Meaning("forbidden", "The trunk wants a signed caller identity, which is not sent."),
    429: Meaning("bad-request", "The trunk wants to know who has transferred the call."),
    430: Meaning("unavailable", "The connection to the other side's phone has failed."),
    433: Meaning("rejected", "The other side takes no calls from withheld numbers."),
    436: _IDENTITY,
    437: _IDENTITY,
    438: _IDENTITY,
    439: Meaning("trunk-error", "The trunk's first proxy lacks an extension that it needs."),
    440: Meaning("loop", "The call branched too often on its way."),
    469: Meaning("bad-request", "The trunk does not know this kind of INFO request."),
    470: Meaning("forbidden", "The other side has not agreed to be called from here."),
    480: Meaning("unavailable", "The other side is not available at the moment."),
    481: Meaning("connection-lost", "The trunk no longer knows the call."),
    482: Meaning("loop", "The call went in a circle."),
    483: Meaning("loop", "The call passed too many hops."),
    484: _INCOMPLETE,
    485: Meaning("not-found", "The number is ambiguous."),
    486: _BUSY,
    487: Meaning("canceled", "The call was canceled before it was answered."),
    488: _FORMATS,
    489: Meaning("bad-request", "The trunk does not know this kind of event."),
    491: Meaning("trunk-error", "The trunk is still busy with an earlier request of this call."),
    493: Meaning("incompatible-media", "The other side could not read the call request."),
    494: Meaning("forbidden", "The trunk wants a security agreement, which is not supported."),
    500: _FAULT,
    501: Meaning("trunk-error", "The trunk cannot do this."),
    502: Meaning("trunk-error", "The trunk got a bad answer from the network behind it."),
    503: Meaning("trunk-unavailable", "The trunk cannot take calls at the moment."),
    504: Meaning("trunk-unavailable", "The network behind the trunk did not answer."),
    505: Meaning("trunk-error", "The trunk does not speak SIP 2.0."),
    513: _TOO_LARGE,
    555: Meaning("unavailable", "The other side's phone cannot be woken by the trunk."),
    580: Meaning("incompatible-media", "The trunk could not reserve what the call needs."),
    600: _BUSY,
    603: _DECLINED,
    604: Meaning("not-found", "The number does not exist anywhere."),
    606: _FORMATS,
    607: Meaning("rejected", "The other side does not want calls from this number."),
    608: Meaning("rejected", "The call was rejected on the way, by an analytics service."),
}

# What a status means that nobody has registered (RFC 3261 section 8.1.3.2)
CLASSES: Final = {
    3: _REDIRECTED,
    4: Meaning("rejected", "The trunk refused the call."),
    5: _FAULT,
    6: _DECLINED,
}

_NO_ROUTE: Final = Meaning("not-found", "There is no route to the number.")
_CONGESTED: Final = Meaning("congestion", "The telephone network is congested.")
_NOT_OFFERED: Final = Meaning(
    "forbidden", "The telephone network does not offer this service for the call."
)
_PROTOCOL: Final = Meaning(
    "network-failure", "The telephone network had a protocol error while it handled the call."
)

# The causes of ITU-T Q.850 that say more than a vague status does. Not here: 16, 30, 31 and 127,
# which say only that the call is over
Q850: Final = {
    1: _NOT_FOUND,
    2: _NO_ROUTE,
    3: _NO_ROUTE,
    4: Meaning("not-found", "The number cannot be reached, as an announcement would tell."),
    5: Meaning("not-found", "The number has a wrong prefix."),
    6: _CONGESTED,
    7: Meaning("congestion", "The line was given to another call."),
    8: Meaning("congestion", "The line was taken for a call of higher priority."),
    9: Meaning("congestion", "The line was taken for a call of higher priority."),
    14: Meaning("not-found", "The number has moved to another network."),
    17: _BUSY,
    18: Meaning("no-answer", "The other side did not respond."),
    19: Meaning("no-answer", "The other side rang but nobody answered."),
    20: Meaning("unavailable", "The phone of the other side is switched off or out of coverage."),
    21: _DECLINED,
    22: _GONE,
    23: _REDIRECTED,
    24: Meaning("rejected", "A feature of the other side's line rejected the call."),
    25: Meaning("loop", "The call passed too many exchanges."),
    26: Meaning("answered-elsewhere", "The call was answered at another phone."),
    27: Meaning("unavailable", "The line of the other side is out of order."),
    28: _INCOMPLETE,
    29: Meaning("rejected", "The telephone network refused a feature that the call asks for."),
    34: Meaning("congestion", "All lines of the network are busy."),
    38: Meaning("network-failure", "The telephone network is out of order."),
    39: Meaning("network-failure", "The telephone network lost the connection."),
    40: Meaning("network-failure", "The telephone network lost the connection."),
    41: Meaning("network-failure", "The telephone network had a temporary failure."),
    42: _CONGESTED,
    43: Meaning("network-failure", "The telephone network lost a part of the call request."),
    44: Meaning("congestion", "The requested line is not available."),
    46: Meaning("congestion", "All lines are in use by calls of higher priority."),
    47: Meaning("congestion", "The telephone network lacks resources."),
    49: Meaning("congestion", "The telephone network cannot give the quality asked for."),
    50: _FORBIDDEN,
    53: Meaning("forbidden", "Calls out are barred for this user group."),
    55: Meaning("forbidden", "Calls in are barred for this user group."),
    57: _FORBIDDEN,
    58: _FORMATS,
    62: _FORBIDDEN,
    63: _NOT_OFFERED,
    65: _FORMATS,
    66: _NOT_OFFERED,
    69: _NOT_OFFERED,
    70: _FORMATS,
    79: _FORMATS,
    81: _PROTOCOL,
    82: _PROTOCOL,
    83: _PROTOCOL,
    84: _PROTOCOL,
    85: _PROTOCOL,
    86: _PROTOCOL,
    87: Meaning("forbidden", "The number belongs to a closed user group."),
    88: _FORMATS,
    90: Meaning("not-found", "The closed user group does not exist."),
    91: _NO_ROUTE,
    95: _PROTOCOL,
    96: _PROTOCOL,
    97: _PROTOCOL,
    98: _PROTOCOL,
    99: _PROTOCOL,
    100: _PROTOCOL,
    101: _PROTOCOL,
    102: Meaning("network-failure", "A timer of the telephone network ran out."),
    103: _PROTOCOL,
    110: _PROTOCOL,
    111: _PROTOCOL,
}

# What a CANCEL of a call to us means, by its Reason (RFC 3326 section 2): a proxy that rang several
# phones says so
CANCELS: Final = {
    ("SIP", 200): Q850[26],
    ("Q.850", 26): Q850[26],
    ("SIP", 600): Meaning("rejected", "The call was declined at another phone."),
    ("SIP", 603): Meaning("rejected", "The call was declined at another phone."),
}

# What a page hears of causes whose sentence is about the operator's account with the trunk
SAID: Final = dict.fromkeys(("unauthorized", "payment-required"), "The trunk refused the call.")

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
    return CODES.get(code) or CLASSES.get(code // 100) or _FAULT


def meaning_of_end(message: Message) -> Meaning:
    """Return what the message means that ended a call: a final refusal, a BYE or a CANCEL."""
    plain, said = _plain(message), remark(message)
    if not said:
        return plain
    return Meaning(plain.cause, f'{plain.sentence} The trunk says: "{said}".')


def heard_of_end(message: Message) -> str:
    """Return what a page hears of that: the trunk's own words may name hosts and accounts."""
    plain = _plain(message)
    return SAID.get(plain.cause, plain.sentence)


def _plain(message: Message) -> Meaning:
    """Return what it means without the trunk's own words."""
    if message.method != "CANCEL":
        return meaning(message.code or 200, isup_cause(message))
    known = (CANCELS.get((each.protocol, each.cause)) for each in read_reasons(message))
    return next(filter(None, known), CODES[487])
