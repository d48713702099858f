"""Reads what we need out of a SIP message that pjsip has parsed already and hands over as text.

pjsua2 shows a message only as one string. These functions are total: any text gives a Message, and
a part that is missing or malformed reads as absent. RFC 3261 section 7.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

COMPACT: Final = {
    "c": "content-type",
    "f": "from",
    "i": "call-id",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "s": "subject",
    "t": "to",
    "v": "via",
}
"""Compact header names (RFC 3261 section 7.3.3)."""

STATUS_LINE: Final = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: (.*))?", re.I)
NAME_ADDRESS: Final = re.compile(
    r'\s*(?:"(?P<quoted>(?:[^"\\]|\\.){0,512})"|(?P<plain>[^"<;]{0,256}?))\s*'
    r"<?sips?:(?:(?P<user>[^@;>?:]{0,256})(?::[^@>]{0,256})?@)?[^@>]+",
    re.I,
)
QUOTED_PAIR: Final = re.compile(r"\\(.)")
FOLD: Final = re.compile(r"\r?\n[ \t]+")
DIGITS: Final = frozenset("0123456789*#ABCD")
SHOWN_CODES: Final = dict(zip(map(str, range(10, 16)), "*#ABCD", strict=True))
DEFAULT_DIGIT_MS: Final = 160
LONGEST_DIGIT_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Message:
    """A SIP request or response. Header names are lower case and in long form.

    `source` is the address of the host that it came from, empty where that is not known.
    """

    start: str
    headers: tuple[tuple[str, str], ...]
    body: str
    source: str = ""

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
    def method(self) -> str:
        """The method of a request, empty for a response."""
        return "" if self.code else self.start.partition(" ")[0].upper()

    def header(self, name: str) -> str | None:
        """Return the first value of a header, or None."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def sdp(self) -> str:
        """The body if it is a session description (also as part of a multipart), else empty."""
        kind = (self.header("content-type") or "").lower()
        if kind.startswith("application/sdp"):
            return self.body
        if kind.startswith("multipart/"):
            return _sdp_part(self.body, self.header("content-type") or "")
        return ""

    @property
    def q850(self) -> int | None:
        """The ISUP cause in a Reason header (RFC 3326), 1 to 127, or None."""
        for name, value in self.headers:
            if name != "reason":
                continue
            for one in value.split(","):
                protocol, *parameters = (part.strip().lower() for part in one.split(";"))
                cause = dict(_pair(part) for part in parameters).get("cause", "")
                if protocol == "q.850" and re.fullmatch(r"[0-9]{1,3}", cause):
                    return int(cause) if 1 <= int(cause) <= 127 else None
        return None

    @property
    def digit(self) -> tuple[str, int] | None:
        """The digit of an INFO and its duration in milliseconds, or None.

        application/dtmf-relay holds "Signal=5" and "Duration=160" lines, application/dtmf the
        digit or its RFC 4733 event code alone.
        """
        kind = (self.header("content-type") or "").partition(";")[0].strip().lower()
        if kind == "application/dtmf-relay":
            fields = dict(_pair(line.lower()) for line in self.body.splitlines())
            signal, duration = fields.get("signal", ""), fields.get("duration", "")
        elif kind == "application/dtmf":
            signal, duration = self.body.strip(), ""
        else:
            return None
        digit = SHOWN_CODES.get(signal, signal.upper())
        if digit not in DIGITS:
            return None
        known = re.fullmatch(r"[0-9]{1,5}", duration)
        return digit, min(int(duration), LONGEST_DIGIT_MS) if known else DEFAULT_DIGIT_MS


def read(text: str, source: str = "") -> Message:
    """Split a SIP message into start line, headers and body. Never raises.

    `source` is where it came from, as `host:port` or `[host]:port`.
    Bytes that are no UTF-8 come as surrogates (PEP 383); they leave as replacement characters, so
    that the text can be logged, encoded and sent on.
    """
    text = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    head, _, body = text.partition("\r\n\r\n")
    start, *lines = FOLD.sub(" ", head).split("\r\n")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            key = name.strip().lower()
            headers.append((COMPACT.get(key, key), value.strip()))
    return Message(start.strip(), tuple(headers), body, source.rpartition(":")[0].strip("[]"))


def name_address(value: str) -> tuple[str, str]:
    """Return the display name and the user part of a From or To header, each maybe empty."""
    found = NAME_ADDRESS.match(value)
    if not found:
        return "", ""
    shown = QUOTED_PAIR.sub(r"\1", found["quoted"] or "") or (found["plain"] or "").strip()
    return shown, unquote(found["user"] or "")


def request_user(start: str) -> str:
    """Return the user part of the Request-URI in a request line, maybe empty."""
    return name_address(f"<{start.partition(' ')[2].partition(' ')[0]}>")[1]


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip(), value.strip().strip('"')


def _sdp_part(body: str, content_type: str) -> str:
    """Return the session description inside a multipart body (RFC 2046 section 5.1)."""
    found = re.search(r'boundary="?([^";]{1,70})"?', content_type, re.I)
    if not found:
        return ""
    for part in body.split(f"--{found[1].strip()}"):
        head, _, inside = part.lstrip("\r\n").partition("\r\n\r\n")
        if re.search(r"^content-type\s*:\s*application/sdp\b", head, re.I | re.M):
            return inside.removesuffix("\r\n") + ("" if inside.endswith("\r\n\r\n") else "\r\n")
    return ""


def redact(text: str) -> str:
    """Cut the credentials out of a log text that may hold whole SIP messages."""
    return CREDENTIALS.sub(r"\1: ***", text.encode("utf-8", "replace").decode())


CREDENTIALS: Final = re.compile(
    r"^((?:Proxy-)?Authorization)[ \t]*:[^\r\n]*(?:\r?\n[ \t]+[^\r\n]*)*", re.I | re.M
)
