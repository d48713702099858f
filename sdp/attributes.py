"""Typed views of the attributes that mean something to the gateway.

One row per attribute drives both directions: the pattern its value must have, how the parts become
a value, and how the value is written. An attribute is only read when somebody asks for it, so a
strange line in a section that nobody takes part in harms nobody.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from sdp.error import SdpError, quoted
from sdp.model import Attribute, Direction, Extension, Fingerprint, Media, SessionDescription, Setup

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RtpMap:
    payload_type: int
    name: str
    clock_rate: int
    channels: int = 1


@dataclass(frozen=True, slots=True)
class FormatParameters:
    """An `a=fmtp` line; the text's grammar belongs to the format."""

    format: str
    text: str


@dataclass(frozen=True, slots=True)
class RtcpPort:
    """An `a=rtcp` line (RFC 3605); `host` is None where the c= line's address holds."""

    port: int
    host: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """An `a=group` line (RFC 5888), as `BUNDLE 0 1`."""

    semantics: str
    mids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """An `a=ssrc` line (RFC 5576), as `1234 cname:abc`."""

    ssrc: int
    attribute: str


@dataclass(frozen=True, slots=True)
class AttributeType(Generic[T]):
    """How one attribute is read and written; `read` gives None for a value that cannot be read."""

    name: str
    wanted: str
    rule: str
    read: Callable[[str], T | None]
    write: Callable[[T], str]
    secret: bool = False

    def value(self, attribute: Attribute) -> T:
        """Read an attribute, or raise `SdpError` with its line."""
        value = self.read(attribute.value or "")
        if value is None:
            raise self.refusal(attribute)
        return value

    def refusal(self, attribute: Attribute) -> SdpError:
        """Say what is wrong with an attribute that cannot be read."""
        # messages go to logs, secrets do not
        shown = "something else" if self.secret else quoted(attribute.value or "")
        problem = f"a={self.name} must be {self.wanted}, not {shown}"
        return SdpError(problem, rule=self.rule, line=attribute.line)

    def all(self, section: Media | SessionDescription) -> tuple[T, ...]:
        """Read every attribute of this name in a section."""
        name = self.name
        return tuple([self.value(each) for each in section.attributes if each.name == name])

    def first(self, *sections: Media | SessionDescription | None) -> T | None:
        """Read the attribute in the first section that has it: media level goes before session."""
        name = self.name
        for section in sections:
            for each in section.attributes if section is not None else ():
                if each.name == name:
                    return self.value(each)
        return None

    def make(self, value: T) -> Attribute:
        return Attribute(self.name, self.write(value))


_REMEMBERED = 256


def _row(
    name: str,
    wanted: str,
    rule: str,
    expression: str,
    read: Callable[[re.Match[str]], T],
    write: Callable[[T], str] = str,
    *,
    secret: bool = False,
    repeats: bool = False,
) -> AttributeType[T]:
    # ASCII: Unicode knows more digits and more white space than SDP does
    pattern = re.compile(rf"{expression} *", re.ASCII)

    def read_text(value: str) -> T | None:
        found = pattern.fullmatch(value)
        return None if found is None else read(found)

    # All trunks write the same few lines of some types: reading those twice is half of the work
    read_value = lru_cache(_REMEMBERED)(read_text) if repeats else read_text
    return AttributeType(name, wanted, rule, read_value, write, secret)


def _text(found: re.Match[str]) -> str:
    return found[1]


# Formats that have but one, whatever a line says. Opus decodes to any number of channels (RFC 7587
# section 7 wants 2 written), and events have none (RFC 4733 section 2.4.1); G722 samples at 16000,
# and its clock is at 8000 all the same (RFC 3551 section 4.5.2)
_CHANNELS = {"opus": 2, "telephone-event": 1}
_CLOCK_RATES = {"g722": 8000}


def _read_rtpmap(found: re.Match[str]) -> RtpMap:
    name = found[2]
    key = name.lower()
    clock_rate = _CLOCK_RATES.get(key) or int(found[3])
    return RtpMap(int(found[1]), name, clock_rate, _CHANNELS.get(key) or int(found[4] or 1))


def _write_rtpmap(value: RtpMap) -> str:
    channels = f"/{value.channels}" if value.channels != 1 else ""
    return f"{value.payload_type} {value.name}/{value.clock_rate}{channels}"


def _read_extension(found: re.Match[str]) -> Extension:
    direction = Direction(found[2]) if found[2] else None
    return Extension(int(found[1]), found[3], direction, found[4] or "")


def _write_extension(value: Extension) -> str:
    direction = f"/{value.direction}" if value.direction else ""
    return f"{value.id}{direction} {value.uri} {value.attributes}".rstrip()


def _read_rtcp(found: re.Match[str]) -> RtcpPort:
    return RtcpPort(int(found[1]), found[2])


def _write_rtcp(value: RtcpPort) -> str:
    if value.host is None:
        return str(value.port)
    return f"{value.port} IN {'IP6' if ':' in value.host else 'IP4'} {value.host}"


# Greedy up to the last word: a lazy match would go over a run of spaces once per space
_REST = r"(\S(?:.*\S)?)"
TOKEN = r"[!#-'*+\-.0-9A-Z^-~]+"
_PORT = r"(\d{1,4}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])"
PAYLOAD_TYPE = r"(\d\d?|1[01]\d|12[0-7])"
_DIRECTION = "sendrecv|sendonly|recvonly|inactive"
_MILLISECONDS = "a whole number of milliseconds"

RTPMAP = _row(
    "rtpmap",
    "<payload type> <name>/<clock rate>[/<channels>]",
    "RFC 8866 section 6.6",
    rf"{PAYLOAD_TYPE} +([^\s/]+)/([1-9]\d{{0,6}})(?:/([1-9]\d?))?",
    _read_rtpmap,
    _write_rtpmap,
    repeats=True,
)
FMTP = _row(
    "fmtp",
    "<format> <parameters>",
    "RFC 8866 section 6.15",
    rf"(\S+) +{_REST}",
    lambda found: FormatParameters(found[1], found[2]),
    lambda value: f"{value.format} {value.text}",
    repeats=True,
)
# Real numbers are allowed (RFC 8866 section 6.4) and met; parts of a millisecond are not
PTIME = _row(
    "ptime",
    _MILLISECONDS,
    "RFC 8866 section 6.4",
    r"(\d{1,4})(?:\.\d+)?",
    lambda found: int(found[1]),
    repeats=True,
)
MAXPTIME = _row(
    "maxptime",
    _MILLISECONDS,
    "RFC 8866 section 6.5",
    r"(\d{1,4})(?:\.\d+)?",
    lambda found: int(found[1]),
    repeats=True,
)
RTCP = _row(
    "rtcp",
    "<port> [IN <addrtype> <address>]",
    "RFC 3605 section 2.1",
    rf"{_PORT}(?: +IN +IP[46] +(\S+))?",
    _read_rtcp,
    _write_rtcp,
)
MID = _row("mid", "a token", "RFC 5888 section 4", rf"({TOKEN})", _text)
GROUP = _row(
    "group",
    "<semantics> [<mid> …]",
    "RFC 5888 section 5",
    rf"({TOKEN})((?: +{TOKEN})*)",
    lambda found: Group(found[1], tuple(found[2].split())),
    lambda value: " ".join((value.semantics, *value.mids)),
)
FINGERPRINT = _row(
    "fingerprint",
    "<hash> <XX:XX:…>",
    "RFC 8122 section 5",
    rf"({TOKEN}) +([0-9A-Fa-f]{{2}}(?::[0-9A-Fa-f]{{2}})*)",
    lambda found: Fingerprint(found[1].lower(), found[2].upper()),
    lambda value: f"{value.algorithm} {value.value}",
)
SETUP = _row(
    "setup",
    "actpass, active, passive or holdconn",
    "RFC 4145 section 4",
    "(actpass|active|passive|holdconn)",
    lambda found: Setup(found[1]),
)
ICE_UFRAG = _row(
    "ice-ufrag",
    "4 to 256 letters, digits, + or /",
    "RFC 8839 section 5.4",
    "([0-9A-Za-z+/]{4,256})",
    _text,
)
ICE_PWD = _row(
    "ice-pwd",
    "22 to 256 letters, digits, + or /",
    "RFC 8839 section 5.4",
    "([0-9A-Za-z+/]{22,256})",
    _text,
    secret=True,
)
ICE_OPTIONS = _row(
    "ice-options",
    "a list of tokens",
    "RFC 8839 section 5.6",
    rf"({TOKEN}(?: +{TOKEN})*)",
    lambda found: tuple(found[1].split()),
    " ".join,
)
CANDIDATE = _row(
    "candidate",
    "<foundation> <component> <transport> <priority> <address> <port> typ <type> …",
    "RFC 8839 section 5.1",
    rf"(\S{{1,32}} +\d{{1,3}} +\S+ +\d{{1,10}} +\S+ +{_PORT} +typ +\S+(?: +\S+)*)",
    _text,
)
EXTMAP = _row(
    "extmap",
    "<id>[/<direction>] <URI> [<attributes>]",
    "RFC 8285 section 5",
    rf"(\d{{1,4}})(?:/({_DIRECTION}))? +(\S+)(?: +{_REST})?",
    _read_extension,
    _write_extension,
)
SSRC = _row(
    "ssrc",
    "<ssrc> <attribute>[:<value>]",
    "RFC 5576 section 4.1",
    rf"(\d{{1,10}}) +{_REST}",
    lambda found: Source(int(found[1]), found[2]),
    lambda value: f"{value.ssrc} {value.attribute}",
)
MSID = _row("msid", "<stream> [<track>]", "RFC 8830 section 2", r"(\S+(?: +\S+)?)", _text)

ROWS: dict[str, AttributeType[Any]] = {
    row.name: row
    for row in (
        *(RTPMAP, FMTP, PTIME, MAXPTIME, RTCP, MID, GROUP, FINGERPRINT, SETUP),
        *(ICE_UFRAG, ICE_PWD, ICE_OPTIONS, CANDIDATE, EXTMAP, SSRC, MSID),
    )
}


def has(name: str, *sections: Media | SessionDescription) -> bool:
    """Whether a flag such as `a=rtcp-mux` stands in one of the sections."""
    return any(each.name == name for section in sections for each in section.attributes)


def direction(media: Media, session: SessionDescription) -> Direction:
    """Direction of a section: its own, else the session's, else sendrecv (RFC 8866 section 6.7).

    There must not be two in one section. Where there are, the last holds: stacks that put a hold
    into a description of theirs append it, and most readers let each line overwrite the one before.
    """
    for section in (media, session):
        for each in reversed(section.attributes):
            if each.name in _DIRECTIONS:
                return _DIRECTIONS[each.name]
    return Direction.SENDRECV


_DIRECTIONS = {each.value: each for each in Direction}


def read_candidate(text: str) -> str | None:
    """Read a trickled candidate, as `RTCIceCandidate.candidate` has it.

    Returns
    -------
    str or None
        The value without "candidate:"; None for the empty text that ends the candidates.

    Raises
    ------
    SdpError
        If it is no candidate (RFC 8839 section 5.1).
    """
    value = text.removeprefix("a=").removeprefix("candidate:")
    return CANDIDATE.value(Attribute("candidate", value)) if value else None
