"""Liberal reading: what a sloppy stack writes is mended or dropped, and costs itself at most."""

from __future__ import annotations

import pytest

from sdp import Attribute, Connection, Media, Origin, SdpError, parse, read, render
from sdp.attributes import direction
from sdp.parse import MAX_LENGTH, MAX_LINE_LENGTH, MAX_LINES, MAX_MEDIA
from tests.sdp.descriptions import NAMES, TRUNK_ANSWER, facts, load, text_of

HEAD = "v=0\no=- 1 2 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"
AUDIO = "m=audio 4000 RTP/AVP 0 101\na=rtpmap:0 PCMU/8000\na=rtpmap:101 telephone-event/8000\n"
WHOLE = HEAD + AUDIO


def where(text: str) -> list[int | None]:
    """Return the numbers of the lines that are dropped."""
    return [error.line for error in read(text).dropped]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_dropped_from_what_real_programs_write(name: str) -> None:
    reading = read(text_of(name))
    assert reading.description == load(name)
    assert reading.dropped == ()


# A stranger's text, and the clean one that it is read as
MENDED = {
    "CRLF": (WHOLE.replace("\n", "\r\n"), WHOLE),
    "CR alone": (WHOLE.replace("\n", "\r"), WHOLE),
    "all three line ends": (WHOLE.replace("\n", "\r\n", 2).replace("\nt=", "\rt="), WHOLE),
    "byte order mark": ("\ufeff" + WHOLE, WHOLE),
    "NULs at the end": (WHOLE + "\0\0\0", WHOLE),
    "no v=": (WHOLE.removeprefix("v=0\n"), WHOLE),
    "no s=": (WHOLE.replace("s=-\n", ""), WHOLE),
    "s= empty": (WHOLE.replace("s=-", "s="), WHOLE),
    "no t=": (WHOLE.replace("t=0 0\n", ""), WHOLE),
    "session lines after the media": (
        WHOLE.replace("s=-\n", "").replace("t=0 0\n", "") + "s=late\nt=0 0\n",
        WHOLE.replace("s=-", "s=late"),
    ),
    "o= after the media": (
        WHOLE.replace(HEAD, "v=0\nc=IN IP4 192.0.2.1\n") + "o=- 1 2 IN IP4 192.0.2.1\n",
        WHOLE,
    ),
    "blanks before a line": (WHOLE.replace("a=rtpmap:0", "  a=rtpmap:0"), WHOLE),
    "blanks around =": (WHOLE.replace("a=rtpmap:0", "a = rtpmap:0"), WHOLE),
    "a type in capitals": (WHOLE.replace("m=audio", "M=audio"), WHOLE),
    "tabs": (WHOLE.replace(" ", "\t"), WHOLE),
    "kind in capitals": (WHOLE.replace("audio", "AUDIO"), WHOLE),
    "protocol in small letters": (WHOLE.replace("RTP/AVP", "rtp/avp"), WHOLE),
    "blanks in m=": (WHOLE.replace("m=audio 4000 ", "m= audio  4000  "), WHOLE),
    "a format past 127": (WHOLE.replace("0 101\n", "0 255 101 128\n"), WHOLE),
    "a word as a format": (WHOLE.replace("0 101\n", "0 PCMU - 101 *\n"), WHOLE),
    "a format twice": (WHOLE.replace("0 101\n", "0 101 0 101\n"), WHOLE),
    "commas between formats": (WHOLE.replace("0 101\n", "0, 101\n"), WHOLE),
    "zeros before a format": (WHOLE.replace("0 101\n", "000 101\n"), WHOLE),
    "c= in brackets": (
        WHOLE.replace("c=IN IP4 192.0.2.1", "c=IN IP6 [2001:db8::9]"),
        WHOLE.replace("c=IN IP4 192.0.2.1", "c=IN IP6 2001:db8::9"),
    ),
    "c= in small letters": (WHOLE.replace("c=IN IP4", "c=in ip4"), WHOLE),
    "c= with blanks": (WHOLE.replace("c=IN IP4", "c= IN  IP4 "), WHOLE),
    "c= without IN": (WHOLE.replace("c=IN IP4", "c=IP4"), WHOLE),
    "c= without IP4": (WHOLE.replace("c=IN IP4", "c=IN"), WHOLE),
    "c= with the address alone": (WHOLE.replace("c=IN IP4", "c="), WHOLE),
    "c= of the wrong type": (WHOLE.replace("c=IN IP4", "c=IN IP6"), WHOLE),
    "c= of no type": (WHOLE.replace("c=IN IP4", "c=IN IP"), WHOLE),
    "c= with more behind it": (WHOLE.replace("c=IN IP4 192.0.2.1", "c=IN IP4 192.0.2.1 x"), WHOLE),
    "c= with a netmask": (WHOLE.replace("c=IN IP4 192.0.2.1", "c=IN IP4 192.0.2.1/24"), WHOLE),
    "c= with a port": (WHOLE.replace("c=IN IP4 192.0.2.1", "c=IN IP4 192.0.2.1:4000"), WHOLE),
    "c= with a zone": (
        WHOLE.replace("c=IN IP4 192.0.2.1", "c=IN IP6 2001:db8::9%eth0"),
        WHOLE.replace("c=IN IP4 192.0.2.1", "c=IN IP6 2001:db8::9"),
    ),
    "c= with a zone and a scope": (
        WHOLE.replace("c=IN IP4 192.0.2.1", "c=IN IP6 ff15::101%eth0/3"),
        WHOLE.replace("c=IN IP4 192.0.2.1", "c=IN IP6 ff15::101/3"),
    ),
    "c= with zeros": (WHOLE.replace("c=IN IP4 192.0.2.1", "c=IN IP4 192.000.002.001"), WHOLE),
    "rtpmap with a blank": (WHOLE.replace("rtpmap:0 ", "rtpmap: 0 "), WHOLE),
    "rtpmap with blanks around /": (WHOLE.replace("PCMU/8000", "PCMU / 8000 "), WHOLE),
    "rtpmap with more behind it": (WHOLE.replace("PCMU/8000", "PCMU/8000; x"), WHOLE),
    "rtpmap without clock": (WHOLE.replace("telephone-event/8000", "telephone-event"), WHOLE),
    "rtpmap with an empty clock": (
        WHOLE.replace("telephone-event/8000", "telephone-event/"),
        WHOLE,
    ),
    "rtpmap with a word for a clock": (
        WHOLE.replace("telephone-event/8000", "telephone-event events"),
        WHOLE,
    ),
    "opus without clock": (
        WHOLE + "a=rtpmap:101 opus\n",
        WHOLE + "a=rtpmap:101 opus/48000/2\n",
    ),
    "fmtp with a blank": (WHOLE + "a=fmtp: 101 0-15\n", WHOLE + "a=fmtp:101 0-15\n"),
    "fmtp with a tab": (WHOLE + "a=fmtp:101\t0-15\n", WHOLE + "a=fmtp:101 0-15\n"),
    "a name in capitals": (WHOLE + "a=PTIME:20\n", WHOLE + "a=ptime:20\n"),
    "a name with blanks": (WHOLE + "a= ptime :20\n", WHOLE + "a=ptime:20\n"),
    "no colon": (WHOLE + "a=fmtp 101 0-15\n", WHOLE + "a=fmtp:101 0-15\n"),
    "no colon but one in the value": (
        WHOLE + "a=ssrc 1 cname:x\n",
        WHOLE + "a=ssrc:1 cname:x\n",
    ),
    "ptime with its unit": (WHOLE + "a=ptime:20ms\n", WHOLE + "a=ptime:20\n"),
    "ptime with a blank": (WHOLE + "a=ptime: 20 \n", WHOLE + "a=ptime:20\n"),
    "two ptimes in a line": (WHOLE + "a=ptime:20 30\n", WHOLE + "a=ptime:20\n"),
    "rtcp in small letters": (
        WHOLE + "a=rtcp: 4001 in ip4 192.0.2.1\n",
        WHOLE + "a=rtcp:4001 IN IP4 192.0.2.1\n",
    ),
    "rtcp without address": (WHOLE + "a=rtcp:4001 IN IP4\n", WHOLE + "a=rtcp:4001\n"),
    "setup in capitals": (WHOLE + "a=setup:ActPass\n", WHOLE + "a=setup:actpass\n"),
    "direction with a blank": (WHOLE + "a=sendonly \n", WHOLE + "a=sendonly\n"),
    "direction in capitals": (WHOLE + "a=SendOnly\n", WHOLE + "a=sendonly\n"),
    "direction with a colon": (WHOLE + "a=sendonly:\n", WHOLE + "a=sendonly\n"),
    "direction with a blank before": (WHOLE + "a= sendonly\n", WHOLE + "a=sendonly\n"),
    "Latin-1": (
        WHOLE.replace("s=-", "s=B\udcfcro"),
        WHOLE.replace("s=-", "s=B\u00fcro"),
    ),
    "half a surrogate pair": (WHOLE.replace("s=-", "s=\ud83d"), WHOLE.replace("s=-", "s=\ufffd")),
    "formats at the session's level": (
        HEAD + "a=fmtp:101 0-15\na=rtpmap:0 PCMU/8000\na=rtpmap:101 telephone-event/8000\n"
        "a=rtpmap:96 x/8000\nm=audio 4000 RTP/AVP 0 101\na=rtpmap:0 PCMA/8000\n",
        HEAD + "m=audio 4000 RTP/AVP 0 101\na=rtpmap:0 PCMA/8000\na=fmtp:101 0-15\n"
        "a=rtpmap:101 telephone-event/8000\n",
    ),
}


@pytest.mark.parametrize("name", MENDED)
def test_what_is_meant_is_clear(name: str) -> None:
    text, meant = MENDED[name]
    reading = read(text)
    assert reading.description == parse(meant)
    assert reading.dropped == ()


# A stranger's line behind WHOLE, or one in the place of another, of which nothing is left
DROPPED = {
    "an empty line": ("t=0 0\n", "t=0 0\n\n", 6, "RFC 8866 section 5"),
    "a line of blanks": ("t=0 0\n", "t=0 0\n  \n", 6, "RFC 8866 section 5"),
    "no line": ("t=0 0\n", "t=0 0\nnonsense\n", 6, "RFC 8866 section 5"),
    "an unknown type": ("t=0 0\n", "t=0 0\nx=1\n", 6, "RFC 8866 section 5"),
    "o= twice": ("s=-\n", "s=-\no=- 9 9 IN IP4 192.0.2.9\n", 4, "RFC 8866 section 9"),
    "v= of another version": ("s=-\n", "s=-\nv=1\n", 4, "RFC 8866 section 9"),
    "s= after the media": ("RTP/AVP 0 101\n", "RTP/AVP 0 101\ns=x\n", 7, "RFC 8866 section 9"),
    "t= after the media": ("RTP/AVP 0 101\n", "RTP/AVP 0 101\nt=1 1\n", 7, "RFC 8866 section 9"),
    "t= in words": ("s=-\n", "s=-\nt=now\n", 4, "RFC 8866 section 5.9"),
    "r= without t=": ("s=-\n", "s=-\nr=7d 1h 0 25h\n", 4, "RFC 8866 section 5.10"),
    "i= empty": ("s=-\n", "s=-\ni=\n", 4, "RFC 8866 section 5.4"),
    "b= empty": ("s=-\n", "s=-\nb=AS:\n", 4, "RFC 8866 section 5.8"),
    "b= without type": ("s=-\n", "s=-\nb=64\n", 4, "RFC 8866 section 5.8"),
    "b= with a fraction": ("s=-\n", "s=-\nb=AS:64.5\n", 4, "RFC 8866 section 5.8"),
    "c= in words": ("s=-\n", "s=-\nc=somewhere\n", 4, "RFC 8866 section 5.7"),
    "a NUL in it": ("s=-\n", "s=-\na=x:a\0b\n", 4, "RFC 8866 section 9"),
    "too long": ("s=-\n", f"s=-\na=x:{'y' * MAX_LINE_LENGTH}\n", 4, "limit MAX_LINE_LENGTH"),
    "a= empty": (AUDIO, AUDIO + "a=\n", 9, "RFC 8866 section 5.13"),
    "a= without a name": (AUDIO, AUDIO + "a=:x\n", 9, "RFC 8866 section 5.13"),
    "a= of two words": (AUDIO, AUDIO + "a=two words\n", 9, "RFC 8866 section 5.13"),
    "ssrc alone": (AUDIO, AUDIO + "a=ssrc:123456789\n", 9, "RFC 5576 section 4.1"),
    "ssrc alone, with a blank": (AUDIO, AUDIO + "a=ssrc:123456789 \n", 9, "RFC 5576 section 4.1"),
    "fmtp without parameters": (AUDIO, AUDIO + "a=fmtp:101\n", 9, "RFC 8866 section 6.15"),
    "fmtp of no format": (AUDIO, AUDIO + "a=fmtp:\n", 9, "RFC 8866 section 6.15"),
    "fmtp without a value": (AUDIO, AUDIO + "a=fmtp\n", 9, "RFC 8866 section 6.15"),
    "rtpmap without name": (AUDIO, AUDIO + "a=rtpmap:96\n", 9, "RFC 8866 section 6.6"),
    "rtpmap of 255": (AUDIO, AUDIO + "a=rtpmap:255 x/8000\n", 9, "RFC 8866 section 6.6"),
    "rtpmap without number": (AUDIO, AUDIO + "a=rtpmap:PCMU/8000\n", 9, "RFC 8866 section 6.6"),
    "rtpmap with clock 0": (AUDIO, AUDIO + "a=rtpmap:97 x/0\n", 9, "RFC 8866 section 6.6"),
    "rtpmap in kHz": (AUDIO, AUDIO + "a=rtpmap:97 PCMU/16k\n", 9, "RFC 8866 section 6.6"),
    "rtpmap in kHz, apart": (
        AUDIO,
        AUDIO + "a=rtpmap:97 AMR-WB / 16k\n",
        9,
        "RFC 8866 section 6.6",
    ),
    "rtpmap with a bad clock": (
        AUDIO,
        AUDIO + "a=rtpmap:97 L16/16000x\n",
        9,
        "RFC 8866 section 6.6",
    ),
    "rtpmap with a long clock": (
        AUDIO,
        AUDIO + "a=rtpmap:97 x/80000000\n",
        9,
        "RFC 8866 section 6.6",
    ),
    "ptime empty": (AUDIO, AUDIO + "a=ptime:\n", 9, "RFC 8866 section 6.4"),
    "ptime in words": (AUDIO, AUDIO + "a=ptime:long\n", 9, "RFC 8866 section 6.4"),
    "maxptime below zero": (AUDIO, AUDIO + "a=maxptime:-1\n", 9, "RFC 8866 section 6.5"),
    "rtcp past the last port": (AUDIO, AUDIO + "a=rtcp:99999\n", 9, "RFC 3605 section 2.1"),
    "rtcp empty": (AUDIO, AUDIO + "a=rtcp:\n", 9, "RFC 3605 section 2.1"),
    "mid of two words": (AUDIO, AUDIO + "a=mid:a b\n", 9, "RFC 5888 section 4"),
    "candidate cut off": (AUDIO, AUDIO + "a=candidate:1 1 UDP\n", 9, "RFC 8839 section 5.1"),
    "extmap of no number": (AUDIO, AUDIO + "a=extmap:x urn:y\n", 9, "RFC 8285 section 5"),
    "fingerprint of nothing": (AUDIO, AUDIO + "a=fingerprint:x\n", 9, "RFC 8122 section 5"),
}


@pytest.mark.parametrize("name", DROPPED)
def test_a_line_that_is_not_needed_is_dropped_alone(name: str) -> None:
    old, new, line, rule = DROPPED[name]
    reading = read(WHOLE.replace(old, new))
    assert reading.description == parse(WHOLE)
    assert [facts(error) for error in reading.dropped] == [(line, rule)]


def test_many_lines_are_dropped_and_each_is_told() -> None:
    text = "\n\n" + WHOLE.replace("s=-\n", "s=-\nx\n\nb=\n") + "a=ssrc:1\n\n"
    assert read(text).description == parse(WHOLE)
    assert where(text) == [1, 2, 6, 7, 8, 14]


def test_a_line_that_was_dropped_may_come_again() -> None:
    text = WHOLE.replace("c=IN IP4 192.0.2.1", "c=nowhere\nc=IN IP4 192.0.2.1")
    assert read(text).description == parse(WHOLE)
    assert where(text) == [4]


def test_secrets_stay_out_of_what_is_told() -> None:
    (error,) = read(WHOLE + "a=ice-pwd:s3cret!\n").dropped
    assert "s3cret" not in str(error)


ORIGINS = [
    ("- 1 2 IN IP4 192.0.2.1", Origin("-", 1, 2, Connection("IP4", "192.0.2.1"))),
    (" 1 2 IN IP4 192.0.2.1", Origin("-", 1, 2, Connection("IP4", "192.0.2.1"))),
    ("John Q Public 1 2 IN IP4 h", Origin("John_Q_Public", 1, 2, Connection("IP4", "h"))),
    (" 1 2 in ip6 [2001:db8::1]", Origin("-", 1, 2, Connection("IP6", "2001:db8::1"))),
    ("- 1 2 IN IP4", Origin("-", 1, 2, Connection("IP4", "0.0.0.0"))),
    ("- 1 2 IN", Origin("-", 1, 2, Connection("IP4", "0.0.0.0"))),
    ("u 1 2", Origin("u", 1, 2, Connection("IP4", "0.0.0.0"))),
    ("- 1 2 IN IP4 h more", Origin("-", 1, 2, Connection("IP4", "more"))),
    ("2 IN IP4 h", Origin("-", 0, 2, Connection("IP4", "h"))),
    ("", Origin("-", 0, 0, Connection("IP4", "0.0.0.0"))),
]


@pytest.mark.parametrize(("value", "origin"), ORIGINS)
def test_an_origin_is_read_as_far_as_it_goes(value: str, origin: Origin) -> None:
    reading = read(WHOLE.replace("o=- 1 2 IN IP4 192.0.2.1", f"o={value}"))
    assert reading.description.origin == origin
    assert reading.dropped == ()


@pytest.mark.parametrize("field", ["-5", "1.5", "now", "9" * 21, "0x1F", "\u0663"])
def test_a_version_that_is_no_number_still_tells_a_repeated_offer(field: str) -> None:
    def version(word: str) -> int:
        return read(WHOLE.replace("o=- 1 2 ", f"o=- 1 {word} ")).description.origin.version

    assert version(field) == version(field)
    assert len({version(field), version(field + "1"), version("2")}) == 3


def test_without_an_origin_the_whole_tells_it() -> None:
    text = WHOLE.replace("o=- 1 2 IN IP4 192.0.2.1\n", "")
    assert read(text).description.origin == read(text).description.origin
    moved = read(text.replace("4000", "4002")).description
    assert moved.origin.version != read(text).description.origin.version


def test_a_mended_rtpmap_takes_no_other_meaning() -> None:
    """Without a line, 101 would be what our offer has made of it."""
    reading = read(WHOLE.replace("telephone-event/8000", "iLBC"))
    assert reading.description.media[0].attributes[-1] == Attribute("rtpmap", "101 iLBC/8000")


def test_a_line_of_a_section_that_cannot_be_read_is_nobody_elses() -> None:
    text = WHOLE + "m=video x RTP/AVP 96\nc=IN IP4 192.0.2.7\na=sendonly\na=mid:v\n" + AUDIO
    reading = read(text)
    first, video, last = reading.description.media
    assert first == parse(WHOLE).media[0]
    assert last == parse(WHOLE).media[0]
    assert (video.kind, video.port, video.protocol) == ("video", 0, "RTP/AVP")
    assert video.attributes == (Attribute("sendonly"), Attribute("mid", "v"))
    assert where(text) == [9]


UNREADABLE = [
    ("m=", Media("unknown", 0, "RTP/AVP", ("0",))),
    ("m=audio", Media("audio", 0, "RTP/AVP", ("0",))),
    ("m=audio 65536 RTP/AVP 0", Media("audio", 0, "RTP/AVP", ("0",))),
    ("m=audio -1 RTP/AVP 0", Media("audio", 0, "RTP/AVP", ("0",))),
    ("m=audio 9 RTP/AVP", Media("audio", 0, "RTP/AVP", ("0",))),
    ("m=audio 9 RTP/AVP 255", Media("audio", 0, "RTP/AVP", ("0",))),
    ("m=application x UDP/DTLS/SCTP y", Media("application", 0, "UDP/DTLS/SCTP", ("0",))),
    ("m=text x rtp/savp 98", Media("text", 0, "RTP/SAVP", ("0",))),
    ("m=au\0dio 9 RTP/AVP 0", Media("unknown", 0, "RTP/AVP", ("0",))),
    (f"m=audio 9 RTP/AVP 0 {'1 ' * MAX_LINE_LENGTH}", Media("audio", 0, "RTP/AVP", ("0",))),
]


@pytest.mark.parametrize(("line", "section"), UNREADABLE)
def test_a_section_that_cannot_be_read_keeps_its_place(line: str, section: Media) -> None:
    text = f"{HEAD}{line}\n{AUDIO}"
    reading = read(text)
    assert reading.description.media == (section, *parse(WHOLE).media)
    assert where(text) == [6]
    assert parse(render(reading.description)) == reading.description


@pytest.mark.parametrize(("line", "section"), UNREADABLE)
def test_a_description_of_no_readable_section_is_none(line: str, section: Media) -> None:
    with pytest.raises(SdpError) as raised:
        read(f"{HEAD}{line}\na=sendrecv\n{line}\n")
    assert raised.value.line == 6


USELESS = [
    ("", 1, "RFC 8866 section 5"),
    ("\r\n\r\n", 1, "RFC 8866 section 5"),
    ("\0\0", 1, "RFC 8866 section 5"),
    ("\ufeff", 1, "RFC 8866 section 5"),
    ("<html>\n<body>\n", 1, "RFC 8866 section 5"),
    ("x=1\ny=2\n", 1, "RFC 8866 section 5"),
    (WHOLE + "a=x\n" * (MAX_LINES - 7), MAX_LINES + 1, "limit MAX_LINES"),
    (HEAD + "m=audio 9 RTP/AVP 0\n" * (MAX_MEDIA + 1), 6 + MAX_MEDIA, "limit MAX_MEDIA"),
    (WHOLE + "\n" * MAX_LENGTH, None, "limit MAX_LENGTH"),
]


@pytest.mark.parametrize(("text", "line", "rule"), USELESS)
def test_what_is_no_description_is_an_error(text: str, line: int | None, rule: str) -> None:
    with pytest.raises(SdpError) as raised:
        read(text)
    assert facts(raised.value) == (line, rule)


def test_no_stream_is_a_description_too() -> None:
    """RFC 3264 section 5 allows it; what it answers or offers is told by who asks."""
    assert read(HEAD).description.media == ()


@pytest.mark.parametrize("host", ["IP4 media.example.net", "IP6 m", "IP4 224.2.1.1/127"])
def test_names_and_scopes_stay_as_they_are(host: str) -> None:
    text = WHOLE.replace("IP4 192.0.2.1\nt", f"{host}\nt")
    assert read(text).description == parse(text)


@pytest.mark.parametrize(
    ("lines", "holds"),
    [
        ("a=sendonly\na=sendrecv\n", "sendrecv"),
        ("a=sendrecv\na=x\na=sendonly\n", "sendonly"),
        ("a=inactive\na=INACTIVE\na=recvonly \n", "recvonly"),
    ],
)
def test_of_several_directions_the_last_holds(lines: str, holds: str) -> None:
    description = read(TRUNK_ANSWER.replace("a=sendrecv\n", lines)).description
    assert direction(description.media[0], description) == holds
