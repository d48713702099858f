"""What one call of the caller is to be; without the libraries that place it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

_SCHEMES = {"ws": ("http", 80), "wss": ("https", 443)}


@dataclass(frozen=True, slots=True)
class CallOptions:
    """What to do; times in seconds, `dtmf_duration` and `dtmf_gap` in milliseconds.

    With `answer`, an identity, nobody is called: the first call for it is taken when it has rung
    for `pick_up` seconds, or when somebody says so if that is None.
    """

    to: str = ""
    answer: str | None = None
    pick_up: float | None = 0.0
    url: str = "ws://127.0.0.1:8080/v1/ws"
    token: str | None = field(default=None, repr=False)
    play: Path | None = None
    record: Path | None = None
    dtmf: str = ""
    dtmf_duration: int = 160
    dtmf_gap: int = 100
    duration: float = 10.0
    give_up: float | None = None
    keep: float = 60.0
    address: str = "127.0.0.1"
    origin: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


def origin_of(url: str) -> str | None:
    """Return the origin of a page that the gateway itself serves; None where `url` is no WebSocket.

    Written as browsers do, without a port that its scheme implies (RFC 6454 section 6.2).
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in _SCHEMES or not host:
        return None
    scheme, implied = _SCHEMES[parts.scheme]
    written = f"[{host}]" if ":" in host else host
    return f"{scheme}://{written}" if port in (None, implied) else f"{scheme}://{written}:{port}"
