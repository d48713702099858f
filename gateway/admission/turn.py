"""TURN credentials of a session: a relay that anybody may use is a relay for attacks.

coturn's REST scheme (`use-auth-secret`, draft-uberti-behave-turn-rest-00): the gateway and the TURN
server share a secret, and a user name says itself until when it is good. The server keeps no list
of users, and the gateway asks nobody.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field

LIFETIME = 600.0
"""Seconds for which credentials are good: only to begin with. An allocation outlives them."""

_URL = re.compile(
    r"(?P<scheme>stun|turns?):(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)"
    r"(?::(?P<port>[0-9]{1,5}))?(?:\?transport=(?P<transport>udp|tcp))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class IceServer:
    """One RTCIceServer; of a STUN server there is no user name."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, object]:
        """Return it as RTCPeerConnection takes it."""
        server: dict[str, object] = {"urls": list(self.urls)}
        if self.username is not None:
            server |= {"username": self.username, "credential": self.credential}
        return server


@dataclass(frozen=True, slots=True)
class IceService:
    """The servers that pages are told of.

    Parameters
    ----------
    urls
        Of STUN and TURN servers, as `check_url` passes them.
    secret
        What the TURN servers have as `static-auth-secret`; not needed for STUN servers alone.
    lifetime
        Seconds for which credentials are good.

    Raises
    ------
    ValueError
        A URL is none, or there is a TURN server and no secret.
    """

    urls: tuple[str, ...] = ()
    secret: str = field(default="", repr=False)
    lifetime: float = LIFETIME

    def __post_init__(self) -> None:
        for url in self.urls:
            check_url(url)
        if not self.secret and any(_needs_credentials(url) for url in self.urls):
            raise ValueError("a TURN server needs a secret, or anybody may send through it")

    def servers(self, session: str, *, now: float) -> tuple[IceServer, ...]:
        """Return the servers for a session, with credentials that are its own.

        `now` is in seconds since the epoch.
        """
        stun = tuple(url for url in self.urls if not _needs_credentials(url))
        turn = tuple(url for url in self.urls if _needs_credentials(url))
        servers = [IceServer(stun)] if stun else []
        if turn:
            username = f"{int(now + self.lifetime)}:{session}"
            servers.append(IceServer(turn, username, make_credential(self.secret, username)))
        return tuple(servers)


def make_credential(secret: str, username: str) -> str:
    """Return the password of a user name."""
    # SHA-1 is the scheme's, and HMAC does not need what is broken of it
    digest = hmac.digest(secret.encode(), username.encode(), hashlib.sha1)
    return base64.b64encode(digest).decode()


def check_url(url: str) -> str:
    """Return `url` if a browser can use it.

    Raises
    ------
    ValueError
        It breaks RFC 7064 or RFC 7065, or names a transport that no browser has. One such URL and
        RTCPeerConnection throws: no page could call.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError(
            "the URL of a STUN or TURN server is needed: turn:HOST:PORT, turns: for TLS, stun: "
            "without credentials; ?transport=udp or tcp after turn:"
        )
    port = match["port"]
    if port is not None and not 0 < int(port) < 65536:
        raise ValueError("a port is 1 to 65535")
    if match["scheme"] == "stun" and match["transport"]:
        raise ValueError("a stun: URL has no transport (RFC 7064 section 3.1)")
    if match["scheme"] == "turns" and match["transport"] == "udp":
        raise ValueError("browsers have TLS over TCP only, and no DTLS towards servers")
    return url


def _needs_credentials(url: str) -> bool:
    return url.startswith("turn")
