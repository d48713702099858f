"""Answers a request that the engine cannot read: it would drop it, and the sender wait for 32 s.

Nothing is known of such a request but its text, so the answer is made of the text, without any
transaction: a repetition of the request gets the same again (RFC 3261 section 8.2.7). Pure and
total. An answer is hardly longer than its request, and none is given to an ACK or a response, so
that nobody can multiply traffic with us.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.trunk.message import Message, read
from gateway.trunk.screening import PHRASES, TOKEN, refuse_scheme
from gateway.trunk.wellformed import BAD_REQUEST, malformed

COPIED: Final = ("via", "from", "to", "call-id", "cseq")  # RFC 3261 section 8.2.6.2
NAMES: Final = {"via": "Via", "from": "From", "to": "To", "call-id": "Call-ID", "cseq": "CSeq"}
LONGEST: Final = 1300  # bytes; a longer UDP response could be split (RFC 3261 section 18.1.1)
MARGIN: Final = 100  # bytes that an answer may be longer than its request


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and the response as it is sent."""

    code: int
    text: str


def answer_unreadable(whole: str, source: str = "") -> Answer | None:
    """Return the answer to what the engine has dropped, or None where none is due or possible.

    Parameters
    ----------
    whole
        What came, with bytes that are no UTF-8 as surrogates.
    source
        Where from, as `host:port`.
    """
    request = read(whole, source)
    if request.code or request.start.upper().startswith("SIP/"):
        return None
    if request.method == "ACK" or not TOKEN.fullmatch(request.method):
        return None
    if not all(request.header(name) for name in COPIED):
        return None
    code = _status(request)
    text = _response(request, code)
    longest = min(LONGEST, len(whole) + MARGIN)
    return Answer(code, text) if len(text.encode()) <= longest else None


def _status(request: Message) -> int:
    """Say what is wrong; where we see nothing the engine has, in a header that it needs."""
    if code := malformed(request):
        return code
    scheme = refuse_scheme(request)
    return scheme.code if scheme else BAD_REQUEST


def _response(request: Message, code: int) -> str:
    lines = [f"SIP/2.0 {code} {PHRASES[code]}", *_copied(request), "Content-Length: 0", "", ""]
    return "\r\n".join(lines)


def _copied(request: Message) -> Iterator[str]:
    """Copy every Via and the first of the others, the To with a tag."""
    # The same for each repetition, as an answer without state has to have it
    tag = f"{zlib.crc32(repr(request.headers).encode()):08x}"
    for name in COPIED:
        values = [value for key, value in request.headers if key == name]
        for value in values if name == "via" else values[:1]:
            added = f";tag={tag}" if name == "to" and not request.to_tag else ""
            yield f"{NAMES[name]}: {_printable(value)}{added}"


def _printable(value: str) -> str:
    """Leave out control characters: a lone CR ends a line for some."""
    return "".join(each if each >= " " and each != "\x7f" else " " for each in value)
