"""Answers as sloppy stacks write them: a well-behaved trunk's, with something odd in each."""

from __future__ import annotations

from tests.end_to_end.odd_trunk import describe

Change = tuple[str, str]  # in the answer, from and to; `{port}` is that of the sound
EVENTS = "a=rtpmap:101 telephone-event/8000\r\n"
SESSION, AUDIO = "t=0 0\r\n", EVENTS  # where lines go: after this one


def add(*lines: str, after: str = AUDIO) -> Change:
    """Put lines behind one of the answer."""
    return after, after + "".join(f"{line}\r\n" for line in lines)


def drop(line: str) -> Change:
    """Leave a line out."""
    return f"{line}\r\n", ""


# What is odd, and does not matter
UP: dict[str, tuple[Change, ...]] = {
    "nothing odd": (),
    # Attributes that are not for us, or that say nothing
    "an ssrc without attribute": (add("a=ssrc:123456789"),),
    "an ssrc without anything": (add("a=ssrc:"),),
    "an ssrc that is no number": (add("a=ssrc:0x1234 cname:box"),),
    "an attribute without name": (add("a=", "a=:"),),
    "rtcp without port": (add("a=rtcp:"),),
    "rtcp with a name": (add("a=rtcp:any IN IP4 media"),),
    "crypto for RTP/AVP, cut off": (add("a=crypto:1"),),
    "a candidate cut off": (add("a=candidate:1 1 UDP"),),
    "a fingerprint without value": (add("a=fingerprint:sha-256", "a=setup:"),),
    "an extension without name": (add("a=extmap:1"),),
    "a group of nothing": (add("a=group:", after=SESSION), add("a=mid:")),
    "feedback of no format": (add("a=rtcp-fb:* nack", "a=rtcp-fb:"),),
    "silence suppression": (add("a=silenceSupp:off - - - -"),),
    # rtpmap and fmtp
    "rtpmaps at session level": (
        drop("a=rtpmap:0 PCMU/8000"),
        drop(EVENTS.strip()),
        add("a=rtpmap:0 PCMU/8000", EVENTS.strip(), after=SESSION),
    ),
    "everything at session level": (
        drop("a=rtpmap:0 PCMU/8000"),
        drop(EVENTS.strip()),
        drop("a=sendrecv"),
        add(
            "a=rtpmap:0 PCMU/8000",
            EVENTS.strip(),
            "a=fmtp:101 0-15",
            "a=ptime:20",
            "a=sendrecv",
            after=SESSION,
        ),
    ),
    "fmtp of nobody, empty": (add("a=fmtp:107"),),
    "fmtp of the events, empty": (add("a=fmtp:101"),),
    "fmtp of the events, a blank": (add("a=fmtp:101 "),),
    "fmtp without anything": (add("a=fmtp:"),),
    "fmtp with a blank before": (add("a=fmtp: 101 0-15"),),
    "fmtp with two blanks": (add("a=fmtp:101  0-15"),),
    "fmtp with a comma at the end": (add("a=fmtp:101 0-15,"),),
    "fmtp with a word for the events": (add("a=fmtp:101 events=0-15"),),
    "rtpmap with a blank before": (("a=rtpmap:0 PCMU", "a=rtpmap: 0 PCMU"),),
    "rtpmap with blanks": (("a=rtpmap:0 PCMU", "a=rtpmap:0   PCMU"),),
    "rtpmap of the events without clock": (("telephone-event/8000", "telephone-event"),),
    "rtpmap of the events with half a clock": (("telephone-event/8000", "telephone-event/"),),
    "rtpmap of the events with a channel": (("telephone-event/8000", "telephone-event/8000/1"),),
    "rtpmap of PCMU with a channel": (("PCMU/8000", "PCMU/8000/1"),),
    "rtpmap of PCMU without clock": (("PCMU/8000", "PCMU"),),
    "other capitals": (("PCMU/8000", "pcmu/8000"), ("telephone-event", "TELEPHONE-EVENT")),
    "rtpmap of a number that nobody uses, empty": (add("a=rtpmap:96"),),
    "rtpmap of a number that nobody uses": (add("a=rtpmap:96 iLBC/8000"),),
    "rtpmap of a number that there is not": (add("a=rtpmap:999 X/8000", "a=rtpmap:-1 X/8000"),),
    "rtpmap without anything": (add("a=rtpmap:", "a=rtpmap"),),
    "rtpmaps twice": (add("a=rtpmap:0 PCMU/8000", EVENTS.strip()),),
    "no rtpmap at all": (drop("a=rtpmap:0 PCMU/8000"), drop(EVENTS.strip())),
    "no rtpmap of the events": (drop(EVENTS.strip()),),
    # Lines that say nothing, or more than they should
    "ptime empty": (add("a=ptime:"),),
    "ptime without colon": (add("a=ptime"),),
    "ptime that is no number": (add("a=ptime:any", "a=maxptime:"),),
    "ptime of zero": (add("a=ptime:0"),),
    "ptime with a fraction": (add("a=ptime:20.0"),),
    "bandwidth empty": (add("b=AS:", after=SESSION), add("b=")),
    "bandwidth with a unit": (add("b=AS:64 kbit/s", after="s=-\r\n"),),
    "empty lines between lines": (add("", after=SESSION), add("", "")),
    "an empty line before all": (("v=0", "\r\nv=0"),),
    "subject empty": (("s=-", "s="),),
    "no subject": (drop("s=-"),),
    "subject in Latin-1": (("s=-", "s=T\udce9l\udce9phone"),),
    "no time": (drop("t=0 0"),),
    "time empty": (("t=0 0", "t="),),
    "origin with an empty user": (("o=trunk 1 1", "o= 1 1"),),
    "origin with a blank in the user": (("o=trunk 1 1", "o=my trunk 1 1"),),
    "origin without address": (("o=trunk 1 1 IN IP4 127.0.0.1", "o=trunk 1 1 IN IP4"),),
    "origin with words for numbers": (("o=trunk 1 1", "o=trunk call one"),),
    "no origin": (drop("o=trunk 1 1 IN IP4 127.0.0.1"),),
    "no version": (drop("v=0"),),
    "lines that nobody knows": (add("x=1", "G=1", "nonsense", after=SESSION), add("y")),
    "optional lines, empty": (
        add("i=", "u=", "e=", "p=", after="s=-\r\n"),
        add("z=", "k=", "r=", after=SESSION),
    ),
    "blanks at the ends of lines": (("\r\n", " \r\n"),),
    "line feeds alone": (("\r\n", "\n"),),
    "no end of the last line": (("a=sendrecv\r\n", "a=sendrecv"),),
    "a zero byte at the end": (("a=sendrecv\r\n", "a=sendrecv\r\n\0"),),
    "lines out of order": (
        drop("c=IN IP4 127.0.0.1"),
        drop("t=0 0"),
        ("a=sendrecv\r\n", "a=sendrecv\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"),
    ),
    "connection in small letters": (("c=IN IP4", "c=in ip4"),),
    "connection with a blank before": (("c=IN", "c= IN"),),
    "connection with a number of addresses": (("c=IN IP4 127.0.0.1", "c=IN IP4 127.0.0.1/1"),),
    "connection in brackets": (("c=IN IP4 127.0.0.1", "c=IN IP4 [127.0.0.1]"),),
    "a second connection that is none": (
        ("a=rtpmap:0 ", "c=IN IP4 127.0.0.1\r\nc=IN IP4\r\na=rtpmap:0 "),
    ),
    "audio with a number of ports": (("m=audio {port} ", "m=audio {port}/1 "),),
    "audio with two blanks": (("m=audio {port} ", "m=audio  {port}  "),),
    "audio with a format twice": (("RTP/AVP 0 101", "RTP/AVP 0 0 101"),),
    "audio with a format that is no number": (("RTP/AVP 0 101", "RTP/AVP 0 101 PCMU *"),),
    "audio with a format that was not offered": (
        ("RTP/AVP 0 101", "RTP/AVP 18 0 101 13"),
        add("a=fmtp:18 annexb=no"),
    ),
    "two directions": (add("a=sendrecv", after=SESSION),),
    # More media than was offered
    "a video that is refused": (add("m=video 0 RTP/AVP 96", after="a=sendrecv\r\n"),),
    "a video that was not offered": (
        add("m=video 40000 RTP/AVP 96", "a=rtpmap:96 H264/90000", after="a=sendrecv\r\n"),
    ),
    "a fax that is refused": (add("m=image 0 udptl t38", after="a=sendrecv\r\n"),),
    "a fax without formats": (add("m=image 0 udptl", "a=T38FaxVersion:", after="a=sendrecv\r\n"),),
    "a fax before the audio": (add("m=image 0 udptl t38", after=SESSION),),
    "media of a kind that nobody knows": (
        add("m=x-whiteboard 0 TCP/X -", "m=", after="a=sendrecv\r\n"),
    ),
}


def written(port: int, *changes: Change) -> bytes:
    """Return the answer with something odd in it."""
    text = describe(port)
    for old, new in changes:
        old, new = (each.replace("{port}", str(port)) for each in (old, new))
        assert old in text, f"{old!r} is not in the answer"
        text = text.replace(old, new)
    return text.encode("latin-1" if "\udce9" not in text else "utf-8", "surrogateescape")


# What cannot be used: what it is, and what the sentence says of it
NO_AUDIO = "the trunk refused the audio with port 0"
NO_CODEC = 'no codec is shared: the trunk has the formats "{}", and PCMU, PCMA were offered'
NO_DESCRIPTION = "the answer has no media description"
WITHOUT_AUDIO = 'the trunk answered without audio: "{}"'
OTHER_FAMILY = "the trunk receives at 2001:db8::9, and the gateway speaks IPv4 with it"
USELESS: dict[str, tuple[tuple[Change, ...], str]] = {
    "port 0": ((("m=audio {port}", "m=audio 0"),), NO_AUDIO),
    "no codec that was offered": (
        (("RTP/AVP 0 101", "RTP/AVP 18"), ("0 PCMU", "18 G729")),
        NO_CODEC.format(18),
    ),
    "events alone": ((("RTP/AVP 0 101", "RTP/AVP 101"),), NO_CODEC.format(101)),
    "no formats": ((("RTP/AVP 0 101", "RTP/AVP"),), 'RTP/AVP" names no format'),
    "a number with another meaning": (
        (("RTP/AVP 0 101", "RTP/AVP 96"), ("0 PCMU", "96 iLBC")),
        NO_CODEC.format(96),
    ),
    "another medium alone": ((("m=audio", "m=video"),), WITHOUT_AUDIO.format("video")),
    "a fax alone": (
        (("m=audio {port} RTP/AVP 0 101", "m=image {port} udptl t38"),),
        WITHOUT_AUDIO.format("image"),
    ),
    "no medium": (
        (("m=audio {port} RTP/AVP 0 101\r\n", ""),),
        WITHOUT_AUDIO.format("no m= lines"),
    ),
    "encryption that was not offered": (
        (("RTP/AVP", "RTP/SAVP"),),
        'the trunk answered with "RTP/SAVP", and RTP/AVP was offered',
    ),
    "a port past all": ((("m=audio {port}", "m=audio 70000"),), "port 70000 is past 65535"),
    "IPv6 in brackets": ((("c=IN IP4 127.0.0.1", "c=IN IP6 [2001:db8::9]"),), OTHER_FAMILY),
    "IPv6": ((("c=IN IP4 127.0.0.1", "c=IN IP6 2001:db8::9"),), OTHER_FAMILY),
    "no connection": (
        (drop("c=IN IP4 127.0.0.1"),),
        "neither the session nor the audio has a c= line that can be read",
    ),
    "multicast": (
        (("c=IN IP4 127.0.0.1", "c=IN IP4 239.1.1.1"),),
        "239.1.1.1 is a multicast address",
    ),
    "multicast with its scope": (
        (("c=IN IP4 127.0.0.1", "c=IN IP4 239.1.1.1/127"),),
        "239.1.1.1/127",
    ),
    "a name that nobody has": (
        (("c=IN IP4 127.0.0.1", "c=IN IP4 nowhere.invalid"),),
        "nowhere.invalid",
    ),
}
