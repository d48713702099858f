"""Guards what the SIP engine is given to send as a session description."""

from __future__ import annotations

from gateway.trunk.errors import TrunkError
from sdp import SdpError, parse


def check_description(text: str) -> str:
    """Return `text` if it parses: the engine would silently send its own instead of a bad one."""
    try:
        parse(text)
    except SdpError as error:
        raise TrunkError(f"our own description is malformed: {error}") from error
    return text
