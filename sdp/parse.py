"""Text to model, by one table from line type to reader.

Forgiven, because peers in the field do it and nothing is lost by it:

- lines that end in LF alone (RFC 8866 section 5 asks for that), no line end at all on the last
  line, empty lines at the very end (bodies padded by gateways);
- no `s=` and no `t=`: their only values between two end points are `-` and `0 0` (RFC 3264
  section 5), which is what we then write; an empty `s=` likewise;
- another order of lines inside a section, and spaces at the end of `v=`, `o=`, `c=`, `m=`;
- no formats on an `m=` line whose port is 0: a refused section has no use for them.

Everything else that breaks the grammar is an error. In particular `o=` must be there and whole, as
its version is how a repeated offer is told from a new one (RFC 3264 section 8), and a line type
that RFC 8866 does not know condemns the description (section 5 of it).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sdp.error import SdpError, quoted
from sdp.model import Attribute, Connection, Line, Media, Origin, SessionDescription
from sdp.render import in_order

# A browser's offer with video is some 8 kB in 250 lines of up to 300 characters; with many
# transceivers and candidates a multiple of that. Past these it is no call's description.
MAX_LENGTH = 65_536
MAX_LINES = 2_000
MAX_LINE_LENGTH = 4_096
MAX_MEDIA = 64


@dataclass(slots=True)
class _Section:
    """What has been read of one section: the session's head, or one m= with what follows."""

    kind: str
    line: int
    name: str = "-"
    origin: Origin | None = None
    media: Media | None = None
    connections: list[Connection] = field(default_factory=list)
    timing: list[Line] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)
    others: list[Line] = field(default_factory=list)


Reader = Callable[[_Section, str, int], None]


def _pattern(expression: str) -> re.Pattern[str]:
    # ASCII: Unicode knows more digits and more white space than SDP does
    return re.compile(expression, re.ASCII)


_VERSION = _pattern(r"0 *")
_ORIGIN = _pattern(r"(\S+) +(\d{1,20}) +(\d{1,20}) +(\S+) +(\S+) +(\S+) *")
_CONNECTION = _pattern(r"(\S+) +(\S+) +(\S+) *")
_MEDIA = _pattern(r"(\S+) +(\d{1,5})(?:/(\d{1,5}))? +(\S+)((?: +\S+)*) *")
_TOKEN = _pattern(r"[!#-'*+\-.0-9A-Z^-~]+")
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
    _match(_TOKEN, name, line, "an attribute's name", "RFC 8866 section 5.13")
    section.attributes.append(Attribute(name, rest if colon else None, line))


def _keep(kind: str, expression: str, wanted: str, rule: str) -> Reader:
    """Make a reader that checks a line's shape and keeps it."""
    pattern = _pattern(expression)

    def read(section: _Section, value: str, line: int) -> None:
        _match(pattern, value, line, wanted, rule)
        if kind in "rz" and not section.timing:
            raise SdpError(f"{kind}= has no t= line before it", rule=rule, line=line)
        (section.timing if kind in "trz" else section.others).append(Line(kind, value))

    return read


_ANYTHING = r"(?s:.+)"
_INFORMATION = _keep("i", _ANYTHING, "a description in words", "RFC 8866 section 5.4")
_BANDWIDTH = _keep("b", r"[^\s:]+: *\d+ *", "<type>:<bandwidth>", "RFC 8866 section 5.8")
_KEY = _keep("k", r"\S+", "a key", "RFC 8866 section 5.12")
_TIME = r"-?\d+[dhms]?"

SESSION_LINES: dict[str, Reader] = {
    "v": _read_version,
    "o": _read_origin,
    "s": _read_name,
    "i": _INFORMATION,
    "u": _keep("u", r"\S+", "a URI", "RFC 8866 section 5.5"),
    "e": _keep("e", _ANYTHING, "an e-mail address", "RFC 8866 section 5.6"),
    "p": _keep("p", _ANYTHING, "a telephone number", "RFC 8866 section 5.6"),
    "c": _read_connection,
    "b": _BANDWIDTH,
    "t": _keep("t", r"\d+ +\d+ *", "<start time> <stop time>", "RFC 8866 section 5.9"),
    "r": _keep("r", rf"{_TIME}( +{_TIME})+ *", "repeat times", "RFC 8866 section 5.10"),
    "z": _keep("z", rf"\d+ +{_TIME}( +\d+ +{_TIME})* *", "time zones", "RFC 8866 section 5.11"),
    "k": _KEY,
    "a": _read_attribute,
}

MEDIA_LINES: dict[str, Reader] = {
    "m": _read_media,
    "i": _INFORMATION,
    "c": _read_connection,
    "b": _BANDWIDTH,
    "k": _KEY,
    "a": _read_attribute,
}

# Lines that may stand only once in a section (RFC 8866 section 9)
_ONCE = {"session": frozenset("vosiuck"), "media": frozenset("ik")}


def parse(text: str) -> SessionDescription:
    """Read a description.

    Parameters
    ----------
    text
        The body as text, lines ending in CRLF or LF.

    Raises
    ------
    SdpError
        With the line and the rule (RFC 8866 section 9), for any text that is no description.
    """
    head = section = _Section("session", 1)
    sections: list[_Section] = []
    table = SESSION_LINES
    seen: set[str] = set()
    lines = _lines(text)
    clean = _FORBIDDEN.search("".join(lines)) is None
    for number, line in enumerate(lines, start=1):
        kind = _line_kind(line, number, clean=clean)
        if kind == "m":
            section, table, seen = _Section("media", number), MEDIA_LINES, set()
            sections.append(section)
        if number == 1 and kind != "v":
            raise SdpError("a description begins with v=0", rule="RFC 8866 section 5", line=1)
        reader = table.get(kind)
        if reader is None:
            raise _misplaced(kind, number)
        if kind in seen and kind in _ONCE[section.kind]:
            problem = f"{kind}= stands twice in one section"
            raise SdpError(problem, rule="RFC 8866 section 9", line=number)
        seen.add(kind)
        reader(section, line[2:], number)
    if len(sections) > MAX_MEDIA:
        problem = f"{len(sections)} m= lines are more than {MAX_MEDIA}"
        raise SdpError(problem, rule="limit MAX_MEDIA", line=sections[MAX_MEDIA].line)
    return _description(head, sections)


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


def _line_kind(line: str, number: int, *, clean: bool) -> str:
    if len(line) > MAX_LINE_LENGTH:
        problem = f"{len(line)} characters are more than {MAX_LINE_LENGTH}"
        raise SdpError(problem, rule="limit MAX_LINE_LENGTH", line=number)
    if line[1:2] != "=":
        problem = f"{quoted(line)} is not <type>=<value>"
        raise SdpError(problem, rule="RFC 8866 section 5", line=number)
    forbidden = None if clean else _FORBIDDEN.search(line)
    if forbidden:
        problem = f"character {forbidden[0]!a} may not stand in a line"
        raise SdpError(problem, rule="RFC 8866 section 9", line=number)
    return line[0]


def _misplaced(kind: str, number: int) -> SdpError:
    if kind in SESSION_LINES:
        problem = f"{kind}= belongs before the first m= line"
        return SdpError(problem, rule="RFC 8866 section 9", line=number)
    problem = f"{quoted(kind)} is no line type"
    return SdpError(problem, rule="RFC 8866 section 5", line=number)


def _description(head: _Section, sections: list[_Section]) -> SessionDescription:
    if head.origin is None:
        raise SdpError("o= is missing", rule="RFC 8866 section 5.2")
    return SessionDescription(
        origin=head.origin,
        name=head.name,
        connection=head.connections[0] if head.connections else None,
        timing=tuple(head.timing) or (Line("t", "0 0"),),
        attributes=tuple(head.attributes),
        media=tuple(_finished(section) for section in sections),
        others=in_order(head.others),
    )


def _finished(section: _Section) -> Media:
    if section.media is None:  # cannot be: an m= line opens each of these sections
        raise SdpError("m= is missing", rule="RFC 8866 section 5.14", line=section.line)
    return replace(
        section.media,
        connections=tuple(section.connections),
        attributes=tuple(section.attributes),
        others=in_order(section.others),
    )
