from __future__ import annotations

import pytest

from sdp import Attribute, Connection, Line, Origin, SdpError, parse, render
from sdp.parse import MAX_LENGTH, MAX_LINE_LENGTH, MAX_LINES, MAX_MEDIA
from tests.sdp.descriptions import NAMES, facts, load, text_of

HEAD = "v=0\no=- 1 2 IN IP4 192.0.2.1\ns=-\nt=0 0\n"
SLOPPY = {"carrier-minimal-answer"}


@pytest.mark.parametrize("name", NAMES)
def test_a_description_survives_reading_and_writing(name: str) -> None:
    description = load(name)
    assert parse(render(description)) == description
    if name not in SLOPPY:
        assert render(description) == text_of(name)


def test_the_sloppy_one_is_completed() -> None:
    lines = render(load("carrier-minimal-answer")).split("\r\n")
    assert lines[:5] == [
        "v=0",
        "o=- 81935 1 IN IP4 203.0.113.9",
        "s=-",
        "c=IN IP4 203.0.113.9",
        "t=0 0",
    ]


def test_every_part_finds_its_place() -> None:
    description = load("carrier-offer-audio-video-text")
    assert description.origin == Origin("IMS", 99120, 3, Connection("IP4", "203.0.113.80"))
    assert description.connection == Connection("IP4", "203.0.113.80")
    assert [line.kind for line in description.others] == list("iuepb")
    assert description.attributes == (Attribute("tool", "x"),)
    text, audio, video = description.media
    assert (text.kind, text.port, text.formats) == ("text", 11000, ("98",))
    assert (audio.port, audio.port_count, audio.formats) == (11002, 1, ("8", "0", "97"))
    assert audio.others == (Line("b", "AS:80"), Line("b", "RS:612"))
    assert audio.attributes[-1] == Attribute("inactive")
    assert audio.attributes[-1].line == 21
    assert (video.protocol, video.line) == ("RTP/AVP", 22)


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        pytest.param(HEAD.replace("\n", "\r\n"), HEAD, id="CRLF"),
        pytest.param(HEAD.rstrip("\n"), HEAD, id="no line end at the end"),
        pytest.param(HEAD + "\r\n\n", HEAD, id="empty lines at the end"),
        pytest.param(HEAD.replace("s=-\n", ""), HEAD, id="no s="),
        pytest.param(HEAD.replace("s=-", "s="), HEAD, id="empty s="),
        pytest.param(HEAD.replace("t=0 0\n", ""), HEAD, id="no t="),
        pytest.param(HEAD.replace("IN IP4 192.0.2.1", "IN IP4 192.0.2.1 "), HEAD, id="a space"),
        pytest.param("v=0\nt=0 0\ns=-\n" + HEAD.split("\n")[1], HEAD, id="another order"),
        pytest.param(
            HEAD + "m=audio 9 RTP/AVP 0\nb=AS:64\nc=IN IP4 192.0.2.1\n",
            HEAD + "m=audio 9 RTP/AVP 0\nc=IN IP4 192.0.2.1\nb=AS:64\n",
            id="another order in a section",
        ),
        pytest.param(HEAD + "m=audio 0 RTP/AVP \n", HEAD + "m=audio 0 RTP/AVP\n", id="no formats"),
    ],
)
def test_what_real_peers_do_is_forgiven(text: str, same_as: str) -> None:
    assert parse(text) == parse(same_as)


def test_values_keep_their_spaces_colons_and_letters() -> None:
    lines = "a=one\r\na=two:\r\na=three: x:y \r\na=four:Grüße 電話\r\n"
    text = HEAD.replace("\n", "\r\n") + lines
    description = parse(text)
    assert description.attributes == (
        Attribute("one"),
        Attribute("two", ""),
        Attribute("three", " x:y "),
        Attribute("four", "Grüße 電話"),
    )
    assert render(description) == text


def test_repeat_times_and_zones_stay_with_their_times() -> None:
    times = "t=1 2\r\nr=7d 1h 0 25h\r\nz=2882844526 -1h\r\nt=3 4\r\n"
    text = HEAD.replace("\n", "\r\n").replace("t=0 0\r\n", times + "k=prompt\r\n")
    assert render(parse(text)) == text


# line type or rule, text after HEAD (or in its place), line, rule
GRAMMAR = [
    ("", 1, "RFC 8866 section 5"),
    ("\n\n", 1, "RFC 8866 section 5"),
    ("o=- 1 2 IN IP4 192.0.2.1\n", 1, "RFC 8866 section 5"),
    ("v=1\n", 1, "RFC 8866 section 5.1"),
    ("v=0\ns=-\n", None, "RFC 8866 section 5.2"),
    ("v=0\no=- x 2 IN IP4 192.0.2.1\n", 2, "RFC 8866 section 5.2"),
    ("v=0\no=- \u0661 2 IN IP4 192.0.2.1\n", 2, "RFC 8866 section 5.2"),
    ("v=0\no=- 123456789012345678901 2 IN IP4 192.0.2.1\n", 2, "RFC 8866 section 5.2"),
    (HEAD + "i=\n", 5, "RFC 8866 section 5.4"),
    (HEAD + "u=two words\n", 5, "RFC 8866 section 5.5"),
    (HEAD + "e=\n", 5, "RFC 8866 section 5.6"),
    (HEAD + "p=\n", 5, "RFC 8866 section 5.6"),
    (HEAD + "c=IN IP4\n", 5, "RFC 8866 section 5.7"),
    (HEAD + "b=64\n", 5, "RFC 8866 section 5.8"),
    (HEAD + "t=now\n", 5, "RFC 8866 section 5.9"),
    (HEAD + "r=weekly\n", 5, "RFC 8866 section 5.10"),
    ("v=0\nr=7d 1h 0\n", 2, "RFC 8866 section 5.10"),
    (HEAD + "z=1\n", 5, "RFC 8866 section 5.11"),
    ("v=0\nz=1 -1h\n", 2, "RFC 8866 section 5.11"),
    (HEAD + "k=\n", 5, "RFC 8866 section 5.12"),
    (HEAD + "a=\n", 5, "RFC 8866 section 5.13"),
    (HEAD + "a=two words\n", 5, "RFC 8866 section 5.13"),
    (HEAD + "m=audio 65536 RTP/AVP 0\n", 5, "RFC 8866 section 5.14"),
    (HEAD + "m=audio -1 RTP/AVP 0\n", 5, "RFC 8866 section 5.14"),
    (HEAD + "m=audio 9 RTP/AVP\n", 5, "RFC 8866 section 5.14"),
    (HEAD + "m=audio\n", 5, "RFC 8866 section 5.14"),
    (HEAD + "x=1\n", 5, "RFC 8866 section 5"),
    (HEAD + "A=1\n", 5, "RFC 8866 section 5"),
    (HEAD + "\na=b\n", 5, "RFC 8866 section 5"),
    (HEAD + " a=b\n", 5, "RFC 8866 section 5"),
    (HEAD + "a =b\n", 5, "RFC 8866 section 5"),
    (HEAD + "no line\n", 5, "RFC 8866 section 5"),
    (HEAD + "v=0\n", 5, "RFC 8866 section 9"),
    (HEAD + "o=- 1 2 IN IP4 192.0.2.1\n", 5, "RFC 8866 section 9"),
    (HEAD + "c=IN IP4 0.0.0.0\nc=IN IP4 0.0.0.0\n", 6, "RFC 8866 section 9"),
    (HEAD + "m=audio 9 RTP/AVP 0\ni=a\ni=b\n", 7, "RFC 8866 section 9"),
    (HEAD + "m=audio 9 RTP/AVP 0\nt=0 0\n", 6, "RFC 8866 section 9"),
    (HEAD + "a=x:a\0b\n", 5, "RFC 8866 section 9"),
    (HEAD + "a=x:a\rb\n", 5, "RFC 8866 section 9"),
    (HEAD + "a=x:\ud800\n", 5, "RFC 8866 section 9"),
    (HEAD + "a=x:" + "y" * MAX_LINE_LENGTH, 5, "limit MAX_LINE_LENGTH"),
    (HEAD + "a=x\n" * (MAX_LINES - 3), MAX_LINES + 1, "limit MAX_LINES"),
    (HEAD + "m=audio 9 RTP/AVP 0\n" * (MAX_MEDIA + 1), 5 + MAX_MEDIA, "limit MAX_MEDIA"),
    (HEAD + "a=x" * MAX_LENGTH, None, "limit MAX_LENGTH"),
]


@pytest.mark.parametrize(
    ("text", "line", "rule"), GRAMMAR, ids=[f"{n}-{rule}" for n, (_, _, rule) in enumerate(GRAMMAR)]
)
def test_an_error_says_where_and_which_rule(text: str, line: int | None, rule: str) -> None:
    with pytest.raises(SdpError) as raised:
        parse(text)
    assert facts(raised.value) == (line, rule)
    assert str(raised.value).endswith(f"({rule})")
    assert (f"line {line}: " in str(raised.value)) == (line is not None)
    assert len(str(raised.value)) < 300
    assert str(raised.value).isprintable()


def test_the_limits_are_within_reach() -> None:
    parse(HEAD + "a=x\n" * (MAX_LINES - 4))
    parse(HEAD + "m=audio 9 RTP/AVP 0\n" * MAX_MEDIA)
    parse(HEAD + "a=x:" + "y" * (MAX_LINE_LENGTH - 4))
    parse(HEAD + "\n" * (MAX_LENGTH - len(HEAD)))
    assert parse(HEAD + "m=audio 65535 RTP/AVP 0\n").media[0].port == 65535


@pytest.mark.parametrize("value", ["a\r\na=evil", "a\nb", "a\rb", "a\0b", "\udfff"])
def test_no_value_can_smuggle_a_line(value: str) -> None:
    description = parse(HEAD)
    with pytest.raises(SdpError) as raised:
        render(type(description)(description.origin, attributes=(Attribute("x", value),)))
    assert facts(raised.value) == (5, "RFC 8866 section 9")
