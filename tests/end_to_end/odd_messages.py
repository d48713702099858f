"""What a trunk that is played by hand reads of the messages that come to it."""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.peers.sipp import SipMessage

# RFC 3261 section 7.3.3 and RFC 4028 section 4, of the headers that are read here
_LONG_NAMES = {
    "f": "from",
    "i": "call-id",
    "l": "content-length",
    "t": "to",
    "v": "via",
    "x": "session-expires",
}


def parse_message(data: bytes) -> SipMessage:
    """Split what came into start line, headers and body."""
    head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
    start, *lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)
    named = tuple((_LONG_NAMES.get(name, name), value) for name, value in headers)
    return SipMessage(False, start, named, body)


def sequence(message: SipMessage) -> int:
    """Return the number in CSeq."""
    return int((message.header("cseq") or "0").split()[0])


def branch_of(message: SipMessage) -> str:
    """Return the branch of the topmost Via, which names a transaction."""
    found = re.search(r"branch=([^;,\s]+)", message.header("via") or "")
    return found[1] if found else ""


def tag_of(message: SipMessage, name: str = "to") -> str:
    """Return the tag in To or From, empty where there is none."""
    found = re.search(r";tag=([^;,\s]+)", message.header(name) or "")
    return found[1] if found else ""


class Origin(NamedTuple):
    """Which session a description is of, and which version of it (RFC 8866 section 5.2)."""

    session: str
    version: int


def origin_of(message: SipMessage) -> Origin:
    """Return what `o=` says."""
    found = re.search(r"^o=\S+ (\d+) (\d+) ", message.body, re.M)
    assert found is not None, message.body
    return Origin(found[1], int(found[2]))
