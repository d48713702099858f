"""What a client asks for when it places a call; every field has passed admission's rules."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A call to place: `to` and `caller` as admitted, `offer` the browser's SDP as it came."""

    to: str
    offer: str
    caller: str | None = None
    display_name: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
