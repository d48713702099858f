"""Why a call ended, in SIP's words: the Reason header (RFC 3326) and the Warning header.

Read: what a trunk gives beside its status, for the sentence that a person gets. Written: what our
BYE or CANCEL says when the gateway ends a call by itself, so that a trunk's records tell a limit of
ours from a caller who hung up. Pure; reading is total.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from gateway.trunk.message import Message, split_outside_quotes

LONGEST_TEXT: Final = 120  # characters of the trunk's that a person is shown
UNSHOWN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffd]+")
QUOTED_PAIR: Final = re.compile(r"\\(.)", re.S)
WARNING: Final = re.compile(r'\s*([1-9][0-9]{2})\s+\S{1,256}\s+"((?:[^"\\]|\\.)*)"?', re.S)
LAST_CAUSE: Final = 127  # of Q.850
UNAVAILABLE: Final = 503
NORMAL_CLEARING: Final = 16  # Q.850: somebody hung up


class Reason(NamedTuple):
    """One reason; `protocol` is `SIP`, `Q.850` or another in capitals. Absent values are empty."""

    protocol: str
    cause: int
    text: str = ""


def read_reasons(message: Message) -> tuple[Reason, ...]:
    """Read every Reason of a message."""
    return tuple(
        reason
        for name, value in message.headers
        if name == "reason"
        for one in split_outside_quotes(value, ",")
        if (reason := _read_reason(one)) is not None
    )


def isup_cause(message: Message) -> int | None:
    """Return the cause of the telephone network (Q.850), 1 to 127, or None."""
    causes = (each.cause for each in read_reasons(message) if each.protocol == "Q.850")
    return next((cause for cause in causes if 1 <= cause <= LAST_CAUSE), None)


def read_warning(message: Message) -> str:
    """Return what the first Warning says (RFC 3261 section 20.43), maybe nothing."""
    for name, value in message.headers:
        if name == "warning" and (found := WARNING.match(value)) is not None:
            said = _shown(QUOTED_PAIR.sub(r"\1", found[2]))
            return said or WARN_CODES.get(int(found[1]), "")
    return ""


def remark(message: Message) -> str:
    """Return what a trunk says of an end beyond its status, for a person; maybe nothing.

    That somebody hung up, or the status' own phrase once more, is nothing.
    """
    said = [
        read_warning(message),
        *(each.text for each in read_reasons(message) if each.cause != NORMAL_CLEARING),
    ]
    known = message.reason.casefold()
    return next((text for text in said if text and text.casefold() != known), "")


# RFC 3261 section 20.43
WARN_CODES: Final = {
    300: "Incompatible network protocol",
    301: "Incompatible network address formats",
    302: "Incompatible transport protocol",
    303: "Incompatible bandwidth units",
    304: "Media type not available",
    305: "Incompatible media format",
    306: "Attribute not understood",
    307: "Session description parameter not understood",
    330: "Multicast not available",
    331: "Unicast not available",
    370: "Insufficient bandwidth",
    399: "Miscellaneous warning",
}

# What our BYE or CANCEL says, by the cause of the call's end. The numbers are those of Q.850, which
# the telephone network has words for; 31 is "normal, unspecified". An end that the trunk has made
# itself is not here: we send nothing then
_HUNG_UP: Final = Reason("Q.850", NORMAL_CLEARING, "Normal call clearing")
_FAULT: Final = Reason("Q.850", 41, "Temporary failure")
OURS: Final = {
    "hangup": _HUNG_UP,
    "canceled": _HUNG_UP,
    "transferred": _HUNG_UP,
    "max-duration": Reason("Q.850", 31, "Longest duration reached"),
    "no-answer": Reason("Q.850", 19, "No answer"),
    "media-timeout": Reason("Q.850", 102, "No RTP received"),
    "media-failed": Reason("Q.850", 41, "Connection to the browser failed"),
    "media-lost": Reason("Q.850", 41, "Connection to the browser lost"),
    "no-media-path": Reason("Q.850", 41, "No connection to the browser"),
    "page-lost": Reason("Q.850", 41, "Connection to the browser lost"),
    "incompatible-media": Reason("Q.850", 88, "Incompatible session description"),
    "internal": _FAULT,
    "stopped": Reason("Q.850", 31, "Ended by the operator or a limit"),
    "shutdown": Reason("Q.850", 41, "Going out of service"),
    "gateway-closed": Reason("Q.850", 41, "Going out of service"),
}


# Without it a 503 counts as 500 (RFC 3261 section 21.5.4), and no other place is tried. A restart
# takes seconds; who sends us nothing for long might keep the BYE of a call that runs, too
RETRY_AFTER: Final = ("Retry-After", "10")
_GOING: Final = ("draining", "shutdown")


def end_headers(cause: str, code: int) -> tuple[tuple[str, str], ...]:
    """Write what a message that ends a call says beside its status, 0 where it has none."""
    reason = reason_header(cause)
    headers = () if reason is None else (reason,)
    return (*headers, RETRY_AFTER) if code == UNAVAILABLE and cause in _GOING else headers


def reason_header(cause: str) -> tuple[str, str] | None:
    """Write the Reason of a request that ends a call; None for a cause that needs none.

    Parameters
    ----------
    cause
        The stable word of the call's end, as in `CallEnd.cause`.
    """
    reason = OURS.get(cause)
    if reason is None:
        return None
    return "Reason", f'{reason.protocol};cause={reason.cause};text="{reason.text}"'


def warning_header(code: int, text: str = "", agent: str = "gateway") -> tuple[str, str]:
    """Write a Warning, for a refusal that a person at the trunk is to understand.

    Parameters
    ----------
    code
        One of `WARN_CODES`.
    text
        What is wrong; the code's own words by default. May hold the trunk's: it is quoted, and cut.
    agent
        Our address or name, as a token.
    """
    escaped = re.sub(r'(["\\])', r"\\\1", _shown(text) or WARN_CODES[code])
    return "Warning", f'{code} {agent} "{escaped}"'


def _read_reason(one: str) -> Reason | None:
    if not one.strip() or one.lstrip().startswith(";"):
        return None
    protocol, *parameters = split_outside_quotes(one, ";")
    known: dict[str, str] = {}
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        known.setdefault(name.strip().lower(), value.strip())
    number, text = known.get("cause", ""), known.get("text", "")
    cause = int(number) if re.fullmatch(r"[0-9]{1,3}", number, re.ASCII) else 0
    if text.startswith('"'):
        text = QUOTED_PAIR.sub(r"\1", text[1:].removesuffix('"'))
    return Reason(protocol.strip().upper(), cause, _shown(text))


def _shown(text: str) -> str:
    """Return a trunk's text as it may be shown: a line, no controls, no more than a sentence."""
    line = " ".join(UNSHOWN.sub(" ", text).split()).rstrip(".")
    return line if len(line) <= LONGEST_TEXT else f"{line[: LONGEST_TEXT - 1]}…"
