"""What both sides' answers have in common (RFC 3264)."""

from __future__ import annotations

from sdp.attributes import MID
from sdp.error import SdpError, quoted
from sdp.model import Attribute, Connection, Direction, Media, Origin
from sdp.target import read_ip


def connection_to(host: str) -> Connection:
    """Write an IP address as a connection; anything else is an error, as nothing here resolves."""
    address = read_ip(host)
    if address is None:
        problem = f"{quoted(host)} is no IP address"
        raise SdpError(problem, rule="RFC 8866 section 5.7")
    return Connection(f"IP{address.version}", host)


def origin_of(session_id: int, version: int, host: str) -> Origin:
    """Write an origin that tells nothing but the address (RFC 8866 section 5.2 allows "-")."""
    return Origin("-", session_id, version, connection_to(host))


def refused(media: Media) -> Media:
    """Answer a section with port 0 (RFC 3264 section 6); its mid stays (RFC 8829 section 5.3.1)."""
    mid = MID.first(media)
    return Media(
        kind=media.kind,
        port=0,
        protocol=media.protocol,
        formats=media.formats,
        connections=(Connection("IP4", "0.0.0.0"),),
        attributes=(
            Attribute(Direction.INACTIVE),
            *(() if mid is None else (MID.make(mid),)),
        ),
    )
