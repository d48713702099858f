"""Reads what we need out of a SIP message, as text, whoever wrote it.

pjsua2 shows a message only as one string. These functions are total: any text gives a Message, and
a part that is missing or malformed reads as absent. RFC 3261 section 7.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sdp import without_keys

COMPACT: Final = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
"""Compact header names (RFC 3261 section 7.3.3, and the extensions that registered more)."""

STATUS_LINE: Final = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: (.*))?", re.I)
QUOTED_PAIR: Final = re.compile(r"\\(.)")
# One that nobody closes goes to the end, and nothing is tried twice: time stays linear
INSIDE_QUOTES: Final = r'(?:[^"\\]|\\.?)*+'
QUOTED_STRING: Final = re.compile(rf'"({INSIDE_QUOTES})(?:"|\Z)', re.S)
OUTSIDE_QUOTES: Final = {
    separator: re.compile(rf'(?:"{INSIDE_QUOTES}(?:"|\Z)|[^{separator}"])+', re.S)
    for separator in ",;"
}
FOLD: Final = re.compile(r"\r?\n[ \t]+")
BLANK_LINE: Final = re.compile(r"\r?\n\r?\n")
TAG: Final = re.compile(r";\s*tag\s*=\s*([^\s;,>]{1,256})", re.I)
CSEQ: Final = re.compile(r"([0-9]{1,10})\s+(\S{1,64})")
BOUNDARY: Final = re.compile(r';\s*boundary\s*=\s*(?:"([^"\r\n]{1,200})"|([^\s;"]{1,200}))', re.I)
SECONDS: Final = re.compile(r"\s*([0-9]{1,10})(?![0-9])")
DURATION: Final = re.compile(r"([0-9]{1,6})\s*(?:ms)?")
FIELD: Final = re.compile(r"([a-z]+)\s*[=:]\s*(.*)")
DIGITS: Final = frozenset("0123456789*#ABCD")
SHOWN_CODES: Final = dict(zip(map(str, range(10, 16)), "*#ABCD", strict=True))
DEFAULT_DIGIT_MS: Final = 160
LONGEST_DIGIT_MS: Final = 60_000
DTMF_TYPES: Final = ("application/dtmf-relay", "application/dtmf")


@dataclass(frozen=True, slots=True)
class Message:
    """A SIP request or response. Header names are lower case and in long form.

    Parameters
    ----------
    body
        As long as Content-Length says (RFC 3261 section 18.3), or to the end where it says nothing.
    source
        The address of the host that it came from, empty where that is not known.
    complete
        False if Content-Length says more than there is; over UDP that is an error of the sender.
    """

    start: str
    headers: tuple[tuple[str, str], ...]
    body: str
    source: str = ""
    complete: bool = True

    @property
    def code(self) -> int:
        """The status code of a response, 0 for a request."""
        found = STATUS_LINE.fullmatch(self.start)
        return int(found[1]) if found else 0

    @property
    def reason(self) -> str:
        """The reason phrase of a response, empty for a request."""
        found = STATUS_LINE.fullmatch(self.start)
        return (found[2] or "").strip() if found else ""

    @property
    def retry_after(self) -> int | None:
        """Seconds that the sender asks to be left alone; None where it asks for nothing."""
        found = SECONDS.match(self.header("retry-after") or "")
        return int(found[1]) if found else None

    @property
    def method(self) -> str:
        """The method of a request, empty for a response."""
        return "" if self.code else self.start.partition(" ")[0].upper()

    def header(self, name: str) -> str | None:
        """Return the first value of a header, or None."""
        return next((value for key, value in self.headers if key == name), None)

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a header, in their order."""
        return tuple(value for key, value in self.headers if key == name)

    @property
    def call_id(self) -> str:
        """The Call-ID, maybe empty."""
        return self.header("call-id") or ""

    @property
    def from_tag(self) -> str:
        """The tag of the From header, maybe empty."""
        return tag(self.header("from") or "")

    @property
    def to_tag(self) -> str:
        """The tag of the To header, empty before there is a dialog."""
        return tag(self.header("to") or "")

    @property
    def cseq(self) -> tuple[int, str]:
        """The number and the method of the CSeq header; 0 and empty where there is none."""
        found = CSEQ.fullmatch(self.header("cseq") or "")
        return (int(found[1]), found[2].upper()) if found else (0, "")

    @property
    def content_type(self) -> str:
        """The type of the body in lower case, without parameters, maybe empty."""
        return media_type(self.header("content-type") or "")

    @property
    def sdp(self) -> str:
        """The body if it is a session description (also as part of a multipart), else empty."""
        kind = self.header("content-type")
        if kind is not None and "/" not in kind and self.body.startswith("v=0"):
            return self.body  # a type that is none can mean nothing else
        return description(kind or "", self.body)

    @property
    def digit(self) -> tuple[str, int] | None:
        """The digit of an INFO and its duration in milliseconds, or None.

        application/dtmf-relay holds "Signal=5" and "Duration=160" lines, application/dtmf the
        digit or its RFC 4733 event code alone; both are met in the other's form.
        """
        if self.content_type not in DTMF_TYPES:
            return None
        lines = [line.strip() for line in self.body.lower().splitlines() if line.strip()]
        fields = {found[1]: found[2] for line in lines if (found := FIELD.fullmatch(line))}
        bare = next((line for line in lines if not FIELD.fullmatch(line)), "")
        signal = (fields.get("signal") or fields.get("s") or bare).strip('"')
        digit = SHOWN_CODES.get(signal, signal.upper())
        if digit not in DIGITS:
            return None
        known = DURATION.fullmatch(fields.get("duration") or fields.get("d") or "")
        duration = int(known[1]) if known else 0
        return digit, min(duration, LONGEST_DIGIT_MS) or DEFAULT_DIGIT_MS


@lru_cache(maxsize=16)  # the engine shows each message two or three times
def read(text: str, source: str = "") -> Message:
    """Split a SIP message into start line, headers and body. Never raises.

    `source` is where it came from, as `host:port` or `[host]:port`.
    Bytes that are no UTF-8 come as surrogates (PEP 383); they leave as replacement characters, so
    that the text can be logged, encoded and sent on.
    """
    text = text.lstrip("\r\n")  # keep-alives before it (RFC 3261 section 7.5)
    head, body = _split(text)
    start, headers = _head(_printable(head))
    length = next((value for name, value in headers if name == "content-length"), "")
    body, complete = _cut(body, int(length) if re.fullmatch("[0-9]{1,9}", length) else None)
    host = source.rpartition(":")[0].strip("[]")
    return Message(start, headers, body, host, complete)


def _split(text: str) -> tuple[str, str]:
    """Split at the first empty line, however its two line ends are written."""
    end = text.find("\r\n\r\n")
    if end >= 0 and text.find("\n\n", 0, end) < 0 and text.find("\n\r\n", 0, end) < 0:
        return text[:end], text[end + 4 :]
    found = BLANK_LINE.search(text)
    return (text[: found.start()], text[found.end() :]) if found else (text, "")


def _head(text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    if "\n " in text or "\n\t" in text:
        text = FOLD.sub(" ", text)
    start, *lines = text.replace("\r\n", "\n").split("\n")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            key = name.strip().lower()
            headers.append((COMPACT.get(key, key), value.strip()))
    return start.strip(), tuple(headers)


def _cut(body: str, length: int | None) -> tuple[str, bool]:
    """Cut a body to its length in bytes, and tell whether all of it was there."""
    if body.isascii():
        return body[:length], length is None or length <= len(body)
    data = _bytes(body)
    return data[:length].decode("utf-8", "replace"), length is None or length <= len(data)


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # halves of pairs that no byte has become
        return text.encode("utf-8", "replace")


def _printable(text: str) -> str:
    return text if text.isascii() else _bytes(text).decode("utf-8", "replace")


def tag(value: str) -> str:
    """Return the tag of a From or To header, maybe empty; the URI's is none."""
    found = TAG.search(QUOTED_STRING.sub("", value).rpartition(">")[2])
    return found[1] if found else ""


def media_type(content_type: str) -> str:
    """Return the type of a Content-Type header in lower case, without parameters."""
    kind = content_type.partition(";")[0].partition(",")[0]
    return "".join(kind.lower().split()).strip('"')


def split_outside_quotes(text: str, separator: str) -> list[str]:
    """Split a header's value at a separator, but not inside quoted strings."""
    return OUTSIDE_QUOTES[separator].findall(text)


def description(content_type: str, body: str, *, depth: int = 2) -> str:
    """Return the session description that a body is or holds, else empty (RFC 2046 section 5.1).

    A multipart may hold another, `depth` of them in all.
    """
    kind = media_type(content_type)
    if kind == "application/sdp":
        return body
    if not kind.startswith("multipart/") or not depth:
        return ""
    parts = _parts(content_type, body)
    for part_type, inside in parts:
        if found := description(part_type, inside, depth=depth - 1):
            return found
    # A part without headers is text (RFC 2046 section 5.1), but this one can be nothing else
    return next((inside for kind, inside in parts if not kind and inside.startswith("v=0")), "")


def _parts(content_type: str, body: str) -> list[tuple[str, str]]:
    """Split a multipart into the Content-Type and the content of each part."""
    found = BOUNDARY.search(content_type)
    if not found:
        return []
    boundary = re.escape((found[1] or found[2]).rstrip())
    delimiter = re.compile(rf"(?:\A|\r?\n)--{boundary}(--)?[ \t]*(?=\r?\n|\Z)")
    parts = []
    _, *pieces = delimiter.split(body)  # the preamble, then mark and content by turns
    for mark, piece in zip(pieces[::2], pieces[1::2], strict=True):
        if mark:
            break  # the rest is an epilogue
        parts.append(_part(piece))
    return parts


def _part(piece: str) -> tuple[str, str]:
    """Split one part, from behind its delimiter, into Content-Type and content."""
    piece = piece.removeprefix("\r").removeprefix("\n")
    if piece.startswith(("\r\n", "\n")):  # no headers
        head, inside = "", piece.lstrip("\r\n")
    elif piece.startswith("v=0"):
        head, inside = "", piece
    else:
        head, inside = _split(piece)
    _, headers = _head("\n" + head)
    kind = next((value for name, value in headers if name == "content-type"), "")
    # The last line's end belongs to the delimiter, and a description's last line has one
    if inside and not inside.endswith("\n"):
        inside += "\r\n" if "\r\n" in inside else "\n"
    return kind, inside


def redact(text: str) -> str:
    """Cut credentials and the keys of SRTP out of a log text that may hold whole SIP messages."""
    shown = CREDENTIALS.sub(r"\1: ***", text.encode("utf-8", "replace").decode())
    return without_keys(shown)


CREDENTIALS: Final = re.compile(
    r"^((?:Proxy-)?Authorization)[ \t]*:[^\r\n]*(?:\r?\n[ \t]+[^\r\n]*)*", re.I | re.M
)
