"""What the SIP engine is shown in place of what a trunk wrote.

The engine judges descriptions by rules of its own, and may resolve names while all calls wait for
it. So it sees the other side of a description of ours, or, where there is none of ours yet, a plain
form of the trunk's offer: such as a strict reader always finds acceptable. Nothing is sent to the
addresses in them.
"""

from __future__ import annotations

from sdp.attributes import direction
from sdp.codecs import PAYLOAD_TYPES, USUAL_EVENT, codec_attributes, read_codecs
from sdp.model import Attribute, Codec, Connection, Media, Origin, SessionDescription
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


def plain(offer: SessionDescription) -> SessionDescription:
    """Return a trunk's offer, as `read` gives it, with no more in it than an engine has to see.

    The same `m=` lines with the same formats and directions, an rtpmap for every number, and an
    address that is nobody's.
    """
    connection = _ADDRESSES["IP4"]
    return SessionDescription(
        origin=Origin("-", offer.origin.session_id, offer.origin.version, connection),
        connection=connection,
        media=tuple(_plain(media, offer) for media in offer.media),
    )


def _plain(media: Media, offer: SessionDescription) -> Media:
    if not media.port:
        return refused(media)
    attributes = [Attribute(direction(media, offer))]
    if PAYLOAD_TYPES.keys() >= set(media.formats):
        known = {each.payload_type: each for each in read_codecs(media, (USUAL_EVENT,))}
        numbers = dict.fromkeys(PAYLOAD_TYPES[each] for each in media.formats)
        codecs = (known.get(each) or Codec(each, "unknown", 8000) for each in numbers)
        attributes[:0] = codec_attributes(codecs)
    return Media(media.kind, _PORT, media.protocol, media.formats, attributes=tuple(attributes))
