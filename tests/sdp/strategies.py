"""Descriptions for property tests: whatever the model can hold, and real ones with damage."""

from __future__ import annotations

from hypothesis import strategies as st

from sdp.model import Attribute, Connection, Line, Media, Origin, SessionDescription
from sdp.render import in_order
from tests.sdp.descriptions import NAMES, text_of

TOKEN_CHARACTERS = "!#$%&'*+-.0123456789ABCXYZ^_`abcxyz{|}~"

_tokens = st.text(TOKEN_CHARACTERS, min_size=1, max_size=8)
_values = st.text(
    st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"]), max_size=30
)
_words = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=12)
_numbers = st.integers(0, 10**20 - 1)
_connections = st.builds(Connection, _words, _words, _words)
_attributes = st.lists(st.builds(Attribute, _tokens, st.none() | _values), max_size=6).map(tuple)


def _line(kind: str, values: st.SearchStrategy[str]) -> st.SearchStrategy[Line]:
    return st.builds(Line, st.just(kind), values)


_nonempty = _values.filter(bool)
_bandwidth = _line("b", st.builds("{}:{}".format, _tokens, _numbers))
_information, _key = _line("i", _nonempty), _line("k", _words)
_times = st.builds("{} {}".format, _numbers, _numbers)
_timing = st.lists(
    st.tuples(_line("t", _times), st.lists(_line("r", st.just("7d 1h 0 25h")), max_size=2)),
    min_size=1,
    max_size=2,
).map(lambda groups: tuple(line for time, repeats in groups for line in (time, *repeats)))


def _some(
    once: list[st.SearchStrategy[Line]], often: list[st.SearchStrategy[Line]]
) -> st.SearchStrategy[tuple[Line, ...]]:
    single = st.tuples(*(st.none() | each for each in once))
    several = st.tuples(*(st.lists(each, max_size=2) for each in often))
    return st.builds(
        lambda few, many: in_order(
            [each for each in few if each] + [each for group in many for each in group]
        ),
        single,
        several,
    )


_formats = st.lists(_words, min_size=1, max_size=4).map(tuple)
_sections = st.builds(
    Media,
    kind=_words,
    port=st.integers(0, 65535),
    protocol=_words,
    formats=_formats,
    port_count=st.none() | st.integers(0, 99),
    connections=st.lists(_connections, max_size=2).map(tuple),
    attributes=_attributes,
    others=_some([_information, _key], [_bandwidth]),
)

descriptions = st.builds(
    SessionDescription,
    origin=st.builds(Origin, _words, _numbers, _numbers, _connections),
    name=_nonempty,
    connection=st.none() | _connections,
    timing=_timing,
    attributes=_attributes,
    media=st.lists(_sections, max_size=3).map(tuple),
    others=_some(
        [_information, _line("u", _words), _key],
        [_line("e", _nonempty), _line("p", _nonempty), _bandwidth],
    ),
)

_REAL = tuple(map(text_of, NAMES))
_noise = st.text(max_size=6) | st.sampled_from(
    [
        *("0", "-1", "65536", " ", ":", "/", "=", "\n", "\r\n", "\u0663", "\ud800", "9" * 30),
        *("\r", "\t", "\0", "\udce9", "\ufeff", "[", "m=", "a=", "\nm=audio 9 RTP/AVP 0\n"),
    ]
)


@st.composite
def damaged(draw: st.DrawFn, texts: tuple[str, ...] = _REAL) -> str:
    """Draw a description with a few lines moved, lost, doubled, or scribbled on."""
    lines = draw(st.sampled_from(texts)).splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(lines) - 1))
        how = draw(st.sampled_from(["drop", "double", "move", "scribble", "cut"]))
        line = lines.pop(at)
        if how == "double":
            lines[at:at] = [line, line]
        elif how == "move":
            lines.insert(draw(st.integers(0, len(lines))), line)
        elif how == "scribble":
            start = draw(st.integers(0, len(line)))
            end = draw(st.integers(start, len(line)))
            lines.insert(at, line[:start] + draw(_noise) + line[end:])
        elif how == "cut":
            lines[at:] = [line[: draw(st.integers(0, len(line)))]]
        lines = lines or [""]
    return "".join(lines)
