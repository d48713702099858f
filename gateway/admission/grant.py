"""Who is at the other end of a WebSocket, and what that one may do: what admission decides by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Visitor:
    """A client as the network shows it.

    `address` is the client's own IP address, told by a trusted proxy where one stands before us;
    `origin` the Origin header, None for a program that sends none; `session` names the WebSocket in
    messages and logs.
    """

    address: str
    origin: str | None
    session: str


@dataclass(frozen=True, slots=True)
class Grant:
    """What a call token allows, or what everybody may in mode "open"; the rest is denied.

    Parameters
    ----------
    key
        The name of the key that the token was signed by; None in mode "open".
    identity
        The token's `sub`: for whom calls are counted, and who is called.
    token
        The token's `jti`.
    to
        Numbers and SIP users that may be called, "*" at the end for a prefix; None for any that the
        dial plan allows.
    caller
        The number or SIP user that calls show, whatever the page says; None for the page's choice.
    origins
        The pages that may use it: None for any that the gateway lets in, empty for none, which
        leaves programs that send no Origin.
    max_duration
        Seconds of one call, None for the dial plan's.
    max_calls
        Calls at a time, None for no limit of the token's own.
    once
        Whether it is good for one call only.
    transfer_to
        Identities to whose pages a call may be handed over, "*" at the end for a prefix; None for
        any.
    incoming
        Whether calls for `identity` ring here.
    expires
        Seconds since the epoch, None for never.
    """

    key: str | None = None
    identity: str | None = None
    token: str | None = None
    to: tuple[str, ...] | None = None
    caller: str | None = None
    origins: tuple[str, ...] | None = None
    max_duration: float | None = None
    max_calls: int | None = None
    once: bool = False
    transfer_to: tuple[str, ...] | None = None
    incoming: bool = False
    expires: float | None = None


NOTHING = Grant(to=(), transfer_to=(), expires=0.0)
"""What a session may do before its `hello`."""

EVERYBODY = Grant()
"""What whoever reaches the gateway may do in mode "open"."""
