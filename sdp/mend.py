"""What a sloppy stack has meant: values rewritten into RFC 8866's grammar where that is clear.

Each function takes the value of a line as it came and gives it as it should have been. A value that
is in order comes back as it is, and so does one whose meaning is not clear: the reader of its line
refuses that. Nothing is mended into another meaning: an rtpmap without a clock rate keeps its name,
as a payload type without an rtpmap would stand for something else; one whose clock rate is there
and cannot be read gets no other.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from sdp.attributes import PAYLOAD_TYPE, ROWS
from sdp.codecs import PAYLOAD_TYPES
from sdp.model import Attribute, Direction, Media, SessionDescription
from sdp.target import read_ip

# Bytes that are no UTF-8 arrive as surrogates (PEP 383); stacks that know no UTF-8 write Latin-1
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_LATIN_1: Final = {
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
    **{0xDC00 + byte: chr(byte) for byte in range(0x80, 0x100)},
}


def mend_text(text: str) -> str:
    """Mend what lies across lines: line ends, tabs, a byte order mark, padding, Latin-1."""
    if not text.isascii():
        text = text.removeprefix("\ufeff")
        if _SURROGATE.search(text):
            text = text.translate(_LATIN_1)
    text = text.rstrip("\0").replace("\t", " ")
    if text.count("\r") != text.count("\r\n"):
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text


_NUMBER: Final = re.compile(r"\d{1,20}", re.ASCII)
_TYPES: Final = ("IP4", "IP6")


def mend_origin(value: str) -> str:
    """Mend `o=`: fields that are empty, hold spaces, or are no numbers."""
    words = value.split()
    places = [i for i, word in enumerate(words) if word.upper() == "IN"]
    network = places[-1] if places else len(words)
    before, after = words[:network], words[network + 1 :]
    address_type = next((word.upper() for word in after[:1] if word.upper() in _TYPES), "IP4")
    host = after[-1].strip("[]") if len(after) > 1 else ""
    *name, session_id, version = ("0", "0", *before)[-max(len(before), 2) :]
    fields = ("_".join(name) or "-", _number(session_id), _number(version))
    return f"{' '.join(fields)} IN {address_type} {host or '0.0.0.0'}"


def _number(word: str) -> str:
    """Make a number of any word, the same of the same: a repeated offer is told by it."""
    return word if _NUMBER.fullmatch(word) else str(zlib.crc32(word.encode("utf-8", "replace")))


_WITH_PORT: Final = re.compile(r"(\d+\.\d+\.\d+\.\d+):\d+", re.ASCII)
_PADDED: Final = re.compile(r"\d{3}(?:\.\d{3}){3}", re.ASCII)


def mend_connection(value: str) -> str:
    """Mend `c=`: brackets, letter case, a missing or wrong address type, a zone, netmask, port."""
    words = value.split()
    first = words[0].upper() if words else ""
    if first != "IN" and first not in _TYPES and len(words) > 1:
        return value  # another network than the Internet
    for word in words:
        host, version = _host(word)
        if version is not None:
            return f"IN IP{version} {host}"
    address_type = words[-2].upper() if len(words) > 1 else ""
    return f"IN {address_type} {words[-1]}" if address_type in _TYPES else value


def _host(word: str) -> tuple[str, int | None]:
    """Read an address and its version, which is None where it is none (a name, or nonsense)."""
    host = word.strip("[]")
    if _PADDED.fullmatch(host):  # written with %03d: nobody means octal numbers of a fixed width
        host = ".".join(str(int(part)) for part in host.split("."))
    if found := _WITH_PORT.fullmatch(host):
        host = found[1]
    zoned, slash, scope = host.partition("/")
    bare = zoned.partition("%")[0]  # a zone (RFC 4007) is a name of the peer's own interfaces
    address = read_ip(bare)
    if address is None:
        return host, None
    # What follows a multicast address is its scope; after any other it is somebody's netmask
    return (f"{bare}{slash}{scope}" if address.is_multicast else bare), address.version


_KINDS: Final = frozenset(("audio", "video", "text", "image", "application", "message"))
_PADDED_FORMAT: Final = re.compile(rf"0*{PAYLOAD_TYPE}", re.ASCII)


def mend_media(value: str) -> str:
    """Mend `m=`: letter case, and formats that are no payload types or stand there twice."""
    words = value.split()
    if len(words) < 3:
        return value
    kind, port, protocol, *formats = words
    protocol = _protocol(protocol)
    if "RTP/" in protocol:
        if not PAYLOAD_TYPES.keys() >= set(formats):
            formats = list(_payload_types(formats))
        formats = list(dict.fromkeys(formats))
    return " ".join((kind.lower() if kind.lower() in _KINDS else kind, port, protocol, *formats))


def _protocol(word: str) -> str:
    upper = word.upper()
    if "RTP/" in upper:
        return upper
    return "udptl" if upper == "UDPTL" else word


def _payload_types(formats: list[str]) -> Iterator[str]:
    for text in formats:
        if found := _PADDED_FORMAT.fullmatch(text.strip(",;")):
            yield found[1]


_WORD: Final = re.compile(r"[!-~]{1,40}")


def unreadable_media(value: str, line: int) -> Media:
    """Stand in for an `m=` line that cannot be read, as a refused section.

    The sections after it keep their places (RFC 3264 section 6 matches them by number), and the
    lines that belong to it are nobody else's.
    """
    kind, *rest = [word if _WORD.fullmatch(word) else "unknown" for word in value.split()] or [""]
    protocol = next((word for word in rest if "/" in word and not word[0].isdigit()), "RTP/AVP")
    return Media(kind.lower() or "unknown", 0, _protocol(protocol), ("0",), line=line)


_FLAGS: Final = frozenset(
    (*(each.value for each in Direction), "rtcp-mux", "rtcp-rsize", "bundle-only")
)


def mend_attribute(value: str, line: int) -> str:
    """Mend `a=`: the letter case of a name, blanks, and values of the attributes that are known.

    Raises
    ------
    SdpError
        If the attribute is one of `ROWS` and its value cannot be read, however it is turned.
    """
    name, colon, rest = value.partition(":")
    row = ROWS.get(name)
    if row is not None:
        mended = " ".join(rest.split())
        if name in _VALUES:
            mended = _VALUES[name](mended)
        if row.read(mended) is None:
            raise row.refusal(Attribute(name, rest, line))  # of the value as it came
        return f"{name}:{mended}"
    if name in _FLAGS:
        return name  # none of them has a value
    return _mend_name(name, colon, rest, line)


def _mend_name(name: str, colon: str, rest: str, line: int) -> str:
    first, *behind = name.split(None, 1) or [""]
    known = first.lower()
    if known in _FLAGS:
        return known
    if known in ROWS:  # in other letters, with blanks around it, or with a blank for the colon
        value = f"{behind[0]}{colon}{rest}" if behind and behind[0] else rest
        return mend_attribute(f"{known}:{value}", line)
    return f"{name.strip()}{colon}{rest}"


# After the name: a clock rate and perhaps channels, or no slash, or one with nothing behind it
_RTPMAP: Final = re.compile(
    r"(\d{1,3}) ([^\s/;,]+)"
    r"(?: ?/ ?(?:([1-9]\d{0,6})\b ?(?:/ ?([1-9]\d?)\b)?.*)?|[ ;,](?!/).*)?",
    re.ASCII,
)


def _mend_rtpmap(value: str) -> str:
    found = _RTPMAP.fullmatch(value)
    if found is None:
        return value
    number, name, clock, channels = found.groups()
    if clock is None:  # RFC 7587 section 7; all others that come without are of the telephone
        clock = "48000/2" if name.lower() == "opus" else "8000"
    return f"{number} {name}/{clock}" + (f"/{channels}" if channels else "")


_MILLISECONDS: Final = re.compile(r"(\d{1,4})(?!\d).*", re.ASCII)


def _mend_milliseconds(value: str) -> str:
    found = _MILLISECONDS.fullmatch(value)
    return found[1] if found else value


_RTCP: Final = re.compile(r"(\d{1,5})(?!\d)(?: IN (IP[46]) (\S+))?.*", re.ASCII | re.I)


def _mend_rtcp(value: str) -> str:
    found = _RTCP.fullmatch(value)
    if found is None:
        return value
    port, address_type, host = found.groups()
    return f"{port} IN {address_type.upper()} {host}" if host else port


_VALUES: Final[dict[str, Callable[[str], str]]] = {
    "rtpmap": _mend_rtpmap,
    "ptime": _mend_milliseconds,
    "maxptime": _mend_milliseconds,
    "rtcp": _mend_rtcp,
    "setup": str.lower,
}

_OF_FORMATS: Final = ("rtpmap", "fmtp")


def spread_formats(session: SessionDescription) -> SessionDescription:
    """Move rtpmap and fmtp lines of the session to the sections that have the format.

    They belong there (RFC 8866 section 6.6); a section's own line goes before.
    """
    loose = [each for each in session.attributes if each.name in _OF_FORMATS]
    if not loose:
        return session
    return replace(
        session,
        attributes=tuple(each for each in session.attributes if each.name not in _OF_FORMATS),
        media=tuple(_with_formats(media, loose) for media in session.media),
    )


def _with_formats(media: Media, loose: list[Attribute]) -> Media:
    own = {(each.name, _format(each)) for each in media.attributes if each.name in _OF_FORMATS}
    more = (
        each
        for each in loose
        if _format(each) in media.formats and (each.name, _format(each)) not in own
    )
    return replace(media, attributes=(*media.attributes, *more))


def _format(attribute: Attribute) -> str:
    return (attribute.value or "").partition(" ")[0]
