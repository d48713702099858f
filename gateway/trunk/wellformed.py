"""What makes a request of a stranger malformed beyond use, where the engine's parser lets it pass.

A trunk in a call is read as liberally as possible; whoever opens a new matter has to say clearly
what it is, or its answer and its repetitions would be matched to something else. Pure and total.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.trunk.message import Message

BAD_REQUEST: Final = 400
BAD_VERSION: Final = 505

SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*:.", re.I)
VERSION: Final = re.compile(r"SIP/[0-9]+\.[0-9]+", re.I)
LARGEST_CSEQ: Final = 2**31 - 1  # RFC 3261 section 8.1.1.5
SINGLE: Final = ("call-id", "content-length", "cseq", "from", "max-forwards", "to")


def malformed(message: Message) -> int:
    """Return the status that refuses a malformed request, 0 for one that is well-formed."""
    return _request_line(message.start) or _headers(message)


def _request_line(start: str) -> int:
    """Judge the request line (RFC 3261 section 7.1); blanks may be more than one."""
    parts = start.split()
    if len(parts) != 3:
        return BAD_REQUEST
    _, uri, version = parts
    if not SCHEME.match(uri) or not VERSION.fullmatch(version):
        return BAD_REQUEST
    if version.upper() != "SIP/2.0":
        return BAD_VERSION
    # A Request-URI has no headers (section 19.1.1): they would ask for a request of their kind
    has_headers = uri.lower().startswith(("sip:", "sips:")) and "?" in uri.rpartition("@")[2]
    return BAD_REQUEST if has_headers else 0


def _headers(message: Message) -> int:
    """Judge what tells one request from another, and where it ends."""
    for name in SINGLE:
        if len({value for key, value in message.headers if key == name}) > 1:
            return BAD_REQUEST
    number, method = message.cseq
    if not method or number > LARGEST_CSEQ or method != message.method:
        return BAD_REQUEST
    length = message.header("content-length")
    if length is not None and not re.fullmatch(r"[0-9]{1,10}", length, re.ASCII):
        return BAD_REQUEST
    return 0 if message.complete else BAD_REQUEST  # section 18.3
