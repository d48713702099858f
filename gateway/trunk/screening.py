"""What becomes of a SIP message that came in, before the SIP engine sees it.

pjsip answers 500 to what it does not know in a dialog, after which PBXs hang up, and 200 to what
nobody does anything with. So this is decided here, by one table from method and place to a verdict.

Pure: a message in, a verdict out. Who asks carries it out, and gives the digit of an INFO, or the
offer of a re-INVITE, to the call. Never raises, whatever the message holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from gateway.trunk.message import DTMF_TYPES, Message
from gateway.trunk.reason import warning_header
from gateway.trunk.referred import referred_to
from gateway.trunk.wellformed import malformed


class Action(IntEnum):
    """What to do with a message; the numbers are those of the engine's message filter."""

    PASS = 0  # as it came
    REPLACE = 1  # the engine sees another body, or none
    ANSWER = 2  # a response of ours; the engine never sees the request
    HOLD = 3  # kept until the call has decided; a retransmission of it is dropped
    DROP = 4


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a message.

    `code`, `reason` and `headers` are those of an ANSWER. The body of a REPLACE is left empty:
    where the message brings a description (`Message.sdp`), only the call can say what the engine
    is to see in its place.
    """

    action: Action
    code: int = 0
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


@dataclass(frozen=True, slots=True)
class DialogFacts:
    """What counts of the dialog that a request belongs to.

    Parameters
    ----------
    inviting
        An INVITE of ours waits for its final response.
    offering
        An offer of ours waits for its answer.
    answering
        An INVITE of the trunk's waits for our final response, or an offer of its for our answer.
    referring
        A REFER of ours has been sent: reports of what becomes of it are expected.
    answered
        The call is.
    transfers
        The trunk may refer us to others (`Trunk.transfers`).
    referred
        It has done so, and what becomes of it is not known yet.
    retry_after
        Seconds that the trunk is told to wait where it was too quick; drawn at random from 0 to 10
        by who asks (RFC 3261 section 14.2).
    """

    inviting: bool = False
    offering: bool = False
    answering: bool = False
    referring: bool = False
    answered: bool = False
    transfers: bool = False
    referred: bool = False
    retry_after: int = 0


# What we do, and nothing else: strangers and trunks read it in Allow, Supported and Accept
METHODS: Final = ("INVITE", "ACK", "CANCEL", "BYE", "PRACK", "UPDATE", "INFO", "OPTIONS")
OPTION_TAGS: Final = ("100rel", "timer")
SCHEMES: Final = frozenset({"sip", "sips", "tel"})

ALLOW: Final = ("Allow", ", ".join(METHODS))
SUPPORTED: Final = ("Supported", ", ".join(OPTION_TAGS))
ACCEPT_OFFERS: Final = ("Accept", "application/sdp, multipart/mixed")
ACCEPT_INFO: Final = ("Accept", "application/dtmf-relay, application/dtmf")
ACCEPT: Final = ("Accept", f"{ACCEPT_OFFERS[1]}, {ACCEPT_INFO[1]}")
ACCEPT_ENCODING: Final = ("Accept-Encoding", "identity")
# Empty: no package at all (RFC 6086 section 4.2.1)
RECV_INFO: Final = ("Recv-Info", "")

NOT_USABLE: Final = 305  # warn-code: incompatible media format

PHRASES: Final = {
    200: "OK",
    400: "Bad Request",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    469: "Bad Info Package",
    481: "Call/Transaction Does Not Exist",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    505: "Version Not Supported",
    603: "Decline",
}

TOKEN: Final = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,64}")
MOST_TOKENS: Final = 16  # in an Unsupported of ours, however many a stranger requires
OPTIONAL: Final = re.compile(r';\s*handling\s*=\s*"?optional\b', re.I)

# A hook flash is no digit. Event 16 of RFC 4733; PBXs write it in these ways
FLASH: Final = re.compile(r"(?:signal[ \t]*=[ \t]*)?(?:16|!|hf|flash)", re.I)


def _answer(code: int, *headers: tuple[str, str]) -> Verdict:
    return Verdict(Action.ANSWER, code, PHRASES[code], headers)


def refusal(why: str, code: int = 488) -> Verdict:
    """Refuse a description, and say why (RFC 3261 section 21.4.26)."""
    return _answer(code, warning_header(NOT_USABLE, why))


PASS: Final = Verdict(Action.PASS)
REPLACE: Final = Verdict(Action.REPLACE)
HOLD: Final = Verdict(Action.HOLD)
DROP: Final = Verdict(Action.DROP)
OK: Final = _answer(200)
NOT_ALLOWED: Final = _answer(405, ALLOW)
NOT_IMPLEMENTED: Final = _answer(501, ALLOW)
NO_DIALOG: Final = _answer(481)
PENDING: Final = _answer(491)
BAD_OFFER_TYPE: Final = _answer(415, ACCEPT_OFFERS)
BAD_INFO_TYPE: Final = _answer(415, ACCEPT_INFO)
BAD_ENCODING: Final = _answer(415, ACCEPT_ENCODING)
BAD_EVENT: Final = _answer(489)
BAD_PACKAGE: Final = _answer(469, RECV_INFO)
DECLINED: Final = _answer(603)
BAD_REFER: Final = _answer(400)
ABOUT_US: Final = _answer(200, ALLOW, SUPPORTED, ACCEPT, ACCEPT_ENCODING)
ABOUT_US_REFERRED: Final = _answer(
    200, (ALLOW[0], f"{ALLOW[1]}, REFER"), SUPPORTED, ACCEPT, ACCEPT_ENCODING
)


def screen(message: Message, dialog: DialogFacts | None) -> Verdict:
    """Decide about a message that came in.

    Parameters
    ----------
    dialog
        None where the message belongs to no dialog that we know.
    """
    if message.code:
        return _no_foreign_body(message)
    if message.start.upper().startswith("SIP/"):
        return DROP  # a response whose status is none
    if dialog is None and message.method != "ACK" and (code := malformed(message)):
        return _answer(code)
    row = RULES.get(message.method, UNKNOWN_METHOD)
    rule = row[INSIDE if dialog is not None else STRAY if message.to_tag else OUTSIDE]
    if isinstance(rule, Verdict):
        return rule
    for check in CHECKS:
        if (refused := check(message)) is not None:
            return refused
    return rule(message, dialog or NOTHING)


# -- what holds for each method that we have (RFC 3261 section 8.2.2), in that section's order


def refuse_scheme(message: Message) -> Verdict | None:
    """Refuse a Request-URI of a scheme that we do not have (RFC 3261 section 8.2.2.1)."""
    scheme, colon, _ = message.start.partition(" ")[2].strip().partition(":")
    return None if not colon or scheme.lower() in SCHEMES else _answer(416)


def _refuse_extensions(message: Message) -> Verdict | None:
    wanted = [tag for tag in _values(message, "require") if tag.lower() not in OPTION_TAGS]
    if not wanted:
        return None
    # The trunk's text leaves in a header of ours: nothing but tokens does
    named = [tag for tag in wanted if TOKEN.fullmatch(tag)][:MOST_TOKENS]
    return _answer(420, ("Unsupported", ", ".join(named))) if named else _answer(400)


def _refuse_encoding(message: Message) -> Verdict | None:
    codings = _values(message, "content-encoding")
    plain = not message.body.strip() or all(each.lower() == "identity" for each in codings)
    return None if plain else BAD_ENCODING


CHECKS: Final = (refuse_scheme, _refuse_extensions, _refuse_encoding)


# -- methods


def _invite_outside(message: Message, _: DialogFacts) -> Verdict:
    """Judge a call to us. The engine sees our reading of its offer."""
    if _has_foreign_body(message):
        return BAD_OFFER_TYPE
    accepted = [each.partition(";")[0].strip().lower() for each in _values(message, "accept")]
    if accepted and not {"*/*", "application/*", "application/sdp"}.intersection(accepted):
        return _answer(406, ACCEPT_OFFERS)
    return _no_foreign_body(message)


def _invite_inside(message: Message, dialog: DialogFacts) -> Verdict:
    """Judge a re-INVITE, with an offer or asking for one (RFC 3261 section 14.2)."""
    if _has_foreign_body(message):
        return BAD_OFFER_TYPE
    if dialog.answering:
        return _too_quick(dialog)
    return PENDING if dialog.inviting or dialog.offering else HOLD


def _update(message: Message, dialog: DialogFacts) -> Verdict:
    """Judge an UPDATE: without an offer it refreshes the session timer (RFC 3311 section 5.2)."""
    if _has_foreign_body(message):
        return BAD_OFFER_TYPE
    if not message.sdp:
        return _no_foreign_body(message)
    if dialog.answering:
        return _too_quick(dialog)
    return PENDING if dialog.offering else HOLD


def _prack(message: Message, _: DialogFacts) -> Verdict:
    """Judge a PRACK; one that brings an offer waits for its answer (RFC 3262 section 5)."""
    if _has_foreign_body(message):
        return BAD_OFFER_TYPE
    return HOLD if message.sdp else _no_foreign_body(message)


def _info(message: Message, _: DialogFacts) -> Verdict:
    """Judge an INFO: a keep-alive, a digit, or what we have no use for (RFC 6086)."""
    if message.header("info-package") is not None:
        return BAD_PACKAGE
    if not message.body.strip():
        return OK
    if message.content_type not in DTMF_TYPES:
        return OK if _is_optional(message) else BAD_INFO_TYPE
    return OK if message.digit is not None or _is_flash(message.body) else _answer(400)


def _is_flash(body: str) -> bool:
    return any(FLASH.fullmatch(line.strip()) for line in body.splitlines())


def _options(message: Message, dialog: DialogFacts) -> Verdict:
    """Say what we can do; trunks ask to see whether we live."""
    return ABOUT_US_REFERRED if dialog.transfers else ABOUT_US


def _notify(message: Message, dialog: DialogFacts) -> Verdict:
    """Judge a NOTIFY: a report of a transfer that we have asked for (RFC 3515 section 2.4.4)."""
    event = (message.header("event") or "").partition(";")[0].strip().lower()
    return OK if dialog.referring and event == "refer" else BAD_EVENT


def _refer(message: Message, dialog: DialogFacts) -> Verdict:
    """Judge a REFER: one at a time, of an answered call, from a trunk that may (RFC 3515)."""
    if not dialog.transfers:
        return DECLINED
    if referred_to(message) is None:
        return BAD_REFER
    return HOLD if dialog.answered and not dialog.referred else PENDING


def _foreign_body_only(message: Message, _: DialogFacts) -> Verdict:
    return _no_foreign_body(message)


Rule = Verdict | Callable[[Message, DialogFacts], Verdict]
Row = tuple[Rule, Rule, Rule]

# The columns: in a dialog, outside of any, and with the To tag of a dialog that we do not know
INSIDE, OUTSIDE, STRAY = range(3)

# Why these:
# - A method that is not in Allow gets 405 (RFC 3261 section 8.2.1), one that nobody knows 501
#   (section 21.5.2). Neither ends a dialog (RFC 5057 section 5.1).
# - INFO, UPDATE and PRACK exist in dialogs only: outside it is 481 that says so.
# - NOTIFY in a dialog: no event package is known but that of a REFER of ours, 489 (RFC 6665
#   section 4.1.3). A 481 would be as right, but user agents hang up at it. Outside there is no
#   subscription, 481.
# - REFER in a dialog is understood, and declined unless the operator trusts the trunk with it: then
#   the call decides, as nobody dials past admission.
# - BYE and ACK are the engine's: it answers the repetition of a BYE after the end of its dialog.
RULES: Final[dict[str, Row]] = {
    "INVITE": (_invite_inside, _invite_outside, NO_DIALOG),
    "ACK": (_foreign_body_only, PASS, PASS),
    "CANCEL": (PASS, PASS, PASS),
    "BYE": (PASS, NO_DIALOG, PASS),
    "PRACK": (_prack, NO_DIALOG, NO_DIALOG),
    "UPDATE": (_update, NO_DIALOG, NO_DIALOG),
    "INFO": (_info, NO_DIALOG, NO_DIALOG),
    "OPTIONS": (_options, _options, NO_DIALOG),
    "NOTIFY": (_notify, NO_DIALOG, NO_DIALOG),
    "REFER": (_refer, NOT_ALLOWED, NO_DIALOG),
    "MESSAGE": (NOT_ALLOWED, NOT_ALLOWED, NOT_ALLOWED),
    "SUBSCRIBE": (NOT_ALLOWED, NOT_ALLOWED, NOT_ALLOWED),
    "REGISTER": (NOT_ALLOWED, NOT_ALLOWED, NOT_ALLOWED),
    "PUBLISH": (NOT_ALLOWED, NOT_ALLOWED, NOT_ALLOWED),
}
UNKNOWN_METHOD: Final[Row] = (NOT_IMPLEMENTED, NOT_IMPLEMENTED, NOT_IMPLEMENTED)
NOTHING: Final = DialogFacts()


# -- bodies and headers


def _no_foreign_body(message: Message) -> Verdict:
    """Keep from the engine what it would parse and refuse: descriptions, and bodies unknown."""
    return REPLACE if message.body.strip() else PASS


def _has_foreign_body(message: Message) -> bool:
    """Tell whether a body is there that is no description and may not be ignored."""
    return bool(message.body.strip()) and not message.sdp and not _is_optional(message)


def _is_optional(message: Message) -> bool:
    """Tell whether a body may be ignored (RFC 3261 section 20.11)."""
    return OPTIONAL.search(message.header("content-disposition") or "") is not None


def _too_quick(dialog: DialogFacts) -> Verdict:
    return _answer(500, ("Retry-After", str(dialog.retry_after)))


def _values(message: Message, name: str) -> list[str]:
    """Return the values of a header that is a list, however many lines it takes."""
    return [
        value.strip()
        for key, text in message.headers
        if key == name
        for value in text.split(",")
        if value.strip()
    ]
