"""Which pages may open a WebSocket. The same-origin rule of browsers does not cover WebSockets."""

from __future__ import annotations

import re
from ipaddress import ip_address

_ORIGIN = re.compile(r"https?://([^/@\s]+)", re.ASCII)
_NO_ORIGIN = "there is no Origin header: it is needed where admission.origins lists any"


def refused_because(
    origin: str | None, host: str | None, *, allowed: tuple[str, ...]
) -> str | None:
    """Say why the page at `origin` may not connect to us at `host`; None when it may.

    A page may when the operator lists its origin, or when it is our own: it came from the very host
    that the WebSocket goes to, and that host is a loopback one. Without the second half a name of a
    stranger's that resolves to 127.0.0.1 (DNS rebinding) would pass for our own page.

    Parameters
    ----------
    origin
        The Origin header. Browsers always send it, so without it the client is a program: on this
        machine, or anywhere when a reverse proxy stands before us. It passes only as long as no
        origin is listed. That keeps nobody out, as a program writes any Origin; it makes sure that
        a list is never taken for one of the pages alone.
    host
        The Host header.
    """
    if origin is None:
        return _NO_ORIGIN if allowed else None
    if origin.lower() in allowed:
        return None
    match = _ORIGIN.fullmatch(origin.lower())
    if match is None or host is None or match[1] != host.lower():
        return f"Origin is {origin[:80]!r}: admission.origins does not list it"
    if not _is_loopback(match[1]):
        return (
            f"Origin is {origin[:80]!r}: a page of the gateway itself is opened by a loopback "
            "address, or its origin stands in admission.origins"
        )
    return None


def _is_loopback(host: str) -> bool:
    name = re.sub(r":[0-9]{1,5}$", "", host) if not host.endswith("]") else host
    if name == "localhost":
        return True
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
