"""Payload types and codecs: what an m= section offers, and which of it two sides share.

Names and numbers only; nothing here encodes anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sdp.attributes import FMTP, RTPMAP, FormatParameters, RtpMap
from sdp.error import SdpError, quoted
from sdp.model import Attribute, Codec, Media

TELEPHONE_EVENT = "telephone-event"
# What stacks that write no rtpmap for it mean by 101
USUAL_EVENT = Codec(101, TELEPHONE_EVENT, 8000)
_LAST_PAYLOAD_TYPE = 127
PAYLOAD_TYPES = {str(number): number for number in range(_LAST_PAYLOAD_TYPE + 1)}

# RFC 3551 section 6, table 4. G722's clock rate is 8000 although it samples at 16000: an old error
# that cannot be repaired any more (section 4.5.2).
STATIC_PAYLOAD_TYPES = {
    codec.payload_type: codec
    for codec in (
        Codec(0, "PCMU", 8000),
        Codec(3, "GSM", 8000),
        Codec(4, "G723", 8000),
        Codec(5, "DVI4", 8000),
        Codec(6, "DVI4", 16000),
        Codec(7, "LPC", 8000),
        Codec(8, "PCMA", 8000),
        Codec(9, "G722", 8000),
        Codec(10, "L16", 44100, 2),
        Codec(11, "L16", 44100),
        Codec(12, "QCELP", 8000),
        Codec(13, "CN", 8000),
        Codec(14, "MPA", 90000),
        Codec(15, "G728", 8000),
        Codec(16, "DVI4", 11025),
        Codec(17, "DVI4", 22050),
        Codec(18, "G729", 8000),
    )
}


def read_codecs(media: Media, known: Iterable[Codec] = ()) -> tuple[Codec, ...]:
    """Read the codecs of an RTP section, in the order of its preference.

    A dynamic payload type without rtpmap is what it is among the `known` ones, as numbers keep
    their meaning in a dialog (RFC 3264 section 8.3.2). Else it is left out: nobody can know.

    Raises
    ------
    SdpError
        If a format is no payload type, or an rtpmap or fmtp line of this section is malformed.
    """
    maps = {each.payload_type: each for each in reversed(RTPMAP.all(media))}
    numbers = {each.payload_type: each for each in known}
    parameters = {each.format: each.text for each in reversed(FMTP.all(media))}
    codecs: dict[int, Codec] = {}
    for text in media.formats:
        number = PAYLOAD_TYPES.get(text)
        if number is None:
            number = _payload_type(text, media)
        found = maps.get(number) or STATIC_PAYLOAD_TYPES.get(number) or numbers.get(number)
        if found is not None:
            codecs[number] = Codec(
                number, found.name, found.clock_rate, found.channels, parameters.get(text, "")
            )
    return tuple(codecs.values())


def _payload_type(text: str, media: Media) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 3):
        problem = f"{quoted(text)} is no payload type"
    elif int(text) > _LAST_PAYLOAD_TYPE:
        problem = f"payload type {text} is past {_LAST_PAYLOAD_TYPE}"
    else:
        return int(text)
    raise SdpError(problem, rule="RFC 3550 section 5.1", line=media.line)


def codec_attributes(codecs: Iterable[Codec]) -> tuple[Attribute, ...]:
    """Write the rtpmap and fmtp lines of codecs; static payload types get an rtpmap as well.

    RFC 3551 does not ask for the latter; it costs a line and spares every reader a table.
    """
    lines: list[Attribute] = []
    for codec in codecs:
        number = codec.payload_type
        lines.append(RTPMAP.make(RtpMap(number, codec.name, codec.clock_rate, codec.channels)))
        if codec.parameters:
            lines.append(FMTP.make(FormatParameters(str(number), codec.parameters)))
    return tuple(lines)


def is_event(codec: Codec) -> bool:
    return codec.name.lower() == TELEPHONE_EVENT


def same_codec(one: Codec, other: Codec) -> bool:
    """Whether two payload types stand for one codec; names know no case (RFC 4855 section 3)."""
    return (
        one.clock_rate == other.clock_rate
        and one.channels == other.channels
        and one.name.lower() == other.name.lower()
    )


def named(codecs: Iterable[Codec], name: str, clock_rate: int | None = None) -> Codec | None:
    """Find the first codec of a name, and of a clock rate if one is given."""
    for codec in codecs:
        if codec.name.lower() == name.lower() and clock_rate in (None, codec.clock_rate):
            return codec
    return None


def event_for(codec: Codec, offered: Sequence[Codec]) -> Codec | None:
    """Choose the telephone-event that goes with a codec.

    The one on the codec's own clock is the only one that browsers pace properly, and Chromium takes
    8000 as soon as it is answered, so exactly one is chosen: the codec's clock rate, else 8000
    (RFC 4733 wants the audio's own).
    """
    return named(offered, TELEPHONE_EVENT, codec.clock_rate) or named(
        offered, TELEPHONE_EVENT, 8000
    )


def parameter(codec: Codec, name: str) -> str | None:
    """Read one `name=value` of the fmtp parameters; names know no case, spaces do not count."""
    for part in codec.parameters.split(";"):
        key, _, value = part.partition("=")
        if key.strip().lower() == name.lower():
            return value.strip()
    return None
