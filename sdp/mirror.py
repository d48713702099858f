"""The other side of a description of ours, such as a strict reader always finds acceptable.

The SIP engine judges descriptions by rules of its own. It is shown this instead of what the trunk
wrote: an offer that ours answers, or an answer that fits our offer. Nothing is sent to the address.
"""

from __future__ import annotations

from sdp.attributes import direction
from sdp.model import Attribute, Connection, Media, Origin, SessionDescription
from sdp.offer_answer import refused

# For documentation, so nobody's (RFC 5737, RFC 3849), and the discard port
_ADDRESSES = {
    "IP4": Connection("IP4", "192.0.2.1"),
    "IP6": Connection("IP6", "2001:db8::1"),
}
_PORT = 9


def mirror(ours: SessionDescription) -> SessionDescription:
    """Return a description that agrees with `ours` in everything.

    The same `m=` lines with the same formats, refused where ours refuses, and directions reversed.
    """
    connection = _ADDRESSES.get(ours.origin.address.address_type, _ADDRESSES["IP4"])
    return SessionDescription(
        origin=Origin("-", ours.origin.session_id, ours.origin.version, connection),
        connection=connection,
        media=tuple(_reflected(media, ours) for media in ours.media),
    )


def _reflected(media: Media, ours: SessionDescription) -> Media:
    if not media.port:
        return refused(media)
    formats = tuple(each for each in media.attributes if each.name in ("rtpmap", "fmtp"))
    return Media(
        kind=media.kind,
        port=_PORT,
        protocol=media.protocol,
        formats=media.formats,
        attributes=(*formats, Attribute(direction(media, ours).reversed)),
    )
