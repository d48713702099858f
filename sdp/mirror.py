"""What the SIP engine is shown in place of what a trunk wrote.

The engine judges descriptions by rules of its own, and may resolve names while all calls wait for
it. So it sees the other side of a description of ours, or, where there is none of ours yet, a plain
form of the trunk's offer: such as a strict reader always finds acceptable. Nothing is sent to the
addresses in them.
"""

from __future__ import annotations

from sdp.attributes import direction
from sdp.codecs import PAYLOAD_TYPES, USUAL_EVENT, codec_attributes, read_codecs
from sdp.model import (
    Attribute,
    Codec,
    Connection,
    Direction,
    Media,
    Origin,
    SessionDescription,
)
from sdp.offer_answer import refused

# For documentation, so nobody's (RFC 5737, RFC 3849), and the discard port
_ADDRESSES = {
    "IP4": Connection("IP4", "192.0.2.1"),
    "IP6": Connection("IP6", "2001:db8::1"),
}
_PORT = 9
_REVERSED = {each.value: f"a={each.reversed}" for each in Direction}


def mirror(ours: str) -> str:
    """Return a description that agrees in everything with `ours`, as `render` has written it.

    The same `m=` lines with the same formats, refused where ours refuses, and directions reversed.
    Done with the text, as it is wanted for each answer of a trunk: to read our own description for
    it takes longer than all else that happens to that answer.
    """
    lines, refused_here = [], False
    for line in ours.splitlines():
        kind, value = line[:1], line[2:]
        if kind == "m":
            refused_here = value.split()[1] == "0"
            media, port, *rest = value.split()
            line = " ".join((f"m={media}", port if refused_here else str(_PORT), *rest))
        elif kind in "oc" and not refused_here:
            *before, address_type, _ = value.split()
            line = f"{kind}={' '.join(before)} {address_type} {_ADDRESSES[address_type].host}"
        elif kind == "a" and not refused_here:
            line = _REVERSED.get(value) or (line if value.startswith(("rtpmap:", "fmtp:")) else "")
        lines.append(line)
    return "".join(f"{line}\r\n" for line in lines if line)


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
