"""Model to text, in the order of RFC 8866 section 9 and with CRLF line ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sdp.error import SdpError, quoted
from sdp.model import Attribute, Connection, Line, Media, SessionDescription

_RANK = {kind: rank for rank, kind in enumerate("vosiuepcbtka")}

# A line end inside a value would be a line of the value's author: nothing of ours may carry one
_FORBIDDEN = re.compile("[\0\r\n\ud800-\udfff]")


def in_order(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Sort lines by type as RFC 8866 section 9 has them, each type's own order kept."""
    return tuple(sorted(lines, key=lambda line: _RANK[line.kind]))


def render(description: SessionDescription) -> str:
    """Write a description, ready to be a message's body.

    Raises
    ------
    SdpError
        If a value holds a line end, a NUL or half a surrogate pair, which no line can carry.
    """
    lines = [f"{kind}={value}" for kind, value in _session_lines(description)]
    for media in description.media:
        lines.extend(f"{kind}={value}" for kind, value in _media_lines(media))
    if _FORBIDDEN.search("".join(lines)):
        number, line = next(each for each in enumerate(lines, 1) if _FORBIDDEN.search(each[1]))
        problem = f"{quoted(line)} holds a character that no line can carry"
        raise SdpError(problem, rule="RFC 8866 section 9", line=number)
    return "\r\n".join(lines) + "\r\n"


def _session_lines(description: SessionDescription) -> Iterator[tuple[str, str]]:
    origin = description.origin
    connection = description.connection
    yield "v", "0"
    yield (
        "o",
        f"{origin.username} {origin.session_id} {origin.version} {_address(origin.address)}",
    )
    yield "s", description.name
    yield from _others(description.others, before="c")
    if connection is not None:
        yield "c", _address(connection)
    yield from _others(description.others, after="c", before="t")
    yield from ((line.kind, line.value) for line in description.timing)
    yield from _others(description.others, after="t")
    yield from _attributes(description.attributes)


def _media_lines(media: Media) -> Iterator[tuple[str, str]]:
    port = str(media.port) if media.port_count is None else f"{media.port}/{media.port_count}"
    yield "m", " ".join((media.kind, port, media.protocol, *media.formats))
    yield from _others(media.others, before="c")
    for connection in media.connections:
        yield "c", _address(connection)
    yield from _others(media.others, after="c")
    yield from _attributes(media.attributes)


def _address(connection: Connection) -> str:
    return f"{connection.network_type} {connection.address_type} {connection.host}"


def _attributes(attributes: tuple[Attribute, ...]) -> Iterator[tuple[str, str]]:
    for attribute in attributes:
        name, value = attribute.name, attribute.value
        yield "a", name if value is None else f"{name}:{value}"


def _others(
    lines: tuple[Line, ...], *, after: str = "v", before: str = "a"
) -> Iterator[tuple[str, str]]:
    for line in in_order(lines):
        if _RANK[after] < _RANK[line.kind] < _RANK[before]:
            yield line.kind, line.value
