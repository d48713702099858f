"""Text to model, by one table from line type to reader, strictly or liberally.

`parse` is strict: what is written here is checked by it. Forgiven, because peers in the field do it
and nothing is lost by it:

- lines that end in LF alone (RFC 8866 section 5 asks for that), no line end at all on the last
  line, empty lines at the very end (bodies padded by gateways);
- no `s=` and no `t=`: their only values between two end points are `-` and `0 0` (RFC 3264
  section 5), which is what we then write; an empty `s=` likewise;
- another order of lines inside a section, and spaces at the end of `v=`, `o=`, `c=`, `m=`;
- no formats on an `m=` line whose port is 0: a refused section has no use for them.

Everything else that breaks the grammar is an error. In particular `o=` must be there and whole, as
its version is how a repeated offer is told from a new one (RFC 3264 section 8), and a line type
that RFC 8866 does not know condemns the description (section 5 of it).

`read` is liberal: what comes from a trunk is read by it. A line is mended where it is clear what it
means (`mend.py`), else dropped and told in `Reading.dropped`; it never costs the description. What
is left is a description to which all of the strict rules apply.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from sdp.attributes import ROWS, TOKEN
from sdp.error import SdpError, quoted
from sdp.mend import (
    mend_attribute,
    mend_connection,
    mend_media,
    mend_origin,
    mend_text,
    spread_formats,
    unreadable_media,
)
from sdp.model import Attribute, Connection, Line, Media, Origin, SessionDescription
from sdp.render import in_order

# A browser's offer with video is some 8 kB in 250 lines of up to 300 characters; with many
# transceivers and candidates a multiple of that. Past these it is no call's description.
MAX_LENGTH = 65_536
MAX_LINES = 2_000
MAX_LINE_LENGTH = 4_096
MAX_MEDIA = 64


@dataclass(frozen=True, slots=True)
class Reading:
    """A description as far as it could be read, and what is wrong with each line that was dropped.

    An `m=` line that cannot be read is among the dropped, and stays as a section with port 0: the
    others keep their places.
    """

    description: SessionDescription
    dropped: tuple[SdpError, ...] = ()


@dataclass(slots=True)
class _Section:
    """What has been read of one section: the session's head, or one m= with what follows."""

    kind: str
    line: int
    types: dict[str, LineType]
    value: str = ""
    name: str = "-"
    origin: Origin | None = None
    media: Media | None = None
    connections: list[Connection] = field(default_factory=list)
    timing: list[Line] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)
    others: list[Line] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)


Reader = Callable[[_Section, str, int], None]


@dataclass(frozen=True, slots=True)
class LineType:
    """How a line's value is read, strictly and liberally; what is refused raises SdpError."""

    read: Reader
    liberally: Reader


def _both(read: Reader) -> LineType:
    return LineType(read, read)


def _mended(read: Reader, mend: Callable[[str], str]) -> LineType:
    """Make a type of line whose value is mended before it is read liberally."""
    return LineType(read, lambda section, value, line: read(section, mend(value), line))


def _pattern(expression: str) -> re.Pattern[str]:
    # ASCII: Unicode knows more digits and more white space than SDP does
    return re.compile(expression, re.ASCII)


_VERSION = _pattern(r"0 *")
_ORIGIN = _pattern(r"(\S+) +(\d{1,20}) +(\d{1,20}) +(\S+) +(\S+) +(\S+) *")
_CONNECTION = _pattern(r"(\S+) +(\S+) +(\S+) *")
_MEDIA = _pattern(r"(\S+) +(\d{1,5})(?:/(\d{1,5}))? +(\S+)((?: +\S+)*) *")
_NAME = _pattern(TOKEN)
_FORBIDDEN = re.compile("[\0\r\ud800-\udfff]")
_LAST_PORT = 65_535


def _match(
    pattern: re.Pattern[str], value: str, line: int, wanted: str, rule: str
) -> re.Match[str]:
    found = pattern.fullmatch(value)
    if found is None:
        raise SdpError(f"{quoted(value)} is not {wanted}", rule=rule, line=line)
    return found


def _read_version(section: _Section, value: str, line: int) -> None:
    _match(_VERSION, value, line, "the only version of SDP, 0", "RFC 8866 section 5.1")


def _read_origin(section: _Section, value: str, line: int) -> None:
    wanted = "<username> <session id> <version> <nettype> <addrtype> <address>"
    found = _match(_ORIGIN, value, line, wanted, "RFC 8866 section 5.2")
    username, session_id, version, network, address_type, host = found.groups()
    address = Connection(address_type, host, network, line)
    section.origin = Origin(username, int(session_id), int(version), address)


def _read_origin_liberally(section: _Section, value: str, line: int) -> None:
    try:
        _read_origin(section, value, line)
    except SdpError:
        _read_origin(section, mend_origin(value), line)


def _read_name(section: _Section, value: str, line: int) -> None:
    section.name = value or "-"


def _read_connection(section: _Section, value: str, line: int) -> None:
    wanted = "<nettype> <addrtype> <address>"
    found = _match(_CONNECTION, value, line, wanted, "RFC 8866 section 5.7")
    network, address_type, host = found.groups()
    section.connections.append(Connection(address_type, host, network, line))


def _read_media(section: _Section, value: str, line: int) -> None:
    rule = "RFC 8866 section 5.14"
    wanted = "<media> <port>[/<count>] <proto> <fmt> …"
    kind, port, count, protocol, formats = _match(_MEDIA, value, line, wanted, rule).groups()
    if int(port) > _LAST_PORT:
        raise SdpError(f"port {port} is past {_LAST_PORT}", rule=rule, line=line)
    if not formats and int(port):
        raise SdpError(f"{quoted(value)} names no format", rule=rule, line=line)
    section.media = Media(
        kind=kind,
        port=int(port),
        protocol=protocol,
        formats=tuple(formats.split()),
        port_count=None if count is None else int(count),
        line=line,
    )


def _read_attribute(section: _Section, value: str, line: int) -> None:
    name, colon, rest = value.partition(":")
    if not name.isalpha() or not name.isascii():  # most names are plain words, and this is quick
        _match(_NAME, name, line, "an attribute's name", "RFC 8866 section 5.13")
    section.attributes.append(Attribute(name, rest if colon else None, line))


def _read_attribute_liberally(section: _Section, value: str, line: int) -> None:
    name, _, rest = value.partition(":")
    row = ROWS.get(name)
    if row is not None and row.read(rest) is not None:
        section.attributes.append(Attribute(name, rest, line))
    else:
        _read_attribute(section, mend_attribute(value, line), line)


def _keep(kind: str, expression: str, wanted: str, rule: str) -> LineType:
    """Make a type of line that is checked for its shape and kept."""
    pattern = _pattern(expression)

    def read(section: _Section, value: str, line: int) -> None:
        _match(pattern, value, line, wanted, rule)
        if kind in "rz" and not section.timing:
            raise SdpError(f"{kind}= has no t= line before it", rule=rule, line=line)
        (section.timing if kind in "trz" else section.others).append(Line(kind, value))

    return _both(read)


_ANYTHING = r"(?s:.+)"
_INFORMATION = _keep("i", _ANYTHING, "a description in words", "RFC 8866 section 5.4")
_BANDWIDTH = _keep("b", r"[^\s:]+: *\d+ *", "<type>:<bandwidth>", "RFC 8866 section 5.8")
_KEY = _keep("k", r"\S+", "a key", "RFC 8866 section 5.12")
_TIME = r"-?\d+[dhms]?"

_CONNECTION_LINE = _mended(_read_connection, mend_connection)
_ATTRIBUTE_LINE = LineType(_read_attribute, _read_attribute_liberally)

SESSION_LINES: dict[str, LineType] = {
    "v": _both(_read_version),
    "o": LineType(_read_origin, _read_origin_liberally),
    "s": _both(_read_name),
    "i": _INFORMATION,
    "u": _keep("u", r"\S+", "a URI", "RFC 8866 section 5.5"),
    "e": _keep("e", _ANYTHING, "an e-mail address", "RFC 8866 section 5.6"),
    "p": _keep("p", _ANYTHING, "a telephone number", "RFC 8866 section 5.6"),
    "c": _CONNECTION_LINE,
    "b": _BANDWIDTH,
    "t": _keep("t", r"\d+ +\d+ *", "<start time> <stop time>", "RFC 8866 section 5.9"),
    "r": _keep("r", rf"{_TIME}( +{_TIME})+ *", "repeat times", "RFC 8866 section 5.10"),
    "z": _keep("z", rf"\d+ +{_TIME}( +\d+ +{_TIME})* *", "time zones", "RFC 8866 section 5.11"),
    "k": _KEY,
    "a": _ATTRIBUTE_LINE,
}

MEDIA_LINES: dict[str, LineType] = {
    "m": _mended(_read_media, mend_media),
    "i": _INFORMATION,
    "c": _CONNECTION_LINE,
    "b": _BANDWIDTH,
    "k": _KEY,
    "a": _ATTRIBUTE_LINE,
}

_KINDS = frozenset((*SESSION_LINES, *MEDIA_LINES))

# Lines that may stand only once in a section (RFC 8866 section 9)
_ONCE = {"session": frozenset("vosiuck"), "media": frozenset("ik")}


def parse(text: str) -> SessionDescription:
    """Read a description strictly.

    Parameters
    ----------
    text
        The body as text, lines ending in CRLF or LF.

    Raises
    ------
    SdpError
        With the line and the rule (RFC 8866 section 9), for any text that is no description.
    """
    head, *media = _sections(_lines(text), None)
    if head.origin is None:
        raise SdpError("o= is missing", rule="RFC 8866 section 5.2")
    return _description(head, head.origin, media)


def read(text: str) -> Reading:
    """Read a description liberally: no line costs it that is not needed for a stream.

    Parameters
    ----------
    text
        The body as text, however its lines end.

    Raises
    ------
    SdpError
        If it is empty, past a limit, no line of it is readable, or none of its `m=` lines is. A
        description without any `m=` line is one (RFC 3264 section 5), of no stream.
    """
    dropped: list[SdpError] = []
    head, *media = _sections(_lines(mend_text(text)), dropped)
    if not any(section.seen for section in (head, *media)):
        raise dropped[0]
    if media and all(section.media is None for section in media):
        raise next(each for each in dropped if each.line == media[0].line)
    description = _description(head, head.origin or _made_origin(text), media)
    return Reading(spread_formats(description), tuple(dropped))


def _made_origin(text: str) -> Origin:
    """Make an origin where there is none: the same description gets the same version."""
    version = zlib.crc32(text.encode("utf-8", "replace"))
    return Origin("-", 0, version, Connection("IP4", "0.0.0.0"))


def _sections(lines: list[str], dropped: list[SdpError] | None) -> list[_Section]:
    """Read the lines into the session's head and the media after it.

    Errors are collected in `dropped`; without it the first one is raised.
    """
    sections = [_Section("session", 1, SESSION_LINES)]
    read_line = _read_line if dropped is None else _read_liberally
    clean = _are_clean(lines)
    for number, line in enumerate(lines, start=1):
        try:
            kind, value = line[:1], line[2:]
            if line[1:2] != "=" or kind not in _KINDS:
                kind, value = _split(line, number, liberal=dropped is not None)
            if kind == "m":
                sections.append(_Section("media", number, MEDIA_LINES, value))
            if not clean:
                _check(line, number)
            read_line(sections, kind, value, number)
        except SdpError as error:
            if dropped is None:
                raise
            dropped.append(error)
    if len(sections) > MAX_MEDIA + 1:
        problem = f"{len(sections) - 1} m= lines are more than {MAX_MEDIA}"
        raise SdpError(problem, rule="limit MAX_MEDIA", line=sections[MAX_MEDIA + 1].line)
    return sections


def _lines(text: str) -> list[str]:
    if len(text) > MAX_LENGTH:
        problem = f"{len(text)} characters are more than {MAX_LENGTH}"
        raise SdpError(problem, rule="limit MAX_LENGTH")
    # not splitlines(): that would also split at form feeds and Unicode's line separators
    lines = text.replace("\r\n", "\n").split("\n")
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise SdpError("the description is empty", rule="RFC 8866 section 5", line=1)
    if len(lines) > MAX_LINES:
        problem = f"{len(lines)} lines are more than {MAX_LINES}"
        raise SdpError(problem, rule="limit MAX_LINES", line=MAX_LINES + 1)
    return lines


_LOOSE_LINE = re.compile(r"\s*([A-Za-z])\s*=", re.ASCII)


def _split(line: str, number: int, *, liberal: bool) -> tuple[str, str]:
    """Split a line that is not simply one of the known types."""
    found = _LOOSE_LINE.match(line) if liberal else None
    if found is not None:
        return found[1].lower(), line[found.end() :]
    if line[1:2] != "=":
        problem = f"{quoted(line)} is not <type>=<value>" if line else "the line is empty"
        raise SdpError(problem, rule="RFC 8866 section 5", line=number)
    return line[0], line[2:]


def _are_clean(lines: list[str]) -> bool:
    """Whether no line can be refused by `_check`, as it nearly always is."""
    whole = "".join(lines)
    short = len(whole) <= MAX_LINE_LENGTH or max(map(len, lines)) <= MAX_LINE_LENGTH
    return short and (whole.isprintable() or _FORBIDDEN.search(whole) is None)


def _check(line: str, number: int) -> None:
    if len(line) > MAX_LINE_LENGTH:
        problem = f"{len(line)} characters are more than {MAX_LINE_LENGTH}"
        raise SdpError(problem, rule="limit MAX_LINE_LENGTH", line=number)
    forbidden = _FORBIDDEN.search(line)
    if forbidden:
        problem = f"character {forbidden[0]!a} may not stand in a line"
        raise SdpError(problem, rule="RFC 8866 section 9", line=number)


def _read_line(sections: list[_Section], kind: str, value: str, number: int) -> None:
    section = sections[-1]
    if number == 1 and kind != "v":
        raise SdpError("a description begins with v=0", rule="RFC 8866 section 5", line=1)
    line_type = section.types.get(kind)
    if line_type is None:
        raise _misplaced(kind, number)
    _check_once(section, kind, number)
    section.seen.add(kind)
    line_type.read(section, value, number)


def _read_liberally(sections: list[_Section], kind: str, value: str, number: int) -> None:
    section = sections[-1]
    line_type = section.types.get(kind)
    if line_type is None:
        # What only a session has is the session's wherever it stands, if it has none so far
        section, line_type = sections[0], SESSION_LINES.get(kind)
        if line_type is None or kind in section.seen:
            raise _misplaced(kind, number)
    if kind in section.seen:
        _check_once(section, kind, number)
    line_type.liberally(section, value, number)
    section.seen.add(kind)  # a line that was dropped may come again, and better


def _check_once(section: _Section, kind: str, number: int) -> None:
    if kind in section.seen and kind in _ONCE[section.kind]:
        problem = f"{kind}= stands twice in one section"
        raise SdpError(problem, rule="RFC 8866 section 9", line=number)


def _misplaced(kind: str, number: int) -> SdpError:
    if kind in SESSION_LINES:
        problem = f"{kind}= belongs before the first m= line"
        return SdpError(problem, rule="RFC 8866 section 9", line=number)
    problem = f"{quoted(kind)} is no line type"
    return SdpError(problem, rule="RFC 8866 section 5", line=number)


def _description(head: _Section, origin: Origin, sections: list[_Section]) -> SessionDescription:
    return SessionDescription(
        origin=origin,
        name=head.name,
        connection=head.connections[0] if head.connections else None,
        timing=tuple(head.timing) or (Line("t", "0 0"),),
        attributes=tuple(head.attributes),
        media=tuple(_finished(section) for section in sections),
        others=in_order(head.others),
    )


def _finished(section: _Section) -> Media:
    media = section.media or unreadable_media(section.value, section.line)
    return Media(
        media.kind,
        media.port,
        media.protocol,
        media.formats,
        media.port_count,
        tuple(section.connections),
        tuple(section.attributes),
        in_order(section.others) if section.others else (),
        media.line,
    )
