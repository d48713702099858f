"""The fixtures of `data/`, and short descriptions to change one line in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sdp import (
    BrowserAnswer,
    Fingerprint,
    IceParameters,
    RtpAddress,
    SdpError,
    SessionDescription,
    Setup,
    choose_browser_codecs,
    choose_extensions,
    parse,
    read_browser_offer,
)

DATA = Path(__file__).parent / "data"
NAMES = sorted(path.stem for path in DATA.glob("*.sdp"))
BROWSER_OFFERS = [name for name in NAMES if name.startswith(("chrome-", "firefox-", "safari-"))]

ADDRESS = RtpAddress("198.51.100.7", 40000, 40001)

FINGERPRINT = "sha-256 " + ":".join(["AB"] * 32)

BROWSER_OFFER = f"""v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
m=audio 9 UDP/TLS/RTP/SAVPF 111 126
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:0123456789abcdefghijkl
a=ice-options:trickle
a=fingerprint:{FINGERPRINT}
a=setup:actpass
a=mid:0
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtpmap:126 telephone-event/8000
"""

TRUNK_ANSWER = """v=0
o=- 1 1 IN IP4 203.0.113.1
s=-
c=IN IP4 203.0.113.1
t=0 0
m=audio 5000 RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=ptime:20
a=sendrecv
"""


OUR_OPUS = "minptime=20;useinbandfec=1;stereo=0;maxaveragebitrate=24000"


def our_answer(offer: SessionDescription) -> BrowserAnswer:
    """Answer as the gateway does: Opus or else G.711, events, passive in DTLS where it may be."""
    browser = read_browser_offer(offer)
    codec, *events = choose_browser_codecs(browser.codecs, ("opus", "PCMU"))
    parameters = OUR_OPUS if codec.name == "opus" else ""
    return BrowserAnswer(
        codecs=(replace(codec, parameters=parameters), *events),
        ice=IceParameters("efgh", "lkjihgfedcba9876543210"),
        candidates=(
            "9 1 udp 2113937151 4f1d9a52.local 50001 typ host",
            "1 1 UDP 2130706431 198.51.100.7 50000 typ host",
        ),
        fingerprints=(Fingerprint("sha-256", ":".join(["CD"] * 32)),),
        setup=Setup.ACTIVE if browser.setup is Setup.PASSIVE else Setup.PASSIVE,
        ssrc=4711,
        cname="gateway",
        session_id=77,
        version=3,
        extensions=choose_extensions(browser.extensions),
        max_ptime=20,
    )


def text_of(name: str) -> str:
    return (DATA / f"{name}.sdp").read_bytes().decode()


def load(name: str) -> SessionDescription:
    return parse(text_of(name))


def changed(text: str, old: str, new: str) -> SessionDescription:
    """Parse a description with one place changed; the place must be there."""
    if text.count(old) != 1:
        raise LookupError(f"{old!r} stands {text.count(old)} times in the description")
    return parse(text.replace(old, new))


def facts(error: SdpError) -> tuple[int | None, str]:
    return error.line, error.rule
